"""Connections: kept alive, never shared by two calls, replaced when stale, freed when let go."""

from __future__ import annotations

import gc
import threading
from typing import Any, List

import pytest
import urllib3

from arr import ARRResult, AzureFrontend
from arr._http.connections import flying
from arr._http.in_flight import Flight
from arr._results import CallFailed

from ..support.fault_server import FaultServer, Request, Wire, kept, raw, reply, script
from ..support.rig import CASE, CASES, LIMIT, SESSION_ID, Rig, finish, good, static_account


def test_calls_one_after_the_other_share_one_connection() -> None:
    with Rig(good) as rig:
        for case in CASES * 3:
            assert rig.run(case).result == ARRResult.Success
        assert rig.server.connections == 1


def test_errors_leave_the_connection_usable_when_they_are_whole() -> None:
    with Rig(kept(reply({"error": "no"}, 409))) as rig:
        for case in CASES:
            assert rig.run(case).result == ARRResult.AlreadyExists
        assert rig.server.connections == 1


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_connection_closed_between_calls_fails_no_call(case: Any) -> None:
    closed = threading.Event()

    def answer(wire: Wire, request: Request) -> None:
        good(wire, request)
        if request.connection == 1:
            wire.sock.shutdown(2)
            closed.set()
            wire.fin()

    with Rig(answer) as rig:
        assert rig.run(CASE["list"]).result == ARRResult.Success
        assert closed.wait(LIMIT)
        assert rig.run(case).result == ARRResult.Success
        assert rig.rests == 0 and rig.server.connections == 2


@pytest.mark.parametrize("case", CASES, ids=str)
def test_on_a_connection_that_dies_under_the_request_only_what_may_be_repeated_is_repeated(
        case: Any) -> None:
    def answer(wire: Wire, request: Request) -> None:
        if wire.number == 1 and len(rig.server.requests) == 2:
            wire.reset()
        good(wire, request)

    with Rig(answer) as rig:
        assert rig.run(CASE["list"]).result == ARRResult.Success
        context = rig.run(case)
        assert context.result == (ARRResult.Success if case.repeatable
                                  else ARRResult.NoConnection)
        assert len(rig.server.requests) == (3 if case.repeatable else 2)


def test_at_most_max_calls_are_on_the_wire_and_their_connections_are_kept() -> None:
    lock = threading.Lock()
    now, peak = 0, 0

    def answer(wire: Wire, request: Request) -> None:
        nonlocal now, peak
        with lock:
            now += 1
            peak = max(peak, now)
        wire.pause(0.002)
        with lock:
            now -= 1
        good(wire, request)

    with FaultServer(answer) as server:
        frontend = AzureFrontend(static_account(server.url), max_calls=4)
        operations = [frontend.get_current_rendering_sessions_async() for _ in range(100)]
        assert {finish(each).result for each in operations} == {ARRResult.Success}
        assert peak <= 4 and server.connections <= 4


def test_every_call_gets_its_own_answer_under_load_and_faults() -> None:
    def answer(wire: Wire, request: Request) -> None:
        session_id = request.path.split("/")[-2]
        fault = int(session_id[1:]) % 7
        if fault == 1:
            wire.send(b"HTTP/1.1 103 Hints\r\n\r\n")
        elif fault == 2:
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n{")
            wire.fin()
        elif fault == 3:
            wire.reset()
        wire.send(reply({"sessionId": session_id}))

    with FaultServer(answer) as server:
        frontend = AzureFrontend(static_account(server.url))
        sessions = [frontend.open_rendering_session(f"s{number}") for number in range(300)]
        operations = [each.get_rendering_session_properties_async() for each in sessions]
        for number, operation in enumerate(operations):
            context = finish(operation)
            if number % 7 in (1, 2):
                assert context.result == ARRResult.ProtocolError
            elif number % 7 == 3:
                assert context.result == ARRResult.NoConnection
            else:
                assert operation.result.id == f"s{number}"


def test_a_frontend_that_is_let_go_closes_its_connections() -> None:
    with FaultServer(good) as server:
        frontend = AzureFrontend(static_account(server.url))
        finish(frontend.get_current_rendering_sessions_async())
        assert server.open == 1
        frontend.dispose()
        del frontend
        spin = threading.Event()
        for _ in range(500):
            gc.collect()
            if server.open == 0:
                break
            spin.wait(0.01)
        assert server.open == 0


def test_a_cut_flight_does_not_cut_the_call_that_has_the_connection_next() -> None:
    seen: List[Any] = []

    def answer(wire: Wire, request: Request) -> None:
        good(wire, request)

    with Rig(answer) as rig:
        core = rig.frontend._core
        assert core is not None
        real = core.tokens.get

        def spying(flight: Any) -> Any:
            seen.append(flight)
            return real(flight)

        core.tokens.get = spying  # type: ignore[method-assign]
        assert rig.run(CASE["list"]).result == ARRResult.Success
        assert seen[0].cut(ARRResult.Timeout)  # too late: it has landed
        assert rig.run(CASE["update"]).result == ARRResult.Success
        assert rig.server.connections == 1


def test_a_flight_cut_just_after_its_connection_went_back_does_not_cut_the_next_call(
        monkeypatch: pytest.MonkeyPatch) -> None:
    real = urllib3.HTTPConnectionPool._put_conn
    cuts: List[bool] = []

    def put_then_cut(self: Any, connection: Any) -> None:
        real(self, connection)  # from here on another call may have it
        flight = flying.flight
        if connection is not None and not cuts:
            cuts.append(flight.cut(ARRResult.Timeout))

    monkeypatch.setattr(urllib3.HTTPConnectionPool, "_put_conn", put_then_cut)
    with Rig(good) as rig:
        rig.run(CASE["list"])
        assert cuts == [True] and flying.flight is None
        assert rig.run(CASE["update"]).result == ARRResult.Success
        assert rig.server.connections == 1


def test_a_flight_that_was_cut_before_takes_no_connection() -> None:
    with Rig(good) as rig:
        rig.run(CASE["list"])
        flight = Flight(1e9)
        flight.cut(ARRResult.Timeout)
        with pytest.raises(CallFailed):
            rig.frontend._core.transport.send(  # type: ignore[union-attr]
                flight, "GET", rig.server.url + "/", {})
        assert rig.run(CASE["update"]).result == ARRResult.Success
        assert (rig.server.connections, len(rig.server.requests)) == (1, 2)


def test_a_connection_that_broke_is_not_used_again() -> None:
    answer = script(raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), good)
    with Rig(answer) as rig:
        assert rig.run(CASE["update"]).result == ARRResult.ProtocolError
        assert rig.run(CASE["update"]).result == ARRResult.Success
        assert rig.server.connections == 2


def test_two_frontends_share_no_connection() -> None:
    with FaultServer(good) as server:
        for _ in range(2):
            frontend = AzureFrontend(static_account(server.url))
            finish(frontend.open_rendering_session(SESSION_ID).stop_rendering_session_async())
        assert server.connections == 2
