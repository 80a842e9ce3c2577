"""arr.testing: the manual executor and the fake clock, and the examples in their docstrings."""

from __future__ import annotations

import doctest
import threading
from typing import Any, List

import pytest

import arr.testing
from arr.testing import FakeClock, ManualExecutor

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
    assert not executor.run_next(timeout=0.01)


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
    clock = FakeClock(time=1000.0)
    assert (clock.time(), clock.monotonic()) == (1000.0, 0.0)
    clock.advance(2.5)
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


def test_clock_may_be_used_from_any_thread() -> None:
    clock = FakeClock()
    seen: List[int] = []
    on_thread(lambda: clock.call_at(1, lambda: seen.append(1)))
    together(3, lambda _: clock.advance(1))
    assert seen == [1] and clock.monotonic() == 3
