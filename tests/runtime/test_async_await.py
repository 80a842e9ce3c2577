"""IAsync in asyncio."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from typing import Any, Awaitable, List

import pytest

from arr import ARRResult, IAsync, RRSessionException
from arr._runtime.workers import workers

from ..support.threads import (
    FAILURE, LIMIT, Held, Recorder, complete, fast_switching, must, on_thread, pending, rounds,
    together, until,
)


async def value_of(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def within_limit(awaitable: Awaitable[Any]) -> Any:
    """Run an awaitable in a new loop."""
    async def main() -> Any:
        return await asyncio.wait_for(value_of(awaitable), LIMIT)

    return asyncio.run(main())


def test_await_returns_the_value_after_the_handlers_before_it() -> None:
    operation = pending()
    seen: List[Any] = []
    operation.completed += seen.append

    async def main() -> None:
        workers.submit(lambda: complete(operation, "value"))
        assert await operation == "value"
        assert seen == [operation]
        assert await operation == "value"

    asyncio.run(main())


def test_await_of_a_failed_operation_raises() -> None:
    operation = pending()
    workers.submit(lambda: complete(operation, None, FAILURE))
    with pytest.raises(RRSessionException) as caught:
        within_limit(operation)
    assert caught.value.error_code == ARRResult.Fail


def test_cancelling_an_await_cancels_nothing_else() -> None:
    """Trap 17: with a shared future, one cancelled await cancels them all."""
    operation = pending()

    async def main() -> None:
        first = asyncio.ensure_future(value_of(operation))
        second = asyncio.ensure_future(value_of(operation))
        third = asyncio.ensure_future(value_of(operation.as_task()))
        while len(operation._queue) < 4:
            await asyncio.sleep(0)
        first.cancel()
        third.cancel()
        for cancelled in (first, third):
            with pytest.raises(asyncio.CancelledError):
                await cancelled
        assert len(operation._queue) == 2, "a cancelled await leaves nothing behind"
        assert not operation.is_completed
        workers.submit(lambda: complete(operation, "value"))
        assert await asyncio.wait_for(second, LIMIT) == "value"
        assert operation.as_task().result(0) == "value"

    asyncio.run(main())


def test_wait_for_times_out_without_touching_the_operation(
        caplog: pytest.LogCaptureFixture) -> None:
    operation = pending()

    async def main() -> None:
        for _ in range(10):
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(value_of(operation), 0.001)
        assert operation._queue == []
        workers.submit(lambda: complete(operation, "value"))
        assert await asyncio.wait_for(value_of(operation), LIMIT) == "value"

    asyncio.run(main())
    assert caplog.records == []


def test_await_that_is_cancelled_as_the_operation_completes_is_harmless() -> None:
    with fast_switching():
        for _ in rounds(0.3):
            operation = pending()

            async def main() -> None:
                task = asyncio.ensure_future(value_of(operation))
                await asyncio.sleep(0)
                workers.submit(lambda: complete(operation, "value"))
                await asyncio.sleep(0)
                task.cancel()
                try:
                    assert await task == "value"
                except asyncio.CancelledError:
                    pass

            asyncio.run(main())
            assert operation.wait(LIMIT)


def test_await_cancelled_after_its_delivery_is_on_its_way_is_silent() -> None:
    operation = pending()
    complaints: List[Any] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(
            lambda loop, context: complaints.append(context))
        task = asyncio.ensure_future(value_of(operation))
        await asyncio.sleep(0)
        complete(operation, "value")  # now the delivery stands in the loop's queue
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)

    asyncio.run(main())
    assert complaints == []


def test_several_loops_in_several_threads_await_one_operation() -> None:
    operation = pending()
    values: List[Any] = []

    def work(index: int) -> None:
        if index == 0:
            until(lambda: len(operation._queue) == 4)
            complete(operation, "value")
        else:
            values.append(within_limit(operation))

    together(5, work)
    assert values == ["value"] * 4


def test_delivery_into_a_closed_loop_is_dropped_and_logged_at_debug(
        caplog: pytest.LogCaptureFixture) -> None:
    operation = pending()
    caplog.set_level(logging.DEBUG, "arr")
    loop = asyncio.new_event_loop()
    coroutine = value_of(operation)
    task = loop.create_task(coroutine)
    loop.run_until_complete(asyncio.sleep(0))
    assert len(operation._queue) == 1
    loop.close()
    recorder = Recorder()
    operation.completed += recorder
    workers.submit(lambda: complete(operation))
    recorder.next()
    assert operation.wait(LIMIT)
    (record,) = caplog.records
    assert record.levelno == logging.DEBUG and record.exc_info is None
    assert "loop" in record.getMessage()
    coroutine.close()
    task._log_destroy_pending = False  # type: ignore[attr-defined]


def test_await_without_a_loop_says_so() -> None:
    operation = pending()
    with pytest.raises(RuntimeError, match="no running event loop"):
        operation.__await__().send(None)
    assert operation._queue == []


def test_await_inside_the_operations_own_handler_does_not_wait_for_itself() -> None:
    operation = pending()
    recorder = Recorder()
    operation.completed += lambda done: recorder(within_limit(done))
    operation.completed += lambda done: recorder(within_limit(done.as_task()))
    workers.submit(lambda: complete(operation, "value"))
    assert recorder.next()[0] == "value"
    assert recorder.next()[0] == "value"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="TaskGroup came with Python 3.11")
def test_task_group_gathers_operations_and_a_failure_cancels_the_other_awaits_only() -> None:
    good, failing, slow = pending(), pending(), pending()

    async def main() -> None:
        with pytest.raises(BaseException) as caught:
            async with getattr(asyncio, "TaskGroup")() as group:
                for operation in (good, failing, slow):
                    group.create_task(value_of(operation))
                await asyncio.sleep(0)
                workers.submit(lambda: complete(good, "value"))
                workers.submit(lambda: complete(failing, None, FAILURE))
        assert [type(error) for error in getattr(caught.value, "exceptions")] == [
            RRSessionException]

    asyncio.run(main())
    assert not slow.is_completed and slow._queue == []
    complete(slow, "late")
    assert slow.result == "late"


def test_held_drain_does_not_block_the_loop_that_awaits() -> None:
    operation = pending()
    held = Held()
    operation.completed += held
    ticks: List[int] = []

    async def main() -> None:
        workers.submit(lambda: complete(operation, "value"))
        task = asyncio.ensure_future(value_of(operation))
        must(held.entered)
        for tick in range(10):
            await asyncio.sleep(0)
            ticks.append(tick)
        assert not task.done()
        held.release.set()
        assert await asyncio.wait_for(task, LIMIT) == "value"

    asyncio.run(main())
    assert len(ticks) == 10


def test_await_works_in_a_loop_on_another_thread_than_the_main_one() -> None:
    operation: IAsync[Any] = pending()
    values: List[Any] = []
    workers.submit(lambda: complete(operation, threading.current_thread().name))
    on_thread(lambda: values.append(within_limit(operation)))
    assert values[0].startswith("arr-worker-")
