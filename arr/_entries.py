"""Who may stand in an operation's queue beside its handlers: callbacks, threads, awaits, a future.

See ``_async.py`` for the queue itself. None of them is told apart by ``==``, see ``_event.py``.
"""

from __future__ import annotations

import _thread
import threading
from concurrent.futures import Future, TimeoutError as FutureTimeoutError
from typing import (
    TYPE_CHECKING, Any, Callable, Dict, Generator, Optional, Tuple, TypeVar, cast,
)

from ._event import Entry, discard, guarded, logger
from ._results import ARRResult, RRSessionException

if TYPE_CHECKING:
    from ._async import IAsync

T = TypeVar("T")

tasks: Dict[IAsync[Any], AsyncTask[Any]] = {}  # of the operations that are pending


class CppCallback(Entry):
    """A callback of the C++ shape: it gets what the C++ lambda of that call gets."""

    __slots__ = ("callback", "arguments")

    def __init__(self, callback: Callable[..., object],
                 arguments: Callable[[IAsync[Any]], Tuple[object, ...]]) -> None:
        self.callback = callback
        self.arguments = arguments

    def deliver(self, *operation: object) -> None:
        guarded(self.callback, *self.arguments(cast("IAsync[Any]", operation[0])))


class Waiter(Entry):
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


class AsyncTask(Future[T], Entry):
    """The future of an operation: RUNNING from birth, so it cannot be cancelled; awaitable.

    It stands itself in the operation's queue, as one more entry.
    """

    def __init__(self, operation: IAsync[T]) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self._operation: Optional[IAsync[T]] = operation

    def deliver(self, *operation: object) -> None:
        """Take the outcome over; for the operation's drain only, so for one thread at a time."""
        done = self._operation
        if done is None:
            return
        context, value = done._settled()
        # First the attribute, then the dictionary: as_task looks at both in this order, twice.
        done._task = self
        tasks.pop(done, None)
        if context.result == ARRResult.Success:
            guarded(self.set_result, value)
        else:
            guarded(self.set_exception, RRSessionException(context))
        self._operation = None  # it refers to us, and would live until the garbage is collected

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Call ``fn`` with this future once it is settled; a failing one is logged."""
        # The base class lets SystemExit through, and with it skips the callbacks after that one.
        super().add_done_callback(lambda task: guarded(fn, task))

    def exception(self, timeout: Optional[float] = None) -> Optional[BaseException]:
        """Return the error or None; TimeoutError (the builtin) after ``timeout`` seconds."""
        try:
            error = super().exception(timeout)
        except FutureTimeoutError:
            raise TimeoutError(f"the operation has not completed within {timeout} s") from None
        # A new one for each reader: a shared one would collect their tracebacks.
        return RRSessionException(error.context) if isinstance(error, RRSessionException) else error

    def result(self, timeout: Optional[float] = None) -> T:
        """Return the value; TimeoutError (the builtin) after ``timeout`` seconds."""
        error = self.exception(timeout)
        if error is not None:
            try:
                raise error
            finally:
                del error  # else the traceback would refer to itself
        return super().result(0)

    def __await__(self) -> Generator[Any, None, T]:
        operation = self._operation
        if operation is not None and not self.done():
            yield from Await.suspend(operation)
        return self.result(0)


class Await(Entry):
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
