"""The four events of ARRServiceUnity, raised inside its Update() only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from .._runtime.events import Event, must_be
from .._results import RRSessionGeneralContext
from .._session import AzureSession

if TYPE_CHECKING:
    from ._component import ARRServiceUnity

SessionHandler = Callable[[AzureSession], object]
ErrorHandler = Callable[["ARRServiceUnity", RRSessionGeneralContext], object]


class ServiceEvents:
    """The events that a host subscribes to; their handlers run on the thread that updates."""

    __slots__ = ("_started", "_changed", "_ended", "_failed")

    def __init__(self) -> None:
        self._started: Event[SessionHandler] = Event()
        self._changed: Event[SessionHandler] = Event()
        self._ended: Event[SessionHandler] = Event()
        self._failed: Event[ErrorHandler] = Event()

    @property
    def on_session_started(self) -> Event[SessionHandler]:
        """A session was created or opened; the handler gets it."""
        return self._started

    @on_session_started.setter
    def on_session_started(self, event: Event[SessionHandler]) -> None:
        must_be(event, event is self._started)

    @property
    def on_session_status_changed(self) -> Event[SessionHandler]:
        """The status of the active session has changed; see last_properties."""
        return self._changed

    @on_session_status_changed.setter
    def on_session_status_changed(self, event: Event[SessionHandler]) -> None:
        must_be(event, event is self._changed)

    @property
    def on_session_ended(self) -> Event[SessionHandler]:
        """The session was stopped, has expired or failed; it is no longer the active one."""
        return self._ended

    @on_session_ended.setter
    def on_session_ended(self, event: Event[SessionHandler]) -> None:
        must_be(event, event is self._ended)

    @property
    def on_session_error_encountered(self) -> Event[ErrorHandler]:
        """A call failed; the handler gets this component and the context with the cause."""
        return self._failed

    @on_session_error_encountered.setter
    def on_session_error_encountered(self, event: Event[ErrorHandler]) -> None:
        must_be(event, event is self._failed)

    # -- the SDK's spelling ------------------------------------------------------------------

    OnSessionStarted = on_session_started
    OnSessionStatusChanged = on_session_status_changed
    OnSessionEnded = on_session_ended
    OnSessionErrorEncountered = on_session_error_encountered
