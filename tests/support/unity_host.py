"""A host with a main loop around ARRServiceUnity, for its tests."""

from __future__ import annotations

import threading
from typing import Callable, List

from arr import AzureSession, RRSessionGeneralContext
from arr.unity import ARRServiceUnity

from .stage import SMALL, Stage
from .threads import LIMIT, until


class Host:
    """Runs frames, and notes the events in their order and the threads that raised them."""

    def __init__(self, stage: Stage, key: str = "", initialize: bool = True) -> None:
        self.stage = stage
        self.events: List[str] = []
        self.errors: List[RRSessionGeneralContext] = []
        self.threads: List[threading.Thread] = []
        self.service = service = ARRServiceUnity()
        service.on_session_started += lambda session: self.note("started")
        service.OnSessionStatusChanged += self.on_changed
        service.on_session_ended += lambda session: self.note("ended")
        service.OnSessionErrorEncountered += self.on_error
        if initialize:
            service.initialize(stage.account(key), clock=stage.clock)

    def note(self, event: str) -> None:
        self.events.append(event)
        self.threads.append(threading.current_thread())

    def on_changed(self, session: AzureSession) -> None:
        assert session is self.service.CurrentActiveSession
        self.note(str(self.service.LastProperties.Status))

    def on_error(self, caller: ARRServiceUnity, context: RRSessionGeneralContext) -> None:
        assert caller is self.service
        self.errors.append(context)
        self.note(f"error {context.Result}")

    def run(self, until_: Callable[[], object], seconds: float = 0.0) -> None:
        """Run frames, each so many seconds long, until something is true."""
        def frame() -> object:
            self.stage.clock.advance(seconds)
            self.service.Update()
            return until_()

        until(frame)

    def settle(self) -> None:
        """Run frames until nothing is in flight and nothing is due."""
        service = self.service
        self.run(lambda: not (service._query or service._renewal or service._starting
                              or service._dispatcher._queue
                              or service._session and service._schedule.query_due))

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and have the service notice."""
        self.stage.clock.advance(seconds)
        self.service.update()
        self.settle()

    def start(self, ready: bool = True) -> AzureSession:
        """Start a session; let its machine start too."""
        session = self.service.start_session(SMALL).get(LIMIT)
        self.settle()
        while ready and "Ready" not in self.events:
            self.pass_time(20)
        return session

    def queries(self) -> List[int]:
        return self.stage.requests("GET", "properties")

    def end(self) -> None:
        self.service.auto_stop_session = False
        self.service.destroy()
