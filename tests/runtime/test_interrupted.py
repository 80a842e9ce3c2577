"""Ctrl-C at every single line of what begins on the main thread: nothing of it stays behind."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import pytest

from arr import ARRResult
from arr._runtime.operation import _completing, _draining, _due, _tasks
from arr.testing import ManualExecutor

from ..support.schedules import strike
from ..support.threads import (
    SUCCESS, Jobs, Recorder, Service, complete, completed, pending, until,
)


def strikes(names: tuple[str, ...], prepare: Any) -> int:
    """Strike at the first line, the second line, and so on, each time in a new scene; return how
    many there are. ``prepare`` returns what is struck, and the check afterwards."""
    number = 0
    while True:
        number += 1
        work, check = prepare()
        hit = strike(work, names, number)
        check()
        if not hit:
            return number - 1


@pytest.mark.parametrize("state", ["pending", "completed"])
def test_in_as_task(state: str) -> None:
    def prepare() -> Any:
        jobs = Jobs()
        operation = pending(jobs)
        recorder = Recorder()
        operation.completed += recorder
        if state == "completed":
            assert operation._complete(SUCCESS)

        def check() -> None:
            if state == "pending":
                complete(operation)
            else:
                operation._drain()
            jobs.run()
            assert recorder.count == 1
            assert not (_tasks or _draining or _due or _completing)
            task = operation.as_task()
            jobs.run()
            assert task.done() and operation.as_task() is task
            gone.append(weakref.ref(operation))

        return operation.as_task, check

    gone: list[Any] = []
    assert strikes(("as_task", "_enqueue", "_see_to_delivery", "__init__"), prepare) > 10
    gc.collect()
    assert not [reference for reference in gone if reference() is not None]


@pytest.mark.parametrize("names", [("__call__", "_try", "enter"), ("leave_place",), ("leave",),
                                   ("_grant", "_forget")], ids=" ".join)
def test_in_the_taking_and_giving_back_of_a_place(service: Service,
                                                  names: tuple[str, ...]) -> None:
    """A ManualExecutor runs calls on the main thread; one place for three of them."""
    def prepare() -> Any:
        executor = ManualExecutor()
        frontend = service.frontend(executor=executor, max_calls=1)
        core: Any = frontend._core
        operations = [frontend.get_current_rendering_sessions_async() for _ in range(3)]

        def check() -> None:
            executor.run_all()
            operations.append(frontend.get_current_rendering_sessions_async())
            until(settled)
            assert operations[-1].status == ARRResult.Success
            assert sum(operation.status != ARRResult.Success for operation in operations) <= 1

        def settled() -> bool:
            executor.run_all()
            return (all(operation.is_completed for operation in operations)
                    and core.gate._free == 1 and not core.gate._waiting
                    and not core.gate._granted and not core.watch.current())

        return executor.run_all, check

    assert strikes(names, prepare) > 3


def test_in_the_late_subscribing() -> None:
    """What has entered the queue is delivered, though nothing else comes after it."""
    def prepare() -> Any:
        jobs = Jobs()
        operation = completed(jobs)
        recorder = Recorder()

        def work() -> None:
            operation.completed += recorder

        def check() -> None:
            jobs.run()
            assert recorder.count <= 1 and not operation._queue
            assert not (_tasks or _draining or _due or _completing)

        return work, check

    assert strikes(("_enqueue", "_see_to_delivery"), prepare) > 5


def test_in_the_wait_and_in_the_subscribing() -> None:
    def prepare() -> Any:
        jobs = Jobs()
        operation = pending(jobs)
        recorder = Recorder()

        def work() -> None:
            operation.completed += recorder
            operation.wait(0)

        def check() -> None:
            complete(operation)
            jobs.run()
            assert recorder.count <= 1 and not operation._queue
            assert not (_tasks or _draining or _due or _completing)

        return work, check

    assert strikes(("wait", "_enqueue", "_subscribe", "__iadd__"), prepare) > 10
