"""When a token is kept, renewed in the background, or waited for: to the second, and in races."""

from __future__ import annotations

import json
import threading
from typing import Any, Callable, Dict, List, Optional

import pytest

from arr import ARRResult, AzureFrontendAccountInfo
from arr._account import Account
from arr._http.in_flight import Flight, Watch
from arr._http.replies import Reply
from arr._http.tokens import Token, Tokens
from arr._results import CallFailed
from arr.testing import FakeClock

from ..support.rig import ACCOUNT_ID, KEY, LIMIT
from .test_tokens_exchange import jwt


class Desk:
    """The tokens of one account, and in place of the network what a test wants to happen."""

    def __init__(self, seconds: float = 1000.0) -> None:
        self.clock = FakeClock()
        self.watch = Watch(self.clock)
        self.seconds = seconds  # that a token lives
        self.jobs: List[Callable[[], object]] = []
        self.asked = 0
        self.happens: Dict[int, Callable[[], object]] = {}  # during the request of this number
        here: Any = self
        account = Account(AzureFrontendAccountInfo(account_id=ACCOUNT_ID, account_key=KEY))
        self.tokens = Tokens(account, here, self.clock, self.watch, here, 65.0)

    def submit(self, job: Callable[[], object]) -> None:
        self.jobs.append(job)

    def send(self, flight: Flight, method: str, url: str, headers: Dict[str, str]) -> Reply:
        self.asked += 1
        text = jwt(self.clock.time() + self.seconds, str(self.asked))
        self.happens.get(self.asked, lambda: None)()
        return Reply(200, {}, json.dumps({"AccessToken": text}).encode())

    def get(self, flight: Optional[Flight] = None) -> Token:
        return self.tokens.get(flight or Flight(1e9))[0]


def fail(result: ARRResult) -> Callable[[], object]:
    def failing() -> None:
        raise CallFailed(result, "no token")
    return failing


@pytest.mark.parametrize("lives, age, serves, renewed", [
    (1000, 699.5, True, False), (1000, 700, True, False), (1000, 700.5, True, True),
    (1000, 999.5, True, True), (1000, 1000, False, False),
    (240, 59.5, True, False), (240, 60, True, True),  # it is renewed once a minute at most
    (10, 10, True, False), (10, 59.5, True, False), (10, 60, False, False)])
def test_how_long_a_token_serves_and_when_it_is_renewed(
        lives: float, age: float, serves: bool, renewed: bool) -> None:
    desk = Desk(lives)
    old = desk.get()
    desk.clock.advance(age)
    token, cached = desk.tokens.get(Flight(1e9))
    assert (token is old, cached, bool(desk.jobs)) == (serves, serves, renewed)
    assert desk.asked == (1 if serves else 2)


@pytest.mark.parametrize("fails", [False, True])
def test_a_renewal_in_the_background_has_its_own_deadline(fails: bool) -> None:
    desk = Desk()
    old = desk.get()
    seen: List[Any] = []

    def during() -> None:
        seen.extend((flight.deadline - desk.clock.monotonic(), owner)
                    for flight, owner in desk.watch.current())
        if fails:
            fail(ARRResult.Fail)()

    desk.happens[2] = during
    desk.clock.advance(800)
    for _ in range(3):
        assert desk.get() is old
        desk.clock.advance(60)  # another is not begun before this one has ended
    (job,) = desk.jobs
    job()
    assert seen == [(65.0, None)] and desk.watch.current() == []
    assert (desk.get() is old) == fails and len(desk.jobs) == 1 + fails


def test_who_finds_a_newer_token_than_its_own_takes_it() -> None:
    desk = Desk()
    old = desk.get()
    new = desk.tokens.renew(Flight(1e9), old)
    assert desk.tokens.renew(Flight(1e9), old) is new and desk.asked == 2


class Signalling(Flight):
    """A flight that tells when it is about to wait, and may do something just before."""

    __slots__ = ("waits", "before")

    def __init__(self) -> None:
        super().__init__(1e9)
        self.waits = threading.Event()
        self.before: Callable[[], object] = lambda: None

    def wait(self, register: Callable[[Any], None]) -> None:
        self.waits.set()
        self.before()
        super().wait(register)


class Caller(threading.Thread):
    """A call on another thread that needs a token."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(daemon=True)
        self.desk = desk
        self.flight = Signalling()
        self.outcome: Any = None

    def run(self) -> None:
        try:
            self.outcome = self.desk.get(self.flight)
        except CallFailed as failure:
            self.outcome = failure.result

    def ended(self) -> Any:
        self.join(LIMIT)
        assert not self.is_alive(), "it waits for ever"
        return self.outcome


def test_a_call_waits_for_a_renewal_that_has_begun_and_asks_no_second_time() -> None:
    desk = Desk()
    desk.get()
    desk.clock.advance(800)
    desk.get()
    caller = Caller(desk)

    def during() -> None:
        desk.clock.advance(300)
        desk.happens[3] = caller.flight.waits.set
        caller.start()
        assert caller.flight.waits.wait(LIMIT)

    desk.happens[2] = during
    desk.jobs[0]()
    assert caller.ended() is desk.get() and desk.asked == 2


def test_who_comes_to_wait_when_the_token_is_there_already_goes_on() -> None:
    desk = Desk()
    asking, let = threading.Event(), threading.Event()

    def during() -> None:
        asking.set()
        assert let.wait(LIMIT)

    def before() -> None:
        let.set()
        first.ended()

    desk.happens[1] = during
    first, second = Caller(desk), Caller(desk)
    second.flight.before = before
    first.start()
    assert asking.wait(LIMIT)
    second.start()
    assert second.ended() is first.ended() and desk.asked == 1


@pytest.mark.parametrize("result", [ARRResult.Cancelled, ARRResult.Timeout])
def test_only_a_failure_that_is_not_its_own_end_is_shared_with_who_waits(
        result: ARRResult) -> None:
    """The leader is given up when the process ends; a stop call, which waits for it, goes on."""
    desk = Desk()
    leader, waiter = Caller(desk), Caller(desk)
    asking = threading.Event()

    def during() -> None:
        asking.set()
        assert waiter.flight.waits.wait(LIMIT)
        fail(result)()

    desk.happens[1] = during
    leader.start()
    assert asking.wait(LIMIT)
    waiter.start()
    assert leader.ended() == result
    if result == ARRResult.Cancelled:
        assert waiter.ended() is desk.get() and desk.asked == 2
    else:
        assert waiter.ended() == result and desk.asked == 1
