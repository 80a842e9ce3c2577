"""The result table: every HTTP code, retries and their pauses, and what is never sent twice."""

from __future__ import annotations

import inspect
import socket
import ssl
from email.utils import formatdate
from typing import Any, List, Optional, Tuple, Type

import http.client

import pytest
import requests
import urllib3
from pytest_httpserver import BlockingHTTPServer

from arr import ARRResult, AzureFrontend
from arr._http.transport import _failure
from arr._results import CallFailed

from ..support.fault_server import Answer, Request, Wire, kept, raw, reply, script
from ..support.rig import (
    ACCESS_TOKEN, ACCOUNT_ID, CASE, CASES, KEY, SIGNATURE, Case, Rig, check_secrets, finish, good,
    key_account, static_account,
)

ALL = pytest.mark.parametrize("case", CASES, ids=str)
REPEATABLE = [case for case in CASES if case.repeatable]
ONCE_ONLY = [case for case in CASES if not case.repeatable]
NOT_FOUND = {"ingestion": ARRResult.InvalidId, "client properties": ARRResult.SessionNotFound,
             "properties": ARRResult.SessionNotFound, "update": ARRResult.SessionNotFound,
             "stop": ARRResult.SessionNotFound}
BY_CODE = {400: ARRResult.InvalidParam, 401: ARRResult.AuthenticationFailed,
           403: ARRResult.AuthenticationFailed, 409: ARRResult.AlreadyExists,
           422: ARRResult.InvalidParam, 429: ARRResult.TooManyRequests}


@ALL
def test_every_http_code_has_its_result(case: Case) -> None:
    status = 0

    def answer(wire: Wire, request: Request) -> None:
        body = case.body if status < 300 else {"error": {"code": "X", "message": "Some reason."}}
        wire.send(reply(None if status in (204, 304) else body, status))

    with Rig(answer) as rig:
        for status in range(200, 600):
            before = len(rig.server.requests)
            context = rig.run(case)
            if status < 300:
                expected = (ARRResult.ProtocolError if status == 204 and case.body is not None
                            else ARRResult.Success)
            elif status == 404:
                expected = NOT_FOUND.get(case.name, ARRResult.Fail)
            else:
                expected = BY_CODE.get(status, ARRResult.Fail)
            assert (context.result, context.http_response_code) == (expected, status)
            again = status in (502, 503, 504) and case.repeatable
            assert len(rig.server.requests) - before == (3 if again else 1), status
            if status >= 300 and status != 304:
                assert "Some reason." in context.error_message


def test_a_message_names_call_result_code_reason_and_correlation_vector() -> None:
    answer = kept(reply({"error": "The lease is too\r\n long."}, 422, "MS-CV: abcdef.0"))
    with Rig(answer) as rig:
        context = rig.run(CASE["update"])
    assert context.error_message == (
        "UpdateRenderingSessionAsync: InvalidParam (HTTP 422): the service refused the arguments; "
        'the service says "The lease is too   long."; MS-CV abcdef.0')
    assert context.response_correlation_vector == "abcdef.0"
    assert len(context.request_correlation_vector) == 24


@ALL
@pytest.mark.parametrize("body", [
    b"", b"<html>", b"[]", b"null", b'"x"', b'{"error": null}', b'{"error": 5}',
    b'{"error": {"message": []}}', b'{"error": {"message": " "}}', b"[" * 100_000, b"\xff\xfe",
    b"x" * 1000], ids=repr)
def test_an_error_body_of_any_shape_leaves_the_result_alone(case: Case, body: bytes) -> None:
    with Rig(kept(reply(body, 409))) as rig:
        assert rig.run(case).result == ARRResult.AlreadyExists


@pytest.mark.parametrize("answer", [
    raw(b"HTTP/1.1 409 X\r\nContent-Length: 50\r\n\r\n{"), raw(b"HTTP/1.1 409 X\r\n"),
    kept(reply(b"\x1f\x8b", 409, "Content-Encoding: gzip")),
    raw(b"HTTP/1.1 409 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    raw(b"HTTP/1.1 409 X\r\nTransfer-Encoding: chunked\r\n\r\n-4\r\n"),
    raw(b"HTTP/1.1 409 X\r\n\r\n" + b"x" * 9_000_000)],
    ids=["truncated", "FIN", "gzip", "chunks", "negative chunk", "large"])
def test_the_status_of_an_error_counts_though_its_body_is_broken(answer: Answer) -> None:
    with Rig(answer) as rig:
        for case in CASES:
            assert rig.run(case).result == ARRResult.AlreadyExists


# -- what is sent again, and what never is --------------------------------------------------------

TRANSIENT: List[Tuple[str, Answer]] = [
    ("reset", lambda wire, request: wire.reset()), ("closed", raw(b"")),
    ("502", kept(reply(None, 502))), ("503", kept(reply({"error": "later"}, 503))),
    ("504", kept(reply(None, 504))),
]
EACH = pytest.mark.parametrize("name, answer", TRANSIENT, ids=[row[0] for row in TRANSIENT])


@EACH
@pytest.mark.parametrize("case", REPEATABLE, ids=str)
def test_get_and_delete_are_sent_three_times_with_the_documented_pauses(
        case: Case, name: str, answer: Answer) -> None:
    with Rig(script(answer, answer, good)) as rig:
        operation = rig.begin(case)
        for pause, count in ((0.1, 1), (0.3, 2)):
            assert rig.executor.run_next(10)
            assert len(rig.server.requests) == count and not operation.is_completed
            rig.clock.advance(pause - 0.001)
            assert rig.executor.pending == 0
            rig.clock.advance(0.002)
        assert rig.executor.run_next(10)
        assert operation.status == ARRResult.Success
        vectors = [request.headers["ms-cv"] for request in rig.server.requests]
        assert len(set(vectors)) == 3


@EACH
@pytest.mark.parametrize("case", REPEATABLE, ids=str)
def test_after_the_third_failure_the_call_fails(case: Case, name: str, answer: Answer) -> None:
    with Rig(answer) as rig:
        context = rig.run(case)
        assert context.result in (ARRResult.NoConnection, ARRResult.Fail)
        assert len(rig.server.requests) == 3


@EACH
@pytest.mark.parametrize("case", ONCE_ONLY, ids=str)
def test_post_and_patch_are_never_sent_twice(case: Case, name: str, answer: Answer) -> None:
    with Rig(answer) as rig:
        context = rig.run(case)
        assert context.result in (ARRResult.NoConnection, ARRResult.Fail)
        assert len(rig.server.requests) == 1
        assert "not known whether the service has carried it out" in context.error_message


def test_tries_do_not_go_on_beyond_the_deadline() -> None:
    def answer(wire: Wire, request: Request) -> None:
        rig.clock.advance(64.95)
        wire.reset()

    with Rig(answer) as rig:
        context = rig.run(CASE["list"])
        assert context.result == ARRResult.NoConnection
        assert len(rig.server.requests) == 1


def test_a_call_that_waits_for_its_next_try_has_no_place_on_the_wire() -> None:
    answer = script(lambda wire, request: wire.reset(), good)
    with Rig(answer, max_calls=1) as rig:
        first = rig.begin(CASE["list"])
        assert rig.executor.run_next(10) and not first.is_completed
        assert rig.run(CASE["properties"]).result == ARRResult.Success
        rig.clock.advance(0.1)
        assert rig.executor.run_next(10) and first.status == ARRResult.Success


@EACH
def test_404_on_a_repeated_stop_is_success(name: str, answer: Answer) -> None:
    with Rig(script(answer, kept(reply(None, 404)))) as rig:
        context = rig.run(CASE["stop"])
        assert (context.result, context.http_response_code) == (ARRResult.Success, 404)
        assert rig.run(CASE["stop"]).result == ARRResult.SessionNotFound
        assert rig.run(CASE["properties"]).result == ARRResult.SessionNotFound


def test_404_on_a_stop_is_no_success_when_only_the_token_service_was_asked_twice() -> None:
    token = script(kept(reply(None, 503)), kept(reply({"AccessToken": "t"})))
    with Rig(kept(reply(None, 404)), token=token, account=key_account) as rig:
        assert rig.run(CASE["stop"]).result == ARRResult.SessionNotFound
        assert len(rig.server.token_requests) == 2 and len(rig.server.requests) == 1


@ALL
def test_a_refused_port_is_no_connection(case: Case) -> None:
    with Rig(good) as rig:
        rig.server.close()
        context = rig.run(case)
        assert context.result == ARRResult.NoConnection
        assert "no connection to 127.0.0.1:" in context.error_message
        assert "carried it out" not in context.error_message
        assert rig.rests == (1.0 if case.repeatable else 0.0)


@ALL
def test_a_host_without_a_name_is_no_connection(
        case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*args: Any, **kwargs: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    with Rig(good) as rig, monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", unknown)
        context = rig.run(case)
    assert context.result == ARRResult.NoConnection
    assert "check the account domain and the network" in context.error_message


# -- throttling -----------------------------------------------------------------------------------

@ALL
@pytest.mark.parametrize("text, seconds", [
    ("15", 15.0), ("0", 0.0), ("3601", 3600.0), ("9" * 400, 3600.0), (" 7 ", 7.0), ("-5", None),
    ("1e9", None), ("nan", None), ("soon", None), ("", None), ("\xb2", None),
    ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0), ("Wed, 01 Jan 1890 00:00:00 GMT", 0.0),
    ("Wed, 99 Foo 2020 00:00:00 GMT", None), ("Wed, 01 Jan 2020 00:01:00 GMT", 60.0)])
def test_429_surfaces_at_once_with_what_the_service_asks_to_wait(
        case: Case, text: str, seconds: Optional[float]) -> None:
    with Rig(kept(reply(None, 429, f"Retry-After: {text}"))) as rig:
        assert formatdate(rig.clock.time(), usegmt=True) == "Wed, 01 Jan 2020 00:00:00 GMT"
        context = rig.run(case)
        assert context.result == ARRResult.TooManyRequests
        assert context.retry_after == seconds
        assert len(rig.server.requests) == 1


def test_429_of_the_token_service_surfaces_too() -> None:
    with Rig(good, token=kept(reply(None, 429, "Retry-After: 5")), account=key_account) as rig:
        context = rig.run(CASE["create"])
        assert (context.result, context.retry_after) == (ARRResult.TooManyRequests, 5.0)
        assert rig.server.requests == []


# -- every exception below us ---------------------------------------------------------------------

def _exceptions() -> List[Type[Exception]]:
    found = {each for module in (requests.exceptions, urllib3.exceptions, http.client)
             for _, each in inspect.getmembers(module, inspect.isclass)
             if issubclass(each, Exception) and not issubclass(each, Warning)
             and each.__module__ in ("requests.exceptions", "urllib3.exceptions", "http.client")}
    return sorted(found, key=lambda each: each.__module__ + each.__qualname__)


def _family(kind: Type[Exception]) -> ARRResult:
    e = urllib3.exceptions
    if issubclass(kind, e.NewConnectionError):  # a kind of time-out, says urllib3
        return ARRResult.NoConnection
    if issubclass(kind, (requests.Timeout, e.TimeoutError)):
        return ARRResult.Timeout
    if issubclass(kind, http.client.RemoteDisconnected):
        return ARRResult.NoConnection
    if issubclass(kind, (http.client.HTTPException, e.ProtocolError, e.DecodeError,
                         e.ResponseError, e.InvalidHeader, e.HeaderParsingError,
                         e.BodyNotHttplibCompatible, requests.exceptions.ChunkedEncodingError,
                         requests.exceptions.ContentDecodingError)):
        return ARRResult.ProtocolError
    return ARRResult.NoConnection


@pytest.mark.parametrize("kind", _exceptions(), ids=lambda kind: f"{kind.__module__}."
                         f"{kind.__qualname__}")
def test_every_exception_of_the_http_libraries_becomes_a_result(
        kind: Type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    error = kind.__new__(kind)
    Exception.__init__(error, f"a secret {ACCESS_TOKEN} {KEY} {SIGNATURE}\r\n")

    def broken(*args: object, **kwargs: object) -> None:
        raise error

    for case in CASES:
        with Rig(good) as rig:
            adapter = rig.frontend._core.transport._adapter  # type: ignore[union-attr]
            monkeypatch.setattr(adapter, "send", broken)
            context = rig.run(case)
            assert context.result == _family(kind)
            if context.result == ARRResult.NoConnection and case.repeatable:
                assert rig.rests == 1.0


SYSTEM = [
    (ConnectionRefusedError(111, "Connection refused"), ARRResult.NoConnection),
    (ConnectionResetError(104, "Connection reset by peer"), ARRResult.NoConnection),
    (BrokenPipeError(32, "Broken pipe"), ARRResult.NoConnection),
    (OSError(113, "No route to host"), ARRResult.NoConnection),
    (OSError(101, "Network is unreachable"), ARRResult.NoConnection),
    (OSError(24, "Too many open files"), ARRResult.NoConnection),
    (TimeoutError(110, "Connection timed out"), ARRResult.Timeout),
    (socket.timeout("timed out"), ARRResult.Timeout),
    (socket.gaierror(-2, "unknown"), ARRResult.NoConnection),
    (ssl.SSLError(1, "handshake failure"), ARRResult.NoConnection),
    (ssl.SSLEOFError(8, "EOF"), ARRResult.NoConnection),
    (ssl.SSLCertVerificationError(1, "certificate verify failed"), ARRResult.NoServerCertificate),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), ARRResult.ProtocolError),
]


@pytest.mark.parametrize("error, result", SYSTEM, ids=lambda value: repr(value)[:40])
@pytest.mark.parametrize("depth", range(4))
def test_an_error_of_the_system_counts_however_deep_it_is_wrapped(
        error: Exception, result: ARRResult, depth: int) -> None:
    wrapped: Exception = error
    if depth == 1:
        wrapped = urllib3.exceptions.ProtocolError("Connection aborted.", error)
    elif depth == 2:
        wrapped = requests.ConnectionError(urllib3.exceptions.MaxRetryError(
            urllib3.HTTPConnectionPool("x"), "/", error))
    elif depth == 3:
        wrapped = requests.ConnectionError("text")
        wrapped.__cause__ = error
    for scheme in ("https", "http"):
        failure = _failure(wrapped, f"{scheme}://host/path?secret")
        assert failure is not None and failure.result == result
        assert "secret" not in failure.detail
        tls = scheme == "https" and isinstance(error, ssl.SSLError)
        assert ("may speak http, not https" in failure.detail) == (
            tls and result == ARRResult.NoConnection)


def test_errors_that_name_each_other_are_looked_at_once() -> None:
    first, second = requests.ConnectionError("x"), socket.timeout("y")
    first.__cause__, second.__cause__ = second, first
    failure = _failure(first, "http://h/p")
    assert failure is not None and failure.result == ARRResult.Timeout


def test_a_bug_below_us_ends_as_fail_with_a_traceback_and_no_secret(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError(f"headers: Bearer {ACCESS_TOKEN} sig={SIGNATURE}= \n")

    for case in CASES:
        with Rig(good) as rig:
            adapter = rig.frontend._core.transport._adapter  # type: ignore[union-attr]
            monkeypatch.setattr(adapter, "send", broken)
            assert rig.run(case).result == ARRResult.Fail
    assert caplog.text.count("Traceback") >= len(CASES)
    assert ACCESS_TOKEN not in caplog.text
    assert not any(record.exc_info for record in caplog.records)
    record = next(record for record in caplog.records if "StartAsset" in record.getMessage())
    assert "RuntimeError" in record.getMessage()
    check_secrets(record.getMessage())


def test_the_failure_of_a_call_is_the_only_thing_that_gets_out_of_the_transport() -> None:
    assert not issubclass(CallFailed, requests.RequestException)
    assert isinstance(_failure(requests.ConnectionError("x"), "http://h/p"), CallFailed)
    assert _failure(KeyError("x"), "http://h/p") is None
    failure = CallFailed(ARRResult.ProtocolError, "x")
    assert _failure(failure, "http://h/p") is failure


def test_a_reply_held_by_a_blocking_server_completes_nothing_until_it_comes() -> None:
    with BlockingHTTPServer(port=0) as server:
        frontend = AzureFrontend(static_account(server.url_for("")))
        path = f"/v1/accounts/{ACCOUNT_ID}/sessions"
        operation = frontend.get_current_rendering_sessions_async()
        held = server.assert_request(uri=path, timeout=10)
        assert not operation.is_completed
        held.respond_with_json({"sessions": []})
        assert finish(operation).result == ARRResult.Success
