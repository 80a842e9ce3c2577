"""Clocks: the protocol that a clock must have, and the machine's clock plus an offset.

Sessions, leases, tokens and throttling read no other time than the emulator's clock.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import Protocol


class Clock(Protocol):
    """What the emulator asks of a clock; any object with these two methods will do."""

    def time(self) -> float:
        """Return seconds since the epoch."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""


class SystemClock:
    """The machine's clock plus what ``advance`` has added to it."""

    def __init__(self) -> None:
        self._offset = 0.0
        self._lock = Lock()

    def time(self) -> float:
        """Return seconds since the epoch, plus what was added."""
        return time.time() + self._offset

    def monotonic(self) -> float:
        """Return monotonic seconds, plus what was added."""
        return time.monotonic() + self._offset

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        with self._lock:
            self._offset += seconds


def advance(clock: Clock, seconds: object) -> float:
    """Move ``clock`` forward and return by how many seconds; raise TypeError or ValueError for a
    bad step or a fixed clock."""
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
        raise TypeError("advance takes a number of seconds, not " + type(seconds).__name__)
    # The bound keeps every date that follows from the clock within what calendars can print.
    if not 0 <= seconds <= 1e9:
        raise ValueError("advance takes 0 to 1,000,000,000 seconds")
    move = getattr(clock, "advance", None)
    if move is None:
        raise ValueError("the clock given to the emulator has no advance method; move it yourself")
    move(float(seconds))
    return float(seconds)
