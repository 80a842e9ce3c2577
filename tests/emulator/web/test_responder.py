"""What all replies have in common: their log line, their place in the meter, errors of our own."""

from __future__ import annotations

import logging
import time
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import pytest

from arr.emulator import Emulator
from arr.emulator._service.service import Service
from arr.emulator._service.state import State
from arr.emulator._web import responder

from ...support.emulator import Client, Client2021, Clock, raw


@pytest.fixture
def in_a_quarter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each request take a bit more than a quarter of a second."""
    ticks = cycle((1000.0, 1000.2512345678))
    monkeypatch.setattr(responder, "time", SimpleNamespace(
        perf_counter=lambda: next(ticks), monotonic=time.monotonic))


@pytest.mark.usefixtures("in_a_quarter")
def test_each_request_is_a_line_of_the_log(
        emulator: Emulator, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    client.token
    emulator.add_fault("GET", "sessions", reset=True, times=1)
    caplog.set_level(logging.DEBUG, "arr.emulator")
    with pytest.raises(ConnectionError):
        client.call("GET", "/sessions")
    client.connection.close()
    client.call("GET", "/sessions")
    client.send("M" * 21, "/x" + "y" * 299)
    client.admin("GET", "/clock")
    client.admin("POST", "/clock", {})
    client.call("GET", "/models/x/status")
    sessions = client.prefix + "/sessions"
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", f"GET {sessions} reset 251.2 ms (fault 1)"),
        ("INFO", f"GET {sessions} 200 251.2 ms"),
        ("INFO", f"{'M' * 20}... /x{'y' * 298}... 404 251.2 ms"),
        ("DEBUG", "GET /_emulator/clock 200 251.2 ms"),
        ("INFO", "POST /_emulator/clock 400 251.2 ms"),
        ("INFO", f"GET {client.prefix}/models/x/status 404 251.2 ms "
                 "(This account has no model of that id.)")]
    assert [each["milliseconds"] for each in emulator.requests()] == [251.235] * 4


def test_what_is_no_request_is_a_line_of_the_log(
        emulator: Emulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "arr.emulator")
    assert raw(emulator, b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")
    assert [record.getMessage()[:13] for record in caplog.records] == ["refused: 400 "]


def test_refused_and_spoilt_replies_count_as_failed(emulator: Emulator, client: Client) -> None:
    def failed() -> int:
        rows = client.admin("GET", "/overview").json()["meter"]["seconds"]
        return sum(row["failed"] for row in rows)

    session_id = client.create()
    assert failed() == 0
    assert client.call("PATCH", f"/sessions/{session_id}", b"").status == 400
    assert failed() == 1
    emulator.add_fault("GET", "sessions", truncate=True, times=1)
    with pytest.raises(Exception):
        client.call("GET", "/sessions")
    client.connection.close()
    emulator.add_fault("GET", "sessions", status=399, times=1)
    client.call("GET", "/sessions")
    assert failed() == 2


@pytest.mark.parametrize("status, code", [
    (400, "BadRequest"), (403, "Forbidden"), (404, "NotFound"), (405, "MethodNotAllowed"),
    (409, "Conflict"), (411, "LengthRequired"), (413, "PayloadTooLarge"),
    (415, "UnsupportedMediaType"), (422, "UnprocessableEntity"), (500, "InternalServerError"),
    (501, "NotImplemented"), (502, "InternalServerError"), (503, "ServiceUnavailable"),
    (401, ""), (429, "")])
def test_each_status_has_a_code_in_2021_and_a_text_before(
        emulator: Emulator, client: Client, newer: Client2021, status: int, code: str) -> None:
    emulator.add_fault("GET", "sessions", status=status)
    answer, older = newer.call("GET", "/sessions"), client.call("GET", "/sessions")
    assert answer.status == older.status == status
    assert (answer.headers["WWW-Authenticate"] is None) is (status != 401)
    assert older.headers["WWW-Authenticate"] is None
    if code:
        text = "Fault 1, made on purpose."
        assert answer.json() == {"error": {"code": code, "message": text}}
        assert older.json() == {"error": text}
    else:
        assert answer.body == older.body == b""


def fail(*_: object) -> Any:
    raise ValueError("a mistake in the emulator")


def test_an_error_of_our_own_is_500_in_the_shape_of_the_era_and_in_the_log(
        client: Client, newer: Client2021, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    with monkeypatch.context() as patch:
        for name in ("view_live", "owner_at"):
            patch.setattr(State, name, fail)
        patch.setattr(Service, "snapshot", fail)
        host = {"Host": f"11111111-2222-4333-8444-555555555555.localhost:{client.port}"}
        answers = [client.call("GET", "/sessions"), client.admin("GET", "/state"),
                   client.send("POST", "/", f"token={client.token}".encode(), host)]
        later = newer.call("GET", "/sessions")
    said = "Internal error; see the log of the emulator."
    assert [(each.status, each.json()) for each in answers] == [(500, {"error": said})] * 3
    assert (later.status, later.json()) == (
        500, {"error": {"code": "InternalServerError", "message": said}})
    assert caplog.text.count("ValueError: a mistake in the emulator") == 4
    assert client.call("GET", "/sessions").status == 200


def test_every_second_has_its_date(client: Client, clock: Clock) -> None:
    dates = []
    for clock.now in (1.0, 1.9, 2.0, 1e300):
        dates.append(client.send("GET", "/nothing").headers["Date"])
    assert dates == [f"{when} GMT" for when in (
        "Thu, 01 Jan 1970 00:00:01", "Thu, 01 Jan 1970 00:00:01", "Thu, 01 Jan 1970 00:00:02",
        "Thu, 01 Jan 1970 00:00:00")]
