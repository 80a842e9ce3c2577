"""Faults on demand: what is sent, how often, and whether the service acts."""

from __future__ import annotations

import http.client
import socket
from threading import Thread
from typing import Any

import pytest

from arr.emulator import Emulator
from arr.emulator._web.routes import INSPECTOR, OWN, ROUTES, SERVED

from ...support.emulator import LIMIT, Client, raw


def test_a_status_fault_answers_in_place_of_the_service(emulator: Emulator,
                                                        client: Client) -> None:
    fault = emulator.add_fault("POST", "sessions/create", status=503, retry_after=7, times=2)
    for _ in range(2):
        answer = client.call("POST", "/sessions/create", {"maxLeaseTime": "1:0:0", "size": "big"})
        assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
        assert answer.headers["MS-CV"]
    assert emulator.state()["sessions"] == []
    assert client.create()
    assert fault.fired == 2 and emulator.state()["faults"] == []


def test_with_after_the_service_acts_and_the_reply_is_lost(emulator: Emulator,
                                                           client: Client) -> None:
    emulator.add_fault("POST", "create", reset=True, after=True, times=1)
    client.token
    with pytest.raises(ConnectionError):
        client.call("POST", "/sessions/create", {"maxLeaseTime": "1:0:0", "size": "big"})
    client.connection.close()
    assert len(client.call("GET", "/sessions").json()["sessions"]) == 1


def test_a_reset_is_a_reset_and_keeps_the_service_from_acting(emulator: Emulator,
                                                              client: Client) -> None:
    session_id = client.create()
    emulator.add_fault("DELETE", "sessions/*", reset=True)
    with pytest.raises(ConnectionResetError) as caught:
        client.call("DELETE", "/sessions/" + session_id)
    assert caught.type is ConnectionResetError  # a connection closed in order is another kind
    client.connection.close()
    assert client.status(session_id) == "Starting"
    assert emulator.requests()[-2]["status"] == 0


def test_a_truncated_reply_is_shorter_than_it_says(emulator: Emulator, client: Client) -> None:
    emulator.add_fault("GET", "sessions", truncate=True)
    with pytest.raises(http.client.IncompleteRead) as caught:
        client.call("GET", "/sessions")
    assert (caught.value.partial, caught.value.expected) == (b'{"sessio', 7)  # of 15 bytes


def test_a_truncated_reply_without_body_ends_inside_the_headers(emulator: Emulator,
                                                                client: Client) -> None:
    session_id = client.create()
    emulator.add_fault("DELETE", truncate=True)
    data = raw(emulator, (
        f"DELETE {client.prefix}/sessions/{session_id} HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {client.token}\r\n\r\n").encode())
    assert data.startswith(b"HTTP/1.1 204") and b"\r\n\r\n" not in data
    assert client.status(session_id) == "Stopped"


def test_garbage_is_no_json_but_whole_http(emulator: Emulator, client: Client) -> None:
    emulator.add_fault(path="token", garbage=True, times=1)
    answer = client.send("GET", f"/accounts/{client.account_id}/token", headers={
        "Authorization": f"Bearer {client.account_id}:{client.account_key}"})
    assert answer.status == 200
    with pytest.raises(ValueError):
        answer.json()


def test_a_body_of_ones_own(emulator: Emulator, client: Client) -> None:
    emulator.add_fault("GET", "properties", body='{"sessionStatus": 7}', times=1)
    answer = client.call("GET", "/sessions/any/properties")
    assert (answer.status, answer.json()) == (200, {"sessionStatus": 7})


@pytest.mark.parametrize("effect, status, body, kind", [
    ({"status": 200}, 200, b"", None), ({"status": 399}, 399, b"", None),
    ({"status": 400}, 400, {"error": "Fault 1, made on purpose."}, "application/json"),
    ({"status": 503, "body": ""}, 503, b"", None),
    ({"status": 503, "body": "[1]"}, 503, [1], "application/json"),
    ({"body": ""}, 200, b"", None)])
def test_a_fault_has_the_body_that_it_was_given_and_an_error_one_that_says_so(
        emulator: Emulator, client: Client, effect: Any, status: int, body: object,
        kind: str) -> None:
    emulator.add_fault("GET", "sessions", **effect)
    answer = client.call("GET", "/sessions")
    assert (answer.status, answer.json() if kind else answer.body) == (status, body)
    found = answer.headers["Content-Type"]
    assert found == (kind and kind + "; charset=utf-8")


@pytest.mark.parametrize("effect, acts", [
    ({"truncate": True}, True), ({"garbage": True}, True), ({"delay": 0.001}, True),
    ({"retry_after": 1}, True), ({"status": 503, "after": True}, True),
    ({"reset": True, "after": True}, True), ({"reset": True}, False), ({"status": 200}, False),
    ({"body": ""}, False), ({"status": 503, "truncate": True}, False),
    ({"body": "{}", "truncate": True}, False), ({"body": "{}", "garbage": True}, False)])
def test_a_status_a_body_and_a_reset_keep_the_service_from_acting(
        emulator: Emulator, client: Client, effect: Any, acts: bool) -> None:
    session_id = client.create()
    emulator.add_fault("DELETE", "sessions/*", **effect)
    raw(emulator, (f"DELETE {client.prefix}/sessions/{session_id} HTTP/1.1\r\nHost: localhost\r\n"
                   f"Connection: close\r\nAuthorization: Bearer {client.token}\r\n\r\n").encode())
    assert client.status(session_id) == ("Stopped" if acts else "Starting")


@pytest.mark.parametrize("restarts", [0, 1])
def test_a_delay_waits_and_stopping_ends_it(emulator: Emulator, client: Client,
                                            restarts: int) -> None:
    for _ in range(restarts):
        emulator.stop()
        emulator.start()
    emulator.add_fault("GET", "sessions", delay=3600, times=1)
    client.token
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            client.call("GET", "/sessions")
        except Exception as error:
            failures.append(error)

    before = len(emulator.requests())
    thread = Thread(target=ask)
    thread.start()
    while len(emulator.requests()) == before:  # recorded on arrival, before the delay
        assert thread.is_alive()
    thread.join(0.02)
    assert thread.is_alive()
    emulator.stop()
    thread.join(LIMIT)
    assert not thread.is_alive() and failures


def test_a_short_delay_answers_in_the_end(emulator: Emulator, client: Client) -> None:
    emulator.add_fault(path="*", delay=0.01)
    assert client.call("GET", "/sessions").status == 200


def test_probability_follows_the_seed(emulator: Emulator, client: Client) -> None:
    def draw() -> list[int]:
        emulator.clear_faults()
        emulator.add_fault("GET", "sessions", status=500, probability=0.5, seed=42)
        return [client.call("GET", "/sessions").status for _ in range(40)]

    first = draw()
    assert first == draw() and {200, 500} == set(first)


def test_the_first_fault_that_fires_wins(emulator: Emulator, client: Client) -> None:
    client.token
    emulator.add_fault("GET", "sessions", status=500, times=1)
    second = emulator.add_fault(status=418)
    assert client.call("GET", "/sessions").status == 500
    assert client.call("GET", "/sessions").status == 418
    second.remove()
    second.remove()
    assert client.call("GET", "/sessions").status == 200


@pytest.mark.parametrize("method, path, hit", [
    ("*", "*", True), ("get", "PROPERTIES", True), ("GET", "sessions/*/properties", True),
    ("GET", "/v1/accounts/*/sessions/*/properties", True), ("GET", "v1/*/*/*/*/*", True),
    ("*", "sessions/*", False), ("GET", "sessions", False), ("GET", "other/properties", False),
    ("HEAD", "properties", False), ("*", "*/create", False), ("DELETE", "*", False),
])
def test_a_pattern_is_the_end_of_a_path(emulator: Emulator, client: Client, method: str,
                                        path: str, hit: bool) -> None:
    session_id = client.create()
    emulator.add_fault(method, path, status=418)
    answer = client.call("GET", f"/sessions/{session_id}/properties/")
    assert (answer.status == 418) is hit


@pytest.mark.parametrize("method, path, near", [
    ("GTE", "sessions", "GET sessions"), ("GET", "propertys", "GET sessions/*/properties"),
    ("*", "propertys", "GET sessions/*/properties"), ("TRACE", "*", ""), ("PUT", "sessions", ""),
    ("POST", "properties", ""), ("GET", "models/some-id", ""),
    ("PATCH", "sessions/create", "POST sessions/create"), ("POST", "session/create", ""),
    ("GET", "model/*/status", "GET models/*/status"), ("GET", "some-id", ""),
    ("GET", "sessions/{id}/properties", "GET sessions/*/properties"), ("GET", "/properties", ""),
    ("GET", "/*", ""), ("*", "*/*", ""), ("*", "v1", ""), ("*", "accounts/*", ""),
    ("GET", "a/b/c/d/e/f/g/properties", "GET sessions/*/properties"),
    ("GET", "tokens", "GET token"),
    ("GET", "_emulator/state", ""), ("*", "*/create/properties", ""), ("GET", "x" * 100_000, ""),
])
def test_a_pattern_that_fits_no_route_is_refused_with_the_near_ones(
        emulator: Emulator, client: Client, method: str, path: str, near: str) -> None:
    for make in (emulator.hold, lambda *pattern: emulator.add_fault(*pattern, status=500)):
        with pytest.raises(ValueError, match="no route fits") as refused:
            make(method, path)
        said = str(refused.value)
        assert near in said.partition("near ones are ")[2].split(", ") or not near
        assert said.count(", ") == 2 and len(said) < 300
    answer = client.admin("POST", "/faults", {"method": method, "path": path, "status": 500})
    assert answer.status == 400 and "no route fits" in answer.json()["error"]
    assert emulator.state()["faults"] == emulator.never_struck() == []


def test_each_route_of_the_service_can_be_named_and_no_other(emulator: Emulator) -> None:
    """Of every era: the table decides."""
    words = {part for _, path in SERVED for part in path.split("/") if part[0] != "{"}
    for method, path in SERVED:
        whole = "/".join("*" if part[0] == "{" else part for part in path.split("/"))
        for pattern in (whole, "/" + whole, whole.upper(), whole.replace("*", "some-id")):
            assert emulator.hold(method, pattern)
        wrong = whole.replace("*", next(iter(words)))
        with pytest.raises(ValueError):
            emulator.hold(method, wrong)
    for route in ROUTES:
        if route.kind in (OWN, INSPECTOR) and route.path:
            with pytest.raises(ValueError):
                emulator.hold(route.method, "/" + route.path.replace("{id}", "x"))


def test_which_have_struck_can_be_asked(emulator: Emulator, client: Client) -> None:
    struck = emulator.add_fault("GET", "sessions", status=500, times=1)
    idle = emulator.hold("GET", "sessions")
    idle.release()
    client.call("GET", "/sessions")
    removed, hold = emulator.add_fault("GET", "properties", status=500), emulator.hold("DELETE")
    removed.remove()
    emulator.clear_faults()
    assert struck.fired == 1
    assert emulator.never_struck() == [idle, removed, hold]


def test_faults_and_holds_show_what_they_are(emulator: Emulator, client: Client) -> None:
    fault = emulator.add_fault("get", "sessions", status=503, retry_after=7, times=3)
    assert repr(fault) == ("<Fault 1: GET sessions, status=503 retry_after='7' times=3, "
                           "fired 0 times>")
    client.call("GET", "/sessions")
    assert repr(fault).endswith("fired 1 times>")
    cut = emulator.add_fault(truncate=True, after=True, probability=0.5, seed=1, delay=0.5)
    assert repr(cut) == ("<Fault 2: * *, delay=0.5 truncate=True after=True probability=0.5 "
                         "seed=1, fired 0 times>")
    assert len(repr(emulator.add_fault(body="x" * 10_000))) < 150
    hold = emulator.hold("DELETE", "sessions/*", times=2)
    assert repr(hold) == "<Hold DELETE sessions/*: 0 of 2 taken, 0 waiting>"
    hold.release()
    assert repr(hold) == "<Hold DELETE sessions/*: 0 of 2 taken, released>"


@pytest.mark.parametrize("arguments, problem", [
    ({}, ValueError), ({"status": 100}, ValueError), ({"status": 600}, ValueError),
    ({"status": "500"}, TypeError), ({"status": True}, TypeError), ({"delay": -1}, ValueError),
    ({"delay": float("nan")}, ValueError), ({"status": 500, "times": 0}, ValueError),
    ({"status": 500, "probability": 2}, ValueError), ({"reset": 1}, TypeError),
    ({"reset": True, "truncate": True}, ValueError), ({"body": b"x"}, TypeError),
    ({"status": 429, "retry_after": "1\r\nX: y"}, ValueError), ({"path": "", "method": ""},
                                                                ValueError),
    ({"status": 500, "path": "/"}, ValueError), ({"status": 500, "path": "a\nb"}, ValueError),
    ({"status": 500, "seed": 1.5}, TypeError), ({"status": 500, "path": 3}, TypeError),
])
def test_a_fault_that_makes_no_sense_is_refused(emulator: Emulator, arguments: Any,
                                                problem: type[Exception]) -> None:
    with pytest.raises(problem):
        emulator.add_fault(**arguments)
    assert emulator.state()["faults"] == []


def test_faults_never_hit_the_emulators_own_routes(emulator: Emulator, client: Client) -> None:
    emulator.add_fault(status=500)
    assert client.admin("GET", "/state").status == 200
    assert client.admin("DELETE", "/faults").status == 200
    assert client.call("GET", "/sessions").status == 200


def test_throttling_counts_by_minute_and_account(emulator: Emulator, client: Client,
                                                 clock: Any) -> None:
    emulator.add_account("other", "key")
    client.token
    emulator.throttle(2)
    assert [client.call("GET", "/sessions").status for _ in range(3)] == [200, 200, 429]
    clock.advance(20)
    answer = client.call("GET", "/sessions")
    assert (answer.status, answer.body, answer.headers["Retry-After"]) == (429, b"", "40")
    with Client(emulator, "other", "key") as other:
        assert other.call("GET", "/sessions").status == 200
    clock.advance(40)
    assert client.call("GET", "/sessions").status == 200
    emulator.throttle(0)
    assert client.call("GET", "/sessions").status == 429
    client.forget_token()
    key = f"Bearer {client.account_id}:{client.account_key}"
    token = client.send("GET", f"/accounts/{client.account_id}/token",
                        headers={"Authorization": key})
    assert token.status == 429 and token.headers["Retry-After"] == "60"
    emulator.throttle(None)
    assert client.call("GET", "/sessions").status == 200


def test_a_wrong_credential_does_not_use_up_the_limit(emulator: Emulator, client: Client) -> None:
    client.token
    emulator.throttle(1)
    for _ in range(3):
        assert client.send("GET", client.prefix + "/sessions").status == 401
    assert client.call("GET", "/sessions").status == 200


def test_a_connection_reset_by_a_fault_takes_no_other_down(emulator: Emulator,
                                                           client: Client) -> None:
    client.token
    emulator.add_fault("GET", "properties", reset=True)
    with socket.create_connection(("127.0.0.1", client.port), LIMIT):
        with Client(emulator) as victim, pytest.raises(ConnectionError):
            victim.call("GET", "/sessions/x/properties")
        assert client.call("GET", "/sessions").status == 200
