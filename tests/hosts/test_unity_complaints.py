"""ARRServiceUnity: what users of the SDK's component complained about, complaint by complaint."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Iterator, List

import pytest

from arr import (
    ARRRenderingSessionStatus, ARRResult, AzureSession, RemoteManager, RRException,
    RRSessionException, UpdateRenderingSessionParams,
)

from ..support.stage import SMALL, Stage
from ..support.threads import LIMIT
from ..support.unity_host import Host


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage(token_seconds=7200) as stage:
        yield stage


@pytest.fixture
def host(stage: Stage) -> Iterator[Host]:
    host = Host(stage)
    host.service.renew_lease_threshold = timedelta(minutes=5)
    yield host
    host.end()


def lease(host: Host) -> timedelta:
    return host.service.last_properties.max_lease


# -- "it connected while the session was still starting" -------------------------------------------

def test_a_started_session_has_no_hostname_before_it_is_ready(host: Host) -> None:
    results: List[ARRResult] = []

    def connect(session: AzureSession) -> None:
        results.append(RemoteManager.connect(session.hostname, session.frontend))

    host.service.on_session_status_changed += connect
    host.start()
    assert results == [ARRResult.InvalidParam, ARRResult.Success]
    RemoteManager.disconnect()
    RemoteManager.update()


# -- "ApiUnavailable hid the real cause" -----------------------------------------------------------

def test_a_wrong_key_is_named_by_event_log_and_operation(
        stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    host = Host(stage, key="bm90IHRoZSBrZXk=")
    with caplog.at_level(logging.WARNING, "arr.unity"):
        operation = host.service.start_session(SMALL)
        operation.wait(LIMIT)
        host.settle()
    assert host.events == ["error AuthenticationFailed"]
    context = host.errors[0]
    assert context.http_response_code == 401 and context.error_message in caplog.text
    with pytest.raises(RRSessionException) as refused:
        operation.get()
    assert refused.value.error_code == ARRResult.AuthenticationFailed
    host.service.destroy()


def test_no_network_is_named_within_the_callers_patience(stage: Stage) -> None:
    host = Host(stage)
    stage.emulator.stop()
    operation = host.service.start_session(SMALL)
    # Asking for the token is repeated twice, after pauses on this clock.
    host.run(lambda: host.errors, seconds=0.005)
    assert host.errors[0].result == ARRResult.NoConnection
    assert operation.is_faulted and stage.clock.monotonic() < 45
    host.service.destroy()


def test_each_failed_start_is_reported_not_only_the_first(host: Host) -> None:
    host.stage.emulator.add_fault("POST", "sessions/create", status=500, times=3)
    for count in (1, 2, 3):
        host.service.start_session(SMALL).wait(LIMIT)
        host.settle()
        assert host.events == ["error Fail"] * count
    host.start()  # and none of them is in the way of the next
    assert host.events[-1] == "Ready"


def test_a_session_that_fails_to_start_says_why(
        host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.stage.emulator.set_capacity(0)
    with caplog.at_level(logging.ERROR, "arr.unity"):
        host.start(ready=False)
        host.pass_time(40)
    assert host.events == ["started", "Starting", "Error", "ended"]
    message = host.service.last_properties.message
    assert message and message in caplog.text
    assert host.service.current_active_session is None


# -- "TooManyRequests although only the SDK polled" ------------------------------------------------

def test_throttling_is_survived_without_an_error(host: Host) -> None:
    host.start()
    host.stage.emulator.add_fault("GET", "properties", status=429, retry_after=50, times=2)
    before = len(host.queries())
    for _ in range(140):
        host.pass_time(1)
    assert host.errors == [] and host.service.current_active_session is not None
    times = [each["time"] for each in host.stage.emulator.requests()
             if each["path"].endswith("properties")][before:]
    gaps = [later - earlier for earlier, later in zip(times, times[1:])]
    assert gaps[0] >= 50 and gaps[1] >= 50


def test_without_retry_after_it_pauses_all_the_same(host: Host) -> None:
    host.service.refresh_seconds = 0
    host.start()
    host.stage.emulator.add_fault("GET", "properties", status=429, times=1)
    before = len(host.queries())
    for _ in range(30):
        host.pass_time(1)
    assert 1 <= len(host.queries()) - before <= 2


def test_not_even_zero_refresh_seconds_mean_a_query_per_frame(host: Host) -> None:
    host.start(ready=False)
    host.service.RefreshSeconds = 0
    before = len(host.queries())
    for _ in range(60):  # three seconds
        host.pass_time(0.05)
    assert len(host.queries()) - before <= 4


def test_a_renewal_while_throttled_waits_with_its_query(host: Host) -> None:
    host.start()
    host.service.auto_renew_lease = True
    host.stage.emulator.add_fault("GET", "properties", status=429, retry_after=300, times=1)
    host.pass_time(56 * 60)
    before = len(host.queries())
    for _ in range(60):
        host.pass_time(1)
    assert 200 in host.stage.requests("PATCH", host.service._session.session_uuid)  # type: ignore
    assert len(host.queries()) == before


# -- "the lease doubled", "the renewal came too late" ----------------------------------------------

def test_it_renews_by_a_fixed_amount_in_time_again_and_again(host: Host) -> None:
    host.start()
    host.service.AutoRenewLease = True
    seen = [lease(host)]
    for _ in range(120):  # two hours
        host.pass_time(60)
        assert host.service.time_left > timedelta(minutes=3)
        if lease(host) != seen[-1]:
            seen.append(lease(host))
    minutes = [each.total_seconds() / 60 for each in seen]
    assert minutes == [60 + 15 * index for index in range(len(minutes))]
    assert 4 <= len(minutes) <= 6 and host.errors == []


def test_off_means_off(host: Host) -> None:
    host.start()
    for _ in range(62):
        host.pass_time(60)
    assert host.events[-2:] == ["Expired", "ended"] and lease(host) == timedelta(hours=1)


def test_an_opened_session_counts_the_time_it_has_run_already(host: Host) -> None:
    old = host.stage.session()
    host.stage.clock.advance(30 + 56 * 60)
    host.service.AutoRenewLease = True
    host.service.open_session(old.session_uuid)
    host.settle()
    host.settle()
    assert lease(host) == timedelta(minutes=75)
    assert timedelta(minutes=18) < host.service.time_left < timedelta(minutes=20)


def test_the_time_since_the_last_query_counts(host: Host) -> None:
    host.start()
    before = host.service.time_left
    host.stage.clock.advance(10)  # no query within
    assert before - host.service.time_left == timedelta(seconds=10)


def test_a_renewal_whose_reply_is_lost_is_not_made_twice(host: Host) -> None:
    host.start()
    host.service.auto_renew_lease = True
    host.stage.emulator.add_fault("PATCH", "sessions/*", reset=True, after=True, times=1)
    host.pass_time(56 * 60)
    for _ in range(5):
        host.pass_time(30)
    patches = [each for each in host.stage.emulator.requests() if each["method"] == "PATCH"]
    assert len(patches) == 1 and lease(host) == timedelta(minutes=75)
    assert host.events[-1] == "error NoConnection"  # said once, and repaired by the next query


def test_a_failed_renewal_is_repeated_after_a_minute_and_reported_once_a_minute(
        host: Host) -> None:
    host.start()
    host.service.auto_renew_lease = True
    fault = host.stage.emulator.add_fault("PATCH", "sessions/*", status=500, times=2)
    host.pass_time(56 * 60)
    for _ in range(59):
        host.pass_time(1)
    assert fault.fired == 1
    host.pass_time(1)
    assert fault.fired == 2
    for _ in range(70):
        host.pass_time(1)
    assert lease(host) == timedelta(minutes=75)
    assert [each.result for each in host.errors] == [ARRResult.Fail] * 2


def test_a_renewal_that_meets_one_of_the_host_is_no_error(
        host: Host, caplog: pytest.LogCaptureFixture) -> None:
    session = host.start()
    host.service.auto_renew_lease = True
    host.stage.clock.advance(57 * 60)
    with host.stage.emulator.hold("PATCH", "sessions/*") as held, \
            caplog.at_level(logging.INFO, "arr.unity"):
        mine = session.update_rendering_session_async(UpdateRenderingSessionParams(3))
        assert held.wait_arrived(LIMIT)
        host.run(lambda: "the host extends the lease itself" in caplog.text)
    assert mine.get(LIMIT) == ARRResult.Success
    host.pass_time(30)  # its query shows the new lease, before another renewal may be due
    host.pass_time(61)
    assert lease(host) == timedelta(hours=3) and host.errors == []


@pytest.mark.parametrize("clicks", [1, 2])
def test_a_session_that_is_being_stopped_is_not_renewed(host: Host, clicks: int) -> None:
    host.start()
    host.service.auto_renew_lease = True
    host.stage.clock.advance(57 * 60)
    with host.stage.emulator.hold("DELETE", "sessions/*") as held:
        host.service.stop_session()
        assert held.wait_arrived(LIMIT)
        if clicks == 2:
            again = host.service.stop_session()
            assert again is not None and again.wait(LIMIT)
            host.settle()
        host.settle()
    assert not [each for each in host.stage.emulator.requests() if each["method"] == "PATCH"]


def test_a_session_whose_stop_has_failed_is_renewed_again(host: Host) -> None:
    host.start()
    host.service.auto_renew_lease = True
    host.stage.emulator.add_fault("DELETE", "sessions/*", status=500, times=1)
    host.stage.clock.advance(57 * 60)
    host.service.stop_session()
    host.run(lambda: host.errors)
    host.settle()
    assert lease(host) == timedelta(minutes=75)


# -- "AuthenticationFailed after a long sleep" -----------------------------------------------------

def test_a_token_that_expired_meanwhile_is_replaced(host: Host) -> None:
    host.start()
    host.service.auto_renew_lease = True
    host.stage.clock.set_time(host.stage.clock.time() + 3 * 3600)  # the lid was closed
    for _ in range(10):
        host.pass_time(30)
    assert host.errors == []
    tokens = [each for each in host.stage.emulator.requests() if each["route"] == "token"]
    assert len(tokens) == 2


# -- "the stopped session stayed the active one", "exception spam" ---------------------------------

def test_a_stopped_session_is_no_longer_active_even_if_queries_fail(host: Host) -> None:
    host.start()
    host.stage.emulator.add_fault("GET", "properties", status=500)
    host.service.stop_session()
    host.run(lambda: "ended" in host.events)
    assert host.events[-2:] == ["Stopped", "ended"] and host.errors == []
    assert host.service.last_properties.status == ARRRenderingSessionStatus.Stopped
    assert host.service.last_properties.max_lease == timedelta(hours=1)


def test_a_stopped_session_is_no_longer_active_even_if_throttled(host: Host) -> None:
    host.start()
    host.stage.emulator.add_fault("GET", "properties", status=429, retry_after=600)
    host.pass_time(21)
    host.service.stop_session()
    host.run(lambda: "ended" in host.events)
    assert host.service.current_active_session is None


def test_a_stop_that_fails_while_throttled_ends_nothing(host: Host) -> None:
    host.start()
    host.stage.emulator.add_fault("GET", "properties", status=429, retry_after=600)
    host.stage.emulator.add_fault("DELETE", "sessions/*", status=500)
    host.pass_time(21)
    host.service.stop_session()
    host.run(lambda: host.errors)
    assert host.service.current_active_session is not None and "ended" not in host.events


def test_after_a_stop_the_service_is_asked_what_became_of_the_session(host: Host) -> None:
    host.start()
    before = len(host.queries())
    host.service.stop_session()
    host.run(lambda: "ended" in host.events)
    assert len(host.queries()) == before + 1


def test_a_query_on_its_way_does_not_delay_the_news_of_the_stop(host: Host) -> None:
    host.start()
    with host.stage.emulator.hold("GET", "properties") as held:
        host.stage.clock.advance(30)
        host.service.update()
        assert held.wait_arrived(LIMIT)  # it will say Ready
        stopping = host.service.stop_session()
        assert stopping is not None and stopping.wait(LIMIT)
        host.service.update()
    host.run(lambda: "ended" in host.events)  # no time passes
    assert host.events[-2:] == ["Stopped", "ended"]


def test_a_failed_stop_is_reported_and_may_be_repeated(host: Host) -> None:
    host.start()
    fault = host.stage.emulator.add_fault("DELETE", "sessions/*", status=500)
    host.service.stop_session()
    host.run(lambda: host.errors)
    assert host.errors[0].result == ARRResult.Fail
    assert host.service.current_active_session is not None
    fault.remove()
    host.service.stop_session()
    host.run(lambda: "ended" in host.events)


def test_a_second_stop_while_one_is_in_flight_is_already_exists(host: Host) -> None:
    host.start()
    with host.stage.emulator.hold("DELETE", "sessions/*") as held:
        host.service.stop_session()
        assert held.wait_arrived(LIMIT)
        second = host.service.stop_session()
        assert second is not None and second.wait(LIMIT)
        assert second.status == ARRResult.AlreadyExists
        host.settle()
    host.run(lambda: "ended" in host.events)
    assert host.errors == []  # a double click is no error


def test_an_outage_is_reported_once_a_minute_not_once_a_query(
        host: Host, caplog: pytest.LogCaptureFixture) -> None:
    host.start()
    host.service.refresh_seconds = 2
    fault = host.stage.emulator.add_fault("GET", "properties", status=500)
    with caplog.at_level(logging.WARNING, "arr.unity"):
        for _ in range(150):
            host.pass_time(1)
    assert fault.fired > 50
    assert 2 <= len(host.errors) <= 3 and len(caplog.records) == len(host.errors)
    assert host.service.current_active_session is not None
    fault.remove()
    host.pass_time(2)
    host.stage.emulator.add_fault("GET", "properties", status=500, times=1)
    count = len(host.errors)
    host.pass_time(2)
    assert len(host.errors) == count + 1  # after an answer, a failure is news again


def test_an_unknown_id_ends_at_the_first_query_with_its_name(host: Host) -> None:
    host.service.open_session("11111111-2222-3333-4444-555555555555")
    host.run(lambda: "ended" in host.events)
    assert host.events == ["started", "error SessionNotFound", "ended"]
    assert host.service.current_active_session is None


def test_a_bad_id_is_refused_at_once_with_its_name(host: Host) -> None:
    with pytest.raises(RRException) as refused:
        host.service.open_session("")
    assert refused.value.error_code == ARRResult.InvalidParam
    assert "session_id" in str(refused.value)
    host.start()  # and nothing stands in the way


# -- "NullReference in Initialize" -----------------------------------------------------------------

def test_every_order_of_awake_and_onenable_gets_an_answer(stage: Stage) -> None:
    """Any call before Initialize is safe or says what is missing."""
    host = Host(stage, initialize=False)
    service = host.service
    service.update()
    assert service.stop_session() is None
    assert service.last_properties.status == ARRRenderingSessionStatus.Unknown
    with pytest.raises(RRException, match="Initialize"):
        service.start_session(SMALL)
    service.destroy()
