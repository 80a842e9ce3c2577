"""When ARRServiceUnity asks, renews and reports. Times only: no calls, no threads, no events."""

from __future__ import annotations

import math
from datetime import timedelta


from .._models import RRRenderingSessionProperties
from .._results import ARRRenderingSessionStatus, ARRResult, RRSessionGeneralContext
from .._runtime.workers import Clock

REFRESH_SECONDS = 20.0
LEAST_REFRESH_SECONDS = 1.0  # whatever the host asks for: a query per frame would be throttled
RETRY_SECONDS = 60.0  # after a failed renewal, and between two reports of the same failure
PAUSE_SECONDS = 30.0  # when the service asks to slow down and does not say for how long


class Schedule:
    """The times of one session: the next query, the next renewal, the end of the lease."""

    __slots__ = ("clock", "properties", "_received", "_next_query", "_at_once", "_not_before",
                 "_next_renewal", "_reported")

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.properties = RRRenderingSessionProperties()
        self._next_query = -math.inf
        self._at_once = False
        self._not_before = -math.inf
        self._next_renewal = -math.inf
        self._reported: dict[ARRResult, float] = {}

    # -- queries -----------------------------------------------------------------------------

    @property
    def may_query(self) -> bool:
        """False while the service has asked for patience."""
        return self.clock.monotonic() >= self._not_before

    @property
    def query_due(self) -> bool:
        return self.may_query and (self._at_once or self.clock.monotonic() >= self._next_query)

    def query_soon(self) -> None:
        """Ask again as soon as the service allows; an answer on its way is too old for that."""
        self._at_once = True

    def query_sent(self) -> None:
        self._at_once = False

    def query_answered(self, context: RRSessionGeneralContext, refresh: float) -> None:
        now = self.clock.monotonic()
        self._next_query = now + max(refresh, LEAST_REFRESH_SECONDS)
        if context.result == ARRResult.TooManyRequests and context.retry_after is None:
            self._not_before = now + PAUSE_SECONDS
        elif context.retry_after is not None:
            self._not_before = now + context.retry_after

    def found(self, properties: RRRenderingSessionProperties) -> None:
        """Keep what a query has found; from now on old failures are news again."""
        self.properties = properties
        self._received = self.clock.monotonic()
        self._reported.clear()

    # -- the lease ---------------------------------------------------------------------------

    @property
    def time_left(self) -> timedelta:
        """What is left of the lease now; the machine's start does not count."""
        properties = self.properties
        if properties.status == ARRRenderingSessionStatus.Starting:
            return properties.max_lease
        if properties.status != ARRRenderingSessionStatus.Ready:
            return timedelta(0)
        since = timedelta(seconds=self.clock.monotonic() - self._received)
        return max(properties.max_lease - properties.elapsed_time - since, timedelta(0))

    def renewal_due(self, threshold: timedelta) -> bool:
        return (self.properties.status == ARRRenderingSessionStatus.Ready
                and self.clock.monotonic() >= self._next_renewal and self.time_left <= threshold)

    def renewal_answered(self, context: RRSessionGeneralContext) -> None:
        # After a success too: until a query has shown the new lease, the old one must not ask
        # for another renewal. After a failure the query tells whether it has worked all the same.
        self._next_renewal = self.clock.monotonic() + max(RETRY_SECONDS, context.retry_after or 0.0)
        self.query_soon()

    # -- reports -----------------------------------------------------------------------------

    def is_news(self, context: RRSessionGeneralContext) -> bool:
        """Tell whether a failure of the background is to be reported, or was a moment ago."""
        now = self.clock.monotonic()
        if now < self._reported.get(context.result, -math.inf) + RETRY_SECONDS:
            return False
        self._reported[context.result] = now
        return True
