"""IAsync.wait and get."""

from __future__ import annotations

import gc
import threading
import tracemalloc
from typing import Any, List

import pytest

from arr import ARRResult, IAsync, RRSessionException
from arr._runtime.workers import workers

from ..support.threads import (
    FAILURE, LIMIT, SUCCESS, Held, Jobs, Recorder, complete, completed, fast_switching, must,
    pending, rounds, together, until,
)


def test_wait_returns_when_the_handlers_before_it_have_returned() -> None:
    operation = pending()
    held = Held()
    returned: List[str] = []
    operation.completed += held
    operation.completed += lambda done: returned.append("handler")
    workers.submit(lambda: complete(operation))
    must(held.entered)
    assert operation.is_completed
    assert not operation.wait(0.02), "a handler is still running"
    assert not operation.wait(0)
    held.release.set()
    assert operation.wait(LIMIT)
    assert returned == ["handler"]


def test_wait_does_not_wait_for_handlers_added_after_it() -> None:
    operation = pending()
    waiting = threading.Event()
    order: List[str] = []

    def wait(index: int) -> None:
        if index == 0:
            waiting.set()
            assert operation.wait(LIMIT)
            order.append("waited")
            return
        until(lambda: len(operation._queue) == 1)
        held = Held()
        operation.completed += held
        workers.submit(lambda: complete(operation))
        must(held.entered)
        until(lambda: order == ["waited"])
        held.release.set()

    together(2, wait)


def test_wait_with_a_handler_subscribed_just_before_always_sees_it_done() -> None:
    """Trap 12: subscribe, then wait; a naive version returned before the handler had run."""
    with fast_switching():
        for count in rounds(1.0):
            operation = pending()
            seen: List[Any] = []
            workers.submit(lambda: complete(operation))
            operation.completed += seen.append
            assert operation.wait(LIMIT)
            assert seen == [operation]
            operation.completed += seen.append
            assert operation.wait(LIMIT)
            assert len(seen) == 2
    assert count > 20


def test_wait_between_the_removal_of_the_last_handler_and_its_return_blocks() -> None:
    """The queue is empty while the last handler runs: only _draining tells."""
    operation = pending()
    held = Held()
    operation.completed += held
    workers.submit(lambda: complete(operation))
    must(held.entered)
    assert not operation._queue
    assert not operation.wait(0.02)
    held.release.set()
    assert operation.wait(LIMIT)


def test_wait_inside_the_operations_own_handler_returns_at_once() -> None:
    operation = pending()
    recorder = Recorder()
    operation.completed += lambda done: recorder((done.wait(), done.get(), done.wait(0)))
    operation.completed += lambda done: None
    workers.submit(lambda: complete(operation, "value"))
    assert recorder.next()[0] == (True, "value", True)


def test_handlers_that_wait_for_each_other_go_on_after_their_time_out() -> None:
    first, second = pending(), pending()
    both = threading.Barrier(2)
    results = Recorder()

    def waits_for(other: IAsync[Any]) -> Any:
        def handler(done: IAsync[Any]) -> None:
            both.wait(LIMIT)
            results(other.wait(0.05))
        return handler

    first.completed += waits_for(second)
    second.completed += waits_for(first)
    workers.submit(lambda: complete(first))
    workers.submit(lambda: complete(second))
    assert not results.next()[0] or not results.next()[0]
    assert first.wait(LIMIT) and second.wait(LIMIT)


def test_two_thousand_timed_out_waits_leave_nothing_behind() -> None:
    """Trap 12: waiters that stayed in the queue kept 2.4 MB."""
    operation = pending()
    for _ in range(100):
        operation.wait(0)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(2000):
            assert not operation.wait(0)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert operation._queue == []
    assert grown < 20_000


def test_timed_out_waits_behind_an_undelivered_handler_submit_one_job() -> None:
    jobs = Jobs()
    operation = completed(jobs)
    seen: List[Any] = []
    operation.completed += seen.append
    for _ in range(50):
        assert not operation.wait(0)
    assert len(jobs.waiting) == 1
    assert len(operation._queue) == 1
    jobs.run()
    assert operation.wait(0) and seen == [operation]


def test_waiter_whose_turn_comes_as_its_time_runs_out_returns_true(
        monkeypatch: pytest.MonkeyPatch) -> None:
    """The drain has taken the waiter out, so its handlers have run: a time-out comes too late."""
    from arr._runtime import events

    operation = pending()

    def time_out(waiter: Any, timeout: Any) -> bool:
        complete(operation)
        return False

    monkeypatch.setattr(events.Waiter, "wait", time_out)
    assert operation.wait(1)


def test_interrupted_wait_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    from arr._runtime import events

    def interrupt(waiter: Any, timeout: Any) -> bool:
        raise KeyboardInterrupt

    operation = pending()
    monkeypatch.setattr(events.Waiter, "wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        operation.wait()
    assert operation._queue == []


def test_many_waiters_of_one_operation_all_return() -> None:
    operation = pending()

    def work(index: int) -> None:
        if index == 0:
            until(lambda: len(operation._queue) >= 4)
            complete(operation)
        else:
            assert operation.wait(LIMIT)

    together(9, work)
    assert operation._queue == []


@pytest.mark.parametrize("timeout", [0, -1, 0.0, 1e300])
def test_wait_takes_any_time_out_on_a_completed_operation(timeout: float) -> None:
    operation = completed()
    assert operation.wait(timeout)


def test_huge_time_out_is_no_overflow() -> None:
    operation = pending()
    workers.submit(lambda: complete(operation))
    assert operation.wait(1e300)


def test_get_returns_the_value_raises_the_failure_or_the_builtin_timeout_error() -> None:
    operation = pending()
    with pytest.raises(TimeoutError):
        operation.get(0)
    workers.submit(lambda: complete(operation, "value"))
    assert operation.get(LIMIT) == "value"
    failed = pending()
    complete(failed, None, FAILURE)
    with pytest.raises(RRSessionException) as caught:
        failed.get()
    assert caught.value.error_code == ARRResult.Fail


def test_wait_needs_no_worker_when_nothing_is_outstanding() -> None:
    jobs = Jobs()
    operation = pending(jobs)
    assert operation._complete(SUCCESS)
    operation._drain()
    assert operation.wait()
    assert not jobs.waiting


@pytest.mark.parametrize("timeout", ["5", b"5", [5]])
def test_a_timeout_of_the_wrong_type_is_a_clear_error_pending_or_not(timeout: Any) -> None:
    for operation in (pending(), completed()):
        for call in (operation.wait, operation.get):
            with pytest.raises(TypeError, match="timeout must be a number of seconds or None, not"):
                call(timeout)
        assert not operation._queue
