"""What the pages are fed with: the overview, the history of a session, the meters; and what the
pages and the replies say to a browser about themselves."""

from __future__ import annotations

import json
import logging
import re
import socket
import ssl
import time
from pathlib import Path
from typing import Any, Union
from urllib.parse import urlencode

import pytest

import arr.emulator
from arr.emulator import DEFAULT_ACCOUNT_KEY, Emulator
from arr.emulator._service.meter import SECONDS_KEPT, Meter
from arr.emulator._web import admin

from ...support import golden_later
from ...support.emulator import LIMIT, Answer, Client, Client2021, Clock, raw

FOLDER = Path(arr.emulator.__file__).parent / "_web"


def inspector(client: Client, session_id: str) -> dict[str, Any]:
    answer = client.send("GET", "/inspector.json", headers={
        "Host": f"{session_id}.localhost:{client.port}",
        "Authorization": "Bearer " + client.token})
    assert answer.status == 200, answer.body
    found: dict[str, Any] = answer.json()
    return found


def told(events: list[dict[str, Any]]) -> list[Union[str, int]]:
    """Return one word for each event."""
    words: list[Union[str, int]] = []
    for event in events:
        if event["kind"] == "request":
            words.append(event["status"])
        else:
            words.append(event["status"] if event["kind"] == "state" else event["lease_seconds"])
    return words


# the history of a session

def test_events_are_told_in_their_order(client: Client, clock: Clock) -> None:
    session_id = client.create(lease="1:0:0")
    clock.advance(2)
    assert client.status(session_id) == "Starting"
    clock.advance(2)
    assert client.call("PATCH", f"/sessions/{session_id}", {"maxLeaseTime": "2:0:0"}).status == 200
    assert client.call("PATCH", f"/sessions/{session_id}", {"maxLeaseTime": "1:0:0"}).status == 422
    clock.advance(7300)
    shown = inspector(client, session_id)
    assert told(shown["events"]) == [202, "Starting", 200, "Ready", 200, 7200, 422, "Expired"]
    assert shown["phases"] == [
        {"status": "Starting", "after_seconds": 0}, {"status": "Ready", "after_seconds": 3},
        {"status": "Expired", "after_seconds": 7203}]
    times = [event["time"] for event in shown["events"]]
    assert times == sorted(times)
    assert "maximum lease time" in shown["events"][-1]["message"]


def test_a_session_that_is_stopped_or_fails_early_was_never_ready(
        emulator: Emulator, client: Client, clock: Clock) -> None:
    stopped, failed = client.create(), client.create()
    emulator.set_capacity({"big": 0})
    doomed = client.create("big")
    clock.advance(1)
    client.call("DELETE", f"/sessions/{stopped}")
    emulator.fail_session(failed, "why")
    clock.advance(60)
    assert told(inspector(client, stopped)["events"]) == [202, "Starting", 204, "Stopped"]
    assert told(inspector(client, failed)["events"]) == [202, "Starting", "Error"]
    last = inspector(client, doomed)["events"][-1]
    assert last["status"] == "Error" and "capacity" in last["message"]


def test_faults_and_refused_calls_are_among_the_events(emulator: Emulator, client: Client) -> None:
    session_id = client.create()
    path = f"/sessions/{session_id}/properties"
    fault = emulator.add_fault("GET", "properties", status=503, times=1)
    assert client.call("GET", path).status == 503
    assert client.call("GET", path.upper(), headers={"Authorization": "Bearer x"}).status == 401
    emulator.add_fault("GET", "properties", reset=True, times=1)
    with pytest.raises(OSError):
        client.call("GET", path)
    client.connection.close()
    events = [event for event in inspector(client, session_id)["events"]
              if event["kind"] == "request"]
    assert [(event["status"], event["fault"]) for event in events] == [
        (202, 0), (503, fault.id), (401, 0), (0, fault.id + 1)]


def test_another_accounts_request_is_not_a_sessions_event(emulator: Emulator,
                                                          client: Client) -> None:
    session_id = client.create()
    emulator.add_account("other", "key")
    with Client(emulator, "other", "key") as other:
        assert other.call("GET", f"/sessions/{session_id}/properties").status == 404
    assert told(inspector(client, session_id)["events"]) == [202, "Starting"]


def test_a_session_without_a_lease_was_ready_when_it_expired(
        newer: Client2021, client: Client, clock: Clock) -> None:
    newer.put("none", minutes=0)
    clock.advance(3)
    ticket = client.admin("GET", "/overview").json()["sessions"][0]["guid"]
    assert inspector(client, ticket)["phases"] == [
        {"status": "Starting", "after_seconds": 0}, {"status": "Ready", "after_seconds": 3},
        {"status": "Expired", "after_seconds": 3}]


def test_only_the_last_two_hundred_events_are_kept(client: Client, clock: Clock) -> None:
    session_id = client.create()
    clock.advance(5)
    for _ in range(210):
        client.status(session_id)
    shown = inspector(client, session_id)
    assert told(shown["events"]) == [200] * 200 and shown["meter"]["total"] == 211
    clock.advance(100_000)
    client.forget_token()
    assert told(inspector(client, session_id)["events"])[-2:] == [200, "Expired"]


def test_a_clock_that_is_moved_in_steps_is_one_event_and_pushes_no_request_out(
        emulator: Emulator, client: Client) -> None:
    session_id = client.create(lease="1:0:0")
    for _ in range(250):
        emulator.advance(2)
    emulator.advance(0)
    client.status(session_id)
    emulator.advance(30)
    emulator.advance(0)
    shown = inspector(client, session_id)["events"]
    assert [each.get("route") or each.get("status") or each["seconds"] for each in shown] == [
        "create_rendering_session", 500, "Starting", "Ready",
        "get_rendering_session_properties", 30]
    client.call("DELETE", f"/sessions/{session_id}")
    emulator.advance(60)
    assert inspector(client, session_id)["events"][-1]["status"] == "Stopped"


# meters

def test_a_meter_counts_by_the_second() -> None:
    meter = Meter()
    for now, milliseconds, failed in ((10.0, 4.0, False), (10.9, 2.0, True), (12.5, 8.0, False),
                                      (11.9, 1.0, False), (12.6, 9.0, False), (12.7, 2.0, True)):
        meter.add(now, milliseconds, failed)
    shown: Any = meter.snapshot(13.0)
    assert (shown["now"], shown["total"], shown["window_seconds"]) == (13, 6, SECONDS_KEPT)
    assert shown["seconds"] == [
        {"second": 10, "requests": 2, "failed": 1, "mean": 3.0, "min": 2.0, "max": 4.0},
        {"second": 12, "requests": 4, "failed": 1, "mean": 5.0, "min": 1.0, "max": 9.0}]
    shown = meter.snapshot(12.0 + SECONDS_KEPT)
    assert shown["seconds"] == [] and shown["total"] == 6
    for second in range(1000):
        meter.add(100.0 + second, 1.0, False)
    shown = meter.snapshot(1099.0)
    assert len(shown["seconds"]) == SECONDS_KEPT
    meter.clear()
    shown = meter.snapshot(1099.0)
    assert (shown["total"], shown["seconds"]) == (0, [])


# the overview

def test_the_overview_is_newest_first_with_counts(emulator: Emulator, client: Client,
                                                  clock: Clock) -> None:
    first, second = client.create(), client.create("big")
    clock.advance(5)
    third = client.create()
    client.call("DELETE", f"/sessions/{first}")
    client.call("POST", "/models/create", {
        "modelName": "m", "modelUrl": "https://a.blob.core.windows.net/i?sig=SECRET",
        "assetContainerUrl": "https://a.blob.core.windows.net/o?sig=SECRET"})
    assert emulator.wait_ingestions()
    clock.advance(2)
    emulator.add_fault(path="nothing/status", status=500)
    answer = client.admin("GET", "/overview")
    shown = answer.json()
    assert [each["id"] for each in shown["sessions"]] == [third, second, first]
    assert shown["session_counts"] == {"Stopped": 1, "Ready": 1, "Starting": 1}
    assert shown["ingestion_counts"] == {"Success": 1}
    assert shown["ingestions"][0]["summary"] == {"meshes": 1}
    assert [each["route"] for each in shown["requests"][:2]] == [
        "start_asset_ingestion", "stop_rendering_session"]
    assert shown["meter"]["total"] == len(emulator.requests()) == 6
    assert len(shown["faults"]) == 1 and shown["holds"] == 0
    assert "SECRET" not in answer.body.decode() and client.token not in answer.body.decode()
    assert emulator.account_key not in answer.body.decode()


def test_the_overview_has_the_newest_of_each_list_only(
        emulator: Emulator, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "OVERVIEW_LIMIT", 2)
    sessions = [client.create() for _ in range(3)]
    models = [client.call("POST", "/models/create", {
        "modelName": "m", "modelUrl": "file:///in", "assetContainerUrl": "file:///out"}
    ).json()["modelId"] for _ in range(3)]
    shown = client.admin("GET", "/overview").json()
    assert [each["id"] for each in shown["sessions"]] == sessions[:0:-1]
    assert [each["id"] for each in shown["ingestions"]] == models[:0:-1]
    assert [each["number"] for each in shown["requests"]] == [7, 6]
    assert shown["session_counts"] == {"Starting": 3} and shown["limit"] == 2
    assert shown["ingestion_counts"] == {"Running": 3}


@pytest.mark.alone
def test_with_two_thousand_sessions_the_overview_is_small_and_quick(client: Client,
                                                                    clock: Clock) -> None:
    for _ in range(2000):
        client.create()
    clock.advance(5)
    times, lists = [], []
    for _ in range(9):
        began = time.perf_counter()
        answer = client.admin("GET", "/overview")
        times.append(time.perf_counter() - began)
        began = time.perf_counter()
        client.call("GET", "/sessions")
        lists.append(time.perf_counter() - began)
    shown = answer.json()
    assert shown["session_counts"] == {"Ready": 2000} and shown["limit"] == 100
    assert len(shown["sessions"]) == len(shown["requests"]) == 100
    assert len(answer.body) < 150_000
    assert sorted(times)[4] < 2 * sorted(lists)[4], (times, lists)


def test_requests_sessions_and_ingestions_tell_their_era(
        emulator: Emulator, client: Client, newer: Client2021) -> None:
    client.create()
    client.call("POST", "/models/create", {
        "modelName": "m", "modelUrl": "https://a.blob.core.windows.net/i",
        "assetContainerUrl": "https://a.blob.core.windows.net/o"})
    asked = json.loads(json.dumps(golden_later.SCRIPT))
    asked["output"]["outputAssetFileName"] = "mine.arrAsset"
    for path in ("/conversions/createWithSharedAccessSignature", "/conversion/create"):
        client.call("POST", path, asked)
    client.call("GET", "/conversions")
    client.call("GET", "/nothing")
    newer.put("Mine")
    newer.call("PUT", "/conversions/run-7", golden_later.ASKED)
    assert [(each["route"], each["era"]) for each in emulator.requests()] == [
        ("token", ""), ("create_rendering_session", "v1"), ("start_asset_ingestion", "2019-12"),
        ("convert_with_sas", "2020"), ("convert", "2020"), ("get_conversions", "2020"), ("", ""),
        ("token", ""), ("begin_rendering_session", "2021-01-01"),
        ("begin_asset_conversion", "2021-01-01")]
    state = emulator.state()
    assert [each["named"] for each in state["sessions"]] == [False, True]
    assert [(each["layout"], each["named"], each["output_name"])
            for each in state["ingestions"]][:2] == [
                ("2019", False, ""), ("2020", False, "mine.arrAsset")]
    assert (state["ingestions"][-1]["layout"], state["ingestions"][-1]["named"]) == ("2021", True)


def test_held_replies_are_counted(emulator: Emulator, client: Client) -> None:
    with emulator.hold("GET", "sessions") as hold, Client(emulator) as other:
        path, token = other.prefix + "/sessions", other.token
        other.connection.request("GET", path, headers={"Authorization": "Bearer " + token})
        assert hold.wait_arrived(LIMIT)
        shown = client.admin("GET", "/overview").json()
        assert shown["holds"] == 1 and shown["requests"][0]["ms_cv"] == ""
        hold.release()
        assert Answer(other.connection.getresponse()).status == 200
    assert client.admin("GET", "/overview").json()["holds"] == 0


# the buttons' routes

def test_a_session_is_stopped_and_extended_over_http_and_in_python(
        emulator: Emulator, client: Client, clock: Clock) -> None:
    session_id = client.create(lease="1:0:0")
    path = f"/sessions/{session_id}"
    answer = client.admin("POST", path + "/extend", {"minutes": 30})
    assert (answer.status, answer.json()) == (200, {"lease_seconds": 5400})
    assert emulator.extend_session(session_id, 30)
    assert client.properties(session_id)["sessionMaxLeaseTime"] == "02:00:00"
    for minutes in (0, -1, "30", 1.5, None, True, 10**9):
        assert client.admin("POST", path + "/extend", {"minutes": minutes}).status == 400
    assert client.admin("POST", path + "/extend", {}).status == 400
    assert client.admin("POST", path + "/stop", {"x": 1}).status == 400
    assert client.admin("POST", path + "/stop", {}).status == 200
    assert client.status(session_id) == "Stopped"
    for verb, body in (("stop", {}), ("extend", {"minutes": 1})):
        assert client.admin("POST", f"{path}/{verb}", body).status == 404
        assert client.admin("POST", f"/sessions/unknown/{verb}", body).status == 404
    assert not emulator.extend_session(session_id, 1) and not emulator.stop_session(session_id)
    other = client.create()
    assert emulator.stop_session(other.upper()) and client.status(other) == "Stopped"
    expired = client.create(lease="0:1:0")
    clock.advance(100)
    assert not emulator.stop_session(expired) and client.status(expired) == "Expired"


# a ticket opens one inspector

def test_a_ticket_opens_the_inspector_of_one_session_and_nothing_else(
        emulator: Emulator, client: Client, newer: Client2021, clock: Clock) -> None:
    newer.put("Mine")
    other = client.create()
    clock.advance(3)
    guid = newer.get("Mine")["hostname"].partition(".")[0]
    given = client.admin("POST", f"/sessions/{guid}/inspector", {})
    assert given.headers["Cache-Control"] == "no-store,no-cache"
    ticket = given.json()["token"]
    assert given.json()["hostname"] == guid + ".localhost"

    def data(session: str, token: str) -> int:
        return client.send("GET", "/inspector.json", headers={
            "Host": f"{session}.localhost:{client.port}",
            "Authorization": "Bearer " + token}).status

    assert (data(guid, ticket), data(other, ticket), data(guid, ticket + "x")) == (200, 404, 401)
    bearer = {"Authorization": "Bearer " + ticket}
    for path in (client.prefix + "/sessions", newer.prefix + "/sessions?api-version=2021-01-01",
                 f"/v1/accounts/inspector:{guid}/sessions"):
        assert client.send("GET", path, headers=bearer).status in (401, 403)
    host = {"Host": f"{guid}.localhost:{client.port}"}
    form = urlencode({"token": ticket}).encode()
    page = client.send("POST", "/", form, host)
    assert page.status == 200 and b">Mine<" in page.body
    clock.advance(86_400)
    assert data(guid, ticket) == 401
    for unknown in (guid[:-1] + "x", "Mine"):
        assert client.admin("POST", f"/sessions/{unknown}/inspector", {}).status == 404
    fresh = client.admin("POST", f"/sessions/{guid}/inspector", {}).json()["token"]
    emulator.reset()
    assert client.send("POST", "/", urlencode({"token": fresh}).encode(), host).status == 404


def test_another_page_gets_no_ticket(client: Client) -> None:
    path = f"/_emulator/sessions/{client.create()}/inspector"
    for headers, status in (({"Origin": "http://evil.example"}, 403), ({"Origin": "null"}, 403),
                            ({"Content-Type": "text/plain"}, 415)):
        answer = client.send("POST", path, b"{}", {"Content-Type": "application/json", **headers})
        assert answer.status == status and b"token" not in answer.body
    assert client.send("GET", path).status == 405


# what the pages say about themselves

def pages(client: Client) -> list[Answer]:
    session_id = client.create()
    host = {"Host": f"{session_id}.localhost:{client.port}"}
    return [client.send("GET", "/"), client.send("GET", "/", headers=host),
            client.send("POST", "/", urlencode({"token": client.token}).encode(), host),
            client.send("POST", "/", b"token=x", host)]


def test_the_program_on_the_page_has_the_key_that_everybody_knows_and_no_other(
        client: Client) -> None:
    assert f'AccountKey = "{DEFAULT_ACCOUNT_KEY}"' in client.send("GET", "/").body.decode()
    with Emulator(account_key="of-my-own") as emulator, Client(emulator) as other:
        text = other.send("GET", "/").body.decode()
    assert 'AccountKey = "..."' in text and "of-my-own" not in text


def test_every_page_is_closed_to_everything_else(client: Client) -> None:
    for page in pages(client):
        policy = dict(part.strip().partition(" ")[::2]
                      for part in page.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["base-uri"] == "'none'"
        # The dashboard posts to inspectors, the inspector nowhere.
        inspectors = ("http://*.localhost:* https://*.localhost:*"
                      if b"arr.emulator</title>" in page.body else "'none'")
        assert policy["form-action"] == inspectors
        assert policy["frame-ancestors"] == "'none'" and policy["connect-src"] == "'self'"
        assert re.fullmatch(r"'nonce-[A-Za-z0-9+/=]{16}'", policy["script-src"])
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "no-store" in page.headers["Cache-Control"]
    nonces = {page.headers["Content-Security-Policy"] for page in pages(client)}
    assert len(nonces) == 4


def test_every_page_is_one_file_that_loads_nothing(client: Client) -> None:
    for page in pages(client):
        text = page.body.decode()
        assert "{{" not in text
        assert not re.search(
            r"https?://|src=|@import|url\(|innerHTML|outerHTML|insertAdjacent|document\.write|"
            r"eval\(|localStorage|sessionStorage| style=| on[a-z]+=", text)
        assert 'lang="en"' in text and 'name="viewport"' in text
        for needed in ("prefers-color-scheme: dark", "prefers-reduced-motion", ":focus-visible"):
            assert needed in text


def test_what_the_pages_share_stands_in_one_file_and_in_each_of_them(client: Client) -> None:
    style, script = ((FOLDER / f"shared.{kind}").read_text("utf-8") for kind in ("css", "js"))
    state, hint, inspector, message = (page.body.decode() for page in pages(client))
    assert all(style in text for text in (state, hint, inspector, message))
    assert script in state and script in inspector and script not in message


# https at the wrong door

def test_a_tls_hello_ends_the_connection_at_once(
        emulator: Emulator, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "arr.emulator")
    assert raw(emulator, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") == b""
    context = ssl.create_default_context()
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", client.port), LIMIT) as connection:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            context.wrap_socket(connection, server_hostname="localhost")
    assert time.monotonic() - began < LIMIT / 2
    assert [record.getMessage() for record in caplog.records].count(
        "a connection was closed: it speaks TLS, and the emulator has no certificate; "
        "use http://, or start it with --self-signed") == 2
    assert client.admin("GET", "/clock").status == 200
