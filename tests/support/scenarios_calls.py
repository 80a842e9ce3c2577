"""Schedules of what stands around an operation: places, flights, tokens, workers, waits."""

from __future__ import annotations

import json
from typing import Any, Callable
from unittest import mock

from arr import ARRConnectionStatus, ARRResult, AzureFrontend
from arr import _routes as routes
from arr._http import in_flight
from arr._http.in_flight import Flight, Gate, Watch
from arr._http.replies import Reply
from arr._http.tokens import Tokens
from arr._polling import Poller
from arr._remote_manager import _RemoteManager
from arr._results import CallFailed
from arr._runtime.workers import Job, Worker, Workers
from arr.testing import FakeClock

from .scenarios import nothing_left
from .schedules import Deadlock, Make, Scenario
from .threads import FAILURE, SUCCESS, Jobs, pending


# -- places, flights, tokens -------------------------------------------------------------------


def places_on_the_wire() -> Scenario:
    gate, inside, served = Gate(1), [], []

    def serve(job: Job) -> None:
        while job is not None and gate.enter(job):
            inside.append(job)
            assert gate._free == 0  # here others may run
            assert len(inside) == 1, "two in one place"
            served.append(job)
            inside.remove(job)
            job = gate.leave(job)  # type: ignore[assignment]

    jobs: list[Any] = [lambda: 1, lambda: 2, lambda: 3]

    def check() -> None:
        assert len(served) == 3 and set(served) == set(jobs)
        assert gate._free == 1 and not gate._waiting and not gate._granted

    return Scenario([lambda: serve(jobs[0]), lambda: serve(jobs[1]), lambda: serve(jobs[2])],
                    check)


def places_and_a_job_that_will_not_come() -> Scenario:
    gate, served = Gate(1), []
    jobs: list[Any] = [lambda: 1, lambda: 2]

    def serve(job: Any) -> None:
        while job is not None and gate.enter(job):
            served.append(job)
            job = gate.leave(job)

    def refuse() -> None:
        job = gate.leave(jobs[1])
        if job is not None:
            serve(job)

    def check() -> None:
        assert jobs[0] in served and gate._free == 1 and not gate._granted
        for job in list(gate._waiting):  # it came after all
            assert job is jobs[1]

    return Scenario([lambda: serve(jobs[0]), lambda: serve(jobs[1]), refuse], check)


_SHUT = in_flight._shut


class _Socket:
    """Notes when it is shut down; a flight may do so only while the socket is its own."""

    def __init__(self) -> None:
        self.mine = True
        self.shut = False


def flight_and_its_cut() -> Scenario:
    flight, sock, cuts, reads = Flight(1.0), _Socket(), [], []

    def shut(used: Any) -> None:
        assert used.mine, "the socket belongs to another call"
        used.shut = True

    def fly() -> None:
        try:
            flight.launch()
            flight.use(sock)  # type: ignore[arg-type]
            reads.append(sock.shut)
            flight.use(None)
            sock.mine = False
            flight.check()
        except CallFailed:
            reads.append(True)

    def cut(unless_launched: bool) -> None:
        cuts.append((flight.cut(ARRResult.Timeout, unless_launched), unless_launched))

    def check() -> None:
        in_flight._shut = _SHUT
        assert sum(done for done, _ in cuts) <= 1
        if flight.launched and (True, True) in cuts:
            raise AssertionError("given up although it had left")
        assert (False, False) not in cuts or (True, True) in cuts

    in_flight._shut = shut  # type: ignore[assignment]
    return Scenario([fly, lambda: cut(True), lambda: cut(False)], check)


def flights_and_the_sweep() -> Scenario:
    clock = FakeClock()
    watch = Watch(clock)
    early, late, landed = Flight(1.0), Flight(2.0), Flight(1.0)

    def fly_and_land() -> None:
        watch.add(late)
        watch.add(landed)
        watch.remove(landed)

    def check() -> None:
        clock.advance(0.1)
        assert early.failure is not None, "its deadline passed unnoticed"
        assert late.failure is None, "it was cut too early"
        clock.advance(5)
        assert late.failure is not None, "its deadline passed unnoticed"
        assert {flight for flight, _ in watch.current()} == {early, late}

    return Scenario([lambda: watch.add(early), fly_and_land, lambda: clock.advance(1.5)], check)


class _Account:
    access_token = None
    id = "id"
    sts_url = "http://sts"
    sts_credential = "id:key"


class _Transport:
    def __init__(self, fail: bool = False) -> None:
        self.asked = 0
        self.fail = fail

    def send(self, *arguments: object) -> Reply:
        self.asked += 1
        if self.fail:
            return Reply(503, {}, b"")
        return Reply(200, {}, json.dumps({"AccessToken": f"token{self.asked}"}).encode())


def _tokens(transport: _Transport, jobs: Jobs) -> Tokens:
    clock = FakeClock()
    found: Any = Tokens
    made: Tokens = found(_Account, transport, clock, Watch(clock), jobs, 65.0)
    return made


def one_exchange_for_all() -> Scenario:
    transport, got = _Transport(), []
    tokens = _tokens(transport, Jobs())

    def ask() -> None:
        got.append(tokens.get(Flight(10.0))[0].text)

    def check() -> None:
        assert got == ["token1"] * 3 and transport.asked == 1

    return Scenario([ask, ask, ask], check)


def one_failure_for_all_who_waited() -> Scenario:
    transport, failed = _Transport(fail=True), []
    tokens = _tokens(transport, Jobs())

    def ask() -> None:
        try:
            tokens.get(Flight(10.0))
        except CallFailed as failure:
            failed.append(failure)

    def check() -> None:
        assert len(failed) == 3 and 1 <= transport.asked <= 3
        assert len(set(map(id, failed))) == 3, "each has a failure of its own"
        assert tokens._exchange is None

    return Scenario([ask, ask, ask], check)


def refused_token_is_renewed_once() -> Scenario:
    transport, got = _Transport(), []
    tokens = _tokens(transport, Jobs())
    old = tokens.get(Flight(10.0))[0]

    def renew() -> None:
        got.append(tokens.renew(Flight(10.0), old).text)

    def give_up() -> None:
        flight = Flight(10.0)
        flight.cut(ARRResult.Cancelled)
        try:
            tokens.renew(flight, old)
        except CallFailed:
            pass

    def check() -> None:
        assert got == ["token2"] * 2 and transport.asked == 2

    return Scenario([renew, renew, give_up], check)


# -- workers -----------------------------------------------------------------------------------

def jobs_and_workers() -> Scenario:
    pool, ran = Workers(), []
    pool._timer_thread = mock.Mock()
    pool._start_worker = lambda: False  # type: ignore[method-assign]
    team = [Worker(pool, 1), Worker(pool, 2)]
    pool._all += team

    def work(worker: Worker) -> None:
        while pool._next_job(worker):
            job = worker.job
            assert job is not None
            worker.taken += 1
            job()
            worker.job = job = None

    def keep_time() -> None:
        again: float | None = None
        while True:
            pool._timer_wake.wait(again)
            again = pool._grow()

    def submit() -> None:
        pool.submit(lambda: ran.append("submitted"))
        pool.defer(lambda: ran.append("deferred"))

    def check() -> None:
        assert sorted(ran) == ["deferred", "submitted"] and not pool._jobs

    return Scenario([submit, lambda: work(team[0]), lambda: work(team[1]), _quietly(keep_time)],
                    check)


def _quietly(work: Callable[[], object]) -> Callable[[], None]:
    """The timer thread may wait for ever: that is its end here."""
    def run() -> None:
        try:
            work()
        except Deadlock:
            pass
    return run


# -- waits -------------------------------------------------------------------------------------

class _Core:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.runner = Jobs()
        self.waits: dict[Any, None] = {}


class _Poller(Poller[Any]):
    polls: list[int]

    def _poll(self, *arguments: Any) -> None:
        self.polls.append(1)


class _Owner:
    _core: Any = None


def a_wait_and_its_three_ends() -> Scenario:
    core: Any = _Core()
    owner: Any = _Owner()
    owner._core = core
    seen: list[ARRResult] = []
    poller = _Poller(core, owner, routes.GET_RENDERING_SESSION_PROPERTIES, "id",
                     lambda value: True, 10.0, 5.0)
    poller.polls = []
    poller.wait.completed += lambda done: seen.append(done.status)
    poller.start()
    poll, late = pending(core.runner), pending(core.runner)
    poll._complete(SUCCESS, "found")
    late._complete(FAILURE)

    def answer() -> None:
        poller.polled(late)  # sets a timer
        poller.polled(poll)

    def check() -> None:
        core.runner.run()
        assert seen == [poller.wait.status] and not core.waits
        before = len(poller.polls)
        core.clock.advance(1000)
        assert len(poller.polls) == before, "a timer was left"
        nothing_left()

    return Scenario([answer, lambda: core.clock.advance(5), poller.cancel], check)


# -- the runtime's stub ------------------------------------------------------------------------

def connect_disconnect_update() -> Scenario:
    manager, seen = _RemoteManager(), []
    frontend: Any = AzureFrontend.__new__(AzureFrontend)
    frontend._core = object()
    manager.connection_status_changed += lambda status, result: seen.append(status)

    def check() -> None:
        manager.update()
        assert seen[-1] is manager.connection_status
        rounds = [ARRConnectionStatus.Connecting, ARRConnectionStatus.Connected,
                  ARRConnectionStatus.Disconnected]
        assert seen == (rounds * 3)[:len(seen)]

    return Scenario([lambda: manager.connect("a", frontend), manager.disconnect,
                     lambda: manager.connect("b", frontend)], check)


SCENARIOS: tuple[Make, ...] = (
    places_on_the_wire, places_and_a_job_that_will_not_come, flight_and_its_cut,
    flights_and_the_sweep, one_exchange_for_all, one_failure_for_all_who_waited,
    refused_token_is_renewed_once, jobs_and_workers, a_wait_and_its_three_ends,
    connect_disconnect_update,
)
