"""IAsync: the handle of one operation.

Threads share four things about an operation. Each changes in a single step of the interpreter, so
no lock is needed (``workers.py`` lists the steps that count as single):

* ``_outcome``: None, then for ever the context and the value, and later the future, if one was
  asked for. The thread that enters ``_completing`` for the operation first may set it.
* ``_queue``: handlers, waiters and awaits in the order in which they came. The thread that takes an
  entry out owns it: the drain, to deliver it; ``-=`` or a time-out, to drop it.
* ``_draining``: the thread that delivers now. A new entry is appended first and then looks for a
  drain; a drain leaves first and then looks at the queue. So no entry is ever left behind.
* ``_due``: has the operation while a drain is submitted that has not begun, so a thousand late
  handlers or timed-out waits need one job. It is set before the submit and taken back before the
  look at the queue; two threads that set it at once submit twice, which does no harm.
"""

from __future__ import annotations

import os
from threading import get_ident
from typing import TYPE_CHECKING, Any, Callable, Generator, Generic, Optional, Tuple, TypeVar, cast

from .._results import ARRResult, RRException, RRSessionException, RRSessionGeneralContext
from .events import (
    Await, Entry, EventBase, Subscription, Waiter, discard, must_be, unsubscribe,
)
from .workers import Runner, workers

if TYPE_CHECKING:
    from .future import AsyncTask

T = TypeVar("T")
Outcome = Tuple[RRSessionGeneralContext, Any, Optional["AsyncTask[Any]"]]

_completing: dict[IAsync[Any], Outcome] = {}
_draining: dict[IAsync[Any], tuple[int]] = {}
_due: dict[IAsync[Any], object] = {}
_tasks: dict[IAsync[Any], AsyncTask[Any]] = {}  # the futures of those that are pending


def _after_fork_in_child() -> None:
    for table in (_completing, _draining, _due, _tasks):
        table.clear()  # the threads that would have cleaned up did not come along


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class IAsync(Generic[T]):
    """The handle of an operation that completes on a worker thread.

    Subscribe with ``operation.completed += handler``; a handler gets the operation, runs on an
    ``arr-worker-N`` thread, exactly once, also when it is added after completion. An ``async def``
    handler runs in the asyncio loop in which it was subscribed. Or block with ``wait`` and ``get``,
    or ``await`` it. A plain handler runs in a context of its own, not in the subscriber's
    ``contextvars`` context; take yours along with ``copy_context()``.

    Signal handlers and finalizers may start any call, subscribe and read at any instant. They must
    not ``wait`` or ``get``: the thread that they interrupted may hold what the wait needs.
    """

    __slots__ = ("_runner", "_queue", "_outcome", "__weakref__")

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._queue: list[Entry] = []
        self._outcome: Outcome | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status}>"

    # -- what the SDK has --------------------------------------------------------------------

    @property
    def completed(self) -> CompletedEvent[T]:
        """The event that is raised once, on a worker thread, with this operation."""
        return CompletedEvent(self)

    @completed.setter
    def completed(self, event: CompletedEvent[T]) -> None:
        if type(event) is not CompletedEvent or event._operation is not self:
            must_be(event, False)

    @property
    def progress_changed(self) -> EventBase[Callable[[IAsync[T]], object]]:
        """The event of progress; only waits raise it."""
        return ProgressEvent(self)

    @progress_changed.setter
    def progress_changed(self, event: EventBase[Callable[[IAsync[T]], object]]) -> None:
        must_be(event, type(event) is ProgressEvent and event._operation is self)

    @property
    def progress(self) -> float:
        """How far the operation is, 0.0 to 1.0."""
        return 1.0 if self.is_ran_to_completion else 0.0

    @property
    def status(self) -> ARRResult:
        """InProgress while pending, then Success or the error."""
        outcome = self._outcome
        return ARRResult.InProgress if outcome is None else outcome[0].result

    @property
    def is_completed(self) -> bool:
        """True once the operation has succeeded or failed."""
        return self._outcome is not None

    @property
    def is_ran_to_completion(self) -> bool:
        """True once the operation has succeeded."""
        return self.status is ARRResult.Success

    @property
    def is_faulted(self) -> bool:
        """True once the operation has failed."""
        return self.status not in (ARRResult.Success, ARRResult.InProgress)

    @property
    def context(self) -> RRSessionGeneralContext:
        """What is known of the completed call; RRException(InProgress) while pending."""
        return self._settled()[0]

    @property
    def result(self) -> T:
        """The value; never blocks. RRException(InProgress) while pending, RRSessionException if
        the operation failed."""
        context, value, _ = self._settled()
        if context.result != ARRResult.Success:
            raise RRSessionException(context)
        return cast(T, value)

    def _settled(self) -> Outcome:
        if self._outcome is None:
            raise RRException(ARRResult.InProgress, "the operation is still running; subscribe to "
                              "completed, or call wait() first")
        return self._outcome

    # -- blocking ----------------------------------------------------------------------------

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until every handler subscribed so far has returned; False after ``timeout`` seconds.

        Within the operation's own handlers it returns at once. Two handlers that wait for each
        other's operation block until their time-out.
        """
        if timeout is not None and not hasattr(timeout, "__float__"):
            raise TypeError("timeout must be a number of seconds or None, not "
                            f"{type(timeout).__name__}")
        if self._outcome is not None and not self._queue and self not in _draining:
            return True
        if self._drained_here():
            return True
        waiter = Waiter()
        try:
            self._enqueue(waiter)
            return waiter.wait(timeout) or not discard(self._queue, waiter)
        finally:
            discard(self._queue, waiter)  # after Ctrl-C: nothing stays behind

    def get(self, timeout: float | None = None) -> T:
        """Wait, then return the value; TimeoutError after ``timeout`` seconds, RRSessionException
        if the operation failed."""
        if not self.wait(timeout):
            raise TimeoutError(f"the operation has not completed within {timeout} s; it goes on")
        return self.result

    # -- futures and await -------------------------------------------------------------------

    def as_task(self) -> AsyncTask[T]:
        """Return the one future of this operation: ``concurrent.futures.Future``, and awaitable.

        It is settled, on a worker thread, after the handlers subscribed before this call. It
        cannot be cancelled.
        """
        from .future import AsyncTask  # loaded with the first frontend, see Core

        outcome = self._outcome
        if outcome is not None and outcome[2] is not None:
            return outcome[2]
        mine: AsyncTask[T] = AsyncTask(self)
        try:
            task: AsyncTask[T] = _tasks.setdefault(self, mine)
            outcome = self._outcome
            if outcome is not None and outcome[2] is not None:  # settled since the first look
                if task is mine:
                    _tasks.pop(self, None)
                return outcome[2]
            if self._drained_here():
                task.deliver(self)
            elif task not in self._queue:
                # Not only this call's own: a signal handler may have interrupted the thread that
                # made it before this line. Settling twice does no harm.
                self._enqueue(task)
            return task
        except BaseException:
            # Ctrl-C: what stands in _tasks leaves it only when it is delivered.
            if self in _tasks:
                self._enqueue(_tasks[self])
            raise

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in the running asyncio loop; cancelling the await cancels nothing else."""
        if self._outcome is None or self._queue or self in _draining:
            if not self._drained_here():
                yield from Await.suspend(self)
        return self.result

    def _hand_over(self, task: AsyncTask[T]) -> Outcome:
        """Give the outcome to the future of this operation, which from now on belongs to it."""
        context, value, _ = self._settled()
        # First the outcome, then the dictionary: as_task looks at both in this order, twice.
        self._outcome = outcome = (context, value, task)
        _tasks.pop(self, None)
        return outcome

    # -- the producer's half -----------------------------------------------------------------

    def _complete(self, context: RRSessionGeneralContext, value: object = None,
                  store: Callable[[], object] | None = None) -> bool:
        """Set the outcome; False if another thread has. ``store`` runs just before it shows.

        Delivering to the handlers is the next step, ``_drain``, and the caller's to place.
        """
        outcome: Outcome = (context, value, None)
        try:
            # The second look is for a rival that had finished, and left _completing, before this
            # thread entered.
            if _completing.setdefault(self, outcome) is not outcome or self._outcome is not None:
                return False
            if store is not None:
                store()
            self._outcome = outcome
            return True
        finally:
            if _completing.get(self) is outcome:
                del _completing[self]

    def _drain(self) -> None:
        """Deliver to all entries of the queue, unless a drain is running already."""
        _due.pop(self, None)
        if self._outcome is None:
            return  # the loser of _complete is early; the winner will drain, with the outcome set
        queue = self._queue
        while queue:
            baton = (get_ident(),)
            if _draining.setdefault(self, baton) is not baton:
                return  # the running drain looks at the queue again after it has left
            try:
                while queue:
                    try:
                        entry = queue.pop(0)
                    except IndexError:
                        break
                    entry.deliver(self)
            finally:
                del _draining[self]

    def _enqueue(self, entry: Entry) -> None:
        try:
            self._queue.append(entry)
            if self._outcome is not None:
                self._see_to_delivery()
        except BaseException:
            # Ctrl-C may have struck between the two, or between the two lines in there. The entries
            # behind this one would wait, since nothing delivers it.
            _due.pop(self, None)
            self._see_to_delivery()
            raise

    def _see_to_delivery(self) -> None:
        # Compared with the generation, because a forked child has none of the parent's jobs.
        if (self._outcome is not None and _due.get(self) is not workers.generation
                and self not in _draining):
            _due[self] = workers.generation
            self._runner.submit(self._drain)

    def _drained_here(self) -> bool:
        baton = _draining.get(self)
        return baton is not None and baton[0] == get_ident()

    # -- the SDK's spelling ------------------------------------------------------------------

    Completed = completed
    ProgressChanged = progress_changed
    Progress = progress
    Status = status
    IsCompleted = is_completed
    IsRanToCompletion = is_ran_to_completion
    IsFaulted = is_faulted
    Context = context
    Result = result
    AsTask = as_task


class CompletedEvent(EventBase[Callable[[IAsync[T]], object]]):
    """The completed event of one operation; made on demand, equal for the same operation."""

    __slots__ = ("_operation",)

    def __init__(self, operation: IAsync[T]) -> None:
        self._operation = operation

    def _subscribe(self, entry: Subscription) -> None:
        self._operation._enqueue(entry)

    def _unsubscribe(self, handler: Callable[[IAsync[T]], object]) -> None:
        unsubscribe(self._operation._queue, handler)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CompletedEvent) and other._operation is self._operation

    def __hash__(self) -> int:
        return hash(self._operation)


class ProgressEvent(EventBase[Callable[[IAsync[T]], object]]):
    """The progress event of an operation that reports none: it takes handlers and drops them."""

    __slots__ = ("_operation",)

    def __init__(self, operation: IAsync[T]) -> None:
        self._operation = operation

    def _subscribe(self, entry: Subscription) -> None:
        pass

    def _unsubscribe(self, handler: Callable[[IAsync[T]], object]) -> None:
        pass
