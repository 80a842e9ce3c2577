"""Flights: how one ends, and how the watch ends those that are late."""

from __future__ import annotations

import gc
import socket
import threading
import weakref
from typing import Any, Callable, Iterator, List, Tuple, Type

import pytest

from arr import ARRResult
from arr._http.in_flight import Flight, Watch
from arr._results import CallFailed
from arr._runtime.workers import SystemClock, Timer
from arr.testing import FakeClock

from ..support.threads import LIMIT


def ended(flight: Flight) -> bool:
    try:
        flight.check()
    except CallFailed:
        return True
    return False


# -- one flight ---------------------------------------------------------------------------------

@pytest.mark.parametrize("launched, unless_launched, cut", [
    (False, False, True), (False, True, True), (True, False, True), (True, True, False)])
def test_a_flight_is_cut_once_and_may_be_spared_when_its_request_has_left(
        launched: bool, unless_launched: bool, cut: bool) -> None:
    flight = Flight(1.0)
    if launched:
        flight.launch()
    assert (flight.launched, flight.failure) == (launched, None)
    assert flight.cut(ARRResult.Timeout, unless_launched) == cut
    assert ended(flight) == cut
    assert flight.cut(ARRResult.Cancelled) != cut, "the first result stays"
    assert flight.failure is not None
    assert flight.failure.result == (ARRResult.Timeout if cut else ARRResult.Cancelled)


def test_a_flight_that_was_cut_is_not_launched() -> None:
    flight = Flight(1.0)
    flight.cut(ARRResult.Cancelled)
    with pytest.raises(CallFailed, match="because the process ends") as caught:
        flight.launch()
    assert caught.value.result == ARRResult.Cancelled and not flight.launched


@pytest.fixture
def pair() -> Iterator[Tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    far.setblocking(False)
    with near, far:
        yield near, far


def is_shut(far: socket.socket) -> bool:
    try:
        return far.recv(1) == b""
    except BlockingIOError:
        return False


def test_to_cut_a_flight_shuts_the_socket_that_it_uses(
        pair: Tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    flight = Flight(1.0)
    flight.use(near)
    assert not is_shut(far)
    flight.cut(ARRResult.Timeout)
    assert is_shut(far)


def test_a_socket_that_comes_after_the_cut_is_shut_at_once(
        pair: Tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    flight = Flight(1.0)
    flight.cut(ARRResult.Timeout)
    flight.use(None)
    assert not is_shut(far)
    flight.use(near)
    assert is_shut(far)


def test_a_socket_that_was_given_back_is_left_alone(
        pair: Tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    flight = Flight(1.0)
    flight.use(near)
    flight.use(None)
    flight.cut(ARRResult.Timeout)
    assert not is_shut(far)


def test_a_cut_ends_a_wait_and_a_wait_after_it_does_not_begin() -> None:
    flight, turns, failed = Flight(1.0), [], threading.Event()
    registered = threading.Event()

    def register(turn: Any) -> None:
        turns.append(turn)
        registered.set()

    def wait() -> None:
        with pytest.raises(CallFailed):
            flight.wait(register)
        failed.set()

    threading.Thread(target=wait, daemon=True).start()
    assert registered.wait(LIMIT)
    assert flight.cut(ARRResult.Timeout)
    assert failed.wait(LIMIT)
    with pytest.raises(CallFailed):
        flight.wait(register)
    assert len(turns) == 1


def test_who_is_released_does_not_wait() -> None:
    Flight(1.0).wait(lambda turn: turn.release())


# -- the watch ----------------------------------------------------------------------------------

class Counting(FakeClock):
    """A clock that remembers its timers, and gives no more than a few."""

    def __init__(self) -> None:
        super().__init__()
        self.timers: List[Timer] = []

    def call_at(self, when: float, action: Callable[[], object]) -> Timer:
        self.timers.append(Timer(when, action) if len(self.timers) > 5
                           else super().call_at(when, action))
        return self.timers[-1]

    @property
    def times(self) -> List[float]:
        return [timer.when for timer in self.timers if not timer.cancelled]


def test_each_flight_ends_at_its_deadline_with_one_timer_for_the_next() -> None:
    clock = Counting()
    watch = Watch(clock)
    first, landed, last = Flight(10.0), Flight(20.0), Flight(20.0)
    for flight in (first, landed, last):
        watch.add(flight)
    assert clock.times == [10.0]
    clock.advance(9.5)
    assert not ended(first)
    clock.advance(0.5)
    assert [ended(first), ended(landed), ended(last)] == [True, False, False]
    assert clock.times == [10.0, 20.0]
    watch.remove(first)
    watch.remove(landed)
    clock.advance(10)
    assert [ended(landed), ended(last)] == [False, True]
    watch.remove(last)
    assert watch.current() == [] and clock.times == [10.0, 20.0]
    later = Flight(25.0)
    watch.add(later)
    clock.advance(5)
    assert ended(later) and later.failure is not None
    assert later.failure.result == ARRResult.Timeout


def test_an_earlier_deadline_takes_the_place_of_a_later_one() -> None:
    clock = Counting()
    watch = Watch(clock)
    late, early = Flight(20.0), Flight(10.0)
    watch.add(late)
    watch.add(early)
    assert clock.times == [10.0]
    clock.advance(10)
    assert [ended(early), ended(late)] == [True, False]
    clock.advance(10)
    assert ended(late)


def test_the_watch_knows_who_flies() -> None:
    watch, flight = Watch(FakeClock()), Flight(10.0)
    owner: Any = object()
    watch.add(flight, owner)
    assert watch.current() == [(flight, owner)]
    watch.remove(flight)
    watch.remove(flight)
    assert watch.current() == []


def test_a_timer_neither_keeps_the_watch_nor_fails_without_it() -> None:
    clock, flight = FakeClock(), Flight(10.0)
    watch = Watch(clock)
    watch.add(flight)
    gone = weakref.ref(watch)
    del watch
    gc.collect()
    assert gone() is None
    clock.advance(10)
    assert not ended(flight)


class Other(SystemClock):
    """A clock that may be the user's code."""


@pytest.mark.parametrize("kind, harmless", [(SystemClock, True), (Other, False)])
def test_only_with_the_real_clock_the_timer_thread_cuts(
        kind: Type[SystemClock], harmless: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    timers: List[Timer] = []

    def call_at(self: Any, when: float, action: Callable[[], object]) -> Timer:
        timers.append(Timer(when, action))
        return timers[-1]

    monkeypatch.setattr(SystemClock, "call_at", call_at)
    watch = Watch(kind())
    watch.add(Flight(10.0))
    assert [(timer.harmless, timer.awaited) for timer in timers] == [(harmless, False)]
