"""The four events of ARRServiceUnity, raised inside its Update() only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from .._results import RRSessionGeneralContext
from .._runtime.events import Event, EventField
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

    on_session_started = EventField[Event[SessionHandler]]("_started", """
        A session was created or opened; the handler gets it.""")
    on_session_status_changed = EventField[Event[SessionHandler]]("_changed", """
        The status of the active session has changed; see last_properties.""")
    on_session_ended = EventField[Event[SessionHandler]]("_ended", """
        The session was stopped, has expired or failed; it is no longer the active one.""")
    on_session_error_encountered = EventField[Event[ErrorHandler]]("_failed", """
        A call failed; the handler gets this component and the context with the cause.""")

    # -- the SDK's spelling ------------------------------------------------------------------

    OnSessionStarted = on_session_started
    OnSessionStatusChanged = on_session_status_changed
    OnSessionEnded = on_session_ended
    OnSessionErrorEncountered = on_session_error_encountered
