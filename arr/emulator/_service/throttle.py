"""Counts the requests of each account in a minute, against a limit."""

from __future__ import annotations

import math
from threading import Lock
from typing import Callable

from .._arguments import whole_or_none


class Throttle:
    """Requests per minute and account; the count starts anew every minute."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._lock = Lock()
        self._windows: dict[str, tuple[float, int]] = {}
        self.per_minute: int | None = None

    def set(self, per_minute: object) -> None:
        """Allow so many requests, or any number for None; start all counts anew."""
        limit = whole_or_none("per_minute", per_minute, 0, 10**9)
        with self._lock:
            self.per_minute = limit
            self._windows.clear()

    def excess(self, account_id: str) -> int:
        """Count a request; return 0, or the seconds after which to try again."""
        now = self._monotonic()
        with self._lock:
            limit = self.per_minute
            if limit is None:
                return 0
            start, used = self._windows.get(account_id, (now, 0))
            if not start <= now < start + 60.0:
                start, used = now, 0
            if used >= limit:
                return max(1, math.ceil(start + 60.0 - now))
            self._windows[account_id] = (start, used + 1)
        return 0
