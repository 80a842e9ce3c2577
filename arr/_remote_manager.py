"""RemoteManager: the stub of the runtime connection. It keeps state and raises events; no network.

``connect`` only links a host name and a frontend. The events of the connection are queued and
raised by ``update`` on its caller's thread, as in the SDK, where ``Update`` is the frame tick.
"""

from __future__ import annotations

import logging
from collections import deque
from typing import Callable, Deque, Dict, NamedTuple, Optional, Tuple

from . import _routes as routes
from ._calls import Callback, add_callback, refuse
from ._frontend import AzureFrontend
from ._models import UpdateRenderingSessionParams
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


class _RemoteManager:
    """The connection to a session's machine, as a stub: no network, no rendering.

    Source: the Connect snippet of "Azure Frontend", and "Update rendering session".
    """

    def __init__(self) -> None:
        # Under one key, so that setdefault and pop are the steps that only one thread can win.
        self._link: Dict[str, _Link] = {}
        self._initialized: Dict[str, object] = {}
        self._pending: Deque[Tuple[ARRConnectionStatus, ARRResult]] = deque()
        self._event: Event[StatusHandler] = Event()

    def __repr__(self) -> str:
        return f"<RemoteManager {self.connection_status}>"

    def initialize_manager(self, init: object = None) -> None:
        """Prepare the manager; RRException(AlreadyInitialized) the second time. Not required."""
        mark = object()
        if self._initialized.setdefault("init", mark) is not mark:
            raise RRException(ARRResult.AlreadyInitialized, "the manager is initialized; call "
                              "shutdown_manager() first")

    def shutdown_manager(self) -> None:
        """Disconnect, and forget the initialization and the events not yet raised."""
        self._link.pop("link", None)
        self._initialized.pop("init", None)
        self._pending.clear()

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
        link = _Link(hostname, frontend)
        if self._link.setdefault("link", link) is not link:
            return ARRResult.AlreadyConnected
        self._pending.append((ARRConnectionStatus.Connecting, ARRResult.Success))
        self._pending.append((ARRConnectionStatus.Connected, ARRResult.Success))
        return ARRResult.Success

    def disconnect(self) -> ARRResult:
        """Let go of the session and the frontend. Result: Success, or NoConnection."""
        if self._link.pop("link", None) is None:
            return ARRResult.NoConnection
        self._pending.append((ARRConnectionStatus.Disconnected, ARRResult.Success))
        return ARRResult.Success

    @property
    def is_connected(self) -> bool:
        """True from a successful connect to the disconnect."""
        return "link" in self._link

    @property
    def connection_status(self) -> ARRConnectionStatus:
        """Connected or Disconnected; the stub is never in between."""
        return (ARRConnectionStatus.Connected if self.is_connected
                else ARRConnectionStatus.Disconnected)

    connection_status_changed = EventField[Event[StatusHandler]]("_event", """
        The event (status, result), raised by ``update`` on its caller's thread.""")

    def update(self) -> None:
        """Raise the events that are due; call it once per frame."""
        for _ in range(len(self._pending)):
            try:
                change = self._pending.popleft()
            except IndexError:
                return
            self._event._raise(*change)

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
        link: Optional[_Link] = self._link.get("link")
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
