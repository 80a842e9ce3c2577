"""IAsync: one outcome, every handler exactly once, in order, on a worker."""

from __future__ import annotations

import threading
from typing import Any, List

import pytest

from arr import ARRResult, IAsync, RRException, RRSessionException, RRSessionGeneralContext
from arr._runtime.workers import workers

from ..support.threads import (
    FAILURE, LIMIT, SUCCESS, Held, Jobs, Recorder, complete, completed, fast_switching, must,
    on_thread, pending, rounds, together,
)

# -- one outcome -----------------------------------------------------------------------------------


def test_pending_operation_has_no_outcome() -> None:
    operation = pending()
    assert operation.status == ARRResult.InProgress
    assert not operation.is_completed
    assert not operation.is_ran_to_completion
    assert not operation.is_faulted
    assert operation.progress == 0.0
    for read in ("result", "context"):
        with pytest.raises(RRException) as caught:
            getattr(operation, read)
        assert caught.value.error_code == ARRResult.InProgress


@pytest.mark.parametrize("context, progress", [(SUCCESS, 1.0), (FAILURE, 0.0)])
def test_a_call_has_made_all_its_progress_once_it_has_succeeded(
        context: RRSessionGeneralContext, progress: float) -> None:
    operation = pending()
    complete(operation, None, context)
    assert operation.progress == progress
    assert operation.is_ran_to_completion is (context is SUCCESS)
    assert operation.is_faulted is (context is FAILURE)


def test_second_outcome_loses_and_is_told() -> None:
    operation = pending()
    stored: List[int] = []
    assert operation._complete(SUCCESS, "first", lambda: stored.append(1))
    assert not operation._complete(FAILURE, "second", lambda: stored.append(2))
    assert operation.result == "first"
    assert operation.context is SUCCESS
    assert stored == [1]


def test_rival_that_comes_while_the_winner_stores_loses() -> None:
    operation = pending()
    told: List[bool] = []
    stored: List[str] = []

    def store() -> None:
        told.append(operation._complete(FAILURE, "rival", lambda: stored.append("rival")))
        stored.append("winner")

    assert operation._complete(SUCCESS, "winner", store)
    assert told == [False]
    assert stored == ["winner"]
    assert operation.result == "winner"


def test_loser_that_drains_early_delivers_nothing_before_the_outcome_shows() -> None:
    """The end of the process completes a call over its worker's head: both then drain."""
    operation = pending()
    seen: List[ARRResult] = []
    operation.completed += lambda done: seen.append(done.status)
    assert operation._complete(SUCCESS, None, operation._drain)  # the loser, in the middle
    operation._drain()
    assert seen == [ARRResult.Success]


def test_failing_store_leaves_the_operation_to_another_outcome() -> None:
    operation = pending()
    with pytest.raises(ZeroDivisionError):
        operation._complete(SUCCESS, None, lambda: 1 // 0)
    assert operation._complete(FAILURE)
    assert operation.status == ARRResult.Fail


def test_status_value_and_context_become_visible_together() -> None:
    with fast_switching():
        for _ in rounds(0.2):
            operation = pending()
            wrong: List[str] = []

            def read(index: int) -> None:
                if index == 0:
                    operation._complete(SUCCESS, "value")
                    return
                for _ in range(20):
                    if operation.is_completed:
                        if operation.result != "value" or operation.context is not SUCCESS:
                            wrong.append("torn")

            together(2, read)
            assert not wrong


def test_of_many_rivals_exactly_one_wins() -> None:
    with fast_switching():
        for _ in rounds(0.3):
            operation = pending()
            won: List[int] = []

            def rival(index: int) -> None:
                if operation._complete(SUCCESS, index):
                    won.append(index)

            together(4, rival)
            assert won == [operation.result]


# -- failure ---------------------------------------------------------------------------------------


def test_failed_operation_raises_a_fresh_exception_for_each_reader() -> None:
    operation = pending()
    complete(operation, None, FAILURE)
    assert operation.is_faulted and operation.is_completed
    errors = []
    for _ in range(2):
        with pytest.raises(RRSessionException) as caught:
            operation.result
        errors.append(caught.value)
    assert errors[0] is not errors[1]
    assert errors[0].context is FAILURE and errors[0].error_code == ARRResult.Fail


# -- handlers --------------------------------------------------------------------------------------


def test_handlers_run_once_each_in_order_with_the_operation() -> None:
    operation = pending()
    seen: List[Any] = []
    operation.completed += lambda done: seen.append(("a", done))
    operation.completed += lambda done: seen.append(("b", done))
    complete(operation)
    operation._drain()
    assert seen == [("a", operation), ("b", operation)]


def test_handler_added_twice_runs_twice() -> None:
    operation = pending()
    seen: List[Any] = []
    operation.completed += seen.append
    operation.completed += seen.append
    complete(operation)
    assert len(seen) == 2


def test_late_handler_runs_on_a_worker_never_on_the_subscribers_stack() -> None:
    jobs = Jobs()
    operation = completed(jobs)
    seen: List[Any] = []
    operation.completed += seen.append
    assert seen == []
    jobs.run()
    assert seen == [operation]


def test_late_handler_on_the_real_pool_runs_on_an_arr_worker() -> None:
    operation = completed()
    recorder = Recorder()
    operation.completed += recorder
    done, thread = recorder.next()
    assert done is operation and thread.startswith("arr-worker-")


def test_thousand_late_handlers_need_one_job() -> None:
    jobs = Jobs()
    operation = completed(jobs)
    seen: List[int] = []
    for index in range(1000):
        operation.completed += lambda done, index=index: seen.append(index)  # type: ignore[misc]
    assert len(jobs.waiting) == 1
    jobs.run()
    assert seen == list(range(1000))
    operation.completed += lambda done: seen.append(-1)
    jobs.run()
    assert seen[-1] == -1


def test_late_handler_waits_behind_the_running_drain() -> None:
    operation = pending()
    held = Held()
    order: List[str] = []
    operation.completed += held
    operation.completed += lambda done: order.append("early")
    workers.submit(lambda: complete(operation))
    must(held.entered)
    last = Recorder()
    operation.completed += lambda done: order.append("late")
    operation.completed += last
    on_thread(operation._drain)  # a second drain must not overtake the first
    assert order == [] and last.count == 0
    held.release.set()
    last.next()
    assert order == ["early", "late"]


def test_handler_added_by_a_handler_runs_after_the_others() -> None:
    operation = pending()
    order: List[str] = []

    def adds(done: IAsync[Any]) -> None:
        done.completed += lambda _: order.append("added")
        order.append("first")

    operation.completed += adds
    operation.completed += lambda done: order.append("second")
    complete(operation)
    assert order == ["first", "second", "added"]


class _Interleaved(List[Any]):
    """A queue at whose emptiness, once found, another thread strikes before anybody acts on it."""

    def __init__(self, strike: Any) -> None:
        super().__init__()
        self.strike = strike

    def __len__(self) -> int:
        found = super().__len__()
        if found == 0 and self.strike is not None:
            strike, self.strike = self.strike, None
            strike()
        return found  # stale by now


def test_handler_that_arrives_as_the_drain_leaves_is_not_left_behind() -> None:
    jobs = Jobs()
    operation = pending(jobs)
    seen: List[str] = []

    def strike() -> None:  # the drain has found the queue empty, and has not left yet
        operation.completed += lambda done: seen.append("late")
        assert not jobs.waiting, "the subscriber saw the drain, and relied on it"

    operation._queue = _Interleaved(strike)
    operation.completed += lambda done: seen.append("early")
    complete(operation)
    assert seen == ["early", "late"]


def test_two_drains_at_once_deliver_everything_once_and_in_order() -> None:
    with fast_switching():
        for _ in rounds(0.4):
            operation = pending()
            seen: List[int] = []
            for index in range(6):
                operation.completed += (
                    lambda done, index=index: seen.append(index))  # type: ignore[misc]
            assert operation._complete(SUCCESS)
            together(3, lambda _: operation._drain())
            assert seen == list(range(6))


def test_subscribers_racing_with_completion_are_each_served_once_in_their_order() -> None:
    """300 operations, 16 subscribers in all, at a switch interval of 10 us."""
    main = threading.main_thread().name
    with fast_switching():
        for _ in range(300):
            operation = pending()
            seen: List[Any] = []
            threads: List[str] = []

            def subscriber(index: int) -> None:
                if index == 0:
                    workers.submit(lambda: complete(operation, "value"))
                    return
                for step in range(4):
                    def handler(done: IAsync[Any], step: int = step) -> None:
                        assert done.status == ARRResult.Success
                        seen.append((index, step))
                        threads.append(threading.current_thread().name)
                    operation.completed += handler

            together(5, subscriber)
            assert operation.wait(LIMIT)
            assert sorted(seen) == [(index, step) for index in range(1, 5) for step in range(4)]
            for index in range(1, 5):
                assert [step for who, step in seen if who == index] == list(range(4))
            assert main not in threads
            assert all(name.startswith("arr-worker-") for name in threads)


# -- failing handlers, removal, the event as an attribute ------------------------------------------


@pytest.mark.arr_handler_errors_allowed
@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_failing_handler_costs_neither_the_next_handler_nor_the_worker(
        error: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    operation = pending()
    recorder = Recorder()

    def failing(done: IAsync[Any]) -> None:
        raise error("on purpose")

    operation.completed += failing
    operation.completed += recorder
    workers.submit(lambda: complete(operation))
    _, thread = recorder.next()
    assert operation.wait(LIMIT)
    assert [record.exc_info is not None for record in caplog.records] == [True]
    again = Recorder()
    workers.submit(again)
    again.next()
    assert thread in [worker.name for worker in workers._all]


def test_minus_takes_out_the_last_equal_handler() -> None:
    operation = pending()
    seen: List[str] = []

    def handler(done: IAsync[Any]) -> None:
        seen.append("handler")

    operation.completed += handler
    operation.completed += lambda done: seen.append("middle")
    operation.completed += handler
    operation.completed -= handler
    operation.completed -= print
    complete(operation)
    assert seen == ["handler", "middle"]


def test_handler_can_remove_itself_and_one_that_has_not_begun() -> None:
    operation = pending()
    seen: List[str] = []

    def never(done: IAsync[Any]) -> None:
        seen.append("never")

    def first(done: IAsync[Any]) -> None:
        done.completed -= first
        done.completed -= never
        seen.append("first")

    operation.completed += first
    operation.completed += never
    complete(operation)
    assert seen == ["first"]


def test_removal_racing_with_delivery_never_runs_a_handler_twice_or_blocks() -> None:
    with fast_switching():
        for _ in rounds(0.3):
            operation = pending()
            seen: List[Any] = []
            for _ in range(4):
                operation.completed += seen.append

            def race(index: int) -> None:
                if index == 0:
                    complete(operation)
                else:
                    operation.completed -= seen.append

            together(3, race)
            assert 2 <= len(seen) <= 4


def test_completed_takes_plus_equal_on_a_temporary_and_refuses_assignment() -> None:
    recorder = Recorder()

    def call() -> IAsync[Any]:
        operation = pending()
        workers.submit(lambda: complete(operation))
        return operation

    call().completed += recorder
    recorder.next()
    operation = pending()
    for wrong in (print, None, pending().completed, pending().progress_changed):
        with pytest.raises(TypeError, match="cannot be replaced"):
            operation.completed = wrong  # type: ignore[assignment]
        with pytest.raises(TypeError, match="cannot be replaced"):
            operation.progress_changed = wrong  # type: ignore[assignment]
    with pytest.raises(TypeError, match="callable"):
        operation.completed += 5  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="callable"):
        operation.completed(None)  # type: ignore[arg-type]
    operation.progress_changed += print
    operation.progress_changed -= print


def test_completed_is_a_decorator() -> None:
    operation = pending()
    seen: List[Any] = []

    @operation.Completed
    def handler(done: IAsync[Any]) -> None:
        seen.append(done)

    complete(operation)
    assert seen == [operation]
    assert operation.completed == operation.Completed
    assert hash(operation.completed) == hash(operation.Completed)
    assert operation.completed != pending().completed
