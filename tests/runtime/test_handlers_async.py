"""``async def`` handlers: they run in the loop in which they were subscribed, wherever that is."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
import weakref
from functools import partial
from types import MethodType
from typing import Any, Awaitable, Callable, Coroutine, Generator, List, Tuple
from unittest.mock import AsyncMock

import pytest

from arr import Dispatcher, Event, IAsync
from arr._runtime.events import _running, is_async

from ..support.threads import LIMIT, Jobs, complete, on_thread, pending, run_script, until

Call = Tuple[Tuple[Any, ...], str]


class Seen:
    """Async handlers that note their arguments and threads, and a wait for so many of them."""

    def __init__(self) -> None:
        self.calls: List[Call] = []
        self.came = asyncio.Event()

    async def on_event(self, *args: Any) -> None:
        await asyncio.sleep(0)
        self.calls.append((args, threading.current_thread().name))
        self.came.set()

    async def next(self) -> Call:
        await asyncio.wait_for(self.came.wait(), LIMIT)
        self.came.clear()
        return self.calls[-1]


def in_loop(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a loop on a thread that is not the main one, so that the two cannot be mistaken."""
    on_thread(lambda: asyncio.run(asyncio.wait_for(main(), LIMIT)))
    assert _running == {}


# -- where they run --------------------------------------------------------------------------------

def test_an_async_handler_runs_in_the_loop_of_its_subscription() -> None:
    async def main() -> None:
        seen, operation = Seen(), pending()
        operation.completed += seen.on_event
        on_worker = threading.Thread(target=complete, args=(operation, 7))
        on_worker.start()
        assert await seen.next() == ((operation,), threading.current_thread().name)
        on_worker.join(LIMIT)
        late = pending()
        complete(late)
        late.Completed(seen.on_event)  # as a decorator, after completion
        assert await seen.next() == ((late,), threading.current_thread().name)
        assert len(seen.calls) == 2

    in_loop(main)


def test_an_event_hands_over_to_each_handlers_own_loop() -> None:
    event: Event[Any] = Event()
    names: List[str] = []
    subscribed = threading.Barrier(3)

    def host() -> None:
        async def main() -> None:
            nonlocal event
            seen = Seen()
            event += seen.on_event
            subscribed.wait(LIMIT)
            names.append((await seen.next())[1])
            assert names[-1] == threading.current_thread().name

        asyncio.run(asyncio.wait_for(main(), LIMIT))

    hosts = [threading.Thread(target=host) for _ in range(2)]
    for each in hosts:
        each.start()
    subscribed.wait(LIMIT)
    event._raise(1, 2)
    for each in hosts:
        each.join(LIMIT)
    assert sorted(names) == sorted(each.name for each in hosts)
    assert _running == {}


def test_order_and_mixture_with_plain_handlers() -> None:
    async def main() -> None:
        order: List[str] = []
        ended = asyncio.Event()

        async def first(done: object) -> None:
            order.append("first")

        async def second(done: object) -> None:
            order.append("second")
            ended.set()

        operation = pending()
        operation.completed += first
        operation.completed += lambda done: order.append("plain")
        operation.completed += second
        complete(operation)
        assert order == ["plain"]  # handed over, and the loop is busy here
        await ended.wait()
        assert order == ["plain", "first", "second"]

    in_loop(main)


def test_the_future_of_an_operation_takes_async_callbacks_too() -> None:
    async def main() -> None:
        seen, operation = Seen(), pending()
        operation.as_task().add_done_callback(seen.on_event)
        complete(operation, 3)
        args, _ = await seen.next()
        assert args[0].result(0) == 3

    in_loop(main)


def test_a_dispatcher_keeps_the_loop_of_bind_and_post() -> None:
    async def main() -> None:
        seen, woken = Seen(), Seen()
        dispatcher = Dispatcher(woken.on_event)
        handler = dispatcher.bind(seen.on_event)
        assert handler == dispatcher.bind(seen.on_event)
        on_thread(lambda: handler(1))
        await woken.next()
        await asyncio.sleep(0)
        assert seen.calls == []  # nobody has pumped
        assert dispatcher.pump() == 1
        assert await seen.next() == ((1,), threading.current_thread().name)
        dispatcher.post(seen.on_event, 2)
        dispatcher.pump()
        assert (await seen.next())[0] == (2,)
        operation = pending()
        operation.completed += handler
        operation.completed -= dispatcher.bind(seen.on_event)
        complete(operation)
        assert dispatcher.pump() == 0
        await woken.next()

    in_loop(main)


def test_an_async_handler_has_the_context_of_its_subscriber() -> None:
    variable = contextvars.ContextVar("variable", default="none")

    async def main() -> None:
        found: List[str] = []
        event: Event[Any] = Event()

        async def handler() -> None:
            found.append(variable.get())
            variable.set("changed by the handler")

        async def twice(_: object) -> None:
            await handler()

        variable.set("the subscriber's")
        event += twice
        variable.set("later")
        event._raise(1)
        event._raise(2)
        until_found = asyncio.get_running_loop().time() + LIMIT
        while len(found) < 2:
            assert asyncio.get_running_loop().time() < until_found
            await asyncio.sleep(0)
        assert found == ["the subscriber's"] * 2 and variable.get() == "later"

    in_loop(main)


# -- without a loop --------------------------------------------------------------------------------

async def handler(*args: object) -> None:
    raise AssertionError("it must not run")


def ways(operation: IAsync[Any]) -> List[Callable[[], object]]:
    def completed() -> None:
        operation.completed += handler

    def progress() -> None:
        operation.progress_changed += handler

    def own() -> None:
        event: Event[Any] = Event()
        event += handler

    return [completed, progress, own, lambda: operation.Completed(handler),
            lambda: operation.as_task().add_done_callback(handler),
            lambda: Dispatcher(handler), lambda: Dispatcher().bind(handler),
            lambda: Dispatcher().post(handler)]


@pytest.mark.parametrize("way", range(8))
def test_without_a_running_loop_subscribing_is_a_type_error_that_says_what_to_do(way: int) -> None:
    operation = pending(Jobs())
    with pytest.raises(TypeError, match="subscribe it inside the loop") as refused:
        ways(operation)[way]()
    assert "handler" in str(refused.value)
    complete(operation)


def test_neither_asyncio_nor_inspect_is_loaded_to_find_out() -> None:
    assert run_script("""
        class Asks:
            async def __call__(self, done): ...
        from functools import partial
        before = set(sys.modules)
        operation = arr.IAsync(workers)
        operation.completed += print
        for handler in (Asks(), partial(Asks()), Asks().__call__):
            try:
                operation.completed += handler
            except TypeError as error:
                say("inside the loop" in str(error))
        say(sorted({"asyncio", "inspect"} & (set(sys.modules) - before)))
    """) == ["True"] * 3 + ["[]"]


# -- what is one -----------------------------------------------------------------------------------

class Host:
    async def method(self, done: object) -> None: ...

    async def __call__(self, done: object) -> None: ...

    @classmethod
    async def of_class(cls, done: object) -> None: ...

    @staticmethod
    async def static(done: object) -> None: ...

    def plain(self, done: object) -> None: ...


class Odd:
    """Has whatever it is asked for, as a proxy of a remote object has."""

    def __getattr__(self, name: str) -> Odd:
        return Odd()

    def __call__(self, done: object) -> None: ...


@pytest.mark.parametrize("candidate", [
    handler, Host().method, Host(), Host.of_class, Host.static, partial(handler, 1),
    partial(partial(Host().method)), partial(Host()), MethodType(partial(handler), 1),
    MethodType(Host(), 1), AsyncMock()])
def test_async_handlers_are_recognised(candidate: Any) -> None:
    assert is_async(candidate)

    async def main() -> None:
        operation = pending(Jobs())
        operation.completed += candidate
        assert repr(operation._queue[0]) == repr(candidate)
        operation.completed -= candidate
        assert operation._queue == []

    in_loop(main)


@pytest.mark.parametrize("candidate", [
    print, Host, Host().plain, partial(print), Odd(), lambda done: handler(done), int.__add__])
def test_all_others_are_plain(candidate: Any) -> None:
    assert not is_async(candidate)


# -- coroutines that nobody awaits -----------------------------------------------------------------

def made(kind: Callable[..., Any]) -> Tuple[Callable[..., Any], List[Any]]:
    """Return a plain handler that returns what ``kind`` makes, and what it has returned."""
    returned: List[Any] = []

    def wrapper(*args: object) -> Any:
        returned.append(kind(*args))
        return returned[-1]

    return wrapper, returned


def generator(*args: object) -> Generator[None, None, None]:
    yield


async def async_generator(*args: object) -> Any:
    yield


def by_completed(function: Any) -> None:
    operation = pending()
    operation.completed += function
    complete(operation)


def by_event(function: Any) -> None:
    event: Event[Any] = Event()
    event += function
    event._raise(1, 2)


def by_dispatcher(function: Any) -> None:
    dispatcher = Dispatcher()
    dispatcher.post(function)
    dispatcher.bind(function)(1)
    dispatcher.pump()


def by_wake(function: Any) -> None:
    Dispatcher(function).post(print)


@pytest.mark.arr_handler_errors_allowed
@pytest.mark.parametrize("kind, words", [
    (handler, "which nobody awaits"), (generator, "a handler holds no yield"),
    (async_generator, "a handler holds no yield")])
@pytest.mark.parametrize("way", [by_completed, by_event, by_dispatcher, by_wake])
def test_a_plain_handler_that_returns_a_coroutine_has_failed(
        way: Callable[[Any], None], kind: Any, words: str,
        caplog: pytest.LogCaptureFixture) -> None:
    wrapper, returned = made(kind)
    way(wrapper)
    gc.collect()  # would warn of a coroutine that was never awaited
    failures = [record for record in caplog.records if record.exc_info]
    assert len(failures) == len(returned) >= 1
    assert all(words in str(record.exc_info[1]) for record in failures if record.exc_info)
    if kind is handler:
        assert all(each.cr_frame is None for each in returned), "closed"


def test_other_values_are_nobodys_business(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        for value in (0, "text", [1], loop.create_future(), pending(), object()):
            by_completed(lambda done, value=value: value)
            by_dispatcher(lambda *args, value=value: value)

    in_loop(main)
    assert caplog.text == ""


# -- wait, failures, ends --------------------------------------------------------------------------

def test_for_a_wait_it_has_run_once_it_is_handed_over() -> None:
    async def main() -> None:
        held, ended, operation = asyncio.Event(), asyncio.Event(), pending()

        async def waits(done: object) -> None:
            await held.wait()
            ended.set()

        operation.completed += waits
        on_thread(lambda: complete(operation))
        assert await asyncio.get_running_loop().run_in_executor(None, operation.wait, LIMIT)
        assert operation.wait(0) and not ended.is_set()
        held.set()
        await ended.wait()

    in_loop(main)


def test_its_own_operation_can_be_awaited_in_it() -> None:
    async def main() -> None:
        found = asyncio.get_running_loop().create_future()
        operation = pending()

        @operation.completed
        async def _(done: IAsync[Any]) -> None:
            found.set_result(await done)

        complete(operation, 5)
        assert await found == 5

    in_loop(main)


@pytest.mark.arr_handler_errors_allowed
def test_its_failure_is_logged_like_any_other(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        seen, operation = Seen(), pending()

        async def fails(done: object) -> None:
            await asyncio.sleep(0)
            raise ValueError("on purpose")

        async def takes_nothing() -> None: ...

        operation.completed += fails
        operation.completed += takes_nothing  # type: ignore[arg-type]
        operation.completed += seen.on_event
        complete(operation)
        await seen.next()

    in_loop(main)
    assert [record.name for record in caplog.records] == ["arr", "arr"]
    kinds = {record.exc_info[0] for record in caplog.records if record.exc_info}
    assert kinds == {ValueError, TypeError}
    assert "fails" in caplog.text and "on purpose" in caplog.text


def test_an_exit_in_it_is_for_the_program_as_in_any_task() -> None:
    async def main() -> None:
        async def leaves(done: object) -> None:
            raise SystemExit(3)

        operation = pending()
        operation.completed += leaves
        complete(operation)
        await asyncio.sleep(LIMIT)

    def host() -> None:
        with pytest.raises(SystemExit):
            asyncio.run(main())

    on_thread(host)
    gc.collect()
    assert _running == {}


def test_a_closed_loop_drops_it_and_the_next_handler_runs(
        caplog: pytest.LogCaptureFixture) -> None:
    operation, seen = pending(), []  # type: Tuple[IAsync[Any], List[Any]]

    async def main() -> None:
        operation.completed += handler

    in_loop(main)
    operation.completed += seen.append
    complete(operation)
    assert seen == [operation]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING and "loop was closed" in record.getMessage()
    assert "handler" in record.getMessage()


@pytest.mark.arr_handler_errors_allowed
def test_a_loop_of_another_make_that_refuses_it_costs_no_other_handler(
        caplog: pytest.LogCaptureFixture) -> None:
    operation, seen = pending(), []  # type: Tuple[IAsync[Any], List[Any]]

    class Loop:
        def call_soon_threadsafe(self, callback: Any, *args: Any) -> None:
            """Takes no context, as loops did before Python 3.7."""

    async def main() -> None:
        operation.completed += handler
        entry: Any = operation._queue[0]
        entry.loop = Loop()

    in_loop(main)
    operation.completed += seen.append
    complete(operation)
    assert seen == [operation]
    (record,) = caplog.records
    assert "handler" in record.getMessage() and "TypeError" in caplog.text


def test_one_that_the_end_of_its_loop_cuts_off_is_logged(
        caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        begun, operation = asyncio.Event(), pending()

        async def cut_off(done: object) -> None:
            begun.set()
            await asyncio.sleep(LIMIT)

        operation.completed += cut_off
        complete(operation)
        await begun.wait()

    in_loop(main)
    (record,) = caplog.records
    assert "cut_off" in record.getMessage() and "cancelled" in record.getMessage()


# -- references ------------------------------------------------------------------------------------

def test_it_is_kept_until_its_end_and_then_let_go() -> None:
    """Nobody else refers to the future that it awaits: asyncio would lose both to the collector."""
    weak: List[Any] = []

    async def main() -> None:
        begun, ended = asyncio.Event(), asyncio.Event()

        async def waits(done: object) -> None:
            future: Awaitable[None] = asyncio.get_running_loop().create_future()
            weak.append(weakref.ref(future))
            begun.set()
            await future
            ended.set()

        operation = pending()
        weak.append(weakref.ref(operation))
        operation.completed += waits
        complete(operation)
        del operation, waits
        await begun.wait()
        gc.collect()
        future = weak[1]()
        assert future is not None
        future.set_result(None)
        await ended.wait()
        del future
        await asyncio.sleep(0)

    in_loop(main)
    gc.collect()
    assert [each() for each in weak] == [None, None]


def test_those_of_a_loop_that_was_closed_over_their_heads_are_let_go_by_the_next() -> None:
    lost: asyncio.AbstractEventLoop = asyncio.new_event_loop()
    begun: List[str] = []

    async def never_ends(done: object) -> None:
        begun.append("begun")
        await asyncio.get_running_loop().create_future()

    async def main() -> None:
        by_completed(never_ends)
        while not begun:
            await asyncio.sleep(0)

    lost.run_until_complete(main())
    assert list(_running) == [lost]
    for task in asyncio.all_tasks(lost):
        task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio would complain
    lost.close()

    async def other() -> None:
        seen = Seen()
        by_completed(seen.on_event)
        await seen.next()

    in_loop(other)  # which looks that nothing is left


def test_many_at_once_run_once_each() -> None:
    async def main() -> None:
        seen, count = Seen(), 500
        operations = [pending() for _ in range(count)]
        for operation in operations:
            operation.completed += seen.on_event

        def completing() -> None:
            for operation in operations:
                complete(operation)

        worker = threading.Thread(target=completing)
        worker.start()
        while len(seen.calls) < count:
            await seen.next()
        worker.join(LIMIT)
        assert {args[0] for args, _ in seen.calls} == set(operations)
        await asyncio.sleep(0)
        assert len(seen.calls) == count

    in_loop(main)
    until(lambda: _running == {})
