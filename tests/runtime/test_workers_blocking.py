"""Handlers that block, calls that are held, bursts: who gets a thread, and who a place."""

from __future__ import annotations

from typing import Any, List

from arr import ARRResult, IAsync

from ..support.threads import LIMIT, Held, Recorder, Script, Service, must


def test_eighty_handlers_that_each_block_on_another_operation_all_finish(
        service: Service) -> None:
    """Trap 9: a pool whose cap counts threads stands still."""
    frontend = service.frontend(max_calls=4)
    done = Recorder()

    def handler(first: IAsync[Any]) -> None:
        second = frontend.get_current_rendering_sessions_async()
        done((second.get(LIMIT), second.status))

    for _ in range(80):
        frontend.get_current_rendering_sessions_async().completed += handler
    assert [done.next()[0] for _ in range(80)] == [([], ARRResult.Success)] * 80


def test_blocked_handlers_hold_no_place_on_the_wire(service: Service) -> None:
    """The place is given back before the outcome shows; late drains have none to give."""
    frontend = service.frontend(max_calls=1)
    first = frontend.get_current_rendering_sessions_async()
    held, late = Held(), Held()
    first.completed += held
    must(held.entered)
    assert frontend.get_current_rendering_sessions_async().wait(LIMIT)
    held.release.set()
    assert first.wait(LIMIT)
    first.completed += late
    must(late.entered)
    assert frontend.get_current_rendering_sessions_async().wait(LIMIT)
    late.release.set()


def test_completion_without_a_request_does_not_stand_behind_held_calls(service: Service) -> None:
    """Trap 9: AlreadyExists, InvalidParam and late handlers, with 64 calls held on the wire."""
    frontend = service.frontend()
    session = frontend.open_rendering_session("a")
    finished = frontend.get_current_rendering_sessions_async()
    assert finished.wait(LIMIT)
    service.held = {"GET"}
    held: List[IAsync[Any]] = [
        frontend.get_current_rendering_sessions_async() for _ in range(63)]
    held.append(session.get_rendering_session_properties_async())
    behind = frontend.get_current_rendering_sessions_async()
    for _ in range(65):
        service.expect("GET")
    recorder = Recorder()
    session.get_rendering_session_properties_async().completed += recorder
    assert recorder.next()[0].status == ARRResult.AlreadyExists
    frontend.get_ingestion_status_async(".").completed += recorder
    assert recorder.next()[0].status == ARRResult.InvalidParam
    finished.completed += recorder
    assert recorder.next()[0] is finished
    frontend.dispose()
    frontend.get_current_rendering_sessions_async().completed += recorder
    assert recorder.next()[0].status == ARRResult.AlreadyDeinitialized
    assert not any(operation.is_completed for operation in held + [behind])
    service.release()
    assert all(operation.wait(LIMIT) for operation in held + [behind])


def test_burst_of_ten_thousand_operations_needs_few_threads(service: Service) -> None:
    """Threads are as many as calls on the wire, and a few; not as many as operations."""
    service.held = {"GET"}
    script = Script("""
        front = frontend()
        peak = 0
        for number in range(10_000):
            front.get_current_rendering_sessions_async()
            if number % 100 == 0:
                peak = max(peak, threading.active_count())
        while len(front._core.gate._waiting) < 10_000 - 64:
            peak = max(peak, threading.active_count())
            threading.Event().wait(0.01)
        say(max(peak, threading.active_count()), len(front._core.gate._waiting))
        os._exit(0)
        """, service.url)
    peak, waiting = map(int, script.finish()[0].split())
    assert waiting == 10_000 - 64
    assert 64 < peak <= 64 + 16, peak
