"""ARRServiceUnity: the SDK's service component, for any host with a main loop.

It holds one active session, asks for its properties now and then, extends its lease, and raises
its events inside ``Update()``, on the thread that made it: call ``Update()`` once per frame. No
event is ever raised anywhere else, so handlers need no locks.
"""

from __future__ import annotations

import logging
import math
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Union

from .._account import AzureFrontendAccountInfo
from .._fields import Alias
from .._frontend import AzureFrontend
from .._models import RRRenderingSessionProperties
from .._params import CreateRenderingSessionParams, UpdateRenderingSessionParams
from .._results import (
    ENDED, ARRRenderingSessionStatus, ARRResult, RRException, RRSessionGeneralContext,
)
from .._runtime.dispatcher import Dispatcher
from .._runtime.operation import IAsync
from .._runtime.workers import Clock, SystemClock
from .._session import AzureSession
from ._events import ServiceEvents
from ._schedule import REFRESH_SECONDS, Schedule

if TYPE_CHECKING:
    from concurrent.futures import Executor

logger = logging.getLogger("arr.unity")

Seconds = Union[int, float]

DESTROY_SECONDS = 3.0  # that destroy() may wait for the machine to be stopped


class ARRServiceUnity(ServiceEvents):
    """Keeps one rendering session: starts or opens it, polls, renews its lease, stops it.

    ``auto_stop_session`` (on) stops the session when the component is destroyed.
    ``auto_renew_lease`` (off) extends the lease by ``renew_lease_amount`` (15 minutes) when less
    than ``renew_lease_threshold`` (5 minutes) is left. ``refresh_seconds`` (20) is the time
    between two queries of the properties; a service that asks to slow down is obeyed, and the
    real one wants 5 to 10 s between two calls.

    All methods belong to the thread that made the component; RuntimeError on any other.
    """

    __slots__ = (
        "auto_stop_session", "auto_renew_lease", "renew_lease_threshold", "renew_lease_amount",
        "refresh_seconds", "_clock", "_dispatcher", "_owner", "_frontend", "_session", "_starting",
        "_stop_it", "_schedule", "_query", "_renewal", "_stopping", "_destroyed", "__weakref__")

    def __init__(self) -> None:
        super().__init__()
        self.auto_stop_session = True
        self.auto_renew_lease = False
        self.renew_lease_threshold = timedelta(minutes=5)
        self.renew_lease_amount = timedelta(minutes=15)
        self.refresh_seconds: Seconds = REFRESH_SECONDS
        self._clock: Clock = SystemClock()
        self._dispatcher = Dispatcher()
        self._owner = threading.get_ident()
        self._frontend: AzureFrontend | None = None
        self._starting: IAsync[AzureSession] | None = None
        self._destroyed = False
        self._query: IAsync[RRRenderingSessionProperties] | None
        self._renewal: IAsync[ARRResult] | None
        self._stopping: IAsync[ARRResult] | None
        self._use(None)

    def __setattr__(self, name: str, value: object) -> None:
        # A wrong type would else be found out in Update(), once per frame.
        if name.startswith("renew_lease_") and not isinstance(value, timedelta):
            raise TypeError(f"{name} must be a timedelta, such as timedelta(minutes=15), not "
                            f"{type(value).__name__}")
        object.__setattr__(self, name, value)

    # -- setting up --------------------------------------------------------------------------

    def initialize(self, account_info: AzureFrontendAccountInfo, *,
                   executor: Executor | None = None,
                   timeout: Seconds | tuple[Seconds, Seconds] = (5, 30),
                   clock: Clock | None = None) -> None:
        """Make the frontend; the options are those of AzureFrontend.

        RRException: AlreadyInitialized, ApiUnavailable once destroyed, or InvalidParam that says
        which account field is wrong; after that one, Initialize may be called again.
        """
        self._check_thread()
        if self._destroyed:
            raise RRException(ARRResult.ApiUnavailable, "the component was destroyed")
        if self._frontend is not None:
            raise RRException(ARRResult.AlreadyInitialized, "Initialize was called already")
        clock = clock or self._clock
        self._frontend = AzureFrontend(account_info, executor=executor, timeout=timeout,
                                       clock=clock)
        self._clock = self._schedule.clock = clock

    @property
    def frontend(self) -> AzureFrontend | None:
        """The frontend; None before Initialize."""
        return self._frontend

    @property
    def current_active_session(self) -> AzureSession | None:
        """The session in use; None before one is started, and once it has ended."""
        return self._session

    @property
    def last_properties(self) -> RRRenderingSessionProperties:
        """What the last query found, also of a session that has ended; else the default object."""
        return self._schedule.properties

    @property
    def time_left(self) -> timedelta:
        """What is left of the lease now, counting the time since the last query."""
        return self._schedule.time_left

    # -- sessions ----------------------------------------------------------------------------

    def start_session(self, params: CreateRenderingSessionParams) -> IAsync[AzureSession]:
        """Create a session and make it the active one.

        Completes on a worker thread; OnSessionStarted, or OnSessionErrorEncountered with the
        cause, follows in Update(). RRException: NotInitialized, AlreadyExists while a session is
        starting or active, ApiUnavailable once destroyed.
        """
        frontend = self._ready_for_a_session()
        operation = frontend.create_rendering_session_async(params)
        self._starting = operation
        self._stop_it = False  # True: as soon as it is created
        operation.completed += self._dispatcher.bind(self._on_created)
        return operation

    def open_session(self, session_id: str) -> AzureSession:
        """Make an existing session the active one; OnSessionStarted follows in Update().

        Whether it exists, the first query tells. RRException: as StartSession, and InvalidParam
        for what cannot be an id.
        """
        session = self._ready_for_a_session().open_rendering_session(session_id)
        self._use(session)
        self._dispatcher.post(self._raise_started, session)
        return session

    def stop_session(self) -> IAsync[ARRResult] | None:
        """Stop the active session; OnSessionEnded follows in Update().

        None when there is no session; one that is still being created is stopped once it is. While
        a stop is in flight, another one completes with AlreadyExists.
        """
        self._check_thread()
        session = self._session
        if session is None:
            self._stop_it = self._starting is not None
            return None
        operation = session.stop_rendering_session_async()
        if self._stopping is None or self._stopping.is_completed:
            self._stopping = operation
        operation.completed += self._dispatcher.bind(
            lambda stopped: self._on_stopped(session, stopped))
        return operation

    # -- the frame tick ----------------------------------------------------------------------

    def update(self) -> None:
        """Raise the events that are due, and start a query or a renewal when it is time.

        Call it once per frame; it never blocks.
        """
        self._check_thread()
        self._dispatcher.pump()
        session, schedule = self._session, self._schedule
        if session is None:
            return
        if self._query is None and schedule.query_due:
            schedule.query_sent()
            self._query = query = session._ask()
            query.completed += self._dispatcher.bind(
                lambda found: self._on_properties(session, found))
        if (self.auto_renew_lease and self._renewal is None and self._stopping is None
                and schedule.renewal_due(self.renew_lease_threshold)):
            self._renew(session)

    def destroy(self) -> None:
        """End the component: stop the session if AutoStopSession is on, waiting at most 3 s.

        No event is raised any more.
        """
        self._check_thread()
        if self._destroyed:
            return
        self._destroyed = True
        if self.auto_stop_session:
            self._stop_at_the_end()
        self._use(None)
        if self._frontend is not None:
            self._frontend.dispose()

    def __enter__(self) -> ARRServiceUnity:
        return self

    def __exit__(self, *error: object) -> None:
        self.destroy()

    # -- inside: all on the owner's thread, by way of the dispatcher ----------------------------

    def _check_thread(self) -> None:
        if threading.get_ident() != self._owner:
            raise RuntimeError("an ARRServiceUnity is used by the thread that made it only; a "
                               "completed handler runs on another one, so let Update() do it")

    def _ready_for_a_session(self) -> AzureFrontend:
        self._check_thread()
        if self._destroyed:
            raise RRException(ARRResult.ApiUnavailable, "the component was destroyed")
        if self._frontend is None:
            raise RRException(ARRResult.NotInitialized, "call Initialize first")
        if self._starting is not None:
            raise RRException(ARRResult.AlreadyExists, "a session is being started; "
                              "OnSessionStarted or OnSessionErrorEncountered follows in Update()")
        if self._session is not None:
            raise RRException(ARRResult.AlreadyExists, "there is an active session; call "
                              "StopSession and wait for OnSessionEnded")
        return self._frontend

    def _use(self, session: AzureSession | None) -> None:
        self._session = session
        self._schedule = Schedule(self._clock)
        self._query = self._renewal = self._stopping = None

    def _on_created(self, created: IAsync[AzureSession]) -> None:
        self._starting = None
        if self._destroyed:
            return
        if not created.is_ran_to_completion:
            self._report(created.context)
            return
        self._use(created.result)
        self._raise_started(created.result)
        if self._stop_it and self._session is created.result and self._stopping is None:
            self.stop_session()

    def _raise_started(self, session: AzureSession) -> None:
        if session is self._session:
            logger.info("session %s is the active one", session.session_uuid)
            self._started._raise(session)

    def _on_properties(self, session: AzureSession,
                       found: IAsync[RRRenderingSessionProperties]) -> None:
        if session is not self._session:
            return  # of a session that is no longer ours
        self._query = None
        self._schedule.query_answered(found.context, self.refresh_seconds)
        if found.is_ran_to_completion:
            self._show(session, found.result)
        elif self._was_stopped:
            self._show_stopped(session)
        elif found.status == ARRResult.TooManyRequests:
            # No failure of the session; there may be other programs on the account.
            logger.info("%s", found.context.error_message)
        else:
            if self._schedule.is_news(found.context):
                self._report(found.context)
            if found.status in (ARRResult.SessionNotFound, ARRResult.AlreadyDeinitialized):
                self._end(session)

    def _show(self, session: AzureSession, properties: RRRenderingSessionProperties) -> None:
        before = self._schedule.properties.status
        self._schedule.found(properties)
        if before != properties.status:
            level = (logging.ERROR if properties.status == ARRRenderingSessionStatus.Error
                     else logging.INFO)
            logger.log(level, "session %s is %s%s", session.session_uuid, properties.status,
                       f": {properties.message}" if properties.message else "")
            self._changed._raise(session)
        if properties.status in ENDED:
            self._end(session)

    def _end(self, session: AzureSession) -> None:
        # First no longer active: a handler may start the next one.
        if session is self._session:
            self._session = None
            self._ended._raise(session)

    @property
    def _was_stopped(self) -> bool:
        return self._stopping is not None and self._stopping.is_ran_to_completion

    def _on_stopped(self, session: AzureSession, stopped: IAsync[ARRResult]) -> None:
        if session is not self._session:
            return
        if stopped.is_ran_to_completion and not self._schedule.may_query:
            self._show_stopped(session)
            return
        if stopped.is_faulted:
            if self._stopping is stopped:
                self._stopping = None
            if stopped.status != ARRResult.AlreadyExists:  # then the other stop tells
                self._report(stopped.context)
        # What the service says of it now decides; if it says Stopped, the session has ended.
        self._schedule.query_soon()

    def _show_stopped(self, session: AzureSession) -> None:
        """Go by the stop call, which has succeeded, when the properties cannot be had."""
        last = self.last_properties
        self._show(session, RRRenderingSessionProperties(
            session.session_uuid, ARRRenderingSessionStatus.Stopped, last.size, last.size_string,
            elapsed_time=last.elapsed_time, max_lease=last.max_lease))

    def _renew(self, session: AzureSession) -> None:
        # From the lease that the service told last, so that a repetition asks for the same total.
        total = self.last_properties.max_lease + self.renew_lease_amount
        minutes = math.ceil(total.total_seconds() / 60)
        self._renewal = renewal = session.update_rendering_session_async(
            UpdateRenderingSessionParams(minutes // 60, minutes % 60))
        renewal.completed += self._dispatcher.bind(
            lambda renewed: self._on_renewed(session, total, renewed))

    def _on_renewed(self, session: AzureSession, total: timedelta,
                    renewed: IAsync[ARRResult]) -> None:
        if session is not self._session:
            return
        self._renewal = None
        self._schedule.renewal_answered(renewed.context)
        if renewed.is_ran_to_completion:
            logger.info("session %s: the lease was extended to %s", session.session_uuid, total)
        elif renewed.status == ARRResult.AlreadyExists:
            logger.info("session %s: the host extends the lease itself", session.session_uuid)
        elif self._schedule.is_news(renewed.context):
            self._report(renewed.context)

    def _report(self, context: RRSessionGeneralContext) -> None:
        logger.warning("%s", context.error_message)
        self._failed._raise(self, context)

    def _stop_at_the_end(self) -> None:
        starting, session = self._starting, self._session
        if starting is not None:
            # Created while we go: the machine would run, and cost money, until its lease ends.
            starting.completed += _stop_created
            if not starting.wait(DESTROY_SECONDS):
                logger.warning("the session that was being created when the component was "
                               "destroyed is stopped as soon as it exists")
        elif session is not None:
            stopping = self._stopping
            if stopping is None or stopping.is_faulted:
                stopping = session.stop_rendering_session_async()
            if not stopping.wait(DESTROY_SECONDS):
                logger.warning("session %s: the stop call was still running when the component "
                               "was destroyed", session.session_uuid)
            elif stopping.is_faulted:
                logger.warning("%s", stopping.context.error_message)

    # -- the SDK's spelling ------------------------------------------------------------------

    AutoStopSession = Alias[bool]("auto_stop_session")
    AutoRenewLease = Alias[bool]("auto_renew_lease")
    RenewLeaseThreshold = Alias[timedelta]("renew_lease_threshold")
    RenewLeaseAmount = Alias[timedelta]("renew_lease_amount")
    RefreshSeconds = Alias[Seconds]("refresh_seconds")
    Initialize = initialize
    Frontend = frontend
    CurrentActiveSession = current_active_session
    LastProperties = last_properties
    TimeLeft = time_left
    StartSession = start_session
    OpenSession = open_session
    StopSession = stop_session
    Update = update
    Destroy = destroy


def _stop_created(created: IAsync[AzureSession]) -> None:
    if created.is_ran_to_completion:
        stopping = created.result.stop_rendering_session_async()
        if stopping.wait(DESTROY_SECONDS) and stopping.is_faulted:
            logger.warning("%s", stopping.context.error_message)
