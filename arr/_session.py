"""AzureSession: one rendering session of an account, by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from . import _routes as routes
from ._calls import Callback, refuse_disposed, start_call
from ._core import Core
from ._inspector import InspectorCall, inspector_url
from ._models import RRRenderingSessionProperties
from ._params import Params, UpdateRenderingSessionParams
from ._polling import Wait, begin_wait, cancel_waits
from ._results import (
    ARRRenderingSessionStatus, ARRResult, RRException, RRSessionGeneralContext,
)
from ._routes import Route
from ._runtime.operation import IAsync
from ._runtime.slots import Slot
from ._runtime.workers import Job

if TYPE_CHECKING:
    from ._frontend import AzureFrontend

Context = RRSessionGeneralContext


class AzureSession:
    """A rendering session; made by AzureFrontend only, which it keeps alive.

    At most one call of each kind is in flight on a session object; another one completes with
    AlreadyExists, without a request. Disposing the object never stops the machine: only
    stop_rendering_session_async does. Source: "Session APIs".
    """

    def __init__(self, core: Core, frontend: AzureFrontend, session_id: str) -> None:
        self._core: Core | None = core
        self._frontend: AzureFrontend | None = frontend
        self._runner = core.runner
        self._id = session_id
        self._slots = {route.name: Slot() for route in (
            routes.GET_RENDERING_SESSION_PROPERTIES, routes.UPDATE_RENDERING_SESSION,
            routes.STOP_RENDERING_SESSION, routes.CONNECT_TO_ARR_INSPECTOR)}
        self._replies: dict[int, RRRenderingSessionProperties] = {
            0: RRRenderingSessionProperties()}

    def __repr__(self) -> str:
        return f"<AzureSession {self._id} {self.status}>"

    # -- calls -------------------------------------------------------------------------------

    def get_rendering_session_properties_async(
            self, callback: Callable[[Context, RRRenderingSessionProperties], object] | None
            = None) -> IAsync[RRRenderingSessionProperties]:
        """Ask the service for the session's properties, and cache them in this object.

        Completes on a worker thread. Value: RRRenderingSessionProperties. Fails with
        SessionNotFound, AlreadyExists while another such call is in flight, or any result of the
        transport. Source: "Get rendering session properties".
        """
        return self._call(routes.GET_RENDERING_SESSION_PROPERTIES, callback)

    def update_rendering_session_async(
            self, params: UpdateRenderingSessionParams,
            callback: Callable[[Context], object] | None = None) -> IAsync[ARRResult]:
        """Set the session's lease to a new total, in hours and minutes from its start.

        Completes on a worker thread. Value: Success. Fails with InvalidParam when the service
        finds the lease no longer than the present one, SessionNotFound, AlreadyExists. Never sent
        twice. Source: "Update rendering session".
        """
        if not isinstance(params, UpdateRenderingSessionParams):
            raise TypeError("update_rendering_session_async takes UpdateRenderingSessionParams, "
                            f"not {type(params).__name__}")
        return self._call(routes.UPDATE_RENDERING_SESSION, callback, params)

    def stop_rendering_session_async(
            self, callback: Callable[[Context], object] | None = None) -> IAsync[ARRResult]:
        """Stop the session's machine; this ends the bill, and cannot be undone.

        Completes on a worker thread. Value: Success. Fails with SessionNotFound, AlreadyExists.
        Sent even when the process is about to end. Source: "Stop rendering session".
        """
        return self._call(routes.STOP_RENDERING_SESSION, callback)

    def connect_to_arr_inspector_async(
            self, callback: Callable[[ARRResult, str], object] | None = None) -> IAsync[str]:
        """Write the html file that opens the session's inspector in a browser.

        Completes on a worker thread. Value: the path of the file, good for 24 hours; show it with
        ``pathlib.Path(path).as_uri()``. Fails with InvalidParam while no hostname is cached.
        Source: "Connect to ARR inspector".
        """
        if isinstance(callback, str):
            raise TypeError("ConnectToArrInspectorAsync takes no host name: drop the argument, "
                            "the session object has it from its last properties")
        return self._call(routes.CONNECT_TO_ARR_INSPECTOR, callback)

    def wait_until_ready_async(
            self, deadline: float | None = None, interval: float = 10,
            callback: Callable[[Context, RRRenderingSessionProperties], object] | None = None
    ) -> Wait[RRRenderingSessionProperties]:
        """Poll the session's properties, every ``interval`` seconds, until it has left Starting.

        Completes on a worker thread. Value: the last properties, whose status is Ready, or Error,
        Expired or Stopped: look at it; or Unknown, for a word of the service that is none of
        these, which ``context.error_message`` quotes. ``progress_changed`` is raised after each
        poll. Fails with Timeout after ``deadline`` seconds, Cancelled when the object is disposed,
        or the result of the third failed poll in a row; being throttled only makes it slower.
        Polls never make another call AlreadyExists.

        The real service counts requests, so it is asked every 10 s; against the emulator a shorter
        ``interval`` does no harm.
        """
        core = self._core
        route = routes.GET_RENDERING_SESSION_PROPERTIES
        if core is None:
            return refuse_disposed(Wait(self._runner), route, callback, "session")
        return begin_wait(core, self, route, self._id, _has_started, deadline,
                          interval, callback)

    # -- the cache ---------------------------------------------------------------------------

    @property
    def properties(self) -> RRRenderingSessionProperties:
        """The properties of the last successful call; the default object before the first."""
        replies = self._replies.copy()
        return replies[max(replies)]

    @property
    def hostname(self) -> str:
        """The cached host name; empty before the session is ready."""
        return self.properties.hostname

    @property
    def status(self) -> ARRRenderingSessionStatus:
        """The cached status; Unknown before the first properties call."""
        return self.properties.status

    @property
    def session_uuid(self) -> str:
        """The id of the session."""
        return self._id

    @property
    def frontend(self) -> AzureFrontend:
        """The frontend that made this object; RRException once the object is disposed."""
        frontend = self._frontend
        if frontend is None:
            raise RRException(ARRResult.AlreadyDeinitialized, "the session was disposed")
        return frontend

    # -- lifetime ----------------------------------------------------------------------------

    def dispose(self) -> None:
        """Let go of the frontend. Calls in flight complete, waits end; the machine runs on."""
        core, self._core = self._core, None
        self._frontend = None
        if core is not None:
            cancel_waits(core, self)

    def __enter__(self) -> AzureSession:
        return self

    def __exit__(self, *error: object) -> None:
        self.dispose()

    # -- inside ------------------------------------------------------------------------------

    def _call(self, route: Route, callback: Callback,
              params: Params | None = None) -> IAsync[Any]:
        core = self._core
        if core is None:
            return refuse_disposed(IAsync(self._runner), route, callback, "session")
        slot = self._slots[route.name]
        if route is routes.CONNECT_TO_ARR_INSPECTOR:
            return start_call(core, route, self, lambda: inspector_url(self.properties), None,
                              callback, slot, InspectorCall)
        return start_call(core, route, self, lambda: self._id, params, callback, slot)

    def _ask(self) -> IAsync[RRRenderingSessionProperties]:
        """Query the session as a poll does: into its cache, but without its slot."""
        core = self._core
        if core is None:
            return self.get_rendering_session_properties_async()  # which says that it is disposed
        return start_call(core, routes.GET_RENDERING_SESSION_PROPERTIES, self, lambda: self._id,
                          None, None)

    def _adopt(self, core: Core, route: Route, value: Any, sent: int) -> tuple[Any, Job | None]:
        if route.name == routes.GET_RENDERING_SESSION_PROPERTIES.name:  # or the route of a poll
            return value, lambda: self._remember(sent, value)
        return value, None

    def _remember(self, sent: int, properties: RRRenderingSessionProperties) -> None:
        # Replies may overtake each other, and two workers may be here at once. So all are kept
        # under the number of their request, and each of us drops those older than the newest:
        # the newest is never dropped, and a reader never finds nothing.
        self._replies[sent] = properties
        for older in sorted(self._replies)[:-1]:
            self._replies.pop(older, None)

    # -- the SDK's spelling ------------------------------------------------------------------

    GetRenderingSessionPropertiesAsync = get_rendering_session_properties_async
    UpdateRenderingSessionAsync = update_rendering_session_async
    StopRenderingSessionAsync = stop_rendering_session_async
    WaitUntilReadyAsync = wait_until_ready_async
    ConnectToArrInspectorAsync = connect_to_arr_inspector_async
    Properties = properties
    Hostname = hostname
    HostName = hostname
    Status = status
    SessionUUID = session_uuid
    Frontend = frontend
    Dispose = dispose


def _has_started(properties: RRRenderingSessionProperties) -> bool:
    return properties.status != ARRRenderingSessionStatus.Starting
