"""Waits without threads: an operation that asks again and again until there is nothing to wait for.

Between two polls a wait is a timer and nothing else; a thousand of them share the one timer thread.
A poll is an ordinary call, but takes no session slot: it never makes a user's call AlreadyExists.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Generic, Protocol, TypeVar, cast

from . import _routes as routes
from ._calls import Callback, Owner, add_callback, refuse, start_call
from ._core import Core
from ._http.replies import clean, failure_context, scrub
from ._results import ARRResult, CallFailed, RRSessionGeneralContext
from ._routes import Route
from ._runtime.events import Entry, Event, EventField
from ._runtime.operation import IAsync
from ._runtime.workers import Job, Runner, Timer, workers

T = TypeVar("T")

FAILURES = 3  # failed polls in a row that end a wait
JITTER = 0.1  # of the pause, at most, is added at random: many waits must not poll in step
MAX_PAUSE = 60.0  # between polls while the service asks to slow down and does not say for how long
MAX_SECONDS = 1_000_000_000  # of an interval or a deadline
FINAL = (ARRResult.Cancelled, ARRResult.AlreadyDeinitialized)  # asking again would not help

# What a wait calls itself in its messages, by the call that it repeats.
_NAMES = {routes.GET_RENDERING_SESSION_PROPERTIES.name: "WaitUntilReadyAsync",
          routes.GET_INGESTION_STATUS.name: "WaitForIngestionAsync"}


class Wait(IAsync[T]):
    """An operation that polls; ``progress_changed`` is raised after each poll, on a worker."""

    __slots__ = ("_progressed", "_latest", "_portion")

    def __init__(self, runner: Runner) -> None:
        super().__init__(runner)
        self._progressed: Event[Callable[[IAsync[T]], object]] = Event()
        self._latest: T | None = None
        self._portion = 0.0

    @property
    def latest(self) -> T | None:
        """What the last successful poll found; None before the first."""
        return self._latest

    @property
    def progress(self) -> float:
        """The portion of the deadline that has passed, 0.0 without a deadline, 1.0 at the end."""
        return 1.0 if self.is_ran_to_completion else self._portion

    progress_changed = EventField[Event[Callable[[IAsync[T]], object]]]("_progressed", """
        The event that is raised after each poll, on a worker thread.""")

    Latest = latest
    Progress = progress
    ProgressChanged = progress_changed


class Waiting(Owner, Protocol):
    """The object that a wait was begun on; without a core once it is disposed."""

    _core: Core | None


class _Polled(Entry):
    """Takes the outcome of a poll back to its poller."""

    __slots__ = ("poller",)

    def __init__(self, poller: Poller[Any]) -> None:
        self.poller = poller

    def deliver(self, *operation: object) -> None:
        try:
            self.poller.polled(cast("IAsync[Any]", operation[0]))
        except BaseException as error:
            # Ctrl-C on the thread of a caller's executor, or a caller's clock that failed: no timer
            # was set, so there would be no further poll.
            self.poller.broken(error)
            raise


class Poller(Generic[T]):
    """What drives one wait. At any time either one poll is in flight or one timer is set.

    The deadline, a poll's outcome and a disposal may end the wait at once, on three threads. Each
    goes through ``_finish``, where one wins; and what sets something in motion looks afterwards
    whether the wait has ended meanwhile, and takes it back.
    """

    __slots__ = ("wait", "owner", "_core", "_route", "_target", "_done", "_interval", "_begin",
                 "_end", "_failures", "_pauses", "_last", "_word", "_next", "_deadline")

    def __init__(self, core: Core, owner: Waiting, route: Route, target: str,
                 done: Callable[[T], bool], interval: float, seconds: float | None) -> None:
        self.wait: Wait[T] = Wait(core.runner)
        self.owner = owner
        self._core = core
        self._route = route
        self._target = target
        self._done = done
        self._interval = interval
        self._begin = core.clock.monotonic()
        self._end = None if seconds is None else self._begin + seconds
        self._failures = 0
        self._pauses = 0
        self._last = ""  # what went wrong with the latest poll
        self._word = ""  # the status of its reply, as it stands there
        self._next: Timer | None = None
        self._deadline: Timer | None = None

    def start(self) -> Wait[T]:
        self._core.waits[self] = None
        if self._end is not None:
            self._deadline = self._core.clock.call_at(self._end, self._too_late)
        # A disposal, and the end of the process, show first and then look at the waits: either they
        # see this one, or this sees them.
        if self.owner._core is None or workers.closing:
            self.cancel()
        self._poll()
        if self.wait.is_completed and self._deadline is not None:
            self._deadline.cancel()
        return self.wait

    def polled(self, operation: IAsync[Any]) -> None:
        """Take the outcome of a poll, on the thread that completed it."""
        if self.wait.is_completed:
            return
        context = operation.context
        pause = self._interval
        self._last = context.error_message
        if context.result == ARRResult.Success:
            self._failures = self._pauses = 0
            self.wait._latest = value = operation.result
            self._report()
            if self._done(value):
                self._finish(self._explained(context, value), value)
                return
        elif context.result == ARRResult.TooManyRequests:
            # Not a failure, but an answer to polls that come too often, perhaps of another program.
            if context.retry_after is None:
                self._pauses += 1
                pause = max(pause, min(pause * 2 ** min(self._pauses, 10), MAX_PAUSE))
            self._report()
        else:
            self._failures += 1
            self._report()
            if self._failures >= FAILURES or context.result in FINAL:
                self._finish(context)
                return
        pause = max(pause, context.retry_after or 0.0)
        self._set_timer(pause * (1 + JITTER * os.urandom(1)[0] / 255))

    def cancel(self) -> None:
        """End the wait as Cancelled; a poll in flight is ignored."""
        self._fail(CallFailed(ARRResult.Cancelled, "given up: the object that waits was disposed, "
                              "or the process ends"))

    def broken(self, error: BaseException) -> None:
        """End the wait as Fail: there will be no further poll."""
        self._fail(CallFailed(ARRResult.Fail, f"the wait broke with {type(error).__name__}, see "
                              "the log of arr"))

    # -- inside ------------------------------------------------------------------------------

    def _poll(self, submit: Callable[[Job], object] | None = None) -> None:
        if not self.wait.is_completed:
            route = self._route._replace(decode=self._read)
            operation = start_call(self._core, route, self.owner, lambda: self._target, None,
                                   None, submit=submit)
            operation._enqueue(_Polled(self))

    def _read(self, reply: Any) -> object:
        decode = self._route.decode
        assert decode is not None
        value = decode(reply)
        self._word = reply.get(self._route.status_field) or ""
        return value

    def _explained(self, context: RRSessionGeneralContext, value: T) -> RRSessionGeneralContext:
        """Quote the word that ended the wait, if nobody knows what it means."""
        if getattr(value, "status", value) != 0:  # Unknown, of a session or an ingestion
            return context
        word = clean(scrub(self._word, self._core.tokens.secrets()))
        return RRSessionGeneralContext(
            context.result, context.http_response_code,
            f'{_NAMES[self._route.name]}: {context.result}: the service gives the status as '
            f'"{word}", a word that this client does not know',
            context.request_correlation_vector, context.response_correlation_vector,
            context.retry_after)

    def _set_timer(self, seconds: float) -> None:
        clock = self._core.clock
        self._next = clock.call_at(clock.monotonic() + seconds, self._due)
        if self.wait.is_completed:  # while we set it
            self._next.cancel()

    def _due(self) -> None:
        # Of polls that are due together few workers are sent for, which costs less.
        self._poll(workers.defer if self._core.runner is workers else None)

    def _too_late(self) -> None:
        found = self._last or "it was not over yet, see latest"
        if not self._last and self.wait._latest is None:
            found = "no poll was answered in time"
        self._fail(CallFailed(ARRResult.Timeout, f"the deadline has passed; {found}"))

    def _report(self) -> None:
        if self._end is not None:
            passed = self._core.clock.monotonic() - self._begin
            self.wait._portion = min(max(passed / (self._end - self._begin), 0.0), 1.0)
        self.wait._progressed._raise(self.wait)

    def _fail(self, failure: CallFailed) -> None:
        self._finish(failure_context(_NAMES[self._route.name], failure))

    def _finish(self, context: RRSessionGeneralContext, value: Any = None) -> None:
        self._core.waits.pop(self, None)
        if not self.wait._complete(context, value):
            return
        for timer in (self._next, self._deadline):
            if timer is not None:
                timer.cancel()
        if self.wait._queue:
            self._core.runner.submit(self.wait._drain)


def begin_wait(core: Core, owner: Waiting, route: Route, target: str, done: Callable[[T], bool],
               deadline: float | None, interval: float, callback: Callback) -> Wait[T]:
    """Check the arguments of a wait and start it."""
    try:
        _check_seconds("interval", interval)
        if deadline is not None:
            _check_seconds("deadline", deadline)
    except CallFailed as failure:
        refused: Wait[T] = Wait(core.runner)
        add_callback(refused, route, callback)
        return refuse(refused, _NAMES[route.name], failure)
    poller = Poller(core, owner, route, target, done, interval, deadline)
    add_callback(poller.wait, route, callback)
    return poller.start()


def _check_seconds(name: str, seconds: object) -> None:
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool):
        raise TypeError(f"{name} must be a number of seconds, not {type(seconds).__name__}")
    if not 0 < seconds <= MAX_SECONDS:
        raise CallFailed(ARRResult.InvalidParam, f"{name} must be more than 0 s and at most "
                         f"{MAX_SECONDS:,} s, not {seconds:g}")


def cancel_waits(core: Core, owner: object) -> None:
    """End the waits of an object that is disposed."""
    for poller in list(core.waits):
        if poller.owner is owner:
            poller.cancel()
