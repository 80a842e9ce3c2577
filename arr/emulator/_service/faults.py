"""Trouble on demand: faults and held replies for the routes of the service."""

from __future__ import annotations

from collections import deque
from itertools import count
from random import Random
from threading import Condition, Event
from typing import Any, Callable

from .._arguments import flag, must_be, number, text, whole, whole_or_none
from .._http.messages import HttpError, Reply
from .patterns import Pattern, Patterns

_GARBAGE = b'\x00\xff\xfe<garbage>{"sessionId": [}}\xc3\x28'
MAX_DELAY = 3_600.0


class Fault:
    """One fault, as ``Emulator.add_fault`` made it; raises TypeError or ValueError when made."""

    FIELDS = ("method", "path", "status", "retry_after", "delay", "reset", "truncate", "garbage",
              "body", "after", "times", "probability", "seed")
    __slots__ = ("id", *FIELDS, "fired", "pattern", "damage", "_random", "_faults")

    def __init__(self, faults: Faults, fault_id: int, pattern: Pattern, *, status: object = None,
                 retry_after: object = None, delay: object = 0.0, reset: object = False,
                 truncate: object = False, garbage: object = False, body: object = None,
                 after: object = False, times: object = None, probability: object = 1.0,
                 seed: object = None) -> None:
        self._faults = faults
        self.id = fault_id
        self.pattern = pattern
        self.method, self.path = pattern.method, pattern.path
        self.status = whole_or_none("status", status, 200, 599)
        self.retry_after = _retry_after(retry_after)
        self.delay = number("delay", delay, 0.0, MAX_DELAY)
        self.reset = flag("reset", reset)
        self.truncate = flag("truncate", truncate)
        self.garbage = flag("garbage", garbage)
        self.body = None if body is None else text("body", body)
        self.after = flag("after", after)
        self.times = whole_or_none("times", times, 1, 10**9)
        self.probability = number("probability", probability, 0.0, 1.0)
        self.seed = whole_or_none("seed", seed, -2**63, 2**63)
        self.fired = 0
        damages = [name for name in ("reset", "truncate", "garbage") if getattr(self, name)]
        if len(damages) > 1:
            raise ValueError("a fault takes one of reset, truncate and garbage")
        self.damage = "".join(damages)
        if not (self.status or damages or self.delay or body is not None
                or retry_after is not None):
            raise ValueError("a fault needs an effect: status, retry_after, delay, reset, "
                             "truncate, garbage or body")
        self._random = Random(self.seed)

    def __repr__(self) -> str:
        usual = {"status": None, "retry_after": None, "delay": 0.0, "body": None, "times": None,
                 "probability": 1.0, "seed": None}
        said = "".join(f" {name}={repr(value):.60}" for name, value in self.as_dict().items()
                       if value is True or usual.get(name, value) != value)
        return f"<Fault {self.id}: {self.pattern},{said}, fired {self.fired} times>"

    def remove(self) -> None:
        """Take the fault away; taking it away twice is harmless."""
        self._faults.remove(self)

    @property
    def replaces(self) -> bool:
        """Whether the service is kept from acting on the request."""
        return not self.after and (
            self.status is not None or self.body is not None or self.damage == "reset")

    def draw(self) -> bool:
        """Say whether it fires this time. Called under the lock of Faults."""
        fires = self._random.random() < self.probability
        self.fired += fires
        return fires

    def spoil(self, reply: Reply, refuse: Callable[[HttpError], Reply]) -> Reply:
        """Return what is sent in place of a good reply; ``refuse`` writes an error."""
        if self.status is not None or self.body is not None:
            status = 200 if self.status is None else self.status
            if self.body is None and status >= 400:
                reply = refuse(HttpError(status, f"Fault {self.id}, made on purpose."))
            else:
                body = (self.body or "").encode("utf-8", "surrogatepass")
                reply = Reply(status, body, "application/json; charset=utf-8" if body else "")
        if self.damage == "garbage":
            reply = Reply(reply.status, _GARBAGE, "application/json; charset=utf-8")
        if self.retry_after:
            reply.headers += (("Retry-After", self.retry_after),)
        if self.damage in ("reset", "truncate"):
            reply.damage = self.damage
        return reply

    def as_dict(self) -> dict[str, Any]:
        """Return every field by its name."""
        return {name: getattr(self, name) for name in ("id", *self.FIELDS, "fired")}


class Hold:
    """Replies that are held back: composed when the request arrives, sent when released."""

    __slots__ = ("pattern", "times", "taken", "arrived", "released", "_faults")

    def __init__(self, pattern: Pattern, times: int, faults: Faults) -> None:
        self.pattern = pattern
        self.times = times
        self.taken = 0  # requests chosen to be held
        self.arrived = 0  # those whose reply is ready and waits
        self.released = False
        self._faults = faults

    def __repr__(self) -> str:
        state = "released" if self.released else f"{self.arrived} waiting"
        return f"<Hold {self.pattern}: {self.taken} of {self.times} taken, {state}>"

    def wait_arrived(self, timeout: float | None = 10.0, count: int = 1) -> bool:
        """Wait until ``count`` requests are held; return False on time-out."""
        changed = self._faults.changed
        with changed:
            return changed.wait_for(lambda: self.arrived >= count, timeout)

    def release(self) -> None:
        """Send the held replies and hold no more."""
        self._faults.release(self)

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


class Faults:
    """All faults and holds of one emulator."""

    def __init__(self, patterns: Patterns) -> None:
        self.changed = Condition()
        self._patterns = patterns
        self._stopped = Event()
        self._faults: list[Fault] = []
        self._holds: list[Hold] = []
        self._made: deque[Fault | Hold] = deque(maxlen=100)
        self._ids = count(1)

    def add(self, method: object = "*", path: object = "*", **effect: object) -> Fault:
        """Make a fault and add it; raise TypeError or ValueError."""
        fault = Fault(self, next(self._ids), self._patterns.parse(method, path), **effect)
        with self.changed:
            self._faults.append(fault)
            self._made.append(fault)
        return fault

    def hold(self, method: object, path: object, times: object) -> Hold:
        """Add a hold for the next ``times`` requests."""
        hold = Hold(self._patterns.parse(method, path), whole("times", times, 1, 10**9), self)
        with self.changed:
            self._holds.append(hold)
            self._made.append(hold)
        return hold

    def pick(self, method: str, segments: tuple[str, ...]) -> Fault | None:
        """Return the first fault that fires for a request."""
        if not self._faults:  # no lock in the usual case, here and for holds: 5 % of a GET
            return None
        with self.changed:
            for fault in self._faults:
                if fault.pattern.matches(method, segments) and fault.draw():
                    if fault.times is not None and fault.fired >= fault.times:
                        self._faults.remove(fault)
                    return fault
        return None

    def pick_hold(self, method: str, segments: tuple[str, ...]) -> Hold | None:
        """Return the first hold that still takes a request, and count the request."""
        if not self._holds:
            return None
        with self.changed:
            for hold in self._holds:
                if hold.taken < hold.times and hold.pattern.matches(method, segments):
                    hold.taken += 1
                    return hold
        return None

    def block(self, hold: Hold) -> None:
        """Wait in a connection's thread until the hold is released or the emulator stops."""
        with self.changed:
            hold.arrived += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: hold.released)

    def release(self, hold: Hold) -> None:
        """Release a hold; releasing it twice is harmless."""
        with self.changed:
            hold.released = True
            if hold in self._holds:
                self._holds.remove(hold)
            self.changed.notify_all()

    def remove(self, fault: Fault) -> None:
        """Take a fault away; taking it away twice is harmless."""
        self.remove_id(str(fault.id))

    def remove_id(self, fault_id: str) -> bool:
        """Take the fault of this id away; return False when there is none such."""
        with self.changed:
            kept = [fault for fault in self._faults if str(fault.id) != fault_id]
            found = len(kept) < len(self._faults)
            self._faults = kept
        return found

    def never_struck(self) -> list[Fault | Hold]:
        """Return those of the last hundred, removed ones too, that no request has met."""
        with self.changed:
            return [made for made in self._made
                    if not (made.fired if isinstance(made, Fault) else made.taken)]

    def clear(self) -> None:
        """Take every fault away and release every hold."""
        with self.changed:
            self._faults.clear()
            for hold in self._holds:
                hold.released = True
            self._holds.clear()
            self.changed.notify_all()

    def delay(self, seconds: float) -> None:
        """Wait in a connection's thread; stopping the emulator ends it."""
        self._stopped.wait(seconds)

    def open(self) -> None:
        """Let delays last again."""
        self._stopped.clear()

    def close(self) -> None:
        """Release everything that waits."""
        self._stopped.set()
        with self.changed:
            for hold in self._holds:
                hold.released = True
            self._holds.clear()
            self.changed.notify_all()

    def holding(self) -> int:
        """Return how many replies are held back at present."""
        with self.changed:
            return sum(hold.arrived for hold in self._holds)

    def snapshot(self) -> list[dict[str, Any]]:
        """Return the faults as dictionaries."""
        with self.changed:
            return [fault.as_dict() for fault in self._faults]


def _retry_after(value: object) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise must_be("retry_after", "a number of seconds or a str", value)
    header = f"{value:g}" if isinstance(value, float) else str(value)
    if not header or len(header) > 200 or not (header.isascii() and header.isprintable()):
        raise ValueError("retry_after must be printable ASCII")
    return header
