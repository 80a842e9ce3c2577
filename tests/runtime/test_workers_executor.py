"""An executor of the caller's in place of the worker threads."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, Callable, List, Optional

import pytest

from arr import ARRResult, AzureFrontend, AzureSession
from arr._runtime.operation import _draining
from arr._runtime.workers import SystemClock, Timer
from arr.testing import ManualExecutor

from ..support.fault_server import FaultServer, kept, reply, script
from ..support.rig import static_account
from ..support.threads import (
    FAILURE, LIMIT, Held, Recorder, Service, flush, must, together, until,
)


class Refusing(Executor):
    """Refuses jobs from some job on, as an executor does that was shut down."""

    def __init__(self, after: int = 0, error: BaseException = RuntimeError("shut down")) -> None:
        self.left = after
        self.error = error

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        if self.left == 0:
            raise self.error
        self.left -= 1
        future: Future[Any] = Future()
        threading.Thread(target=lambda: future.set_result(fn(*args, **kwargs)),
                         name="executor-thread", daemon=True).start()
        return future


class Failing(Executor):
    """Loses its jobs: their futures fail, as with a worker process that died."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(OSError("the worker died"))
        return future


class Cancelling(ThreadPoolExecutor):
    """One thread, which is blocked, so that everything after it can be cancelled."""

    def __init__(self) -> None:
        super().__init__(1)
        self.held = Held()
        super().submit(self.held)
        must(self.held.entered)

    def close(self) -> None:
        self.shutdown(wait=False, cancel_futures=True)
        self.held.release.set()


def test_calls_and_handlers_run_on_the_executors_threads(service: Service) -> None:
    with ThreadPoolExecutor(2, "mine") as executor:
        frontend = service.frontend(executor=executor)
        recorder = Recorder()
        operation = frontend.get_current_rendering_sessions_async()
        operation.completed += recorder
        assert recorder.next()[1].startswith("mine")
        operation.completed += recorder  # late
        assert recorder.next()[1].startswith("mine")
        assert operation.result == []


def test_manual_executor_runs_everything_on_the_tests_thread(service: Service) -> None:
    executor = ManualExecutor()
    frontend = service.frontend(executor=executor)
    recorder = Recorder()
    operation = frontend.get_current_rendering_sessions_async()
    operation.completed += recorder
    assert not operation.is_completed and executor.pending == 1
    assert executor.run_next()
    assert recorder.next() == (operation, threading.current_thread().name)
    session = frontend.open_rendering_session("a")
    session.get_rendering_session_properties_async()
    refused = session.get_rendering_session_properties_async(recorder)
    assert refused.status == ARRResult.AlreadyExists and recorder.count == 0
    assert executor.run_all() == 2
    assert recorder.next()[1] == threading.current_thread().name
    assert session.hostname


@pytest.mark.parametrize("error", [RuntimeError("shut down"), ValueError("no")])
def test_refused_call_completes_once_as_cancelled_on_a_worker(
        error: BaseException, service: Service, caplog: pytest.LogCaptureFixture) -> None:
    frontend = service.frontend(executor=Refusing(error=error))
    recorder = Recorder()
    with caplog.at_level(logging.DEBUG, "arr"):
        operation = frontend.get_current_rendering_sessions_async()
    assert f"the executor refused a job: {type(error).__name__}" in caplog.text
    operation.completed += recorder
    done, thread = recorder.next()
    assert done.status == ARRResult.Cancelled and thread.startswith("arr-worker-")
    assert operation.wait(LIMIT) and recorder.count == 0
    assert "Cancelled" in operation.context.error_message
    assert service.arrived.empty()


def test_call_whose_future_fails_completes_as_cancelled_on_a_worker(service: Service) -> None:
    frontend = service.frontend(executor=Failing())
    recorder = Recorder()
    frontend.get_current_rendering_sessions_async(
        lambda *arguments: recorder(arguments)).completed += recorder
    arguments, thread = recorder.next()
    assert arguments[0].result == ARRResult.Cancelled and arguments[1:] == ([], 0)
    assert thread.startswith("arr-worker-")
    done, thread = recorder.next()
    assert done.status == ARRResult.Cancelled and thread.startswith("arr-worker-")


def test_cancelled_calls_complete_as_cancelled_never_on_the_main_thread(
        service: Service) -> None:
    """Trap 16: shutdown(cancel_futures=True) drops jobs, and its callbacks run on our caller."""
    executor = Cancelling()
    frontend = service.frontend(executor=executor)
    session = frontend.open_rendering_session("a")
    recorder = Recorder()
    for _ in range(20):
        frontend.get_current_rendering_sessions_async().completed += recorder
    session.stop_rendering_session_async().completed += recorder
    executor.close()
    for _ in range(21):
        done, thread = recorder.next()
        assert done.status == ARRResult.Cancelled
        assert thread.startswith("arr-worker-")
    assert service.arrived.empty()
    assert session.stop_rendering_session_async().wait(LIMIT), "the slot is free again"


def test_late_handler_that_the_executor_refuses_runs_on_a_worker(service: Service) -> None:
    frontend = service.frontend(executor=Refusing(after=1))
    operation = frontend.get_current_rendering_sessions_async()
    assert operation.wait(LIMIT) and operation.result == []
    until(lambda: operation not in _draining)  # else the drain that runs would serve it
    recorder = Recorder()
    operation.completed += recorder
    assert recorder.next()[1].startswith("arr-worker-")


def test_place_of_a_call_that_the_executor_refuses_goes_to_the_next(service: Service) -> None:
    """Three calls, one place, an executor that refuses the second when its place is free."""
    service.held = {"GET"}
    executor = Refusing(after=3)
    frontend = service.frontend(executor=executor, max_calls=1)
    first = frontend.get_current_rendering_sessions_async()
    service.expect("GET")
    second = frontend.get_current_rendering_sessions_async()
    third = frontend.get_current_rendering_sessions_async()
    core = frontend._core
    assert core is not None
    until(lambda: len(core.gate._waiting) == 2)
    service.release()
    for operation in (first, second, third):
        assert operation.wait(LIMIT)
    assert first.status == ARRResult.Success
    assert (second.status, third.status) == (ARRResult.Cancelled, ARRResult.Cancelled)
    executor.left = 100
    assert frontend.get_current_rendering_sessions_async().wait(LIMIT), "no place was lost"


def test_interrupted_manual_executor_cancels_the_call_and_loses_no_place(
        service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while the test's own thread runs the call."""
    executor = ManualExecutor()
    frontend = service.frontend(executor=executor, max_calls=1)
    core = frontend._core
    assert core is not None
    recorder = Recorder()
    operation = frontend.get_current_rendering_sessions_async()
    operation.completed += recorder

    def interrupt(*args: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(core.transport, "send", interrupt)
        with pytest.raises(KeyboardInterrupt):
            executor.run_next()
    assert recorder.next()[0].status == ARRResult.Cancelled
    again = frontend.get_current_rendering_sessions_async()
    executor.run_all()
    assert again.status == ARRResult.Success


def test_job_whose_operation_was_completed_over_its_head_delivers_nothing(
        service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end of the process nobody waits for that job; what it delivered might be cut off."""
    executor = ManualExecutor()
    frontend = service.frontend(executor=executor)
    core = frontend._core
    assert core is not None
    recorder = Recorder()
    operation = frontend.get_current_rendering_sessions_async()
    operation.completed += recorder
    send = core.transport.send

    def meanwhile(*args: Any) -> Any:
        assert operation._complete(FAILURE)
        return send(*args)

    monkeypatch.setattr(core.transport, "send", meanwhile)
    assert executor.run_next()
    assert recorder.count == 0
    operation._drain()  # as the thread that completed it does
    assert recorder.next()[0].status == ARRResult.Fail


def test_interrupted_handler_on_the_main_thread_costs_no_other_handler(service: Service) -> None:
    executor = ManualExecutor()
    frontend = service.frontend(executor=executor)
    recorder = Recorder()

    def interrupted(done: Any) -> None:
        raise KeyboardInterrupt

    operation = frontend.get_current_rendering_sessions_async()
    operation.completed += interrupted
    operation.completed += recorder
    with pytest.raises(KeyboardInterrupt):
        executor.run_next()
    assert recorder.next()[0] is operation
    flush()  # the drain on a worker, which served the second handler, is over
    operation.completed += interrupted  # late ones too
    operation.completed += recorder
    with pytest.raises(KeyboardInterrupt):
        executor.run_next()
    assert recorder.next()[0] is operation


def test_executor_with_one_thread_serves_calls_from_many(service: Service) -> None:
    with ThreadPoolExecutor(1) as executor:
        frontend = service.frontend(executor=executor, max_calls=2)
        done: List[Any] = []

        def work(index: int) -> None:
            session: Optional[AzureSession] = frontend.open_rendering_session(str(index))
            for _ in range(5):
                assert session is not None
                operation = session.get_rendering_session_properties_async()
                operation.completed += done.append
                assert operation.wait(LIMIT)
                assert operation.status == ARRResult.Success

        together(6, work)
    assert len(done) == 30


class _Inline(Executor):
    """Runs a job within submit."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        future: Future[Any] = Future()
        future.set_result(fn(*args, **kwargs))
        return future


class _Hasty(SystemClock):
    """The next try is due at once: the earliest moment at which it may begin."""

    def call_at(self, when: float, action: Any) -> Timer:
        timer = Timer(when, action)
        if not getattr(action, "housekeeping", False):  # the deadline
            timer()
        return timer


def test_the_next_try_may_begin_before_the_last_one_has_returned() -> None:
    """It must find a place, and not be taken for a second run of the same try."""
    answer = script(kept(reply(None, 503)), kept(reply(None, 503)), kept(reply({"sessions": []})))
    with FaultServer(answer) as server:
        frontend = AzureFrontend(static_account(server.url), executor=_Inline(), max_calls=1,
                                 clock=_Hasty())
        operation = frontend.get_current_rendering_sessions_async()
        assert operation.wait(LIMIT) and operation.result == []
        core: Any = frontend._core
        assert len(server.requests) == 3 and core.gate._free == 1
