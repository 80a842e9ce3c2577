"""What the tests of waits, of ARRServiceUnity and of hosts share: a service and a client on one
clock that stands still, and ways to wait for things without sleeping."""

from __future__ import annotations

import queue
from types import TracebackType
from typing import Any, Callable, List, Optional, Type

from arr import (
    ARRRenderingSessionVmSize, AzureFrontend, AzureFrontendAccountInfo, AzureSession,
    CreateRenderingSessionParams, SessionLocation,
)
from arr._runtime.workers import Job, Timer
from arr.emulator import Emulator
from arr.testing import FakeClock

from .threads import LIMIT

SMALL = CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1)


def account_of(emulator: Emulator, key: str = "") -> AzureFrontendAccountInfo:
    """Return the account of a service, with its key or another."""
    return AzureFrontendAccountInfo(emulator.url, emulator.account_id, key or emulator.account_key,
                                    location=SessionLocation.ignore)


class PollClock(FakeClock):
    """A FakeClock that tells which pauses the waits make between two polls."""

    def __init__(self) -> None:
        super().__init__()
        self.pauses: queue.SimpleQueue[float] = queue.SimpleQueue()

    def call_at(self, when: float, action: Job) -> Timer:
        timer = super().call_at(when, action)
        if getattr(action, "__name__", "") == "_due":
            self.pauses.put(when - self.monotonic())
        return timer

    def next_poll(self) -> float:
        """Wait until a wait has set its timer, and let it fire; return the seconds between."""
        pause = self.pauses.get(timeout=LIMIT)
        self.advance(pause)
        return pause


class Stage:
    """An emulator and a frontend of its account, on one clock."""

    def __init__(self, *, startup_seconds: float = 30.0, ingestion_seconds: float = 30.0,
                 token_seconds: float = 86_400.0, ingest: Optional[Callable[..., Any]] = None,
                 **options: Any) -> None:
        self.clock = PollClock()
        self.emulator = Emulator(startup_seconds=startup_seconds, token_seconds=token_seconds,
                                 ingestion_seconds=ingestion_seconds, clock=self.clock,
                                 ingest=ingest or _no_work)
        self._options = options

    def __enter__(self) -> Stage:
        self.emulator.start()
        self.frontend = AzureFrontend(self.account(), clock=self.clock, **self._options)
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.frontend.dispose()
        self.emulator.stop()

    def account(self, key: str = "") -> AzureFrontendAccountInfo:
        return account_of(self.emulator, key)

    def session(self) -> AzureSession:
        return self.frontend.create_rendering_session_async(SMALL).get(LIMIT)

    def requests(self, method: str, end: str) -> List[int]:
        """Return the HTTP codes of the requests to paths that end like this."""
        return [each["status"] for each in self.emulator.requests()
                if each["method"] == method and each["path"].rstrip("/").endswith(end)]


class _NoWork:
    def as_dict(self) -> dict[str, Any]:
        return {}


def _no_work(*arguments: object, **options: object) -> Any:
    return _NoWork()
