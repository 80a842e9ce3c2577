"""Dispatcher: work handed to the thread that pumps."""

from __future__ import annotations

import threading
from typing import Any, List

import pytest

from arr import Dispatcher
from arr._runtime.dispatcher import _Post

from ..support.threads import fast_switching, on_thread, pending, complete, together


def test_posts_run_in_order_when_the_owner_pumps() -> None:
    dispatcher = Dispatcher()
    seen: List[int] = []
    dispatcher.post(seen.append, 1)
    on_thread(lambda: dispatcher.post(seen.append, 2))
    assert seen == []
    assert dispatcher.pump() == 2
    assert seen == [1, 2]
    assert dispatcher.pump() == 0


def test_what_an_item_posts_waits_for_the_next_pump() -> None:
    dispatcher = Dispatcher()
    seen: List[int] = []

    def again(n: int) -> None:
        seen.append(n)
        if n < 5:
            dispatcher.post(again, n + 1)

    dispatcher.post(again, 0)
    assert dispatcher.pump() == 1 and seen == [0]
    assert dispatcher.pump() == 1 and seen == [0, 1]


def test_pump_takes_at_most_so_many_and_begins_none_after_its_budget() -> None:
    dispatcher = Dispatcher()
    seen: List[int] = []
    for n in range(5):
        dispatcher.post(seen.append, n)
    assert dispatcher.pump(max_items=2) == 2 and seen == [0, 1]
    assert dispatcher.pump(budget=0.0) == 0
    assert dispatcher.pump(budget=60.0) == 3


@pytest.mark.arr_handler_errors_allowed
def test_failing_item_is_logged_and_the_others_run(caplog: pytest.LogCaptureFixture) -> None:
    dispatcher = Dispatcher()
    seen: List[int] = []

    def fails() -> None:
        raise ValueError("on purpose")

    dispatcher.post(fails)
    dispatcher.post(seen.append, 1)
    assert dispatcher.pump() == 2
    assert seen == [1] and "fails" in caplog.text and "on purpose" in caplog.text


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_exit_and_ctrl_c_pass_through_and_keep_the_rest(error: type[BaseException]) -> None:
    dispatcher = Dispatcher()
    seen: List[int] = []

    def leaves() -> None:
        raise error

    dispatcher.post(leaves)
    dispatcher.post(seen.append, 1)
    with pytest.raises(error):
        dispatcher.pump()
    assert seen == []
    assert dispatcher.pump() == 1 and seen == [1]


def test_only_the_owner_may_pump() -> None:
    dispatcher = Dispatcher()

    def pump() -> None:
        with pytest.raises(RuntimeError, match="only the thread"):
            dispatcher.pump()

    on_thread(pump)


def test_item_that_pumps_does_not_break_the_outer_pump() -> None:
    dispatcher = Dispatcher()
    seen: List[int] = []
    dispatcher.post(dispatcher.pump)
    dispatcher.post(seen.append, 1)
    dispatcher.pump()
    assert seen == [1]


def test_bound_handlers_are_equal_so_that_minus_works() -> None:
    dispatcher, other = Dispatcher(), Dispatcher()

    def handler(done: Any) -> None:
        raise AssertionError("it was removed")

    assert dispatcher.bind(handler) == dispatcher.bind(handler)
    assert hash(dispatcher.bind(handler)) == hash(dispatcher.bind(handler))
    assert dispatcher.bind(handler) != other.bind(handler)
    assert dispatcher.bind(handler) != handler
    operation = pending()
    operation.completed += dispatcher.bind(handler)
    operation.completed -= dispatcher.bind(handler)
    complete(operation)
    assert dispatcher.pump() == 0


def test_bound_handler_shows_the_handler() -> None:
    assert repr(Dispatcher().bind(len)) == f"<bound to a dispatcher: {len!r}>"


def test_bound_handler_runs_in_the_pump_with_the_operation() -> None:
    dispatcher = Dispatcher()
    seen: List[Any] = []

    def handler(done: Any) -> None:
        seen.append((done, threading.current_thread()))

    operation = pending()
    operation.completed += dispatcher.bind(handler)
    on_thread(lambda: complete(operation))
    assert seen == []
    dispatcher.pump()
    assert seen == [(operation, threading.current_thread())]


def test_close_runs_what_is_left_and_refuses_from_then_on(
        caplog: pytest.LogCaptureFixture) -> None:
    dispatcher = Dispatcher()
    seen: List[int] = []
    dispatcher.post(seen.append, 1)
    dispatcher.post(lambda: dispatcher.post(seen.append, 2))
    dispatcher.close()
    dispatcher.close()
    assert seen == [1]
    assert caplog.text.count("closed dispatcher") == 1
    dispatcher.post(seen.append, 3)
    assert dispatcher.pump() == 0
    assert caplog.text.count("closed dispatcher") == 2


@pytest.mark.parametrize("entered", [False, True])
def test_post_that_meets_the_close_is_run_or_reported_never_lost(
        caplog: pytest.LogCaptureFixture, entered: bool) -> None:
    """The post has found the dispatcher open; the owner closes and pumps for the last time,
    before the post has entered or after."""
    woken: List[int] = []
    dispatcher = Dispatcher(lambda: woken.append(1))
    seen: List[int] = []

    class Closing(type(dispatcher._queue)):  # type: ignore[misc]
        def append(self, post: _Post) -> None:
            if entered:
                super().append(post)
            dispatcher.close()
            if not entered:
                super().append(post)

    dispatcher._queue = Closing()
    dispatcher.post(seen.append, 1)
    assert seen == woken == ([1] if entered else [])
    assert ("closed dispatcher" in caplog.text) is not entered
    assert not dispatcher._queue


def test_post_and_bind_take_callables_only() -> None:
    dispatcher = Dispatcher()
    with pytest.raises(TypeError):
        dispatcher.post(5)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        dispatcher.bind(None)  # type: ignore[type-var]


def test_posts_from_many_threads_run_once_each_in_their_threads_order() -> None:
    dispatcher = Dispatcher()
    seen: List[Any] = []

    def work(index: int) -> None:
        for step in range(300):
            dispatcher.post(seen.append, (index, step))

    with fast_switching():
        together(6, work)
        while dispatcher.pump():
            pass
    assert len(seen) == 1800
    for index in range(6):
        assert [step for who, step in seen if who == index] == list(range(300))
