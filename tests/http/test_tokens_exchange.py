"""Tokens: one exchange for all who need one, refreshed early, kept while they serve."""

from __future__ import annotations

import base64
import json
import threading
from typing import Any, List, Optional

import pytest

from arr import ARRResult, AzureFrontend, AzureFrontendAccountInfo, SessionLocation
from arr._http.tokens import LIFETIME, Token, _expiry
from arr.testing import FakeClock

from ..support.fault_server import Answer, FaultServer, Request, Wire, kept, raw, reply, script
from ..support.rig import (
    ACCESS_TOKEN, ACCOUNT_ID, CASE, CASES, KEY, LIMIT, Rig, check_secrets, finish, good,
    key_account, static_account,
)

START = 1_577_836_800.0  # of a FakeClock


def jwt(expires: object, name: str = "x") -> str:
    payload = json.dumps({"exp": expires, "name": name}).encode()
    return f"e30.{base64.urlsafe_b64encode(payload).decode().rstrip('=')}.c2ln"


class Sts:
    """A token service that counts: tokens t1, t2, ... that live so many seconds."""

    def __init__(self, seconds: Optional[float] = 86_400.0) -> None:
        self.seconds = seconds
        self.clock: Any = None
        self.down: Optional[Answer] = None
        self.given: List[str] = []

    def __call__(self, wire: Wire, request: Request) -> None:
        if self.down is not None:
            self.down(wire, request)
            return
        name = f"t{len(self.given) + 1}"
        text = name if self.seconds is None else jwt(self.clock.time() + self.seconds, name)
        self.given.append(text)
        wire.send(reply({"AccessToken": text}))


class TokenRig(Rig):
    def __init__(self, sts: Sts, answer: Answer = good, **options: Any) -> None:
        super().__init__(answer, token=sts, account=key_account, **options)
        sts.clock = self.clock

    def call(self, case: str = "list") -> ARRResult:
        result: ARRResult = self.run(CASE[case]).result
        return result

    @property
    def asked(self) -> int:
        return len(self.server.token_requests)

    @property
    def used(self) -> List[str]:
        return [request.headers["authorization"].partition(" ")[2]
                for request in self.server.requests]


def many(server: FaultServer, count: int, clock: Optional[FakeClock] = None,
         frontend: Optional[AzureFrontend] = None) -> List[ARRResult]:
    """Make calls on worker threads, all at once, and return their results."""
    frontend = frontend or AzureFrontend(key_account(server.url), clock=clock)
    operations = [frontend.get_current_rendering_sessions_async() for _ in range(count)]
    return [finish(operation).result for operation in operations]


def test_64_first_calls_make_one_token_request() -> None:
    arrived = threading.Event()

    def token(wire: Wire, request: Request) -> None:
        arrived.wait(0.2)  # nothing sets it: long enough for the others to want one too
        wire.send(reply({"AccessToken": "t"}))

    with FaultServer(good, token=token) as server:
        assert many(server, 64) == [ARRResult.Success] * 64
        assert len(server.token_requests) == 1


def test_64_calls_that_meet_an_expired_token_make_one_token_request() -> None:
    clock, sts = FakeClock(), Sts()
    sts.clock = clock
    with FaultServer(good, token=sts) as server:
        frontend = AzureFrontend(key_account(server.url), clock=clock)
        many(server, 1, clock, frontend)
        clock.advance(90_000)
        assert many(server, 64, clock, frontend) == [ARRResult.Success] * 64
        assert len(server.token_requests) == 2


def test_the_token_request_is_the_documented_one() -> None:
    with TokenRig(Sts()) as rig:
        assert rig.call() == ARRResult.Success
        request = rig.server.token_requests[0]
        assert (request.method, request.path) == ("GET", f"/accounts/{ACCOUNT_ID}/token")
        assert request.headers["authorization"] == f"Bearer {ACCOUNT_ID}:{KEY}"
        assert len(request.headers["x-mrc-cv"]) == 22


def test_100_calls_with_240_seconds_left_make_one_token_request() -> None:
    with TokenRig(Sts(240)) as rig:
        for _ in range(100):
            assert rig.call() == ARRResult.Success
        assert rig.asked == 1
        rig.clock.advance(59)
        assert rig.call() == ARRResult.Success and rig.asked == 1
        rig.clock.advance(2)
        assert rig.call() == ARRResult.Success and rig.asked == 2
        assert rig.used[-1] == rig.used[0], "the old token serves while the new one is fetched"
        assert rig.call() == ARRResult.Success and rig.used[-1] != rig.used[0]


def test_a_token_is_renewed_in_the_background_from_five_minutes_before_its_end() -> None:
    with TokenRig(Sts(3600)) as rig:
        rig.call()
        rig.clock.advance(3600 - 301)
        rig.call()
        assert rig.asked == 1
        rig.clock.advance(2)
        rig.call()
        assert rig.asked == 2 and rig.used == [rig.used[0]] * 3


def test_while_renewal_fails_the_old_token_serves_until_its_end_and_no_longer() -> None:
    sts = Sts(3600)
    with TokenRig(sts) as rig:
        rig.call()
        sts.down = kept(reply(None, 500))
        rig.clock.advance(3600 - 200)
        for _ in range(5):
            assert rig.call() == ARRResult.Success
        assert rig.asked == 2, "at most one try a minute"
        rig.clock.advance(61)
        assert rig.call() == ARRResult.Success and rig.asked == 3
        rig.clock.advance(140)
        assert rig.call("create") == ARRResult.Fail
        sts.down = None
        assert rig.call() == ARRResult.Success


def test_a_failing_token_service_is_not_remembered() -> None:
    sts = Sts()
    with TokenRig(sts) as rig:
        for status, result in ((500, ARRResult.Fail), (401, ARRResult.AuthenticationFailed),
                               (429, ARRResult.TooManyRequests)):
            sts.down = kept(reply(None, status))
            assert rig.call() == result
        sts.down = raw(b"")
        assert rig.call() == ARRResult.NoConnection
        sts.down = None
        assert rig.call() == ARRResult.Success
        assert len(sts.given) == 1


@pytest.mark.parametrize("answer, result", [
    (kept(reply(None, 401)), ARRResult.AuthenticationFailed),
    (kept(reply(None, 400)), ARRResult.AuthenticationFailed),
    (kept(reply(None, 403)), ARRResult.AuthenticationFailed),
    (kept(reply(None, 404)), ARRResult.AuthenticationFailed),
    (kept(reply(None, 500)), ARRResult.Fail),
    (kept(reply(None, 503)), ARRResult.Fail),
    (kept(reply(None, 302, "Location: http://127.0.0.1:1/")), ARRResult.Fail),
    (kept(reply(b"no json")), ARRResult.ProtocolError), (kept(reply({})), ARRResult.ProtocolError),
    (kept(reply([])), ARRResult.ProtocolError),
    (kept(reply({"AccessToken": 5})), ARRResult.ProtocolError),
    (kept(reply({"AccessToken": ""})), ARRResult.ProtocolError),
    (kept(reply({"AccessToken": "a b"})), ARRResult.ProtocolError),
    (kept(reply({"AccessToken": "a\x7f"})), ARRResult.ProtocolError),
    (kept(reply({"AccessToken": "a\r\nX: y"})), ARRResult.ProtocolError),
    (kept(reply({"AccessToken": "\u00e4"})), ARRResult.ProtocolError),
    (kept(reply({"accesstoken": "a"})), ARRResult.ProtocolError),
    (kept(b"HTTP/1.1 103 Hints\r\n\r\n"), ARRResult.ProtocolError),
    (raw(b""), ARRResult.NoConnection),
    (lambda wire, request: wire.reset(), ARRResult.NoConnection),
], ids=lambda value: str(value) if isinstance(value, ARRResult) else "")
def test_what_the_token_service_does_wrong_is_the_result_of_every_call(
        answer: Answer, result: ARRResult) -> None:
    with Rig(good, token=answer, account=key_account) as rig:
        for case in CASES:
            assert rig.run(case).result == result
        assert rig.server.requests == []


def test_a_create_waits_for_a_token_service_that_comes_back_as_nothing_was_sent_yet() -> None:
    for answers in ((kept(reply(None, 503)), raw(b"")),
                    (kept(reply(None, 502)), kept(reply(None, 504)))):
        sts = Sts()
        with Rig(good, token=script(*answers, sts), account=key_account) as rig:
            sts.clock = rig.clock
            assert rig.run(CASE["create"]).result == ARRResult.Success
            assert len(rig.server.token_requests) == 3 and len(rig.server.requests) == 1


def test_any_printable_character_may_be_in_a_token() -> None:
    with Rig(good, token=kept(reply({"AccessToken": "!~"})), account=key_account) as rig:
        assert rig.run(CASE["list"]).result == ARRResult.Success
        assert rig.server.requests[0].headers["authorization"] == "Bearer !~"


def test_the_message_of_a_refused_account_says_what_to_check() -> None:
    with Rig(good, token=kept(reply(None, 401, "MS-CV: " + KEY)), account=key_account) as rig:
        context = rig.run(CASE["list"])
        assert "check account_id, the credential and account_domain" in context.error_message
        assert context.http_response_code == 401

    def account(url: str) -> AzureFrontendAccountInfo:
        return AzureFrontendAccountInfo(url, authentication_token="aad",
                                        location=SessionLocation.ignore)

    with Rig(good, token=kept(reply(None, 401)), account=account) as rig:
        assert "account_id is empty" in rig.run(CASE["list"]).error_message
        request = rig.server.token_requests[0]
        assert request.headers["authorization"] == "Bearer aad"


# -- 401 ------------------------------------------------------------------------------------------

def wants(*refused: str) -> Answer:
    """A service that refuses these tokens (by the name inside)."""
    def answer(wire: Wire, request: Request) -> None:
        token = request.headers["authorization"].partition(" ")[2]
        if token in refused:
            wire.send(reply(None, 401))
        else:
            good(wire, request)
    return answer


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_401_with_a_cached_token_renews_it_and_sends_once_more_whatever_the_verb(
        case: Any) -> None:
    sts = Sts(None)
    with TokenRig(sts, wants("t1")) as rig:
        first = rig.run(CASE["list"])
        assert first.result == ARRResult.AuthenticationFailed, "a fresh token is not renewed"
        assert rig.asked == 1
        assert rig.run(case).result == ARRResult.Success
        assert rig.used == ["t1", "t1", "t2"] and rig.asked == 2


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_second_401_is_the_end(case: Any) -> None:
    with TokenRig(Sts(None), wants("t1", "t2", "t3", "t4")) as rig:
        rig.call()
        assert rig.run(case).result == ARRResult.AuthenticationFailed
        assert rig.used == ["t1", "t1", "t2"]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_access_token_is_never_renewed(case: Any) -> None:
    with Rig(kept(reply(None, 401))) as rig:
        context = rig.run(case)
        assert context.result == ARRResult.AuthenticationFailed
        assert len(rig.server.requests) == 1 and not rig.server.token_requests
        rig.clock.advance(10 ** 9)
        assert rig.run(case).result == ARRResult.AuthenticationFailed
        assert not rig.server.token_requests


def test_64_calls_refused_at_once_renew_the_token_once() -> None:
    everybody = threading.Barrier(64)
    sts = Sts(None)

    def answer(wire: Wire, request: Request) -> None:
        if request.headers["authorization"] == "Bearer t1" and len(sts.given) == 1 and started:
            everybody.wait(LIMIT)
            wire.send(reply(None, 401))
        else:
            good(wire, request)

    started: List[int] = []
    with FaultServer(answer, token=sts) as server:
        frontend = AzureFrontend(key_account(server.url))
        many(server, 1, None, frontend)
        started.append(1)
        assert many(server, 64, None, frontend) == [ARRResult.Success] * 64
        assert len(server.token_requests) == 2


def test_calls_in_flight_while_the_token_changes_keep_theirs() -> None:
    gate, arrived, sts = threading.Event(), threading.Event(), Sts(None)

    def answer(wire: Wire, request: Request) -> None:
        if request.method == "PATCH":
            arrived.set()
            gate.wait(LIMIT)
        wants("t1" if gate.is_set() and request.method == "GET" else "")(wire, request)

    with FaultServer(answer, token=sts) as server:
        frontend = AzureFrontend(key_account(server.url))
        many(server, 1, None, frontend)
        update = CASE["update"].make(frontend, frontend.open_rendering_session("s"))
        assert arrived.wait(LIMIT)
        gate.set()
        assert many(server, 8, None, frontend) == [ARRResult.Success] * 8
        assert finish(update).result == ARRResult.Success
        assert len(server.token_requests) == 2


# -- clocks ---------------------------------------------------------------------------------------

def test_when_the_clock_jumps_ahead_of_the_service_calls_do_not_each_ask_for_a_token() -> None:
    with TokenRig(Sts()) as rig:
        rig.call()
        service = FakeClock(rig.clock.time())
        rig.server._token.clock = service  # type: ignore[attr-defined]
        rig.clock.set_time(rig.clock.time() + 10 * 86_400)  # every new token looks expired now
        for asked in (1, 2, 3):  # the first was fetched a moment ago, and may well be good
            for _ in range(20):
                assert rig.call() == ARRResult.Success
            assert rig.asked == asked
            rig.clock.advance(61)


def test_when_the_clock_jumps_back_a_refused_token_is_renewed() -> None:
    with TokenRig(Sts()) as rig:
        rig.call()
        rig.clock.set_time(START - 10 * 86_400)
        assert rig.call() == ARRResult.Success and rig.asked == 1
        rig.clock.advance(61)
        rig.clock.set_time(START + 90_000)
        assert rig.call() == ARRResult.Success and rig.asked == 2


@pytest.mark.parametrize("text", [
    "opaque", "a.b", "a.b.c.d", "..", "e30.!!!!.c", "e30.bm90IGpzb24.c", "e30.W10.c", "e30.MQ.c",
    "e30.\u00e4.c", "e30." + "W" * 100_001 + ".c", jwt("soon"), jwt(None), jwt([]), jwt({}),
    jwt(True), jwt(float("nan")), jwt(float("inf")), jwt(-1), jwt(10 ** 400), jwt(1e300), jwt(1e11),
    jwt("nan"), jwt("9" * 6000), "e30." + base64.b64encode(b"[" * 100_000).decode() + ".c"],
    ids=lambda text: text[:24])
def test_a_token_that_cannot_be_read_is_taken_to_live_a_day(text: str) -> None:
    assert _expiry(text) is None
    if not text.isascii():
        return
    with Rig(good, token=kept(reply({"AccessToken": text})), account=key_account) as rig:
        assert rig.run(CASE["list"]).result == ARRResult.Success
        rig.clock.advance(LIFETIME - 301)
        rig.run(CASE["list"])
        assert len(rig.server.token_requests) == 1
        rig.clock.advance(302)
        rig.run(CASE["list"])
        assert len(rig.server.token_requests) == 2


@pytest.mark.parametrize("expires, seconds", [
    (2147483647, 2147483647.0), ("2147483647", 2147483647.0), (1.5, 1.5), (0, 0.0),
    (10 ** 10, 1e10)])
def test_the_end_of_a_token_is_read(expires: object, seconds: float) -> None:
    for name in ("", "a", "ab", "abc"):  # whatever base64 lacks at its end
        assert _expiry(jwt(expires, name)) == seconds
    assert _expiry(jwt(expires, "\u00ff\u00fe???>>>")) == seconds  # base64url's own letters


# -- waiting for a token --------------------------------------------------------------------------

def test_with_a_silent_token_service_all_callers_end_within_one_deadline() -> None:
    clock = FakeClock()
    asked = threading.Event()

    def silent(wire: Wire, request: Request) -> None:
        asked.set()
        wire.until_gone()

    with FaultServer(good, token=silent) as server:
        frontend = AzureFrontend(key_account(server.url), clock=clock)
        operations = [frontend.get_current_rendering_sessions_async() for _ in range(32)]
        flights = frontend._core.watch  # type: ignore[union-attr]
        assert asked.wait(LIMIT)
        spin = threading.Event()
        for _ in range(1000):
            if len(flights.current()) == 32:
                break
            spin.wait(0.01)
        clock.advance(66)
        assert [finish(each).result for each in operations] == [ARRResult.Timeout] * 32
        assert len(server.token_requests) == 1


def test_a_waiter_is_cut_at_its_own_deadline_and_the_others_wait_on() -> None:
    clock, held, asked = FakeClock(), threading.Event(), threading.Event()

    def token(wire: Wire, request: Request) -> None:
        asked.set()
        held.wait(LIMIT)
        wire.send(reply({"AccessToken": "t"}))

    with FaultServer(good, token=token) as server:
        frontend = AzureFrontend(key_account(server.url), clock=clock)
        core = frontend._core
        assert core is not None
        core.operation_seconds = 200  # the leader's own time
        leader = frontend.get_current_rendering_sessions_async()
        assert asked.wait(LIMIT)
        core.operation_seconds = 65
        waiters = [frontend.get_current_rendering_sessions_async() for _ in range(4)]
        spin = threading.Event()
        for _ in range(1000):
            if len(core.watch.current()) == 5:
                break
            spin.wait(0.01)
        clock.advance(66)
        assert [finish(each).result for each in waiters] == [ARRResult.Timeout] * 4
        assert not leader.is_completed
        held.set()
        assert finish(leader).result == ARRResult.Success


def test_waiters_share_the_failure_of_the_one_who_asks() -> None:
    released = threading.Event()

    def token(wire: Wire, request: Request) -> None:
        released.wait(LIMIT)
        wire.send(reply(None, 401))

    with FaultServer(good, token=token) as server:
        frontend = AzureFrontend(key_account(server.url))
        operations = [frontend.get_current_rendering_sessions_async() for _ in range(16)]
        spin = threading.Event()
        for _ in range(1000):
            exchange = frontend._core.tokens._exchange  # type: ignore[union-attr]
            if exchange is not None and len(exchange.turns) == 15:
                break
            spin.wait(0.01)
        released.set()
        assert ([finish(each).result for each in operations]
                == [ARRResult.AuthenticationFailed] * 16)
        assert len(server.token_requests) == 1


def test_on_one_thread_a_call_does_not_wait_for_a_renewal_that_stands_behind_it() -> None:
    with TokenRig(Sts(3600)) as rig:
        rig.call()
        rig.clock.advance(3600 - 100)
        first, second = rig.begin(CASE["list"]), rig.begin(CASE["list"])
        assert rig.executor.run_next(LIMIT)  # submits the renewal, behind the second call
        rig.clock.advance(200)
        assert rig.executor.run_next(LIMIT)
        assert (first.status, second.status) == (ARRResult.Success, ARRResult.Success)
        rig.run_pending()
        assert rig.asked == 2 and rig.used[0] != rig.used[-1]


@pytest.mark.parametrize("answer, token", [
    (good, good), (kept(reply(None, 401)), kept(reply({"AccessToken": "t"}))),
    (good, kept(reply(None, 401))), (good, raw(b"")), (raw(b""), kept(reply({"AccessToken": "t"})))
], ids=["success", "401", "refused account", "token service gone", "service gone"])
def test_a_finished_call_is_freed_at_once_without_the_collector(
        answer: Answer, token: Answer) -> None:
    account = static_account if token is good else key_account
    with Rig(answer, token=token, account=account) as rig:
        rig.run(CASE["list"])
        rig.run_and_free(CASE["list"])


def test_a_token_shows_no_secret() -> None:
    check_secrets(repr(Token(ACCESS_TOKEN, 0.0, 0.0)) + str(Token(ACCESS_TOKEN, 0.0, 0.0)))
