"""The gate: how many calls of a frontend may be on the wire at once."""

from __future__ import annotations

import threading
from collections import deque
from typing import Deque, Dict, List, Optional

from .._runtime.workers import Job


class Gate:
    """The places on the wire: at most so many calls at once, the others wait in order.

    Only workers come here, never a caller: no signal handler and no Ctrl-C can strike while a
    place changes hands, so a plain lock is right, and no place is ever lost.
    """

    __slots__ = ("_lock", "_free", "_waiting", "_granted", "_open")

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._waiting: Deque[Job] = deque()
        self._granted: Dict[Job, None] = {}  # on their way back, with a place kept for them
        self._open = False

    def enter(self, job: Job) -> bool:
        """Take a place; False when there is none: ``leave`` will hand the job out later."""
        with self._lock:
            if self._granted.pop(job, job) is None:
                return True
            if self._free > 0 or self._open:
                self._free -= 1
                return True
            self._waiting.append(job)
            return False

    def leave(self) -> Optional[Job]:
        """Give a place back; return the job that has it now and must run, if one waited."""
        with self._lock:
            if not self._waiting:
                self._free += 1
                return None
            job = self._waiting.popleft()
            self._granted[job] = None
            return job

    def withdraw(self, job: Job) -> bool:
        """Forget a job that will not come; True if it had a place, which is now the caller's."""
        with self._lock:
            return self._granted.pop(job, job) is None

    def open_wide(self) -> List[Job]:
        """Let everybody pass from now on, and return those that waited: the process ends."""
        with self._lock:
            self._open = True
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting
