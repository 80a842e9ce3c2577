"""The emulator beside a bare server of the standard library and pytest-httpserver."""

from __future__ import annotations

import json
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import List, Optional, Tuple, Type

from arr.emulator import Emulator
from arr.emulator._http.certificates import Files, self_signed

from .counts import Rows
from .peer import compiled_environment

_WAIT = "\nsys.stdin.read()\n"
EMULATOR = """
import sys
from arr.emulator import Emulator
print(Emulator(port=0, startup_seconds=0).start().url.rpartition(":")[2], flush=True)
""" + _WAIT
SECURE = EMULATOR.replace("startup_seconds=0", "startup_seconds=0, certificate=sys.argv[1], "
                          "private_key=sys.argv[2]")
BARE = """
import sys, threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one write: two cost a delayed ACK
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "15")
        self.end_headers()
        self.wfile.write(b'{"sessions":[]}')
    def log_message(self, *args):
        pass
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
""" + _WAIT
HTTPSERVER = """
import sys
from pytest_httpserver import HTTPServer
server = HTTPServer(port=0)
server.expect_request("/sessions").respond_with_json({"sessions": []})
server.start()
print(server.port, flush=True)
""" + _WAIT


class Client:
    """A connection that costs next to nothing; opened again when the server closes it."""

    def __init__(self, port: int, tls: Optional[ssl.SSLContext] = None) -> None:
        self._port = port
        self._tls = tls
        self._sock: Optional[socket.socket] = None

    def get(self, path: str, authorization: str = "", method: str = "GET",
            content: bytes = b"") -> bytes:
        if self._sock is None:
            self._sock = socket.create_connection(("127.0.0.1", self._port), 30)
            if self._tls is not None:
                self._sock = self._tls.wrap_socket(self._sock, server_hostname="localhost")
        length = f"Content-Length: {len(content)}\r\n" if content else ""
        self._sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\n{length}"
                           f"Authorization: {authorization}\r\n\r\n".encode() + content)
        data = b""
        while b"\r\n\r\n" not in data:
            data += self._more()
        head, body = data.split(b"\r\n\r\n", 1)
        fields = head.lower().split(b"\r\n")
        (size,) = [int(field[15:]) for field in fields if field.startswith(b"content-length:")]
        while len(body) < size:
            body += self._more()
        if b"connection: close" in fields or head.startswith(b"HTTP/1.0"):
            self.close()
        return body

    def _more(self) -> bytes:
        assert self._sock is not None
        piece = self._sock.recv(65536)
        assert piece, "the server has closed the connection"
        return piece

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None


class Server:
    """A server in a process of its own, and the seconds from its start to its first answer."""

    def __init__(self, program: str, tls: Optional[Files] = None) -> None:
        environment = compiled_environment()
        begin = time.perf_counter()
        arguments = [str(tls.certificate), str(tls.private_key)] if tls else []
        self._process = subprocess.Popen([sys.executable, "-c", program, *arguments], text=True,
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, env=environment)
        assert self._process.stdout is not None
        self.client = Client(int(self._process.stdout.readline()),
                             ssl.create_default_context(cafile=str(tls.authority)) if tls else None)
        self.client.get("/nothing")
        self.seconds = time.perf_counter() - begin

    def megabytes(self) -> Optional[float]:
        """Return the resident memory, where the system tells it."""
        try:
            with open(f"/proc/{self._process.pid}/status", encoding="ascii") as file:
                (line,) = [line for line in file if line.startswith("VmRSS")]
        except OSError:
            return None
        return int(line.split()[1]) / 1000

    def __enter__(self) -> Server:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        assert self._process.stdin is not None and self._process.stdout is not None
        self.client.close()
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def starts(rounds: int) -> Tuple[float, float, Optional[float]]:
    """Return the emulator's start in seconds, its ratio to a bare server's, its idle memory."""
    mine: List[float] = []
    ratios: List[float] = []
    memory: Optional[float] = None
    for number in range(rounds + 1):
        with Server(EMULATOR) as emulator, Server(BARE) as bare:
            if number:  # the first round compiles and fills the caches of the system
                mine.append(emulator.seconds)
                ratios.append(emulator.seconds / bare.seconds)
            memory = emulator.megabytes()
    return statistics.median(mine), statistics.median(ratios), memory


def get_rates(rounds: int, block: int = 100) -> Tuple[float, float, float]:
    """Return the emulator's GETs per second, and their ratios to pytest-httpserver and bare."""
    with Server(EMULATOR) as emulator, Server(HTTPSERVER) as httpserver, Server(BARE) as bare:
        known = Emulator()  # never started: the account is the same in every process
        account = known.account_id
        granted = json.loads(emulator.client.get(f"/accounts/{account}/token",
                                                 f"Bearer {account}:{known.account_key}"))
        bearer = f"Bearer {granted['AccessToken']}"
        paths = {emulator: f"/v1/accounts/{account}/sessions", httpserver: "/sessions",
                 bare: "/sessions"}
        rates: List[List[float]] = []
        for number in range(rounds + 1):
            found = []
            for server, path in paths.items():
                begin = time.perf_counter()
                for _ in range(block):
                    body = server.client.get(path, bearer)
                found.append(block / (time.perf_counter() - begin))
                assert json.loads(body) == {"sessions": []}
            if number:
                rates.append(found)
    return (statistics.median(mine for mine, _, _ in rates),
            statistics.median(mine / theirs for mine, theirs, _ in rates),
            statistics.median(mine / theirs for mine, _, theirs in rates))


def tls_rates(rounds: int, files: Files, block: int = 100) -> Tuple[float, float, float, float]:
    """Return GETs per second over TLS and their ratio to plain ones, handshakes with a GET per
    second, and the ratio of the start with TLS to the start without."""
    account = Emulator().account_id  # never started: the account is the same in every process
    key = f"Bearer {account}:{Emulator().account_key}"
    rates: List[List[float]] = []
    for number in range(rounds + 1):
        with Server(SECURE, files) as secure, Server(EMULATOR) as plain:
            found = [secure.seconds / plain.seconds]
            for client in (secure.client, plain.client):
                granted = json.loads(client.get(f"/accounts/{account}/token", key))
                bearer = f"Bearer {granted['AccessToken']}"
                begin = time.perf_counter()
                for _ in range(block):
                    client.get(f"/v1/accounts/{account}/sessions", bearer)
                found.append(block / (time.perf_counter() - begin))
            begin = time.perf_counter()
            for _ in range(block // 5):
                secure.client.close()
                secure.client.get("/nothing")
            found.append(block // 5 / (time.perf_counter() - begin))
            if number:
                rates.append(found)
    return (statistics.median(secure for _, secure, _, _ in rates),
            statistics.median(secure / plain for _, secure, plain, _ in rates),
            statistics.median(handshakes for _, _, _, handshakes in rates),
            statistics.median(start for start, _, _, _ in rates))


def later_era(rounds: int, block: int = 100) -> float:
    """Return the time of a GET of a session in api-version 2021-01-01, to one of 2019."""
    account = Emulator().account_id
    ratios = []
    with Server(EMULATOR) as emulator:
        client = emulator.client
        granted = json.loads(client.get(f"/accounts/{account}/token",
                                        f"Bearer {account}:{Emulator().account_key}"))
        bearer = f"Bearer {granted['AccessToken']}"
        made = json.loads(client.get(
            f"/v1/accounts/{account}/sessions/create", bearer, "POST",
            b'{"maxLeaseTime":"4:0:0","size":"small"}'))["sessionId"]
        for number in range(rounds + 1):
            times = []
            for path in (f"/v1/accounts/{account}/sessions/{made}/properties",
                         f"/accounts/{account}/sessions/{made}?api-version=2021-01-01"):
                begin = time.perf_counter()
                for _ in range(block):
                    body = client.get(path, bearer)
                times.append(time.perf_counter() - begin)
                assert made in body.decode()
            if number:
                ratios.append(times[1] / times[0])
    return statistics.median(ratios)


def stop_milliseconds(rounds: int, files: Optional[Files] = None) -> float:
    """Return how long stopping takes with eight connections open, and with TLS eight more that
    are in their handshake."""
    times = []
    context = ssl.create_default_context(cafile=str(files.authority)) if files else None
    for _ in range(rounds):
        emulator = Emulator(port=0, certificate=files and files.certificate,
                            private_key=files and files.private_key).start()
        port = int(emulator.url.rpartition(":")[2])
        clients = [Client(port, context) for _ in range(8)]
        begun = [socket.create_connection(("127.0.0.1", port), 30) for _ in range(8)
                 ] if files else []
        for sock in begun:
            sock.sendall(b"\x16\x03\x01")
        for client in clients:
            client.get("/nothing")
        begin = time.perf_counter()
        emulator.stop()
        times.append((time.perf_counter() - begin) * 1000)
        for client in clients:
            client.close()
        for sock in begun:
            sock.close()
    return statistics.median(times)


def rows(quick: bool) -> Rows:
    seconds, ratio, memory = starts(3 if quick else 20)
    rate, to_httpserver, to_bare = get_rates(3 if quick else 30)
    with tempfile.TemporaryDirectory() as directory:
        files = self_signed(Path(directory))
        secure, to_plain, handshakes, start = tls_rates(3 if quick else 10, files)
        secure_stop = stop_milliseconds(5 if quick else 20, files)
    return [
        ("start to first answer, to a bare server (1.3)", ratio),
        ("start to first answer, ms", round(seconds * 1000)),
        ("idle memory, MB (22)", "unknown here" if memory is None else round(memory, 1)),
        ("GETs per second, to pytest-httpserver (2)", to_httpserver),
        ("GETs per second, to a bare server", to_bare),
        ("GETs per second", round(rate)),
        ("time of a GET of 2021, to one of 2019 (1.2)", later_era(3 if quick else 30)),
        ("stop with 8 connections open, ms (5)", stop_milliseconds(5 if quick else 20)),
        ("with TLS: start, to the start without", start),
        ("with TLS: GETs per second (2,000)", round(secure)),
        ("with TLS: GETs per second, to those without", to_plain),
        ("with TLS: handshake and GET, per second", round(handshakes)),
        ("with TLS: stop with 8 open and 8 in the handshake, ms (50)", secure_stop),
    ]
