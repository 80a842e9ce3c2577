"""A process that forks while an emulator runs in it: the child must not take it down."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from arr.emulator import Emulator

from ...support.emulator import LIMIT

ROOT = Path(__file__).parents[3]

SCRIPT = """
import os, sys, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from arr.emulator import Emulator
from tests.support.emulator import Client

with Emulator() as emulator, Client(emulator) as client:
    assert client.call("GET", "/sessions").status == 200
    server, connections = emulator._server, list(emulator._server._open)
    child = os.fork()
    if child == 0:
        emulator.stop()  # closes its copies, so that it does not hold the parent's open
        assert [each.fileno() for each in (server.socket, *connections)] == [-1, -1]
        # Leaves the with statement of both, and then the interpreter, like any program.
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    kept = client.call("GET", "/sessions").status
    with Client(emulator) as other:
        print(kept, other.call("GET", "/sessions").status)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_leaves_the_parents_service_alone() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], cwd=ROOT, timeout=LIMIT,
                          capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "200 200\n", "")


def test_a_socket_that_is_closed_by_others_ends_the_accepting_quietly(
        caplog: pytest.LogCaptureFixture) -> None:
    with Emulator() as emulator:
        server = emulator._server
        assert server is not None and server._acceptor is not None
        server.socket.close()
        with pytest.raises(OSError):
            # Whoever waits in accept() still gets this one; the next is refused.
            for _ in range(2):
                socket.create_connection(("127.0.0.1", server.server_port), LIMIT).close()
                server._acceptor.join(LIMIT)
        server._acceptor.join(LIMIT)
        assert not server._acceptor.is_alive()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
