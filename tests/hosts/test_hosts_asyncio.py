"""asyncio hosts: awaiting from several loops, cancelling awaits, a dispatcher on the loop."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading
from typing import Any, Iterator, List

import pytest

from arr import ARRRenderingSessionStatus, ARRResult, Dispatcher, IAsync, RRSessionException

from ..support.stage import SMALL, Stage
from ..support.threads import LIMIT, together

User: contextvars.ContextVar[str] = contextvars.ContextVar("User", default="nobody")


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage(startup_seconds=0) as stage:
        yield stage


def run(main: Any) -> Any:
    """Run a coroutine in a loop of its own, with a limit."""
    return asyncio.run(asyncio.wait_for(main, LIMIT))


# -- awaiting --------------------------------------------------------------------------------------

def test_the_whole_life_of_a_session_awaited(stage: Stage) -> None:
    async def main() -> List[object]:
        session = await stage.frontend.create_rendering_session_async(SMALL)
        properties = await session.wait_until_ready_async()
        listed = await stage.frontend.get_current_rendering_sessions_async()
        return [properties.status, len(listed), await session.stop_rendering_session_async()]

    assert run(main()) == [ARRRenderingSessionStatus.Ready, 1, ARRResult.Success]


def test_a_failure_is_raised_in_the_awaiting_task(stage: Stage) -> None:
    async def main() -> None:
        await stage.frontend.get_rendering_session_properties_async("no-such-session")

    with pytest.raises(RRSessionException) as refused:
        run(main())
    assert refused.value.context.http_response_code == 404


def test_one_operation_awaited_in_four_loops_at_once(stage: Stage) -> None:
    with stage.emulator.hold("GET", "sessions") as held:
        operation = stage.frontend.get_current_rendering_sessions_async()
        assert held.wait_arrived(LIMIT)
        results: List[object] = []
        waiting = threading.Barrier(5)

        async def main() -> None:
            task = asyncio.ensure_future(_awaited(operation))
            await asyncio.sleep(0)  # it stands in the operation's queue now
            waiting.wait(LIMIT)
            results.append(await asyncio.wait_for(task, LIMIT))

        def work(index: int) -> None:
            if index < 4:
                asyncio.run(main())
            else:
                waiting.wait(LIMIT)
                held.release()

        together(5, work)
    assert results == [[]] * 4


async def _awaited(operation: IAsync[Any]) -> Any:
    return await operation


def test_wait_for_cancels_the_await_and_nothing_else(stage: Stage) -> None:
    async def main() -> object:
        with stage.emulator.hold("GET", "sessions") as held:
            operation = stage.frontend.get_current_rendering_sessions_async()
            other = asyncio.ensure_future(_awaited(operation))
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(operation, 0.01)
            assert not operation.is_completed and not other.done()
            held.wait_arrived(LIMIT)
            held.release()
        assert operation.as_task().cancel() is False
        return await other

    assert run(main()) == []


def test_a_wait_whose_await_was_cancelled_polls_on() -> None:
    with Stage() as stage:
        wait = stage.session().wait_until_ready_async()

        async def main() -> None:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(wait, 0.01)

        run(main())
        for _ in range(3):
            stage.clock.next_poll()
        assert wait.get(LIMIT).status == ARRRenderingSessionStatus.Ready


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.TaskGroup came with Python 3.11")
def test_a_task_group_cancels_its_awaits_when_one_operation_fails(stage: Stage) -> None:
    async def main() -> Any:
        group: Any = getattr(asyncio, "TaskGroup")()
        with stage.emulator.hold("GET", "sessions") as held:
            slow = stage.frontend.get_current_rendering_sessions_async()
            held.wait_arrived(LIMIT)
            try:
                async with group:
                    waiting = group.create_task(_awaited(slow))
                    group.create_task(_awaited(
                        stage.frontend.get_rendering_session_properties_async("nobody")))
            except BaseException as error:
                failures = getattr(error, "exceptions")
        assert waiting.cancelled() and len(failures) == 1
        assert isinstance(failures[0], RRSessionException)
        return await slow  # goes on undisturbed

    assert run(main()) == []


def test_gather_of_many_operations(stage: Stage) -> None:
    session_id = stage.session().session_uuid

    async def main() -> List[Any]:
        calls = [stage.frontend.get_rendering_session_properties_async(session_id)
                 for _ in range(50)]
        return await asyncio.gather(*calls[:25], *[call.as_task() for call in calls[25:]])

    assert [each.id for each in run(main())] == [session_id] * 50


# -- a dispatcher on the loop ----------------------------------------------------------------------

def test_handlers_bound_to_a_loop_run_on_it(stage: Stage) -> None:
    async def main() -> List[bool]:
        loop = asyncio.get_running_loop()
        dispatcher = Dispatcher(lambda: loop.call_soon_threadsafe(dispatcher.pump))
        seen: List[bool] = []
        done = asyncio.Event()

        def handler(operation: IAsync[Any]) -> None:
            seen.append(asyncio.get_running_loop() is loop)
            if len(seen) == 20:
                done.set()  # an Event of asyncio, so this must be the loop's thread

        for _ in range(20):
            call = stage.frontend.get_current_rendering_sessions_async()
            call.completed += dispatcher.bind(handler)
        await done.wait()
        return seen

    assert run(main()) == [True] * 20


def test_a_loop_that_has_been_closed_harms_nobody(
        stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    dispatchers: List[Dispatcher] = []
    with stage.emulator.hold("GET", "sessions") as held:
        operation = stage.frontend.get_current_rendering_sessions_async()

        async def main() -> None:
            loop = asyncio.get_running_loop()
            dispatcher = Dispatcher(lambda: loop.call_soon_threadsafe(dispatcher.pump))
            dispatchers.append(dispatcher)
            operation.completed += dispatcher.bind(lambda done: None)
            held.wait_arrived(LIMIT)

        run(main())
    assert operation.wait(LIMIT)
    assert "wake" in caplog.text
    assert dispatchers[0].pump() == 1  # the item is still there for whoever pumps


# -- context variables -----------------------------------------------------------------------------

def test_a_handler_does_not_see_the_subscribers_context(stage: Stage) -> None:
    User.set("ann")
    seen: List[str] = []
    operation = stage.frontend.get_current_rendering_sessions_async()
    operation.completed += lambda done: seen.append(User.get())
    assert operation.wait(LIMIT)
    assert seen == ["nobody"]


def test_what_a_handler_sets_is_not_seen_by_a_later_one_on_the_same_worker(stage: Stage) -> None:
    seen: List[str] = []
    for _ in range(20):
        operation = stage.frontend.get_current_rendering_sessions_async()
        operation.completed += lambda done: seen.append(User.get())
        operation.completed += lambda done: (User.set("mallory"), None)[1]
        assert operation.wait(LIMIT)
    assert set(seen) == {"nobody"}


def test_a_handler_sees_a_context_that_it_takes_along(stage: Stage) -> None:
    User.set("ann")
    seen: List[str] = []
    operation = stage.frontend.get_current_rendering_sessions_async()

    def handler(done: IAsync[Any]) -> None:
        seen.append(User.get())

    context = contextvars.copy_context()
    operation.completed += lambda done: context.run(handler, done)
    User.set("bob")
    assert operation.wait(LIMIT)
    assert seen == ["ann"]


def test_a_bound_handler_sees_the_context_of_the_thread_that_pumps(stage: Stage) -> None:
    User.set("ann")
    seen: List[str] = []
    dispatcher = Dispatcher()
    operation = stage.frontend.get_current_rendering_sessions_async()
    operation.completed += dispatcher.bind(lambda done: seen.append(User.get()))
    assert operation.wait(LIMIT)
    User.set("carl")
    dispatcher.pump()
    assert seen == ["carl"]


def test_an_await_keeps_the_tasks_own_context(stage: Stage) -> None:
    async def user(name: str) -> str:
        User.set(name)
        await stage.frontend.get_current_rendering_sessions_async()
        return User.get()

    async def main() -> List[str]:
        return list(await asyncio.gather(user("ann"), user("bob")))

    assert run(main()) == ["ann", "bob"]
