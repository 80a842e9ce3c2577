"""Worker threads: one process-wide set of daemon threads, and a timer thread.

What callers may rely on:

* ``submit``, ``defer`` and ``call_at`` neither block nor raise, on any thread and at any instant,
  in a signal handler or a finalizer too. They take no lock and start no thread, because
  ``Thread.start`` takes one. The timer thread starts workers, one at a time, so a burst of jobs
  ends with as many threads as there are jobs that block, and few more.
* Each job runs once, on a worker, in a context of its own (``contextvars``). While the system
  refuses threads it waits for the next worker that is free.
* Code of the user runs on workers only. The timer thread owns nothing of the user's, so not even
  a destructor runs there, unless the garbage collector happens to start on it.
* Idle workers leave, but one always stays parked.

There are few locks, and none on the way of a caller: what threads share changes in single steps of
the interpreter, which neither another thread nor a signal handler can split. Taken for one step,
in this file and in all of the client: of a list ``append``, ``pop``, ``remove``, ``copy`` and
``x in list``; of a deque ``append`` and ``popleft``; of a dict with plain keys get, set, ``del``,
``pop`` and ``setdefault``; reading and setting an attribute; acquiring and releasing a lock. No
``__eq__`` or ``__hash__`` of Python may take part in them. Builds without the GIL promise less
(neither ``list.remove`` nor ``list.pop(0)`` nor ``x in list``), and are refused.
"""

from __future__ import annotations

import _thread
import heapq
import itertools
import os
import threading
import time
from collections import deque
from typing import Callable, Protocol

from .events import discard, guarded

Job = Callable[[], object]

IDLE_SECONDS = 10.0
RETRY_SECONDS = 0.1  # until another try, when the system refused a thread
PAUSE_SECONDS = 0.001  # the timer thread's rest: wakes that come meanwhile are one wake
MOVING = 8  # workers that took a job since the last look; while there are so many, no more start
WAKING = 2  # the same for idle ones: fewer threads that share the interpreter cost less


class Runner(Protocol):
    """Where jobs run."""

    def submit(self, job: Job) -> None:
        """Have a job run soon on another thread; never blocks, never raises."""


class Timer:
    """An action that is due at a time, and the job that runs it; ``cancel`` drops the action.

    The thread that runs the job takes the action out of the timer. So a thread that only hands
    timers over never owns an action, nor anything that hangs on it.
    """

    __slots__ = ("when", "harmless", "cancelled", "_action")

    delivering = False  # for the exit hook: it runs no handler, so the end waits for it

    def __init__(self, when: float, action: Job) -> None:
        self.when = when
        self.harmless: bool = getattr(action, "harmless", False)
        self.cancelled = False
        self._action: Job | None = action

    @property
    def awaited(self) -> bool:
        """True while a test may wait for it: not fired, not cancelled, no call's own deadline."""
        return not getattr(self._action, "housekeeping", self._action is None)

    def cancel(self) -> None:
        self.cancelled = True
        self._action = None

    def __call__(self) -> None:
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
        """Run an action at a monotonic time, on a thread that may run code of the user.

        The real clock hands it to a worker; FakeClock runs it in ``advance``. So an action may
        submit to the caller's executor, and may drop the last reference to an object of the user.
        """


class TimerHeap:
    """Timers in the order in which they are due; not shared between threads."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._count = itertools.count()

    def add(self, timer: Timer) -> None:
        heapq.heappush(self._heap, (timer.when, next(self._count), timer))

    def awaited(self) -> int:
        """Return how many timers a test may wait for."""
        return sum(timer.awaited for _, _, timer in self._heap.copy())

    def next_due(self) -> float | None:
        return self._heap[0][0] if self._heap else None

    def pop_due(self, now: float) -> Timer | None:
        if self._heap and self._heap[0][0] <= now:
            return heapq.heappop(self._heap)[2]
        return None


class Wake:
    """A wake-up for one thread: ``set`` at any instant from anywhere, ``wait`` by the one thread.

    Not a SimpleQueue: the one of Python 3.9 waits for ever when its time-out ends at the wrong
    moment, and not an Event: its lock may be held by the very thread that a signal handler struck.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock = _thread.allocate_lock()
        self._lock.acquire()

    def set(self) -> None:
        try:
            self._lock.release()
        except RuntimeError:
            pass  # it is set already: two wakes are one

    def is_set(self) -> bool:
        return not self._lock.locked()

    def wait(self, timeout: float | None) -> bool:
        """Wait until it is set, and clear it; False after ``timeout`` seconds."""
        if timeout is None:
            return self._lock.acquire()
        return self._lock.acquire(True, min(max(timeout, 0.0), threading.TIMEOUT_MAX))


class Worker(threading.Thread):
    def __init__(self, pool: Workers, number: int) -> None:
        super().__init__(name=f"arr-worker-{number}", daemon=True)
        self.pool = pool
        self.job: Job | None = None
        self.taken = 0  # jobs so far; the timer thread notes in ``seen`` what it saw last
        self.seen = 0
        self.wake = Wake()

    def run(self) -> None:
        from contextvars import Context

        self.wake.wait(0)
        while self.pool._next_job(self):
            job = self.job
            self.taken += 1
            if job is not None:
                # In a context of its own: what one handler does to a context variable must not
                # reach the next one that happens to run here.
                guarded(Context().run, job)
            # A parked thread must not keep the last job, nor what hangs on it, alive.
            self.job = job = None


class Workers:
    """Daemon threads that run jobs: an idle one if there is one, else a new one."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        """Begin anew, as a forked child must: none of the parent's threads came along."""
        self.closing = False
        self.refused = False  # True once the system has refused a thread
        self.parked = Wake()  # news for the exit hook
        self.generation: object = object()
        self._jobs: deque[Job] = deque()
        self._idle: list[Worker] = []
        self._all: list[Worker] = []
        self._numbers = itertools.count(1)
        self._timer_wake = Wake()
        self._new_timers: deque[Timer] = deque()
        self._timer_thread: threading.Thread | None = None
        self._timer_lock = threading.Lock()

    # -- for all threads -----------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Run a job on a worker."""
        try:
            # First the job, then the look for an idle worker. A worker does it the other way round
            # in _next_job, so one of the two always sees the other.
            self._jobs.append(job)
            self._wake_one()
        except BaseException:
            # Ctrl-C may have struck between the two. The job would wait for the next one, and the
            # slot of its operation would be taken until then.
            self._wake_one()
            raise

    def defer(self, job: Job) -> None:
        """Run a job that is not urgent, on the next worker that is free, or by the timer thread's
        next look. Waking few workers for many such jobs costs less CPU (370 us for each poll of a
        wait, in place of 440)."""
        self._jobs.append(job)
        self._wake_timer_thread()

    def call_at(self, when: float, action: Job) -> Timer:
        """Run an action on a worker at a monotonic time.

        An action with a true ``harmless`` runs on the timer thread, so even while no worker can be
        had. It must not block, nor call code of the user, nor own anything of the user's.
        """
        timer = Timer(when, action)
        self._new_timers.append(timer)
        self._wake_timer_thread()
        return timer

    def _wake_one(self) -> None:
        """Have a worker look at the jobs; once too often does no harm."""
        try:
            worker = self._idle.pop()
        except IndexError:
            # None is idle: the timer thread starts a worker, unless a busy one comes first.
            self._wake_timer_thread()
        else:
            worker.wake.set()

    # -- workers -----------------------------------------------------------------------------

    def _next_job(self, worker: Worker) -> bool:
        """Fill ``worker.job`` with the next job, parking until there is one; False to leave."""
        while True:
            try:
                worker.job = self._jobs.popleft()
                return True
            except IndexError:
                pass
            self._idle.append(worker)
            # A job may have come between the two lines above, whose submitter saw no idle worker.
            # The timer thread would find it too, but a millisecond later.
            if self._jobs:
                if discard(self._idle, worker):
                    continue
            if self.closing:
                self.parked.set()
            if worker.wake.wait(IDLE_SECONDS):
                # A late wake, see below, may find the worker parked a second time.
                discard(self._idle, worker)
            elif discard(self._idle, worker) and self._may_leave(worker):
                return False
            # Not among the idle: a submitter took this worker out and will wake it, or was struck
            # by Ctrl-C before it could. Looking again is right in both cases.

    def _may_leave(self, worker: Worker) -> bool:
        # One always stays parked: Python 3.12 starts no thread once the main thread has ended, and
        # the busy ones may be blocked for ever. Of two that would leave at once, each sees none
        # parked, and both stay.
        if not self._idle:
            return False
        self._all.remove(worker)
        return True

    # -- the timer thread ----------------------------------------------------------------------

    def _wake_timer_thread(self) -> None:
        self._timer_wake.set()
        if self._timer_thread is None:
            try:
                # A bare thread: this may be a signal handler, and the thread that it interrupted
                # may hold the lock that Thread.start takes.
                _thread.start_new_thread(self._start_timer_thread, ())
            except (RuntimeError, MemoryError):
                pass  # no thread to be had: a free worker takes the job, or the next call retries

    def _start_timer_thread(self) -> None:
        if not self._timer_lock.acquire(blocking=False):
            return  # another thread is at it
        try:
            while self._timer_thread is None:
                thread = threading.Thread(target=self._run_timers, name="arr-timer", daemon=True)
                try:
                    thread.start()
                    self._timer_thread = thread
                except (RuntimeError, MemoryError):
                    time.sleep(RETRY_SECONDS)
        finally:
            self._timer_lock.release()

    def _run_timers(self) -> None:
        """Start workers and hand over due timers, for ever; code of the user never runs here."""
        timers = TimerHeap()
        look_again: float | None = None
        while True:
            due = timers.next_due()
            timeout = None if due is None else max(0.0, due - time.monotonic())
            if look_again is not None:
                timeout = look_again if timeout is None else min(timeout, look_again)
            self._timer_wake.wait(timeout)
            while self._new_timers:
                timers.add(self._new_timers.popleft())
            now = time.monotonic()
            timer = timers.pop_due(now)
            while timer is not None:
                if timer.harmless:
                    timer()
                elif not timer.cancelled:
                    # The timer, not its action: a worker may be done with the action before this
                    # thread gets to the next line. Then the last reference, and with it the user's
                    # destructor, would be left to this thread.
                    self._jobs.append(timer)
                timer = timers.pop_due(now)
            look_again = self._grow()
            # Callers that find no idle worker wake this thread for every job. Resting lets many
            # such wakes become one, and gives the busy workers time to take the job themselves.
            time.sleep(PAUSE_SECONDS)

    def _grow(self) -> float | None:
        """Start workers for jobs that wait; return the seconds to the next look, None for never.

        A job that waits needs a thread of its own only if those at work are blocked. Those that
        took a job since the last look are not: they may just lack the processor, and so would a
        new one. Without this rule a burst of calls would start hundreds of threads. Of the idle
        ones few are sent: ``submit`` wakes one itself, so what is left here are deferred jobs.
        """
        if not self._jobs:
            return None
        moving = waking = 0
        for worker in self._all.copy():
            if worker.seen != worker.taken:
                worker.seen = worker.taken
                moving += 1
            if worker.job is None and worker.wake.is_set():
                waking += 1  # it had parked, and is on the way to a job
        while len(self._jobs) > waking and moving < (WAKING if self._idle else MOVING):
            moving += 1
            waking += 1
            if self._idle:
                # Or a worker parks just now, or Ctrl-C struck the submitter before the wake.
                self._wake_one()
            elif not self._start_worker():
                return RETRY_SECONDS
        return PAUSE_SECONDS if self._jobs else None

    def _start_worker(self) -> bool:
        """Start a worker, which takes its job itself; False if the system refused a thread."""
        worker = Worker(self, next(self._numbers))
        worker.wake.set()  # on the way to a job: the next _grow must not send another for it
        self._all.append(worker)  # before it takes a job, which the exit hook must see
        try:
            worker.start()
        except (RuntimeError, MemoryError):
            self._all.remove(worker)
            self.refused = True
            if self.closing:
                self.parked.set()
            return False
        return True

    # -- for the end of the process -------------------------------------------------------------

    def _busy(self) -> dict[Worker, Job | None]:
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


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=workers._reset)
