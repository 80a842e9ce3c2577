"""The redundancy rule, and what is true when a handler runs: status, cache, slot."""

from __future__ import annotations

import gc
import weakref
from typing import Any, Callable, Dict, List

import pytest

from arr import ARRResult, AzureSession, IAsync, UpdateRenderingSessionParams
from arr._runtime.slots import Slot

from ..support.threads import (
    FAILURE, LIMIT, SUCCESS, Held, Jobs, Recorder, ScriptedLink, Service, complete,
    fast_switching, must, pending, rounds, together,
)

CALLS: Dict[str, Callable[[AzureSession], IAsync[Any]]] = {
    "GET": lambda session: session.get_rendering_session_properties_async(),
    "PATCH": lambda session: session.update_rendering_session_async(
        UpdateRenderingSessionParams(1)),
    "DELETE": lambda session: session.stop_rendering_session_async(),
}


# -- the slot itself -------------------------------------------------------------------------------


def test_slot_is_taken_while_the_operation_is_pending_and_free_once_it_is_completed() -> None:
    slot, first, second = Slot(), pending(), pending()
    assert slot.take(first)
    assert not slot.take(second)
    assert first._complete(FAILURE)
    assert slot.take(second)


def test_slot_is_free_before_the_handlers_run() -> None:
    slot, operation = Slot(), pending()
    assert slot.take(operation)
    taken: List[bool] = []
    operation.completed += lambda done: taken.append(slot.take(pending_forever))
    pending_forever = pending()
    complete(operation)
    assert taken == [True]


def test_operation_that_was_lost_on_the_way_to_its_caller_frees_the_slot() -> None:
    """Trap 11: Ctrl-C between taking the slot and submitting the job."""
    slot, lost = Slot(), pending()
    assert slot.take(lost)
    gone = weakref.ref(lost)
    del lost
    assert gone() is None
    assert slot.take(pending())


def test_slot_keeps_no_operation_alive() -> None:
    slot = Slot()
    operation = pending()
    assert slot.take(operation)
    complete(operation)
    gone = weakref.ref(operation)
    del operation
    gc.collect()
    assert gone() is None


def test_claims_of_dead_operations_do_not_pile_up() -> None:
    slot = Slot()
    for _ in range(100):
        operation = pending()
        assert slot.take(operation)
        assert not slot.take(pending())
        complete(operation)
    assert len(chain(slot)) == 1


def chain(slot: Slot) -> List[Any]:
    """Return what the slot remembers: the last holder, and those after it."""
    found: List[Any] = [slot._last]
    while "next" in found[-1].next:
        found.append(found[-1].next["next"])
    return found


def test_a_taker_that_comes_when_the_slot_is_free_is_not_refused_by_one_that_is_late() -> None:
    """A and B find the slot free; B writes first, so A is refused by B, which is pending."""
    slot, a, b = Slot(), pending(), pending()
    granted: List[bool] = []
    slot._last.next = ScriptedLink([lambda: granted.append(slot.take(b))], [])
    assert not slot.take(a)
    assert granted == [True]


def test_a_taker_that_was_overtaken_gets_the_slot_when_it_is_free_again() -> None:
    """B came between A's look and A's claim, and has completed: A must not be refused by it."""
    slot, a, b = Slot(), pending(), pending()

    def strike() -> None:
        assert slot.take(b)
        assert b._complete(SUCCESS)

    slot._last.next = ScriptedLink([strike], [])
    assert slot.take(a)
    assert len(chain(slot)) == 1


def test_a_late_write_of_the_last_holder_does_no_harm() -> None:
    """A thread that got the slot long ago says only now that it was the last."""
    slot, first, second = Slot(), pending(), pending()
    old = slot._last
    assert slot.take(first)
    slot._last = old
    assert not slot.take(second), "found by walking on from there"
    assert first._complete(SUCCESS)
    slot._last = old
    assert slot.take(second)
    assert len(chain(slot)) == 1


def test_call_from_a_signal_handler_in_the_middle_of_taking_is_refused() -> None:
    """The interrupted call came first, although it does not know yet."""
    slot, interrupted, struck = Slot(), pending(), pending()
    refused: List[bool] = []
    slot._last.next = ScriptedLink([], [lambda: refused.append(slot.take(struck))])
    assert slot.take(interrupted)
    assert refused == [False]


def test_of_many_takers_exactly_one_gets_the_slot() -> None:
    with fast_switching():
        for _ in rounds(0.3):
            slot = Slot()
            operations = [pending() for _ in range(5)]
            got: List[int] = []

            def take(index: int) -> None:
                if slot.take(operations[index]):
                    got.append(index)

            together(5, take)
            assert len(got) == 1


def test_slot_changes_hands_under_load_and_is_never_shared_nor_stuck() -> None:
    with fast_switching():
        slot = Slot()
        inside: List[Any] = []
        takes: List[int] = []

        def work(index: int) -> None:
            for _ in rounds(0.3):
                operation = pending()
                if slot.take(operation):
                    inside.append(operation)
                    assert len(inside) == 1
                    inside.remove(operation)
                    takes.append(index)
                    operation._complete(SUCCESS)

        together(4, work)
        assert slot.take(pending())
        assert len(takes) > 100


# -- the calls of a session ------------------------------------------------------------------------


@pytest.mark.parametrize("method", CALLS)
def test_second_call_of_a_kind_is_already_exists_on_a_worker_without_a_request(
        method: str, service: Service) -> None:
    call = CALLS[method]
    service.held = {method}
    session = service.frontend().open_rendering_session("a")
    first = call(session)
    service.expect(method)
    recorder = Recorder()
    second = call(session)
    second.completed += recorder
    done, thread = recorder.next()
    assert done is second and done.status == ARRResult.AlreadyExists
    assert thread.startswith("arr-worker-")
    service.release()
    assert first.wait(LIMIT) and first.is_ran_to_completion
    assert service.arrived.empty()


@pytest.mark.parametrize("method", CALLS)
def test_same_call_succeeds_in_the_handler_and_after_wait(method: str, service: Service) -> None:
    call = CALLS[method]
    session = service.frontend().open_rendering_session("a")
    recorder = Recorder()
    for _ in range(20):
        first = call(session)
        first.completed += lambda done: recorder(call(session))
        again = recorder.next()[0]
        assert again.wait(LIMIT) and again.status == ARRResult.Success
        last = call(session)
        assert last.wait(LIMIT) and last.status == ARRResult.Success


def test_calls_of_different_kinds_and_of_other_session_objects_do_not_hinder_each_other(
        service: Service) -> None:
    service.held = set(CALLS)
    frontend = service.frontend()
    operations = [call(frontend.open_rendering_session("a")) for call in CALLS.values()]
    session = frontend.open_rendering_session("a")
    operations += [call(session) for call in CALLS.values()]
    for _ in operations:
        service.arrived.get(timeout=LIMIT)
    service.release()
    for operation in operations:
        assert operation.wait(LIMIT) and operation.status == ARRResult.Success


def test_failed_call_frees_the_slot(service: Service) -> None:
    session = service.frontend().open_rendering_session("a")
    params = UpdateRenderingSessionParams(0)
    for _ in range(3):
        refused = session.update_rendering_session_async(params)
        assert refused.wait(LIMIT) and refused.status == ARRResult.InvalidParam


# -- the cache -------------------------------------------------------------------------------------


def test_cache_is_fresh_when_the_handler_runs_and_before_the_status_shows(
        service: Service) -> None:
    session = service.frontend().open_rendering_session("a")
    seen: List[Any] = []
    for number in range(1, 6):
        operation = session.get_rendering_session_properties_async()
        operation.completed += lambda done: seen.append((done.result.hostname, session.hostname))
        assert operation.wait(LIMIT)
        assert seen[-1] == (f"host.{number}",) * 2


def test_cache_is_written_before_the_outcome_is_published() -> None:
    operation = pending()
    seen: List[bool] = []
    assert operation._complete(SUCCESS, None, lambda: seen.append(operation.is_completed))
    assert seen == [False]


def test_reply_of_a_call_that_was_given_up_does_not_enter_the_cache(service: Service) -> None:
    service.held = {"GET"}
    session = service.frontend().open_rendering_session("a")
    operation = session.get_rendering_session_properties_async()
    service.expect("GET")
    assert operation._complete(FAILURE), "given up over the worker's head"
    service.release()
    service.answered.get(timeout=LIMIT)
    again = session.get_rendering_session_properties_async()
    assert again.wait(LIMIT) and again.result.hostname == "host.2"
    assert session.hostname == "host.2"
    assert operation.status == ARRResult.Fail


def test_older_reply_never_overwrites_a_newer_one(service: Service) -> None:
    """A reply enters the cache only if its request was sent after the cached one's."""
    from arr import RRRenderingSessionProperties as Properties

    session = service.frontend().open_rendering_session("a")
    session._remember(7, Properties(hostname="newer"))
    session._remember(5, Properties(hostname="older"))
    assert session.hostname == "newer"
    session._remember(9, Properties(hostname="newest"))
    assert session.hostname == "newest"
    assert list(session._replies) == [9]


def test_cache_is_whole_while_many_write_and_read_it(service: Service) -> None:
    from arr import RRRenderingSessionProperties as Properties

    with fast_switching():
        session = service.frontend().open_rendering_session("a")

        def work(index: int) -> None:
            last = -1
            for number in rounds(0.2):
                if index < 2:
                    sent = number * 2 + index + 1
                    session._remember(sent, Properties(hostname=str(sent)))
                else:
                    now = int(session.hostname or 0)
                    assert now >= last, "the cache went back in time"
                    last = now

        together(4, work)
        assert len(session._replies) == 1


# -- disposal --------------------------------------------------------------------------------------


def test_dispose_during_flight_lets_the_call_complete_and_fire(service: Service) -> None:
    service.held = {"GET", "DELETE"}
    frontend = service.frontend(max_calls=1)
    session = frontend.open_rendering_session("a")
    recorder = Recorder()
    session.get_rendering_session_properties_async().completed += recorder
    session.stop_rendering_session_async().completed += recorder  # waits for the place
    frontend.get_current_rendering_sessions_async().completed += recorder
    service.expect("GET")
    for _ in range(2):
        session.dispose()
        frontend.dispose()
    for call in CALLS.values():
        assert call(session).status == ARRResult.AlreadyDeinitialized
    late = frontend.get_current_rendering_sessions_async()
    late.completed += recorder
    assert recorder.next()[0] is late and late.status == ARRResult.AlreadyDeinitialized
    service.release()
    for _ in range(3):
        assert recorder.next()[0].status == ARRResult.Success
    assert session.hostname == "host.1"


def test_session_of_a_disposed_frontend_works_on(service: Service) -> None:
    with service.frontend() as frontend:
        session = frontend.open_rendering_session("a")
    operation = session.get_rendering_session_properties_async()
    assert operation.wait(LIMIT) and operation.status == ARRResult.Success


def test_dispose_from_a_handler_and_from_many_threads_is_harmless(service: Service) -> None:
    with fast_switching():
        for _ in range(20):
            frontend = service.frontend()
            session = frontend.open_rendering_session("a")
            operation = session.get_rendering_session_properties_async()
            operation.completed += lambda done: session.dispose()

            def dispose(index: int) -> None:
                session.dispose()
                frontend.dispose()

            together(3, dispose)
            assert operation.wait(LIMIT) and operation.status == ARRResult.Success


def test_disposed_objects_still_deliver_on_a_worker() -> None:
    jobs = Jobs()
    operation = pending(jobs)
    held = Held()
    operation.completed += held
    held.release.set()
    complete(operation)
    must(held.entered)
