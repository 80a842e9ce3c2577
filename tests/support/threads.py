"""What the tests of the threads share: controlled runners, recorders, a server that holds replies,
scripts in processes of their own. Every wait in here has a limit."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable, Deque, Dict, Iterator, List, Optional, Set, Tuple

from arr import ARRResult, AzureFrontend, AzureFrontendAccountInfo, IAsync, SessionLocation
from arr._results import RRSessionGeneralContext
from arr._runtime.workers import Job, Runner, workers

LIMIT = 20.0  # seconds, of any wait: reached only when something is broken
ROOT = Path(__file__).resolve().parents[2]
SESSION_ID = "7c0a4f7e-7b1c-44a8-8d4f-0d6f8f3f9a11"
SUCCESS = RRSessionGeneralContext(ARRResult.Success, 200)
FAILURE = RRSessionGeneralContext(ARRResult.Fail, 500, "it failed")


class Jobs:
    """A runner whose jobs run when the test says so, on the thread that says it."""

    def __init__(self) -> None:
        self.waiting: Deque[Job] = deque()

    def submit(self, job: Job) -> None:
        self.waiting.append(job)

    def run(self) -> int:
        """Run what waits, and what that submits; return how many jobs ran."""
        count = 0
        while self.waiting:
            self.waiting.popleft()()
            count += 1
        return count


def pending(runner: Runner = workers) -> IAsync[Any]:
    """Return an operation that the test completes."""
    return IAsync(runner)


def complete(operation: IAsync[Any], value: object = None,
             context: RRSessionGeneralContext = SUCCESS) -> None:
    """Complete an operation and deliver, here and now, as a worker does at the end of a call."""
    assert operation._complete(context, value)
    operation._drain()


def completed(runner: Runner = workers, value: object = None) -> IAsync[Any]:
    operation = pending(runner)
    complete(operation, value)
    return operation


class Recorder:
    """A handler that notes its calls and the threads that made them."""

    def __init__(self) -> None:
        self.calls: queue.SimpleQueue[Tuple[Any, str]] = queue.SimpleQueue()

    def __call__(self, *args: Any) -> None:
        self.calls.put((args[0] if len(args) == 1 else args, threading.current_thread().name))

    def next(self) -> Tuple[Any, str]:
        """Return the argument and the thread's name of the next call; fail if none comes."""
        return self.calls.get(timeout=LIMIT)

    @property
    def count(self) -> int:
        return self.calls.qsize()


class Held:
    """A handler that blocks until it is released."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()

    def __call__(self, *args: object) -> None:
        self.entered.set()
        assert self.release.wait(LIMIT)


class ScriptedLink(Dict[str, Any]):
    """A link of a chain, at which another thread strikes once: before or after the writing."""

    def __init__(self, before: List[Callable[[], object]],
                 after: List[Callable[[], object]]) -> None:
        super().__init__()
        self.before, self.after = before, after

    def setdefault(self, key: str, default: Any = None) -> Any:
        if self.before:
            self.before.pop()()
        found = super().setdefault(key, default)
        if self.after:
            self.after.pop()()
        return found


def must(happen: threading.Event) -> None:
    assert happen.wait(LIMIT), "it did not happen"


def until(condition: Callable[[], object]) -> None:
    """Wait for something that sends no signal of its own, such as the end of a thread."""
    end = time.monotonic() + LIMIT
    tick = threading.Event()
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        tick.wait(0.002)


def flush(pool: Any = workers) -> None:
    """Return once the jobs submitted so far have begun; those that do not block have ended."""
    until(lambda: not pool._jobs and not pool._busy())


def together(count: int, work: Callable[[int], object]) -> None:
    """Run ``work(0..count-1)`` on as many threads, begun at once; raise what any of them raised."""
    barrier = threading.Barrier(count)
    errors: List[BaseException] = []

    def run(index: int) -> None:
        try:
            barrier.wait(LIMIT)
            work(index)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
        assert not thread.is_alive(), "a thread hangs"
    if errors:
        raise errors[0]


def on_thread(work: Callable[[], object]) -> None:
    """Run something on another thread, to its end."""
    together(1, lambda _: work())


@contextlib.contextmanager
def fast_switching() -> Iterator[None]:
    """Have the interpreter change threads every 10 us instead of every 5 ms."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def rounds(seconds: float = 1.0, at_most: int = 100_000) -> Iterator[int]:
    """Count for about so many seconds: the length of a hammer."""
    end = time.monotonic() + seconds
    for number in range(at_most):
        if time.monotonic() >= end:
            return
        yield number


# -- a service that answers when the test lets it --------------------------------------------------

PROPERTIES = (b'{"message":null,"sessionElapsedTime":"00:00:01","sessionHostname":"host.%d",'
              b'"sessionId":"7c0a4f7e-7b1c-44a8-8d4f-0d6f8f3f9a11","sessionMaxLeaseTime":'
              b'"04:00:00","sessionSize":"small","sessionStatus":"Ready"}')


class Service(ThreadingHTTPServer):
    """Answers every call with success; holds those whose method is in ``held`` until ``release``.

    The n-th properties call finds the host name ``host.n``.
    """

    daemon_threads = True
    request_queue_size = 512

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.held: Set[str] = set()
        self.arrived: queue.SimpleQueue[Tuple[str, str]] = queue.SimpleQueue()
        self.answered: queue.SimpleQueue[Tuple[str, str]] = queue.SimpleQueue()
        self.let_go = threading.Event()
        self.properties_calls = 0
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def account(self) -> AzureFrontendAccountInfo:
        return AzureFrontendAccountInfo(self.url, "0b3c1d52-7a1e-4f5e-9a70-6c2f1f0a1b2c",
                                        access_token="token", location=SessionLocation.ignore)

    def frontend(self, **options: Any) -> AzureFrontend:
        return AzureFrontend(self.account, **options)

    def expect(self, method: str) -> str:
        """Return the path of the next call, which must be of this method."""
        found, path = self.arrived.get(timeout=LIMIT)
        assert found == method
        return path

    def release(self) -> None:
        self.held = set()
        self.let_go.set()

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that die are what many of these tests are about

    def __enter__(self) -> Service:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
        self.shutdown()
        self._thread.join(LIMIT)
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = (self.command, self.path)
        self.server.arrived.put(call)
        if self.command in self.server.held:
            self.server.let_go.wait(LIMIT)
        status, body = self._answer()
        head = f"HTTP/1.1 {status} OK\r\nContent-Length: {len(body)}\r\n\r\n"
        self.wfile.write(head.encode("ascii") + body)
        self.server.answered.put(call)

    def _answer(self) -> Tuple[int, bytes]:
        if self.command in ("PATCH", "DELETE"):
            return 200, b""
        if self.path.endswith("/properties"):
            self.server.properties_calls += 1
            return 200, PROPERTIES % self.server.properties_calls
        if self.path.endswith("/models/create"):
            return 200, b'{"modelId":"e1c2b7a0"}'
        if self.path.endswith("/sessions/create"):
            return 202, b'{"sessionId":"7c0a4f7e"}'
        if self.path.endswith("/status"):
            return 200, b'{"status":"Success"}'
        return 200, b'{"sessions":[]}'

    do_GET = do_POST = do_PATCH = do_DELETE = _serve


# -- scripts ---------------------------------------------------------------------------------------

_PRELUDE = """
import faulthandler, sys
faulthandler.dump_traceback_later({limit}, exit=True)
import gc, os, queue, signal, threading, time, weakref, _thread
import arr
from arr import *
from arr._runtime.workers import workers

def frontend(**options):
    account = AzureFrontendAccountInfo({url!r}, "0b3c1d52-7a1e-4f5e-9a70-6c2f1f0a1b2c",
                                       access_token="token", location=SessionLocation.ignore)
    return AzureFrontend(account, **options)

def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
"""


class Script:
    """A program of its own, with ``frontend()`` for a service, ``say()`` for its report."""

    def __init__(self, source: str, url: str = "http://127.0.0.1:9", limit: float = LIMIT,
                 python: Optional[str] = None) -> None:
        program = _PRELUDE.format(url=url, limit=limit) + textwrap.dedent(source)
        environment = dict(os.environ, PYTHONPATH=str(ROOT))
        self.process = subprocess.Popen(
            [python or sys.executable, "-c", program], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environment, cwd=str(ROOT),
            start_new_session=True)
        self._limit = limit
        self._said: List[str] = []

    def wait_for(self, word: str) -> None:
        """Return once the script has said a line that begins so; it must say no more just then."""
        assert self.process.stdout is not None
        while not self._said or not self._said[-1].startswith(word):
            line = self.process.stdout.readline()
            assert line, "the script ended"  # it does, at its limit
            self._said.append(line.rstrip("\n"))

    def finish(self) -> List[str]:
        """Wait for the end and return the lines said; fail at any traceback or bad exit code."""
        code, said, errors = self.result()
        assert errors == "", errors
        assert code == 0, said
        return said

    def result(self) -> Tuple[int, List[str], str]:
        """Wait for the end and return exit code, lines said, error output."""
        try:
            said, errors = self.process.communicate(timeout=self._limit + 10)
        except subprocess.TimeoutExpired:
            if hasattr(os, "killpg"):
                os.killpg(self.process.pid, signal.SIGKILL)  # its forked children too
            self.process.kill()
            said, errors = self.process.communicate()
            raise AssertionError(f"the script hangs; it said {said!r} {errors!r}") from None
        return self.process.returncode, self._said + said.splitlines(), errors


def run_script(source: str, url: str = "http://127.0.0.1:9") -> List[str]:
    return Script(source, url).finish()
