"""Load on a server that fails one request in five: counts in must be counts out.

By hand: ``python -m tests.soak --count 100000 --seed 7``. Sessions are opened and disposed, and
handlers added and removed, at random, by several threads at once, with 64 calls on the wire.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import threading
import time
from collections import Counter
from typing import Any, List, Optional

from arr import ARRResult, AzureFrontend, IAsync

from .support.fault_server import FaultServer, Request, Wire, reply
from .support.rig import CASES, SESSION_ID, good, key_account

PLACES = 64
FEEDERS = 8
ALLOWED = {ARRResult.Success, ARRResult.NoConnection, ARRResult.ProtocolError, ARRResult.Fail,
           ARRResult.TooManyRequests, ARRResult.AlreadyExists, ARRResult.AuthenticationFailed}


class Report:
    """What came of a run."""

    def __init__(self) -> None:
        self.operations = 0
        self.completed = 0
        self.handlers_added = 0
        self.handlers_removed = 0
        self.handlers_run = 0
        self.miscounted = 0
        self.results: Counter[ARRResult] = Counter()
        self.faults = 0
        self.requests = 0
        self.token_requests = 0
        self.peak_connections = 0
        self.peak_threads = 0
        self.memory: List[int] = []
        self.descriptors: List[int] = []
        self.seconds = 0.0
        self.hung = 0

    def __str__(self) -> str:
        results = ", ".join(f"{result} {count}" for result, count in self.results.most_common())
        return (f"{self.operations} operations in {self.seconds:.1f} s, {self.completed} completed"
                f" ({results}), {self.hung} hung; handlers: {self.handlers_added} added, "
                f"{self.handlers_removed} removed, "
                f"{self.handlers_run} run, {self.miscounted} lost or "
                f"doubled; {self.requests} "
                f"requests, {self.faults} faults, {self.token_requests} token requests; peak "
                f"{self.peak_connections} connections, {self.peak_threads} worker threads; RSS "
                f"{[size // 1024 for size in self.memory]} KiB; descriptors {self.descriptors}")


def workers() -> int:
    return sum(thread.name.startswith("arr-") for thread in threading.enumerate())


def resident() -> int:
    """Return the bytes of memory in use, 0 where the system does not tell."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def descriptors() -> int:
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0


class Soak:
    """One run: feeders that make calls, and a server that spoils one reply in five."""

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.seed = seed
        self.report = Report()
        self._lock = threading.Lock()
        self._random = random.Random(seed)
        self._room = threading.Semaphore(2 * PLACES)
        self._pending = count
        self._all_done = threading.Event()

    def answer(self, wire: Wire, request: Request) -> None:
        with self._lock:
            dice = self._random.random()
            self.report.faults += dice < 0.2
        if dice < 0.04:
            wire.reset()
        elif dice < 0.08:
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{")
            wire.fin()
        elif dice < 0.12:
            wire.send(reply({"error": "busy"}, 503))
        elif dice < 0.16:
            wire.send(reply(None, 429, "Retry-After: 1"))
        elif dice < 0.18:
            wire.send(reply(b"garbage"))
        elif dice < 0.2:
            wire.send(reply(None, 401))
        else:
            good(wire, request)

    def token(self, wire: Wire, request: Request) -> None:
        with self._lock:
            self.report.token_requests += 1
        wire.send(reply({"AccessToken": "one-token"}))

    def feed(self, frontend: AzureFrontend, number: int, count: int) -> None:
        chosen = random.Random(f"{self.seed} {number}")
        session = frontend.open_rendering_session(SESSION_ID)
        for _ in range(count):
            self._room.acquire()
            if chosen.random() < 0.2:
                if chosen.random() < 0.5:
                    session.dispose()
                session = frontend.open_rendering_session(SESSION_ID)
            operation = chosen.choice(CASES).make(frontend, session)
            extra = [_Handler() for _ in range(chosen.randrange(3))]
            for handler in extra:
                operation.completed += handler
            for handler in extra:
                if chosen.random() < 0.3:
                    operation.completed -= handler
                    handler.removed = True
            # The last in the queue: when it runs, the others have run, or never will.
            operation.completed += _Last(self, extra)

    def done(self, operation: IAsync[Any], extra: List[_Handler]) -> None:
        with self._lock:
            report = self.report
            report.completed += 1
            report.results[operation.status] += 1
            report.handlers_added += len(extra)
            for handler in extra:
                report.handlers_removed += handler.removed and not handler.runs
                report.handlers_run += handler.runs
                report.miscounted += handler.runs != 1 and not (handler.removed
                                                                and not handler.runs)
            self._pending -= 1
            threads = workers() if report.completed % 64 == 0 else 0
            report.peak_threads = max(report.peak_threads, threads)
            last = self._pending == 0
        self._room.release()
        if last:
            self._all_done.set()

    def run(self, limit: float) -> Report:
        report = self.report
        begin = time.monotonic()
        with FaultServer(self.answer, token=self.token, record=False) as server:
            frontend: Optional[AzureFrontend] = AzureFrontend(key_account(server.url),
                                                              max_calls=PLACES)
            parts = 4
            for _ in range(parts):
                self._all_done.clear()
                share = self.count // parts // FEEDERS
                self._pending = share * FEEDERS
                report.operations += self._pending
                feeders = [threading.Thread(target=self.feed, args=(frontend, number, share),
                                            daemon=True) for number in range(FEEDERS)]
                for feeder in feeders:
                    feeder.start()
                if not self._all_done.wait(limit):
                    report.hung = self._pending
                    return report
                for feeder in feeders:
                    feeder.join(limit)
                gc.collect()
                report.memory.append(resident())
                report.descriptors.append(descriptors() - server.open)
            report.requests = server.served
            report.peak_connections = server.peak
            report.seconds = time.monotonic() - begin
            frontend = None
        return report


class _Handler:
    """A handler that counts."""

    __slots__ = ("runs", "removed")

    def __init__(self) -> None:
        self.runs = 0
        self.removed = False

    def __call__(self, operation: IAsync[Any]) -> None:
        self.runs += 1


class _Last:
    """The last handler of an operation; a second run of it would show in the counts."""

    __slots__ = ("soak", "extra")

    def __init__(self, soak: Soak, extra: List[_Handler]) -> None:
        self.soak = soak
        self.extra = extra

    def __call__(self, operation: IAsync[Any]) -> None:
        self.soak.done(operation, self.extra)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    report = Soak(options.count, options.seed).run(900)
    print(report)
    print(f"seed {options.seed}")
    return 0 if report.completed == report.operations and not report.miscounted else 1


if __name__ == "__main__":
    sys.exit(main())
