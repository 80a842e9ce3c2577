"""Mutated requests, seeded: whatever comes in, the answer is never 500 and never missing.

ARR_TEST_FUZZ scales the number of rounds, ARR_TEST_SEED chooses others.
"""

from __future__ import annotations

import json
import os
import random
from typing import List

import pytest

from arr.emulator import Emulator

from ...support import golden_later
from ...support.emulator import Client, raw

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("ARR_TEST_FUZZ", "400"))
SEED = int(os.environ.get("ARR_TEST_SEED", "2019"))

_V = "?api-version=2021-01-01"

STRANGE = [b"", b"\x00", b"\r\n", b"%00", b"%2e%2e/", b"../", b"'", b'"', b"{", b"[" * 5000,
           b"9" * 5000, b"-1", b"NaN", b"1e999", b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xae",
           b"null", b"true", b"?", b"#", b":", b";", b"chunked", b"A" * 20000]


def seeds(client: Client, session: str) -> List[bytes]:
    """Return well-formed requests of every kind, as bytes."""
    token = client.token
    base, newer = client.prefix, f"/accounts/{client.account_id}"
    calls = [
        ("GET", f"/accounts/{client.account_id}/token", None),
        ("POST", f"{base}/sessions/create", {"maxLeaseTime": "4:0:0", "models": [], "size": "big"}),
        ("GET", f"{base}/sessions", None),
        ("GET", f"{base}/sessions/{session}/properties", None),
        ("PATCH", f"{base}/sessions/{session}", {"maxLeaseTime": "5:0:0"}),
        ("DELETE", f"{base}/sessions/{session}", None),
        ("POST", f"{base}/models/create", {"modelName": "a", "modelUrl": "file:///a",
                                           "assetContainerUrl": "file:///b"}),
        ("GET", f"{base}/models/{session}/status", None),
        ("POST", f"{base}/conversions/createWithSharedAccessSignature", golden_later.SCRIPT),
        ("GET", f"{base}/conversions/{session}", None),
        ("GET", f"{base}/conversions?skiptoken=1", None),
        ("PUT", f"{newer}/sessions/a-1{_V}", {"maxLeaseTimeMinutes": 15, "size": "Standard"}),
        ("GET", f"{newer}/sessions/a-1{_V}", None),
        ("PATCH", f"{newer}/sessions/a-1{_V}", {"maxLeaseTimeMinutes": 20}),
        ("POST", f"{newer}/sessions/a-1/:stop{_V}", None),
        ("GET", f"{newer}/sessions{_V}", None),
        ("PUT", f"{newer}/conversions/c-1{_V}", golden_later.ASKED),
        ("GET", f"{newer}/conversions/c-1{_V}", None),
        ("GET", f"{newer}/conversions{_V}&skiptoken=1", None),
        ("GET", "/_emulator/state", None),
        ("POST", "/_emulator/clock", {"advance": 1}),
        ("POST", "/_emulator/faults", {"route": "sessions", "status": 418, "times": 0}),
    ]
    requests = []
    for method, path, body in calls:
        content = b"" if body is None else json.dumps(body).encode()
        authorization = (f"{client.account_id}:{client.account_key}" if path.endswith("/token")
                         else token)
        head = (f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{client.port}\r\n"
                f"Authorization: Bearer {authorization}\r\nContent-Type: application/json\r\n"
                f"Connection: close\r\nContent-Length: {len(content)}\r\n\r\n")
        requests.append(head.encode() + content)
    return requests


def mutated(request: bytes, chance: random.Random) -> bytes:
    """Change a request in a few places; half of the time its length header stays true."""
    head, _, body = request.partition(b"\r\n\r\n")
    for _ in range(chance.randint(1, 3)):
        part = body if body and chance.random() < 0.6 else head
        at = chance.randrange(len(part) + 1)
        to = min(len(part), at + chance.choice((0, 0, 1, 3, 8)))
        part = part[:at] + chance.choice(STRANGE) + part[to:]
        if body and part is not head and len(part) and chance.random() < 0.9:
            body = part
        else:
            head = part
    if chance.random() < 0.5:
        lines = [line for line in head.split(b"\r\n")
                 if not line.lower().startswith(b"content-length")]
        head = b"\r\n".join(lines + [b"Content-Length: %d" % len(body)])
    return head + b"\r\n\r\n" + body


def test_no_mutated_request_is_answered_with_a_server_error(emulator: Emulator,
                                                            client: Client) -> None:
    chance = random.Random(SEED)
    session = client.create()
    requests = seeds(client, session)
    for number in range(ROUNDS):
        request = mutated(chance.choice(requests), chance)
        try:
            status = raw(emulator, request, finish=True)[:12]
        except ConnectionError:
            continue  # closed before our bytes were read to their end
        # 505 is the right answer to a version of HTTP that is not 1.x.
        assert not status.startswith(b"HTTP/1.1 5") or status == b"HTTP/1.1 505", (
            number, status, request[:400])
    assert client.call("GET", "/sessions").status == 200  # it still serves
