"""A quick start: nothing is imported that the first answer does not need."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from arr.emulator._http.messages import http_date

from ..support.modules import modules_added

_START = """
import socket, sys
from arr.emulator import Emulator
with Emulator() as emulator:
    port = int(emulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /_emulator/clock HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK\\r\\n")
"""
_HEAVY = {"asyncio", "email", "hashlib", "html", "http.client", "http.server", "requests", "ssl",
          "tempfile", "urllib.parse", "urllib3"}


def test_the_first_answer_needs_no_heavy_module() -> None:
    """Most of the time and memory of a server of the standard library is in these."""
    modules = modules_added(_START)
    assert "arr.emulator" in modules and sorted(modules & _HEAVY) == []


@pytest.mark.parametrize("seconds", [0.0, 951_782_399.0, 1_577_836_800.0, 1_798_761_599.9,
                                     4_102_444_800.0, 253_402_300_799.0])
def test_dates_are_those_of_the_standard_library(seconds: float) -> None:
    assert http_date(seconds) == formatdate(seconds // 1, usegmt=True)
