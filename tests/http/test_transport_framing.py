"""Where a reply ends: what comes behind it, headers that are nearly right, and where it begins: a
name with many addresses."""

from __future__ import annotations

import socket
import time
from typing import Any, Iterator, List, Tuple

import pytest
import urllib3

from arr import ARRResult, AzureFrontend
from arr._http import connections
from arr._http.transport import MAX_BODY

from ..support.fault_server import Answer, FaultServer, kept, reply, script
from ..support.rig import (
    CASE, CASES, MODEL_ID, SESSION_ID, Case, Rig, finish, good, static_account,
)

ALL = pytest.mark.parametrize("case", CASES, ids=str)
EVIL = reply({"sessions": [], "status": "Failure"}, 200, "X-Evil: yes")


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *lines, "", ""]).encode("latin-1")


# -- surplus -----------------------------------------------------------------------------------

def surplus(first: bytes, evil: bytes) -> Answer:
    """Return an answer with more than the reply, in one write; later ones are as they should."""
    return script(kept(first + evil), good)


FIRST: List[Tuple[str, bytes, ARRResult]] = [
    ("a body", reply({"status": "Running"}), ARRResult.Success),
    ("a large body", reply({"status": "Running", "x": "y" * 9000}), ARRResult.Success),
    ("chunks", head("Transfer-Encoding: chunked") + b'14\r\n{"status":"Running"}\r\n0\r\n\r\n',
     ARRResult.Success),
    ("trailers", head("Transfer-Encoding: chunked")
     + b'14\r\n{"status":"Running"}\r\n0\r\nX: y\r\n\r\n', ARRResult.Success),
    ("an error", reply({"error": "no"}, 409), ARRResult.AlreadyExists),
    ("an error without a body", reply(None, 404), ARRResult.InvalidId),
    ("no JSON", reply(b"nonsense"), ARRResult.ProtocolError),
]
BEHIND = [("a reply", EVIL), ("many replies", EVIL * 200), ("half a reply", EVIL[:20]),
          ("a line feed", b"\n")]


@pytest.mark.parametrize("behind", [row[1] for row in BEHIND], ids=[row[0] for row in BEHIND])
@pytest.mark.parametrize("name, first, result", FIRST, ids=[row[0] for row in FIRST])
def test_a_connection_on_which_more_arrived_than_the_reply_is_closed(
        name: str, first: bytes, result: ARRResult, behind: bytes) -> None:
    with Rig(surplus(first, behind)) as rig:
        assert rig.run(CASE["ingestion"]).result == result
        assert rig.run(CASE["ingestion"]).result == ARRResult.Success
        assert [request.connection for request in rig.server.requests] == [1, 2]


def test_after_204_too() -> None:
    with Rig(surplus(reply(None, 204), EVIL)) as rig:
        assert rig.run(CASE["stop"]).result == ARRResult.Success
        assert rig.run(CASE["ingestion"]).result == ARRResult.Success
        assert rig.server.connections == 2


# -- headers -----------------------------------------------------------------------------------

@ALL
@pytest.mark.parametrize("blank", [" ", "\t", "   \t"])
def test_white_space_behind_a_length_is_no_part_of_it(case: Case, blank: str) -> None:
    body = case.good.partition(b"\r\n\r\n")[2]
    with Rig(kept(head(f"Content-Length: {len(body)}{blank}") + body)) as rig:
        assert rig.run(case).result == ARRResult.Success
        assert rig.run(case).result == ARRResult.Success
        assert rig.server.connections == 1


def test_white_space_behind_the_codings_is_no_part_of_them() -> None:
    chunks = b'14\r\n{"status":"Running"}\r\n0\r\n\r\n'
    with Rig(kept(head("Transfer-Encoding: chunked ", "Content-Encoding: identity ")
                  + chunks)) as rig:
        for _ in range(2):
            assert rig.run(CASE["ingestion"]).result == ARRResult.Success
        assert rig.server.connections == 1


@ALL
@pytest.mark.parametrize("line", ["no colon", "Spaced : 1", "=", "Content-Length 20"])
def test_a_header_line_without_a_colon_is_no_http(case: Case, line: str) -> None:
    """The parser takes it, and the length behind it, for the body: nobody would know the end."""
    body = case.good.partition(b"\r\n\r\n")[2]
    with Rig(kept(head("X: y", line, f"Content-Length: {len(body)}") + body)) as rig:
        context = rig.run(case)
        assert context.result == ARRResult.ProtocolError
        assert len(rig.server.requests) == 1


@ALL
def test_a_multipart_type_is_no_broken_header(case: Case) -> None:
    body = case.good.partition(b"\r\n\r\n")[2]
    with Rig(kept(head("Content-Type: multipart/mixed", f"Content-Length: {len(body)}")
                  + body)) as rig:
        assert rig.run(case).result == ARRResult.Success


@ALL
@pytest.mark.parametrize("size", [b"-5", b"-0000001", b" -5 ", b"-5;x=y"])
def test_a_negative_chunk_size_is_no_http(case: Case, size: bytes) -> None:
    """On a connection that stays open, where an end of the data cannot help."""
    for before in (b"", b"2\r\n{}\r\n"):
        body = before + size + b"\r\n{}\r\n0\r\n\r\n"
        with Rig(kept(head("Transfer-Encoding: chunked") + body)) as rig:
            assert rig.run(case).result == ARRResult.ProtocolError


# -- size --------------------------------------------------------------------------------------

def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize("more, result", [
    (0, ARRResult.Success), (1, ARRResult.ProtocolError)])
def test_a_body_may_have_eight_mebibytes(more: int, result: ARRResult) -> None:
    assert MAX_BODY == 8 * 1024 * 1024
    body = b'{"sessions": []' + b" " * (MAX_BODY + more - 16) + b"}"
    half = len(body) // 2
    chunks = chunk(body[:half]) + chunk(body[half:]) + b"0\r\n\r\n"
    for answer in (reply(body), head("Transfer-Encoding: chunked") + chunks):
        with Rig(kept(answer)) as rig:
            context = rig.run(CASE["list"])
            assert context.result == result
            assert ("larger than 8 MiB" in context.error_message) == bool(more)


@pytest.mark.parametrize("length", [MAX_BODY + 1, 10 ** 17, 10 ** 18])
def test_a_body_that_will_be_too_large_is_not_waited_for(length: int) -> None:
    with Rig(kept(head(f"Content-Length: {length}"))) as rig:
        assert "larger than 8 MiB" in rig.run(CASE["list"]).error_message


# -- connecting --------------------------------------------------------------------------------

@pytest.fixture
def silent_port() -> Iterator[int]:
    """A port that answers no attempt to connect: its queue is full and nobody accepts."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting: List[socket.socket] = []
        try:
            for _ in range(50):
                caller = socket.socket()
                waiting.append(caller)
                caller.settimeout(0.2)
                try:
                    caller.connect(listener.getsockname())
                except socket.timeout:
                    break
            else:
                pytest.skip("this system takes every connection")
            yield listener.getsockname()[1]
        finally:
            for caller in waiting:
                caller.close()


def twelve(port: int) -> Any:
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> List[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))] * 12
    return getaddrinfo


@pytest.mark.parametrize("case", [CASE["list"], CASE["create"]], ids=str)
def test_the_deadline_bounds_connecting_to_a_name_with_many_addresses(
        case: Case, silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 23: the time-out for connecting counts for each address."""
    monkeypatch.setattr(socket, "getaddrinfo", twelve(silent_port))
    frontend = AzureFrontend(static_account("http://localhost:1"), timeout=(0.4, 0.1))
    session = frontend.open_rendering_session(SESSION_ID)
    begin = time.monotonic()
    context = finish(case.make(frontend, session))
    assert context.result == ARRResult.Timeout
    assert time.monotonic() - begin < 4  # 0.6 s are promised; the twelve addresses take 4.8 s


def test_a_single_attempt_to_connect_is_cut_at_the_deadline_too(
        silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", twelve(silent_port))
    frontend = AzureFrontend(static_account("http://localhost:1"), timeout=(30, 0.1))
    core = frontend._core
    assert core is not None
    core.operation_seconds = 0.3
    begin = time.monotonic()
    context = finish(frontend.get_ingestion_status_async(MODEL_ID))
    assert context.result == ARRResult.Timeout
    assert time.monotonic() - begin < 5


def test_the_addresses_of_a_name_are_tried_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed, FaultServer(good) as server, monkeypatch.context() as patch:
        closed.bind(("127.0.0.1", 0))  # refuses: it does not listen
        ports = [closed.getsockname()[1], server.port]
        patch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports])
        frontend = AzureFrontend(static_account("http://localhost:1"))
        context = finish(frontend.get_current_rendering_sessions_async())
        assert context.result == ARRResult.Success
        ports.pop()
        frontend = AzureFrontend(static_account("http://localhost:1"))
        context = finish(CASE["update"].make(
            frontend, frontend.open_rendering_session(SESSION_ID)))
        assert context.result == ARRResult.NoConnection
        assert "refused" in context.error_message


class Watched(connections._Socket):
    """A socket that notes how it was made ready to connect, and may fail to."""

    ready: List[Tuple[Any, bool]] = []
    fails = False

    def connect(self, address: Any) -> None:
        at_once = self.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        self.ready.append((self.gettimeout(), bool(at_once)))
        if self.fails:
            raise RuntimeError("a bug")
        super().connect(address)


@pytest.mark.parametrize("fails", [False, True])
def test_a_socket_has_the_time_to_connect_and_a_bug_is_no_silent_address(
        fails: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_Socket", Watched)
    monkeypatch.setattr(Watched, "ready", [])
    monkeypatch.setattr(Watched, "fails", fails)
    with Rig(good, timeout=(7, 9)) as rig:
        monkeypatch.setattr(socket, "getaddrinfo", twelve(rig.server.port))
        context = rig.run(CASE["list"])
    assert context.result == (ARRResult.Fail if fails else ARRResult.Success)
    assert Watched.ready == [(7.0, True)]


def test_a_name_without_an_address_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with Rig(good) as rig, monkeypatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [])
        context = rig.run(CASE["update"])
    assert context.result == ARRResult.NoConnection
    assert "is not known; check the account domain" in context.error_message


@pytest.mark.parametrize("opens", [True, False])
def test_a_call_that_met_a_closed_address_is_freed_at_once_without_the_collector(
        opens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As localhost is two addresses, and a server may listen at one of them only."""
    with socket.socket() as closed, Rig(good) as rig, monkeypatch.context() as patch:
        closed.bind(("127.0.0.1", 0))  # refuses: it does not listen
        ports = [closed.getsockname()[1]] + [rig.server.port] * opens
        patch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: [
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)) for port in ports])
        assert (rig.run_and_free(CASE["update"]) == ARRResult.Success) == opens


def test_a_call_that_is_cut_while_it_sends_sends_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    real = urllib3.connection.HTTPConnection.request
    broke: List[bool] = []

    def cut_then_request(self: Any, *args: Any, **kwargs: Any) -> None:
        connections.flying.flight.cut(ARRResult.Timeout)
        try:
            real(self, *args, **kwargs)
        except OSError:
            broke.append(True)
            raise

    with Rig(good) as rig:
        rig.run(CASE["list"])
        monkeypatch.setattr(urllib3.connection.HTTPConnection, "request", cut_then_request)
        assert rig.run(CASE["update"]).result == ARRResult.Timeout
        assert broke == [True] and len(rig.server.requests) == 1
