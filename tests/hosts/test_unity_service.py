"""ARRServiceUnity: what a Unity script that is ported finds, call by call and frame by frame."""

from __future__ import annotations

import gc
import logging
import threading
import weakref
from datetime import timedelta
from typing import Any, Callable, Iterator, List

import pytest

from arr import (
    ARRRenderingSessionStatus, ARRResult, AzureSession, IAsync, RRException,
    RRRenderingSessionProperties,
)
from arr.unity import ARRServiceUnity

from ..support.stage import SMALL, Stage
from ..support.threads import LIMIT, on_thread, until
from ..support.unity_host import Host


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.fixture
def host(stage: Stage) -> Iterator[Host]:
    host = Host(stage)
    yield host
    host.end()


# -- a session from start to end -------------------------------------------------------------------

def test_events_come_in_order_on_the_updating_thread(host: Host) -> None:
    session = host.start()
    assert host.service.CurrentActiveSession is session
    stopping = host.service.StopSession()
    assert stopping is not None and stopping.get(LIMIT) == ARRResult.Success
    host.run(lambda: "ended" in host.events)
    assert host.events == ["started", "Starting", "Ready", "Stopped", "ended"]
    assert set(host.threads) == {threading.main_thread()}
    assert host.service.CurrentActiveSession is None
    assert host.service.LastProperties.Status == ARRRenderingSessionStatus.Stopped


def test_the_log_tells_the_life_of_a_session(
        host: Host, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "arr.unity"):
        name = f"session {host.start().session_uuid} is "
        host.service.stop_session()
        host.run(lambda: "ended" in host.events)
    assert [each.message for each in caplog.records] == [
        name + "the active one", name + "Starting", name + "Ready", name + "Stopped"]


def test_nothing_is_raised_between_two_updates(host: Host) -> None:
    host.service.start_session(SMALL).get(LIMIT)
    assert host.events == [] and host.service.current_active_session is None
    host.settle()
    assert host.events == ["started", "Starting"]


def test_start_session_returns_the_operation_of_2019(host: Host) -> None:
    operation = host.service.StartSession(SMALL)
    assert isinstance(operation, IAsync)
    assert isinstance(operation.AsTask().result(LIMIT), AzureSession)


def test_open_session_is_the_active_one_right_after_the_call(host: Host) -> None:
    existing = host.stage.session()
    session = host.service.OpenSession(existing.session_uuid)
    assert host.service.CurrentActiveSession is session
    assert host.events == []
    host.settle()
    assert host.events == ["started", "Starting"]
    assert session.status == ARRRenderingSessionStatus.Starting  # the cache was written


def test_a_session_that_has_ended_can_be_followed_by_another(host: Host) -> None:
    first = host.start()
    host.service.stop_session()
    host.run(lambda: "ended" in host.events)
    host.events.clear()
    second = host.start()
    assert second.session_uuid != first.session_uuid
    assert host.events == ["started", "Starting", "Ready"]


def test_the_next_session_may_be_started_by_the_ended_handler(host: Host) -> None:
    host.service.OnSessionEnded += lambda session: host.service.start_session(SMALL)
    host.start()
    host.service.stop_session()
    host.run(lambda: host.events.count("started") == 2)
    assert host.events[-2:] == ["ended", "started"]


def test_a_lease_that_ends_ends_the_session(host: Host) -> None:
    host.start()
    host.pass_time(3700)
    assert host.events[-2:] == ["Expired", "ended"]
    assert "expired" in host.service.last_properties.message


def test_every_refresh_seconds_one_query(host: Host) -> None:
    host.start()
    before = len(host.queries())
    for _ in range(100):
        host.pass_time(0.5)
    assert 2 <= len(host.queries()) - before <= 3


def test_a_host_may_subscribe_and_unsubscribe_bound_methods(host: Host) -> None:
    class Script:
        def __init__(self) -> None:
            self.seen: List[object] = []

        def on_started(self, session: AzureSession) -> None:
            self.seen.append(session)

    script = Script()
    host.service.OnSessionStarted += script.on_started
    host.service.OnSessionStarted -= script.on_started
    host.start(ready=False)
    assert script.seen == []
    with pytest.raises(TypeError):
        host.service.OnSessionStarted = script.on_started  # type: ignore[assignment]


@pytest.mark.arr_handler_errors_allowed
def test_a_handler_that_fails_harms_nobody(host: Host, caplog: pytest.LogCaptureFixture) -> None:
    def fail(session: AzureSession) -> None:
        raise ValueError("the script is wrong")

    host.service.on_session_started += fail
    later: List[object] = []
    host.service.on_session_started += later.append
    with caplog.at_level(logging.ERROR, "arr"):
        host.start()
    assert len(later) == 1 and "the script is wrong" in caplog.text
    assert host.events == ["started", "Starting", "Ready"]


# -- misuse ----------------------------------------------------------------------------------------

def test_what_cannot_be_is_refused_by_name(stage: Stage) -> None:
    host = Host(stage, initialize=False)
    service = host.service
    assert service.Frontend is None and service.StopSession() is None
    for call in (lambda: service.start_session(SMALL), lambda: service.open_session("x")):
        with pytest.raises(RRException) as refused:
            call()
        assert refused.value.error_code == ARRResult.NotInitialized
    service.update()  # before Initialize: nothing to do
    with pytest.raises(RRException) as refused:
        service.initialize(type(stage.account())())  # an empty account
    assert refused.value.error_code == ARRResult.InvalidParam
    service.initialize(stage.account(), clock=stage.clock)  # after a correction
    with pytest.raises(RRException) as refused:
        service.initialize(stage.account())
    assert refused.value.error_code == ARRResult.AlreadyInitialized
    service.destroy()
    late: List[Callable[[], object]] = [
        lambda: service.start_session(SMALL), lambda: service.open_session("x"),
        lambda: service.initialize(stage.account())]
    for each in late:
        with pytest.raises(RRException) as refused:
            each()
        assert refused.value.error_code == ARRResult.ApiUnavailable
    service.destroy()
    service.update()


def test_only_one_session_at_a_time(host: Host) -> None:
    with host.stage.emulator.hold("POST", "sessions/create") as held:
        creation = host.service.start_session(SMALL)
        assert held.wait_arrived(LIMIT)
        for call in (lambda: host.service.start_session(SMALL),
                     lambda: host.service.open_session("x")):
            with pytest.raises(RRException) as refused:
                call()
            assert refused.value.error_code == ARRResult.AlreadyExists
    creation.get(LIMIT)
    host.settle()
    with pytest.raises(RRException) as refused:
        host.service.start_session(SMALL)
    assert refused.value.error_code == ARRResult.AlreadyExists
    assert "OnSessionEnded" in str(refused.value)


def test_the_component_belongs_to_its_thread(host: Host) -> None:
    def elsewhere() -> None:
        calls: List[Any] = [host.service.update, host.service.stop_session, host.service.destroy,
                            lambda: host.service.start_session(SMALL),
                            lambda: host.service.open_session("x"),
                            lambda: host.service.initialize(host.stage.account())]
        for call in calls:
            with pytest.raises(RuntimeError, match="thread that made it"):
                call()

    on_thread(elsewhere)


def test_misspelt_and_mistyped_settings_are_refused_when_they_are_set(host: Host) -> None:
    with pytest.raises(AttributeError):
        host.service.AutoRenewLaese = True  # type: ignore[attr-defined,unused-ignore]
    for name in ("renew_lease_amount", "RenewLeaseAmount", "RenewLeaseThreshold"):
        with pytest.raises(TypeError, match="timedelta"):
            setattr(host.service, name, 15)
    host.service.RenewLeaseThreshold = timedelta(minutes=7)
    assert host.service.renew_lease_threshold == timedelta(minutes=7)


def test_the_defaults() -> None:
    service = ARRServiceUnity()
    assert service.AutoStopSession and not service.AutoRenewLease
    assert service.RenewLeaseThreshold == timedelta(minutes=5)
    assert service.RenewLeaseAmount == timedelta(minutes=15)
    assert service.RefreshSeconds == 20
    assert service.CurrentActiveSession is None
    assert service.LastProperties == RRRenderingSessionProperties()
    assert service.TimeLeft == timedelta(0)


# -- the end of the component ----------------------------------------------------------------------

def test_auto_stop_stops_the_session_when_the_component_ends(stage: Stage) -> None:
    host = Host(stage)
    with host.service as service:
        assert service is host.service
        host.start()
        count = len(host.events)
    assert service.current_active_session is None
    assert stage.emulator.state()["sessions"][0]["status"] == "Stopped"
    assert len(host.events) == count  # no event outside Update


def test_without_auto_stop_it_runs_on(stage: Stage) -> None:
    host = Host(stage)
    host.start()
    host.service.AutoStopSession = False
    host.service.Destroy()
    assert stage.emulator.state()["sessions"][0]["status"] == "Ready"


def test_a_session_that_is_being_created_at_the_end_is_stopped_too(stage: Stage) -> None:
    host = Host(stage)
    host.service.start_session(SMALL)
    host.service.destroy()
    assert stage.emulator.state()["sessions"][0]["status"] == "Stopped"


def test_at_the_end_a_stop_in_flight_is_waited_for_and_not_repeated(
        stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    host = Host(stage)
    host.start()
    stage.emulator.add_fault("DELETE", "sessions/*", delay=0.05, after=True)
    host.service.stop_session()
    with caplog.at_level(logging.WARNING, "arr"):
        host.service.destroy()
    assert stage.emulator.state()["sessions"][0]["status"] == "Stopped"
    assert [each["method"] for each in stage.emulator.requests()].count("DELETE") == 1
    assert caplog.text == ""


def test_a_stop_call_that_hangs_does_not_hold_the_end_up(
        stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("arr.unity._component.DESTROY_SECONDS", 0.05)
    host = Host(stage)
    host.start()
    with stage.emulator.hold("DELETE", "sessions/*"), caplog.at_level(logging.WARNING, "arr"):
        host.service.destroy()
    assert "still running" in caplog.text


def test_a_session_whose_creation_hangs_at_the_end_is_stopped_once_it_exists(
        stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("arr.unity._component.DESTROY_SECONDS", 0.05)
    host = Host(stage)
    with stage.emulator.hold("POST", "sessions/create") as held, \
            caplog.at_level(logging.WARNING, "arr"):
        creation = host.service.start_session(SMALL)
        assert held.wait_arrived(LIMIT)
        host.service.destroy()
        assert [each.message for each in caplog.records] == [
            "the session that was being created when the component was destroyed is stopped as "
            "soon as it exists"]
        monkeypatch.undo()
    assert creation.wait(LIMIT)
    assert stage.emulator.state()["sessions"][0]["status"] == "Stopped"


@pytest.mark.parametrize("codes", [[], [500]], ids=["stopped", "not stopped"])
@pytest.mark.parametrize("started", [True, False])
def test_at_the_end_a_machine_that_runs_on_is_named_in_the_log_and_no_other(
        stage: Stage, caplog: pytest.LogCaptureFixture, started: bool, codes: List[int]) -> None:
    host = Host(stage)
    for code in codes:
        stage.emulator.add_fault("DELETE", "sessions/*", status=code)
    if started:
        host.start()
    else:
        host.service.start_session(SMALL)
    with caplog.at_level(logging.WARNING, "arr"):
        host.service.destroy()
    assert len(caplog.records) == len(codes)
    assert all("StopRenderingSessionAsync: Fail" in each.message for each in caplog.records)


def test_the_frontend_ends_with_the_component(host: Host) -> None:
    frontend = host.service.Frontend
    assert frontend is not None and frontend.account_domain == host.stage.emulator.url
    host.end()
    listing = frontend.get_current_rendering_sessions_async()
    assert listing.wait(LIMIT) and listing.status == ARRResult.AlreadyDeinitialized
    assert host.service.frontend is frontend
    with pytest.raises(RRException) as caught:
        frontend.open_rendering_session("some-id")
    assert caught.value.error_code == ARRResult.AlreadyDeinitialized


@pytest.mark.parametrize("options, seconds", [({}, 65), ({"timeout": (1, 2)}, 5)])
def test_a_call_takes_no_longer_than_its_time_out_allows(
        stage: Stage, options: Any, seconds: float) -> None:
    service = ARRServiceUnity()
    service.initialize(stage.account(), clock=stage.clock, **options)
    with stage.emulator.hold("POST", "sessions/create") as held:
        creation = service.start_session(SMALL)
        assert held.wait_arrived(LIMIT)
        stage.clock.advance(seconds - 0.5)
        assert not creation.is_completed
        stage.clock.advance(0.5)
        assert creation.wait(LIMIT) and creation.status == ARRResult.Timeout
    service.destroy()


def test_the_end_waits_three_seconds_at_most(
        stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(stage)
    waited: List[float] = []
    host.start()
    with monkeypatch.context() as patched:
        patched.setattr(IAsync, "wait", lambda operation, timeout: waited.append(timeout))
        host.service.destroy()
    assert waited == [3]


def test_stopping_while_it_is_being_created_stops_it_once_it_is(host: Host) -> None:
    with host.stage.emulator.hold("POST", "sessions/create") as held:
        host.service.start_session(SMALL)
        assert held.wait_arrived(LIMIT)
        assert host.service.stop_session() is None
    host.run(lambda: "ended" in host.events)
    assert host.events[0] == "started" and host.events[-1] == "ended"
    assert host.stage.emulator.state()["sessions"][0]["status"] == "Stopped"
    host.events.clear()
    host.start()  # the next one is not
    assert host.events == ["started", "Starting", "Ready"]


def test_a_component_that_is_dropped_goes_away(stage: Stage) -> None:
    service = ARRServiceUnity()
    service.initialize(stage.account(), clock=stage.clock)
    service.start_session(SMALL).get(LIMIT)
    service.update()
    service.destroy()
    gone = weakref.ref(service)
    del service
    gc.collect()
    until(lambda: gc.collect() is None or gone() is None)


# -- what the host does itself ---------------------------------------------------------------------

def test_a_query_of_the_host_and_one_of_the_component_do_not_disturb_each_other(
        host: Host) -> None:
    """The quickstart of 2020 queried from inside the status event."""
    session = host.start()
    with host.stage.emulator.hold("GET", "properties") as held:
        mine = session.get_rendering_session_properties_async()
        assert held.wait_arrived(LIMIT)
        host.pass_time(30)
    assert mine.get(LIMIT).status == ARRRenderingSessionStatus.Ready
    assert host.errors == []
    with host.stage.emulator.hold("GET", "properties") as held:
        host.stage.clock.advance(30)
        host.service.update()
        assert held.wait_arrived(LIMIT)
        assert session.get_rendering_session_properties_async().get(LIMIT)
    host.settle()
    assert host.errors == []


def test_a_session_object_that_the_host_disposes_is_no_longer_active(host: Host) -> None:
    host.start().dispose()
    host.pass_time(30)
    assert host.events[-2:] == ["error AlreadyDeinitialized", "ended"]
    assert host.service.current_active_session is None


def test_a_stop_by_the_host_itself_is_noticed(host: Host) -> None:
    session = host.start()
    session.stop_rendering_session_async().get(LIMIT)
    host.pass_time(30)
    assert host.events[-2:] == ["Stopped", "ended"]
