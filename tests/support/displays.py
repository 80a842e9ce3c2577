"""A display for tests of windows: the one that is there, else an Xvfb of our own."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
from typing import Dict, Iterator

import pytest

from .threads import LIMIT


def missing(what: str, promise: str = "ARR_TEST_REQUIRE") -> None:
    """Skip, or fail where the environment promises that it is there."""
    if os.environ.get(promise):
        pytest.fail(f"{what}, and {promise} asks for it")
    pytest.skip(what)


@contextlib.contextmanager
def display() -> Iterator[Dict[str, str]]:
    """Give the environment of a process that opens windows; nobody sees them."""
    try:
        import tkinter  # noqa: F401
    except ImportError:
        missing("this Python has no tkinter")
    environment = dict(os.environ)
    if sys.platform in ("win32", "darwin"):
        yield environment
        return
    program = shutil.which("Xvfb")
    if program is None:
        missing("there is no Xvfb (apt-get install xvfb)")
        return
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [program, "-displayfd", str(writing), "-screen", "0", "1280x900x24", "-nolisten", "tcp"],
        pass_fds=[writing], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(writing)
    try:
        ready, _, _ = select.select([reading], [], [], LIMIT)
        number = os.read(reading, 20).decode().strip() if ready else ""
        if not number:
            missing("Xvfb did not start")
        environment["DISPLAY"] = f":{number}"
        yield environment
    finally:
        os.close(reading)
        server.terminate()
        server.wait(LIMIT)
