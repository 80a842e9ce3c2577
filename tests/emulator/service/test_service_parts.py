"""The parts of the service by themselves: limits that are kept, and what a reset leaves."""

from __future__ import annotations

import re
from threading import Thread
from typing import Any

import pytest

from arr.emulator import Emulator
from arr.emulator._service import session_table
from arr.emulator._service.faults import Fault, Faults
from arr.emulator._service.journal import REQUESTS_KEPT, Journal, Record, clean, redact
from arr.emulator._service.meter import SECONDS_KEPT, Meter
from arr.emulator._service.patterns import Patterns
from arr.emulator._service.session_table import SessionTable
from arr.emulator._service.sessions import Session
from arr.emulator._service.throttle import Throttle

from ...support.emulator import LIMIT, Client, Client2021, Clock

# the journal


@pytest.mark.parametrize("text, shown", [
    ("/a?api-version=2021-01-01", "/a?api-version=2021-01-01"), ("/a?", "/a?"), ("/a?b", "/a?***"),
    ("/a?api-version=1&skiptoken=50", "/a?api-version=1&skiptoken=50"),
    ("/a?skiptoken=50", "/a?skiptoken=50"), ("/a?skiptoken=x", "/a?***"),
    ("/a?skiptoken=" + "1" * 19, "/a?***"),
    ("/a?api-version=1&sig=b", "/a?***"), ("/a?sig=b&api-version=1", "/a?***"),
    ("/a?api-version=" + "1" * 41, "/a?***"), ("/a?api-version=" + "1" * 40, "/a?api-version="
                                               + "1" * 40), ("/a?api-version=", "/a?***"),
    ("'https://u:p@h/c?sig=d' <x?y>", "'https://***@h/c?***' <x?***>"),
    ("a eyJhbGciOi.eyJh.c-_+/=b c", "a *** c"), ("a//b@c/d@e", "a//***@c/d@e")])
def test_which_query_is_shown(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_a_text_is_cut_after_it_is_cleaned() -> None:
    assert clean("a" * 2000) == "a" * 2000 and clean("a" * 2001) == "a" * 2000 + "..."
    assert clean("?sig=" + "b" * 39, 10) == "?***"
    assert clean("?" + "b" * 30 + " c", 10) == "?*** c" and clean("a\n\x1b\u2028", 20) == (
        "a\\n\\x1b\\u2028")


def test_a_request_is_kept_in_short() -> None:
    record = Journal().open(1.5, "M" * 30, "/" + "t" * 400, "r", "c" * 200)
    assert record.as_dict() == {
        "number": 1, "time": 1.5, "method": "M" * 20 + "...", "path": "/" + "t" * 299 + "...",
        "route": "r", "era": "", "account_id": "", "session_id": "", "client": "c" * 120 + "...",
        "status": 0, "milliseconds": 0.0, "ms_cv": "", "reason": "", "fault": 0}
    assert Record(7, 0.0, "", "", "", "").as_dict()["number"] == 7 and record.meter is None


def test_the_last_500_requests_are_kept() -> None:
    journal = Journal()
    for _ in range(501):
        journal.open(0.0, "GET", "/", "", "")
    assert [each["number"] for each in journal.snapshot()] == list(range(2, REQUESTS_KEPT + 2))
    assert [each["number"] for each in journal.snapshot(2)] == [500, 501] and REQUESTS_KEPT == 500
    journal.clear()
    assert journal.snapshot() == []


# the meter and the throttle

def test_a_meter_shows_two_minutes() -> None:
    meter = Meter()
    meter.add(10.9, 1.0004, True)
    meter.add(11.0, 2.0, False)
    shown: Any = meter.snapshot(10.0 + 119.999)
    assert [each["second"] for each in shown["seconds"]] == [10, 11]
    assert shown["now"] == 129 and shown["seconds"][0]["mean"] == 1.0
    shown = meter.snapshot(10.0 + SECONDS_KEPT)
    assert [each["second"] for each in shown["seconds"]] == [11] and SECONDS_KEPT == 120


def test_a_minute_of_the_throttle_begins_with_its_first_request(clock: Clock) -> None:
    throttle = Throttle(clock.monotonic)
    throttle.set(2)
    assert [throttle.excess("a"), throttle.excess("a"), throttle.excess("a")] == [0, 0, 60]
    assert throttle.excess("b") == 0
    clock.advance(59.5)
    assert throttle.excess("a") == 1
    clock.advance(0.5)
    assert throttle.excess("a") == 0
    clock.now -= 1000  # a clock that goes back starts anew
    assert [throttle.excess("a"), throttle.excess("a"), throttle.excess("a")] == [0, 0, 60]
    throttle.set(2)
    assert [throttle.excess("a"), throttle.excess("a"), throttle.excess("a")] == [0, 0, 60]
    throttle.set(0)
    assert throttle.excess("a") == 60
    throttle.set(None)
    assert throttle.excess("a") == 0


# patterns and faults

def test_the_near_ones_are_the_likest_ends_without_the_account() -> None:
    patterns = Patterns([("GET", "v1/{account}/sessions/{id}/properties"),
                         ("GET", "v1/{account}/models/{id}/status"),
                         ("POST", "v1/{account}/sessions/create"), ("GET", "own/status")])
    with pytest.raises(ValueError) as refused:
        patterns.parse("GET", "propertys")
    assert str(refused.value) == ("no route fits 'GET propertys'; near ones are GET "
                                  "sessions/*/properties, GET models/*/status, GET own/status")
    with pytest.raises(ValueError, match="no route fits 'GET " + "a" * 96 + "';"):
        patterns.parse("GET", "a" * 97)
    for path in ("", "/", "//", "a\n"):
        with pytest.raises(ValueError, match="names no route"):
            patterns.parse("GET", path or "/")


@pytest.mark.parametrize("field, least, most", [
    ("times", 1, 10**9), ("seed", -2**63, 2**63), ("status", 200, 599), ("delay", 0, 3600),
    ("probability", 0, 1)])
def test_numbers_of_faults_have_bounds(emulator: Emulator, field: str, least: int,
                                       most: int) -> None:
    for value in (least, most):
        effect: Any = {"status": 500, field: value}
        assert getattr(emulator.add_fault(**effect), field) == value
    for value in (least - 1, most + 1):
        effect = {"status": 500, field: value}
        with pytest.raises(ValueError, match=f"{field} must be between"):
            emulator.add_fault(**effect)
    with pytest.raises(ValueError, match="times must be"):
        emulator.hold(times=10**9 + 1)
    assert emulator.hold(times=10**9).times == 10**9


@pytest.mark.parametrize("value, header", [
    (0, "0"), (1.5, "1.5"), (60.0, "60"), ("x" * 200, "x" * 200), (True, TypeError),
    ([], TypeError), ("", ValueError), ("x" * 201, ValueError), ("\xe9", ValueError),
    ("a\nb", ValueError)])
def test_retry_after_is_a_header(emulator: Emulator, value: Any, header: Any) -> None:
    if isinstance(header, str):
        assert emulator.add_fault(retry_after=value).retry_after == header
    else:
        with pytest.raises(header, match="retry_after must be"):
            emulator.add_fault(retry_after=value)


def test_a_fault_has_nothing_that_it_was_not_given(emulator: Emulator, client: Client) -> None:
    fault = emulator.add_fault(status=500)
    expected = {
        "method": "*", "path": "*", "status": 500, "retry_after": None, "delay": 0.0,
        "reset": False, "truncate": False, "garbage": False, "body": None, "after": False,
        "times": None, "probability": 1.0, "seed": None}
    assert {name: getattr(fault, name) for name in Fault.FIELDS} == expected
    assert client.admin("POST", "/faults", {"status": 500}).json() == {
        **expected, "id": 2, "fired": 0}


def test_a_delay_lasts_until_the_emulator_stops_and_lasts_again_once_it_serves() -> None:
    faults = Faults(Patterns([("GET", "a")]))
    waits, late = (Thread(target=faults.delay, args=(3600,), daemon=True) for _ in range(2))
    waits.start()
    faults.close()
    waits.join(LIMIT)
    assert not waits.is_alive()
    faults.open()
    late.start()
    late.join(0.01)
    assert late.is_alive()
    faults.close()
    late.join(LIMIT)
    assert not late.is_alive()


def test_of_a_hundred_faults_and_holds_it_is_known_whether_they_struck() -> None:
    faults = Faults(Patterns([("GET", "a")]))
    made = [faults.add(status=500), *(faults.hold("*", "*", 1) for _ in range(100))]
    assert faults.never_struck() == made[1:]


@pytest.mark.parametrize("how", ["clear", "stop"])
def test_a_hold_that_was_let_go_takes_no_request(emulator: Emulator, how: str) -> None:
    hold = emulator.hold("GET", "sessions", times=2)
    if how == "clear":
        emulator.clear_faults()
    else:
        emulator.stop()
        emulator.start()
    assert hold.released
    with Client(emulator) as client:
        assert client.call("GET", "/sessions").status == 200
    assert hold.taken == 0


# sessions

def test_ids_are_guids_of_version_4(client: Client) -> None:
    for _ in range(30):
        assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
                            client.create())


def test_state_tells_the_times_of_a_session(emulator: Emulator, client: Client,
                                            clock: Clock) -> None:
    session_id = client.create(lease="0:1:0")
    clock.advance(2.5)
    shown = emulator.state()["sessions"][0]
    assert (shown["elapsed_seconds"], shown["left_seconds"], shown["hostname"]) == (0, 60, "")
    clock.advance(10.5)
    shown = emulator.state()["sessions"][0]
    assert shown["hostname"] == session_id + ".localhost"
    assert {name: value for name, value in shown.items() if name.endswith(("_seconds", "_ago"))
            } == {"age_seconds": 13, "starting_seconds": 3, "lease_seconds": 60,
                  "elapsed_seconds": 10, "left_seconds": 50, "ended_seconds_ago": None}
    assert emulator.stop_session(session_id) is True
    assert emulator.stop_session(session_id) is False and emulator.stop_session("x") is False
    assert emulator.fail_session(session_id) is False and emulator.fail_session("x") is False
    assert emulator.extend_session(session_id, 1) is emulator.extend_session("x", 1) is False
    clock.advance(4)
    shown = emulator.state()["sessions"][0]
    assert (shown["left_seconds"], shown["ended_seconds_ago"], shown["status"]) == (
        0, 4, "Stopped")
    assert shown["hostname"] == ""
    client.create(lease="0:1:0")
    clock.advance(3 + 59.75)
    assert emulator.state()["sessions"][1]["left_seconds"] == 0.25


def test_numbers_of_sessions_have_bounds(emulator: Emulator, client: Client) -> None:
    session_id = client.create()
    assert emulator.extend_session(session_id, 10**7)
    emulator.set_capacity(10**9)
    emulator.throttle(10**9)
    for call in (lambda: emulator.extend_session(session_id, 10**7 + 1),
                 lambda: emulator.throttle(10**9 + 1), lambda: emulator.throttle(-1),
                 lambda: emulator.extend_session(session_id, 0),
                 lambda: emulator.set_capacity(10**9 + 1), lambda: emulator.set_capacity(-1)):
        with pytest.raises(ValueError, match="must be between"):
            call()


def test_reset_leaves_nothing(emulator: Emulator, client: Client, newer: Client2021) -> None:
    session_id = client.create()
    newer.put("Mine")
    emulator.throttle(100)
    emulator.add_fault(status=500)
    emulator.reset()
    found = emulator.state()
    assert [found[name] for name in ("sessions", "ingestions", "faults")] == [[], [], []]
    assert found["throttle_per_minute"] is None and emulator.requests() == []
    assert emulator.stop_session(session_id) is emulator.stop_session("Mine") is False
    assert newer.call("GET", "/sessions/Mine").status == 404
    assert client.admin("GET", "/overview").json()["meter"]["total"] == 1


def live(table: SessionTable, name: str, at: float = 0.0) -> Session:
    """Add a session that is ready at once and lives until it is stopped."""
    session = Session("", name, "a", "small", 10**9, now=at, created=at, startup_seconds=0.0)
    table.add(session, at)
    return session


def test_of_the_ended_the_newest_are_kept_that_are_not_forgotten(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_table, "_PRUNE_EVERY", 4)
    monkeypatch.setattr(session_table, "_ENDED_KEPT", 1)
    table, month = SessionTable(), 30 * 86_400.0
    live(table, "a").stop(month)
    live(table, "b").stop(0.0)
    live(table, "c")
    live(table, "d", month)
    assert [each.guid for each in table.known(0.0)] == ["d", "c", "a"]
