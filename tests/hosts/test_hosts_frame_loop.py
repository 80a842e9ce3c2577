"""A host with a plain frame loop: handlers bound to its thread run in its pump, and fit its frame.

Frames have no pace of their own here: a frame is a pump, and a handler takes about a millisecond
of a clock that only handlers move.
"""

from __future__ import annotations

import threading
from typing import Any, Iterator, List

import pytest

from arr import ARRConnectionStatus, Dispatcher, IAsync, RemoteManager

from ..support.stage import Stage
from ..support.threads import LIMIT, until

COUNT = 200  # operations in flight
# Powers of two add up without rounding, in which a late frame would find time for a fifth handler.
FRAME = 1 / 64
BUDGET = 4 / 1024  # seconds of a frame for handlers
COST = 1 / 1024  # of one handler


class FrameClock:
    """The clock of the dispatcher; handlers move it."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def frame_clock(monkeypatch: pytest.MonkeyPatch) -> FrameClock:
    clock = FrameClock()
    monkeypatch.setattr("arr._runtime.dispatcher.time", clock)
    return clock


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage(startup_seconds=0, max_calls=COUNT) as stage:
        yield stage


def test_60_hz_with_200_operations_in_flight(stage: Stage, frame_clock: FrameClock) -> None:
    session_id = stage.session().session_uuid
    dispatcher = Dispatcher()
    threads: List[threading.Thread] = []
    seen: List[IAsync[Any]] = []

    def handler(done: IAsync[Any]) -> None:
        threads.append(threading.current_thread())
        seen.append(done)
        frame_clock.now += COST

    with stage.emulator.hold("GET", "properties", times=COUNT) as held:
        operations = [stage.frontend.get_rendering_session_properties_async(session_id)
                      for _ in range(COUNT)]
        for operation in operations:
            operation.completed += dispatcher.bind(handler)
        assert held.wait_arrived(LIMIT, COUNT)  # all of them are in flight at once
        assert dispatcher.pump(budget=BUDGET) == 0

    pumps: List[float] = []

    def frame() -> bool:
        start = frame_clock.now
        dispatcher.pump(budget=BUDGET)
        pumps.append(frame_clock.now - start)
        frame_clock.now = start + FRAME  # whatever is left of the frame is for the picture
        return len(seen) >= COUNT

    until(frame)
    assert set(threads) == {threading.main_thread()}
    assert len(seen) == COUNT and set(map(id, seen)) == set(map(id, operations))
    assert max(pumps) <= BUDGET
    assert len([pump for pump in pumps if pump]) >= COUNT * COST / BUDGET - 1
    assert dispatcher.pump() == 0


def test_200_handlers_that_are_not_bound_never_run_on_the_main_thread(stage: Stage) -> None:
    session_id = stage.session().session_uuid
    names: List[str] = []
    operations = [stage.frontend.get_rendering_session_properties_async(session_id)
                  for _ in range(COUNT)]
    for operation in operations:
        operation.completed += lambda done: names.append(threading.current_thread().name)
    assert all(operation.wait(LIMIT) for operation in operations)
    assert len(names) == COUNT
    assert all(name.startswith("arr-worker-") for name in names)


def test_a_handler_that_posts_again_does_not_eat_the_frame(stage: Stage) -> None:
    """An endless chain of calls, each begun by the handler of the one before."""
    session = stage.session()
    dispatcher = Dispatcher()
    count = 0

    def again(done: IAsync[Any]) -> None:
        nonlocal count
        count += 1
        if count < 50:
            session.get_rendering_session_properties_async().completed += dispatcher.bind(again)

    session.get_rendering_session_properties_async().completed += dispatcher.bind(again)
    ran: List[int] = []

    def frame() -> bool:
        ran.append(dispatcher.pump())
        return count == 50

    until(frame)
    assert max(ran) == 1


def test_max_items_leaves_the_rest_for_the_next_frame() -> None:
    dispatcher = Dispatcher()
    seen: List[int] = []
    for number in range(5):
        dispatcher.post(seen.append, number)
    assert dispatcher.pump(max_items=2) == 2 and seen == [0, 1]
    assert dispatcher.pump() == 3 and seen == [0, 1, 2, 3, 4]


def test_a_bound_handler_can_be_taken_out_again(stage: Stage) -> None:
    dispatcher = Dispatcher()
    seen: List[object] = []
    with stage.emulator.hold("GET", "sessions") as held:
        operation = stage.frontend.get_current_rendering_sessions_async()
        operation.completed += dispatcher.bind(seen.append)
        operation.completed -= dispatcher.bind(seen.append)
        assert held.wait_arrived(LIMIT)
    assert operation.wait(LIMIT)
    assert dispatcher.pump() == 0 and seen == []


def test_the_frame_tick_of_remote_manager_raises_connection_events_here(stage: Stage) -> None:
    session = stage.session()
    session.get_rendering_session_properties_async().get(LIMIT)
    seen: List[Any] = []

    def changed(*status: object) -> None:
        seen.append((status[0], threading.current_thread()))

    RemoteManager.connection_status_changed += changed
    try:
        RemoteManager.connect(session.hostname, stage.frontend)
        assert seen == []
        RemoteManager.update()
        RemoteManager.disconnect()
        RemoteManager.update()
    finally:
        RemoteManager.connection_status_changed -= changed
    main = threading.main_thread()
    assert seen == [(ARRConnectionStatus.Connecting, main), (ARRConnectionStatus.Connected, main),
                    (ARRConnectionStatus.Disconnected, main)]


def test_waits_report_their_progress_in_the_frame(stage: Stage) -> None:
    dispatcher = Dispatcher()
    seen: List[Any] = []
    wait = stage.session().wait_until_ready_async()
    wait.completed += dispatcher.bind(
        lambda done: seen.append((str(done.result.status), threading.current_thread())))
    until(lambda: dispatcher.pump() and seen)
    assert seen == [("Ready", threading.main_thread())]
