"""RemoteManager: the stub of the runtime connection. It keeps state and raises events; no network.

``connect`` only links a host name and a frontend. The events of the connection are queued and
raised by ``update`` on its caller's thread, as in the SDK, where ``Update`` is the frame tick.
"""

from __future__ import annotations

import logging
from typing import Callable, Iterator, NamedTuple

from . import _routes as routes
from ._calls import Callback, add_callback, refuse
from ._frontend import AzureFrontend
from ._params import UpdateRenderingSessionParams
from ._results import ARRConnectionStatus, ARRResult, CallFailed, LogLevel, RRException
from ._runtime.events import Event, EventField
from ._runtime.operation import IAsync
from ._runtime.workers import workers

_LEVELS = {LogLevel.Error: logging.ERROR, LogLevel.Warning: logging.WARNING,
           LogLevel.Information: logging.INFO, LogLevel.Debug: logging.DEBUG}

StatusHandler = Callable[[ARRConnectionStatus, ARRResult], object]


class _Link(NamedTuple):
    hostname: str
    frontend: AzureFrontend


class _Change:
    """A change of the connection, and under "next" the change that follows it."""

    __slots__ = ("status", "link", "next", "_unraised")

    def __init__(self, status: ARRConnectionStatus, link: _Link | None = None) -> None:
        self.status = status
        self.link = link  # while it is the latest change
        self.next: dict[str, _Change] = {}
        self._unraised = [status]

    def take(self) -> bool:
        """Take the change in order to raise it; False if another thread has."""
        try:
            self._unraised.pop()
        except IndexError:
            return False
        return True


class _RemoteManager:
    """The connection to a session's machine, as a stub: no network, no rendering.

    Source: the Connect snippet of "Azure Frontend", and "Update rendering session".
    """

    def __init__(self) -> None:
        # State and events are one chain of changes, which only grows, at its end. ``setdefault``
        # is the step by which one thread adds a change behind the latest, so that the events come
        # in the order of what happened, even if another thread strikes in the middle of a call.
        self._latest = self._raised = _Change(ARRConnectionStatus.Disconnected)  # or older ones
        self._initialized: dict[str, object] = {}
        self._event: Event[StatusHandler] = Event()

    def __repr__(self) -> str:
        return f"<RemoteManager {self.connection_status}>"

    def initialize_manager(self, init: object = None) -> None:
        """Prepare the manager; RRException(AlreadyInitialized) the second time. Not required.

        ``init`` is what ``arr.unity.RRInterface.ClientInit()`` made, or anything: nobody reads it.
        """
        mark = object()
        if self._initialized.setdefault("init", mark) is not mark:
            raise RRException(ARRResult.AlreadyInitialized, "the manager is initialized; call "
                              "shutdown_manager() first")

    def shutdown_manager(self) -> None:
        """Disconnect, and forget the initialization and the events not yet raised."""
        self.disconnect()
        self._initialized.pop("init", None)
        for _ in self._due():
            pass

    def connect(self, hostname: str, frontend: AzureFrontend,
                ignore_certificate: bool = False) -> ARRResult:
        """Link the manager with a session by its host name; returns at once, without network.

        Result: Success, InvalidParam for an empty host name or a disposed frontend,
        AlreadyConnected. Connecting and Connected are raised by the next ``update``.
        """
        if not isinstance(hostname, str):
            raise TypeError(f"hostname must be a str, not {type(hostname).__name__}")
        if not isinstance(frontend, AzureFrontend):
            raise TypeError(f"frontend must be an AzureFrontend, not {type(frontend).__name__}")
        if not hostname.strip() or frontend._core is None:
            return ARRResult.InvalidParam
        connecting = _Change(ARRConnectionStatus.Connecting)
        connecting.next["next"] = _Change(ARRConnectionStatus.Connected,
                                          _Link(hostname, frontend))
        while True:
            latest = self._find_latest()
            if latest.status is ARRConnectionStatus.Connected:
                return ARRResult.AlreadyConnected
            if latest.next.setdefault("next", connecting) is connecting:
                return ARRResult.Success

    def disconnect(self) -> ARRResult:
        """Let go of the session and the frontend. Result: Success, or NoConnection."""
        disconnected = _Change(ARRConnectionStatus.Disconnected)
        while True:
            latest = self._find_latest()
            if latest.status is ARRConnectionStatus.Disconnected:
                return ARRResult.NoConnection
            if latest.next.setdefault("next", disconnected) is disconnected:
                latest.link = None
                return ARRResult.Success

    @property
    def is_connected(self) -> bool:
        """True from a successful connect to the disconnect."""
        return self.connection_status is ARRConnectionStatus.Connected

    @property
    def connection_status(self) -> ARRConnectionStatus:
        """Connected or Disconnected; the stub is never in between."""
        return self._find_latest().status

    connection_status_changed = EventField[Event[StatusHandler]]("_event", """
        The event (status, result), raised by ``update`` on its caller's thread.""")

    def update(self) -> None:
        """Raise the events that are due; call it once per frame."""
        for change in self._due():
            self._event._raise(change.status, ARRResult.Success)

    def log_message(self, level: LogLevel, text: str) -> None:
        """Write a line to the logger ``arr``."""
        if level in _LEVELS:
            logging.getLogger("arr").log(_LEVELS[level], "%s", text)

    def update_rendering_session_async(
            self, params: UpdateRenderingSessionParams,
            callback: Callback = None) -> IAsync[ARRResult]:
        """Forward to the session that the manager is connected to.

        Completes on a worker thread. Value: Success. Fails with NoConnection when not connected,
        or when no session object of the frontend has the connected host name in its cache; else
        as AzureSession.update_rendering_session_async. Source: "Update rendering session".
        """
        if not isinstance(params, UpdateRenderingSessionParams):
            raise TypeError("update_rendering_session_async takes UpdateRenderingSessionParams, "
                            f"not {type(params).__name__}")
        link = self._find_latest().link
        session = None if link is None else link.frontend._session_at(link.hostname)
        if session is not None:
            return session.update_rendering_session_async(params, callback)
        runner = workers if link is None else link.frontend._runner
        route = routes.UPDATE_RENDERING_SESSION
        operation: IAsync[ARRResult] = IAsync(runner)
        add_callback(operation, route, callback)
        return refuse(operation, route.name, CallFailed(
            ARRResult.NoConnection, "the RemoteManager is not connected" if link is None else
            "no session object has the connected host name in its cache; call its "
            "GetRenderingSessionPropertiesAsync"))

    def _find_latest(self) -> _Change:
        latest = self._latest
        while "next" in latest.next:
            latest = latest.next["next"]
        self._latest = latest
        return latest

    def _due(self) -> Iterator[_Change]:
        """Take what has happened up to now and was not raised yet."""
        change, latest = self._raised, self._find_latest()
        while change is not latest:
            self._raised = change = change.next["next"]
            if change.take():
                yield change

    InitializeManager = initialize_manager
    ShutdownManager = shutdown_manager
    Connect = connect
    Disconnect = disconnect
    IsConnected = is_connected
    ConnectionStatus = connection_status
    ConnectionStatusChanged = connection_status_changed
    Update = update
    LogMessage = log_message
    UpdateRenderingSessionAsync = update_rendering_session_async


RemoteManager = _RemoteManager()
