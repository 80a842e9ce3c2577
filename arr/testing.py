"""Tools to test the threading behaviour of one's own handlers: no sleeping, no racing.

``ManualExecutor`` runs calls and handlers when the test says so, on the test's own thread.
``FakeClock`` stands still until the test moves it. ``handler_errors`` catches what handlers raise.
"""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Executor, Future
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Tuple, TypeVar

from ._runtime.failures import watch
from ._runtime.workers import Job, Timer, TimerHeap

__all__ = ["FakeClock", "ManualExecutor", "handler_errors"]

R = TypeVar("R")

_Item = Tuple["Future[Any]", Callable[..., Any], Tuple[Any, ...], Any]


class ManualExecutor(Executor):
    """An executor whose jobs run when ``run_next`` or ``run_all`` is called, on that thread.

    >>> from arr import AzureFrontend, AzureFrontendAccountInfo, SessionLocation
    >>> from arr.emulator import Emulator
    >>> emulator = Emulator().start()
    >>> account = AzureFrontendAccountInfo(emulator.url, emulator.account_id,
    ...     emulator.account_key, location=SessionLocation.ignore)
    >>> executor = ManualExecutor()
    >>> frontend = AzureFrontend(account, executor=executor)
    >>> operation = frontend.get_current_rendering_sessions_async()
    >>> operation.completed += lambda done: print("sessions:", done.result)
    >>> print(operation.status)
    InProgress
    >>> executor.run_all()
    sessions: []
    1
    >>> emulator.stop()
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Item] = queue.SimpleQueue()
        self._closed = False

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        """Keep a job for later; RuntimeError after shutdown."""
        if self._closed:
            raise RuntimeError("the executor was shut down")
        future: Future[R] = Future()
        self._jobs.put((future, fn, args, kwargs))
        return future

    @property
    def pending(self) -> int:
        """The number of jobs that wait to be run."""
        return self._jobs.qsize()

    def run_next(self, timeout: float = 0.0) -> bool:
        """Run the oldest job here and now; False when none has come within ``timeout`` seconds."""
        try:
            # Not a time-out of zero: Python 3.9 may take it for none, and wait for ever.
            item = self._jobs.get(timeout=timeout) if timeout > 0 else self._jobs.get(block=False)
        except queue.Empty:
            return False
        future, fn, args, kwargs = item
        if future.set_running_or_notify_cancel():
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)
                if not isinstance(error, Exception):
                    raise
        return True

    def run_all(self) -> int:
        """Run jobs until none is left, those too that the jobs submit; return how many ran."""
        count = 0
        while self.run_next():
            count += 1
        return count

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Refuse further jobs; with ``cancel_futures`` cancel those that wait."""
        self._closed = True
        while cancel_futures:
            try:
                self._jobs.get(block=False)[0].cancel()
            except queue.Empty:
                return


class FakeClock:
    """A clock that stands still until ``advance``; for AzureFrontend and for Emulator.

    >>> clock = FakeClock(time=1000.0)
    >>> timer = clock.call_at(clock.monotonic() + 5, lambda: print("five seconds later"))
    >>> clock.advance(4)
    >>> clock.advance(1)
    five seconds later
    >>> clock.time()
    1005.0
    """

    def __init__(self, time: float = 1_577_836_800.0) -> None:
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._monotonic = 0.0
        self._offset = time  # of the time of day from the monotonic time
        self._timers = TimerHeap()

    def time(self) -> float:
        """Return the time of day, in seconds since the epoch."""
        return self._monotonic + self._offset

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._monotonic

    def call_at(self, when: float, action: Job) -> Timer:
        """Run an action when ``advance`` reaches a monotonic time."""
        timer = Timer(when, action)
        with self._changed:
            self._timers.add(timer)
            self._changed.notify_all()
        return timer

    def wait_timers(self, n: int, timeout: float = 5.0) -> bool:
        """Wait, in real time, until ``n`` timers are set; False after ``timeout`` seconds.

        With the package's own workers a wait sets its next timer when a poll has been answered, on
        one of them: so wait for that before ``advance``. A wait that polls has one timer for its
        pause, and one for its deadline if it has one; a call that is tried again has one. The time
        limits of single calls do not count.

        >>> clock = FakeClock()
        >>> timer = clock.call_at(5, print)
        >>> clock.wait_timers(1), clock.wait_timers(2, timeout=0.01)
        (True, False)
        """
        with self._changed:
            return self._changed.wait_for(lambda: self._timers.awaited() >= n, timeout)

    def advance(self, seconds: float) -> None:
        """Move the time on, firing on this thread what is due, in order.

        With a ManualExecutor, the jobs of all that is due are in its queue on return.
        """
        if seconds < 0:
            raise ValueError("time does not go back; see set_time for a change of the time of day")
        with self._lock:
            end = self._monotonic + seconds
        while True:
            with self._lock:
                timer = self._timers.pop_due(end)
                self._monotonic = max(self._monotonic, end if timer is None else timer.when)
            if timer is None:
                return
            timer()

    def set_time(self, time: float) -> None:
        """Set the time of day, as a user or a network time service does; monotonic time stays."""
        with self._lock:
            self._offset = time - self._monotonic


class _Caught:
    """The block of a ``handler_errors``."""

    def __init__(self) -> None:
        self.errors: list[tuple[Any, BaseException]] = []

    def take(self, handler: object, error: BaseException, test: object) -> bool:
        if test is not None and test is not watch.test:
            return False  # left over from an earlier test, which the plugin will name
        self.errors.append((handler, error))
        return True


@contextmanager
def handler_errors() -> Iterator[list[tuple[Any, BaseException]]]:
    """Catch the exceptions of handlers, as (handler, exception) pairs in the order they came.

    They are logged as ever, on any frontend and any thread, but fail no test. ``wait()`` before
    the block ends: it returns when the handlers have run. Handlers bound to a Dispatcher fail
    inside ``pump()``.

    >>> from arr import Dispatcher
    >>> dispatcher = Dispatcher()
    >>> dispatcher.post(lambda: 1 // 0)
    >>> with handler_errors() as errors:
    ...     called = dispatcher.pump()
    >>> [type(error).__name__ for handler, error in errors]
    ['ZeroDivisionError']
    """
    caught = _Caught()
    watch.add(caught)
    try:
        yield caught.errors
    finally:
        watch.remove(caught)
