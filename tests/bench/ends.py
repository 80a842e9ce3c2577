"""How a process ends with calls in flight: how fast, and what becomes of the calls."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from typing import Tuple

from arr.emulator import Emulator

from .counts import Rows

# Each program makes its first call, which fetches the token, waits for a line, begins its calls,
# waits for another line, and ends. What happens after the word "end" is what is measured.
_BEGIN = """
import os, sys, threading, time
from arr import AzureFrontend, AzureFrontendAccountInfo, SessionLocation
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def report(operation):
    say(operation.status, "on", threading.current_thread().name.rpartition("-")[0])
frontend = AzureFrontend(AzureFrontendAccountInfo(
    sys.argv[1], sys.argv[2], sys.argv[3], location=SessionLocation.ignore), max_calls=100)
assert frontend.get_current_rendering_sessions_async().get(10) == []
session = frontend.open_rendering_session("some-id")
say("ready")
sys.stdin.readline()
"""
_END = """
sys.stdin.readline()
say("end", time.time())
"""
_GETS = _BEGIN + """
for _ in range(100):
    frontend.get_current_rendering_sessions_async().completed += report
""" + _END
_STOP = "session.stop_rendering_session_async().completed += report\n"


def _end(program: str, method: str, held: int) -> Tuple[float, str, int]:
    """Return the seconds to the end of the process, what its handlers said, and how many requests
    of the method came. A held stop call is answered once the process has begun to end."""
    with Emulator(port=0) as emulator:
        process = subprocess.Popen(
            [sys.executable, "-c", program, emulator.url, emulator.account_id,
             emulator.account_key], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        hold = emulator.hold(method, times=held) if held else None
        process.stdin.write("\n")
        process.stdin.flush()
        if hold is not None:
            assert hold.wait_arrived(30, held)
        process.stdin.write("\n")
        process.stdin.flush()
        word, _, began = process.stdout.readline().partition(" ")
        assert word == "end"
        if hold is not None and method == "DELETE":
            hold.release()
        process.stdin.close()
        said = process.stdout.read()
        process.wait()  # with a time-out it would look now and then only, see counts.import_ratio
        seconds = time.time() - float(began)
        process.stdout.close()
        arrived = sum(request["method"] == method for request in emulator.requests())
    counted = Counter(said.splitlines())
    return seconds, ", ".join(f"{count} {line}" for line, count in counted.items()), arrived


def rows(quick: bool) -> Rows:
    found: Rows = []
    for name, program, method, held in (
            ("100 GETs in flight (0.3)", _GETS, "GET", 100),
            ("a stop call in flight", _BEGIN + _STOP + _END, "DELETE", 1),
            ("a stop call unsent", _BEGIN + _END + _STOP, "DELETE", 0)):
        seconds, said, arrived = _end(program, method, held)
        found += [(f"seconds to exit, {name}", seconds), (f"handlers, {name}", said)]
        if method == "DELETE":
            found.append((f"stop requests that came, {name}", arrived))
    return found
