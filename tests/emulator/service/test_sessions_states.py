"""The life of a session, driven by a clock: nothing here takes time."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from arr.emulator import Emulator, _clock

from ...support.emulator import Client, Client2021, Clock

OTHER = "11111111-2222-4333-8444-555555555555"
DAY = 86_400


def test_a_session_becomes_ready_after_the_start_up_time(client: Client, clock: Clock) -> None:
    session_id = client.create()
    clock.advance(2.9)
    found = client.properties(session_id)
    assert found["sessionStatus"] == "Starting" and found["sessionHostname"] is None
    assert found["connectionProperties"] == {"arrInspectorPort": 0, "handshakePort": 0}
    clock.advance(0.1)
    found = client.properties(session_id)
    assert found["sessionStatus"] == "Ready"
    assert found["sessionHostname"] == session_id + ".localhost"
    assert found["connectionProperties"]["arrInspectorPort"] == client.port
    assert 49_152 <= found["connectionProperties"]["handshakePort"] <= 65_534


def test_the_lease_counts_from_ready_and_ends_in_expired(client: Client, clock: Clock) -> None:
    session_id = client.create(lease="0:10:0")
    clock.advance(3)
    assert client.properties(session_id)["sessionElapsedTime"] == "00:00:00"
    clock.advance(599)
    found = client.properties(session_id)
    assert (found["sessionStatus"], found["sessionElapsedTime"]) == ("Ready", "00:09:59")
    clock.advance(1)
    found = client.properties(session_id)
    assert found["sessionStatus"] == "Expired" and found["sessionHostname"] is None
    assert "00:10:00" in found["message"]
    clock.advance(1000)
    assert client.properties(session_id)["sessionElapsedTime"] == "00:10:00"


def test_expiry_is_seen_even_when_nobody_asked_meanwhile(client: Client, clock: Clock) -> None:
    session_id = client.create(lease="1:0:0")
    clock.advance(DAY)
    client.forget_token()
    assert client.status(session_id) == "Expired"


def test_stopping_ends_a_session_for_good(client: Client, clock: Clock) -> None:
    starting, ready = client.create(), client.create()
    assert client.call("DELETE", "/sessions/" + starting).status == 204
    clock.advance(10)
    assert client.call("DELETE", "/sessions/" + ready).status == 204
    clock.advance(10)
    assert client.status(starting) == client.status(ready) == "Stopped"
    found = client.properties(ready)
    assert found["sessionElapsedTime"] == "00:00:07" and found["message"] is None
    assert client.call("DELETE", "/sessions/" + ready).status == 204
    assert client.properties(ready)["sessionElapsedTime"] == "00:00:07"


def test_stopping_an_expired_session_leaves_it_expired(client: Client, clock: Clock) -> None:
    session_id = client.create(lease="0:1:0")
    clock.advance(100)
    assert client.call("DELETE", "/sessions/" + session_id).status == 204
    assert client.status(session_id) == "Expired"


def test_a_lease_is_extended_by_a_larger_total(client: Client, clock: Clock) -> None:
    session_id = client.create(lease="1:0:0")
    path = "/sessions/" + session_id
    assert client.call("PATCH", path, {"maxLeaseTime": "2:0:0"}).status == 200  # while Starting
    clock.advance(3 + 5000)
    assert client.status(session_id) == "Ready"
    assert client.call("PATCH", path + "/", {"MAXLEASETIME": "1.00:00:00"}).status == 200
    assert client.properties(session_id)["sessionMaxLeaseTime"] == "1.00:00:00"
    clock.advance(DAY - 5001)
    client.forget_token()
    assert client.status(session_id) == "Ready"
    clock.advance(1)
    assert client.status(session_id) == "Expired"


@pytest.mark.parametrize("lease", ["4:0:0", "3:59:59", "0:0:0"])
def test_a_lease_that_is_not_larger_is_422(client: Client, clock: Clock, lease: str) -> None:
    session_id = client.create(lease="4:0:0")
    answer = client.call("PATCH", "/sessions/" + session_id, {"maxLeaseTime": lease})
    assert answer.status == 422 and "04:00:00" in answer.json()["error"]
    assert client.properties(session_id)["sessionMaxLeaseTime"] == "04:00:00"


@pytest.mark.parametrize("how", ["Stopped", "Expired", "Error"])
def test_an_ended_session_cannot_be_extended(emulator: Emulator, client: Client, clock: Clock,
                                             how: str) -> None:
    session_id = client.create(lease="0:1:0")
    if how == "Stopped":
        client.call("DELETE", "/sessions/" + session_id)
    elif how == "Error":
        assert emulator.fail_session(session_id, "the GPU is on fire")
    else:
        clock.advance(100)
    answer = client.call("PATCH", "/sessions/" + session_id, {"maxLeaseTime": "9:0:0"})
    assert answer.status == 422 and how in answer.json()["error"]
    assert client.status(session_id) == how


def test_the_list_shows_starting_and_ready_only_oldest_first(
        emulator: Emulator, client: Client, clock: Clock) -> None:
    stopped, failed = client.create(), client.create()
    expired = client.create(lease="0:0:1")
    ready = client.create()
    clock.advance(10)
    starting = client.create(size="PREMIUM")
    client.call("DELETE", "/sessions/" + stopped)
    emulator.fail_session(failed, "gone")
    found = client.call("GET", "/sessions").json()["sessions"]
    assert [session["sessionId"] for session in found] == [ready, starting]
    assert [session["sessionStatus"] for session in found] == ["Ready", "Starting"]
    assert found[1]["sessionSize"] == "premium"
    assert found[0] == client.properties(ready)
    assert client.status(expired) == "Expired"


def test_an_ended_session_is_remembered_for_thirty_days(client: Client, clock: Clock) -> None:
    session_id = client.create()
    client.call("DELETE", "/sessions/" + session_id)
    clock.advance(30 * DAY - 1)
    client.forget_token()
    assert client.status(session_id) == "Stopped"
    clock.advance(1)
    client.forget_token()
    for method, path in (("GET", "/properties"), ("DELETE", ""), ("PATCH", "")):
        answer = client.call(method, f"/sessions/{session_id}{path}", {"maxLeaseTime": "9:0:0"})
        assert answer.status == 404, method


def test_thousands_of_ended_sessions_do_not_pile_up(
        emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    from arr.emulator._service import session_table

    monkeypatch.setattr(session_table, "_PRUNE_EVERY", 10)
    monkeypatch.setattr(session_table, "_ENDED_KEPT", 5)
    with Client(emulator) as client, Client2021(emulator) as newer:
        living = client.create()
        newer.put("living")
        for number in range(30):
            client.call("DELETE", "/sessions/" + client.create())
            newer.put(f"ended-{number}")
            newer.call("POST", f"/sessions/ended-{number}/:stop")
        assert client.status(living) == newer.get("living")["status"] == "Starting"
        assert newer.call("GET", "/sessions/ended-0").status == 404
        assert newer.get("ended-29")["status"] == "Stopped"
    assert len(emulator.state()["sessions"]) == 2 + 5 + 3  # pruned when the 60th was made


def test_a_clock_outside_of_the_calendar_does_no_harm(client: Client, clock: Clock) -> None:
    for now in (-1e15, 1e15):
        clock.now = now
        client.forget_token()
        assert client.call("GET", "/sessions").status == 200


def test_without_capacity_create_succeeds_and_the_session_ends_in_error(
        emulator: Emulator, client: Client, clock: Clock) -> None:
    emulator.set_capacity({"small": 1})
    first, second, big = client.create(), client.create(), client.create("big")
    assert client.status(second) == "Starting"
    clock.advance(3)
    assert [client.status(each) for each in (first, second, big)] == ["Ready", "Error", "Ready"]
    found = client.properties(second)
    assert "capacity" in found["message"] and found["sessionHostname"] is None
    assert found["sessionElapsedTime"] == "00:00:00"
    client.call("DELETE", "/sessions/" + first)
    third = client.create()
    clock.advance(3)
    assert client.status(third) == "Ready"
    emulator.set_capacity(0)
    fourth = client.create("big")
    emulator.set_capacity(None)
    fifth = client.create("big")
    clock.advance(3)
    assert [client.status(fourth), client.status(fifth)] == ["Error", "Ready"]


def test_another_accounts_session_is_404(emulator: Emulator, client: Client) -> None:
    session_id = client.create()
    emulator.add_account(OTHER, "another-key")
    with Client(emulator, OTHER, "another-key") as other:
        for method, path in (("GET", "/properties"), ("DELETE", ""), ("PATCH", "")):
            answer = other.call(method, f"/sessions/{session_id}{path}", {"maxLeaseTime": "9:0:0"})
            assert answer.status == 404, method
        assert other.call("GET", "/sessions").json() == {"sessions": []}
    assert client.status(session_id) == "Starting"


def test_an_id_is_found_in_any_case_and_unknown_ids_are_404(client: Client) -> None:
    session_id = client.create()
    assert client.status(session_id.upper()) == "Starting"
    for unknown in (OTHER, "x", "%2e%2e", "%00", "a" * 300, "{id}", "%F0%9F%92%A9"):
        assert client.call("GET", f"/sessions/{unknown}/properties").status == 404, unknown


def test_reading_state_changes_nothing(emulator: Emulator, client: Client, clock: Clock) -> None:
    client.create(lease="0:1:0")
    before = emulator.state()
    for _ in range(3):
        client.admin("GET", "/state")
    assert emulator.state() == before


def test_the_built_in_clock_can_be_advanced() -> None:
    with Emulator(startup_seconds=1000) as emulator, Client(emulator) as client:
        session_id = client.create()
        assert client.status(session_id) == "Starting"
        emulator.advance(1000)
        assert client.status(session_id) == "Ready"


def test_the_built_in_clock_is_that_of_the_machine_and_what_was_added(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_clock, "time", SimpleNamespace(time=lambda: 5.0, monotonic=lambda: 7.0))
    clock = _clock.SystemClock()
    assert (clock.time(), clock.monotonic()) == (5.0, 7.0)
    clock.advance(10.0)
    clock.advance(0.5)
    assert (clock.time(), clock.monotonic()) == (15.5, 17.5)


@pytest.mark.parametrize("seconds, problem", [
    (-0.001, ValueError), (float("nan"), ValueError), (float("inf"), ValueError),
    (1e9 + 0.5, ValueError), ("1", TypeError), (None, TypeError), (True, TypeError)])
def test_the_clock_cannot_go_back_or_to_infinity(
        emulator: Emulator, clock: Clock, seconds: Any, problem: type[Exception]) -> None:
    before = clock.now
    said = "0 to 1,000,000,000" if problem is ValueError else "not " + type(seconds).__name__
    with pytest.raises(problem, match=said):
        emulator.advance(seconds)
    emulator.advance(0)
    assert clock.now == before
    emulator.advance(10**9)
    assert clock.now == before + 1e9


def test_a_clock_without_advance_says_so() -> None:
    class Fixed:
        def time(self) -> float:
            return 0.0

        def monotonic(self) -> float:
            return 0.0

    with pytest.raises(ValueError, match="move it yourself"):
        Emulator(clock=Fixed()).advance(1)


def test_reset_forgets_sessions_and_restores_capacity(clock: Clock) -> None:
    with Emulator(clock=clock, capacity=1) as emulator, Client(emulator) as client:
        emulator.set_capacity(0)
        session_id = client.create()
        emulator.reset()
        assert client.call("GET", f"/sessions/{session_id}/properties").status == 404
        assert emulator.state()["sessions"] == []
        assert set(emulator.state()["capacity"].values()) == {1}
