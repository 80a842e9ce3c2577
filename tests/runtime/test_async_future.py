"""The one future of an operation."""

from __future__ import annotations

import concurrent.futures
import gc
import weakref
from typing import Any, List

import pytest

from arr import RRException, RRSessionException
from arr._runtime.future import AsyncTask
from arr._runtime.workers import workers

from ..support.threads import (
    FAILURE, LIMIT, Jobs, complete, completed, fast_switching, on_thread, pending, rounds, together,
)


def test_there_is_one_future_per_operation_from_any_thread() -> None:
    with fast_switching():
        for count in rounds(0.3):
            operation = pending()
            tasks: List[Any] = []

            def work(index: int) -> None:
                if index == 0:
                    complete(operation, "value")
                else:
                    tasks.append(operation.as_task())

            together(4, work)
            assert len(tasks) == 3
            for task in tasks:
                assert task is operation.as_task()
                assert task.result(LIMIT) == "value"
    assert count > 20


def test_future_cannot_be_cancelled() -> None:
    operation = pending()
    task = operation.as_task()
    assert task.running() and not task.cancel() and not task.cancelled()
    complete(operation, "value")
    assert not task.cancel()
    assert task.result(0) == "value" and task.exception(0) is None and task.done()


def test_future_is_settled_after_the_handlers_before_it_and_before_those_after_it() -> None:
    operation = pending()
    order: List[str] = []
    operation.completed += lambda done: order.append("before")
    operation.as_task().add_done_callback(lambda task: order.append("task"))
    operation.completed += lambda done: order.append("after")
    complete(operation)
    assert order == ["before", "task", "after"]


def test_future_asked_for_in_the_operations_own_handler_is_settled_at_once() -> None:
    operation = pending()
    seen: List[Any] = []
    operation.completed += lambda done: seen.append(done.as_task().result(0))
    operation.as_task()  # stands behind the handler, and is settled before its turn
    complete(operation, "value")
    assert seen == ["value"]


def test_future_asked_for_late_is_settled_on_a_worker() -> None:
    jobs = Jobs()
    operation = completed(jobs, "value")
    task = operation.as_task()
    assert not task.done()
    jobs.run()
    assert task.result(0) == "value"
    assert operation.as_task() is task


def test_future_made_by_a_thread_that_was_interrupted_is_entered_by_the_next_caller() -> None:
    """A signal handler that strikes as_task between making the future and queueing it, and blocks
    on that future: it cannot wait for the interrupted call to go on."""
    operation = pending()
    struck: List[Any] = []

    class Interrupted(List[Any]):
        def append(self, entry: Any) -> None:
            if not struck:
                struck.append(None)
                struck[0] = operation.as_task()  # the signal handler's call
                complete(operation, "value")  # a worker, meanwhile
                assert struck[0].result(0) == "value"
            super().append(entry)

    operation._queue = Interrupted()
    task = operation.as_task()
    assert task is struck[0]
    assert operation.wait(LIMIT) and task.result(0) == "value"


def test_failed_future_raises_a_fresh_exception_for_each_reader() -> None:
    operation = pending()
    task = operation.as_task()
    complete(operation, None, FAILURE)
    errors: List[BaseException] = []
    for _ in range(3):
        with pytest.raises(RRSessionException) as caught:
            task.result(0)
        errors.append(caught.value)
        shown = task.exception(0)
        assert isinstance(shown, RRSessionException) and shown.context is FAILURE
        errors.append(shown)
    assert len({id(error) for error in errors}) == 6
    shared = task._exception
    assert shared is not None and shared.__traceback__ is None, "tracebacks must not collect there"


def test_future_times_out_with_the_builtin_error() -> None:
    task = pending().as_task()
    for read in (task.result, task.exception):
        with pytest.raises(TimeoutError, match="within 0 s"):
            read(0)
    operation = task._operation
    assert operation is not None
    complete(operation)


@pytest.mark.arr_handler_errors_allowed
def test_done_callback_that_exits_costs_no_other_callback(
        caplog: pytest.LogCaptureFixture) -> None:
    operation = pending()
    task = operation.as_task()
    seen: List[Any] = []

    def exits(done: Any) -> None:
        raise SystemExit

    task.add_done_callback(exits)
    task.add_done_callback(seen.append)
    operation.completed += seen.append
    on_thread(lambda: complete(operation))
    assert seen == [task, operation]
    assert "exits" in caplog.text


def test_futures_work_with_concurrent_futures_wait() -> None:
    operations = [pending() for _ in range(3)]
    for operation in operations:
        workers.submit(lambda operation=operation: complete(operation))  # type: ignore[misc]
    done, waiting = concurrent.futures.wait(
        [operation.as_task() for operation in operations], timeout=LIMIT)
    assert len(done) == 3 and not waiting


def test_blocking_on_the_future_sees_the_handlers_done() -> None:
    with fast_switching():
        for _ in rounds(0.2):
            operation = pending()
            seen: List[Any] = []
            workers.submit(lambda: complete(operation, "value"))
            operation.completed += seen.append
            assert operation.as_task().result(LIMIT) == "value"
            assert seen == [operation]


def test_settled_future_and_its_operation_go_without_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        for context in (None, FAILURE):
            operation = pending()
            task = operation.as_task()
            if context is None:
                complete(operation, "value")
                assert task.result(0) == "value"
            else:
                complete(operation, None, context)
                with pytest.raises(RRException):
                    task.result(0)
                assert isinstance(task.exception(0), RRException)
            assert isinstance(task, AsyncTask)
            gone = weakref.ref(operation), weakref.ref(task)
            del operation
            del task
            assert [reference() for reference in gone] == [None, None]
    finally:
        gc.enable()
