"""Schedule: to the second, when ARRServiceUnity asks, renews and reports."""

from __future__ import annotations

from datetime import timedelta
from typing import Optional

import pytest

from arr import (
    ARRRenderingSessionStatus, ARRResult, RRRenderingSessionProperties, RRSessionGeneralContext,
)
from arr.testing import FakeClock
from arr.unity._schedule import Schedule

OK, FAIL = ARRResult.Success, ARRResult.Fail
THROTTLED = ARRResult.TooManyRequests
Ready = ARRRenderingSessionStatus.Ready


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def schedule(clock: FakeClock) -> Schedule:
    return Schedule(clock)


def answer(result: ARRResult, retry_after: Optional[float] = None) -> RRSessionGeneralContext:
    return RRSessionGeneralContext(result, retry_after=retry_after)


def session(status: ARRRenderingSessionStatus = Ready, elapsed: int = 0,
            lease: int = 600) -> RRRenderingSessionProperties:
    return RRRenderingSessionProperties(
        status=status, elapsed_time=timedelta(seconds=elapsed),
        max_lease=timedelta(seconds=lease))


# -- queries ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("result, retry_after, refresh, seconds", [
    (OK, None, 20.0, 20.0), (FAIL, None, 20.0, 20.0), (OK, None, 0.0, 1.0), (OK, None, -5.0, 1.0),
    (OK, None, 1.5, 1.5), (THROTTLED, None, 20.0, 30.0), (THROTTLED, None, 40.0, 40.0),
    (THROTTLED, 50.0, 20.0, 50.0), (THROTTLED, 5.0, 20.0, 20.0), (THROTTLED, 0.0, 20.0, 20.0),
    (FAIL, 50.0, 20.0, 50.0), (THROTTLED, 0.0, 0.0, 1.0)])
def test_the_next_query_is_due_after_so_many_seconds(
        clock: FakeClock, schedule: Schedule, result: ARRResult, retry_after: Optional[float],
        refresh: float, seconds: float) -> None:
    clock.advance(100)
    assert schedule.query_due
    schedule.query_answered(answer(result, retry_after), refresh)
    clock.advance(seconds - 0.5)
    assert not schedule.query_due
    clock.advance(0.5)
    assert schedule.query_due


@pytest.mark.parametrize("result, retry_after, seconds", [
    (OK, None, 0.0), (FAIL, None, 0.0), (THROTTLED, None, 30.0), (THROTTLED, 4.0, 4.0)])
def test_a_query_that_is_wanted_soon_waits_for_the_service_only(
        clock: FakeClock, schedule: Schedule, result: ARRResult, retry_after: Optional[float],
        seconds: float) -> None:
    schedule.query_answered(answer(result, retry_after), 100.0)
    schedule.query_soon()
    if seconds:
        clock.advance(seconds - 0.5)
        assert not schedule.may_query and not schedule.query_due
        clock.advance(0.5)
    assert schedule.may_query and schedule.query_due
    schedule.query_sent()  # now it is on its way
    assert schedule.may_query and not schedule.query_due


# -- the lease -------------------------------------------------------------------------------------

@pytest.mark.parametrize("status, seconds", [
    ("Unknown", 0), ("Starting", 600), ("Ready", 600 - 100 - 7), ("Stopped", 0), ("Expired", 0),
    ("Error", 0)])
def test_only_a_machine_that_runs_uses_its_lease_up(
        clock: FakeClock, schedule: Schedule, status: str, seconds: int) -> None:
    clock.advance(1000)
    schedule.found(session(ARRRenderingSessionStatus[status], elapsed=100))
    clock.advance(7)
    assert schedule.time_left == timedelta(seconds=seconds)


def test_no_lease_has_less_than_nothing_left(clock: FakeClock, schedule: Schedule) -> None:
    schedule.found(session(elapsed=599))
    clock.advance(2)
    assert schedule.time_left == timedelta(0)


@pytest.mark.parametrize("status, elapsed, due", [
    ("Ready", 299, False), ("Ready", 300, True), ("Ready", 301, True), ("Starting", 0, False),
    ("Stopped", 599, False), ("Expired", 600, False), ("Unknown", 600, False)])
def test_a_renewal_is_due_when_no_more_than_the_threshold_is_left(
        schedule: Schedule, status: str, elapsed: int, due: bool) -> None:
    lease = 0 if status == "Starting" else 600
    schedule.found(session(ARRRenderingSessionStatus[status], elapsed, lease))
    assert schedule.renewal_due(timedelta(seconds=300)) is due


@pytest.mark.parametrize("result, retry_after, seconds", [
    (OK, None, 60.0), (FAIL, None, 60.0), (THROTTLED, 45.0, 60.0), (THROTTLED, 90.0, 90.0)])
def test_after_an_answer_the_renewal_rests_and_the_query_does_not(
        clock: FakeClock, schedule: Schedule, result: ARRResult, retry_after: Optional[float],
        seconds: float) -> None:
    schedule.found(session(elapsed=400))
    schedule.query_answered(answer(OK), 20.0)
    clock.advance(5)
    schedule.renewal_answered(answer(result, retry_after))
    assert schedule.query_due
    clock.advance(seconds - 0.5)
    assert not schedule.renewal_due(timedelta(seconds=300))
    clock.advance(0.5)
    assert schedule.renewal_due(timedelta(seconds=300))


# -- reports ---------------------------------------------------------------------------------------

def test_the_same_failure_is_news_again_after_a_minute_another_one_at_once(
        clock: FakeClock, schedule: Schedule) -> None:
    clock.advance(10)
    assert schedule.is_news(answer(FAIL))
    clock.advance(30)
    assert schedule.is_news(answer(FAIL)) is False
    assert schedule.is_news(answer(ARRResult.Timeout))
    clock.advance(29.5)
    assert not schedule.is_news(answer(FAIL))
    clock.advance(0.5)
    assert schedule.is_news(answer(FAIL))
    assert not schedule.is_news(answer(FAIL))


def test_once_a_query_has_succeeded_every_failure_is_news(schedule: Schedule) -> None:
    assert schedule.is_news(answer(FAIL)) and not schedule.is_news(answer(FAIL))
    schedule.found(session())
    assert schedule.is_news(answer(FAIL))
