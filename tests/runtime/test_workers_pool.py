"""The worker threads: how many there are, when they come and go, what they survive."""

from __future__ import annotations

import _thread
import queue
import threading
from functools import partial
from typing import Any, List, Set

import pytest

from arr._runtime import workers as _workers
from arr._runtime.workers import Workers

from ..support.threads import (
    LIMIT, Held, Recorder, complete, fast_switching, flush, must, pending, rounds, together, until,
)


@pytest.fixture
def pool() -> Workers:
    """A pool of the test's own; its last thread stays parked to the end, as it promises."""
    return Workers()


def names(recorder: Recorder, count: int) -> Set[str]:
    return {recorder.next()[1] for _ in range(count)}


def test_jobs_run_on_named_daemon_threads_that_are_not_the_caller(pool: Workers) -> None:
    found: queue.SimpleQueue[threading.Thread] = queue.SimpleQueue()
    pool.submit(lambda: found.put(threading.current_thread()))
    thread = found.get(timeout=LIMIT)
    assert thread.name == "arr-worker-1" and thread.daemon
    assert thread is not threading.current_thread()


def test_idle_worker_is_used_again(pool: Workers) -> None:
    recorder = Recorder()
    for _ in range(20):
        pool.submit(lambda: recorder(None))
        recorder.next()
        until(lambda: pool._idle)
    # More than one if the timer thread looked just after a worker was woken and just before it
    # took its job.
    assert len(pool._all) <= 4


def test_blocked_worker_gets_company(pool: Workers) -> None:
    helds = [Held() for _ in range(5)]
    for held in helds:
        pool.submit(held)
    for held in helds:
        must(held.entered)
    recorder = Recorder()
    pool.submit(lambda: recorder(None))
    recorder.next()
    for held in helds:
        held.release.set()


def test_idle_workers_leave_but_one_stays(pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "IDLE_SECONDS", 0.02)
    helds = [Held() for _ in range(6)]
    for held in helds:
        pool.submit(held)
    for held in helds:
        must(held.entered)
    threads = pool._all.copy()
    for held in helds:
        held.release.set()
    until(lambda: len(pool._all) == 1)
    until(lambda: sum(thread.is_alive() for thread in threads) == 1)
    recorder = Recorder()
    pool.submit(lambda: recorder(None))
    recorder.next()


def test_last_parked_worker_stays_while_the_others_are_blocked(
        pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 14: at the end of the process some Pythons start no thread, so one must be at hand."""
    monkeypatch.setattr(_workers, "IDLE_SECONDS", 0.02)
    held, other = Held(), Held()
    pool.submit(held)
    pool.submit(other)
    must(held.entered)
    must(other.entered)
    other.release.set()
    until(lambda: len(pool._idle) == 1)
    (spare,) = pool._idle.copy()
    recorder = Recorder()
    may_leave = pool._may_leave
    asked = threading.Semaphore(0)

    def noting(worker: Any) -> bool:
        answer = may_leave(worker)
        asked.release()
        return answer

    monkeypatch.setattr(pool, "_may_leave", noting)
    for _ in range(5):
        assert asked.acquire(timeout=LIMIT)
    assert spare.is_alive()
    monkeypatch.setattr(_workers.Worker, "start", refuse_to_start)
    pool.submit(lambda: recorder(None))
    assert recorder.next()[1] == spare.name
    held.release.set()


def refuse_to_start(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_job_that_nobody_was_woken_for_is_found_when_idling_ends(
        pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C twice, between the job and the wake, and between the job and the second wake."""
    monkeypatch.setattr(_workers, "IDLE_SECONDS", 0.02)
    helds = [Held(), Held()]
    for held in helds:
        pool.submit(held)
    for held in helds:
        must(held.entered)
        held.release.set()
    recorder = Recorder()
    pool._jobs.append(lambda: recorder(None))  # no wake
    recorder.next()


@pytest.mark.arr_handler_errors_allowed
@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_job_that_raises_costs_no_worker(error: type[BaseException], pool: Workers,
                                         caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> None:
        raise error

    recorder = Recorder()
    pool.submit(fails)
    pool.submit(lambda: recorder(None))
    assert recorder.next()[1].startswith("arr-worker-")
    flush(pool)
    assert all(worker.is_alive() for worker in pool._all)
    assert "fails" in caplog.text


# -- threads that cannot start ---------------------------------------------------------------------


def test_job_whose_thread_cannot_start_runs_when_a_worker_is_free(
        pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held()
    pool.submit(held)
    must(held.entered)
    refused = threading.Event()

    def refuse(thread: threading.Thread) -> None:
        refused.set()
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_workers.Worker, "start", refuse)
    recorder = Recorder()
    for _ in range(3):
        pool.submit(lambda: recorder(None))
    must(refused)
    assert recorder.count == 0
    held.release.set()
    assert names(recorder, 3) == {"arr-worker-1"}
    until(lambda: len(pool._all) == 1)


def test_job_whose_thread_cannot_start_is_tried_again_without_another_submit(
        pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "RETRY_SECONDS", 0.01)
    start = threading.Thread.start
    refusals = [RuntimeError("can't start new thread"), MemoryError()]

    def refuse_twice(thread: threading.Thread) -> None:
        if refusals:
            raise refusals.pop()
        start(thread)

    monkeypatch.setattr(_workers.Worker, "start", refuse_twice)
    recorder = Recorder()
    pool.submit(lambda: recorder(None))
    recorder.next()
    assert not refusals


def test_timer_thread_that_cannot_start_is_tried_again(
        pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_workers, "RETRY_SECONDS", 0.01)
    start = threading.Thread.start
    refusals = [1, 2, 3]

    def refuse_thrice(thread: threading.Thread) -> None:
        if refusals:
            refusals.pop()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse_thrice)
    recorder = Recorder()
    pool.submit(lambda: recorder(None))
    recorder.next()
    assert not refusals


def test_worker_that_parks_while_a_thread_fails_to_start_gets_its_job(
        pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """The timer thread holds the job, the worker sees none and parks, the job comes back."""
    held = Held()
    pool.submit(held)
    must(held.entered)

    def refuse(thread: threading.Thread) -> None:
        held.release.set()
        until(lambda: pool._idle)
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_workers.Worker, "start", refuse)
    recorder = Recorder()
    pool.submit(lambda: recorder(None))
    assert recorder.next()[1] == "arr-worker-1"


def test_no_thread_at_all_leaves_the_job_to_the_next_call(
        pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(function: Any, args: Any) -> int:
        raise RuntimeError("can't start new thread")

    recorder = Recorder()
    with monkeypatch.context() as patched:
        patched.setattr(_thread, "start_new_thread", refuse)
        pool.submit(lambda: recorder("first"))
    pool.submit(lambda: recorder("second"))
    assert {recorder.next()[0], recorder.next()[0]} == {"first", "second"}


# -- submitting from anywhere ----------------------------------------------------------------------


class _Striking(List[Any]):
    """An idle list in which Ctrl-C strikes at the n-th look."""

    def __init__(self, idle: List[Any], at: int) -> None:
        super().__init__(idle)
        self.at = at

    def pop(self, *args: Any) -> Any:
        self.at -= 1
        if self.at == 0:
            raise KeyboardInterrupt
        return super().pop(*args)


def test_ctrl_c_between_the_job_and_the_wake_loses_no_job(pool: Workers) -> None:
    parked = _workers.Worker(pool, 1)
    pool._idle = _Striking([parked], at=1)
    with pytest.raises(KeyboardInterrupt):
        pool.submit(print)
    assert list(pool._jobs) == [print]
    assert parked.wake.is_set(), "it was woken all the same"


def test_job_submitted_as_a_worker_parks_is_seen_by_one_of_the_two(pool: Workers) -> None:
    with fast_switching():
        recorder = Recorder()
        for count in rounds(1.0):
            pool.submit(lambda: recorder(None))
            recorder.next()  # the worker is about to park, or has parked
    assert count > 200
    assert len(pool._all) <= 12


def test_jobs_from_many_threads_all_run_once(pool: Workers) -> None:
    ran: List[int] = []

    def work(index: int) -> None:
        for step in range(200):
            pool.submit(partial(ran.append, index * 1000 + step))

    with fast_switching():
        together(8, work)
        flush(pool)
    assert sorted(ran) == sorted(index * 1000 + step for index in range(8) for step in range(200))


def test_submit_starts_no_thread_on_the_callers_stack(
        pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thread.start takes a lock which the thread that a signal handler interrupted may hold."""
    starters: List[str] = []
    start = threading.Thread.start

    def noting(thread: threading.Thread) -> None:
        starters.append(threading.current_thread().name)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", noting)
    recorder = Recorder()
    pool.submit(lambda: recorder(None))
    recorder.next()
    assert len(starters) == 2 and threading.current_thread().name not in starters


def test_first_submits_from_many_threads_start_one_timer_thread() -> None:
    pools = [Workers() for _ in range(5)]
    with fast_switching():
        for pool in pools:
            recorder = Recorder()
            together(8, lambda _: pool.submit(lambda: recorder(None)))
            names(recorder, 8)
    until(lambda: all(pool._timer_thread is not None for pool in pools))
    timers = [thread for thread in threading.enumerate() if thread.name == "arr-timer"]
    assert len(timers) == len(set(timers))
    assert all(sum(thread is pool._timer_thread for thread in timers) == 1 for pool in pools)


# -- how many --------------------------------------------------------------------------------------


def test_no_worker_starts_while_enough_of_them_move(
        pool: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """They lack the processor, and so would a new one; blocked ones take no job between looks."""
    started: List[int] = []

    def start() -> bool:
        started.append(len(started))
        return True

    monkeypatch.setattr(pool, "_start_worker", start)
    pool._all = [_workers.Worker(pool, number) for number in range(_workers.MOVING)]
    pool._jobs.extend([lambda: None] * 1000)
    for worker in pool._all:
        worker.taken += 1
    assert pool._grow() == _workers.PAUSE_SECONDS, "it looks again soon"
    assert started == []
    pool._all[0].taken += 1
    assert pool._grow() is not None
    assert len(started) == _workers.MOVING - 1
    started.clear()
    assert pool._idle == [] and not started
    for worker in pool._all[:3]:
        worker.wake.set()  # they had parked, and are on the way to a job
    while len(pool._jobs) > 3:
        pool._jobs.pop()
    assert pool._grow() is not None and started == []
    pool._all[0].job = lambda: None  # at work: that wake came late, and brings nobody
    assert pool._grow() is not None and started
    pool._jobs.clear()
    assert pool._grow() is None


def test_deferred_jobs_are_sent_to_few_idle_workers(pool: Workers) -> None:
    """The others would only take the interpreter lock from each other."""
    parked = [_workers.Worker(pool, number) for number in range(6)]
    pool._all += parked
    pool._idle += parked
    pool._jobs.extend([lambda: None] * 100)
    assert pool._grow() == _workers.PAUSE_SECONDS, "it looks again soon"
    assert sum(worker.wake.is_set() for worker in parked) == _workers.WAKING
    for worker in parked[-_workers.WAKING:]:
        worker.taken += 1  # they are at it: nobody else is needed
    assert pool._grow() == _workers.PAUSE_SECONDS
    assert sum(worker.wake.is_set() for worker in parked) == _workers.WAKING
    for worker in parked[-_workers.WAKING:]:
        worker.wake.wait(0)
        worker.job = lambda: None  # and are blocked now
    assert pool._grow() == _workers.PAUSE_SECONDS
    assert sum(worker.wake.is_set() for worker in parked) == _workers.WAKING


def test_deferred_jobs_do_not_wait_for_workers_that_are_blocked(pool: Workers) -> None:
    helds = [Held() for _ in range(20)]
    for held in helds:
        pool.defer(held)
    for held in helds:
        must(held.entered)
    for held in helds:
        held.release.set()


def test_main_thread_never_runs_a_job(pool: Workers) -> None:
    main = threading.main_thread().name
    recorder = Recorder()
    for _ in range(50):
        operation = pending(pool)
        operation.completed += recorder
        pool.submit(lambda operation=operation: complete(operation))  # type: ignore[misc]
        operation.completed += recorder
    assert main not in names(recorder, 100)
