"""A server on a raw socket that answers exactly the bytes a test wants, well-formed or not.

One thread per connection; nothing sleeps, and everything ends when the server is closed.
"""

from __future__ import annotations

import json
import socket
import ssl
import struct
import threading
from types import TracebackType
from typing import Callable, Dict, List, NamedTuple, Optional

LIMIT = 15.0  # seconds that a connection may take before the server gives it up


class Request(NamedTuple):
    """What a client has sent."""

    method: str
    path: str
    headers: Dict[str, str]  # names in lower case
    body: bytes
    connection: int  # 1 for the first connection, and so on

    def json(self) -> Dict[str, object]:
        found: Dict[str, object] = json.loads(self.body)
        return found


class Gone(Exception):
    """The connection has ended."""


class Wire:
    """One connection, seen from the server."""

    def __init__(self, sock: socket.socket, number: int, closing: threading.Event) -> None:
        self.sock = sock
        self.number = number
        self.closing = closing
        self._buffer = b""

    def _more(self) -> None:
        data = self.sock.recv(65536)
        if not data:
            raise Gone
        self._buffer += data

    def read(self) -> Request:
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", "0"))
        while len(self._buffer) < length:
            self._more()
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Request(method, path, headers, body, self.number)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def fin(self) -> None:
        """End the connection in good order."""
        raise Gone

    def reset(self) -> None:
        """End the connection with an RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise Gone

    def drip(self, data: bytes, seconds: float = 0.01) -> None:
        """Send a text byte by byte."""
        for at in range(len(data)):
            self.send(data[at:at + 1])
            self.pause(seconds)

    def pause(self, seconds: float) -> None:
        if self.closing.wait(seconds):
            raise Gone

    def until_gone(self) -> None:
        """Wait until the client has closed the connection."""
        while True:
            self._more()


Answer = Callable[[Wire, Request], object]


class FaultServer:
    """Listens on a port of its own; ``answer`` is called for each request to the service."""

    def __init__(self, answer: Answer, *, token: Optional[Answer] = None,
                 tls: Optional[ssl.SSLContext] = None,
                 connected: Optional[Callable[[Wire], object]] = None,
                 record: bool = True) -> None:
        self._answer = answer
        self._token = token or (lambda wire, request: wire.send(reply(
            {"AccessToken": "one-token"})))
        self._tls = tls
        self._connected = connected
        self._record = record
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._wires: List[Wire] = []
        self._threads: List[threading.Thread] = []
        self.requests: List[Request] = []  # those to the service
        self.token_requests: List[Request] = []
        self.served = 0
        self.connections = 0
        self.open = 0
        self.peak = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._acceptor = threading.Thread(target=self._accept, daemon=True, name="fault-server")
        self._acceptor.start()

    def __enter__(self) -> FaultServer:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def close(self) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()  # wakes accept
        except OSError:
            pass
        self._acceptor.join(LIMIT)
        assert not self._acceptor.is_alive(), "the fault server does not end"
        self._listener.close()
        with self._lock:
            wires, threads = list(self._wires), list(self._threads)
        for wire in wires:
            try:
                socket.socket.shutdown(wire.sock, socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in threads:
            thread.join(LIMIT)
            assert not thread.is_alive(), "a thread of the fault server hangs"

    def _accept(self) -> None:
        while not self._closing.is_set():
            sock, _ = self._listener.accept()
            if self._closing.is_set():
                sock.close()
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(LIMIT)
            with self._lock:
                self.connections += 1
                wire = Wire(sock, self.connections, self._closing)
                thread = threading.Thread(target=self._serve, args=(wire,), daemon=True)
                self._wires.append(wire)
                self._threads = [each for each in self._threads if each.is_alive()] + [thread]
                self.open += 1
                self.peak = max(self.peak, self.open)
                # Under the lock: a thread in the list that has not started looks dead.
                thread.start()

    def _serve(self, wire: Wire) -> None:
        try:
            if self._connected is not None:
                self._connected(wire)
            if self._tls is not None:
                wire.sock = self._tls.wrap_socket(wire.sock, server_side=True)
            while True:
                request = wire.read()
                is_token = request.path.lower().endswith("/token")
                if self._record:
                    (self.token_requests if is_token else self.requests).append(request)
                with self._lock:
                    self.served += 1
                (self._token if is_token else self._answer)(wire, request)
        except (Gone, OSError):
            pass
        finally:
            wire.sock.close()
            with self._lock:
                self._wires.remove(wire)
                self.open -= 1


def reply(body: object = None, status: int = 200, *headers: str, length: bool = True) -> bytes:
    """Return a reply: JSON for an object, the bytes as they are, nothing for None."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", *headers]
    if length and status != 204:
        lines.append(f"Content-Length: {len(data)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + data


def raw(data: bytes) -> Answer:
    """Return an answer that is these bytes and the end of the connection."""
    def answer(wire: Wire, request: Request) -> None:
        wire.send(data)
        wire.fin()
    return answer


def kept(data: bytes) -> Answer:
    """Return an answer that is these bytes, on a connection that stays open."""
    def answer(wire: Wire, request: Request) -> None:
        wire.send(data)
    return answer


def script(*answers: Answer) -> Answer:
    """Return an answer that is another one each time; the last one stays."""
    left = list(answers)
    lock = threading.Lock()

    def answer(wire: Wire, request: Request) -> None:
        with lock:
            now = left.pop(0) if len(left) > 1 else left[0]
        now(wire, request)
    return answer
