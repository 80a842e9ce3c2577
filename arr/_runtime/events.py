"""Events: ``+=`` and ``-=`` as in C#, and the guarded call of one handler.

A plain handler runs where the event is raised. An ``async def`` handler, C#'s ``async void``, runs
in the asyncio loop in which it was subscribed; nothing here imports asyncio for that.

The lists in here are shared between threads without a lock, because a signal handler or a
finalizer may call the API at any instant, on the very thread that would hold it. Each change is
one step of the interpreter (``workers.py`` lists those), as long as no ``__eq__`` of Python takes
part: so handlers, which may define one, are wrapped in entries, which do not.
"""

from __future__ import annotations

import _thread
import logging
import sys
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from functools import partial
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Callable, Generic, Protocol, TypeVar, overload

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger("arr")

H = TypeVar("H", bound=Callable[..., object])
E = TypeVar("E", bound="EventBase[Any]")
V = TypeVar("V")

CO_COROUTINE = 0x80  # as in inspect, whose import takes longer than all of ours


def guarded(call: Callable[..., object], *args: object) -> None:
    """Call a piece of user code; whatever it raises is logged and goes no further.

    Except Ctrl-C on the main thread, where only an executor or a clock of the caller's runs it:
    that is meant for the program, not for the handler.
    """
    try:
        call(*args)
    except BaseException as error:  # SystemExit too: it must cost neither worker nor next handler
        _failed(call, error)


def _failed(call: object, error: BaseException) -> None:
    if (isinstance(error, KeyboardInterrupt)
            and threading.current_thread() is threading.main_thread()):
        raise error
    report("arr: the handler %r failed; the other handlers go on", call, error)


def report(text: str, call: object, error: BaseException) -> None:
    """Log the failure of a piece of user code, and tell the test that runs; while handling it."""
    try:
        logger.exception(text, call)
    except BaseException:  # a logging handler, or the handler's own repr, is user code too
        try:
            logger.error("arr: a handler failed, and so did the report of it")
        except BaseException:
            pass  # the worker and the next handler must live all the same
    for watch in watches.copy():
        watch.failed(call, error)


class Watch(Protocol):
    """What tests put in ``watches``, see ``failures.py``."""

    def mark(self, entry: Subscription) -> Subscription:
        """Return the entry in its place that knows its test."""

    def failed(self, handler: object, error: BaseException) -> None:
        """Hear of a failure, on any thread."""


watches: list[Watch] = []


class Entry:
    """A place in an event's list; told apart by identity alone, see the top of this file."""

    __slots__ = ()

    def deliver(self, *args: object) -> None:
        """Pass on what the event is raised with."""
        raise NotImplementedError


class Subscription(Entry):
    """A handler in an event's list."""

    __slots__ = ("handler",)

    def __init__(self, handler: Callable[..., object]) -> None:
        self.handler = handler

    def deliver(self, *args: object) -> None:
        try:
            left = self.handler(*args)
            if left is not None:
                refuse_unrun(left)
        except BaseException as error:  # as in guarded
            _failed(self.handler, error)


def refuse_unrun(left: object) -> None:
    """Raise TypeError for a coroutine or generator that a plain handler has returned."""
    if isinstance(left, Coroutine):
        left.close()
        raise TypeError("it returned a coroutine, which nobody awaits: subscribe the async def "
                        "function itself, not a lambda or a function that calls it")
    if isinstance(left, (Generator, AsyncGenerator)):
        raise TypeError("it returned a generator, which nobody runs: a handler holds no yield")


# -- async def handlers ----------------------------------------------------------------------------

# The handlers that are running, by loop: asyncio itself keeps weak references to tasks only. A set
# is touched on the thread of its loop alone.
_running: dict[asyncio.AbstractEventLoop, set[asyncio.Task[None]]] = {}


class AsyncSubscription(Subscription):
    """An ``async def`` handler: runs in the loop, and the context, in which it was subscribed."""

    __slots__ = ("loop", "context")

    loop: asyncio.AbstractEventLoop

    def __init__(self, handler: Callable[..., Any]) -> None:
        super().__init__(handler)
        loaded: Any = sys.modules.get("asyncio")  # while it is not, no loop can be running
        try:
            self.loop = loaded.get_running_loop()
        except (RuntimeError, AttributeError):
            raise TypeError(
                f"{handler!r} is an async def handler, and no asyncio loop is running on this "
                "thread that could run it: subscribe it inside the loop (in an async def "
                "function), or subscribe a plain function") from None
        from contextvars import copy_context

        self.context = copy_context()

    def __repr__(self) -> str:
        return repr(self.handler)

    def deliver(self, *args: object) -> None:
        """Hand the handler to its loop; from any thread."""
        try:
            self.loop.call_soon_threadsafe(self._begin, args, context=self.context)
        except RuntimeError:
            guarded(logger.warning, "arr: the async handler %r will not run, because its loop was "
                    "closed", self)
        except BaseException as error:  # no loop of asyncio's own
            _failed(self.handler, error)

    __call__ = deliver  # what a Dispatcher posts

    def _begin(self, args: tuple[object, ...]) -> None:
        tasks = _running.get(self.loop)
        if tasks is None:
            for loop in list(_running):
                if loop.is_closed():  # with tasks in it, which will never end
                    _running.pop(loop, None)
            tasks = _running.setdefault(self.loop, set())
        task = self.loop.create_task(self._run(args))
        tasks.add(task)
        task.add_done_callback(self._ended)

    async def _run(self, args: tuple[object, ...]) -> None:
        from asyncio import CancelledError  # loaded before: its loop is running us

        try:
            await self.handler(*args)  # type: ignore[misc]
        except CancelledError:  # asyncio.run does that at its end
            logger.warning("arr: the async handler %r was cancelled before its end", self)
            raise
        except Exception as error:  # not SystemExit, not Ctrl-C: this is the application's thread
            _failed(self.handler, error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        tasks = _running.get(self.loop)
        if tasks is not None:
            tasks.discard(task)
            if not tasks:
                del _running[self.loop]


def is_async(handler: object) -> bool:
    """Tell whether a call makes a coroutine; looks into partials, methods and ``__call__``."""
    while isinstance(handler, (partial, MethodType)):
        handler = handler.func if isinstance(handler, partial) else handler.__func__
    for part in (handler, getattr(type(handler), "__call__", None)):
        flags = getattr(getattr(part, "__code__", None), "co_flags", 0)
        if isinstance(flags, int) and flags & CO_COROUTINE:
            return True
    return False


def subscription(handler: Callable[..., object]) -> Subscription:
    """Return the entry for a handler; TypeError for what cannot be one."""
    # Nearly always it is a plain function; asking that first takes 10 % off an operation's life.
    if type(handler) is FunctionType and not handler.__code__.co_flags & CO_COROUTINE:
        entry = Subscription(handler)
    elif callable(handler):
        entry = AsyncSubscription(handler) if is_async(handler) else Subscription(handler)
    else:
        raise TypeError(f"an event takes a callable, not {type(handler).__name__}")
    if watches:
        for watch in watches.copy():
            entry = watch.mark(entry)
    return entry


# -- lists of entries ------------------------------------------------------------------------------

def discard(entries: list[Any], entry: object) -> bool:
    """Take an entry out of a list; False when another thread took it first.

    One step, for whatever is told apart without an ``__eq__`` of Python: entries, threads, weak
    references to objects of ours.
    """
    try:
        entries.remove(entry)
    except ValueError:
        return False
    return True


def unsubscribe(entries: list[Any], handler: object) -> None:
    """Take out the last entry whose handler equals this one; none is no error.

    The comparison is user code, so it runs on a copy. When the entry found has been taken
    meanwhile, the handler is running or has run: it cannot be recalled.
    """
    for entry in reversed(entries.copy()):
        if isinstance(entry, Subscription) and entry.handler == handler:
            discard(entries, entry)
            return


# -- events ----------------------------------------------------------------------------------------

class EventBase(Generic[H]):
    """What every event can do: ``event += h``, ``event -= h``, ``@event``."""

    __slots__ = ()

    def _subscribe(self, entry: Subscription) -> None:
        raise NotImplementedError

    def _unsubscribe(self, handler: H) -> None:
        raise NotImplementedError

    def __iadd__(self: E, handler: H) -> E:
        self._subscribe(subscription(handler))
        return self

    def __isub__(self: E, handler: H) -> E:
        self._unsubscribe(handler)
        return self

    def __call__(self, handler: H) -> H:
        """Subscribe and return the handler, so that an event serves as a decorator."""
        self.__iadd__(handler)
        return handler


class Event(EventBase[H]):
    """An event that may be raised many times, on whatever thread raises it."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: list[Subscription] = []

    def _subscribe(self, entry: Subscription) -> None:
        self._entries.append(entry)

    def _unsubscribe(self, handler: H) -> None:
        unsubscribe(self._entries, handler)

    def _raise(self, *args: object) -> None:
        """Call the handlers subscribed now, in order, except those removed meanwhile."""
        for entry in self._entries.copy():
            if entry in self._entries:
                entry.deliver(*args)


class EventField(Generic[V]):
    """An event that an object keeps in a field: ``+=`` and ``-=`` go there, nothing replaces it."""

    def __init__(self, field: str, doc: str) -> None:
        self._field = field
        self.__doc__ = doc.strip()

    @overload
    def __get__(self, owner: None, cls: type) -> EventField[V]: ...

    @overload
    def __get__(self, owner: object, cls: type) -> V: ...

    def __get__(self, owner: object, cls: type) -> Any:
        return self if owner is None else getattr(owner, self._field)

    def __set__(self, owner: object, event: V) -> None:
        must_be(event, event is getattr(owner, self._field))


def must_be(event: object, same: bool) -> None:
    """Refuse the assignment that ``op.completed = x`` would be; ``+=`` passes."""
    if not same:
        raise TypeError(
            f"an event cannot be replaced (got {type(event).__name__}); subscribe with += and "
            f"unsubscribe with -="
        )


class Waiter(Entry):
    """A thread that waits for its turn in an operation's queue."""

    __slots__ = ("_turn",)

    def __init__(self) -> None:
        self._turn = _thread.allocate_lock()
        self._turn.acquire()

    def deliver(self, *operation: object) -> None:
        self._turn.release()

    def wait(self, timeout: float | None) -> bool:
        if timeout is None:
            return self._turn.acquire()
        return self._turn.acquire(True, min(max(timeout, 0.0), threading.TIMEOUT_MAX))


class Queued(Protocol):
    """An operation, as far as an await needs to know it."""

    _queue: list[Entry]

    def _enqueue(self, entry: Entry) -> None: ...


class Await(Entry):
    """The place of one await in an operation's queue: wakes a future of the awaiting loop."""

    __slots__ = ("loop", "future")

    def __init__(self) -> None:
        import asyncio  # here, because a program without a loop need not load it

        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    @classmethod
    def suspend(cls, operation: Queued) -> Generator[Any, None, None]:
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
