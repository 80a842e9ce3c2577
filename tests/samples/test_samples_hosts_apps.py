"""The samples of hosts, as a user runs them: processes of their own, nothing on their input."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import List

import pytest

from ..support.displays import display
from .conftest import Play

GUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


def in_order(lines: List[str], *patterns: str) -> List[str]:
    """Find a line for each pattern, each after the one before; return the lines found."""
    found: List[str] = []
    rest = iter(lines)
    for pattern in patterns:
        line = next((each for each in rest if re.search(pattern, each)), None)
        assert line is not None, f"no line for {pattern!r} after {found[-1:]} in {lines}"
        found.append(line)
    return found


# -- sdk_concepts_await.py -------------------------------------------------------------------------

@pytest.mark.play("sdk_concepts_await.py")
def test_the_concepts_page_awaited(play: Play) -> None:
    lines = play.lines()
    assert re.fullmatch(f"created     {GUID}", lines[0])
    assert lines[1:] == [
        "asked       more than once, at last it is Ready",
        "connect     Success",
        "connection  Connecting Success, on the main thread",
        "connection  Connected Success, on the main thread",
        "opened      Ready, Small, has a host name",
        "connection  Disconnected Success, on the main thread",
        "failed      SessionNotFound, HTTP 404",
        "gathered    a list of 1, and properties that say Ready",
        "impatient   the await was cancelled, the wait is InProgress",
        "patient     Ready",
        "stopped     Success",
        "stopped     Success",
    ]


# -- native_frame_loop.py --------------------------------------------------------------------------

@pytest.mark.play("native_frame_loop.py")
def test_the_native_frame_loop(play: Play) -> None:
    lines = play.lines()
    assert lines[:-1] == [
        "create: Fail", "create: Success",  # the next try
        "status: Starting", "status: Ready",  # never connected before it is ready
        "connection: Connecting", "connection: Connected",
        "connection: Disconnected", "stop: Success"]
    assert re.match(r"30 pictures|a frame took", lines[-1])


# -- unity_quickstart.py ---------------------------------------------------------------------------

@pytest.mark.play("unity_quickstart.py")
def test_the_unity_quickstart(play: Play) -> None:
    lines = play.lines()
    in_order(lines, "starting a session, attempt 1", f"session {GUID} is the active one",
             "is Starting", "is Ready", "connection: Connected", "of the lease left",
             "the lease was extended to 0:35:00", "connection: Disconnected", "is Stopped",
             "the session has ended: Stopped", "over: 1 access token, 0 sessions left running")
    assert sum("extended" in line for line in lines) == 1
    assert not [line for line in lines if "ERROR" in line or "WARNING" in line]


@pytest.mark.play("unity_quickstart.py", "--trouble")
def test_the_unity_quickstart_in_trouble(play: Play) -> None:
    lines = play.lines()
    found = in_order(
        lines, "attempt 1", "is Error: There is no capacity", "has ended: There is no capacity",
        "attempt 2", "is Ready", "trouble: the service has too much", "TooManyRequests",
        "trouble: a night goes by", "the lease was extended to 0:35:00", "has ended: Stopped",
        "over: 2 access tokens, 0 sessions left running")
    assert "ERROR" in found[1] and "retry after" in found[6] and "INFO" in found[6]
    assert sum("TooManyRequests" in line for line in lines) <= 3  # obeyed, not hammered
    assert not [line for line in lines if "AuthenticationFailed" in line]


# -- desktop_tool.py -------------------------------------------------------------------------------

def test_the_desktop_tool_plays_its_demonstration(tmp_path: Path) -> None:
    with display() as environment:
        lines = Play("desktop_tool.py", "--demo", directory=tmp_path,
                     environment=environment).lines()
    # The wait and the table each ask for the state: either may be the first to see it Ready.
    in_order(lines, "creating a standard session", r"session [0-9a-f]{8} is Ready")
    in_order(lines, "creating a standard session", r"inspector: file:///.*StartArrInspector\.html",
             "extended to an hour", "the table shows that it is stopped")
    in_order(lines, "ingesting robot.gltf", "robot.gltf: Success")
    assert not [line for line in lines if "stuck" in line]


def test_the_desktop_tool_without_a_display_says_so(tmp_path: Path) -> None:
    if sys.platform in ("win32", "darwin"):
        pytest.skip("there is always a display here")
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    lines = Play("desktop_tool.py", directory=tmp_path, environment=environment).lines()
    assert len(lines) == 1 and re.search("no display|no tkinter", lines[0])
