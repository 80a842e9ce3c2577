"""The stacks that are compared: each makes the same call, N times, so many at once."""

from __future__ import annotations

import importlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, List, Optional

import requests
from requests.adapters import HTTPAdapter

from arr import AzureFrontend, AzureFrontendAccountInfo, SessionLocation

from .peer import ACCOUNT

PATH = f"/v1/accounts/{ACCOUNT}/sessions"


class Stack:
    """One way to make calls."""

    name = ""

    def block(self, calls: int) -> None:
        """Make so many calls, and return when all are done and decoded."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of threads and connections."""


def account(url: str) -> AzureFrontendAccountInfo:
    return AzureFrontendAccountInfo(url, ACCOUNT, "AAAA", location=SessionLocation.ignore)


class Arr(Stack):
    """The package: each call's completed handler reads the value and starts the next call."""

    name = "arr"

    def __init__(self, url: str, in_flight: int) -> None:
        self.frontend = AzureFrontend(account(url))
        self.in_flight = in_flight

    def block(self, calls: int) -> None:
        tickets = list(range(calls))  # popped by workers, which is one step
        finished: List[None] = []
        done = threading.Event()

        def next_call() -> None:
            try:
                tickets.pop()
            except IndexError:
                return
            self.frontend.get_current_rendering_sessions_async().completed += completed

        def completed(operation: Any) -> None:
            assert len(operation.result) == 1
            next_call()
            finished.append(None)
            if len(finished) == calls:
                done.set()

        for _ in range(min(self.in_flight, calls)):
            next_call()
        assert done.wait(60)

    def close(self) -> None:
        self.frontend.dispose()


class _Pooled(Stack):
    def __init__(self, url: str, in_flight: int) -> None:
        self.url = url + PATH
        self.pool = ThreadPoolExecutor(in_flight)

    def block(self, calls: int) -> None:
        for future in [self.pool.submit(self.call) for _ in range(calls)]:
            future.result(60)

    def call(self) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.pool.shutdown()


class Plain(_Pooled):
    """What most people write: a requests.Session per thread of a pool."""

    name = "plain requests"

    def __init__(self, url: str, in_flight: int, verify: Optional[str] = None) -> None:
        super().__init__(url, in_flight)
        self._local = threading.local()
        self._verify = verify

    def call(self) -> None:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.headers["Authorization"] = "Bearer AAAA"
            if self._verify:
                session.verify = self._verify
        reply = session.get(self.url, timeout=(5, 30))
        reply.raise_for_status()
        assert len(reply.json()["sessions"]) == 1


class Tuned(_Pooled):
    """The adapter of requests with prepared requests filled by hand."""

    name = "tuned adapter"

    def __init__(self, url: str, in_flight: int) -> None:
        super().__init__(url, in_flight)
        self._adapter: Any = HTTPAdapter(pool_maxsize=in_flight)

    def call(self) -> None:
        request = requests.PreparedRequest()
        request.method, request.url = "GET", self.url
        request.headers = requests.structures.CaseInsensitiveDict(
            {"Authorization": "Bearer AAAA", "Accept": "application/json"})
        reply = self._adapter.send(request, timeout=(5, 30))
        reply.raise_for_status()
        assert len(reply.json()["sessions"]) == 1

    def close(self) -> None:
        super().close()
        self._adapter.close()


class AzureSdk(_Pooled):
    """The Azure SDK for Python, when the environment happens to have it."""

    name = "Azure SDK"

    def __init__(self, url: str, in_flight: int) -> None:
        super().__init__(url, in_flight)
        self._client = azure_client(url)

    def call(self) -> None:
        assert len(list(self._client.list_rendering_sessions())) == 1

    @staticmethod
    def available() -> bool:
        try:
            importlib.import_module("azure.mixedreality.remoterendering")
        except ImportError:
            return False
        return True


def azure_client(url: str) -> Any:
    """Return a client that may talk to this machine without TLS, its pollers included."""
    credentials = importlib.import_module("azure.core.credentials")
    package = importlib.import_module("azure.mixedreality.remoterendering")
    client = package.RemoteRenderingClient(
        endpoint=url, account_id=ACCOUNT, account_domain="example",
        credential=credentials.AccessToken("AAAA", 2 ** 31 - 1))
    policies = importlib.import_module("azure.core.pipeline.policies._authentication")
    setattr(policies, "_enforce_https", lambda request: None)
    return client


def threads_of(prefix: str) -> int:
    """Return how many threads of a kind there are."""
    return sum(thread.name.startswith(prefix) for thread in threading.enumerate())


Make = Callable[[str, int], Stack]
