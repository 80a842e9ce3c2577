"""The future of an operation. It needs concurrent.futures, so it is imported with the first
frontend, and not with the package."""

from __future__ import annotations

from concurrent.futures import Future, TimeoutError as FutureTimeoutError
from typing import TYPE_CHECKING, Any, Callable, Generator, TypeVar

from .._results import ARRResult, RRSessionException
from .events import Await, Entry, guarded, subscription

if TYPE_CHECKING:
    from .operation import IAsync

T = TypeVar("T")


class AsyncTask(Future[T], Entry):
    """The future of an operation: RUNNING from birth, so it cannot be cancelled; awaitable.

    It is itself an entry of the operation's queue.
    """

    def __init__(self, operation: IAsync[T]) -> None:
        super().__init__()
        self.set_running_or_notify_cancel()
        self._operation: IAsync[T] | None = operation

    def deliver(self, *operation: object) -> None:
        """Take the outcome over; for the operation's drain only, so for one thread at a time."""
        done = self._operation
        if done is None:
            return
        context, value, _ = done._hand_over(self)
        if context.result == ARRResult.Success:
            guarded(self.set_result, value)
        else:
            guarded(self.set_exception, RRSessionException(context))
        self._operation = None  # a cycle, which would keep both until the collector comes

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Call ``fn`` with this future once it is settled; a failing one is logged."""
        # The base class lets SystemExit through, and with it skips the callbacks after that one.
        super().add_done_callback(subscription(fn).deliver)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return the error or None; TimeoutError (the builtin) after ``timeout`` seconds."""
        try:
            error = super().exception(timeout)
        except FutureTimeoutError:
            raise TimeoutError(f"the operation has not completed within {timeout} s") from None
        # A new one for each reader: a shared one would collect their tracebacks.
        return RRSessionException(error.context) if isinstance(error, RRSessionException) else error

    def result(self, timeout: float | None = None) -> T:
        """Return the value; TimeoutError (the builtin) after ``timeout`` seconds."""
        error = self.exception(timeout)
        if error is not None:
            try:
                raise error
            finally:
                del error  # else the traceback would refer to itself
        return super().result()

    def __await__(self) -> Generator[Any, None, T]:
        operation = self._operation
        if operation is not None:
            yield from Await.suspend(operation)
        return self.result(0)
