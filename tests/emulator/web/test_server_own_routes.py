"""The routes under /_emulator/, the pages, and what foreign web pages cannot do."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from arr.emulator import Emulator

from ...support.emulator import Answer, Client, Clock


def test_state_and_requests_are_json_without_secrets(emulator: Emulator, client: Client) -> None:
    session_id = client.create()
    client.call("POST", "/models/create", {
        "modelName": "m", "modelUrl": "https://a.blob.core.windows.net/i?sv=1&sig=SECRET",
        "assetContainerUrl": "https://a.blob.core.windows.net/o?sig=SECRET"})
    state = client.admin("GET", "/state")
    requests = client.admin("GET", "/requests")
    assert state.json() == emulator.state() and requests.json() == {"requests":
                                                                    emulator.requests()}
    assert [session["id"] for session in state.json()["sessions"]] == [session_id]
    assert [record["route"] for record in requests.json()["requests"]] == [
        "token", "create_rendering_session", "start_asset_ingestion"]
    record = requests.json()["requests"][1]
    assert record["status"] == 202 and record["session_id"] == session_id
    assert re.fullmatch(r"[A-Za-z0-9+/]{22}\.0", record["ms_cv"])
    text = (state.body + requests.body).decode()
    assert "SECRET" not in text and client.token not in text and emulator.account_key not in text


def test_a_call_with_a_wrong_path_or_verb_is_among_the_requests(emulator: Emulator,
                                                                client: Client) -> None:
    client.call("GET", "/session")
    client.call("PUT", "/sessions")
    client.send("GET", "/favicon.ico")
    shown = [(each["status"], each["route"], each["reason"]) for each in emulator.requests()[1:]]
    assert shown == [(404, "", "There is no such path here."),
                     (405, "", "This path takes GET or HEAD.")]


def test_only_the_last_five_hundred_requests_are_kept(emulator: Emulator, client: Client) -> None:
    for _ in range(510):
        client.call("GET", "/sessions")
    requests = emulator.requests()
    assert len(requests) == 500 and requests[-1]["number"] == 511


def test_a_request_is_recorded_before_its_reply_is_read(emulator: Emulator,
                                                        client: Client) -> None:
    for number in range(50):
        client.call("GET", "/sessions")
        assert emulator.requests()[-1]["status"] == 200


def test_one_fault_can_be_taken_away_over_http(emulator: Emulator, client: Client) -> None:
    emulator.add_fault("GET", "sessions", status=500)
    second = emulator.add_fault("GET", "properties", status=500)
    assert client.admin("DELETE", "/faults/1").json() == {}
    assert [fault["id"] for fault in emulator.state()["faults"]] == [second.id]
    assert client.call("GET", "/sessions").status == 200
    for wrong in ("1", "3", "0", "02", "-1", "x", "2.0", "%32%20", "9" * 5_000, "\u0662", "*"):
        answer = client.admin("DELETE", "/faults/" + quote(wrong, safe="%"))
        assert answer.status == 404 and "no fault of that id" in answer.json()["error"]
    assert client.admin("GET", "/faults/2").status == 405
    assert client.admin("DELETE", "/faults/2", {"x": 1}).status == 400
    second.remove()
    assert client.admin("DELETE", "/faults/2").status == 404


def test_time_capacity_throttle_faults_and_reset_over_http(
        emulator: Emulator, client: Client, clock: Clock) -> None:
    before = clock.now
    assert client.admin("POST", "/clock", {"advance": 60}).json() == {"time": before + 60}
    assert client.admin("GET", "/clock").json() == {"time": before + 60}
    assert client.admin("POST", "/capacity", {"capacity": {"small": 0}}).status == 200
    assert client.admin("POST", "/throttle", {"per_minute": 100}).status == 200
    fault = client.admin("POST", "/faults", {"method": "GET", "path": "sessions", "status": 503,
                                             "retry_after": 9, "times": 3})
    assert fault.json()["id"] == 1
    assert client.call("GET", "/sessions").headers["Retry-After"] == "9"
    assert client.admin("GET", "/faults").json()["faults"][0]["fired"] == 1
    state = emulator.state()
    assert (state["throttle_per_minute"], state["capacity"]["small"]) == (100, 0)
    assert client.admin("POST", "/reset", {}).status == 200
    state = emulator.state()
    assert (state["throttle_per_minute"], state["capacity"]["small"]) == (None, None)
    assert state["faults"] == state["sessions"] == emulator.requests() == []


def test_a_session_can_be_made_to_fail(emulator: Emulator, client: Client) -> None:
    session_id = client.create()
    message = "<script>alert(1)</script>"
    assert client.admin("POST", f"/sessions/{session_id}/fail", {"message": message}).status == 200
    assert client.properties(session_id)["message"] == message
    assert client.admin("POST", f"/sessions/{session_id}/fail", {}).status == 404


@pytest.mark.parametrize("path, body", [
    ("/clock", {}), ("/clock", {"advance": "60"}), ("/clock", {"advance": -1}),
    ("/clock", {"advance": True}), ("/clock", {"forward": 1}), ("/capacity", {}),
    ("/capacity", {"capacity": -1}), ("/capacity", {"capacity": {"huge": 1}}),
    ("/capacity", {"capacity": 1.5}), ("/capacity", {"capacity": [1]}), ("/throttle", {}),
    ("/throttle", {"per_minute": "x"}), ("/faults", {}), ("/faults", {"status": 99}),
    ("/faults", {"state": 500}), ("/faults", []), ("/reset", {"x": 1}),
    ("/faults", {"status": 500, "retry_after": "a\nb"}), ("/faults", {"status": 10**50}),
    ("/clock", {"advance": 10**50}), ("/sessions/x/fail", {"message": 1}),
    ("/sessions/x/fail", {"x": 1}), ("/sessions/x/stop", {"x": 1}),
    ("/sessions/x/extend", {"minutes": 1, "x": 1}), ("/sessions/x/inspector", {"x": 1}),
    ("/capacity", {"capacity": 1, "x": 1}), ("/throttle", {"per_minute": 1, "x": 1}),
])
def test_a_bad_command_is_400_and_says_why(client: Client, path: str, body: object) -> None:
    answer = client.admin("POST", path, body)
    assert answer.status == 400 and len(answer.json()["error"]) > 10


@pytest.mark.parametrize("method, path, allowed", [
    ("POST", "/_emulator/state", "GET, HEAD"), ("GET", "/_emulator/reset", "POST"),
    ("PUT", "/_emulator/faults", "GET, POST, DELETE, HEAD"),
    ("GET", "/_emulator/faults/1", "DELETE")])
def test_a_wrong_verb_is_405_and_told_the_right_ones(
        client: Client, method: str, path: str, allowed: str) -> None:
    answer = client.send(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    said = allowed.replace(", ", " or ")
    assert answer.json()["error"] == f"This path takes {said}."


def test_the_first_unknown_field_is_named_with_those_that_are_known(client: Client) -> None:
    for body, said in (({"zz": 1, "aa": 2}, "Unknown field 'aa'; known are: message."),
                       ({"Message": "m", "x": 1}, "Unknown field 'x'; known are: message.")):
        answer = client.admin("POST", "/sessions/x/fail", body)
        assert answer.json()["error"] == said


def post(client: Client, path: str, headers: dict[str, str]) -> int:
    return client.send("POST", path, b"{}", headers).status


def test_a_foreign_page_can_change_nothing(emulator: Emulator, client: Client) -> None:
    json_type = {"Content-Type": "application/json"}
    own = f"http://127.0.0.1:{client.port}"
    assert post(client, "/_emulator/reset", {**json_type, "Origin": own}) == 200
    assert post(client, "/_emulator/reset", {**json_type, "Origin": "http://evil.example"}) == 403
    assert post(client, "/_emulator/reset", {**json_type, "Origin": "null"}) == 403
    assert post(client, "/_emulator/reset", {**json_type, "Origin": "http://127.0.0.1:1"}) == 403
    assert post(client, "/_emulator/reset", {"Content-Type": "text/plain"}) == 415
    assert post(client, "/_emulator/reset", {}) == 415
    assert client.send("DELETE", "/_emulator/faults",
                       headers={"Origin": "http://evil.example"}).status == 403


@pytest.mark.parametrize("host, allowed", [
    ("127.0.0.1", True), ("localhost", True), ("LOCALHOST:99", True), ("arr.localhost", True),
    ("[::1]:80", True), ("127.0.0.2", True), ("evil.example", False), ("", False),
    ("127.0.0.1.evil.example", False), ("localhost.evil.example", False), ("0.0.0.0", False),
    ("192.0.2.1", False), ("2130706433", False), ("evillocalhost", False), ("127.1", False),
])
def test_a_name_that_was_pointed_here_is_refused(client: Client, host: str,
                                                 allowed: bool) -> None:
    for path in ("/", "/_emulator/state", f"/accounts/{client.account_id}/token"):
        status = client.send("GET", path, headers={"Host": host}).status
        assert (status != 421) is allowed, (path, status)


def test_the_state_page_is_one_self_contained_file(client: Client) -> None:
    answer = client.send("GET", "/")
    text = answer.body.decode()
    assert answer.status == 200 and answer.headers["Content-Type"].startswith("text/html")
    assert "{{" not in text and not re.search(r"https?://|src=|@import|innerHTML", text)
    nonce = re.search(r"script-src 'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
    assert nonce is not None and text.count(f'nonce="{nonce.group(1)}"') == 2


def inspect(client: Client, session_id: str, method: str = "POST", path: str = "/",
            **arguments: Any) -> Answer:
    headers = {"Host": f"{session_id}.localhost:{client.port}", **arguments.pop("headers", {})}
    return client.send(method, path, headers=headers, **arguments)


def form(token: str) -> dict[str, Any]:
    return {"body": urlencode({"token": token}).encode(),
            "headers": {"Content-Type": "application/x-www-form-urlencoded", "Origin": "null"}}


def test_the_inspector_shows_a_session_to_who_has_a_token(client: Client, clock: Clock) -> None:
    session_id = client.create()
    clock.advance(63)
    client.status(session_id)
    page = inspect(client, session_id, **form(client.token))
    text = page.body.decode()
    assert page.status == 200 and session_id in text and "{{" not in text
    assert page.headers["Cache-Control"].startswith("no-store")
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert not re.search(r"https?://|innerHTML|[?&]token=", text)
    data = inspect(client, session_id, "GET", "/inspector.json",
                   headers={"Authorization": "Bearer " + client.token})
    shown = data.json()
    assert (shown["status"], shown["elapsed_seconds"]) == ("Ready", 60)
    assert [event["route"] for event in shown["events"] if event["kind"] == "request"] == [
        "create_rendering_session", "get_rendering_session_properties"]
    assert client.token not in data.body.decode()


def test_the_inspector_without_a_token_says_how_to_come_there(client: Client) -> None:
    session_id = client.create()
    answer = inspect(client, session_id, "GET")
    assert answer.status == 401 and b"connect_to_arr_inspector_async" in answer.body
    data = inspect(client, session_id, "GET", "/inspector.json")
    assert (data.status, data.body) == (401, b"")


def test_the_inspector_refuses_wrong_tokens_and_unknown_sessions(
        emulator: Emulator, client: Client, clock: Clock) -> None:
    session_id = client.create()
    for token in ("", "x", client.token + "x", '"><script>'):
        answer = inspect(client, session_id, **form(token))
        assert answer.status == 401 and b"<script" not in answer.body
    unknown = "11111111-2222-4333-8444-555555555555"
    assert inspect(client, unknown, **form(client.token)).status == 404
    emulator.add_account("other", "key")
    with Client(emulator, "other", "key") as other:
        assert inspect(client, session_id, **form(other.token)).status == 404
    for body in (b"", b"token", b"\xff\xfe=%", b"a=1&" * 1000, b"token=%ff"):
        assert inspect(client, session_id, body=body).status in (400, 401)
    clock.advance(86_400)
    assert inspect(client, session_id, **form(client.token)).status == 401


def test_a_session_that_is_forgotten_meanwhile_is_not_shown(
        client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = client.create()
    client.call("DELETE", "/sessions/" + session_id)
    times = iter((clock.now, clock.now + 30 * 86_400))
    monkeypatch.setattr(clock, "monotonic", lambda: next(times))
    answer = inspect(client, session_id, "GET", "/inspector.json",
                     headers={"Authorization": "Bearer " + client.token})
    assert (answer.status, answer.json()["error"]) == (
        404, "This account has no session of that id.")


def test_a_sessions_host_serves_its_inspector_only(client: Client) -> None:
    session_id = client.create()
    for path in ("/_emulator/state", client.prefix + "/sessions"):
        assert inspect(client, session_id, "GET", path).status == 404


def test_a_hostile_message_stays_text_in_json(emulator: Emulator, client: Client) -> None:
    session_id = client.create()
    emulator.fail_session(session_id, "</script><img src=x onerror=alert(1)>\u2028")
    page = inspect(client, session_id, **form(client.token))
    assert b"onerror" not in page.body
    data = inspect(client, session_id, "GET", "/inspector.json",
                   headers={"Authorization": "Bearer " + client.token})
    assert json.loads(data.body)["message"].startswith("</script>")
    assert data.headers["Content-Type"].startswith("application/json")
    assert data.headers["X-Content-Type-Options"] == "nosniff"
