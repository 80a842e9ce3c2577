"""Interpreters in which the client does not work: it says so before the first call."""

from __future__ import annotations

import _thread
import sys
from typing import Callable

from .workers import workers


def check_interpreter() -> None:
    """Raise RuntimeError in an interpreter where calls could not complete, or not safely."""
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        raise RuntimeError("arr needs the global interpreter lock (GIL), which is off: start "
                           "Python with -X gil=1 or PYTHON_GIL=1, or use a build that has it")
    if not _daemon_threads_allowed():
        raise RuntimeError("arr needs daemon threads, which an isolated subinterpreter refuses: "
                           "use it in the main interpreter, or in a subinterpreter of the legacy "
                           "configuration")


def _daemon_threads_allowed() -> bool:
    allowed: Callable[[], bool] | None = getattr(_thread, "daemon_threads_allowed", None)
    if allowed is not None:
        return allowed()
    if not workers._all:
        try:
            _thread.start_new_thread(bool, ())  # before Python 3.12 the refusal is the answer
        except RuntimeError as refusal:
            return "isolated" not in str(refusal)  # else the system has no thread just now
    return True
