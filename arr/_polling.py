"""Waits without threads: an operation that asks again and again until there is nothing to wait for.

Between two polls a wait is a timer and nothing else; a thousand of them share the one timer thread.
A poll is an ordinary call, but takes no session slot: it never makes a user's call AlreadyExists.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Generic, Optional, TypeVar, cast

from ._async import IAsync
from ._calls import Callback, Core, Owner, add_callback, failure_context
from ._event import Entry, Event, EventBase, must_be
from ._results import ARRResult, CallFailed, RRException, RRSessionGeneralContext
from ._routes import Route
from ._workers import Runner, Timer, workers

T = TypeVar("T")

FAILURES = 3  # failed polls in a row that end a wait
JITTER = 0.1  # of the interval, at most, is added at random: many waits must not poll in step
MAX_PAUSE = 60.0  # between polls while the service asks to slow down and does not say for how long


class Wait(IAsync[T]):
    """An operation that polls; ``progress_changed`` is raised after each poll, on a worker."""

    __slots__ = ("_progressed", "_latest", "_portion")

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self._progressed: Event[Callable[[IAsync[T]], object]] = Event()
        self._latest: Optional[T] = None
        self._portion = 0.0

    @property
    def latest(self) -> Optional[T]:
        """What the last successful poll found; None before the first."""
        return self._latest

    @property
    def progress(self) -> float:
        """The portion of the deadline that has passed, 0.0 without a deadline, 1.0 at the end."""
        return 1.0 if self.is_ran_to_completion else self._portion

    @property
    def progress_changed(self) -> EventBase[Callable[[IAsync[T]], object]]:
        """The event that is raised after each poll, on a worker thread."""
        return self._progressed

    @progress_changed.setter
    def progress_changed(self, event: EventBase[Callable[[IAsync[T]], object]]) -> None:
        must_be(event, event is self._progressed)

    Latest = latest
    Progress = progress
    ProgressChanged = progress_changed


class _Polled(Entry):
    """Takes the outcome of a poll back to its poller."""

    __slots__ = ("poller",)

    def __init__(self, poller: Poller[Any]) -> None:
        self.poller = poller

    def deliver(self, *operation: object) -> None:
        self.poller.polled(cast("IAsync[Any]", operation[0]))


class Poller(Generic[T]):
    """What drives one wait. At any time either one poll is in flight or one timer is set."""

    __slots__ = ("wait", "owner", "_core", "_route", "_path", "_done", "_interval", "_begin",
                 "_end", "_failures", "_pauses", "_next", "_deadline")

    def __init__(self, core: Core, owner: Owner, route: Route, path: str,
                 done: Callable[[T], bool], interval: float, seconds: Optional[float]) -> None:
        self.wait: Wait[T] = Wait(core.runner)
        self.owner = owner
        self._core = core
        self._route = route
        self._path = path
        self._done = done
        self._interval = interval
        self._begin = core.clock.monotonic()
        self._end = None if seconds is None else self._begin + seconds
        self._failures = 0
        self._pauses = 0
        self._next: Optional[Timer] = None
        self._deadline: Optional[Timer] = None

    def start(self) -> Wait[T]:
        self._core.waits[self] = None
        if self._end is not None:
            self._deadline = self._core.clock.call_at(self._end, self._too_late)
        self._poll()
        return self.wait

    def polled(self, operation: IAsync[Any]) -> None:
        """Take the outcome of a poll, on the thread that completed it."""
        if self.wait.is_completed:
            return
        context = operation.context
        delay = self._interval
        if context.result == ARRResult.Success:
            self._failures = self._pauses = 0
            self.wait._latest = value = operation.result
            self._report()
            if self._done(value):
                self._finish(context, value)
                return
        elif context.result == ARRResult.TooManyRequests:
            # Not a failure, but an answer to polls that come too often, perhaps somebody else's.
            self._pauses += 1
            delay = max(delay, min(delay * 2 ** min(self._pauses, 10), MAX_PAUSE))
            self._report()
        else:
            self._failures += 1
            self._report()
            if self._failures >= FAILURES:
                self._finish(context)
                return
        delay *= 1 + JITTER * os.urandom(1)[0] / 255
        self._set_timer(max(delay, context.retry_after or 0.0))

    def cancel(self) -> None:
        """End the wait as Cancelled; a poll in flight is ignored."""
        self._fail(CallFailed(ARRResult.Cancelled, "given up: the object that waits was disposed, "
                              "or the process ends"))

    # -- inside ------------------------------------------------------------------------------

    def _poll(self) -> None:
        if not self.wait.is_completed:
            operation = self._core.call(self._route, self.owner, lambda: self._path, None, None)
            operation._enqueue(_Polled(self))

    def _set_timer(self, seconds: float) -> None:
        clock = self._core.clock
        # By a detour over a worker when the runner is somebody's executor: it might block.
        action = (self._poll if self._core.runner is workers
                  else lambda: workers.submit(self._poll))
        self._next = clock.call_at(clock.monotonic() + seconds, action)
        if self.wait.is_completed:  # while we set it
            self._next.cancel()

    def _report(self) -> None:
        if self._end is not None:
            passed = self._core.clock.monotonic() - self._begin
            self.wait._portion = min(max(passed / (self._end - self._begin), 0.0), 1.0)
        self.wait._progressed._raise(self.wait)

    def _too_late(self) -> None:
        self._fail(CallFailed(ARRResult.Timeout, "the deadline passed; the value is in latest"))

    def _fail(self, failure: CallFailed) -> None:
        self._finish(failure_context(self._route, failure))

    def _finish(self, context: RRSessionGeneralContext, value: Any = None) -> None:
        self._core.waits.pop(self, None)
        if not self.wait._complete(context, value):
            return
        for timer in (self._next, self._deadline):
            if timer is not None:
                timer.cancel()
        self._core.runner.submit(self.wait._drain)


def begin_wait(core: Core, owner: Owner, route: Route, path: str, done: Callable[[T], bool],
               deadline: Optional[float], interval: float, callback: Callback) -> Wait[T]:
    """Check the arguments of a wait and start it."""
    for name, seconds in (("deadline", deadline), ("interval", interval)):
        if seconds is None and name == "deadline":
            continue
        if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
            raise TypeError(f"{name} must be a number of seconds, not {type(seconds).__name__}")
        if not 0 < seconds < 1e9:
            raise RRException(ARRResult.InvalidParam, f"{name} must be more than 0 seconds")
    poller = Poller(core, owner, route, path, done, interval, deadline)
    add_callback(poller.wait, route, callback)
    return poller.start()


def cancel_waits(core: Core, owner: object) -> None:
    """End the waits of an object that is disposed."""
    for poller in list(core.waits):
        if poller.owner is owner:
            poller.cancel()
