"""Connections of urllib3 that tell which socket a flight uses, and pools that take it back.

They are stricter than the standard library about where a reply ends.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
from typing import Any, cast

import urllib3
from urllib3.util.connection import allowed_gai_family

flying = threading.local()  # .flight: what this worker flies now


class _Socket(socket.socket):
    surplus = False  # True once a reply's buffer has held more than the reply

    def has_surplus(self) -> bool:
        return self.surplus


class TlsSocket(ssl.SSLSocket):
    surplus = False

    def has_surplus(self) -> bool:
        return self.surplus or bool(self.pending())


class _Response(http.client.HTTPResponse):
    """A reply that is stricter than the standard library's, and tells its socket when more than
    the reply has arrived."""

    fp: Any
    chunked: Any
    headers: Any

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._sock = sock

    def begin(self) -> None:
        super().begin()
        for defect in self.headers.defects:
            if type(defect).__name__ not in _HARMLESS_DEFECTS:
                # A line without a colon: the parser takes it, and all after it, for a body.
                raise http.client.HTTPException("the reply's headers are broken")
        if not self.chunked and self.length is None:
            coding = self.headers.get("Transfer-Encoding", "")
            if coding.strip().lower() == "chunked":  # with white space behind it
                self.chunked, self.chunk_left = True, None
                self.will_close = self._check_close()  # type: ignore[attr-defined]

    def _read_next_chunk_size(self) -> int:
        size: int = super()._read_next_chunk_size()  # type: ignore[misc]
        if size < 0:  # the library takes -5 for a size
            raise ValueError("a negative chunk size")
        return size

    def _close_conn(self) -> None:
        """End the reply, which has been read as a whole."""
        self.fp.raw.readinto = _nothing_more  # so the look below sees the buffer, no more
        if self.fp.peek(1):
            self._sock.surplus = True
        super()._close_conn()  # type: ignore[misc]


def _nothing_more(buffer: object) -> int:
    return 0


# What the e-mail parser finds wrong with a body that it has not read.
_HARMLESS_DEFECTS = ("StartBoundaryNotFoundDefect", "MultipartInvariantViolationDefect",
                     "CloseBoundaryNotFoundDefect", "NoBoundaryInMultipartDefect")


class _Tracked:
    """A connection that tells the flight of its thread which socket it uses."""

    sock: Any
    timeout: float | None

    _dns_host: str
    port: int
    socket_options: Any
    response_class: Any = _Response

    def _new_conn(self) -> socket.socket:
        """Connect to the first address of the host that answers.

        The time-out counts for each address, and a name may have a dozen. So the flight knows the
        socket while it connects, and is asked before each address whether it has been cut. (Where
        cutting does not wake a socket that connects, as on Windows, one time-out may pass.)
        """
        failure: OSError = socket.gaierror(socket.EAI_NONAME, "the name has no address")
        for family, kind, protocol, _, address in _addresses(self._dns_host, self.port):
            flying.flight.check()
            sock = _Socket(family, kind, protocol)
            try:
                for option in self.socket_options or ():
                    sock.setsockopt(*option)
                sock.settimeout(self.timeout)
                flying.flight.use(sock)
                sock.connect(address)
                return sock
            except BaseException as error:
                sock.close()
                if not isinstance(error, OSError):
                    raise
                failure = error.with_traceback(None)  # which knows this frame, and so itself
        raise failure

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:  # else it is named while it connects
            flying.flight.use(self.sock)
        super().request(*args, **kwargs)  # type: ignore[misc]
        flying.flight.written = True

    def putheader(self, header: Any, *values: Any) -> None:
        """Write a header; a plain one without the patterns of http.client, which would cost 5 % of
        the CPU of a call."""
        value = values[0]
        if isinstance(value, str) and value.isascii() and not ("\r" in value or "\n" in value):
            self._output(f"{header}: {value}".encode("ascii"))  # type: ignore[attr-defined]
        else:
            super().putheader(header, *values)  # type: ignore[misc]


def _addresses(host: str, port: int) -> list[Any]:
    try:
        return list(socket.getaddrinfo(host.strip("[]"), port, allowed_gai_family(),
                                       socket.SOCK_STREAM))
    except UnicodeError:  # a label that is empty or too long
        raise socket.gaierror(socket.EAI_NONAME, "not a host name") from None


class _TrackedTls(_Tracked):
    """The same over TLS, where the handshake takes the first socket object over."""

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        finally:
            guard, self._guard = self._guard, None
            if guard is not None:
                guard.close()

    _guard: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        # A twin of the socket: while the handshake runs, the original is out of reach.
        self._guard = sock.dup()
        flying.flight.use(self._guard)
        return sock


class _Returning:
    """A pool that takes a connection away from its flight before another call can get it.

    It closes a connection on which more has arrived than the reply: the next call would take that
    for its own. urllib3 itself looks whether the socket can be read, when it hands a connection
    out; it does not see what was read into the reply's buffer or into the TLS object.
    """

    def _put_conn(self, conn: Any) -> None:
        flight = getattr(flying, "flight", None)
        if flight is not None:
            # Else cutting this flight late would cut the call that has the connection next.
            flight.use(None)
        if conn is not None and conn.sock is not None and conn.sock.has_surplus():
            conn.close()
        super()._put_conn(conn)  # type: ignore[misc]


class _HttpConnection(_Tracked, urllib3.connection.HTTPConnection):
    pass


class _HttpsConnection(_TrackedTls, urllib3.connection.HTTPSConnection):
    pass


class _HttpPool(_Returning, urllib3.HTTPConnectionPool):
    ConnectionCls = cast(Any, _HttpConnection)


class _HttpsPool(_Returning, urllib3.HTTPSConnectionPool):
    ConnectionCls = cast(Any, _HttpsConnection)


POOLS: dict[str, Any] = {"http": _HttpPool, "https": _HttpsPool}
