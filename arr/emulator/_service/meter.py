"""Counts requests and their durations second by second, for the charts of the pages."""

from __future__ import annotations

from collections import deque
from threading import Lock

# Two minutes: what fits a chart that is read at a glance.
SECONDS_KEPT = 120


class Meter:
    """The last two minutes of requests. These are seconds of real time, whatever the clock says:
    a clock that stands still or is moved forward must not bend rates and latencies."""

    __slots__ = ("_lock", "_seconds", "total")

    def __init__(self) -> None:
        self._lock = Lock()
        # second, requests, failed ones, then the sum, least and most of their milliseconds
        self._seconds: deque[list[float]] = deque(maxlen=SECONDS_KEPT)
        self.total = 0

    def add(self, now: float, milliseconds: float, failed: bool) -> None:
        """Count a request that was answered at ``now``."""
        second = now // 1
        with self._lock:
            self.total += 1
            # Threads may come here in another order than they read the time; a late one is
            # counted in the present second.
            if not self._seconds or self._seconds[-1][0] < second:
                self._seconds.append([second, 0, 0, 0.0, milliseconds, milliseconds])
            row = self._seconds[-1]
            row[1] += 1
            row[2] += failed
            row[3] += milliseconds
            row[4] = min(row[4], milliseconds)
            row[5] = max(row[5], milliseconds)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._seconds.clear()
            self.total = 0

    def snapshot(self, now: float) -> dict[str, object]:
        """Return the seconds in which something happened, oldest first, by their number."""
        with self._lock:
            total = self.total
            rows = [list(row) for row in self._seconds if now - row[0] < SECONDS_KEPT]
        return {
            "now": int(now),
            "window_seconds": SECONDS_KEPT,
            "total": total,
            "seconds": [{
                "second": int(at), "requests": int(count), "failed": int(failed),
                "mean": round(milliseconds / count, 3), "min": least, "max": most,
            } for at, count, failed, milliseconds, least, most in rows],
        }
