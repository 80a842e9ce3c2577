"""Connections of urllib3 that tell which socket a flight uses, and pools that take it back.

Here too is what makes a call on a kept-alive connection cheap; each of these was measured.
"""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any, Dict, Optional, cast

import urllib3

flying = threading.local()  # .flight: what this worker flies now


class _Steady:
    """A socket that is told its time-out only when that changes.

    Each telling is a system call that hands the interpreter lock to another worker, and urllib3
    does it twice in every call.
    """

    def settimeout(self, seconds: Optional[float]) -> None:
        if seconds != self.gettimeout():  # type: ignore[attr-defined]
            super().settimeout(seconds)  # type: ignore[misc]


class _Socket(_Steady, socket.socket):
    pass


class TlsSocket(_Steady, ssl.SSLSocket):
    pass


class _Tracked:
    """A connection that tells the flight of its thread which socket it uses."""

    sock: Any
    timeout: Optional[float]

    def _new_conn(self) -> socket.socket:
        plain = cast(socket.socket, super()._new_conn())  # type: ignore[misc]
        seconds = plain.gettimeout()
        sock = _Socket(plain.family, plain.type, plain.proto, fileno=plain.detach())
        sock.settimeout(seconds)
        flying.flight.use(sock)
        return sock

    def request(self, *args: Any, **kwargs: Any) -> None:
        if self.sock is not None:
            flying.flight.use(self.sock)
            # Past its first reply it has the time-out for reading, and keeps it.
            self.timeout = self.sock.gettimeout()
        super().request(*args, **kwargs)  # type: ignore[misc]
        flying.flight.written = True
        # Here, not later: getresponse forgets the socket when the server wants to close.
        flying.flight.use(self.sock)

    def putheader(self, header: Any, *values: Any) -> None:
        """Write a header; a plain one, as all of ours are, without the patterns of http.client."""
        value = values[0]
        if isinstance(value, str) and value.isascii() and not ("\r" in value or "\n" in value):
            self._output(f"{header}: {value}".encode("ascii"))  # type: ignore[attr-defined]
        else:
            super().putheader(header, *values)  # type: ignore[misc]


class _TrackedTls(_Tracked):
    """The same over TLS, where the handshake takes the first socket object over."""

    def connect(self) -> None:
        try:
            super().connect()  # type: ignore[misc]
        finally:
            guard, self._guard = self._guard, None
            flying.flight.use(self.sock)
            if guard is not None:
                guard.close()

    _guard: Optional[socket.socket] = None

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        # A twin of the socket: while the handshake runs, the original is out of reach.
        self._guard = sock.dup()
        flying.flight.use(self._guard)
        return sock


class _Returning:
    """A pool that takes a connection away from its flight before anybody else can get it."""

    def _put_conn(self, conn: Any) -> None:
        flight = getattr(flying, "flight", None)
        if flight is not None:
            # Else cutting this flight late would cut the call that has the connection next.
            flight.use(None)
        super()._put_conn(conn)  # type: ignore[misc]


class _HttpConnection(_Tracked, urllib3.connection.HTTPConnection):
    pass


class _HttpsConnection(_TrackedTls, urllib3.connection.HTTPSConnection):
    pass


class _HttpPool(_Returning, urllib3.HTTPConnectionPool):
    ConnectionCls = cast(Any, _HttpConnection)


class _HttpsPool(_Returning, urllib3.HTTPSConnectionPool):
    ConnectionCls = cast(Any, _HttpsConnection)


POOLS: Dict[str, Any] = {"http": _HttpPool, "https": _HttpsPool}
