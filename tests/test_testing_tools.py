"""arr.testing: the manual executor and the fake clock, and the examples in their docstrings."""

from __future__ import annotations

import doctest
import threading
from datetime import datetime, timezone
from typing import Any, Iterator, List

import pytest

import arr.testing
from arr import ARRRenderingSessionStatus, AzureFrontend
from arr.emulator import Emulator
from arr.testing import FakeClock, ManualExecutor

from .support.stage import SMALL, account_of
from .support.threads import LIMIT, on_thread, together


def test_docstring_examples_run_as_printed() -> None:
    found = doctest.testmod(arr.testing, raise_on_error=False)
    assert found.attempted >= 15 and found.failed == 0


# -- ManualExecutor --------------------------------------------------------------------------------


def test_jobs_run_only_when_told_on_the_calling_thread_in_order() -> None:
    executor = ManualExecutor()
    seen: List[Any] = []

    def job() -> str:
        seen.append(("a", threading.current_thread()))
        return "value"

    first = executor.submit(job)
    executor.submit(seen.append, "b")
    assert executor.pending == 2 and seen == [] and not first.done()
    assert executor.run_next()
    assert seen == [("a", threading.current_thread())] and first.result(0) == "value"
    assert executor.run_next() and not executor.run_next()
    assert executor.pending == 0


def test_run_all_runs_what_the_jobs_submit_too() -> None:
    executor = ManualExecutor()
    seen: List[int] = []

    def count(n: int) -> None:
        seen.append(n)
        if n:
            executor.submit(count, n - 1)

    executor.submit(count, 3)
    assert executor.run_all() == 4
    assert seen == [3, 2, 1, 0]


def test_failing_job_is_in_its_future_and_the_next_runs() -> None:
    executor = ManualExecutor()
    failing = executor.submit(lambda: 1 // 0)
    good = executor.submit(lambda: 5)
    assert executor.run_all() == 2
    assert isinstance(failing.exception(0), ZeroDivisionError) and good.result(0) == 5


def test_ctrl_c_and_exit_reach_the_test_and_the_future() -> None:
    executor = ManualExecutor()

    def leaves() -> None:
        raise SystemExit

    future = executor.submit(leaves)
    with pytest.raises(SystemExit):
        executor.run_next()
    assert isinstance(future.exception(0), SystemExit)


def test_cancelled_job_does_not_run() -> None:
    executor = ManualExecutor()
    seen: List[int] = []
    executor.submit(seen.append, 1).cancel()
    assert executor.run_all() == 1
    assert seen == []


def test_run_next_waits_for_a_job_of_another_thread() -> None:
    executor = ManualExecutor()
    seen: List[int] = []

    def work(index: int) -> None:
        if index:
            executor.submit(seen.append, 1)
        else:
            assert executor.run_next(timeout=LIMIT)

    together(2, work)
    assert seen == [1]
    assert executor.run_next(timeout=0.01) is False


def test_shutdown_refuses_and_cancels_what_waits_if_asked() -> None:
    executor = ManualExecutor()
    kept = executor.submit(lambda: 1)
    executor.shutdown()
    with pytest.raises(RuntimeError):
        executor.submit(lambda: 2)
    assert executor.run_all() == 1 and kept.result(0) == 1
    executor = ManualExecutor()
    dropped = executor.submit(lambda: 1)
    executor.shutdown(cancel_futures=True)
    assert dropped.cancelled() and executor.pending == 0


# -- FakeClock -------------------------------------------------------------------------------------


def test_clock_stands_still_until_it_is_moved() -> None:
    assert FakeClock().time() == datetime(2020, 1, 1, tzinfo=timezone.utc).timestamp()
    clock = FakeClock(time=1000.0)
    assert (clock.time(), clock.monotonic()) == (1000.0, 0.0)
    clock.advance(2.5)
    clock.advance(0)
    assert (clock.time(), clock.monotonic()) == (1002.5, 2.5)
    with pytest.raises(ValueError):
        clock.advance(-1)


def test_timers_fire_in_order_at_their_own_time() -> None:
    clock = FakeClock()
    seen: List[Any] = []
    for when in (3.0, 1.0, 2.0):
        clock.call_at(when, lambda when=when: seen.append(  # type: ignore[misc]
            (when, clock.monotonic())))
    clock.call_at(1.5, lambda: seen.append("cancelled")).cancel()
    clock.advance(2.5)
    assert seen == [(1.0, 1.0), (2.0, 2.0)]
    clock.advance(0.5)
    assert seen[2:] == [(3.0, 3.0)]


def test_timer_may_set_another_within_the_same_advance() -> None:
    clock = FakeClock()
    seen: List[float] = []

    def again() -> None:
        seen.append(clock.monotonic())
        clock.call_at(clock.monotonic() + 1, again)

    clock.call_at(1, again)
    clock.advance(3.5)
    assert seen == [1, 2, 3]


@pytest.mark.arr_handler_errors_allowed
def test_failing_timer_is_logged_and_the_next_fires(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    seen: List[int] = []
    clock.call_at(1, lambda: 1 // 0)
    clock.call_at(1, lambda: seen.append(1))
    clock.advance(1)
    assert seen == [1] and "ZeroDivisionError" in caplog.text


def test_time_of_day_can_jump_while_monotonic_time_does_not() -> None:
    clock = FakeClock(time=100.0)
    clock.advance(5)
    clock.set_time(50.0)
    assert (clock.time(), clock.monotonic()) == (50.0, 5.0)
    clock.advance(1)
    assert (clock.time(), clock.monotonic()) == (51.0, 6.0)


def test_wait_timers_counts_those_that_are_set_and_neither_fired_nor_cancelled() -> None:
    clock = FakeClock()
    assert clock.wait_timers(0, timeout=0) and not clock.wait_timers(1, timeout=0.01)
    first = clock.call_at(1, lambda: None)
    clock.call_at(2, lambda: None)
    assert clock.wait_timers(2, timeout=0) and not clock.wait_timers(3, timeout=0.01)
    clock.call_at(3, lambda: None)
    first.cancel()
    assert not clock.wait_timers(3, timeout=0.01)
    clock.advance(2)
    assert clock.wait_timers(1, timeout=0) and not clock.wait_timers(2, timeout=0.01)


def test_wait_timers_returns_as_soon_as_another_thread_has_set_the_last() -> None:
    clock = FakeClock()

    def work(index: int) -> None:
        if index == 0:
            assert clock.wait_timers(3, timeout=LIMIT)
        else:
            clock.call_at(index, lambda: None)

    together(4, work)


def test_clock_may_be_used_from_any_thread() -> None:
    clock = FakeClock()
    seen: List[int] = []
    on_thread(lambda: clock.call_at(1, lambda: seen.append(1)))
    together(3, lambda _: clock.advance(1))
    assert seen == [1] and clock.monotonic() == 3


# -- both together ---------------------------------------------------------------------------------

@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def emulator(clock: FakeClock) -> Iterator[Emulator]:
    with Emulator(clock=clock, startup_seconds=30) as emulator:
        yield emulator


def test_what_is_due_is_in_the_executor_when_advance_returns(
        clock: FakeClock, emulator: Emulator) -> None:
    executor = ManualExecutor()
    with AzureFrontend(account_of(emulator), executor=executor, clock=clock) as frontend:
        creation = frontend.create_rendering_session_async(SMALL)
        assert executor.run_all() == 1
        wait = creation.result.wait_until_ready_async()
        slow = creation.result.wait_until_ready_async(interval=1000, deadline=20)
        ended: List[Any] = []
        slow.completed += ended.append
        assert executor.run_all() == 2  # the first poll of each
        for _ in range(10):
            clock.advance(0.9)
            assert executor.pending == 0
        clock.advance(3)  # 12 s: the second poll of the first
        assert executor.pending == 1 and executor.run_all() == 1
        clock.advance(8)  # 20 s: the deadline of the second
        assert executor.pending == 1 and slow.is_completed and not ended
        assert executor.run_all() == 1 and ended == [slow]
        clock.advance(3)
        assert executor.run_all() == 1 and not wait.is_completed
        clock.advance(12)
        assert executor.run_all() == 1 and wait.is_ran_to_completion


def test_a_call_that_is_tried_again_is_in_the_executor_when_advance_returns(
        clock: FakeClock, emulator: Emulator) -> None:
    executor = ManualExecutor()
    emulator.add_fault("GET", "sessions", status=503, times=2)
    with AzureFrontend(account_of(emulator), executor=executor, clock=clock) as frontend:
        listing = frontend.get_current_rendering_sessions_async()
        for pause in (0.1, 0.3):
            assert executor.run_all() == 1 and not listing.is_completed
            clock.advance(pause)
            assert executor.pending == 1
        assert executor.run_all() == 1 and listing.result == []


def test_wait_timers_tells_when_a_wait_pauses_on_the_packages_own_workers(
        clock: FakeClock, emulator: Emulator) -> None:
    with AzureFrontend(account_of(emulator), clock=clock) as frontend:
        session = frontend.create_rendering_session_async(SMALL).get(LIMIT)
        # The deadline of a call is no timer that a test waits for, though the clock has it.
        assert not clock.wait_timers(1, timeout=0.01)
        wait = session.wait_until_ready_async()
        for seconds in (11, 11, 11):
            assert clock.wait_timers(1, timeout=LIMIT) and not wait.is_completed
            clock.advance(seconds)
        assert wait.get(LIMIT).status == ARRRenderingSessionStatus.Ready
        assert not clock.wait_timers(1, timeout=0.01)
        emulator.add_fault("GET", "sessions", status=503, times=1)
        listing = frontend.get_current_rendering_sessions_async()
        assert clock.wait_timers(1, timeout=LIMIT)
        clock.advance(0.1)
        assert listing.get(LIMIT) is not None
