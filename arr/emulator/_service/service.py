"""``Service``: all state of one emulator, and the commands that concern several parts of it."""

from __future__ import annotations

import time
from typing import Any

from .. import _clock
from .._clock import Clock
from .faults import Faults
from .journal import Journal
from .meter import Meter
from .state import State
from .storage import Storage
from .throttle import Throttle
from .tokens import Tokens


class Service:
    """All state of one emulator; knows no socket and no protocol."""

    def __init__(self, clock: Clock, state: State, tokens: Tokens, faults: Faults,
                 storage: Storage, *, accept_authentication_token: bool) -> None:
        self.clock = clock
        self.state = state
        self.tokens = tokens
        self.accept_authentication_token = accept_authentication_token
        self.faults = faults
        self.storage = storage
        self.throttle = Throttle(clock.monotonic)
        self.journal = Journal()
        self.meter = Meter()

    def advance(self, seconds: object) -> None:
        """Move the clock forward."""
        before = self.clock.monotonic()
        self.state.note_jump(before, _clock.advance(self.clock, seconds))

    def reset(self) -> None:
        """Forget everything but the accounts, their tokens and the time."""
        self.faults.clear()
        self.throttle.set(None)
        self.state.reset()
        self.journal.clear()
        self.meter.clear()

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of all state, by named fields."""
        return {"time": self.clock.time(), **self.state.snapshot(), **self._trouble()}

    def overview(self, limit: int) -> dict[str, Any]:
        """Return what fits a page: the newest of everything, counts and the last two minutes."""
        return {
            "time": self.clock.time(),
            "limit": limit,
            **self.state.overview(limit),
            **self._trouble(),
            "holds": self.faults.holding(),
            "requests": self.journal.snapshot(limit)[::-1],
            "meter": self.meter.snapshot(time.monotonic()),
        }

    def _trouble(self) -> dict[str, Any]:
        return {"faults": self.faults.snapshot(),
                "throttle_per_minute": self.throttle.per_minute}
