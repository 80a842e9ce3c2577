"""Each limit of a request to the byte, and what of a request reaches the service."""

from __future__ import annotations

from typing import Any

import pytest

from arr.emulator._http.messages import ConnectionEnded, HttpError, Request
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
    return Wire(connection, LIMIT, LIMIT)


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
    Wire(connection, LIMIT, LIMIT).read()
    assert (connection.sent == b"HTTP/1.1 100 Continue\r\n\r\n") is answered
    here: Any = Pieces(GET + rest + b"Expect: 100-Continue\r\n\r\n0\r\n\r\n")  # sent unasked
    Wire(here, LIMIT, LIMIT).read()
    assert here.sent == b""
