"""What is in flight: one deadline per operation, and a way to cut it off from another thread.

A server that drips bytes never trips a read time-out. So every call in flight registers the socket
that it uses, and the timer thread (or the end of the process) shuts that socket down, which wakes
the worker with an error at once.
"""

from __future__ import annotations

import _thread
import threading
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Protocol

from .._results import ARRResult, CallFailed
from .._runtime.workers import Clock, Job, SystemClock, Timer

if TYPE_CHECKING:
    from socket import socket


class Flight:
    """One operation's time on the wire: token, tries, headers and body together.

    Touched by the worker that flies it and by the thread that cuts it; the lock is held for single
    system calls that do not block, and no caller of the API takes it. It does not know its call:
    the timer thread, which cuts it at its deadline, must not own a thing of the user's.
    """

    __slots__ = ("deadline", "launched", "abandoned", "tries", "sent", "written", "unsure",
                 "correlation", "_lock", "_reason", "_socket", "_turn")

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.launched = False  # True once its own request may have left
        self.abandoned = False  # True once another thread completed its operation
        self.tries = 0  # those that failed so far
        self.sent = 0  # the number of its request, in the order of sending
        self.written = False  # True once the request on the wire now has left as a whole
        self.unsure = False  # True once its own request may have been carried out, without a reply
        self.correlation = ""
        self._lock = threading.Lock()
        self._reason: ARRResult | None = None
        self._socket: socket | None = None
        self._turn: Any | None = None

    @property
    def failure(self) -> CallFailed | None:
        """What to say of a flight that has been cut."""
        reason = self._reason
        return None if reason is None else CallFailed(reason, _REASONS[reason])

    def check(self) -> None:
        """Raise CallFailed if the flight has been cut."""
        failure = self.failure
        if failure is not None:
            raise failure

    def launch(self) -> None:
        """Note that the request is about to leave, unless the flight has been cut before."""
        with self._lock:
            self.check()
            self.launched = True

    def use(self, sock: socket | None) -> None:
        """Name the socket that cutting must shut down; None once the flight has none."""
        with self._lock:
            self._socket = sock
            if sock is not None and self._reason is not None:
                _shut(sock)

    def wait(self, register: Callable[[Any], None]) -> None:
        """Block until the lock given to ``register`` is released, or the flight is cut."""
        turn = _thread.allocate_lock()
        turn.acquire()
        with self._lock:
            self.check()
            self._turn = turn
        register(turn)
        turn.acquire()
        self.check()

    def cut(self, reason: ARRResult, unless_launched: bool = False) -> bool:
        """End the flight with this result; False if it was too late for that."""
        with self._lock:
            if self._reason is not None or (unless_launched and self.launched):
                return False
            self._reason = reason
            if self._socket is not None:
                _shut(self._socket)
            if self._turn is not None:
                release(self._turn)
            return True


_REASONS = {
    ARRResult.Timeout: "no complete reply within the time limit; the server or the network is "
                       "too slow, or the timeout of AzureFrontend is too short",
    ARRResult.Cancelled: "given up because the process ends",
}


def release(turn: Any) -> None:
    """Release a waiting lock, unless another thread has."""
    try:
        turn.release()
    except RuntimeError:
        pass


def _shut(sock: socket) -> None:
    from socket import SHUT_RDWR, socket as plain_socket

    try:
        # Not sock.shutdown: that of an SSLSocket also drops the TLS object under the reader.
        plain_socket.shutdown(sock, SHUT_RDWR)
    except OSError:
        pass  # it is not connected any more


class Owner(Protocol):
    """The call of a flight."""

    def give_up(self, flight: Flight) -> None:
        """End the call, because the process ends."""


class Watch:
    """All flights of one frontend, and one timer for the earliest deadline among them.

    A later flight has a later deadline, so a new flight needs no new timer while one is armed:
    under load the timer thread wakes once per deadline, not once per call.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._flights: dict[Flight, Owner | None] = {}
        self._timer: Timer | None = None

    def add(self, flight: Flight, owner: Owner | None = None) -> None:
        with self._lock:
            self._flights[flight] = owner
            if self._timer is None or self._timer.when > flight.deadline:
                self._arm(flight.deadline)

    def remove(self, flight: Flight) -> None:
        with self._lock:
            self._flights.pop(flight, None)

    def current(self) -> list[tuple[Flight, Owner | None]]:
        with self._lock:
            return list(self._flights.items())

    def _arm(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_at(when, _Sweep(self))

    def _sweep(self) -> None:
        now = self._clock.monotonic()
        with self._lock:
            self._timer = None
            late = [flight for flight in self._flights if flight.deadline <= now]
            coming = [flight.deadline for flight in self._flights if flight.deadline > now]
            if coming:
                self._arm(min(coming))
        for flight in late:
            flight.cut(ARRResult.Timeout)


class _Sweep:
    """Cuts the flights whose deadline has passed.

    With the real clock it runs on the timer thread, so that the calls of a process that gets no
    more threads end in time as well. There it owns nothing of the user's: flights do not know
    their calls, and the watch goes with the last call, whose worker has taken the flight out.
    """

    __slots__ = ("_watch", "harmless")

    housekeeping = True  # for FakeClock: the deadline of a call is no timer that a test waits for

    def __init__(self, watch: Watch) -> None:
        self._watch = weakref.ref(watch)  # a timer must not keep a disposed frontend alive
        self.harmless = type(watch._clock) is SystemClock  # another one may be the user's code

    def __call__(self) -> None:
        watch = self._watch()
        if watch is not None:
            watch._sweep()


class Gate:
    """The places on the wire: at most so many calls at once, the others wait in order.

    Only workers and a caller's executor come here, never a thread that makes a call, so a plain
    lock is right. On the main thread, where a caller's executor may run calls, Ctrl-C may strike
    within any of these methods: ``recover`` puts right what is half done then.
    """

    __slots__ = ("_lock", "_places", "_holders", "_granted", "_waiting", "_open")

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._places = places
        self._holders: dict[Job, None] = {}
        self._granted: dict[Job, None] = {}  # those holders that have not come for it yet
        self._waiting: deque[Job] = deque()
        self._open = False

    def enter(self, job: Job) -> bool:
        """Take a place; False when there is none: ``leave`` will hand the job out later. False for
        a job that has one already, too."""
        with self._lock:
            if job in self._granted:
                del self._granted[job]
                return True
            if job in self._holders:
                return False
            if self._free > 0 or self._open:
                self._holders[job] = None
                return True
            self._waiting.append(job)
            return False

    def leave(self, job: Job) -> Job | None:
        """Give a place back; return the job that has it now and must run, if one waited. A job
        that will not come leaves too, whether it has a place, waits for one, or neither."""
        with self._lock:
            self._forget(job)
            return self._grant()

    def recover(self, job: Job) -> list[Job]:
        """Leave, after Ctrl-C in the middle of a call; return all jobs that have a place and have
        not come for it, perhaps because they were not submitted. Running one twice does no harm."""
        with self._lock:
            self._forget(job)
            while self._grant() is not None:
                pass
            return list(self._granted)

    def _forget(self, job: Job) -> None:
        self._granted.pop(job, None)
        if self._holders.pop(job, self) is self and job in self._waiting:
            self._waiting.remove(job)

    def _grant(self) -> Job | None:
        if not self._waiting or self._free <= 0:
            return None
        job = self._waiting[0]
        self._holders[job] = self._granted[job] = None
        self._waiting.popleft()
        return job

    @property
    def _free(self) -> int:
        return self._places - len(self._holders)

    def open_wide(self) -> list[Job]:
        """Let all jobs pass from now on, and return those that waited: the process ends."""
        with self._lock:
            self._open = True
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting
