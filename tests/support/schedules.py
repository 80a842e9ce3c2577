"""Threads that run in an order which the test decides, line by line of the package's code.

A scenario has a few threads. A plan says who runs how long: ``[(0, 7), (2, 3)]`` lets thread 0 run
7 lines, then thread 2 run 3; after that each runs to its end, in order of their numbers. The same
plan gives the same run. Only one thread runs at a time; at each line of a traced file
(``sys.settrace``) it looks whether it is the turn of another. Locks of the package are replaced by
``Lock``, so a thread that would block is known to, and another one runs.
"""

from __future__ import annotations

import _thread
import contextlib
import linecache
import random
import sys
import threading
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import arr
from arr import testing
from arr._http import in_flight, tokens
from arr._runtime import events, workers

ROOT = Path(arr.__file__).parent
TRACED = {str(ROOT / name) for name in (
    "_runtime/events.py", "_runtime/operation.py", "_runtime/future.py", "_runtime/slots.py",
    "_runtime/workers.py", "_http/in_flight.py", "_http/tokens.py", "_polling.py", "_calls.py",
    "_core.py", "_remote_manager.py")}
LIMIT = 20.0  # seconds that a run may take before it is called a hang
PATIENCE = 3  # times that a wait with a limit times out before its thread is ended as idle

Plan = Sequence["tuple[int, int]"]


class Quiet(BaseException):
    """Ends a thread that would wait for ever, because all the others have ended or wait."""


class Deadlock(AssertionError):
    """All threads wait, without a limit, for something that nobody will do."""


class Lock:
    """Stands in for ``_thread.allocate_lock`` and ``threading.Lock``."""

    def __init__(self) -> None:
        self._held = False

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        while self._held:
            run = Run.current
            if not blocking or timeout == 0 or run is None:
                assert not blocking or timeout >= 0, "outside of a run nobody releases it"
                return False
            if not run.block(self, timeout):
                return False
        self._held = True
        return True

    def release(self) -> None:
        if not self._held:
            raise RuntimeError("release unlocked lock")
        self._held = False
        if Run.current is not None:
            Run.current.unblock(self)

    def locked(self) -> bool:
        return self._held

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *error: object) -> None:
        self.release()


class _Modules:
    """What the package's files see as ``_thread`` and ``threading`` meanwhile."""

    def __init__(self, real: Any) -> None:
        self.allocate_lock = self.Lock = self.RLock = Lock
        self._real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


@contextlib.contextmanager
def scheduled() -> Iterator[None]:
    """Have the package make locks that runs know."""
    places = [(module, name) for module in (events, workers, in_flight, tokens, testing)
              for name in ("_thread", "threading") if hasattr(module, name)]
    before = [getattr(module, name) for module, name in places]
    for (module, name), real in zip(places, before):
        setattr(module, name, _Modules(real))
    try:
        yield
    finally:
        for (module, name), real in zip(places, before):
            setattr(module, name, real)


class _Thread:
    """One of the threads that runs use, again and again: starting some for each run is slow."""

    def __init__(self) -> None:
        self.go = _thread.allocate_lock()
        self.go.acquire()
        self.work: Callable[[], None] | None = None
        threading.Thread(target=self._loop, daemon=True, name="scheduled").start()

    def _loop(self) -> None:
        while True:
            self.go.acquire()
            work, self.work = self.work, None
            assert work is not None
            work()
            del work


_threads: list[_Thread] = []


class Run:
    """One run of some threads by a plan; ``steps`` says afterwards how many lines each ran."""

    current: Run | None = None

    def __init__(self, works: Sequence[Callable[[], object]], plan: Plan,
                 opcodes: bool = False) -> None:
        self.steps = [0] * len(works)
        self.errors: list[BaseException] = []
        self._works = works
        self._plan = list(reversed(plan))
        self._event = "opcode" if opcodes else "line"
        self._left = 0
        self._running = -1
        self._ready = set(range(len(works)))
        self._blocked: dict[int, tuple[Lock, float]] = {}
        self._timed_out = [0] * len(works)
        self._end = _thread.allocate_lock()
        self._end.acquire()

    def __call__(self) -> Run:
        while len(_threads) < len(self._works):
            _threads.append(_Thread())
        for index, thread in enumerate(_threads[:len(self._works)]):
            thread.work = partial(self._run, index)
        Run.current = self
        try:
            self._running = self._next()
            _threads[self._running].go.release()
            if not self._end.acquire(timeout=LIMIT):
                _threads.clear()  # they are lost
                raise Deadlock(f"the run hangs, in thread {self._running}")
        finally:
            Run.current = None
        for error in self.errors:
            raise error
        return self

    # -- on the threads --------------------------------------------------------------------------

    def _run(self, index: int) -> None:
        sys.settrace(self._trace)
        try:
            self._works[index]()
        except Quiet:
            pass
        except BaseException as error:
            self.errors.append(error)
        finally:
            sys.settrace(None)
        self._ready.discard(index)
        self._hand_on(index)

    def _trace(self, frame: FrameType, event: str, arg: object) -> Any:
        if frame.f_code.co_filename not in TRACED:
            return None
        if self._event == "opcode":
            frame.f_trace_opcodes = True
        return self._step

    def _step(self, frame: FrameType, event: str, arg: object) -> Any:
        if event == self._event:
            index = self._running
            self.steps[index] += 1
            self._left -= 1
            if self._left == 0:
                self._pause(index)
        return self._step

    def _pause(self, index: int) -> None:
        """Let another thread run, and return when it is this one's turn again."""
        if self._hand_on(index):
            _threads[index].go.acquire()

    def _hand_on(self, index: int) -> bool:
        """Let the next thread run; False when that is this one, or when all have ended."""
        following = self._next()
        if following < 0:
            self._end.release()
        elif following != index:
            self._running = following
            _threads[following].go.release()
            return True
        return False

    def _next(self) -> int:
        """Return who runs now; -1 when all have ended."""
        while self._plan:
            index, self._left = self._plan.pop()
            if index in self._ready:
                return index
        self._left = -1
        if self._ready:
            return min(self._ready)
        if not self._blocked:
            return -1
        # All wait: the time-out that is the shortest is over, or else they wait for ever.
        index = min(self._blocked, key=lambda each: self._blocked[each][1] % 1e9)
        del self._blocked[index]
        self._ready.add(index)
        self._timed_out[index] += 1
        return index

    # -- locks -----------------------------------------------------------------------------------

    def block(self, lock: Lock, timeout: float) -> bool:
        """Wait for a lock; False when the wait has timed out."""
        index, before = self._running, self._timed_out[self._running]
        self._ready.discard(index)
        self._blocked[index] = (lock, timeout)
        self._pause(index)
        if self._timed_out[index] == before:
            return True
        if timeout < 0:
            raise Deadlock(f"thread {index} waits for ever")
        if self._timed_out[index] > PATIENCE:
            raise Quiet
        return False

    def unblock(self, lock: Lock) -> None:
        for index, (waits_for, _) in list(self._blocked.items()):
            if waits_for is lock:
                del self._blocked[index]
                self._ready.add(index)


# -- plans -----------------------------------------------------------------------------------------

def plans(steps: Sequence[int], preemptions: int, of: int = 1) -> Iterator[Plan]:
    """Return all plans with so many preemptions, for threads that take so many steps alone; of the
    places for a preemption each ``of``-th one."""
    count = len(steps)

    def after(first: int, left: int) -> Iterator[list[tuple[int, int]]]:
        for length in range(1, steps[first] + 1, of):
            for following in range(count):
                if following == first:
                    continue
                if left == 1:
                    yield [(first, length), (following, 1_000_000)]
                else:
                    for rest in after(following, left - 1):
                        yield [(first, length), *rest]

    for first in range(count):
        yield from after(first, preemptions)


def random_plan(steps: Sequence[int], chance: random.Random) -> Plan:
    """Return a plan with two to eight preemptions."""
    return [(index, chance.randint(1, max(steps[index], 1)))
            for index in (chance.randrange(len(steps)) for _ in range(chance.randint(2, 8)))]


# -- scenarios -------------------------------------------------------------------------------------

class Scenario(NamedTuple):
    """What the threads do, and what must hold once all have ended."""

    works: Sequence[Callable[[], object]]
    check: Callable[[], object]


Make = Callable[[], Scenario]


def run(make: Make, plan: Plan = (), opcodes: bool = False) -> list[int]:
    """Run a new scenario by a plan and check it; return the steps of each thread."""
    scenario = make()
    try:
        steps = Run(scenario.works, plan, opcodes)().steps
        scenario.check()
    except BaseException as error:
        raise AssertionError(f"{make.__name__} fails by plan {plan!r}"
                             f"{', opcodes' if opcodes else ''}: {error!r}") from error
    return steps


def explore(make: Make, *, preemptions: int = 1, of: int = 1, extra: int = 0, seed: int = 1,
            opcodes: bool = False) -> int:
    """Run a scenario by all plans with up to so many preemptions, and by ``extra`` random ones;
    return how many schedules that were."""
    with scheduled():
        count = len(run(make))
        steps = [max(found) for found in zip(*(
            run(make, [(first, 1_000_000)], opcodes) for first in range(count)))]
        done = count
        for number in range(1, preemptions + 1):
            for plan in plans(steps, number, of):
                run(make, plan, opcodes)
                done += 1
        chance = random.Random(seed)
        for _ in range(extra):
            run(make, random_plan(steps, chance), opcodes)
        return done + extra


def strike(work: Callable[[], object], names: Sequence[str], number: int) -> bool:
    """Raise KeyboardInterrupt at the n-th line or call in functions of these names; tell whether
    there were so many. Not at a ``with``: it is traced on leaving, too, where no signal strikes."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        if frame.f_code.co_name not in names or frame.f_code.co_filename not in TRACED:
            return None
        line = linecache.getline(frame.f_code.co_filename, frame.f_lineno)
        if event == "call" or event == "line" and not line.lstrip().startswith("with "):
            count += 1
            if count == number:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    except KeyboardInterrupt:
        pass
    else:
        assert count < number, "a Ctrl-C was swallowed"
    finally:
        sys.settrace(before)
    return count >= number
