"""Who hears of handlers that fail, beside the log: the tests of a program.

Loaded by ``arr.testing`` and the pytest plugin only; while nobody listens, ``events.watches`` is
empty. A handler belongs to the test that subscribed it, and so does all that it subscribes in its
turn, however late it runs: a context variable tells, which follows it into an asyncio loop too.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Callable, Protocol

from .events import AsyncSubscription, Subscription, discard, watches


class Listener(Protocol):
    """A test, or a part of one, that hears of handlers that fail."""

    def take(self, handler: object, error: BaseException, test: object) -> bool:
        """Take a failure, on any thread; False leaves it to the listener that came before.

        ``test`` is the one that subscribed the handler, None if it was none in particular.
        """


_belongs_to: ContextVar[object] = ContextVar("the test that a handler belongs to", default=None)


class _Marked(Subscription):
    """A handler that belongs to a test."""

    __slots__ = ("test",)

    def __init__(self, handler: Callable[..., object], test: object) -> None:
        super().__init__(handler)
        self.test = test

    def deliver(self, *args: object) -> None:
        before = _belongs_to.set(self.test)
        try:
            super().deliver(*args)
        finally:
            _belongs_to.reset(before)


class Watch:
    """Marks the subscriptions of tests, and passes failures on: to the latest listener first."""

    def __init__(self) -> None:
        self.test: object = None  # the one that runs
        self.shared = False  # while fixtures are made that outlive it
        self._listeners: list[Listener] = []

    def add(self, listener: Listener) -> None:
        self._listeners.append(listener)
        if self not in watches:
            watches.append(self)

    def remove(self, listener: Listener) -> None:
        discard(self._listeners, listener)
        if not self._listeners:
            discard(watches, self)

    def mark(self, entry: Subscription) -> Subscription:
        test = _belongs_to.get() or (None if self.shared else self.test)
        if test is None:
            return entry
        if isinstance(entry, AsyncSubscription):
            entry.context.run(_belongs_to.set, test)
            return entry
        return _Marked(entry.handler, test)

    def failed(self, handler: object, error: BaseException) -> None:
        test = _belongs_to.get()
        for listener in reversed(self._listeners.copy()):
            if listener.take(handler, error, test):
                return


watch = Watch()
