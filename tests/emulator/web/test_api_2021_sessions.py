"""Sessions of api-version 2021-01-01, and those of other eras seen through it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from arr.emulator import Emulator
from arr.emulator._web.moments import format_moment

from ...support.emulator import Client, Client2021, Clock

GOOD = {"maxLeaseTimeMinutes": 10, "size": "Standard"}


def code_of(answer: Any) -> str:
    """Return the code of an error that has the shape of this era."""
    error = answer.json()["error"]
    assert list(error) == ["code", "message"] and error["message"], error
    return str(error["code"])


def test_a_session_goes_through_its_life(newer: Client2021, clock: Clock) -> None:
    made = newer.put("Demo-1", "premium", 15)
    created = "2019-12-10T17:46:40+00:00"
    starting = {"id": "Demo-1", "creationTime": created, "elapsedTimeMinutes": 0,
                "maxLeaseTimeMinutes": 15, "size": "Premium", "status": "Starting"}
    assert made == starting and list(made) == list(starting)
    clock.advance(3 + 119)
    ready = newer.get("Demo-1")
    host = ready["hostname"]
    expected = {
        "id": "Demo-1", "creationTime": created, "arrInspectorPort": newer.port,
        "handshakePort": 50051, "elapsedTimeMinutes": 1, "hostname": host,
        "maxLeaseTimeMinutes": 15, "size": "Premium", "status": "Ready", "teraflops": 8.1}
    assert ready == expected and list(ready) == list(expected)
    assert re.fullmatch(r"[0-9a-f-]{36}\.localhost", host)
    longer = newer.call("PATCH", "/sessions/Demo-1", {"maxLeaseTimeMinutes": 16})
    assert longer.status == 200 and longer.json() == {**expected, "maxLeaseTimeMinutes": 16}
    assert newer.call("GET", "/sessions").json() == {"sessions": [longer.json()]}
    stopped = newer.call("POST", "/sessions/Demo-1/:stop")
    assert (stopped.status, stopped.body) == (204, b"")
    for name in ("arrInspectorPort", "handshakePort", "hostname"):
        del expected[name]
    assert newer.get("Demo-1") == {**expected, "maxLeaseTimeMinutes": 16, "status": "Stopped"}
    assert newer.call("GET", "/sessions").json() == {"sessions": []}
    assert newer.call("POST", "/sessions/Demo-1/:stop").status == 204


def test_the_lease_runs_from_ready_and_ends_in_expired(newer: Client2021, clock: Clock) -> None:
    newer.put("a", minutes=2)
    newer.put("none", minutes=0)
    clock.advance(3)
    none = newer.get("none")
    assert (none["status"], none["elapsedTimeMinutes"], none["teraflops"]) == ("Expired", 0, 8.1)
    clock.advance(119)
    assert newer.get("a")["status"] == "Ready"
    clock.advance(1)
    assert newer.get("a") == {
        "id": "a", "creationTime": "2019-12-10T17:46:40+00:00", "elapsedTimeMinutes": 2,
        "maxLeaseTimeMinutes": 2, "size": "Standard", "status": "Expired", "teraflops": 8.1}


def test_the_same_again_is_the_same_session_and_another_is_a_conflict(
        newer: Client2021, clock: Clock) -> None:
    made = newer.put("a")
    assert newer.call("PATCH", "/sessions/a", {"maxLeaseTimeMinutes": 20}).status == 200
    again = newer.call("PUT", "/sessions/a", GOOD)
    assert (again.status, again.json()) == (200, {**made, "maxLeaseTimeMinutes": 20})
    for other in ({**GOOD, "maxLeaseTimeMinutes": 20}, {**GOOD, "size": "Premium"}):
        answer = newer.call("PUT", "/sessions/a", other)
        assert answer.status == 409 and code_of(answer) == "Conflict"
    newer.call("POST", "/sessions/a/:stop")
    ended = newer.call("PUT", "/sessions/a", GOOD)
    assert (ended.status, ended.json()["status"]) == (200, "Stopped")
    clock.advance(30 * 86_400)
    newer.forget_token()
    assert newer.call("PUT", "/sessions/a", GOOD).status == 201
    assert newer.get("a")["status"] == "Starting"


@pytest.mark.parametrize("session_id", ["x" * 257, "a.b", "a%2Fb", "a%20b", "%C3%A4", "a%00"])
def test_a_bad_id_is_400(newer: Client2021, session_id: str) -> None:
    for method, path in (("PUT", ""), ("GET", ""), ("PATCH", ""), ("POST", "/:stop")):
        answer = newer.call(method, f"/sessions/{session_id}{path}", GOOD)
        assert answer.status == 400 and code_of(answer) == "BadRequest", (method, answer.body)


def test_the_longest_id_is_good(newer: Client2021) -> None:
    assert newer.put("aZ09_-" + "x" * 250)["id"] == "aZ09_-" + "x" * 250


def test_the_longest_lease_is_a_day(newer: Client2021) -> None:
    assert newer.put("a", minutes=1440)["maxLeaseTimeMinutes"] == 1440


@pytest.mark.parametrize("body, said", [
    ({"maxLeaseTimeMinutes": -1, "size": "Standard"}, "lease.*negative"),
    ({"maxLeaseTimeMinutes": 1441, "size": "Standard"}, "1440"),
    ({"maxLeaseTimeMinutes": "10", "size": "Standard"}, "whole number"),
    ({"maxLeaseTimeMinutes": 1.5, "size": "Standard"}, "whole number"),
    ({"maxLeaseTimeMinutes": True, "size": "Standard"}, "whole number"),
    ({"maxLeaseTimeMinutes": None, "size": "Standard"}, "whole number"),
    ({"size": "Standard"}, "missing"), ({"maxLeaseTimeMinutes": 10}, "size is missing"),
    ({"maxLeaseTimeMinutes": 10, "size": "Tiny"}, "Can't specify this VM size: Tiny"),
    ({"maxLeaseTimeMinutes": 10, "size": "small"}, "Can't specify this VM size"),
    ({"maxLeaseTimeMinutes": 10, "size": ["Standard"]}, "Can't specify this VM size"),
    ([GOOD], "object"), (b"{", "JSON"), (b"", "JSON"),
])
def test_a_bad_create_is_400_and_says_why(newer: Client2021, body: object, said: str) -> None:
    answer = newer.call("PUT", "/sessions/a", body)
    assert answer.status == 400 and code_of(answer) == "BadRequest"
    assert re.search(said.lower(), answer.json()["error"]["message"].lower())
    assert newer.call("GET", "/sessions").json() == {"sessions": []}


@pytest.mark.parametrize("minutes", [10, 9, 0, -1, 1440, 1441, "20", 20.5, True, None])
def test_a_lease_that_is_no_longer_one_is_422_and_changes_nothing(
        newer: Client2021, minutes: object) -> None:
    made = newer.put("a")
    answer = newer.call("PATCH", "/sessions/a", {"maxLeaseTimeMinutes": minutes})
    assert answer.status == 422 and code_of(answer) == "UnprocessableEntity"
    assert newer.get("a") == made
    assert newer.call("PATCH", "/sessions/a", {}).status == 422
    assert newer.call("PATCH", "/sessions/a", {"maxLeaseTimeMinutes": 1439}).status == 200
    short = newer.call("PATCH", "/sessions/a", {"maxLeaseTimeMinutes": 1439}).json()["error"]
    assert short["message"] == "The new lease has to be longer than 1439 minutes."
    newer.call("POST", "/sessions/a/:stop")
    ended = newer.call("PATCH", "/sessions/a", {"maxLeaseTimeMinutes": 1439})
    assert ended.status == 422 and ended.json()["error"]["message"] == (
        "The session is Stopped; its lease cannot be extended any more.")


def test_an_unknown_session_is_404(newer: Client2021) -> None:
    newer.put("a")
    for session_id in ("A", "b", "11111111-2222-4333-8444-555555555555"):
        for method, path in (("GET", ""), ("PATCH", ""), ("POST", "/:stop")):
            answer = newer.call(method, f"/sessions/{session_id}{path}", GOOD)
            assert answer.status == 404 and code_of(answer) == "NotFound"
    for path in ("/nothing", "/sessions/a/b", "/sessions/a/:start"):
        answer = newer.call("GET", path)
        assert answer.status == 404 and code_of(answer) == "NotFound"
    wrong = newer.call("DELETE", "/sessions/a")
    assert wrong.status == 405 and code_of(wrong) == "MethodNotAllowed"


def test_a_session_without_capacity_ends_in_an_error_with_a_code(
        emulator: Emulator, newer: Client2021, clock: Clock) -> None:
    emulator.set_capacity({"standard": 1})
    newer.put("first")
    newer.put("second")
    clock.advance(3)
    found = newer.get("second")
    assert list(found)[-2:] == ["status", "error"] and "teraflops" not in found
    assert found["status"] == "Error" and found["error"]["code"] == "NoCapacity"
    assert emulator.fail_session("first", "told to")
    found = newer.get("first")
    assert found["error"] == {"code": "InternalServerError", "message": "told to"}


@pytest.mark.parametrize("query, status, code", [
    ("?api-version=2021-01-01", 200, ""), ("?api-version=2021-01-01-preview", 200, ""),
    ("?x=1&api-version=2021-01-01", 200, ""), ("?", 400, "ApiVersionUnspecified"),
    ("?api-version=", 400, "UnsupportedApiVersion"),
    ("?api-version=2022-02-02", 400, "UnsupportedApiVersion"),
    ("?" + "&".join("abcdefghijklmnopqrstuvwxyz"), 400, "BadRequest"),
])
def test_the_api_version_is_needed(
        newer: Client2021, query: str, status: int, code: str) -> None:
    for path in ("/sessions", "/sessions/a"):
        answer = newer.call("GET", path + query)
        if code:
            assert (answer.status, code_of(answer)) == (status, code)
        else:
            assert answer.status in (status, 404)


def test_another_version_is_named_in_short(newer: Client2021) -> None:
    answer = newer.call("GET", "/sessions?api-version=" + "9" * 41)
    assert answer.json()["error"]["message"] == (
        f"The API version '{'9' * 40}' is not supported; take 2021-01-01 or 2021-01-01-preview.")


def test_every_reply_has_the_headers_of_the_era(emulator: Emulator, newer: Client2021) -> None:
    emulator.add_fault("PATCH", "sessions/*", status=503, times=1)
    answers = {"put": newer.call("PUT", "/sessions/a", GOOD),
               "get": newer.call("GET", "/sessions/a"),
               "list": newer.call("GET", "/sessions"),
               "404": newer.call("GET", "/nothing"),
               "patch": newer.call("PATCH", "/sessions/a", GOOD),
               "stop": newer.call("POST", "/sessions/a/:stop"),
               "401": newer.call("GET", "/sessions", headers={"Authorization": "Bearer x"})}
    for name, answer in answers.items():
        assert answer.headers["api-supported-versions"] == (
            "2021-01-01-preview, 2021-01-01, 2021-08-01-preview")
        assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["MS-CV"]
        fresh = "no-store, no-cache" if name in ("get", "list") else None
        assert answer.headers["Cache-Control"] == fresh
        if answer.body:
            assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert [answers[name].status for name in ("patch", "401", "stop")] == [503, 401, 204]
    assert answers["401"].headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert answers["401"].body == b"" and "Content-Type" not in answers["401"].headers


def test_the_token_of_another_account_is_403(emulator: Emulator, newer: Client2021) -> None:
    emulator.add_account("other", "key")
    with Client(emulator, "other", "key") as other:
        token = other.token
    answer = newer.call("GET", "/sessions", headers={"Authorization": "Bearer " + token})
    assert answer.status == 403 and code_of(answer) == "Forbidden"


def test_faults_have_the_shape_of_the_era_of_the_path(
        emulator: Emulator, client: Client, newer: Client2021) -> None:
    emulator.add_fault("GET", "sessions", status=500)
    assert code_of(newer.call("GET", "/sessions")) == "InternalServerError"
    assert isinstance(client.call("GET", "/sessions").json()["error"], str)
    emulator.clear_faults()
    emulator.add_fault("GET", "sessions", status=429, retry_after=7)
    limited = newer.call("GET", "/sessions")
    assert (limited.body, limited.headers["Retry-After"]) == (b"", "7")
    emulator.clear_faults()
    emulator.throttle(1)
    newer.call("GET", "/sessions")
    assert newer.call("GET", "/sessions").headers["Retry-After"]


def test_a_fault_can_be_meant_for_one_session_of_this_era(
        emulator: Emulator, newer: Client2021) -> None:
    fault = emulator.add_fault("POST", "sessions/mine/:stop", status=500)
    newer.put("mine")
    newer.put("other")
    assert newer.call("POST", "/sessions/other/:stop").status == 204
    assert newer.call("POST", "/sessions/mine/:stop").status == 500 and fault.fired == 1
    assert newer.get("mine")["status"] == "Starting"


# -- eras in one service -----------------------------------------------------------------------

@pytest.mark.parametrize("size, shown", [
    ("small", "Standard"), ("big", "Premium"), ("standard", "Standard"), ("premium", "Premium")])
def test_a_session_of_2019_is_seen_in_2021(
        client: Client, newer: Client2021, clock: Clock, size: str, shown: str) -> None:
    session_id = client.create(size, "1:0:30")
    clock.advance(3)
    found = newer.get(session_id.upper())  # a GUID that the service made has any case
    assert (found["id"], found["size"], found["maxLeaseTimeMinutes"]) == (session_id, shown, 60)
    assert found["hostname"] == client.properties(session_id)["sessionHostname"]
    assert newer.call("PATCH", "/sessions/" + session_id, {"maxLeaseTimeMinutes": 61}).status == 200
    assert client.properties(session_id)["sessionMaxLeaseTime"] == "01:01:00"
    assert newer.call("POST", f"/sessions/{session_id}/:stop").status == 204
    assert client.status(session_id) == "Stopped"


@pytest.mark.parametrize("size, shown", [("Standard", "small"), ("Premium", "big")])
def test_a_session_of_2021_is_seen_in_2019(
        client: Client, newer: Client2021, clock: Clock, size: str, shown: str) -> None:
    newer.put("Mine", size, 90)
    clock.advance(3)
    found = client.properties("Mine")
    assert (found["sessionId"], found["sessionSize"]) == ("Mine", shown)
    assert found["sessionMaxLeaseTime"] == "01:30:00"
    later = newer.get("Mine")
    assert found["sessionHostname"] == later["hostname"]
    assert found["connectionProperties"] == {
        name: later[name] for name in ("arrInspectorPort", "handshakePort")}
    assert client.call("GET", "/sessions").json() == {"sessions": [found]}
    assert client.call("GET", "/sessions/mine/properties").status == 404
    assert client.call("PATCH", "/sessions/Mine", {"maxLeaseTime": "1:30:59"}).status == 200
    assert newer.get("Mine")["maxLeaseTimeMinutes"] == 90
    assert client.call("DELETE", "/sessions/Mine").status == 204
    assert newer.get("Mine")["status"] == "Stopped"


def test_a_put_with_the_id_of_a_session_of_2019_is_a_retry_or_a_conflict(
        client: Client, newer: Client2021) -> None:
    session_id = client.create("small", "0:10:0")
    assert newer.call("PUT", "/sessions/" + session_id, GOOD).status == 200
    other = newer.call("PUT", "/sessions/" + session_id, {**GOOD, "size": "Premium"})
    assert other.status == 409


def test_two_accounts_may_choose_the_same_id(emulator: Emulator, newer: Client2021) -> None:
    emulator.add_account("other", "key")
    with Client2021(emulator, "other", "key") as second:
        newer.put("a")
        second.put("a", minutes=20)
        assert newer.get("a")["maxLeaseTimeMinutes"] == 10
        newer.call("POST", "/sessions/a/:stop")
        assert second.get("a")["status"] == "Starting"


def test_the_host_name_of_a_session_is_no_id_of_it(newer: Client2021, clock: Clock) -> None:
    newer.put("a")
    clock.advance(3)
    guid = newer.get("a")["hostname"].partition(".")[0]
    assert newer.call("GET", "/sessions/" + guid).status == 404


def test_an_id_that_is_a_guid_compares_letter_by_letter(newer: Client2021) -> None:
    newer.put("AAAAAAAA-2222-4333-8444-555555555555")
    assert newer.call("GET", "/sessions/aaaaaaaa-2222-4333-8444-555555555555").status == 404


def test_the_inspector_is_found_by_the_host_name(
        emulator: Emulator, newer: Client2021, clock: Clock) -> None:
    newer.put("Mine")
    clock.advance(3)
    found = newer.get("Mine")
    host = {"Host": f"{found['hostname']}:{newer.port}"}
    data = newer.send("GET", "/inspector.json", headers={
        **host, "Authorization": "Bearer " + newer.token})
    assert data.status == 200 and data.json()["id"] == "Mine"
    emulator.add_account("other", "key")
    with Client(emulator, "other", "key") as other:
        foreign = other.token
    assert newer.send("GET", "/inspector.json", headers={
        **host, "Authorization": "Bearer " + foreign}).status == 404


def test_the_own_routes_take_the_id_of_a_client(
        emulator: Emulator, newer: Client2021, clock: Clock) -> None:
    newer.put("Mine")
    clock.advance(3)
    assert not emulator.stop_session("mine")
    assert newer.admin("POST", "/sessions/Mine/extend", {"minutes": 5}).json() == {
        "lease_seconds": 900}
    guid = newer.get("Mine")["hostname"].partition(".")[0]
    assert newer.admin("POST", f"/sessions/{guid}/stop").status == 200
    assert newer.get("Mine")["status"] == "Stopped"


def test_requests_about_a_session_are_in_its_history(
        emulator: Emulator, newer: Client2021) -> None:
    newer.put("Mine")
    newer.get("Mine")
    records = emulator.requests()
    assert [(each["route"], each["session_id"]) for each in records[1:]] == [
        ("begin_rendering_session", "Mine"), ("get_rendering_session", "Mine")]


@pytest.mark.parametrize("seconds, text", [
    (0, "1970-01-01T00:00:00"), (1_643_761_503.130812, "2022-02-02T00:25:03.130812"),
    (1_643_761_503.25, "2022-02-02T00:25:03.25"), (0.99999999, "1970-01-01T00:00:01"),
    (1e15, "1970-01-01T00:00:00"), (-1e15, "1970-01-01T00:00:00"),
    (float("nan"), "1970-01-01T00:00:00"), (-0.25, "1969-12-31T23:59:59.75"),
    (253_402_300_798.0, "9999-12-31T23:59:58"), (253_402_300_799.0, "1970-01-01T00:00:00"),
    (-62_135_596_800.0, "0001-01-01T00:00:00"),
    (-62_135_596_801.0, "1970-01-01T00:00:00")])
def test_a_moment_is_written(seconds: float, text: str) -> None:
    assert format_moment(seconds) == text
