"""What the tests of the HTTP side share: the calls, their good replies, and a rig that runs them.

The rig needs no thread and no waiting: a manual executor runs the call on the test's thread, and a
fake clock stands still, so that the pauses between tries and the deadlines are the test's.
"""

from __future__ import annotations

import gc
import weakref
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, TypeVar

from arr import (
    ARRRenderingSessionVmSize, ARRResult, AzureFrontend, AzureFrontendAccountInfo, AzureSession,
    CreateRenderingSessionParams, IAsync, IngestAssetParams, RRSessionGeneralContext,
    SessionLocation, UpdateRenderingSessionParams,
)
from arr.testing import FakeClock, ManualExecutor

from .fault_server import Answer, FaultServer, Request, Wire, reply

LIMIT = 10.0  # seconds that anything may take before a test fails
ACCOUNT_ID = "0b3c1d52-7a1e-4f5e-9a70-6c2f1f0a1b2c"
SESSION_ID = "7c0a4f7e-7b1c-44a8-8d4f-0d6f8f3f9a11"
MODEL_ID = "e1c2b7a0-54d9-4f0c-9b60-1de7a4c6b0aa"
KEY = "c2VjcmV0LWtleS1mb3ItdGVzdHMtYW5kLW5vdGhpbmctZWxzZQ=="
ACCESS_TOKEN = "eyJhbGciOiJSUzI1NiJ9.c2VjcmV0LWFjY2Vzcy10b2tlbg.c2lnbmF0dXJl"
SIGNATURE = "c2VjcmV0LXNpZ25hdHVyZS1vZi1hLWNvbnRhaW5lcg"
MODEL_URL = f"https://st.blob.core.windows.net/in?sv=2019&sp=rl&sig={SIGNATURE}%3D"

PROPERTIES: Dict[str, Any] = {
    "message": None, "sessionElapsedTime": "00:02:41", "sessionHostname": "vm.example.com",
    "sessionId": SESSION_ID, "sessionMaxLeaseTime": "04:00:00", "sessionSize": "small",
    "sessionStatus": "Ready",
    "connectionProperties": {"arrInspectorPort": 55010, "handshakePort": 49700},
}


class Case:
    """One call: how it is made, its verb, and a reply with which it succeeds."""

    def __init__(self, name: str, method: str, make: Callable[..., IAsync[Any]], body: object,
                 status: int = 200) -> None:
        self.name = name
        self.method = method
        self.make = make
        self.body = body
        self.good = reply(body, status)

    def __repr__(self) -> str:
        return self.name

    @property
    def repeatable(self) -> bool:
        return self.method in ("GET", "DELETE")


CASES = (
    Case("ingest", "POST", lambda frontend, session: frontend.start_asset_ingestion_async(
        IngestAssetParams("box.glb", MODEL_URL, MODEL_URL)), {"modelId": MODEL_ID}),
    Case("ingestion", "GET", lambda frontend, session: frontend.get_ingestion_status_async(
        MODEL_ID), {"status": "Running"}),
    Case("create", "POST", lambda frontend, session: frontend.create_rendering_session_async(
        CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 4)),
        {"sessionId": SESSION_ID}, 202),
    Case("list", "GET", lambda frontend, session: frontend.get_current_rendering_sessions_async(),
         {"sessions": [PROPERTIES]}),
    Case("client properties", "GET", lambda frontend, session:
         frontend.get_rendering_session_properties_async(SESSION_ID), PROPERTIES),
    Case("properties", "GET", lambda frontend, session:
         session.get_rendering_session_properties_async(), PROPERTIES),
    Case("update", "PATCH", lambda frontend, session: session.update_rendering_session_async(
        UpdateRenderingSessionParams(5)), None),
    Case("stop", "DELETE", lambda frontend, session: session.stop_rendering_session_async(), None,
         204),
)
CASE = {case.name: case for case in CASES}


def key_account(url: str) -> AzureFrontendAccountInfo:
    return AzureFrontendAccountInfo(url, ACCOUNT_ID, KEY, location=SessionLocation.ignore)


def static_account(url: str) -> AzureFrontendAccountInfo:
    """An account that needs no token service."""
    return AzureFrontendAccountInfo(url, ACCOUNT_ID, access_token=ACCESS_TOKEN,
                                    location=SessionLocation.ignore)


def good(wire: Wire, request: Request) -> None:
    """Answer any of the calls as the service would."""
    tail = request.path.split(ACCOUNT_ID)[-1]
    for case, method, path in (
            ("ingest", "POST", "/models/create"), ("create", "POST", "/sessions/create"),
            ("list", "GET", "/sessions")):
        if (request.method, tail) == (method, path):
            wire.send(CASE[case].good)
            return
    name = {"PATCH": "update", "DELETE": "stop"}.get(
        request.method, "ingestion" if tail.startswith("/models/") else "properties")
    wire.send(CASE[name].good)


def finish(operation: IAsync[Any], limit: float = LIMIT) -> RRSessionGeneralContext:
    """Wait for an operation on worker threads; it must complete once, within the limit."""
    seen: List[object] = []
    operation.completed += seen.append
    assert operation.wait(limit), "the operation hangs"
    assert seen == [operation]
    return operation.context


R = TypeVar("R", bound="Rig")


class Rig:
    """A fault server and a frontend whose calls run on this thread, in no time."""

    def __init__(self, answer: Answer, *, token: Optional[Answer] = None,
                 account: Callable[[str], AzureFrontendAccountInfo] = static_account,
                 tls: Any = None, **options: Any) -> None:
        self.clock = FakeClock()
        self.executor = ManualExecutor()
        self.server = FaultServer(answer, token=token, tls=tls)
        self.frontend = AzureFrontend(account(self.server.url), executor=self.executor,
                                      clock=self.clock, **options)
        self.session: AzureSession = self.frontend.open_rendering_session(SESSION_ID)
        self.rests = 0.0  # seconds of fake time that passed between tries

    def __enter__(self: R) -> R:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.run_pending()
        self.server.close()

    def begin(self, case: Case) -> IAsync[Any]:
        operation: IAsync[Any] = case.make(self.frontend, self.session)
        return operation

    def run(self, case: Case) -> RRSessionGeneralContext:
        """Make a call and run all its tries; it must complete exactly once."""
        operation = self.begin(case)
        seen: List[object] = []
        operation.completed += seen.append
        self.settle(operation)
        self.run_pending()
        assert seen == [operation]
        check_message(operation.context)
        return operation.context

    def run_and_free(self, case: Case) -> ARRResult:
        """Make a call, of which nothing may be left for the collector; return its result."""
        gc.collect()
        gc.disable()
        try:
            operation = self.begin(case)
            gone = weakref.ref(operation)
            self.settle(operation)
            self.run_pending()
            result = operation.status
            del operation
            assert gone() is None, "a traceback in a cycle keeps the operation"
        finally:
            gc.enable()
        return result

    def run_pending(self) -> None:
        while self.executor.pending:
            self.executor.run_next(LIMIT)

    def settle(self, operation: IAsync[Any]) -> None:
        for _ in range(10):
            assert self.executor.run_next(LIMIT), "nobody runs the call"
            if operation.is_completed:
                return
            self.clock.advance(0.5)
            self.rests += 0.5
        raise AssertionError("the call is tried without end")


def check_message(context: RRSessionGeneralContext) -> None:
    """A message for people: what was called, the result, on one line, and no secret."""
    text = context.error_message
    if context.result == 0:
        assert text == ""
        return
    assert "Async: " + str(context.result) in text
    assert text.isprintable() and len(text) < 700
    check_secrets(repr(context) + text)


def check_secrets(text: str, *more: str) -> None:
    for secret in (KEY, ACCESS_TOKEN, SIGNATURE, *more):
        assert secret not in text
