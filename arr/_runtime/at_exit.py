"""The end of the process: what is given up, what is waited for, and for how long."""

from __future__ import annotations

import os
import threading
import time
import weakref
from typing import Protocol

from .events import discard, logger
from .workers import Job, Worker, workers


PATIENCE = 0.1  # seconds that a busy worker has for a stop call before the hook sends it
START_SECONDS = 1.0  # that the first worker may take to start; it takes less than a millisecond


class Closer(Protocol):
    """An object that has calls to give up when the process ends."""

    exit_seconds: float

    def close_at_exit(self) -> None:
        """Give up what may be given up; must not block."""


class _AtExit:
    """The exit hook: give calls up, then wait a moment for what must not be lost.

    It waits for workers, not for threads: for each worker that was busy with something else than
    a handler when the end began, and for every job that came after that. Where a worker is lacking
    and none can be had (Python 3.12 starts no thread any more), it sends stop calls itself.
    """

    def __init__(self) -> None:
        self._closers: list[weakref.ref[Closer]] = []
        self._registered = False

    def register(self, closer: Closer) -> None:
        if not workers._all:
            # Python 3.12 starts no thread once main has ended: a stop call that is the program's
            # first and last call would never leave. So one worker is there before any call.
            started = threading.Event()
            workers.submit(started.set)
            started.wait(START_SECONDS)
        if not self._registered:
            import atexit  # late, as all that a bare import of the package does not need

            self._registered = True
            atexit.register(self.run)
        for reference in self._closers.copy():
            if reference() is None:
                discard(self._closers, reference)
        self._closers.append(weakref.ref(closer))

    def forget(self) -> None:
        self._closers = []

    def run(self) -> None:
        workers.closing, workers.refused = True, False
        running_handlers = {worker: job for worker, job in workers._busy().items()
                            if job is not None and getattr(job, "delivering", True)}
        seconds = 0.0
        for reference in self._closers.copy():
            closer = reference()
            if closer is not None:
                seconds = max(seconds, closer.exit_seconds)
                closer.close_at_exit()
        for _ in range(len(workers._jobs)):
            workers._wake_one()  # for a job whose submitter Ctrl-C struck between two steps
        now = time.monotonic()
        end, soon = now + seconds, now + min(PATIENCE, seconds / 4)
        while self._must_wait(running_handlers):
            if workers.refused and now >= soon:
                workers.refused = False
                self._send_here(end)
            elif now >= end:
                logger.debug("arr: calls or handlers still ran when the process ended")
                return
            else:
                workers.parked.wait((soon if workers.refused else end) - now)
            now = time.monotonic()

    def _send_here(self, end: float) -> None:
        """Send the stop calls that wait for a worker, on this thread."""
        for _ in range(len(workers._jobs)):
            try:
                job = workers._jobs.popleft()
            except IndexError:
                return
            send = getattr(job, "send_at_exit", None)
            if send is None or end <= time.monotonic():
                workers._jobs.append(job)
            else:
                send(end)

    def _must_wait(self, running_handlers: dict[Worker, Job]) -> bool:
        if workers._jobs:
            return True
        return any(running_handlers.get(worker) is not job or job is None
                   for worker, job in workers._busy().items()
                   if not getattr(job, "abandoned", False))


_at_exit = _AtExit()


def at_exit(closer: Closer) -> None:
    """Call ``closer.close_at_exit()`` when the process ends, unless it is gone by then."""
    _at_exit.register(closer)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_at_exit.forget)
