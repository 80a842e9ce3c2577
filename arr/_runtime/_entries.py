"""Who may stand in an operation's queue beside its handlers: callbacks, threads, awaits, a future.

See ``_async.py`` for the queue itself. None of them is told apart by ``==``, see ``_event.py``.
"""

from __future__ import annotations

import _thread
import threading
from typing import (
    TYPE_CHECKING, Any, Callable, Dict, Generator, Optional, Tuple, TypeVar, cast,
)

from .events import Entry, discard, guarded, logger

if TYPE_CHECKING:
    from .operation import IAsync
    from .future import AsyncTask

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
