"""What can be counted exactly, and small times as ratios to a peer in the same process."""

from __future__ import annotations

import gc
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import timeit
import tracemalloc
from concurrent.futures import Future
from typing import Any, Callable, List, Tuple

from arr import AzureFrontend, RRSessionGeneralContext, ARRResult
from arr._runtime.operation import IAsync
from arr._runtime.workers import workers
from arr.testing import FakeClock

from ..support.modules import modules_added
from .peer import Peer, compiled_environment
from .stacks import Plain, account, threads_of

Rows = List[Tuple[str, object]]


def cores() -> int:
    return os.cpu_count() or 1


# -- counts ----------------------------------------------------------------------------------------

# Not inspect and dataclasses: from CPython 3.14 on, the standard library's own traceback has them.
HEAVY = {"_socket", "_ssl", "asyncio", "certifi", "concurrent.futures", "email", "email.utils",
         "hashlib", "http", "http.client", "json", "random", "requests", "select", "socket", "ssl",
         "subprocess", "tempfile", "urllib.parse", "urllib.request", "urllib3"}


def modules_of_import() -> Tuple[int, List[str]]:
    """Return the number of modules that ``import arr`` adds, and the heavy ones among them."""
    modules = modules_added("import arr")
    assert "arr" in modules
    return len(modules), sorted(modules & HEAVY)


def bytes_per_pending(count: int = 10_000) -> float:
    """Return the memory that a pending operation with one handler takes."""

    class Keeper:
        def __init__(self) -> None:
            self.jobs: List[Callable[[], object]] = []

        def submit(self, job: Callable[[], object]) -> None:
            self.jobs.append(job)

    frontend = AzureFrontend(account("http://127.0.0.1:9"))
    keeper = Keeper()
    assert frontend._core is not None
    frontend._core.runner = keeper
    for _ in range(10):
        frontend.get_current_rendering_sessions_async().completed += _handler
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(count):
        frontend.get_current_rendering_sessions_async().completed += _handler
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / count


def _handler(operation: object) -> None:
    pass


def sts_requests(token_seconds: float, calls: int) -> int:
    """Return how often the token service is asked by so many calls at once."""
    with Peer(token_seconds) as peer:
        with AzureFrontend(account(peer.url), max_calls=calls) as frontend:
            begun = [frontend.get_current_rendering_sessions_async() for _ in range(calls)]
            for operation in begun:
                assert operation.get(30)
            return int(peer.counts()["sts"])


def connections_of_bursts(bursts: int = 20, size: int = 64) -> int:
    """Return how many connections bursts of calls open."""
    with Peer() as peer:
        with AzureFrontend(account(peer.url)) as frontend:
            for _ in range(bursts):
                begun = [frontend.get_current_rendering_sessions_async() for _ in range(size)]
                for operation in begun:
                    assert operation.get(30)
            return int(peer.counts()["connections"])


def waits(count: int = 1_000) -> Tuple[int, float]:
    """Return the timer threads and the bytes per wait while so many are pending."""
    with Peer() as peer, AzureFrontend(account(peer.url), clock=FakeClock()) as frontend:
        sessions = [frontend.open_rendering_session(f"session-{number}")
                    for number in range(count)]
        for session in sessions[:64]:  # threads, connections and the cached properties are there
            session.get_rendering_session_properties_async()
        for session in sessions:
            polled = session.get_rendering_session_properties_async()
            assert polled.wait(30)
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        first_polls = threading.Semaphore(0)
        pending = []
        for session in sessions:
            wait = session.wait_until_ready_async()
            wait.progress_changed += lambda polling: first_polls.release()
            pending.append(wait)
        for _ in sessions:
            assert first_polls.acquire(timeout=30)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
        threads = threads_of("arr-timer")
        for session in sessions:
            session.dispose()
        assert all(wait.is_completed for wait in pending)
        return threads, (after - before) / count


def exact(quick: bool) -> Rows:
    modules, heavy = modules_of_import()
    timers, wait_bytes = waits()
    return [
        ("connections, 20 bursts of 64 calls", connections_of_bursts()),
        ("token requests, 64 first calls", sts_requests(86400, 64)),
        ("token requests, 100 calls, token of 240 s", sts_requests(240, 100)),
        ("token requests, 64 calls, expired token", sts_requests(-10, 64)),
        ("modules that import arr brings", modules),
        ("heavy modules among them", " ".join(heavy) or "none"),
        ("bytes per pending call with a handler", round(bytes_per_pending())),
        ("timer threads, 1,000 pending waits", timers),
        ("bytes per pending wait", round(wait_bytes)),
    ]


# -- ratios ----------------------------------------------------------------------------------------

def _best(call: Callable[[], object], number: int) -> float:
    return min(timeit.repeat(call, number=number, repeat=9)) / number


def life_of_an_operation() -> float:
    """Return create + one handler + complete, to that of a Future."""
    context = RRSessionGeneralContext(ARRResult.Success)

    def operation() -> None:
        one: IAsync[int] = IAsync(workers)
        one.completed += _handler
        one._complete(context, 1)
        one._drain()

    def future() -> None:
        one: Future[int] = Future()
        one.add_done_callback(_handler)
        one.set_result(1)

    return _best(operation, 20_000) / _best(future, 20_000)


def result_to_handler() -> float:
    """Return the time from the outcome to the handler's first line, to that of a Future."""
    context = RRSessionGeneralContext(ARRResult.Success)
    entered: List[float] = []

    def handler(_: object) -> None:
        entered.append(time.perf_counter())

    def measure(begin: Callable[[], Callable[[], object]]) -> float:
        times = []
        for _ in range(20_000):
            finish = begin()
            entered.clear()
            start = time.perf_counter()
            finish()
            times.append(entered[0] - start)
        return statistics.median(times)

    def operation() -> Callable[[], object]:
        one: IAsync[int] = IAsync(workers)
        one.completed += handler

        def finish() -> None:
            one._complete(context, 1)
            one._drain()

        return finish

    def future() -> Callable[[], object]:
        one: Future[int] = Future()
        one.add_done_callback(handler)
        return lambda: one.set_result(1)

    return measure(operation) / measure(future)


def import_ratio(rounds: int) -> float:
    """Return the time of ``import arr`` to that of ``import requests``, both net of Python."""
    environment = compiled_environment()

    def seconds(statement: str) -> float:
        begin = time.perf_counter()
        # No time-out: with one, subprocess looks at ever longer intervals, up to 50 ms, whether the
        # process has ended, and every figure comes out as one of these steps.
        subprocess.run([sys.executable, "-c", statement], check=True, env=environment)
        return time.perf_counter() - begin

    statements = ("pass", "import arr", "import requests")
    times = {statement: [] for statement in statements}  # type: dict[str, List[float]]
    for statement in statements:
        seconds(statement)
    for _ in range(rounds):
        for statement in statements:
            times[statement].append(seconds(statement))
    bare, mine, base = (statistics.median(times[statement]) for statement in statements)
    return (mine - bare) / (base - bare)


def cold_tls(connections: int = 16) -> float:
    """Return the CPU of so many first calls over TLS, to that of plain requests."""
    with tempfile.TemporaryDirectory() as directory:
        certificate = os.path.join(directory, "both.pem")
        key, cert = os.path.join(directory, "key"), os.path.join(directory, "cert")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", cert], check=True, capture_output=True, timeout=60)
        with open(certificate, "wb") as both:
            for part in (key, cert):
                with open(part, "rb") as file:
                    both.write(file.read())
        # Both load a bundle of the usual size: the certificate is appended to it.
        bundle = os.path.join(directory, "bundle.pem")
        import certifi

        with open(bundle, "wb") as out:
            for part in (certifi.where(), cert):
                with open(part, "rb") as file:
                    out.write(file.read() + b"\n")
        with Peer(certificate=certificate) as peer:
            before = os.environ.get("REQUESTS_CA_BUNDLE")
            os.environ["REQUESTS_CA_BUNDLE"] = bundle
            try:
                mine = _cpu(lambda: _first_calls(peer.url, connections))
                plain = Plain(peer.url, connections, verify=bundle)
                theirs = _cpu(lambda: plain.block(connections))
                plain.close()
            finally:
                if before is None:
                    del os.environ["REQUESTS_CA_BUNDLE"]
                else:
                    os.environ["REQUESTS_CA_BUNDLE"] = before
    return mine / theirs


def _cpu(call: Callable[[], object]) -> float:
    before = time.process_time()
    call()
    return time.process_time() - before


def _first_calls(url: str, count: int) -> None:
    with AzureFrontend(account(url)) as frontend:
        begun = [frontend.get_current_rendering_sessions_async() for _ in range(count)]
        for operation in begun:
            assert operation.get(60)


def growth(quick: bool) -> str:
    """Return the time per operation for growing numbers of operations, as ratios to the first."""
    context = RRSessionGeneralContext(ARRResult.Success)

    def many(count: int) -> float:
        gc.collect()
        begin = time.process_time()
        operations: List[IAsync[Any]] = []
        for _ in range(count):
            one: IAsync[Any] = IAsync(workers)
            one.completed += _handler
            operations.append(one)
        for one in operations:
            one._complete(context, 1)
            one._drain()
        return (time.process_time() - begin) / count

    counts = (1_000, 10_000) if quick else (1_000, 10_000, 100_000)
    gc.disable()
    try:
        times = [min(many(count) for _ in range(5)) for count in counts]
    finally:
        gc.enable()
    return ", ".join(f"{count:,}: {seconds / times[0]:.2f}"
                     for count, seconds in zip(counts, times))


def ratios(quick: bool) -> Rows:
    return [
        ("import arr, to import requests (0.30)", import_ratio(5 if quick else 15)),
        ("create, handler, complete, to a Future (0.6)", life_of_an_operation()),
        ("outcome to handler, to add_done_callback (1.2)", result_to_handler()),
        ("CPU of 16 cold TLS connections, to plain (0.15)",
         statistics.median(cold_tls() for _ in range(1 if quick else 7))),
        ("time per operation", growth(quick)),
    ]
