"""Waits: what a thousand of them cost, on which threads they run, what they leave behind."""

from __future__ import annotations

import gc
import queue
import threading
import tracemalloc
import weakref
from concurrent.futures import Executor, Future
from typing import Any, Callable, Iterator, List, TypeVar

import pytest

from arr import ARRRenderingSessionStatus, ARRResult, AzureFrontend, IAsync
from arr._polling import Poller
from arr._runtime.workers import SystemClock, workers
from arr.testing import ManualExecutor

from ..support.stage import Stage
from ..support.threads import LIMIT, Script, Service, must, until

R = TypeVar("R")
COUNT = 1000

STARTING = (b'{"message":null,"sessionElapsedTime":"00:00:00","sessionHostname":null,'
            b'"sessionId":"7c0a4f7e-7b1c-44a8-8d4f-0d6f8f3f9a11","sessionMaxLeaseTime":'
            b'"04:00:00","sessionSize":"small","sessionStatus":"Starting"}')


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


class _Pending(Service):
    """A service whose sessions never leave Starting, and that keeps no record of its calls."""

    def __init__(self) -> None:
        super().__init__()
        no_record: Any = _Forgetful()
        self.arrived = self.answered = no_record


class _Same(bytes):
    """A template without a place to fill."""

    def __mod__(self, number: object) -> bytes:
        return bytes(self)


class _Forgetful:
    def put(self, item: object) -> None:
        pass


def timers() -> int:
    return [thread.name for thread in threading.enumerate()].count("arr-timer")


def test_a_thousand_waits_share_one_timer_thread_and_cost_at_most_2_kb_each(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.support.threads.PROPERTIES", _Same(STARTING))
    with _Pending() as service, service.frontend(max_calls=8, clock=SystemClock()) as frontend:
        session = frontend.open_rendering_session("7c0a4f7e")
        answered = queue.SimpleQueue[None]()
        timers_before = timers()

        def note(polled: IAsync[Any]) -> None:
            answered.put(None)

        def begin() -> Any:
            wait = session.wait_until_ready_async(deadline=3600, interval=3000)
            wait.progress_changed += note
            return wait

        warm: List[Any] = [begin() for _ in range(8)]
        waits: List[Any] = [None] * COUNT
        until(lambda: all(each.latest for each in warm))
        gc.collect()
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            for number in range(COUNT):
                waits[number] = begin()
            until(lambda: all(each.latest for each in waits))
            until(lambda: len(session._core.waits) == COUNT + 8)  # type: ignore[union-attr]
            until(lambda: not frontend._core.watch.current())  # type: ignore[union-attr]
            gc.collect()
            each = (tracemalloc.get_traced_memory()[0] - before) / COUNT
        finally:
            tracemalloc.stop()
        assert timers() <= max(timers_before, 1)  # other tests have had pools of their own
        assert each <= 2000, f"{each:.0f} bytes"
        session.dispose()
        assert all(wait.wait(LIMIT) and wait.status == ARRResult.Cancelled for wait in waits)
        assert all(wait.wait(LIMIT) for wait in warm)


def test_due_polls_are_deferred_because_nobody_waits_for_them(
        stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    deferred: List[Any] = []
    session = stage.session()
    monkeypatch.setattr(workers, "defer", deferred.append)
    wait = session.wait_until_ready_async(interval=5)
    until(lambda: wait.latest)
    assert not deferred, "the user waits for the first one"
    until(lambda: wait_is_timed(session))
    stage.clock.advance(6)
    assert len(deferred) == 1
    session.dispose()
    assert wait.wait(LIMIT)


def wait_is_timed(session: Any) -> bool:
    (poller,) = session._core.waits
    return poller._next is not None


def test_nothing_is_left_of_a_wait_that_has_ended(stage: Stage) -> None:
    def pollers() -> int:
        return sum(type(each) is Poller for each in gc.get_objects())

    session = stage.session()
    stage.clock.advance(30)
    before = pollers()
    wait = session.wait_until_ready_async(deadline=1000)
    assert wait.get(LIMIT).status == ARRRenderingSessionStatus.Ready
    operation = weakref.ref(wait)
    del wait
    gc.disable()
    try:  # no cycle that only the collector would find
        until(lambda: operation() is None and pollers() <= before)
    finally:
        gc.enable()


def test_a_pending_wait_lives_without_anybody_who_holds_it(stage: Stage) -> None:
    ready = threading.Event()
    stage.session().wait_until_ready_async().completed += lambda done: ready.set()
    gc.collect()
    for _ in range(3):
        stage.clock.next_poll()
        gc.collect()
    must(ready)


# -- an executor of the caller's own ---------------------------------------------------------------

def test_with_a_manual_executor_the_whole_wait_runs_on_the_tests_thread(stage: Stage) -> None:
    executor = ManualExecutor()
    with AzureFrontend(stage.account(), executor=executor, clock=stage.clock) as frontend:
        session = frontend.open_rendering_session(stage.session().session_uuid)
        wait = session.wait_until_ready_async(deadline=15)
        threads: List[threading.Thread] = []
        wait.progress_changed += lambda polled: threads.append(threading.current_thread())
        wait.completed += lambda done: threads.append(threading.current_thread())
        executor.run_all()
        stage.clock.next_poll()
        assert executor.run_next(LIMIT)  # the second poll
        assert not wait.is_completed
        stage.clock.advance(15)
        assert wait.status == ARRResult.Timeout
        assert executor.run_next(LIMIT)
        assert threads == [threading.main_thread()] * 3


class _Noting(Executor):
    """Runs jobs on its submitter's thread's worker of its own, and notes who submits."""

    def __init__(self) -> None:
        self.submitters: List[str] = []
        self.manual = ManualExecutor()

    def submit(self, fn: Callable[..., R], /, *args: Any, **kwargs: Any) -> Future[R]:
        self.submitters.append(threading.current_thread().name)
        return self.manual.submit(fn, *args, **kwargs)


def test_the_timer_thread_never_enters_somebodys_executor(stage: Stage) -> None:
    executor = _Noting()
    done = threading.Event()
    with AzureFrontend(stage.account(), executor=executor) as frontend:  # real time
        session = frontend.open_rendering_session(stage.session().session_uuid)
        wait = session.wait_until_ready_async(deadline=0.05, interval=0.01)
        wait.completed += lambda finished: done.set()
        while not done.is_set():
            assert executor.manual.run_next(LIMIT)
    assert wait.status == ARRResult.Timeout
    assert "arr-timer" not in executor.submitters


def test_ctrl_c_in_a_handler_on_the_tests_thread_does_not_strand_the_wait(stage: Stage) -> None:
    executor = ManualExecutor()
    with AzureFrontend(stage.account(), executor=executor, clock=stage.clock) as frontend:
        wait = frontend.open_rendering_session("x").wait_until_ready_async()

        def interrupt(polled: IAsync[Any]) -> None:
            raise KeyboardInterrupt

        wait.progress_changed += interrupt
        with pytest.raises(KeyboardInterrupt):
            executor.run_all()
        assert wait.status == ARRResult.Fail
        assert "KeyboardInterrupt" in wait.context.error_message


# -- races -----------------------------------------------------------------------------------------

def test_a_poll_that_comes_back_after_the_end_is_ignored(stage: Stage) -> None:
    session = stage.session()
    with stage.emulator.hold("GET", "properties") as held:
        wait = session.wait_until_ready_async()
        reported: List[object] = []
        wait.progress_changed += reported.append
        assert held.wait_arrived(LIMIT)
        session.dispose()
        assert wait.wait(LIMIT) and wait.status == ARRResult.Cancelled
    until(lambda: not stage.frontend._core.watch.current())  # type: ignore[union-attr]
    assert not reported and wait.latest is None


def test_an_end_between_the_look_and_the_timer_takes_the_timer_back(stage: Stage) -> None:
    session = stage.session()
    core = session._core
    assert core is not None
    wait = session.wait_until_ready_async()
    poller: Poller[Any] = next(iter(core.waits))
    real = stage.clock.call_at

    def call_at(when: float, action: Any) -> Any:
        session.dispose()  # the rival, in the very moment
        return real(when, action)

    stage.clock.pauses.get(timeout=LIMIT)
    stage.clock.call_at = call_at  # type: ignore[method-assign]
    poller._set_timer(10)
    assert wait.wait(LIMIT) and wait.status == ARRResult.Cancelled
    before = len(stage.requests("GET", "properties"))
    stage.clock.advance(100)
    assert len(stage.requests("GET", "properties")) == before


def test_an_end_before_the_deadline_was_set_takes_its_timer_back(stage: Stage) -> None:
    session = stage.session()
    real = stage.clock.call_at

    def call_at(when: float, action: Any) -> Any:
        session.dispose()  # the rival, in the very moment
        return real(when, action)

    stage.clock.call_at = call_at  # type: ignore[method-assign]
    wait = session.wait_until_ready_async(deadline=50)
    assert wait.wait(LIMIT) and wait.status == ARRResult.Cancelled
    assert not stage.clock.wait_timers(1, timeout=0)


def test_dispose_and_deadline_and_answer_together_give_one_outcome(stage: Stage) -> None:
    """The three ends of a wait at once, 60 times; each time one outcome and one notification."""
    for _ in range(60):
        session = stage.session()
        outcomes: queue.SimpleQueue[ARRResult] = queue.SimpleQueue()
        with stage.emulator.hold("GET", "properties") as held:
            wait = session.wait_until_ready_async(deadline=5)
            wait.completed += lambda done, to=outcomes: to.put(done.status)  # type: ignore[misc]
            assert held.wait_arrived(LIMIT)
            stage.emulator.fail_session(session.session_uuid)
        rival = threading.Thread(target=session.dispose)
        rival.start()
        stage.clock.advance(5)
        rival.join(LIMIT)
        assert wait.wait(LIMIT)
        assert outcomes.get(timeout=LIMIT) == wait.status
        assert wait.status in (ARRResult.Success, ARRResult.Timeout, ARRResult.Cancelled)
        assert outcomes.empty()


# -- the end of the process ------------------------------------------------------------------------

def test_at_exit_pending_waits_complete_as_cancelled() -> None:
    code = """
        f = frontend()
        polled = threading.Event()
        wait = f.open_rendering_session("some-id").wait_until_ready_async()
        wait.progress_changed += lambda op: polled.set()
        wait.completed += lambda done: say(done.status, threading.current_thread().name[:11])
        polled.wait(5)
        say("end")
    """
    assert Script(code).finish() == ["end", "Cancelled arr-worker-"]


def test_a_wait_begun_while_the_process_ends_is_cancelled() -> None:
    code = """
        import atexit
        def late():
            wait = s.wait_until_ready_async()
            say(wait.wait(5), wait.status)
        atexit.register(late)  # runs after the package's own hook, which comes later
        f = frontend()
        s = f.open_rendering_session("some-id")
    """
    assert Script(code).finish() == ["True Cancelled"]


@pytest.mark.skipif(not hasattr(__import__("os"), "fork"), reason="no os.fork here")
def test_a_wait_of_a_forked_child_ends_at_once() -> None:
    code = """
        import warnings
        warnings.simplefilter("ignore", DeprecationWarning)
        f = frontend()
        s = f.open_rendering_session("some-id")
        child = os.fork()
        if child == 0:
            wait = s.wait_until_ready_async()
            say(wait.wait(5), wait.status)
            os._exit(0)
        os.waitpid(child, 0)
    """
    assert Script(code).finish() == ["True AlreadyDeinitialized"]
