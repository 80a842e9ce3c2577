"""Dispatcher: a queue by which other threads hand work to the one that pumps it."""

from __future__ import annotations

import threading
import time
from collections import deque
from typing import Any, Callable, Deque, TypeVar, cast

from .events import AsyncSubscription, is_async, logger, refuse_unrun, report

H = TypeVar("H", bound=Callable[..., object])


class _Post:
    """A call in the queue; told apart by identity alone, see ``events.py``."""

    __slots__ = ("function", "args")

    def __init__(self, function: Callable[..., object], args: tuple[object, ...]) -> None:
        self.function = function
        self.args = args


class Dispatcher:
    """Runs handlers on the thread that made it, when that thread calls ``pump``.

    ``operation.completed += dispatcher.bind(handler)`` has the handler run inside ``pump``, and
    ``-= dispatcher.bind(handler)`` takes it out again. A frame loop calls ``pump`` once per frame.
    An ``async def`` function is handed, when its turn in ``pump`` has come, to the asyncio loop in
    which it was bound or posted.

    A host whose loop sleeps gives ``wake``, which is called, on any thread, after each post:

    * asyncio: ``Dispatcher(lambda: loop.call_soon_threadsafe(dispatcher.pump))``
    * Qt: ``Dispatcher(bridge.posted.emit)`` with a signal ``posted`` connected to ``pump``
    * Tkinter, which has no such call: ``root.after(20, tick)``, where ``tick`` pumps and repeats
    """

    def __init__(self, wake: Callable[[], object] | None = None) -> None:
        self._wake = None if wake is None else _runnable("Dispatcher", wake)
        self._owner = threading.get_ident()
        self._queue: Deque[_Post] = deque()
        self._closed = False

    def post(self, function: Callable[..., object], *args: object) -> None:
        """Have a function called by the next ``pump``; from any thread, never blocks."""
        self._post(_runnable("post", function), args)

    def _post(self, function: Callable[..., object], args: tuple[object, ...]) -> None:
        if not self._closed:
            post = _Post(function, args)
            self._queue.append(post)
            # The owner may have closed, and pumped for the last time, between the two lines above.
            if not self._closed or not self._take_back(post):
                self._wake_host()
                return
        logger.error("arr: %r was posted to a closed dispatcher and will not run", function)

    def _wake_host(self) -> None:
        if self._wake is not None:
            try:
                refuse_unrun(self._wake())
            except Exception:  # such as a loop that was closed; the item stays for a pump
                logger.exception("arr: the wake call of a dispatcher failed")

    def _take_back(self, post: _Post) -> bool:
        try:
            self._queue.remove(post)
        except (ValueError, IndexError):  # IndexError: it changed meanwhile, so a pump is at it
            return False
        return True

    def bind(self, handler: H) -> H:
        """Return a handler that posts this one; equal to every other bind of the same handler.

        TypeError for an ``async def`` handler where no asyncio loop is running.
        """
        return cast(H, Bound(self, handler))  # called in the same way, so typed in the same way

    def pump(self, max_items: int | None = None, budget: float | None = None) -> int:
        """Call what was posted before now, on the owner's thread; return how many were called.

        At most ``max_items``, and none begins after ``budget`` seconds. What an item posts waits
        for the next pump. An item that fails is logged, and the others still run.
        """
        if threading.get_ident() != self._owner:
            raise RuntimeError("only the thread that made a Dispatcher may pump it")
        limit = len(self._queue)
        if max_items is not None:
            limit = min(limit, max_items)
        end = None if budget is None else time.monotonic() + budget
        called = 0
        while called < limit and (end is None or time.monotonic() < end):
            try:
                post = self._queue.popleft()
            except IndexError:  # an item that ran pumped too
                break
            called += 1
            try:
                refuse_unrun(post.function(*post.args))
            except Exception as error:  # not SystemExit, not Ctrl-C: the application's own thread
                report("arr: %r failed in a dispatcher", post.function, error)
        return called

    def close(self) -> None:
        """Call what is left, and refuse from then on."""
        self._closed = True
        while self.pump():
            pass


class Bound:
    """A handler tied to a dispatcher: calling it posts it."""

    __slots__ = ("dispatcher", "handler", "function")

    def __init__(self, dispatcher: Dispatcher, handler: Callable[..., object]) -> None:
        self.dispatcher = dispatcher
        self.handler = handler
        self.function = _runnable("bind", handler)

    def __call__(self, *args: Any) -> None:
        self.dispatcher._post(self.function, args)

    def __eq__(self, other: object) -> bool:
        return (isinstance(other, Bound) and other.dispatcher is self.dispatcher
                and bool(other.handler == self.handler))

    def __hash__(self) -> int:
        return hash((id(self.dispatcher), self.handler))

    def __repr__(self) -> str:
        return f"<bound to a dispatcher: {self.handler!r}>"


def _runnable(taker: str, function: Callable[..., object]) -> Callable[..., object]:
    """Return what to call in its place: for an async function, what hands it to its loop."""
    if not callable(function):
        raise TypeError(f"{taker} takes a callable, not {type(function).__name__}")
    return AsyncSubscription(function) if is_async(function) else function
