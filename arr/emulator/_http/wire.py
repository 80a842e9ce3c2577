"""Reads HTTP/1.1 requests from one connection, within limits, and sends replies.

``http.server`` parses headers with the email package, one line at a time, without a deadline; this
reads a head in one piece, refuses what is ambiguous and gives slow clients one deadline.
"""

from __future__ import annotations

import logging
import re
import socket
import time
from typing import TYPE_CHECKING, Callable

from .messages import ConnectionEnded, HttpError, Request, TlsFailed

if TYPE_CHECKING:
    from .tls import Tls

_log = logging.getLogger("arr.emulator")

MAX_HEAD = 65_536
MAX_TARGET = 8_192
MAX_FIELDS = 100
MAX_BODY = 1_048_576

_CHUNK_LINE = 1_024
_TLS_HELLO = 0x16  # how every TLS connection begins, and no request
_BAD_HEAD = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n)|(?<!\r)\n")
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TARGET = re.compile(r"[\x21-\x7e]+")
_SINGLE = frozenset(("content-length", "host", "authorization", "transfer-encoding",
                     "content-type", "origin"))


class Wire:
    """One connection: requests come in one after the other, replies leave in one piece.

    With ``tls``, the first byte decides: TLS, or plain HTTP if the client may speak that
    (``plain``).
    """

    __slots__ = ("_socket", "_buffer", "_idle", "_limit", "_deadline", "_new_tls",
                 "_tls", "_plain")

    def __init__(self, connection: socket.socket, idle_timeout: float, request_timeout: float, *,
                 tls: Callable[[], Tls] | None, plain: bool) -> None:
        self._socket = connection
        self._buffer = bytearray()
        self._idle = idle_timeout
        self._limit = request_timeout
        self._deadline: float | None = None
        self._new_tls = tls
        self._tls: Tls | None = None
        self._plain = plain

    def read(self) -> Request:
        """Return the next request; raise HttpError or ConnectionEnded."""
        if self._new_tls is not None:
            self._begin(self._new_tls)
        else:
            self._deadline = time.monotonic() + self._limit if self._buffer else None
        request = self._parse(self._head())
        request.secure = self._tls is not None
        self._body(request)
        return request

    def send(self, data: bytes) -> None:
        """Write everything, within the time-out of one request."""
        if self._tls is not None:
            data = self._tls.encrypt(data)
        self._socket.settimeout(self._limit)
        self._socket.sendall(data)

    def end(self, seconds: float, limit: int, *, cut: bool) -> None:
        """Say that nothing more comes, unless the reply was cut, and let the last bytes arrive."""
        if not cut:
            self.farewell()
        self._socket.shutdown(socket.SHUT_WR)
        self._drain(seconds, limit)

    def farewell(self) -> None:
        """Close the TLS, if there is any. Nothing waits for that."""
        if self._tls is not None and self._tls.ready:
            try:
                self._socket.settimeout(0.0)
                self._socket.send(self._tls.farewell())
            except OSError:
                pass  # it has gone, or does not read

    def _begin(self, new_tls: Callable[[], Tls]) -> None:
        """Read the first bytes; one deadline for silence, handshake and the first request."""
        self._new_tls = None
        self._deadline = time.monotonic() + self._limit
        try:
            self._fill()
            if self._buffer[0] == _TLS_HELLO:
                self._tls = new_tls()
                hello = bytes(self._buffer)
                self._buffer.clear()
                self._decrypt(self._tls, hello)
                if not self._buffer:
                    self._fill()
                return
        except HttpError:
            _log.info("a connection was closed: %s within %g s", "no TLS handshake"
                      if self._tls is not None and not self._tls.ready else "no request",
                      self._limit)
            raise ConnectionEnded from None
        if not self._plain:
            raise HttpError(403, "Plain http is for clients on the emulator's machine; "
                            "use https://.")

    def _drain(self, seconds: float, limit: int) -> None:
        """Read what is still coming, so that closing does not destroy the reply on its way."""
        self._deadline = time.monotonic() + seconds
        try:
            while limit > 0:
                limit -= len(self._receive())
        except (HttpError, ConnectionEnded, OSError):
            pass

    def _fill(self) -> None:
        """Add what comes next to the buffer."""
        tls = self._tls
        if tls is None:
            self._buffer += self._receive()
            return
        before = len(self._buffer)
        while len(self._buffer) == before:
            if tls.ended:
                raise ConnectionEnded
            self._decrypt(tls, self._receive())

    def _decrypt(self, tls: Tls, data: bytes) -> None:
        try:
            self._buffer += tls.decrypt(data)
        except TlsFailed as failed:
            _log.info("a connection was closed: %s", failed)
            raise ConnectionEnded from None
        finally:
            answer = tls.outgoing()
            if answer:
                self._socket.sendall(answer)

    def _receive(self) -> bytes:
        if self._deadline is None:
            timeout = self._idle
        else:
            timeout = self._deadline - time.monotonic()
            if timeout <= 0:
                raise HttpError(408, f"The request was not complete after {self._limit:g} s.")
        self._socket.settimeout(timeout)
        try:
            data = self._socket.recv(65_536)
        except socket.timeout:
            if self._deadline is None:
                raise ConnectionEnded from None
            raise HttpError(408, f"The request was not complete after {self._limit:g} s."
                            ) from None
        if not data:
            raise ConnectionEnded
        if self._deadline is None:
            self._deadline = time.monotonic() + self._limit
        return data

    def _head(self) -> bytes:
        """Return everything before the empty line."""
        buffer = self._buffer
        start = 0
        while True:
            while buffer.startswith(b"\r\n"):
                del buffer[:2]  # RFC 9112: an empty line before a request is skipped
            end = buffer.find(b"\r\n\r\n", start)
            if 0 <= end <= MAX_HEAD:
                head = bytes(buffer[:end])
                del buffer[:end + 4]
                return head
            if end > MAX_HEAD or len(buffer) > MAX_HEAD:
                if b"\r\n" not in buffer[:MAX_TARGET + 40]:
                    raise HttpError(414, f"The request line is longer than {MAX_TARGET} bytes.")
                raise HttpError(431, f"The headers are longer than {MAX_HEAD} bytes.")
            start = max(0, len(buffer) - 3)
            self._fill()
            if buffer[0] == _TLS_HELLO and self._tls is None:
                # A client said https. It waits for an answer that HTTP cannot give.
                _log.info("a connection was closed: it speaks TLS, and the emulator has no "
                          "certificate; use http://, or start it with --self-signed")
                raise ConnectionEnded

    def _parse(self, head: bytes) -> Request:
        if _BAD_HEAD.search(head):
            raise HttpError(400, "The request line or a header holds a control character.")
        lines = head.decode("latin-1").split("\r\n")
        words = lines[0].split(" ")
        if len(words) != 3 or not _NAME.fullmatch(words[0]):
            raise HttpError(400, "The first line is not '<method> <path> HTTP/1.1'.")
        method, target, version = words
        if version not in ("HTTP/1.1", "HTTP/1.0"):
            raise HttpError(505 if version.startswith("HTTP/") else 400,
                            "Only HTTP/1.1 and HTTP/1.0 are spoken here.")
        if len(target) > MAX_TARGET:
            raise HttpError(414, f"The path is longer than {MAX_TARGET} bytes.")
        if not _TARGET.fullmatch(target):
            raise HttpError(400, "The path must be percent-encoded ASCII.")
        headers = _fields(lines)
        if target[:8].lower().startswith(("http://", "https://")):
            target = "/" + target.partition("://")[2].partition("/")[2]
        if not target.startswith("/"):
            raise HttpError(400, "The path must begin with '/'.")
        if version == "HTTP/1.1" and "host" not in headers:
            raise HttpError(400, "The Host header is missing.")
        keep = version == "HTTP/1.1" and "close" not in headers.get("connection", "").lower()
        return Request(method, target, headers, keep)

    def _body(self, request: Request) -> None:
        headers = request.headers
        length = headers.get("content-length")
        coding = headers.get("transfer-encoding")
        size: int | None = None
        if coding is not None:
            if length is not None:
                raise HttpError(400, "Content-Length and Transfer-Encoding exclude each other.")
            if coding.strip().lower() != "chunked":
                raise HttpError(501, "The only Transfer-Encoding understood is chunked.")
        elif length is not None:
            size = _length(length)
        else:
            return
        expect = headers.get("expect")
        if expect is not None:
            if expect.lower() != "100-continue":
                raise HttpError(417, "The only expectation understood is 100-continue.")
            if not self._buffer and size != 0:
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.body = self._chunks() if size is None else self._take(size)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._fill()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    def _line(self) -> bytes:
        while True:
            end = self._buffer.find(b"\r\n")
            if end > _CHUNK_LINE or (end < 0 and len(self._buffer) > _CHUNK_LINE):
                raise HttpError(400, "A line of the chunked body is too long.")
            if end >= 0:
                return self._take(end + 2)[:-2]
            self._fill()

    def _chunks(self) -> bytes:
        body = bytearray()
        while True:
            text = self._line().partition(b";")[0].strip()
            if not re.fullmatch(rb"[0-9A-Fa-f]{1,8}", text):
                raise HttpError(400, "A chunk size is not a hexadecimal number.")
            size = int(text, 16)
            if size == 0:
                break
            if len(body) + size > MAX_BODY:
                raise _too_large()
            body += self._take(size)
            if self._take(2) != b"\r\n":
                raise HttpError(400, "A chunk is longer than it says.")
        for _ in range(MAX_FIELDS):
            if not self._line():
                return bytes(body)
        raise HttpError(431, f"More than {MAX_FIELDS} trailers.")


def _fields(lines: list[str]) -> dict[str, str]:
    if len(lines) > MAX_FIELDS + 1:
        raise HttpError(431, f"More than {MAX_FIELDS} headers.")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name):
            raise HttpError(400, "A header line is not 'Name: value'.")
        name = name.lower()
        value = value.strip(" \t")
        if name in headers:
            if name in _SINGLE:
                raise HttpError(400, f"The header {name} occurs twice.")
            value = headers[name] + ", " + value
        headers[name] = value
    return headers


def _length(text: str) -> int:
    if not re.fullmatch(r"[0-9]+", text):
        raise HttpError(400, "Content-Length is not a number.")
    digits = text.lstrip("0")
    if len(digits) > 9 or int(digits or 0) > MAX_BODY:
        raise _too_large()
    return int(digits or 0)


def _too_large() -> HttpError:
    return HttpError(413, f"The body is larger than {MAX_BODY} bytes.")
