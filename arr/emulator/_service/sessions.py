"""``Session``: a rendering session, its states and its lease, computed from the clock when read.

    create -> Starting -> Ready -> Expired | Stopped | Error
              Starting -> Stopped | Error

Nothing runs in the background: a session stores when things happened, and every answer follows
from that and from the time of the question. Reading therefore never changes anything.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from .meter import Meter

if TYPE_CHECKING:
    from .journal import Record

STARTING, READY, STOPPED, EXPIRED, ERROR = "Starting", "Ready", "Stopped", "Expired", "Error"
LIVE = (STARTING, READY)

SIZES = ("small", "big", "standard", "premium")

# The machines got other names in 2020.
RENAMED = {"small": "standard", "big": "premium"}

RETENTION_SECONDS = 30 * 86_400.0

EVENTS_KEPT = 200


class LeaseChange(NamedTuple):
    """A lease that was made longer: when, from which total to which."""

    at: float
    before: int
    after: int


class ClockJump(NamedTuple):
    """A clock that was moved forward: when it stood, and by how many seconds."""

    at: float
    seconds: float


class LeaseRefused(Exception):
    """A lease that cannot be made longer: the session has ended, or the new total is no larger."""

    def __init__(self, status: str, lease: int) -> None:
        self.status = status
        self.lease = lease  # the present one, in seconds


class Session:
    """One rendering session. Its owner's lock guards it.

    ``guid`` is made by the service and names its host; it is the id as well, unless the caller has
    given one. ``kept`` is what an era keeps of its own text; it goes with any change.
    """

    __slots__ = ("id", "guid", "named", "account_id", "size", "created", "created_at", "ready_at",
                 "lease", "first_lease", "doomed", "stopped_at", "failed_at", "failure", "meter",
                 "_events", "kept")

    def __init__(self, session_id: str, guid: str, account_id: str, size: str, lease: int, *,
                 now: float, created: float, startup_seconds: float) -> None:
        self.id = session_id or guid
        self.guid = guid
        self.named = session_id != ""  # by its caller
        self.account_id = account_id
        self.size = size
        self.lease = self.first_lease = lease
        self.created = created  # seconds since the epoch, for people; all else is monotonic
        self.created_at = now
        self.ready_at = now + startup_seconds
        self.doomed = ""  # why it will end in Error instead of Ready
        self.stopped_at: float | None = None
        self.failed_at: float | None = None
        self.failure = ""
        self.kept: dict[str, Any] = {}
        self.meter = Meter()
        self._events: deque[Record | LeaseChange | ClockJump] = deque(maxlen=EVENTS_KEPT)

    def state(self, now: float) -> tuple[str, float | None, str]:
        """Return the status, when it ended (None while it lives) and the message."""
        # Neither stop() nor fail() acts on an ended session, so at most one of them is set and
        # it lies before the natural end.
        if self.stopped_at is not None:
            return STOPPED, self.stopped_at, ""
        if self.failed_at is not None:
            return ERROR, self.failed_at, self.failure
        if now < self.ready_at:
            return STARTING, None, ""
        if self.doomed:
            return ERROR, self.ready_at, self.doomed
        end = self.ready_at + self.lease
        if now < end:
            return READY, None, ""
        return EXPIRED, end, "The session has expired: its maximum lease time is over."

    def status(self, now: float) -> str:
        """Return the status alone."""
        return self.state(now)[0]

    def elapsed(self, now: float) -> float:
        """Return the seconds spent in Ready; the lease counts these and no others."""
        end = self.state(now)[1]
        return max(0.0, (now if end is None else end) - self.ready_at)

    def forgotten(self, now: float) -> bool:
        """Say whether the service no longer knows the session."""
        end = self.state(now)[1]
        return end is not None and now >= end + RETENTION_SECONDS

    def hostname(self) -> str:
        """Return the name that leads a browser on this machine to the session's inspector."""
        return self.guid + ".localhost"

    def was_made_with(self, size: str, lease: int) -> bool:
        """Say whether it was created with this size, under any of its names, and this lease."""
        return lease == self.first_lease and (
            RENAMED.get(size, size) == RENAMED.get(self.size, self.size))

    def stop(self, now: float) -> None:
        """Stop it; stopping an ended session changes nothing."""
        if self.status(now) in LIVE:
            self.stopped_at = now

    def fail(self, now: float, message: str) -> None:
        """End it in Error; it must be Starting or Ready."""
        self.failed_at, self.failure = now, message

    def extend(self, now: float, lease: int) -> None:
        """Set a larger total lease; raise LeaseRefused."""
        # What the service answered for an ended session is not known; there is nothing left to
        # extend, so it is refused in the same way as a lease that is too short.
        status = self.status(now)
        if status not in LIVE or lease <= self.lease:
            raise LeaseRefused(status, self.lease)
        self._events.append(LeaseChange(now, self.lease, lease))
        self.lease = lease
        self.kept.clear()

    def snapshot(self, now: float) -> dict[str, Any]:
        """Return what the emulator's own pages show."""
        status, end, message = self.state(now)
        elapsed = self.elapsed(now)
        return {
            "id": self.id,
            "guid": self.guid,
            "named": self.named,
            "account_id": self.account_id,
            "status": status,
            "message": message,
            "size": self.size,
            "hostname": self.hostname() if status == READY else "",
            "created": self.created,
            "age_seconds": now - self.created_at,
            "starting_seconds": self.ready_at - self.created_at,
            "lease_seconds": self.lease,
            "elapsed_seconds": elapsed,
            "left_seconds": max(0.0, self.lease - elapsed) if end is None else 0.0,
            "ended_seconds_ago": None if end is None else now - end,
        }

    def note(self, record: Record) -> None:
        """Remember a request that is about this session."""
        record.session_id = self.id
        record.meter = self.meter
        self._events.append(record)

    def note_jump(self, at: float, seconds: float) -> None:
        """Remember that the clock was moved; many steps in a row are one jump.

        Else a program that moves the clock in a loop would push the requests out.
        """
        last = self._events[-1] if self._events else None
        if isinstance(last, ClockJump):
            self._events.pop()
            at, seconds = last.at, last.seconds + seconds
        if seconds:
            self._events.append(ClockJump(at, seconds))

    def phases(self, now: float) -> list[tuple[str, float]]:
        """Return the statuses that it has been through, each with its beginning."""
        status, end, _ = self.state(now)
        phases = [(STARTING, self.created_at)]
        if not self.doomed and self.ready_at <= (now if end is None else end):
            phases.append((READY, self.ready_at))
        if end is not None:
            phases.append((status, end))
        return phases

    def history(self, now: float) -> list[dict[str, Any]]:
        """Return the last events, oldest first: requests, changes of state and of the lease."""
        def moment(at: float) -> float:
            return self.created + (at - self.created_at)

        found: list[dict[str, Any]] = []
        for event in self._events:
            if isinstance(event, LeaseChange):
                found.append({
                    "kind": "lease", "time": moment(event.at), "before_seconds": event.before,
                    "lease_seconds": event.after})
            elif isinstance(event, ClockJump):
                found.append({
                    "kind": "clock", "time": moment(event.at), "seconds": event.seconds})
            else:
                found.append({"kind": "request", **event.as_dict()})
        message = self.state(now)[2]
        for status, at in self.phases(now):
            found.append({
                "kind": "state", "time": moment(at), "status": status,
                "message": "" if status in LIVE else message})
        # At the same moment, what was asked comes before what came of it, as it does here.
        found.sort(key=lambda each: float(each["time"]))
        return found[-EVENTS_KEPT:]
