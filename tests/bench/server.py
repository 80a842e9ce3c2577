"""A fast loopback server in its own process: fixed replies, keep-alive, plain or TLS.

Run as ``python -m tests.bench.server TOKEN_SECONDS [CERTIFICATE]``. It prints its port, then for
every line of its input what it has counted so far: requests, connections, requests for a token,
CPU seconds. The line "ready" ends what waits; the end of the input ends it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
import time
from typing import Dict, Optional

_EXP = "eyJhbGciOiJIUzI1NiJ9.%s.c2ln"
SESSIONS = json.dumps({"sessions": [{
    "message": None, "sessionElapsedTime": "00:02:41", "sessionHostname": "host.example",
    "sessionId": "7c0a4f7e-7b1c-44a8-8d4f-0d6f8f3f9a11", "sessionMaxLeaseTime": "04:00:00",
    "sessionSize": "small", "sessionStatus": "Ready"}]}).encode()
STARTING = json.dumps({"sessionId": "7c0a4f7e-7b1c-44a8-8d4f-0d6f8f3f9a11",
                       "sessionStatus": "Starting"}).encode()
_MODERN = {
    "id": "demo-1", "creationTime": "2021-03-22T10:00:01.5+00:00", "arrInspectorPort": 55010,
    "handshakePort": 49700, "elapsedTimeMinutes": 2, "hostname": "host.example",
    "maxLeaseTimeMinutes": 240, "size": "Standard", "status": "Ready", "teraflops": 8.1}
MODERN = json.dumps({"sessions": [_MODERN]}).encode()
MODERN_STARTING = json.dumps(dict(_MODERN, status="Starting")).encode()
MODERN_READY = json.dumps(_MODERN).encode()


def token(seconds: float) -> bytes:
    payload = base64.b64encode(json.dumps({"exp": int(time.time() + seconds)}).encode())
    return json.dumps({"AccessToken": _EXP % payload.decode().rstrip("=")}).encode()


def reply(body: bytes) -> bytes:
    return (b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n"
            b"MS-CV: AAAAAAAAAAAAAAAAAAAAAA.0\r\nContent-Length: %d\r\n\r\n" % len(body)) + body


class Counts:
    def __init__(self) -> None:
        self.requests = 0
        self.connections = 0
        self.sts = 0


class Peer(asyncio.Protocol):
    """One connection: answers each request by its path, without looking at anything else."""

    def __init__(self, counts: Counts, replies: Dict[bytes, bytes]) -> None:
        self.counts = counts
        self.replies = replies
        self.buffer = b""
        self.transport: Optional[asyncio.Transport] = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.counts.connections += 1

    def data_received(self, data: bytes) -> None:
        assert self.transport is not None
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
            self.counts.requests += 1
            path = head.split(b" ", 2)[1]
            if b"/token" in path:
                self.counts.sts += 1
                self.transport.write(self.replies[b"token"])
            elif path.endswith(b"/properties"):
                self.transport.write(self.replies[b"starting"])
            elif b"/sessions/" in path:
                self.transport.write(self.replies[b"modern session"])
            elif b"api-version" in path:
                self.transport.write(self.replies[b"modern"])
            else:
                self.transport.write(self.replies[b"sessions"])


async def serve(certificate: Optional[str], token_seconds: float) -> None:
    counts = Counts()
    replies = {b"token": reply(token(token_seconds)), b"sessions": reply(SESSIONS),
               b"modern": reply(MODERN), b"starting": reply(STARTING),
               b"modern session": reply(MODERN_STARTING)}
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Peer(counts, replies), "127.0.0.1", 0, ssl=context,
                                      backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    while True:
        line = await loop.run_in_executor(None, sys.stdin.readline)
        if not line:
            return
        if line == "ready\n":  # for the pollers of the Azure SDK, which nothing else ends
            replies[b"modern session"] = reply(MODERN_READY)
        print(json.dumps({"requests": counts.requests, "connections": counts.connections,
                          "sts": counts.sts, "cpu": time.process_time()}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[2] if len(sys.argv) > 2 else None, float(sys.argv[1])))
