"""Events: subscription, removal, failing handlers. IAsync's own event is in test_async_*.py."""

from __future__ import annotations

import logging
import threading
from typing import Any, Callable, List

import pytest

from arr import Event
from arr._runtime.events import guarded

from ..support.threads import LIMIT, on_thread

Handler = Callable[[int], object]


def test_handlers_run_in_the_order_of_subscription_each_time() -> None:
    event: Event[Handler] = Event()
    seen: List[str] = []
    event += lambda n: seen.append(f"a{n}")
    event += lambda n: seen.append(f"b{n}")
    event._raise(1)
    event._raise(2)
    assert seen == ["a1", "b1", "a2", "b2"]


def test_handler_added_twice_runs_twice_and_minus_takes_the_last_one() -> None:
    event: Event[Handler] = Event()
    seen: List[str] = []

    def first(n: int) -> None:
        seen.append("first")

    def second(n: int) -> None:
        seen.append("second")

    event += first
    event += second
    event += first
    event -= first
    event._raise(0)
    assert seen == ["first", "second"]


def test_removing_an_unknown_handler_is_no_error() -> None:
    event: Event[Handler] = Event()
    event -= print
    event._raise(0)


def test_bound_method_can_be_removed() -> None:
    class Host:
        seen = 0

        def on_event(self, n: int) -> None:
            self.seen += 1

    host = Host()
    event: Event[Handler] = Event()
    event += host.on_event
    event -= host.on_event
    event._raise(0)
    assert host.seen == 0


def test_handler_may_remove_itself_and_the_next_one() -> None:
    event: Event[Handler] = Event()
    seen: List[str] = []

    def once(n: int) -> None:
        nonlocal event
        seen.append("once")
        event -= once
        event -= never

    def never(n: int) -> None:
        seen.append("never")

    event += once
    event += never
    event += lambda n: seen.append("last")
    event._raise(0)
    event._raise(0)
    assert seen == ["once", "last", "last"]


def test_handler_added_while_the_event_is_raised_waits_for_the_next_time() -> None:
    event: Event[Handler] = Event()
    seen: List[int] = []

    def adder(n: int) -> None:
        nonlocal event
        event += seen.append

    event += adder
    event._raise(1)
    assert seen == []
    event._raise(2)
    assert seen == [2]


def test_only_callables_can_be_added() -> None:
    event: Event[Any] = Event()
    with pytest.raises(TypeError, match="callable, not int"):
        event += 5
    with pytest.raises(TypeError, match="callable, not NoneType"):
        event(None)


def test_event_is_a_decorator_that_returns_the_function() -> None:
    event: Event[Handler] = Event()
    seen: List[int] = []

    @event
    def handler(n: int) -> None:
        seen.append(n)

    event._raise(7)
    handler(8)
    assert seen == [7, 8]


@pytest.mark.arr_handler_errors_allowed
@pytest.mark.parametrize("error", [ValueError, SystemExit, GeneratorExit, KeyboardInterrupt])
def test_failing_handler_is_logged_with_traceback_and_the_next_one_runs(
        error: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    event: Event[Handler] = Event()
    seen: List[int] = []

    def failing(n: int) -> None:
        raise error("on purpose")

    event += failing
    event += seen.append
    on_thread(lambda: event._raise(3))
    assert seen == [3]
    (record,) = caplog.records
    assert record.name == "arr" and record.levelno == logging.ERROR
    assert record.exc_info is not None and record.exc_info[0] is error
    assert "failing" in record.getMessage()


def test_ctrl_c_on_the_main_thread_is_for_the_program_not_for_the_handler() -> None:
    event: Event[Handler] = Event()

    def interrupted(n: int) -> None:
        raise KeyboardInterrupt

    event += interrupted
    with pytest.raises(KeyboardInterrupt):
        event._raise(0)


class _Refusing(logging.Handler):
    """A log handler that raises, as one of a user's may; SystemExit passes through Logger."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def emit(self, record: logging.LogRecord) -> None:
        if self.times:
            self.times -= 1
            raise SystemExit("the log is full")


@pytest.mark.arr_handler_errors_allowed
@pytest.mark.parametrize("times", [1, 2])
def test_failing_log_handler_costs_neither_worker_nor_next_handler(
        times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = _Refusing(times)
    monkeypatch.setattr(logging.getLogger("arr"), "handlers", [refusing])
    monkeypatch.setattr(logging.getLogger("arr"), "propagate", False)
    guarded(lambda: 1 // 0)
    assert refusing.times == 0


@pytest.mark.arr_handler_errors_allowed
def test_handler_whose_repr_fails_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Handler:
        def __call__(self) -> None:
            raise ValueError

        def __repr__(self) -> str:
            raise SystemExit

    guarded(Handler())
    assert "a handler failed" in caplog.text


def test_equality_of_handlers_runs_without_any_lock() -> None:
    """Trap 15: an __eq__ that waits for another thread's += would deadlock under a lock."""
    event: Event[Any] = Event()
    subscribed = threading.Event()

    def add(n: int) -> None:
        pass

    class Slow:
        def __call__(self, n: int) -> None:
            pass

        def __eq__(self, other: object) -> bool:
            def other_thread() -> None:
                nonlocal event
                event += add
                event -= add
                subscribed.set()

            threading.Thread(target=other_thread, daemon=True).start()
            assert subscribed.wait(LIMIT)
            return True

        __hash__ = None  # type: ignore[assignment]

    event += Slow()
    event -= Slow()
    assert subscribed.is_set()
    assert event._entries == []


class _Meddling:
    """A handler during whose comparison another thread removes handlers from the event."""

    def __init__(self, name: str, seen: List[str], meddle: Callable[[], object]) -> None:
        self.name = name
        self.seen = seen
        self.meddle = meddle

    def __call__(self, n: int) -> None:
        self.seen.append(self.name)

    def __eq__(self, other: object) -> bool:
        self.meddle()
        return isinstance(other, _Meddling) and other.name == self.name

    __hash__ = None  # type: ignore[assignment]


def test_what_is_removed_is_the_very_entry_that_was_found() -> None:
    event: Event[Any] = Event()
    seen: List[str] = []
    event += _Meddling("gone", seen, lambda: None)
    event += _Meddling("kept", seen, lambda: None)
    event += _Meddling("last", seen, lambda: event._entries.pop(0))
    event -= _Meddling("last", seen, lambda: None)
    event._raise(0)
    assert seen == ["kept"]


def test_handlers_removed_during_a_comparison_do_not_hide_the_one_that_is_looked_for() -> None:
    event: Event[Any] = Event()
    seen: List[str] = []
    event += _Meddling("looked for", seen, lambda: None)
    event += _Meddling("other", seen, lambda: None)
    event += _Meddling("other", seen, lambda: None)
    event += _Meddling("last", seen, lambda: event._entries.__delitem__(slice(1, None)))
    event -= _Meddling("looked for", seen, lambda: None)
    event._raise(0)
    assert seen == []
