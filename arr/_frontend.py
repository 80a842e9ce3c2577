"""AzureFrontend: the account's calls, and the sessions that are made from it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, Callable, Union

from . import _routes as routes
from ._account import Account, AzureFrontendAccountInfo
from ._calls import Callback, add_callback, refuse, refuse_disposed, start_call
from ._core import Core
from ._models import RRRenderingSessionProperties
from ._params import CreateRenderingSessionParams, IngestAssetParams, Params, checked_id
from ._polling import Wait, begin_wait, cancel_waits
from ._results import (
    ARRIngestionSessionStatus, ARRResult, CallFailed, RRException, RRSessionGeneralContext,
)
from ._routes import Route
from ._runtime.events import discard
from ._runtime.interpreter import check_interpreter
from ._runtime.operation import IAsync
from ._runtime.workers import Clock, Job, SystemClock
from ._session import AzureSession

if TYPE_CHECKING:
    from concurrent.futures import Executor

Context = RRSessionGeneralContext
Seconds = Union[int, float]


class AzureFrontend:
    """The client of an account: ingests models, creates, opens and lists rendering sessions.

    ``executor`` runs the calls and their handlers in place of the worker threads. ``timeout`` is
    (connect, read) in seconds; a whole operation may take connect + 2 x read. ``max_calls`` is
    the number of calls on the wire at once. ``exit_seconds`` is how long the end of the process
    may wait for calls that change something. ``clock`` replaces the time, for tests. Raises
    RRException(InvalidParam) that says which account field is wrong, RuntimeError in an isolated
    subinterpreter and while the GIL is off. Source: "Azure Frontend".

    A GET or DELETE whose connection fails, or that is answered 502, 503 or 504, is sent again
    after 0.1 s and after 0.3 s more; POST and PATCH never are, except once after a 401.
    """

    def __init__(self, account_info: AzureFrontendAccountInfo, *,
                 executor: Executor | None = None,
                 timeout: Seconds | tuple[Seconds, Seconds] = (5, 30),
                 max_calls: int = 64, exit_seconds: Seconds = 1.0,
                 clock: Clock | None = None) -> None:
        check_interpreter()
        account = Account(account_info)
        if not isinstance(max_calls, int) or isinstance(max_calls, bool) or max_calls < 1:
            raise RRException(ARRResult.InvalidParam, "max_calls must be an int of at least 1")
        core = Core(account, executor, _checked_timeout(timeout), max_calls,
                    _checked_seconds("exit_seconds", exit_seconds, 0.0), clock or SystemClock())
        self._core: Core | None = core
        self._runner = core.runner
        self._domain = account.domain
        self._sessions: list[weakref.ref[AzureSession]] = []

    def __repr__(self) -> str:
        return f"<AzureFrontend {self._domain}{'' if self._core else ', disposed'}>"

    @property
    def account_domain(self) -> str:
        """The domain in use: the location and the account's domain, or the domain as it is."""
        return self._domain

    # -- ingestion ---------------------------------------------------------------------------

    def start_asset_ingestion_async(
            self, params: IngestAssetParams,
            callback: Callable[[Context, str], object] | None = None) -> IAsync[str]:
        """Start the ingestion of a model from one container to another.

        Completes on a worker thread, when the service has accepted it. Value: the asset id. Fails
        with InvalidParam or any result of the transport. Never sent twice. Source: "Start asset
        ingestion".
        """
        _must_be(params, IngestAssetParams, "start_asset_ingestion_async")
        return self._call(routes.START_ASSET_INGESTION, callback, params)

    def get_ingestion_status_async(
            self, asset_id: str,
            callback: Callable[[Context, ARRIngestionSessionStatus], object] | None = None
    ) -> IAsync[ARRIngestionSessionStatus]:
        """Ask how far an ingestion is.

        Completes on a worker thread. Value: ARRIngestionSessionStatus. Fails with InvalidId when
        the account has no such ingestion. Source: "Get ingestion status".
        """
        return self._call(routes.GET_INGESTION_STATUS, callback, None,
                          lambda: checked_id("asset_id", asset_id))

    def wait_for_ingestion_async(
            self, asset_id: str, deadline: float | None = None, interval: float = 10,
            callback: Callable[[Context, ARRIngestionSessionStatus], object] | None = None
    ) -> Wait[ARRIngestionSessionStatus]:
        """Poll the status of an ingestion, every ``interval`` seconds, until it has ended.

        Completes on a worker thread. Value: Success, Failure or Aborted: look at it; or Unknown,
        for a word of the service that is none of these, which ``context.error_message`` quotes.
        ``progress_changed`` is raised after each poll. Fails with Timeout after ``deadline``
        seconds, Cancelled when the frontend is disposed, or the result of the third failed poll
        in a row; being throttled only makes it slower.

        The real service counts requests, so it is asked every 10 s; against the emulator a shorter
        ``interval`` does no harm.
        """
        route = routes.GET_INGESTION_STATUS
        if not isinstance(asset_id, str):
            raise TypeError(f"asset_id must be a str, not {type(asset_id).__name__}")
        core = self._core
        if core is None:
            return refuse_disposed(Wait(self._runner), route, callback, "frontend")
        try:
            target = checked_id("asset_id", asset_id)
        except CallFailed as failure:
            wait: Wait[ARRIngestionSessionStatus] = Wait(self._runner)
            add_callback(wait, route, callback)
            return refuse(wait, "WaitForIngestionAsync", failure)
        return begin_wait(core, self, route, target, _has_ended, deadline, interval, callback)

    # -- sessions ----------------------------------------------------------------------------

    def create_rendering_session_async(
            self, params: CreateRenderingSessionParams,
            callback: Callable[[Context, AzureSession], object] | None = None
    ) -> IAsync[AzureSession]:
        """Create a rendering session; its machine starts, and costs money until it is stopped.

        Completes on a worker thread, when the service has accepted it. Value: AzureSession, still
        starting. Fails with InvalidParam or any result of the transport. Never sent twice.
        Source: "Create rendering session".
        """
        _must_be(params, CreateRenderingSessionParams, "create_rendering_session_async")
        return self._call(routes.CREATE_RENDERING_SESSION, callback, params)

    def open_rendering_session(self, session_id: str) -> AzureSession:
        """Return the object of an existing session; asks nobody whether it exists.

        Synchronous. RRException(InvalidParam) for what cannot be an id, AlreadyDeinitialized on a
        disposed frontend. Source: "Open an existing rendering session".
        """
        core = self._core
        if core is None:
            raise RRException(ARRResult.AlreadyDeinitialized, "the frontend was disposed")
        try:
            return self._session(core, checked_id("session_id", session_id))
        except CallFailed as failure:
            raise RRException(failure.result, failure.detail) from None

    def get_rendering_session_properties_async(
            self, session_id: str,
            callback: Callable[[Context, RRRenderingSessionProperties], object] | None = None
    ) -> IAsync[RRRenderingSessionProperties]:
        """Ask for the properties of any session of the account; no session object caches them.

        Completes on a worker thread. Value: RRRenderingSessionProperties. Fails with
        SessionNotFound. Source: the C++ snippet of "Get rendering session properties".
        """
        return self._call(routes.GET_RENDERING_SESSION_PROPERTIES, callback, None,
                          lambda: checked_id("session_id", session_id))

    def get_current_rendering_sessions_async(
            self, callback: Callable[
                [Context, list[RRRenderingSessionProperties], int], object] | None = None
    ) -> IAsync[list[RRRenderingSessionProperties]]:
        """List the sessions of the account that are starting or ready.

        Completes on a worker thread. Value: a list of RRRenderingSessionProperties. Fails with any
        result of the transport. Source: "Get current rendering sessions".
        """
        return self._call(routes.GET_CURRENT_RENDERING_SESSIONS, callback)

    # -- lifetime ----------------------------------------------------------------------------

    def dispose(self) -> None:
        """Refuse further calls. Calls in flight complete, waits for ingestions end, sessions of
        this frontend work on."""
        core, self._core = self._core, None
        if core is not None:
            cancel_waits(core, self)

    def __enter__(self) -> AzureFrontend:
        return self

    def __exit__(self, *error: object) -> None:
        self.dispose()

    # -- inside ------------------------------------------------------------------------------

    def _call(self, route: Route, callback: Callback, params: Params | None = None,
              target: Callable[[], str] = str) -> IAsync[Any]:
        core = self._core
        if core is None:
            return refuse_disposed(IAsync(self._runner), route, callback, "frontend")
        return start_call(core, route, self, target, params, callback)

    def _adopt(self, core: Core, route: Route, value: Any, sent: int) -> tuple[Any, Job | None]:
        if route is routes.CREATE_RENDERING_SESSION:
            return self._session(core, value), None  # with the job's core: we may be disposed
        return value, None

    def _session(self, core: Core, session_id: str) -> AzureSession:
        session = AzureSession(core, self, session_id)
        for reference in self._sessions.copy():
            if reference() is None:
                discard(self._sessions, reference)
        self._sessions.append(weakref.ref(session))
        return session

    def _session_at(self, hostname: str) -> AzureSession | None:
        """Return the newest session object, not disposed, whose cached hostname is this one."""
        for reference in reversed(self._sessions.copy()):
            session = reference()
            if session is not None and session._core and session.hostname == hostname:
                return session
        return None

    # -- the SDK's spelling ------------------------------------------------------------------

    AccountDomain = account_domain
    StartAssetIngestionAsync = start_asset_ingestion_async
    GetIngestionStatusAsync = get_ingestion_status_async
    WaitForIngestionAsync = wait_for_ingestion_async
    CreateRenderingSessionAsync = create_rendering_session_async
    OpenRenderingSession = open_rendering_session
    GetRenderingSessionPropertiesAsync = get_rendering_session_properties_async
    GetCurrentRenderingSessionsAsync = get_current_rendering_sessions_async
    Dispose = dispose


def _has_ended(status: ARRIngestionSessionStatus) -> bool:
    return status not in (ARRIngestionSessionStatus.Created, ARRIngestionSessionStatus.Running)


def _must_be(params: object, kind: type, call: str) -> None:
    if not isinstance(params, kind):
        raise TypeError(f"{call} takes {kind.__name__}, not {type(params).__name__}")


def _checked_seconds(name: str, value: object, least: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} must be a number of seconds, not {type(value).__name__}")
    if not least <= value < 1e6:
        raise RRException(ARRResult.InvalidParam, f"{name} must be at least {least:g} s and less "
                          "than a million")
    return float(value)


def _checked_timeout(timeout: object) -> tuple[float, float]:
    pair = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    if len(pair) != 2:
        raise RRException(ARRResult.InvalidParam, "timeout must be seconds, or (connect, read)")
    return (_checked_seconds("the connect timeout", pair[0], 0.001),
            _checked_seconds("the read timeout", pair[1], 0.001))
