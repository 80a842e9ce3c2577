"""Each limit of a request to the byte and the second, and what of a request reaches the service."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any

import pytest

from arr.emulator._http import wire as wire_module
from arr.emulator._http.messages import ConnectionEnded, HttpError, Request, TlsFailed
from arr.emulator._http.wire import MAX_BODY, MAX_FIELDS, MAX_HEAD, MAX_TARGET, Wire

from ...support.emulator import LIMIT

LINE = b"GET /a HTTP/1.1\r\n"
GET = LINE + b"Host: x\r\n"
CHUNKED = GET + b"Transfer-Encoding: chunked\r\n\r\n"


class Pieces:
    """A socket from which these pieces come, and then the end."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = [*pieces]
        self.sent = b""

    def settimeout(self, seconds: float) -> None:
        assert 0 < seconds <= LIMIT

    def recv(self, size: int) -> bytes:
        return self.left.pop(0) if self.left else b""

    def sendall(self, data: bytes) -> None:
        self.sent += data


def wire(*pieces: bytes) -> Wire:
    connection: Any = Pieces(*pieces)
    return Wire(connection, LIMIT, LIMIT, tls=None, plain=True)


def refusal(*pieces: bytes) -> int:
    with pytest.raises(HttpError) as caught:
        wire(*pieces).read()
    return caught.value.status


def filled(start: bytes, end: bytes, size: int) -> bytes:
    return start + b"y" * (size - len(start) - len(end)) + end


def test_the_limits_are_those_of_the_guide() -> None:
    assert (MAX_HEAD, MAX_TARGET, MAX_FIELDS, MAX_BODY) == (65_536, 8_192, 100, 1_048_576)


def test_a_request_is_read_as_it_is() -> None:
    request = wire(b"PUT /a/b?c=d HTTP/1.1\r\nHOST:\t X \r\nA: 1\r\na:2\r\n"
                   b"Content-Length: 0003\r\n\r\nabcd").read()
    assert (request.method, request.target, request.body) == ("PUT", "/a/b?c=d", b"abc")
    assert request.headers == {"host": "X", "a": "1, 2", "content-length": "0003"}
    assert (request.segments, request.query, request.keep_alive) == (("a", "b"), "c=d", True)
    assert not request.secure


@pytest.mark.parametrize("data", [
    GET + b"A: b\r\n\r\n", b"\r\n\r\n\r\n" + GET + b"A: b\r\n\r\n",
    GET + b"A: b\r\nContent-Length: 5\r\n\r\nhello",
    CHUNKED + b"3;x=y\r\nabc\r\n 0A \r\n0123456789\r\n0\r\nT: x\r\n\r\n"])
def test_pieces_of_one_byte_are_the_same_request(data: bytes) -> None:
    pieces = [data[i:i + 1] for i in range(len(data))]
    whole, slow = wire(data).read(), wire(*pieces).read()
    for name in Request.__slots__:
        assert getattr(whole, name) == getattr(slow, name)
    pair = wire(data + data)  # nothing of one is taken for the other
    assert [pair.read().body, pair.read().body] == [whole.body] * 2
    with pytest.raises(ConnectionEnded):
        pair.read()


def test_a_chunked_body_is_put_together() -> None:
    assert wire(CHUNKED + b"3;x=y\r\nabc\r\n0A\r\n0123456789\r\n000\r\nT: x\r\n\r\n"
                ).read().body == b"abc0123456789"


def test_a_head_may_have_64_kib() -> None:
    assert wire(filled(GET + b"A: ", b"\r\n\r\n", MAX_HEAD + 4)).read().headers["a"]
    assert refusal(filled(GET + b"A: ", b"\r\n\r\n", MAX_HEAD + 5)) == 431
    endless = filled(GET + b"A: ", b"", MAX_HEAD)
    with pytest.raises(ConnectionEnded):
        wire(endless).read()
    assert refusal(endless + b"y") == 431


def test_a_path_may_have_8_kib() -> None:
    def target(size: int) -> bytes:
        return b"GET " + filled(b"/", b"", size) + b" HTTP/1.1\r\nHost: x\r\n\r\n"

    assert len(wire(target(MAX_TARGET)).read().target) == MAX_TARGET
    assert refusal(target(MAX_TARGET + 1)) == 414
    assert refusal(filled(b"GET /", b"", MAX_HEAD + 1)) == 414
    assert refusal(filled(target(MAX_TARGET)[:-2] + b"A: ", b"", MAX_HEAD + 1)) == 431


def test_a_head_may_have_100_fields() -> None:
    fields = [b"A%d: b\r\n" % number for number in range(MAX_FIELDS)]
    assert len(wire(GET + b"".join(fields[1:]) + b"\r\n").read().headers) == MAX_FIELDS
    assert refusal(GET + b"".join(fields) + b"\r\n") == 431


@pytest.mark.parametrize("size, expected", [(MAX_BODY, 0), (MAX_BODY + 1, 413)])
def test_a_body_may_have_a_mebibyte(size: int, expected: int) -> None:
    plain = GET + b"Content-Length: %d\r\n\r\n" % size + bytes(size)
    half = bytes(size // 2)
    chunked = CHUNKED + b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (
        len(half), half, size - len(half), bytes(size - len(half)))
    for data in (plain, chunked):
        if expected:
            assert refusal(data) == expected
        else:
            assert len(wire(data).read().body) == size


@pytest.mark.parametrize("length, expected", [
    (b"0" * 500 + b"1", 0), (b"", 400), (b"1 1", 400), (b"0x1", 400), (b"\xb2", 400),
    (b"1000000000", 413)])
def test_a_length_is_a_number(length: bytes, expected: int) -> None:
    data = GET + b"Content-Length: " + length + b"\r\n\r\nz"
    if expected:
        assert refusal(data) == expected
    else:
        assert wire(data).read().body == b"z"


def test_a_line_of_a_chunked_body_may_have_a_kibibyte() -> None:
    last = b"\r\n\r\n"
    assert wire(CHUNKED + filled(b"0;", last, 1_024 + len(last))).read().body == b""
    assert refusal(CHUNKED + filled(b"0;", last, 1_025 + len(last))) == 400
    with pytest.raises(ConnectionEnded):
        wire(CHUNKED + filled(b"0;", b"", 1_024)).read()
    assert wire(CHUNKED + b"0" + last + bytes(1_100)).read().body == b""  # those are not of it
    assert refusal(CHUNKED + filled(b"0;", b"", 1_025)) == 400


def test_a_chunked_body_may_have_99_trailers() -> None:
    assert wire(CHUNKED + b"0\r\n" + b"T: x\r\n" * (MAX_FIELDS - 1) + b"\r\n").read().body == b""
    assert refusal(CHUNKED + b"0\r\n" + b"T: x\r\n" * MAX_FIELDS + b"\r\n") == 431


@pytest.mark.parametrize("size", [b"", b"g", b"-1", b"+1", b"0x1", b"1_0", b"000000001"])
def test_a_chunk_size_is_a_short_hexadecimal_number(size: bytes) -> None:
    assert refusal(CHUNKED + size + b"\r\na\r\n0\r\n\r\n") == 400


@pytest.mark.parametrize("text, keep", [
    (LINE + b"Host: x\r\nConnection: Close\r\n", False),
    (LINE + b"Host: x\r\nConnection: keep-alive\r\n", True),
    (b"GET /a HTTP/1.0\r\n", False), (b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n", False)])
def test_who_keeps_the_connection(text: bytes, keep: bool) -> None:
    assert wire(text + b"\r\n").read().keep_alive is keep


@pytest.mark.parametrize("target, path", [
    (b"http://x/a", "/a"), (b"HTTPS://x:1/a/b?c", "/a/b?c"), (b"http://x", "/"),
    (b"/http://x", "/http://x")])
def test_a_whole_url_is_cut_to_its_path(target: bytes, path: str) -> None:
    assert wire(b"GET " + target + b" HTTP/1.1\r\nHost: x\r\n\r\n").read().target == path


@pytest.mark.parametrize("name", [
    b"Content-Length", b"Host", b"Authorization", b"Transfer-Encoding", b"Content-Type", b"Origin"])
def test_headers_that_decide_come_once(name: bytes) -> None:
    assert refusal(LINE + (name + b": 0\r\n") * 2 + b"\r\n") == 400


@pytest.mark.parametrize("rest, answered", [
    (b"Content-Length: 2\r\n", True), (b"Transfer-Encoding: Chunked \r\n", True),
    (b"Content-Length: 0\r\n", False), (b"", False)])
def test_who_waits_for_100_continue_is_answered(rest: bytes, answered: bool) -> None:
    connection: Any = Pieces(GET + rest + b"Expect: 100-Continue\r\n\r\n", b"0\r\n\r\n")
    Wire(connection, LIMIT, LIMIT, tls=None, plain=True).read()
    assert (connection.sent == b"HTTP/1.1 100 Continue\r\n\r\n") is answered
    here: Any = Pieces(GET + rest + b"Expect: 100-Continue\r\n\r\n0\r\n\r\n")  # sent unasked
    Wire(here, LIMIT, LIMIT, tls=None, plain=True).read()
    assert here.sent == b""


# time: an idle connection has 8 seconds, a request 2

IDLE, PER_REQUEST = 8.0, 2.0
WHOLE = GET + b"\r\n"


class Slow:
    """A socket from which pieces come, each so many seconds after the one before; then the end."""

    def __init__(self, now: SimpleNamespace, *pieces: tuple[float, bytes]) -> None:
        self.now = now
        self.left = [*pieces]
        self.waits: list[float] = []  # how long each of the calls below might take
        self.done: list[object] = []
        self.timeout = -1.0

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds

    def recv(self, size: int) -> bytes:
        self.waits.append(self.timeout)
        seconds, data = self.left.pop(0) if self.left else (0.0, b"")
        self.now.seconds += min(seconds, self.timeout)
        if seconds > self.timeout:
            raise socket.timeout
        return data

    def sendall(self, data: bytes) -> None:
        self.waits.append(self.timeout)
        self.done.append(data)

    send = sendall

    def shutdown(self, how: int) -> None:
        self.done.append(how)


class Marked:
    """In place of TLS: bytes that are sent have a mark before them; others make the handshake."""

    HELLO, READY, BAD, END = b"\x16", b"\x14", b"\x15", b"\x17"

    def __init__(self) -> None:
        self.ready = self.ended = False

    def decrypt(self, data: bytes) -> bytes:
        if data == self.BAD:
            raise TlsFailed("it is bad")
        self.ready = self.ready or self.READY in data
        self.ended = self.END in data
        return data.translate(None, self.HELLO + self.READY + self.END)

    def outgoing(self) -> bytes:
        return b"" if self.ready else b"mine"

    def encrypt(self, data: bytes) -> bytes:
        return b"!" + data

    def farewell(self) -> bytes:
        return b"bye"


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    now = SimpleNamespace(seconds=100.0)
    monkeypatch.setattr(wire_module, "time", SimpleNamespace(monotonic=lambda: now.seconds))
    return now


def slow(now: SimpleNamespace, *pieces: tuple[float, bytes], tls: bool = False,
         plain: bool = True) -> tuple[Wire, Slow]:
    connection: Any = Slow(now, *pieces)
    new_tls: Any = Marked if tls else None
    return Wire(connection, IDLE, PER_REQUEST, tls=new_tls, plain=plain), connection


@pytest.mark.parametrize("pieces, waits", [
    ([(8, GET), (1.5, b"A: b\r\n"), (0.25, b"\r\n")], [8, 2, 0.5]),
    ([(8, WHOLE), (8, WHOLE)], [8, 8]),
    ([(8, WHOLE + GET), (1, b"\r\n")], [8, 2]),
    ([(1, GET + b"Content-Length: 3\r\n\r\na"), (1, b"b"), (0.5, b"c"), (8, WHOLE)],
     [8, 2, 1, 8])])
def test_the_time_of_a_request_begins_with_its_first_byte(
        now: SimpleNamespace, pieces: list[tuple[float, bytes]], waits: list[float]) -> None:
    wire, connection = slow(now, *pieces)
    while connection.left:
        assert wire.read().target == "/a"
    assert connection.waits == waits


@pytest.mark.parametrize("pieces, waits", [
    ([(0, GET), (2.1, b"\r\n")], [8, 2]),
    ([(0, GET), (2, b"A: b\r\n"), (0, b"\r\n")], [8, 2]),  # no time is left to ask for
    ([(0, GET + b"Content-Length: 3\r\n\r\na"), (2.1, b"bc")], [8, 2]),
    ([(0, CHUNKED + b"3"), (2.1, b"\r\n")], [8, 2])])
def test_a_request_that_takes_too_long_is_refused(
        now: SimpleNamespace, pieces: list[tuple[float, bytes]], waits: list[float]) -> None:
    wire, connection = slow(now, *pieces)
    with pytest.raises(HttpError, match="not complete after 2 s") as caught:
        wire.read()
    assert caught.value.status == 408 and connection.waits == waits


def test_silence_ends_a_connection_without_a_word(now: SimpleNamespace) -> None:
    wire, connection = slow(now, (0, WHOLE), (8.1, WHOLE))
    wire.read()
    with pytest.raises(ConnectionEnded):
        wire.read()
    assert connection.waits == [8, 8] and connection.done == []


def test_a_reply_has_the_time_of_a_request(now: SimpleNamespace) -> None:
    wire, connection = slow(now, (0, WHOLE))
    wire.read()
    wire.send(b"reply")
    assert (connection.done, connection.waits) == ([b"reply"], [8, 2])


@pytest.mark.parametrize("pieces, waits, left", [
    ([(0.5, b"123456"), (0.25, b"7890"), (0, b"1")], [1, 0.5], 1),
    ([(0.5, b"123456"), (0.25, b"789"), (0, b"0"), (0, b"1")], [1, 0.5, 0.25], 1),
    ([(0.5, b"1"), (0.5, b"2"), (0, b"3")], [1, 0.5], 1), ([(1.5, b"1"), (0, b"2")], [1], 1),
    ([(0, b"1")], [1, 1], 0)])
def test_an_ended_connection_is_read_for_a_while(
        now: SimpleNamespace, pieces: list[tuple[float, bytes]], waits: list[float],
        left: int) -> None:
    wire, connection = slow(now, *pieces)
    wire.end(1.0, 10, cut=False)
    assert (connection.waits, len(connection.left)) == (waits, left)
    assert connection.done == [socket.SHUT_WR]


def test_a_connection_that_breaks_at_its_end_is_no_error(
        now: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object) -> None:
        raise ConnectionResetError

    monkeypatch.setattr(Slow, "recv", broken)
    wire, connection = slow(now)
    wire.end(1.0, 10, cut=False)
    assert connection.done == [socket.SHUT_WR]


@pytest.mark.parametrize("plain", [True, False])
def test_a_handshake_and_the_first_request_have_one_time(
        now: SimpleNamespace, plain: bool) -> None:
    wire, connection = slow(now, (1, Marked.HELLO), (0.5, Marked.READY), (0.25, GET),
                            (0.125, b"\r\n" + GET), (1, b"\r\n"), (8, WHOLE), tls=True,
                            plain=plain)
    requests = [wire.read() for _ in range(3)]
    assert all(request.secure for request in requests)
    assert connection.waits == [2, 2, 1, 0.5, 0.25, 2, 8]  # the second is what it sends itself
    wire.send(b"reply")
    assert connection.done == [b"mine", b"!reply"]


def test_on_a_tls_port_the_first_byte_of_plain_http_decides(now: SimpleNamespace) -> None:
    wire, connection = slow(now, (1, b"G"), (0.5, WHOLE[1:]), (8, WHOLE), tls=True)
    assert not wire.read().secure and not wire.read().secure
    assert connection.waits == [2, 1, 8]
    wire, connection = slow(now, (1, WHOLE), tls=True, plain=False)
    with pytest.raises(HttpError, match="use https://") as caught:
        wire.read()
    assert caught.value.status == 403


@pytest.mark.parametrize("pieces, line", [
    ([(2.1, WHOLE)], "no request within 2 s"),
    ([(0, Marked.HELLO), (2.1, Marked.READY)], "no TLS handshake within 2 s"),
    ([(0, Marked.HELLO + Marked.READY), (2.1, WHOLE)], "no request within 2 s"),
    ([(0, Marked.HELLO), (0, Marked.BAD)], "it is bad")])
def test_why_a_tls_connection_was_closed_is_in_the_log(
        now: SimpleNamespace, pieces: list[tuple[float, bytes]], line: str,
        caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "arr.emulator")
    wire, connection = slow(now, *pieces, tls=True)
    with pytest.raises(ConnectionEnded):
        wire.read()
    assert [record.getMessage() for record in caplog.records] == [
        "a connection was closed: " + line]
    if line == "it is bad":
        assert connection.done == [b"mine"] * 2  # the client is told


def test_tls_on_a_plain_port_is_explained_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "arr.emulator")
    with pytest.raises(ConnectionEnded):
        wire(b"\x16\x03\x01", WHOLE).read()
    assert "it speaks TLS" in caplog.text


def test_a_control_character_within_tls_is_refused(now: SimpleNamespace) -> None:
    class Transparent(Marked):
        def decrypt(self, data: bytes) -> bytes:
            self.ready = True
            return b"\x16\r\n\r\n"

    connection: Any = Slow(now, (0, Marked.HELLO))
    with pytest.raises(HttpError) as caught:
        Wire(connection, IDLE, PER_REQUEST, tls=Transparent, plain=True).read()  # type: ignore
    assert caught.value.status == 400


def test_who_says_that_nothing_more_comes_is_answered_first(now: SimpleNamespace) -> None:
    wire, connection = slow(now, (0, Marked.HELLO + Marked.READY), (0, WHOLE + GET + Marked.END),
                            (0, b"\r\n"), tls=True)
    assert wire.read().target == "/a"
    with pytest.raises(ConnectionEnded):
        wire.read()
    assert connection.left == [(0, b"\r\n")]


@pytest.mark.parametrize("hello, cut, said", [
    (Marked.HELLO + Marked.READY, False, [b"bye", socket.SHUT_WR]),
    (Marked.HELLO + Marked.READY, True, [socket.SHUT_WR]),
    (Marked.HELLO, False, [b"mine", socket.SHUT_WR])])
def test_the_farewell_is_for_who_has_its_reply_and_nobody_waits_for_it(
        now: SimpleNamespace, hello: bytes, cut: bool, said: list[object]) -> None:
    wire, connection = slow(now, (0, hello), tls=True)
    with pytest.raises(ConnectionEnded):
        wire.read()
    before = len(connection.waits)
    wire.end(1.0, 10, cut=cut)
    assert connection.done == said
    assert connection.waits[before:] == ([0.0, 1.0] if b"bye" in said else [1.0])
