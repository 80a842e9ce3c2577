"""What the emulator's tests share: a clock, a plain HTTP client and a fake pipeline."""

from __future__ import annotations

import http.client
import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any, Mapping, Optional, Sequence, TypeVar, Union

from arr.emulator import Emulator
from arr.emulator._service.ingestions import Report

LIMIT = 10.0  # seconds that anything may take before a test fails


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_576_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Summary:
    def as_dict(self) -> dict[str, Any]:
        return {"meshes": 1}


def good_ingest(model_name: str, model_url: str, asset_container_url: str, *,
                container_root: Optional[Path], allowed_hosts: Sequence[str],
                report: Report, **more: str) -> Summary:
    report(0.5, "half way")
    return Summary()


class Answer:
    """A reply that has been read to its end."""

    def __init__(self, reply: http.client.HTTPResponse) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self.body = reply.read()

    def json(self) -> Any:
        return json.loads(self.body)


C = TypeVar("C", bound="Client")


class Client:
    """A plain HTTP client of one account on one keep-alive connection."""

    def __init__(self, emulator: Emulator, account_id: str = "", account_key: str = "") -> None:
        self.account_id = account_id or emulator.account_id
        self.account_key = account_key or emulator.account_key
        self.prefix = f"/v1/accounts/{self.account_id}"
        self.port = int(emulator.url.rpartition(":")[2])
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        self._token = ""

    def __enter__(self: C) -> C:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.connection.close()

    def send(self, method: str, path: str, body: Union[bytes, None] = None,
             headers: Optional[Mapping[str, str]] = None) -> Answer:
        """Send exactly this."""
        self.connection.request(method, path, body=body, headers=dict(headers or {}))
        return Answer(self.connection.getresponse())

    @property
    def token(self) -> str:
        if not self._token:
            answer = self.send("GET", f"/accounts/{self.account_id}/token", headers={
                "Authorization": f"Bearer {self.account_id}:{self.account_key}"})
            assert answer.status == 200, answer.body
            self._token = answer.json()["AccessToken"]
        return self._token

    def forget_token(self) -> None:
        """Ask for a new token when the next call is made."""
        self._token = ""

    def call(self, method: str, path: str, body: object = None,
             headers: Optional[Mapping[str, str]] = None) -> Answer:
        """Call a route of the service, below the account's prefix, with a token."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return self.send(method, self.prefix + path, data, {
            "Authorization": "Bearer " + self.token, "Content-Type": "application/json",
            **(headers or {})})

    def admin(self, method: str, path: str, body: object = None) -> Answer:
        """Call one of the emulator's own routes."""
        data = None if body is None else json.dumps(body).encode()
        return self.send(method, "/_emulator" + path, data, {"Content-Type": "application/json"})

    def create(self, size: str = "small", lease: str = "4:0:0") -> str:
        answer = self.call("POST", "/sessions/create", {"maxLeaseTime": lease, "size": size})
        assert answer.status == 202, answer.body
        return str(answer.json()["sessionId"])

    def properties(self, session_id: str) -> dict[str, Any]:
        answer = self.call("GET", f"/sessions/{session_id}/properties")
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json()
        return found

    def status(self, session_id: str) -> str:
        return str(self.properties(session_id)["sessionStatus"])


class Client2021(Client):
    """A plain HTTP client that speaks api-version 2021-01-01."""

    def __init__(self, emulator: Emulator, account_id: str = "", account_key: str = "") -> None:
        super().__init__(emulator, account_id, account_key)
        self.prefix = f"/accounts/{self.account_id}"

    def call(self, method: str, path: str, body: object = None,
             headers: Optional[Mapping[str, str]] = None) -> Answer:
        """Call a route with the api-version, unless the path has a query of its own."""
        return super().call(
            method, path if "?" in path else path + "?api-version=2021-01-01", body, headers)

    def put(self, session_id: str, size: str = "Standard", minutes: int = 10) -> dict[str, Any]:
        """Create a session."""
        answer = self.call("PUT", "/sessions/" + session_id,
                           {"maxLeaseTimeMinutes": minutes, "size": size})
        assert answer.status == 201, answer.body
        made: dict[str, Any] = answer.json()
        return made

    def get(self, session_id: str) -> dict[str, Any]:
        """Return a session."""
        answer = self.call("GET", "/sessions/" + session_id)
        assert answer.status == 200, answer.body
        found: dict[str, Any] = answer.json()
        return found


def raw(emulator: Emulator, data: bytes, *, finish: bool = False) -> bytes:
    """Send bytes on a connection of their own and return all that comes back until it ends."""
    port = int(emulator.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), LIMIT) as connection:
        connection.sendall(data)
        if finish:
            connection.shutdown(socket.SHUT_WR)
        return read_all(connection)


def read_all(connection: socket.socket) -> bytes:
    connection.settimeout(LIMIT)
    pieces: list[bytes] = []
    while True:
        try:
            piece = connection.recv(65_536)
        except ConnectionError:
            piece = b""
        if not piece:
            return b"".join(pieces)
        pieces.append(piece)
