"""Worker threads: one process-wide set of daemon threads, a timer thread, the end of the process.

``submit`` may be called by any thread at any instant, from a signal handler or a finalizer too,
so it takes no lock: it appends to a deque and wakes somebody, both single steps. It starts no
thread either (``Thread.start`` takes a lock of its own): the timer thread does, one at a time, so
that a burst of jobs ends with as many threads as there are jobs that block, and few more.
"""

from __future__ import annotations

import _thread
import atexit
import heapq
import itertools
import os
import queue
import threading
import time
import weakref
from collections import deque
from typing import Callable, Deque, Dict, List, Optional, Protocol, Tuple

from ._event import guarded, logger

Job = Callable[[], object]

IDLE_SECONDS = 10.0
RETRY_SECONDS = 0.1  # until another try, when the system refused a thread
PAUSE_SECONDS = 0.001  # the timer thread's rest: wakes that come meanwhile are one wake


class Runner(Protocol):
    """Where jobs run."""

    def submit(self, job: Job) -> None:
        """Have a job run soon on another thread; never blocks, never raises."""


class Timer:
    """An action that is due at a time; ``cancel`` drops it."""

    __slots__ = ("when", "_action")

    def __init__(self, when: float, action: Job) -> None:
        self.when = when
        self._action: Optional[Job] = action

    def cancel(self) -> None:
        self._action = None

    def fire(self) -> None:
        action, self._action = self._action, None
        if action is not None:
            guarded(action)


class Clock(Protocol):
    """The time, and actions at a time; tests put a clock of their own in its place."""

    def time(self) -> float:
        """Return the seconds since the epoch."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def call_at(self, when: float, action: Job) -> Timer:
        """Run an action at a monotonic time; it must be short and must not block."""


class TimerHeap:
    """Timers in the order in which they are due; not shared between threads."""

    def __init__(self) -> None:
        self._heap: List[Tuple[float, int, Timer]] = []
        self._count = itertools.count()

    def add(self, timer: Timer) -> None:
        heapq.heappush(self._heap, (timer.when, next(self._count), timer))

    def next_due(self) -> Optional[float]:
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Optional[Timer]:
        if self._heap and self._heap[0][0] <= now:
            return heapq.heappop(self._heap)[2]
        return None


class _Worker(threading.Thread):
    def __init__(self, pool: Workers, number: int, job: Job) -> None:
        super().__init__(name=f"arr-worker-{number}", daemon=True)
        self.pool = pool
        self.job: Optional[Job] = job
        self.wakes: queue.SimpleQueue[None] = queue.SimpleQueue()

    def run(self) -> None:
        while self.job is not None or self.pool._next_job(self):
            job = self.job
            if job is not None:
                guarded(job)
            # A thread that is parked must not keep the last job, nor what hangs on it, alive.
            self.job = job = None


class Workers:
    """Daemon threads that run jobs: an idle one if there is one, else a new one."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        """Begin anew, as a forked child must: none of the parent's threads came along."""
        self.closing = False
        self.generation: object = object()
        self._jobs: Deque[Job] = deque()
        self._idle: List[_Worker] = []
        self._all: List[_Worker] = []
        self._numbers = itertools.count(1)
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._new_timers: Deque[Timer] = deque()
        self._keeper: Optional[threading.Thread] = None
        self._keeper_lock = threading.Lock()

    # -- called by anybody -------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Run a job on a worker; never blocks, never raises."""
        # First the job, then the look for somebody idle. A worker does it the other way round in
        # _next_job, so one of the two always sees the other.
        self._jobs.append(job)
        try:
            worker = self._idle.pop()
        except IndexError:
            # Nobody is idle: the timer thread starts a worker, unless a busy one comes first.
            self._wake_keeper()
        else:
            worker.wakes.put(None)

    def call_at(self, when: float, action: Job) -> Timer:
        """Run a short action on the timer thread at a monotonic time."""
        timer = Timer(when, action)
        self._new_timers.append(timer)
        self._wake_keeper()
        return timer

    # -- workers -----------------------------------------------------------------------------

    def _next_job(self, worker: _Worker) -> bool:
        """Fill ``worker.job`` with the next job, parking until there is one; False to leave."""
        while True:
            try:
                worker.job = self._jobs.popleft()
                return True
            except IndexError:
                pass
            self._idle.append(worker)
            # A job may have come between the two lines above, whose submitter saw nobody idle.
            if self._jobs:
                if self._unpark(worker):
                    continue
            if self.closing:
                _at_exit.parked.put(None)
            try:
                worker.wakes.get(timeout=IDLE_SECONDS)
            except queue.Empty:
                # Not among the idle: somebody took us and will wake us, or was killed by Ctrl-C
                # before he could. Looking again is right in both cases.
                if self._unpark(worker) and self._may_leave(worker):
                    return False
            else:
                # Such a wake, when it comes late after all, finds us parked a second time.
                self._unpark(worker)

    def _unpark(self, worker: _Worker) -> bool:
        try:
            self._idle.remove(worker)
        except ValueError:
            return False
        return True

    def _may_leave(self, worker: _Worker) -> bool:
        # The last one stays: some Pythons start no thread any more once the main thread ended.
        # Of two that leave at once, the second sees the list empty and stays.
        self._all.remove(worker)
        if not self._all:
            self._all.append(worker)
            return False
        return True

    # -- the timer thread ----------------------------------------------------------------------

    def _wake_keeper(self) -> None:
        if self._wakes.empty():
            self._wakes.put(None)
        if self._keeper is None:
            try:
                # A bare thread, because Thread.start takes a lock that the thread which we
                # interrupted, as a signal handler, may be holding.
                _thread.start_new_thread(self._start_keeper, ())
            except RuntimeError:
                pass  # no thread to be had: a free worker takes the job, or the next call retries

    def _start_keeper(self) -> None:
        with self._keeper_lock:
            if self._keeper is None:
                keeper = threading.Thread(target=self._keep, name="arr-timer", daemon=True)
                try:
                    keeper.start()
                except RuntimeError:
                    return
                self._keeper = keeper

    def _keep(self) -> None:
        """Start workers and fire timers, for ever; user code never runs here."""
        timers = TimerHeap()
        short_of_threads = False
        while True:
            due = timers.next_due()
            timeout = None if due is None else max(0.0, due - time.monotonic())
            if short_of_threads:
                timeout = RETRY_SECONDS if timeout is None else min(timeout, RETRY_SECONDS)
            try:
                self._wakes.get(timeout=timeout)
            except queue.Empty:
                pass
            while self._new_timers:
                timers.add(self._new_timers.popleft())
            now = time.monotonic()
            timer = timers.pop_due(now)
            while timer is not None:
                timer.fire()
                timer = timers.pop_due(now)
            short_of_threads = not self._grow()
            # Callers that find nobody idle wake us for every job. Resting lets many such wakes
            # become one, and gives the busy workers time to take the job themselves.
            time.sleep(PAUSE_SECONDS)

    def _grow(self) -> bool:
        """Start workers while jobs wait and nobody is idle; False if the system refused one."""
        while self._jobs and not self._idle:
            try:
                job = self._jobs.popleft()
            except IndexError:
                break
            worker = _Worker(self, next(self._numbers), job)
            del job
            self._all.append(worker)
            try:
                worker.start()
            except RuntimeError:
                self._all.remove(worker)
                assert worker.job is not None
                self._jobs.appendleft(worker.job)
                return False
        return True

    # -- for the end of the process -------------------------------------------------------------

    def _busy(self) -> Dict[_Worker, Optional[Job]]:
        idle = self._idle.copy()
        return {worker: worker.job for worker in self._all.copy() if worker not in idle}


workers = Workers()


class SystemClock:
    """The real time."""

    def time(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    def call_at(self, when: float, action: Job) -> Timer:
        return workers.call_at(when, action)


class Gate:
    """The places on the wire: at most so many calls at once, the others wait in order.

    Only workers come here, never a caller: no signal handler and no Ctrl-C can strike while a
    place changes hands, so a plain lock is right, and no place is ever lost.
    """

    __slots__ = ("_lock", "_free", "_waiting", "_granted", "_open")

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._waiting: Deque[Job] = deque()
        self._granted: Dict[Job, None] = {}  # on their way back, with a place kept for them
        self._open = False

    def enter(self, job: Job) -> bool:
        """Take a place; False when there is none: ``leave`` will hand the job out later."""
        with self._lock:
            if self._granted.pop(job, job) is None:
                return True
            if self._free > 0 or self._open:
                self._free -= 1
                return True
            self._waiting.append(job)
            return False

    def leave(self) -> Optional[Job]:
        """Give a place back; return the job that has it now and must run, if one waited."""
        with self._lock:
            if not self._waiting:
                self._free += 1
                return None
            job = self._waiting.popleft()
            self._granted[job] = None
            return job

    def withdraw(self, job: Job) -> bool:
        """Forget a job that will not come; True if it had a place, which is now the caller's."""
        with self._lock:
            return self._granted.pop(job, job) is None

    def open_wide(self) -> List[Job]:
        """Let everybody pass from now on, and return those that waited: the process ends."""
        with self._lock:
            self._open = True
            waiting = list(self._waiting)
            self._waiting.clear()
            return waiting


class Closer(Protocol):
    """Somebody who has calls to give up when the process ends."""

    exit_seconds: float

    def close_at_exit(self) -> None:
        """Give up what may be given up; must not block."""


class _AtExit:
    """The exit hook: give calls up, then wait a moment for what must not be lost.

    It waits for workers, not for threads: for each worker that was busy with something else than
    a handler when the end began, and for every job that came after that.
    """

    def __init__(self) -> None:
        self.parked: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._closers: List[weakref.ref[Closer]] = []
        self._registered = False

    def register(self, closer: Closer) -> None:
        if not self._registered:
            self._registered = True
            atexit.register(self.run)
        for reference in self._closers.copy():
            if reference() is None:
                try:
                    self._closers.remove(reference)
                except ValueError:
                    pass
        self._closers.append(weakref.ref(closer))

    def forget(self) -> None:
        self._closers = []

    def run(self) -> None:
        workers.closing = True
        running_handlers = {worker: job for worker, job in workers._busy().items()
                            if job is not None and getattr(job, "delivering", True)}
        seconds = 0.0
        for reference in self._closers.copy():
            closer = reference()
            if closer is not None:
                seconds = max(seconds, closer.exit_seconds)
                closer.close_at_exit()
        end = time.monotonic() + seconds
        while self._must_wait(running_handlers):
            remaining = end - time.monotonic()
            if remaining <= 0:
                logger.debug("arr: calls or handlers still ran when the process ended")
                return
            try:
                self.parked.get(timeout=remaining)
            except queue.Empty:
                pass

    def _must_wait(self, running_handlers: Dict[_Worker, Job]) -> bool:
        if workers._jobs:
            return True
        return any(running_handlers.get(worker) is not job or job is None
                   for worker, job in workers._busy().items()
                   if not getattr(job, "abandoned", False))


_at_exit = _AtExit()


def at_exit(closer: Closer) -> None:
    """Call ``closer.close_at_exit()`` when the process ends, unless it is gone by then."""
    _at_exit.register(closer)


def _after_fork_in_child() -> None:
    workers._reset()
    _at_exit.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
