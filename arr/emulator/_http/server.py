"""The TCP server: a thread for each connection, and a stop that closes all of them."""

from __future__ import annotations

import errno
import logging
import os
import socket
import struct
import threading
import time
from socketserver import BaseRequestHandler, TCPServer
from typing import TYPE_CHECKING, Any, Callable

from .._arguments import is_loopback
from .messages import ConnectionEnded, HttpError, Reply, Request
from .wire import Wire

if TYPE_CHECKING:
    from .tls import Tls

_log = logging.getLogger("arr.emulator")

_SILENT_SECONDS = 60.0
_STOP_SECONDS = 0.03
_DRAIN_SECONDS = 1.0
_DRAIN_BYTES = 16 * 1_048_576


class Server(TCPServer):
    """Binds in the constructor, accepts on a daemon thread, answers with ``answer``.

    The base of ``http.server.ThreadingHTTPServer``, without what that would add: all of it is done
    differently here, and importing it would take half of the start.
    """

    request_queue_size = 1024
    # On Windows this option would let two servers share the port.
    allow_reuse_address = os.name != "nt"

    def __init__(self, host: str, port: int, answer: Callable[[Request], Reply],
                 refuse: Callable[[HttpError], Reply], *, idle_timeout: float,
                 request_timeout: float, tls: Callable[[], Tls] | None = None) -> None:
        self.answer = answer
        self.refuse = refuse
        self.idle_timeout = idle_timeout
        self.request_timeout = request_timeout
        self.tls = tls
        self.stopping = False
        self._process = os.getpid()
        self._open: set[socket.socket] = set()
        self._changed = threading.Condition()
        self._acceptor: threading.Thread | None = None
        self._silent_until = 0.0
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Connection)

    def server_bind(self) -> None:
        """Bind, on Windows to a port that nobody else can bind to."""
        if os.name == "nt":
            exclusive = getattr(socket, "SO_EXCLUSIVEADDRUSE")
            self.socket.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        TCPServer.server_bind(self)
        self.server_port = int(self.server_address[1])

    def start(self) -> None:
        """Accept connections on a thread of their own."""
        acceptor = threading.Thread(
            target=self.serve_forever, name=f"arr-emulator-{self.server_port}", daemon=True)
        acceptor.start()
        self._acceptor = acceptor

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Accept until stopped. Nothing polls: stop() wakes the accept by connecting."""
        while not self.stopping:
            try:
                connection, address = self.get_request()
            except OSError as error:
                if self.stopping or self.socket.fileno() < 0:
                    return
                self._warn("no connection could be accepted")
                if error.errno in (errno.EBADF, errno.ENOTSOCK, errno.EINVAL):
                    # Something else in this process has closed the descriptor or shut the socket
                    # down. It will never accept again: one line in the log, not twenty a second.
                    return
                # Out of descriptors, most likely: wait instead of spinning.
                with self._changed:
                    self._changed.wait_for(lambda: self.stopping, 0.05)
                continue
            self.process_request(connection, address)

    def _warn(self, what: str) -> None:
        """Log the error at hand, once a minute at most. For the accepting thread only."""
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + _SILENT_SECONDS
            _log.warning("%s; said once a minute at most", what, exc_info=True)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give the connection a thread."""
        # The set and the flag change under one lock: stop() either sees the connection or the
        # connection sees the flag.
        with self._changed:
            refused = self.stopping
            if not refused:
                self._open.add(request)
        if refused:
            request.close()
            return
        try:
            threading.Thread(target=self.process_request_thread, args=(request, client_address),
                             name="arr-emulator-connection", daemon=True).start()
        except Exception:
            # Whatever it was must not end the accepting thread; most likely the machine has no
            # thread left.
            self._warn("a connection was refused")
            self._forget(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection to its end."""
        try:
            _Connection(request, client_address, self)
        except OSError:
            _log.debug("a client went away")
        except Exception:
            _log.error("a connection failed", exc_info=True)
        finally:
            self._forget(request)

    def _forget(self, connection: socket.socket) -> None:
        self.shutdown_request(connection)
        with self._changed:
            self._open.discard(connection)
            self._changed.notify_all()

    def stop(self, release: Callable[[], None]) -> None:
        """Close the port and every connection; return when their threads have let go.

        ``release`` wakes threads that hold a reply; it is called when no reply can leave any more.
        """
        if os.getpid() != self._process:
            self._let_go()
            return
        with self._changed:
            if self.stopping:
                return
            self.stopping = True
            connections = list(self._open)
            self._changed.notify_all()
        self._wake()
        if self._acceptor is not None:
            self._acceptor.join(1.0)
        self.server_close()
        for connection in connections:
            # Only shut down here: the descriptor belongs to its thread, which closes it.
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        release()
        with self._changed:
            self._changed.wait_for(lambda: not self._open, _STOP_SECONDS)

    def _let_go(self) -> None:
        """Close a forked child's copies of the sockets. Its parent goes on serving them, so nothing
        is shut down; and no lock is taken, because a thread that is not here may hold it."""
        self.server_close()
        for connection in list(self._open):
            connection.close()

    def _wake(self) -> None:
        bound = str(self.server_address[0])
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bound, bound)
        try:
            socket.create_connection((host, self.server_port), 0.5).close()
        except OSError:
            # No descriptor or a full backlog. On Linux this wakes accept as well.
            try:
                self.socket.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class _Connection(BaseRequestHandler):
    """One client: read, answer, write once, again."""

    server: Server

    def handle(self) -> None:
        """Serve requests until either side has enough."""
        connection: socket.socket = self.request
        server = self.server
        # A reply is one write, but a client that pipelines must not wait for its ACK either.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = str(self.client_address[0]).replace("::ffff:", "", 1)
        wire = Wire(connection, server.idle_timeout, server.request_timeout, tls=server.tls,
                    plain=server.tls is None or is_loopback(peer))
        while not server.stopping:
            method = ""
            try:
                request = wire.read()
            except ConnectionEnded:
                wire.farewell()
                return
            except HttpError as error:
                reply = server.refuse(error)
                reply.close = True
            else:
                method = request.method
                reply = server.answer(request)
                if not request.keep_alive:
                    reply.close = True
            if reply.damage == "reset":
                form = "hh" if os.name == "nt" else "ii"
                linger = struct.pack(form, 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                connection.close()
                return
            data = reply.encode(head_only=method == "HEAD")
            if reply.damage == "truncate":
                data = data[:len(data) - (len(reply.body) // 2 or len(data) // 2)]
            wire.send(data)
            if reply.close or reply.damage:
                wire.end(_DRAIN_SECONDS, _DRAIN_BYTES, cut=bool(reply.damage))
                return
