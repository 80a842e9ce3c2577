"""IAsync: the handle of one operation, and the slot that lets one operation of a kind run at once.

Everything about an operation that several threads touch is one of four things, and each changes
in a single step of the interpreter, so that no lock is needed (see ``_event.py`` for why):

* ``_outcome``: None, then once and for ever the pair (context, value). Whoever enters
  ``_completing`` for the operation first may set it.
* ``_queue``: handlers, waiters and awaits in the order in which they came. Whoever takes an entry
  out owns it: the drain, to deliver it; ``-=`` or a time-out, to drop it.
* ``_draining``: who delivers now. Appending first and looking for a drain second, while the drain
  leaves first and looks at the queue second, means that no entry is ever left behind.
* a slot: the list of the operations that asked for it; the first pending one holds it.
"""

from __future__ import annotations

import _thread
import os
import threading
import weakref
from concurrent.futures import Future, TimeoutError as FutureTimeoutError
from typing import (
    Any, Callable, Dict, Generator, Generic, List, Optional, Tuple, TypeVar, cast,
)

from ._event import Entry, EventBase, Subscription, discard, guarded, logger, must_be, unsubscribe
from ._results import ARRResult, RRException, RRSessionException, RRSessionGeneralContext
from ._workers import Runner

T = TypeVar("T")
Outcome = Tuple[RRSessionGeneralContext, Any]

_completing: Dict[IAsync[Any], Outcome] = {}
_draining: Dict[IAsync[Any], Tuple[int]] = {}
_tasks: Dict[IAsync[Any], AsyncTask[Any]] = {}


def _after_fork_in_child() -> None:
    for table in (_completing, _draining, _tasks):
        table.clear()  # the threads that would have cleaned up did not come along


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


class IAsync(Generic[T]):
    """The handle of an operation that completes on a worker thread.

    Subscribe with ``operation.completed += handler``; a handler gets the operation, runs on an
    ``arr-worker-N`` thread, exactly once, also when it is added after completion. Or block with
    ``wait`` and ``get``, or ``await`` it.
    """

    __slots__ = ("_runner", "_queue", "_outcome", "_task", "__weakref__")

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._queue: List[Entry] = []
        self._outcome: Optional[Outcome] = None
        self._task: Optional[AsyncTask[T]] = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.status}>"

    # -- what the SDK has --------------------------------------------------------------------

    @property
    def completed(self) -> CompletedEvent[T]:
        """The event that is raised once, on a worker thread, with this operation."""
        return CompletedEvent(self)

    @completed.setter
    def completed(self, event: CompletedEvent[T]) -> None:
        must_be(event, type(event) is CompletedEvent and event._operation is self)

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
        context, value = self._settled()
        if context.result != ARRResult.Success:
            raise RRSessionException(context)
        return cast(T, value)

    def _settled(self) -> Outcome:
        if self._outcome is None:
            raise RRException(ARRResult.InProgress, "the operation is still running; subscribe to "
                              "completed, or call wait() first")
        return self._outcome

    # -- blocking ----------------------------------------------------------------------------

    def wait(self, timeout: Optional[float] = None) -> bool:
        """Wait until every handler subscribed so far has returned; False after ``timeout`` seconds.

        Within the operation's own handlers it returns at once. Two handlers that wait for each
        other's operation block until their time-out.
        """
        if self._outcome is not None and not self._queue and self not in _draining:
            return True
        if self._drained_here():
            return True
        waiter = _Waiter()
        try:
            self._enqueue(waiter)
            return waiter.wait(timeout) or not discard(self._queue, waiter)
        finally:
            discard(self._queue, waiter)  # after Ctrl-C: nothing of us stays behind

    def get(self, timeout: Optional[float] = None) -> T:
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
        if self._task is not None:
            return self._task
        mine: AsyncTask[T] = AsyncTask(self)
        task = cast("AsyncTask[T]", _tasks.setdefault(self, mine))
        if self._task is not None:  # settled by another thread since we looked
            if task is mine:
                del _tasks[self]
            return self._task
        if self._drained_here():
            task.settle(self)
        elif task._entry not in self._queue:
            # Not only for our own: whoever made it may be the thread that we, as a signal
            # handler, interrupted before this line. Settling twice does no harm.
            self._enqueue(task._entry)
        return task

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in the running asyncio loop; cancelling the await cancels nothing else."""
        if self._outcome is None or self._queue or self in _draining:
            if not self._drained_here():
                yield from _Await.suspend(self)
        return self.result

    # -- the producer's half -----------------------------------------------------------------

    def _complete(self, context: RRSessionGeneralContext, value: object = None,
                  store: Optional[Callable[[], object]] = None) -> bool:
        """Set the outcome; False if somebody else has. ``store`` runs just before it shows.

        Delivering to the handlers is the next step, ``_drain``, and the caller's to place.
        """
        outcome: Outcome = (context, value)
        try:
            # The second look is for a rival who had finished, and left _completing, between our
            # caller's decision and our entering.
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
        """Deliver to whoever stands in the queue, unless a drain is running already."""
        queue = self._queue
        while queue:
            baton = (threading.get_ident(),)
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
        self._queue.append(entry)
        if self._outcome is not None and self not in _draining:
            self._runner.submit(self._drain)

    def _drained_here(self) -> bool:
        baton = _draining.get(self)
        return baton is not None and baton[0] == threading.get_ident()

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

    def _subscribe(self, handler: Callable[[IAsync[T]], object]) -> None:
        self._operation._enqueue(Subscription(handler))

    def _unsubscribe(self, handler: Callable[[IAsync[T]], object]) -> None:
        unsubscribe(self._operation._queue, handler)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other._operation is self._operation

    def __hash__(self) -> int:
        return hash(self._operation)


class ProgressEvent(EventBase[Callable[[IAsync[T]], object]]):
    """The progress event of an operation that reports none: it takes handlers and drops them."""

    __slots__ = ("_operation",)

    def __init__(self, operation: IAsync[T]) -> None:
        self._operation = operation

    def _subscribe(self, handler: Callable[[IAsync[T]], object]) -> None:
        pass

    def _unsubscribe(self, handler: Callable[[IAsync[T]], object]) -> None:
        pass


class CppCallback(Entry):
    """A callback of the C++ shape: it gets what the C++ lambda of that call gets."""

    __slots__ = ("callback", "arguments")

    def __init__(self, callback: Callable[..., object],
                 arguments: Callable[[IAsync[Any]], Tuple[object, ...]]) -> None:
        self.callback = callback
        self.arguments = arguments

    def deliver(self, *operation: object) -> None:
        guarded(self.callback, *self.arguments(cast("IAsync[Any]", operation[0])))


class _Waiter(Entry):
    """A thread that waits for its turn in an operation's queue."""

    __slots__ = ("_turn",)

    def __init__(self) -> None:
        self._turn = _thread.allocate_lock()
        self._turn.acquire()

    def deliver(self, *operation: object) -> None:
        self._turn.release()

    def wait(self, timeout: Optional[float]) -> bool:
        if timeout is None:
            return self._turn.acquire()
        return self._turn.acquire(True, min(max(timeout, 0.0), threading.TIMEOUT_MAX))


class AsyncTask(Future[T]):
    """The future of an operation: RUNNING from birth, so it cannot be cancelled; awaitable."""

    def __init__(self, operation: IAsync[T]) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self._operation: Optional[IAsync[T]] = operation
        self._entry = _Settle(self)

    def settle(self, operation: IAsync[T]) -> None:
        """Take the outcome over; called by the operation's drain, so by one thread at a time."""
        if self.done():
            return
        context, value = operation._settled()
        # First the attribute, then the dictionary: as_task looks at both in this order, twice.
        operation._task = self
        _tasks.pop(operation, None)
        if context.result == ARRResult.Success:
            guarded(self.set_result, value)
        else:
            guarded(self.set_exception, RRSessionException(context))

    def result(self, timeout: Optional[float] = None) -> T:
        """Return the value; TimeoutError (the builtin) after ``timeout`` seconds."""
        try:
            return super().result(timeout)
        except FutureTimeoutError:
            raise TimeoutError(f"the operation has not completed within {timeout} s") from None
        except RRSessionException as error:
            # A new one for each reader: a shared one would collect their tracebacks.
            raise RRSessionException(error.context) from None

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            assert self._operation is not None
            yield from _Await.suspend(self._operation)
        return self.result(0)


class _Settle(Entry):
    """The place of an operation's future in its queue."""

    __slots__ = ("task",)

    def __init__(self, task: AsyncTask[Any]) -> None:
        self.task = task

    def deliver(self, *operation: object) -> None:
        self.task.settle(cast("IAsync[Any]", operation[0]))


class _Await(Entry):
    """The place of one await in an operation's queue: wakes a future of the awaiting loop."""

    __slots__ = ("loop", "future")

    def __init__(self) -> None:
        import asyncio  # here, because a program without a loop need not load it

        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    @classmethod
    def suspend(cls, operation: IAsync[Any]) -> Generator[Any, None, None]:
        entry = cls()
        try:
            operation._enqueue(entry)
            yield from entry.future
        finally:
            discard(operation._queue, entry)  # after a cancelled await: nothing stays behind

    def deliver(self, *operation: object) -> None:
        try:
            self.loop.call_soon_threadsafe(self._wake)
        except RuntimeError:
            logger.debug("arr: an operation completed after the loop that awaited it was closed")

    def _wake(self) -> None:
        if not self.future.done():  # a cancelled await
            self.future.set_result(None)


class Slot:
    """Lets one operation of a kind be in flight at a time: the redundancy rule of the SDK.

    A slot is taken exactly while the operation that took it is pending, so freeing it is not a
    step that could be missed: the claims are weak references, and a claim whose operation has
    completed, or was lost to a Ctrl-C on the way to the caller, counts for nothing.
    """

    __slots__ = ("_claims",)

    def __init__(self) -> None:
        self._claims: List[weakref.ref[IAsync[Any]]] = []

    def take(self, operation: IAsync[Any]) -> bool:
        """Take the slot for an operation; False while an earlier one holds it."""
        mine = weakref.ref(operation)
        while True:
            self._claims.append(mine)
            holder = self._holder()
            if holder is operation:
                return True
            discard_claim(self._claims, mine)
            # Somebody who came after us may just have been refused because of our claim. Fine,
            # if the one before us is still pending; else the slot is free and we try again, lest
            # both be refused with nothing in flight.
            if holder is not None and not holder.is_completed:
                return False

    def _holder(self) -> Optional[IAsync[Any]]:
        for claim in self._claims.copy():
            operation = claim()
            if operation is not None and not operation.is_completed:
                return operation
            discard_claim(self._claims, claim)
        return None


def discard_claim(claims: List[weakref.ref[IAsync[Any]]], claim: weakref.ref[IAsync[Any]]) -> None:
    try:
        claims.remove(claim)
    except ValueError:
        pass
