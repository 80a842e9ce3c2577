"""Schedules of operations, events and slots: small meetings of threads, and what must hold.

A meeting is made anew for each schedule. Jobs that it submits and that no thread of it runs are run
at the end, by the check.
"""

from __future__ import annotations

import asyncio
from typing import Any, Callable, Iterator

from arr._runtime.events import Event
from arr._runtime.operation import _completing, _draining, _due, _tasks
from arr._runtime.slots import Slot
from arr._runtime.workers import Job

from .schedules import Lock, Make, Scenario
from .threads import FAILURE, SUCCESS, Jobs, pending


def nothing_left() -> None:
    assert not (_completing or _draining or _due or _tasks), "an operation left something behind"


class Queue(Jobs):
    """A runner with a bell for the thread that runs its jobs."""

    def __init__(self) -> None:
        super().__init__()
        self.news = Lock()
        self.news.acquire()

    def submit(self, job: Job) -> None:
        super().submit(job)
        if self.news.locked():
            self.news.release()


class Meeting:
    """An operation whose jobs wait in a queue, and what its handlers saw."""

    def __init__(self) -> None:
        self.jobs = Queue()
        self.operation = pending(self.jobs)
        self.seen: list[str] = []

    def handler(self, name: str) -> Callable[[object], None]:
        def handler(done: Any) -> None:
            assert done.is_completed and not done._queue.__contains__(handler)
            self.seen.append(name)
        return handler

    def complete(self) -> None:
        if self.operation._complete(SUCCESS, "value"):
            self.operation._drain()

    def finish(self) -> None:
        self.jobs.run()
        assert self.operation.result == "value" and not self.operation._queue
        nothing_left()


# -- the operation -----------------------------------------------------------------------------

def rivals_complete() -> Scenario:
    meeting, won, stored = Meeting(), [], []
    operation = meeting.operation
    operation.completed += meeting.handler("first")

    def rival(name: str) -> None:
        if operation._complete(SUCCESS, name, lambda: stored.append(name)):
            won.append(name)
            operation._drain()

    def check() -> None:
        meeting.jobs.run()
        assert won == stored == [operation.result]
        assert meeting.seen == ["first"]
        nothing_left()

    return Scenario([lambda: rival("a"), lambda: rival("b"), lambda: rival("c")], check)


def subscribe_while_it_completes() -> Scenario:
    meeting = Meeting()

    def subscribe(name: str) -> None:
        meeting.operation.completed += meeting.handler(name + "1")
        meeting.operation.completed += meeting.handler(name + "2")

    def check() -> None:
        meeting.finish()
        assert sorted(meeting.seen) == ["a1", "a2", "b1", "b2"]
        for name in "ab":
            assert meeting.seen.index(name + "1") < meeting.seen.index(name + "2")

    return Scenario([meeting.complete, lambda: subscribe("a"), lambda: subscribe("b")], check)


def unsubscribe_while_it_completes() -> Scenario:
    meeting = Meeting()
    stays, goes = meeting.handler("stays"), meeting.handler("goes")
    for handler in (stays, goes, goes):
        meeting.operation.completed += handler

    def unsubscribe() -> None:
        meeting.operation.completed -= goes

    def check() -> None:
        meeting.finish()
        assert meeting.seen.count("stays") == 1 and meeting.seen.count("goes") <= 2

    return Scenario([meeting.complete, unsubscribe, unsubscribe], check)


def wait_for_handlers() -> Scenario:
    meeting = Meeting()

    def subscribe_and_wait(name: str) -> None:
        meeting.operation.completed += meeting.handler(name)
        assert meeting.operation.wait()
        assert name in meeting.seen, "wait returned before the handler had run"

    def work() -> None:
        meeting.complete()
        while True:
            meeting.jobs.run()
            meeting.jobs.news.acquire(True, 10.0)  # ends the thread when the others have ended

    return Scenario([work, lambda: subscribe_and_wait("a"), lambda: subscribe_and_wait("b")],
                    meeting.finish)


def wait_with_a_limit() -> Scenario:
    meeting = Meeting()
    meeting.operation.completed += meeting.handler("first")

    def wait() -> None:
        if meeting.operation.wait(0.5):
            assert meeting.seen == ["first"]

    return Scenario([meeting.complete, wait, wait], meeting.finish)


def futures_of_one_operation() -> Scenario:
    meeting, futures = Meeting(), []

    def ask() -> None:
        futures.append(meeting.operation.as_task())

    def check() -> None:
        meeting.finish()
        assert futures[0] is futures[1] is meeting.operation.as_task()
        assert futures[0].result(0) == "value"
        nothing_left()

    return Scenario([meeting.complete, ask, ask], check)


def future_that_is_settled_just_now() -> Scenario:
    meeting, futures = Meeting(), []
    futures.append(meeting.operation.as_task())

    def ask() -> None:
        futures.append(meeting.operation.as_task())

    def check() -> None:
        meeting.finish()
        assert len(set(map(id, futures + [meeting.operation.as_task()]))) == 1
        assert futures[0].result(0) == "value"

    return Scenario([meeting.complete, ask, ask], check)


class _Loop:
    """As much of an asyncio loop as an await of ours needs; it runs what it is given at the end."""

    def __init__(self) -> None:
        self.calls: list[Callable[[], object]] = []
        self.future = _Future()

    def create_future(self) -> Any:
        return self.future

    def call_soon_threadsafe(self, call: Callable[[], object]) -> None:
        self.calls.append(call)


class _Future:
    def __init__(self) -> None:
        self._done = False

    def done(self) -> bool:
        return self._done

    def set_result(self, value: object) -> None:
        self._done = True

    def __iter__(self) -> Iterator[None]:
        while not self.done():
            yield


def await_and_cancelled_await() -> Scenario:
    meeting, loops, found = Meeting(), [_Loop(), _Loop()], []

    def begin(index: int) -> None:
        running: Any = loops[index]
        asyncio._set_running_loop(running)  # of this thread
        awaiting = meeting.operation.__await__()
        try:
            next(awaiting)
        except StopIteration as end:
            found.append(end.value)
            return
        finally:
            asyncio._set_running_loop(None)
        if index == 1:
            awaiting.close()
        else:
            found.append(awaiting)

    def check() -> None:
        meeting.finish()
        for loop in loops:
            assert len(loop.calls) <= 1
            for call in loop.calls:
                call()
        if found and found[0] != "value":
            try:
                next(found[0])
                raise AssertionError("the await was not woken")
            except StopIteration as end:
                assert end.value == "value"

    return Scenario([meeting.complete, lambda: begin(0), lambda: begin(1)], check)


# -- events ------------------------------------------------------------------------------------

def event_raised_while_handlers_come_and_go() -> Scenario:
    event: Event[Any] = Event()
    seen: list[str] = []
    stays: Any = lambda _: seen.append("stays")  # noqa: E731
    goes: Any = lambda _: seen.append("goes")  # noqa: E731
    event += stays
    event += goes

    def change() -> None:
        nonlocal event
        event -= goes
        event += goes

    def check() -> None:
        assert seen.count("stays") == 2
        assert len(event._entries) == 2

    return Scenario([lambda: event._raise(0), change, lambda: event._raise(0)], check)


# -- slots -------------------------------------------------------------------------------------

def takers_while_the_holder_completes() -> Scenario:
    slot, holder, granted = Slot(), pending(), []
    assert slot.take(holder)
    refused_late: list[int] = []
    operations = [pending(), pending()]

    def take(index: int) -> None:
        free = holder.is_completed
        if slot.take(operations[index]):
            assert holder.is_completed
            granted.append(index)
        elif free:
            refused_late.append(index)

    def check() -> None:
        assert len(granted) <= 1, "two hold the slot"
        assert granted or not refused_late, "refused with nothing in flight"

    return Scenario([lambda: take(0), lambda: take(1), lambda: holder._complete(SUCCESS)], check)


def slot_from_hand_to_hand() -> Scenario:
    slot, inside, takes = Slot(), [], []

    def work() -> None:
        for _ in range(2):
            operation = pending()
            if slot.take(operation):
                inside.append(operation)
                repr(operation)  # here others may run
                assert len(inside) == 1, "two hold the slot"
                takes.append(1)
                inside.remove(operation)
                operation._complete(FAILURE)

    def check() -> None:
        assert takes and slot.take(pending())

    return Scenario([work, work, work], check)


SCENARIOS: tuple[Make, ...] = (
    rivals_complete, subscribe_while_it_completes, unsubscribe_while_it_completes,
    wait_for_handlers, wait_with_a_limit, futures_of_one_operation,
    future_that_is_settled_just_now, await_and_cancelled_await,
    event_raised_while_handlers_come_and_go, takers_while_the_holder_completes,
    slot_from_hand_to_hand,
)
