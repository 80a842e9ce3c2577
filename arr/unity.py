"""ARRServiceUnity: the SDK's service component, for any host with a main loop.

It holds one active session, asks for its properties now and then, extends its lease, and raises
its events inside ``Update()``, on the thread that made it: call ``Update()`` once per frame. No
event is ever raised anywhere else, so handlers need no locks.
"""

from __future__ import annotations

import logging
import math
from datetime import timedelta
from typing import Callable, Optional

from ._account import AzureFrontendAccountInfo
from ._async import IAsync
from ._dispatcher import Dispatcher
from ._event import Event, must_be
from ._fields import Alias
from ._frontend import AzureFrontend
from ._models import (
    CreateRenderingSessionParams, RRRenderingSessionProperties, UpdateRenderingSessionParams,
)
from ._results import (
    ARRRenderingSessionStatus, ARRResult, RRException, RRSessionGeneralContext,
)
from ._session import AzureSession
from ._workers import Clock, SystemClock

__all__ = ["ARRServiceUnity"]

logger = logging.getLogger("arr.unity")

SessionHandler = Callable[[AzureSession], object]
ErrorHandler = Callable[["ARRServiceUnity", RRSessionGeneralContext], object]

REFRESH_SECONDS = 20.0
RETRY_SECONDS = 60.0  # after a failed renewal, and between two reports of the same failure
DESTROY_SECONDS = 3.0  # that destroy() may wait for the machine to be stopped
_ALIVE = (ARRRenderingSessionStatus.Starting, ARRRenderingSessionStatus.Ready)
_ENDED = (ARRRenderingSessionStatus.Stopped, ARRRenderingSessionStatus.Expired,
          ARRRenderingSessionStatus.Error)


class ARRServiceUnity:
    """Keeps one rendering session: starts or opens it, polls, renews its lease, stops it.

    ``auto_stop_session`` (on) stops the session when the component is destroyed.
    ``auto_renew_lease`` (off) extends the lease by ``renew_lease_amount`` (15 minutes) when less
    than ``renew_lease_threshold`` (5 minutes) is left. ``refresh_seconds`` (20) is the time
    between two queries of the properties; a service that asks to slow down is obeyed.
    """

    __slots__ = (
        "auto_stop_session", "auto_renew_lease", "renew_lease_threshold", "renew_lease_amount",
        "refresh_seconds", "_clock", "_dispatcher", "_frontend", "_session", "_starting",
        "_properties", "_received", "_query", "_next_query", "_renewal",
        "_next_renewal", "_reported", "_reported_at", "_destroyed", "_started", "_changed",
        "_ended", "_failed", "__weakref__")

    def __init__(self) -> None:
        self.auto_stop_session = True
        self.auto_renew_lease = False
        self.renew_lease_threshold = timedelta(minutes=5)
        self.renew_lease_amount = timedelta(minutes=15)
        self.refresh_seconds = REFRESH_SECONDS
        self._clock: Clock = SystemClock()
        self._dispatcher = Dispatcher()
        self._frontend: Optional[AzureFrontend] = None
        self._starting: Optional[IAsync[AzureSession]] = None
        self._destroyed = False
        self._started: Event[SessionHandler] = Event()
        self._changed: Event[SessionHandler] = Event()
        self._ended: Event[SessionHandler] = Event()
        self._failed: Event[ErrorHandler] = Event()
        self._session: Optional[AzureSession] = None
        self._query: Optional[IAsync[RRRenderingSessionProperties]]
        self._renewal: Optional[IAsync[ARRResult]]
        self._reported: Optional[ARRResult]
        self._forget()

    # -- setting up --------------------------------------------------------------------------

    def initialize(self, account_info: AzureFrontendAccountInfo,
                   *, clock: Optional[Clock] = None) -> None:
        """Make the frontend. RRException: AlreadyInitialized, or InvalidParam with the reason."""
        if self._destroyed:
            raise RRException(ARRResult.ApiUnavailable, "the component was destroyed")
        if self._frontend is not None:
            raise RRException(ARRResult.AlreadyInitialized, "Initialize was called already")
        if clock is not None:
            self._clock = clock
        self._frontend = AzureFrontend(account_info, clock=self._clock)

    @property
    def frontend(self) -> Optional[AzureFrontend]:
        """The frontend; None before Initialize."""
        return self._frontend

    @property
    def current_active_session(self) -> Optional[AzureSession]:
        """The session in use; None before one is started, and once it has ended."""
        return self._session

    @property
    def last_properties(self) -> RRRenderingSessionProperties:
        """The properties that the last query found; the default object when there is none."""
        return self._properties

    @property
    def time_left(self) -> timedelta:
        """What is left of the lease now, counting the time since the last query."""
        properties = self._properties
        if properties.status != ARRRenderingSessionStatus.Ready:
            return properties.max_lease
        since = timedelta(seconds=self._clock.monotonic() - self._received)
        return max(properties.max_lease - properties.elapsed_time - since, timedelta(0))

    # -- sessions ----------------------------------------------------------------------------

    def start_session(self, params: CreateRenderingSessionParams) -> IAsync[AzureSession]:
        """Create a session and make it the active one.

        Completes on a worker thread; OnSessionStarted follows in Update(). RRException:
        NotInitialized, AlreadyExists while a session is starting or active, ApiUnavailable once
        destroyed.
        """
        frontend = self._ready_for_a_session()
        operation = frontend.create_rendering_session_async(params)
        self._starting = operation
        operation.completed += self._dispatcher.bind(self._on_created)
        return operation

    def open_session(self, session_id: str) -> AzureSession:
        """Make an existing session the active one; OnSessionStarted follows in Update().

        RRException: as StartSession, and InvalidParam for what cannot be an id.
        """
        session = self._ready_for_a_session().open_rendering_session(session_id)
        self._use(session)
        self._dispatcher.post(self._raise_started, session)
        return session

    def stop_session(self) -> Optional[IAsync[ARRResult]]:
        """Stop the active session; None when there is none. OnSessionEnded follows in Update()."""
        session = self._session
        if session is None:
            return None
        operation = session.stop_rendering_session_async()
        operation.completed += self._dispatcher.bind(
            lambda stopped: self._on_stopped(session, stopped))
        return operation

    # -- the frame tick ----------------------------------------------------------------------

    def update(self) -> None:
        """Raise the events that are due, and start a query or a renewal when it is time.

        Call it once per frame, on the thread that made the component; it never blocks.
        """
        self._dispatcher.pump()
        session, now = self._session, self._clock.monotonic()
        if session is None or self._destroyed:
            return
        if self._query is None and now >= self._next_query:
            self._query = query = session.get_rendering_session_properties_async()
            query.completed += self._dispatcher.bind(
                lambda found: self._on_properties(session, found))
        if (self.auto_renew_lease and self._renewal is None and now >= self._next_renewal
                and self._properties.status == ARRRenderingSessionStatus.Ready
                and self.time_left <= self.renew_lease_threshold):
            self._renew(session)

    def destroy(self) -> None:
        """End the component: stop the session if AutoStopSession is on, waiting at most 3 s."""
        if self._destroyed:
            return
        self._destroyed = True
        end = self._clock.monotonic() + DESTROY_SECONDS
        if self.auto_stop_session:
            self._stop_at_the_end(end)
        self._session = self._starting = None
        self._forget()
        if self._frontend is not None:
            self._frontend.dispose()

    def __enter__(self) -> ARRServiceUnity:
        return self

    def __exit__(self, *error: object) -> None:
        self.destroy()

    # -- events: raised in update() only -------------------------------------------------------

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

    # -- inside: all on the owner's thread, by way of the dispatcher ----------------------------

    def _ready_for_a_session(self) -> AzureFrontend:
        if self._destroyed:
            raise RRException(ARRResult.ApiUnavailable, "the component was destroyed")
        if self._frontend is None:
            raise RRException(ARRResult.NotInitialized, "call Initialize first")
        if self._starting is not None:
            raise RRException(ARRResult.AlreadyExists, "a session is being started")
        if self._session is not None:
            raise RRException(ARRResult.AlreadyExists, "there is an active session; call "
                              "StopSession and wait for OnSessionEnded")
        return self._frontend

    def _forget(self) -> None:
        self._properties = RRRenderingSessionProperties()
        self._received = 0.0
        self._query = None
        self._next_query = -math.inf
        self._renewal = None
        self._next_renewal = -math.inf
        self._reported = None
        self._reported_at = -math.inf

    def _use(self, session: AzureSession) -> None:
        self._forget()
        self._session = session

    def _on_created(self, created: IAsync[AzureSession]) -> None:
        self._starting = None
        if self._destroyed:
            return
        if not created.is_ran_to_completion:
            self._report(created.context)
            return
        self._use(created.result)
        self._raise_started(created.result)

    def _raise_started(self, session: AzureSession) -> None:
        logger.info("session %s started or opened", session.session_uuid)
        self._started._raise(session)

    def _on_properties(self, session: AzureSession,
                       found: IAsync[RRRenderingSessionProperties]) -> None:
        if session is not self._session:
            return  # of a session that is no longer ours
        self._query = None
        now = self._clock.monotonic()
        self._next_query = now + max(self.refresh_seconds, found.context.retry_after or 0.0)
        if found.status == ARRResult.TooManyRequests:
            # No failure of the session; there may be other programs on the account.
            self._next_query = max(self._next_query, now + 2 * self.refresh_seconds)
            logger.info("%s", found.context.error_message)
            return
        if found.is_faulted:
            self._report(found.context)
            if found.status == ARRResult.SessionNotFound:
                self._end(session)
            return
        self._reported = None
        before, self._properties = self._properties, found.result
        self._received = now
        if before.status != found.result.status:
            self._tell_status(found.result)
            self._changed._raise(session)
        if found.result.status in _ENDED:
            self._end(session)

    def _tell_status(self, properties: RRRenderingSessionProperties) -> None:
        level = (logging.ERROR if properties.status == ARRRenderingSessionStatus.Error
                 else logging.INFO)
        logger.log(level, "session %s is %s%s", properties.id, properties.status,
                   f": {properties.message}" if properties.message else "")

    def _end(self, session: AzureSession) -> None:
        # First no longer active: a handler may start the next one.
        if session is self._session:
            self._session = None
            self._ended._raise(session)

    def _on_stopped(self, session: AzureSession, stopped: IAsync[ARRResult]) -> None:
        if session is not self._session:
            return
        if stopped.is_faulted and stopped.status != ARRResult.AlreadyExists:
            self._report(stopped.context)
        # What the service says of it now decides; if it says Stopped, the session has ended.
        self._next_query = -math.inf

    def _renew(self, session: AzureSession) -> None:
        # From the lease that the service told last, so that a repetition asks for the same total.
        total = self._properties.max_lease + self.renew_lease_amount
        minutes = math.ceil(total.total_seconds() / 60)
        self._renewal = renewal = session.update_rendering_session_async(
            UpdateRenderingSessionParams(minutes // 60, minutes % 60))
        renewal.completed += self._dispatcher.bind(
            lambda renewed: self._on_renewed(session, renewed))

    def _on_renewed(self, session: AzureSession, renewed: IAsync[ARRResult]) -> None:
        if session is not self._session:
            return
        self._renewal = None
        now = self._clock.monotonic()
        if renewed.is_faulted:
            self._next_renewal = now + max(RETRY_SECONDS, renewed.context.retry_after or 0.0)
            self._report(renewed.context)
            return
        logger.info("the lease of session %s was extended by %s", session.session_uuid,
                    self.renew_lease_amount)
        # Until a query has shown the new lease, the old one must not ask for another renewal.
        self._next_renewal = now + RETRY_SECONDS
        self._next_query = -math.inf

    def _report(self, context: RRSessionGeneralContext) -> None:
        """Raise the error event and log, but not once per poll while the same failure lasts."""
        now = self._clock.monotonic()
        if context.result == self._reported and now < self._reported_at + RETRY_SECONDS:
            return
        self._reported, self._reported_at = context.result, now
        logger.warning("%s", context.error_message)
        self._failed._raise(self, context)

    def _stop_at_the_end(self, end: float) -> None:
        starting, session = self._starting, self._session
        if starting is not None:
            # Created while we go: the machine would run, and cost money, until its lease ends.
            starting.completed += _stop_created
            starting.wait(DESTROY_SECONDS)
        elif session is not None:
            stopping = session.stop_rendering_session_async()
            if not stopping.wait(max(end - self._clock.monotonic(), 0.0)):
                logger.warning("session %s: the stop call was still running when the component "
                               "was destroyed", session.session_uuid)
            elif stopping.is_faulted:
                logger.warning("%s", stopping.context.error_message)

    # -- the SDK's spelling ------------------------------------------------------------------

    AutoStopSession = Alias[bool]("auto_stop_session")
    AutoRenewLease = Alias[bool]("auto_renew_lease")
    RenewLeaseThreshold = Alias[timedelta]("renew_lease_threshold")
    RenewLeaseAmount = Alias[timedelta]("renew_lease_amount")
    RefreshSeconds = Alias[float]("refresh_seconds")
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
    OnSessionStarted = on_session_started
    OnSessionStatusChanged = on_session_status_changed
    OnSessionEnded = on_session_ended
    OnSessionErrorEncountered = on_session_error_encountered


def _stop_created(created: IAsync[AzureSession]) -> None:
    if created.is_ran_to_completion:
        created.result.stop_rendering_session_async().wait(DESTROY_SECONDS)
