"""The timer thread: it hands over what is due, and owns nothing of the user's.

Were the last reference to an object of the user's its own to drop, the user's destructor would run
there; one that waits would stop all timers, and every new worker.
"""

from __future__ import annotations

import queue
import threading
import time
import weakref
from functools import partial
from typing import Any, Callable, Deque

import pytest

from arr import ARRResult, AzureFrontend
from arr import _routes as routes
from arr._http.in_flight import Flight
from arr._polling import begin_wait
from arr._runtime import workers as _workers
from arr._runtime.workers import Job, Workers, workers

from ..support.fault_server import FaultServer, Request, Wire
from ..support.rig import static_account
from ..support.threads import (
    LIMIT, SESSION_ID, Held, Recorder, Service, complete, flush, must, pending, until,
)


@pytest.fixture
def pool() -> Workers:
    return Workers()


class Guard:
    """An object of the user's: it notes the thread on which it goes, and may wait there."""

    def __init__(self, wait: Callable[[], object] = bool) -> None:
        self.gone: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._wait = wait

    def __call__(self, *args: object) -> None:
        pass

    def __del__(self) -> None:
        self.gone.put(threading.current_thread().name)
        self._wait()


def gone(guard_gone: queue.SimpleQueue[str]) -> bool:
    """Wait until the object has gone; tell whether a worker dropped it."""
    return guard_gone.get(timeout=LIMIT).startswith("arr-worker")


def begin(service: Service, frontend: AzureFrontend, seconds: float) -> Any:
    """Begin a wait that no poll ends."""
    session = frontend.open_rendering_session(SESSION_ID)
    core = session._core
    assert core is not None
    wait: Any = begin_wait(core, session, routes.GET_RENDERING_SESSION_PROPERTIES, SESSION_ID,
                           lambda found: False, seconds, 1000, None)
    until(lambda: wait.latest is not None)  # the poll is over; the timers alone hold the wait
    return wait


def test_a_wait_that_ends_by_its_deadline_goes_on_a_worker(service: Service) -> None:
    with service.frontend() as frontend:
        wait = begin(service, frontend, 0.2)
        guard = Guard()
        seen = guard.gone
        wait.progress_changed += guard
        del wait, guard
        assert gone(seen)


def test_a_destructor_that_waits_stops_neither_timers_nor_workers(service: Service) -> None:
    other = pending()
    with service.frontend() as frontend:
        wait = begin(service, frontend, 0.2)
        guard = Guard(lambda: other.wait(LIMIT))
        seen = guard.gone
        wait.progress_changed += guard
        del wait, guard
        assert gone(seen)
        helds = [Held() for _ in range(len(workers._all) + 1)]
        fired = threading.Event()
        workers.call_at(0.0, fired.set)
        must(fired)
        for held in helds:  # so many that new threads must start
            workers.submit(held)
        for held in helds:
            must(held.entered)
            held.release.set()
    complete(other)


class _Slow(Deque[Job]):
    """A queue whose ``append`` on the timer thread returns late: when ``go`` is set."""

    def __init__(self, pool: Workers) -> None:
        super().__init__()
        self.pool = pool
        self.go = threading.Event()

    def append(self, job: Job) -> None:
        super().append(job)
        if threading.current_thread() is self.pool._timer_thread:
            self.pool._wake_one()
            self.go.wait(LIMIT)


def test_an_action_goes_on_the_worker_however_late_the_timer_thread_lets_go(
        pool: Workers) -> None:
    """The worker is done with the action before the timer thread has left the line that gave it."""
    parked = threading.Event()
    pool.submit(parked.set)
    must(parked)
    until(lambda: pool._idle)
    jobs = pool._jobs = _Slow(pool)
    guard = Guard()
    seen = guard.gone
    pool.call_at(0.0, guard)
    del guard
    assert gone(seen)
    jobs.go.set()


def test_a_call_that_is_cut_goes_on_its_worker_however_late_the_timer_thread_lets_go(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """The sweep knows flights, and no flight knows its call."""
    go, cut = threading.Event(), Flight.cut

    def late(flight: Flight, *args: Any, **kwargs: Any) -> bool:
        done = cut(flight, *args, **kwargs)
        assert threading.current_thread().name == "arr-timer"
        go.wait(LIMIT)
        return done

    monkeypatch.setattr(Flight, "cut", late)
    with FaultServer(dripping) as server:
        frontend = AzureFrontend(static_account(server.url), timeout=(0.1, 0.1))
        guard = Guard()
        seen = guard.gone
        setattr(frontend, "guard", guard)  # as a class derived from AzureFrontend may do
        frontend.get_current_rendering_sessions_async()
        del guard, frontend
        assert gone(seen)
        go.set()


def dripping(wire: Wire, request: Request) -> None:
    wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    wire.drip(b"x" * 100_000)


def test_deadlines_hold_while_no_worker_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads are blocked and the system refuses more: the timer thread cuts by itself."""
    arrived = threading.Event()

    def answer(wire: Wire, request: Request) -> None:
        arrived.set()
        dripping(wire, request)

    with FaultServer(answer) as server:
        frontend = AzureFrontend(static_account(server.url), timeout=(0.3, 0.3))
        operation = frontend.get_current_rendering_sessions_async()
        must(arrived)
        monkeypatch.setattr(workers, "_start_worker", lambda: False)
        helds = []
        while workers._idle:
            helds.append(Held())
            workers.submit(helds[-1])
            must(helds[-1].entered)
        done = threading.Event()
        operation.completed += lambda operation: done.set()
        must(done)
        assert operation.status == ARRResult.Timeout
        for held in helds:
            held.release.set()


def test_a_worker_that_cannot_start_has_taken_no_job(
        pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the timer thread would hold the job, while the next free worker runs it."""
    def refuse(worker: _workers.Worker) -> None:
        assert worker.job is None and len(pool._jobs) == 1
        raise RuntimeError("can't start new thread")

    pool._jobs.append(print)
    monkeypatch.setattr(_workers.Worker, "start", refuse)
    assert pool._grow() == _workers.RETRY_SECONDS
    assert list(pool._jobs) == [print] and not pool._all


def test_a_cancelled_timer_keeps_nothing_and_costs_no_job(pool: Workers) -> None:
    guard = Guard()
    known = weakref.ref(guard)
    pool.call_at(time.monotonic() + 0.05, guard).cancel()
    del guard
    assert known() is None
    ran = Recorder()
    pool.call_at(time.monotonic() + 0.06, partial(ran, 1))
    ran.next()
    assert sum(worker.taken for worker in pool._all) == 1


@pytest.mark.arr_handler_errors_allowed
def test_timers_fire_in_order_on_a_worker_unless_cancelled(pool: Workers) -> None:
    recorder = Recorder()
    pool.call_at(0.002, lambda: recorder(2))
    pool.call_at(time.monotonic() + 0.05, lambda: recorder(3)).cancel()
    pool.call_at(0.001, lambda: recorder(1))
    pool.call_at(0.004, lambda: 1 // 0)
    pool.call_at(0.005, lambda: recorder(5))
    found = [recorder.next() for _ in range(3)]
    flush(pool)  # the one that fails has failed
    assert sorted(number for number, _ in found) == [1, 2, 5]
    assert {thread for _, thread in found} <= {"arr-worker-1", "arr-worker-2"}
