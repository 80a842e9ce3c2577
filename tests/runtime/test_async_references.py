"""What the library keeps alive, and what it lets go."""

from __future__ import annotations

import gc
import tracemalloc
import weakref
from typing import Any, List

from arr import IAsync
from arr._runtime.workers import Workers, workers

from ..support.threads import (
    LIMIT, Jobs, Recorder, Service, complete, completed, flush, pending, until,
)


class Thing:
    """Something that a weak reference can watch."""

    def __call__(self, *args: object) -> None:
        pass


def test_dropped_operation_lives_until_its_handlers_have_run(service: Service) -> None:
    service.held = {"GET"}
    recorder = Recorder()
    frontend = service.frontend()
    frontend.get_current_rendering_sessions_async().completed += recorder
    frontend.dispose()
    del frontend
    service.expect("GET")
    gc.collect()
    service.release()
    done, _ = recorder.next()
    assert done.result == []


def test_handlers_are_let_go_when_they_have_run() -> None:
    operation = pending()
    thing = Thing()
    gone = weakref.ref(thing)
    operation.completed += thing
    del thing
    gc.collect()
    assert gone() is not None, "handlers are held strongly while the operation is pending"
    complete(operation)
    assert gone() is None
    assert operation.is_completed


def test_removed_handler_is_let_go() -> None:
    operation = pending()
    thing = Thing()
    operation.completed += thing
    operation.completed -= thing
    gone = weakref.ref(thing)
    del thing
    assert gone() is None


def test_parked_worker_keeps_neither_the_last_job_nor_its_operation() -> None:
    """Trap 13: a thread keeps its start arguments, and a loop variable the last job."""
    pool = Workers()
    gone: List[Any] = []

    def submit() -> None:
        operation = pending()
        thing = Thing()
        gone.append(weakref.ref(operation))
        gone.append(weakref.ref(thing))
        operation.completed += thing
        pool.submit(lambda: complete(operation))

    for _ in range(3):  # the first starts the worker, the others find it
        submit()
        flush(pool)
    gc.collect()
    until(lambda: [watch() for watch in gone] == [None] * 6)


def test_nothing_of_a_finished_call_is_left(service: Service) -> None:
    frontend = service.frontend()
    session = frontend.open_rendering_session("a")
    gone: List[Any] = []

    def call() -> None:
        thing = Thing()
        operations: List[IAsync[Any]] = [
            frontend.get_current_rendering_sessions_async(),
            session.get_rendering_session_properties_async(),
            session.get_rendering_session_properties_async(),  # AlreadyExists
            session.stop_rendering_session_async(thing)]
        for operation in operations:
            operation.completed += thing
            gone.append(weakref.ref(operation))
            assert operation.wait(LIMIT)
        gone.append(weakref.ref(thing))

    for _ in range(3):
        call()
    flush()
    gc.collect()
    until(lambda: not [watch for watch in gone if watch() is not None])


def test_disposed_frontend_goes_with_its_core_sessions_and_connections(service: Service) -> None:
    def make() -> List[Any]:
        with service.frontend() as frontend:
            core = frontend._core
            assert core is not None
            with frontend.open_rendering_session("a") as session:
                assert session.get_rendering_session_properties_async().wait(LIMIT)
            watches = [weakref.ref(frontend), weakref.ref(core), weakref.ref(session),
                       weakref.ref(core.transport)]
        return watches

    watches = make()
    flush()
    gc.collect()
    until(lambda: [watch() for watch in watches] == [None] * 4)


def test_session_keeps_its_frontend_alive_and_lets_it_go_when_disposed(service: Service) -> None:
    frontend = service.frontend()
    session = frontend.open_rendering_session("a")
    gone = weakref.ref(frontend)
    del frontend
    gc.collect()
    assert session.frontend is gone()
    session.dispose()
    gc.collect()
    assert gone() is None


def test_pending_operation_with_a_handler_takes_at_most_300_bytes() -> None:
    jobs = Jobs()

    def handler(done: IAsync[Any]) -> None:
        pass

    operations: List[Any] = [None] * 10_000
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for index in range(len(operations)):
            operations[index] = operation = pending(jobs)
            operation.completed += handler
        taken = (tracemalloc.get_traced_memory()[0] - before) / len(operations)
    finally:
        tracemalloc.stop()
    assert taken <= 300


def test_completed_operations_leave_no_memory() -> None:
    def burst(count: int) -> None:
        for _ in range(count):
            operation = pending()
            operation.completed += print
            operation.completed -= print
            task = operation.as_task()
            complete(operation)
            task.result(0)
            completed(workers).wait(0)

    burst(200)
    gc.collect()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        burst(2000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 20_000
