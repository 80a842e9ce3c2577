"""Hostile and broken servers: every row ends once, with the result of the table, and soon."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from typing import Any, Callable, Dict, Iterator, List, Tuple

import pytest

from arr import ARRResult, AzureFrontend

from ..support.fault_server import Answer, FaultServer, Request, Wire, kept, raw, reply, script
from ..support.rig import (
    ACCESS_TOKEN, CASE, CASES, PROPERTIES, SESSION_ID, Case, Rig, finish, good, static_account,
)

ALL = pytest.mark.parametrize("case", CASES, ids=str)
JSON_CASES = pytest.mark.parametrize("case", [case for case in CASES if case.body is not None],
                                     ids=str)
MIB = 1024 * 1024


def head(*lines: str) -> bytes:
    return "\r\n".join(["HTTP/1.1 200 OK", *lines, "", ""]).encode("latin-1")


def reset_after(data: bytes) -> Answer:
    def answer(wire: Wire, request: Request) -> None:
        if data:
            wire.send(data)
        # The client must read what came before the RST, which throws unread data away.
        wire.pause(0.02 if data else 0)
        wire.reset()
    return answer


def big(lines: Tuple[str, ...], piece: bytes, count: int) -> Answer:
    def answer(wire: Wire, request: Request) -> None:
        wire.send(head(*lines))
        for _ in range(count):
            wire.send(piece)
        wire.until_gone()
    return answer


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


# What the server does, and what comes of it for every call. None: a GET or DELETE is tried again.
BROKEN: List[Tuple[str, Answer, ARRResult]] = [
    ("not HTTP", raw(b"SSH-2.0-OpenSSH_8.9\r\n"), ARRResult.ProtocolError),
    ("HTTP/0.9", raw(b"<html>hello</html>"), ARRResult.ProtocolError),
    ("HTTP/2", raw(b"HTTP/2 200\r\nContent-Length: 0\r\n\r\n"), ARRResult.ProtocolError),
    ("a status that is no number", raw(b"HTTP/1.1 abc OK\r\n\r\n"), ARRResult.ProtocolError),
    ("a status of five digits", raw(b"HTTP/1.1 20000 OK\r\n\r\n"), ARRResult.ProtocolError),
    ("a status of 99", raw(b"HTTP/1.1 099 OK\r\n\r\n"), ARRResult.ProtocolError),
    ("an endless status line", raw(b"HTTP/1.1 200 " + b"x" * 70000), ARRResult.ProtocolError),
    ("20,000 headers", raw(head(*[f"X-{i}: y" for i in range(20000)])), ARRResult.ProtocolError),
    ("101 headers", raw(head("Content-Length: 0", *[f"X-{i}: y" for i in range(101)])),
     ARRResult.ProtocolError),
    ("a header line of 70 KiB", raw(head("X: " + "y" * 70 * 1024)), ARRResult.ProtocolError),
    ("FIN after the status line", raw(b"HTTP/1.1 200 OK\r\n"), ARRResult.ProtocolError),
    ("FIN inside the headers", raw(b"HTTP/1.1 200 OK\r\nContent-Ty"), ARRResult.ProtocolError),
    ("FIN inside the headers of chunks", raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX"),
     ARRResult.ProtocolError),
    ("FIN inside headers with a length", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\nX-"),
     ARRResult.ProtocolError),
    ("no length and no body", raw(head()), ARRResult.ProtocolError),
    ("103 Early Hints", kept(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
     ARRResult.ProtocolError),
    ("101 Switching Protocols", kept(b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"),
     ARRResult.ProtocolError),
    ("a body that is shorter than it says", raw(head("Content-Length: 900") + b'{"modelId"'),
     ARRResult.ProtocolError),
    ("a length of letters", kept(head("Content-Length: abc") + b"{}"), ARRResult.ProtocolError),
    ("a negative length", kept(head("Content-Length: -5") + b"{}"), ARRResult.ProtocolError),
    ("a length with a plus", kept(head("Content-Length: +2") + b"{}"), ARRResult.ProtocolError),
    ("a length of 5,000 digits", kept(head("Content-Length: " + "9" * 5000)),
     ARRResult.ProtocolError),
    ("two lengths that differ", kept(head("Content-Length: 2", "Content-Length: 3") + b"{} "),
     ARRResult.ProtocolError),
    ("the same length twice", kept(head("Content-Length: 2", "Content-Length: 2") + b"{}"),
     ARRResult.ProtocolError),
    ("a body of 100 MB by its length", big(("Content-Length: 104857600",), b"x" * MIB, 100),
     ARRResult.ProtocolError),
    ("a body of 100 MB without a length", big((), b"x" * MIB, 100), ARRResult.ProtocolError),
    ("a body of 100 MB in chunks",
     big(("Transfer-Encoding: chunked",), chunk(b"x" * MIB), 100), ARRResult.ProtocolError),
    ("a gzip bomb", kept(reply(gzip.compress(b"0" * 50 * MIB), 200, "Content-Encoding: gzip")),
     ARRResult.ProtocolError),
    ("a body in brotli", kept(reply(b"x", 200, "Content-Encoding: br")), ARRResult.ProtocolError),
    ("a coding of the transfer",
     kept(reply(b"x", 200, "Transfer-Encoding: gzip, chunked", length=False)),
     ARRResult.ProtocolError),
    ("a coding of the transfer, empty",
     raw(reply(b"", 200, "Transfer-Encoding: chunked, x", length=False)),
     ARRResult.ProtocolError),
    ("a chunk without a size", raw(head("Transfer-Encoding: chunked") + b"zz\r\n"),
     ARRResult.ProtocolError),
    ("chunks that end too early", raw(head("Transfer-Encoding: chunked") + b"5\r\nab"),
     ARRResult.ProtocolError),
    ("chunks without an end", raw(head("Transfer-Encoding: chunked") + chunk(b"{}")),
     ARRResult.ProtocolError),
    ("a chunk of a negative size", raw(head("Transfer-Encoding: chunked") + b"-5\r\nab\r\n"),
     ARRResult.ProtocolError),
    ("reset before the reply", reset_after(b""), ARRResult.NoConnection),
    ("reset inside the headers", reset_after(b"HTTP/1.1 200 OK\r\nContent-Len"),
     ARRResult.NoConnection),
    ("reset after the headers", reset_after(head("Content-Length: 60")), ARRResult.NoConnection),
    ("reset inside a chunk", reset_after(head("Transfer-Encoding: chunked") + b"40\r\nab"),
     ARRResult.NoConnection),
    ("closed before the reply", raw(b""), ARRResult.NoConnection),
]


@ALL
@pytest.mark.parametrize("name, answer, result", BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_reply_ends_the_call_with_the_result_of_the_table(
        case: Case, name: str, answer: Answer, result: ARRResult) -> None:
    with Rig(answer) as rig:
        context = rig.run(case)
        assert context.result == result
        tries = 3 if result == ARRResult.NoConnection and case.repeatable else 1
        assert len(rig.server.requests) == tries
        assert context.http_response_code == 0


def test_a_body_of_100_megabytes_is_never_held_in_memory() -> None:
    with Rig(big((), b"x" * MIB, 100)) as rig:
        tracemalloc.start()
        try:
            assert rig.run(CASE["list"]).result == ARRResult.ProtocolError
            assert tracemalloc.get_traced_memory()[1] < 30 * MIB
        finally:
            tracemalloc.stop()


@ALL
def test_a_reply_in_chunks_is_a_good_reply(case: Case) -> None:
    body = b"" if case.body is None else json.dumps(case.body).encode()
    chunks = b"".join(chunk(body[at:at + 7]) for at in range(0, len(body), 7)) + b"0\r\n\r\n"
    with Rig(kept(head("Transfer-Encoding: chunked") + chunks)) as rig:
        assert rig.run(case).result == ARRResult.Success
        assert rig.run(case).result == ARRResult.Success
        assert rig.server.connections == 1


@JSON_CASES
def test_a_reply_that_ends_with_its_connection_is_a_good_reply(case: Case) -> None:
    with Rig(raw(reply(case.body, length=False))) as rig:
        assert rig.run(case).result == ARRResult.Success


# -- bodies that are no JSON, or the wrong JSON --------------------------------------------------

GARBAGE = [
    ("empty", b""), ("blank", b"  "), ("html", b"<html></html>"), ("half", b'{"modelId": "ab'),
    ("invalid UTF-8", b'{"modelId": "\xff\xfe", "sessionId": "\xc3\x28", "status": "\xff"}'),
    ("UTF-16", '{"status": "Running"}'.encode("utf-16")),
    ("deep", b"[" * 100_000), ("deep objects", b'{"a":' * 100_000),
    ("NaN", b'{"modelId": NaN, "sessionId": NaN, "status": NaN, "sessions": NaN}'),
    ("infinity", b'{"sessions": -Infinity}'),
    ("a huge integer", b'{"sessions": ' + b"9" * 100_000 + b"}"),
    ("a list", b"[]"), ("null", b"null"), ("a number", b"1"), ("text", b'"text"'),
    ("no fields", b"{}"), ("two documents", b"{}{}"), ("trailing", b'{"status": "Running"} x'),
    ("single quotes", b"{'status': 'Running'}"), ("NUL", b'{"status": "Running"}\x00'),
]


@JSON_CASES
@pytest.mark.parametrize("name, body", GARBAGE, ids=[row[0] for row in GARBAGE])
def test_a_body_that_is_not_the_documented_json_is_a_protocol_error(
        case: Case, name: str, body: bytes) -> None:
    with Rig(kept(reply(body))) as rig:
        context = rig.run(case)
        assert context.result == ARRResult.ProtocolError
        assert context.http_response_code == 200
        assert len(rig.server.requests) == 1


def fields(value: Any, where: Tuple[Any, ...] = ()) -> Iterator[Tuple[Any, ...]]:
    """Walk the paths of all values inside a document."""
    if where:
        yield where
    items: Any = (value.items() if isinstance(value, dict) else
                  enumerate(value) if isinstance(value, list) else ())
    for key, item in items:
        yield from fields(item, where + (key,))


def with_value(body: Any, where: Tuple[Any, ...], value: object) -> Any:
    copy = json.loads(json.dumps(body))
    inner = copy
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    return copy


WRONG: Tuple[object, ...] = (True, False, 0, 1.5, -1, 10 ** 30, [], [1], {}, {"a": 1}, "",
                             "\ud800", "wrong\n", None)
RIGHT: Dict[Any, Tuple[object, ...]] = {  # what each field may be of the above
    "message": ("", "wrong\n", None), "sessionElapsedTime": ("", None),
    "sessionHostname": ("", "wrong\n", None), "sessionId": (), "modelId": (),
    "sessionMaxLeaseTime": ("", None), "sessionSize": ("", "wrong\n", None),
    "sessionStatus": ("", "wrong\n", None), "status": ("", "wrong\n"),
    "connectionProperties": ({}, {"a": 1}, None), "arrInspectorPort": (0, None),
    "handshakePort": (0, None), "sessions": ([],), 0: (),
}


def allowed(key: Any, value: object) -> bool:
    return any(type(value) is type(each) and value == each for each in RIGHT[key])


@JSON_CASES
def test_a_field_of_the_wrong_type_is_a_protocol_error_and_any_other_value_is_read(
        case: Case) -> None:
    expected: List[Tuple[Tuple[Any, ...], object, ARRResult]] = []
    for where in fields(case.body):
        for value in WRONG:
            good_value = allowed(where[-1], value)
            expected.append((where, value, ARRResult.Success if good_value
                             else ARRResult.ProtocolError))
    answers = [kept(reply(with_value(case.body, where, value))) for where, value, _ in expected]
    with Rig(script(*answers)) as rig:
        for where, value, result in expected:
            assert rig.run(case).result == result, (where, value)
        assert len(rig.server.requests) == len(expected)
        assert rig.server.connections == 1


@pytest.mark.parametrize("text", [
    "1", "1:2", "1:2:3:4", "-01:00:00", "01:00:0x", "1e3:00:00", "01:00:00.12345678", " ",
    "\u0661:00:00", "999999999999:00:00", "01:00:00\n"])
def test_a_time_span_that_is_none_is_a_protocol_error(text: str) -> None:
    for field in ("sessionElapsedTime", "sessionMaxLeaseTime"):
        with Rig(kept(reply({**PROPERTIES, field: text}))) as rig:
            assert rig.run(CASE["properties"]).result == ARRResult.ProtocolError
            assert rig.session.properties.id == ""


def test_a_huge_time_span_is_read() -> None:
    body = {**PROPERTIES, "sessionMaxLeaseTime": "99999999.999999999:99:99.9999999"}
    with Rig(kept(reply(body))) as rig:
        assert rig.run(CASE["properties"]).result == ARRResult.Success
        assert rig.session.properties.max_lease.days > 100_000_000


@pytest.mark.parametrize("bad_id", ["", ".", "..", "a\nb", "\u0000", "\ud800"])
def test_an_id_of_the_service_that_is_none_is_a_protocol_error(bad_id: str) -> None:
    for name, field in (("ingest", "modelId"), ("create", "sessionId")):
        with Rig(kept(reply({field: bad_id}))) as rig:
            assert rig.run(CASE[name]).result == ARRResult.ProtocolError


def test_unknown_fields_and_words_do_not_break_the_reply() -> None:
    body = {**PROPERTIES, "sessionStatus": "Hibernating", "sessionSize": "Gigantic", "new": [1]}
    with Rig(kept(reply(body))) as rig:
        assert rig.run(CASE["properties"]).result == ARRResult.Success
        assert str(rig.session.status) == "Unknown"
        assert str(rig.session.properties.size) == "None"
        assert rig.session.properties.size_string == "Gigantic"


# -- 1xx ----------------------------------------------------------------------------------------

def test_after_early_hints_the_next_call_gets_its_own_answer() -> None:
    other = "11111111-2222-3333-4444-555555555555"
    late = b"HTTP/1.1 103 Early Hints\r\n\r\n"

    def answer(wire: Wire, request: Request) -> None:
        if request.connection == 1:
            wire.send(late)
            wire.send(reply({**PROPERTIES, "sessionId": other}))
        else:
            good(wire, request)

    with Rig(answer) as rig:
        assert rig.run(CASE["properties"]).result == ARRResult.ProtocolError
        assert rig.run(CASE["properties"]).result == ARRResult.Success
        assert rig.session.properties.id == SESSION_ID
        assert rig.server.connections == 2


def test_a_100_continue_is_passed_over() -> None:
    def answer(wire: Wire, request: Request) -> None:
        wire.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        good(wire, request)

    with Rig(answer) as rig:
        for case in CASES * 2:
            assert rig.run(case).result == ARRResult.Success
        assert rig.server.connections == 1


# -- slow servers: the deadline cuts them, and the fake clock is the only time that passes -------

def slow(first: bytes) -> Callable[[List[Rig]], Answer]:
    """Send the beginning of a reply, then let the deadline pass, then go on byte by byte."""
    def make(rigs: List[Rig]) -> Answer:
        def answer(wire: Wire, request: Request) -> None:
            wire.drip(first, 0.001)
            rigs[0].clock.advance(100)
            wire.until_gone()
        return answer
    return make


SLOW = [
    ("headers", slow(b"HTTP/1.1 200 OK\r\nContent-")),
    ("no byte at all", slow(b"")),
    ("body", slow(head("Content-Length: 60") + b'{"mod')),
    ("chunks", slow(head("Transfer-Encoding: chunked") + b"1\r\na\r\n1\r\nb\r\n")),
    ("trailers", slow(head("Transfer-Encoding: chunked") + b"0\r\nX: y\r\nX: z\r\n")),
    ("a body without a length", slow(head() + b'{"sessions": []}')),
    ("the body of an error", slow(b"HTTP/1.1 500 X\r\nContent-Length: 60\r\n\r\n{")),
    ("interim replies", slow(b"HTTP/1.1 100 Continue\r\n\r\n" * 3)),
]


@ALL
@pytest.mark.parametrize("name, make", SLOW, ids=[row[0] for row in SLOW])
def test_the_deadline_cuts_a_server_that_drips(
        case: Case, name: str, make: Callable[[List[Rig]], Answer]) -> None:
    rigs: List[Rig] = []
    with Rig(make(rigs)) as rig:
        rigs.append(rig)
        context = rig.run(case)
        assert context.result == ARRResult.Timeout
        assert len(rig.server.requests) == 1


def test_a_dripping_server_is_cut_off_in_real_time_too() -> None:
    def answer(wire: Wire, request: Request) -> None:
        wire.drip(head() + b"x" * 100_000)

    with FaultServer(answer) as server:
        frontend = AzureFrontend(static_account(server.url), timeout=(0.1, 0.1))
        context = finish(frontend.get_current_rendering_sessions_async(), 3)
        assert context.result == ARRResult.Timeout


def test_a_silent_server_trips_the_read_time_out_and_nothing_is_sent_again() -> None:
    with FaultServer(lambda wire, request: wire.until_gone()) as server:
        frontend = AzureFrontend(static_account(server.url), timeout=(5, 0.1))
        for case in CASES:
            session = frontend.open_rendering_session(SESSION_ID)
            assert finish(case.make(frontend, session)).result == ARRResult.Timeout
        assert len(server.requests) == len(CASES)


# -- redirects ----------------------------------------------------------------------------------

@ALL
@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
def test_a_redirect_is_not_followed_and_the_token_stays_here(case: Case, status: int) -> None:
    with FaultServer(good) as other:
        with Rig(kept(reply(None, status, f"Location: {other.url}/elsewhere"))) as rig:
            context = rig.run(case)
            assert (context.result, context.http_response_code) == (ARRResult.Fail, status)
            assert len(rig.server.requests) == 1
        assert other.requests == [] and other.connections == 0


def test_the_request_carries_the_token_and_nothing_of_a_session() -> None:
    def answer(wire: Wire, request: Request) -> None:
        wire.send(reply(CASE["list"].body, 200, "Set-Cookie: a=b; Path=/"))

    with Rig(answer) as rig:
        for _ in range(2):
            assert rig.run(CASE["list"]).result == ARRResult.Success
        for request in rig.server.requests:
            assert request.headers["authorization"] == f"Bearer {ACCESS_TOKEN}"
            assert "cookie" not in request.headers
            assert request.headers["accept-encoding"] == "identity"
