"""Every call of the frontend and the session against the local service, in both shapes."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import pytest

from arr import (
    ARRConnectionStatus, ARRIngestionSessionStatus, ARRRenderingSessionStatus,
    ARRRenderingSessionVmSize, ARRResult, AzureFrontend, AzureFrontendAccountInfo, AzureSession,
    CreateRenderingSessionParams, IAsync, IngestAssetParams, RemoteManager, RRException,
    RRRenderingSessionProperties, RRSessionException, SessionLocation,
    UpdateRenderingSessionParams,
)
from arr._runtime.slots import Slot
from arr.emulator import Emulator
from arr.testing import FakeClock

from ..support.fault_server import FaultServer, Request, Wire, reply
from ..support.rig import LIMIT, PROPERTIES, SESSION_ID, finish, static_account
from ..support.threads import Service

SMALL = CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 4)
MODEL = IngestAssetParams("box.glb", "file:///in", "file:///out")
SESSION_CALLS = ("get_rendering_session_properties_async", "update_rendering_session_async",
                 "stop_rendering_session_async")


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(startup_seconds=0, ingestion_seconds=0) as emulator:
        yield emulator


@pytest.fixture
def frontend(emulator: Emulator) -> Iterator[AzureFrontend]:
    info = AzureFrontendAccountInfo(emulator.url, emulator.account_id, emulator.account_key,
                                    location=SessionLocation.ignore)
    with AzureFrontend(info) as frontend:
        yield frontend


@pytest.fixture
def session(frontend: AzureFrontend) -> AzureSession:
    return frontend.create_rendering_session_async(SMALL).get(LIMIT)


def arguments(session: AzureSession, name: str) -> Tuple[Any, ...]:
    return (UpdateRenderingSessionParams(5),) if name.startswith("update") else ()


def outcome(call: Any, *args: Any) -> Tuple[Any, ...]:
    """Make a call in the C++ shape and return what its callback got; the event fires after it."""
    got: List[Tuple[Any, ...]] = []
    order: List[str] = []
    threads: List[str] = []

    def callback(*values: Any) -> None:
        threads.append(threading.current_thread().name)
        order.append("callback")
        got.append(values)

    operation: IAsync[Any] = call(*args, callback)
    operation.completed += lambda done: order.append("event")
    assert operation.wait(LIMIT)
    assert order == ["callback", "event"]
    assert threads[0].startswith("arr-worker-")
    if len(got[0]) and got[0][0] is not operation.status:
        assert got[0][0] is operation.context
    return got[0]


# -- both shapes, both spellings ------------------------------------------------------------------

def test_the_story_in_the_shape_of_csharp(frontend: AzureFrontend, emulator: Emulator) -> None:
    asset = frontend.StartAssetIngestionAsync(MODEL).get(LIMIT)
    assert isinstance(asset, str) and asset
    assert isinstance(frontend.GetIngestionStatusAsync(asset).get(LIMIT),
                      ARRIngestionSessionStatus)
    session = frontend.CreateRenderingSessionAsync(SMALL).get(LIMIT)
    assert isinstance(session, AzureSession) and session.Frontend is frontend
    assert session.Properties == RRRenderingSessionProperties(), "create fills no cache"
    properties = session.GetRenderingSessionPropertiesAsync().get(LIMIT)
    assert session.Properties is properties and properties.Id == session.SessionUUID
    assert session.Status is properties.Status is ARRRenderingSessionStatus.Ready
    assert session.Hostname == session.HostName == properties.Hostname != ""
    assert properties.MaxLease == timedelta(hours=4)
    assert [each.Id for each in frontend.GetCurrentRenderingSessionsAsync().get(LIMIT)] == [
        session.SessionUUID]
    assert session.UpdateRenderingSessionAsync(
        UpdateRenderingSessionParams(26)).get(LIMIT) is ARRResult.Success
    assert session.GetRenderingSessionPropertiesAsync().get(LIMIT).MaxLease == timedelta(hours=26)
    path = Path(session.ConnectToArrInspectorAsync().get(LIMIT))
    assert path.name == "StartArrInspector.html" and session.hostname in path.read_text()
    assert session.StopRenderingSessionAsync().get(LIMIT) is ARRResult.Success
    again = frontend.OpenRenderingSession(session.SessionUUID)
    assert again.GetRenderingSessionPropertiesAsync().get(LIMIT).Status is (
        ARRRenderingSessionStatus.Stopped)
    assert frontend.GetCurrentRenderingSessionsAsync().get(LIMIT) == []


def test_the_arguments_of_the_callbacks_of_cpp_on_success(
        frontend: AzureFrontend, session: AzureSession) -> None:
    context, asset = outcome(frontend.start_asset_ingestion_async, MODEL)
    assert context.result is ARRResult.Success and isinstance(asset, str)
    context, status = outcome(frontend.get_ingestion_status_async, asset)
    assert isinstance(status, ARRIngestionSessionStatus)
    context, made = outcome(frontend.create_rendering_session_async, SMALL)
    assert isinstance(made, AzureSession) and context.http_response_code == 202
    context, found = outcome(frontend.get_rendering_session_properties_async, made.session_uuid)
    assert found.id == made.session_uuid and made.properties.id == ""
    context, found = outcome(session.get_rendering_session_properties_async)
    assert found is session.properties
    context, sessions, count = outcome(frontend.get_current_rendering_sessions_async)
    assert count == len(sessions) == 2
    (context,) = outcome(session.update_rendering_session_async, UpdateRenderingSessionParams(5))
    assert context.result is ARRResult.Success
    result, path = outcome(session.connect_to_arr_inspector_async)
    assert result is ARRResult.Success and Path(path).exists()
    (context,) = outcome(session.stop_rendering_session_async)
    assert context.http_response_code == 204


def test_the_arguments_of_the_callbacks_of_cpp_on_failure(
        frontend: AzureFrontend, session: AzureSession, emulator: Emulator) -> None:
    result, path = outcome(session.connect_to_arr_inspector_async)
    assert (result, path) == (ARRResult.InvalidParam, None)
    emulator.add_fault(status=403)
    with_value: Any = ((frontend.start_asset_ingestion_async, (MODEL,)),
                       (frontend.get_ingestion_status_async, ("x",)),
                       (frontend.create_rendering_session_async, (SMALL,)),
                       (frontend.get_rendering_session_properties_async, ("x",)),
                       (session.get_rendering_session_properties_async, ()))
    for call, args in with_value:
        context, value = outcome(call, *args)
        assert context.result is ARRResult.AuthenticationFailed and value is None
    context, sessions, count = outcome(frontend.get_current_rendering_sessions_async)
    assert (sessions, count) == ([], 0) and context.http_response_code == 403
    without_value: Any = ((session.update_rendering_session_async,
                           (UpdateRenderingSessionParams(9),)),
                          (session.stop_rendering_session_async, ()))
    for call, args in without_value:
        (context,) = outcome(call, *args)
        assert context.result is ARRResult.AuthenticationFailed
    frontend.dispose()
    context, sessions, count = outcome(frontend.get_current_rendering_sessions_async)
    assert (context.result, sessions, count) == (ARRResult.AlreadyDeinitialized, [], 0)


def test_what_the_service_does_not_know(frontend: AzureFrontend) -> None:
    stranger = frontend.open_rendering_session("11111111-2222-3333-4444-555555555555")
    for name in SESSION_CALLS:
        context = finish(getattr(stranger, name)(*arguments(stranger, name)))
        assert context.result is ARRResult.SessionNotFound, name
    assert stranger.properties == RRRenderingSessionProperties()
    operation = frontend.get_ingestion_status_async("11111111-2222-3333-4444-555555555555")
    with pytest.raises(RRSessionException) as caught:
        operation.get(LIMIT)
    assert caught.value.error_code is ARRResult.InvalidId
    assert caught.value.context is operation.context


def test_a_wrong_key_fails_every_call(emulator: Emulator) -> None:
    info = AzureFrontendAccountInfo(emulator.url, emulator.account_id, "d3Jvbmc=",
                                    location=SessionLocation.ignore)
    frontend = AzureFrontend(info)
    context = finish(frontend.create_rendering_session_async(SMALL))
    assert context.result is ARRResult.AuthenticationFailed
    assert "check account_id, the credential" in context.error_message


def test_a_shorter_lease_is_refused_by_the_service(session: AzureSession) -> None:
    context = finish(session.update_rendering_session_async(UpdateRenderingSessionParams(1)))
    assert context.result is ARRResult.InvalidParam and context.http_response_code in (400, 422)


# -- redundancy -----------------------------------------------------------------------------------

PATTERNS = {"get_rendering_session_properties_async": ("GET", "properties"),
            "update_rendering_session_async": ("PATCH", "sessions/*"),
            "stop_rendering_session_async": ("DELETE", "sessions/*")}


@pytest.mark.parametrize("name", SESSION_CALLS)
def test_the_second_of_two_calls_is_already_exists_and_sends_nothing(
        name: str, session: AzureSession, frontend: AzureFrontend, emulator: Emulator) -> None:
    method, path = PATTERNS[name]
    call, args = getattr(session, name), arguments(session, name)
    before = len(emulator.requests())
    hold = emulator.hold(method, path)
    first = call(*args)
    second = finish(call(*args))
    assert second.result is ARRResult.AlreadyExists and second.http_response_code == 0
    twin = frontend.open_rendering_session(session.session_uuid)
    others = [getattr(twin, name)(*args)]  # another object has a slot of its own
    others += [getattr(session, each)(*arguments(session, each))
               for each in SESSION_CALLS if each == "get_rendering_session_properties_async"
               and each != name]
    again: List[ARRResult] = []

    def reissue(done: IAsync[Any]) -> None:
        again.append(finish_inside(call(*args)))

    first.completed += reissue
    hold.release()
    # Of two updates to one lease the service refuses the later one, which may be the first made.
    allowed = [ARRResult.Success] + [ARRResult.InvalidParam] * name.startswith("update")
    assert finish(first).result in allowed
    for other in others:
        finish(other)
    assert again and again[0] is not ARRResult.AlreadyExists, "the slot is free in the handler"
    assert finish(call(*args)).result is not ARRResult.AlreadyExists, "and after wait()"
    assert len(emulator.requests()) - before == 3 + len(others)


def finish_inside(operation: IAsync[Any]) -> ARRResult:
    assert operation.wait(LIMIT)
    return operation.status


def test_an_older_reply_that_comes_late_does_not_overwrite_a_newer_one() -> None:
    """The first properties call is held on the wire while another object's id is asked later."""
    late, arrived = threading.Event(), threading.Event()
    numbers = iter(range(1, 100))
    lock = threading.Lock()

    def answer(wire: Wire, request: Request) -> None:
        with lock:
            number = next(numbers)
        if number == 1:
            arrived.set()
            late.wait(LIMIT)
        wire.send(reply({**PROPERTIES, "message": f"reply {number}"}))

    with FaultServer(answer) as server:
        frontend = AzureFrontend(static_account(server.url))
        session = frontend.open_rendering_session(SESSION_ID)
        older = session.get_rendering_session_properties_async()
        assert arrived.wait(LIMIT)
        # The rule of one at a time would hide the order; a wait does not obey it.
        session._slots["GetRenderingSessionPropertiesAsync"] = Slot()
        newer = session.get_rendering_session_properties_async()
        assert newer.get(LIMIT).message == "reply 2"
        late.set()
        assert older.get(LIMIT).message == "reply 1"
        assert session.properties.message == "reply 2"


def test_only_a_success_changes_the_cache(session: AzureSession, emulator: Emulator) -> None:
    session.get_rendering_session_properties_async().get(LIMIT)
    before = session.properties
    emulator.add_fault("GET", "properties", garbage=True, times=1)
    assert finish(session.get_rendering_session_properties_async()).result is (
        ARRResult.ProtocolError)
    assert session.properties is before
    seen: List[bool] = []
    operation = session.get_rendering_session_properties_async()
    operation.completed += lambda done: seen.append(session.properties is done.result)
    assert operation.wait(LIMIT) and seen == [True], "fresh when the handler runs"


# -- lifetime -------------------------------------------------------------------------------------

def test_the_repr_of_a_session_has_its_id_and_status(session: AzureSession) -> None:
    assert repr(session) == f"<AzureSession {session.session_uuid} Unknown>"
    session.get_rendering_session_properties_async().get(LIMIT)
    assert repr(session) == f"<AzureSession {session.session_uuid} Ready>"


def test_a_disposed_frontend_refuses_calls_and_its_sessions_work_on(
        frontend: AzureFrontend, session: AzureSession) -> None:
    frontend.Dispose()
    frontend.dispose()
    for operation in (frontend.start_asset_ingestion_async(MODEL),
                      frontend.get_ingestion_status_async("x"),
                      frontend.create_rendering_session_async(SMALL),
                      frontend.get_rendering_session_properties_async("x"),
                      frontend.get_current_rendering_sessions_async()):
        context = finish(operation)
        assert context.result is ARRResult.AlreadyDeinitialized
    with pytest.raises(RRException) as caught:
        frontend.open_rendering_session("x")
    assert caught.value.error_code is ARRResult.AlreadyDeinitialized
    assert session.get_rendering_session_properties_async().get(LIMIT).id == session.session_uuid
    assert frontend.account_domain.startswith("http://127.0.0.1:")


def test_a_disposed_session_refuses_calls_keeps_its_cache_and_does_not_stop_the_machine(
        frontend: AzureFrontend, session: AzureSession) -> None:
    session.get_rendering_session_properties_async().get(LIMIT)
    hostname = session.hostname
    with session:
        pass
    session.dispose()
    for name in (*SESSION_CALLS, "connect_to_arr_inspector_async"):
        context = finish(getattr(session, name)(*arguments(session, name)))
        assert context.result is ARRResult.AlreadyDeinitialized
    assert session.hostname == hostname
    with pytest.raises(RRException):
        session.frontend
    assert len(frontend.get_current_rendering_sessions_async().get(LIMIT)) == 1


def test_a_call_in_flight_completes_after_both_were_disposed(
        frontend: AzureFrontend, session: AzureSession, emulator: Emulator) -> None:
    hold = emulator.hold("PATCH")
    operation = session.update_rendering_session_async(UpdateRenderingSessionParams(6))
    create_hold = emulator.hold("POST", "sessions/create")
    create = frontend.create_rendering_session_async(SMALL)
    session.dispose()
    frontend.dispose()
    hold.release()
    create_hold.release()
    assert finish(operation).result is ARRResult.Success
    made = create.get(LIMIT)
    assert finish(made.stop_rendering_session_async()).result is ARRResult.Success


def test_frontend_and_session_show_what_they_are_without_asking(
        frontend: AzureFrontend, emulator: Emulator) -> None:
    with frontend.open_rendering_session(SESSION_ID) as session:
        assert repr(session) == f"<AzureSession {SESSION_ID} Unknown>"
        assert repr(frontend) == f"<AzureFrontend {emulator.url}>"
        frontend.dispose()
        assert repr(frontend) == f"<AzureFrontend {emulator.url}, disposed>"


def test_leaving_the_block_disposes(emulator: Emulator) -> None:
    with AzureFrontend(static_account(emulator.url)) as frontend:
        with frontend.open_rendering_session(SESSION_ID) as session:
            pass
        assert session.stop_rendering_session_async().status is ARRResult.AlreadyDeinitialized
    listing = frontend.get_current_rendering_sessions_async()
    assert listing.status is ARRResult.AlreadyDeinitialized


def test_misuse_is_told_in_words_on_a_disposed_object_too(
        frontend: AzureFrontend, session: AzureSession) -> None:
    frontend.dispose()
    session.dispose()
    wrong: Any = 5
    with pytest.raises(TypeError, match="asset_id must be a str, not int"):
        frontend.wait_for_ingestion_async(wrong)
    wrong = "host"
    with pytest.raises(TypeError, match="drop the argument"):
        session.connect_to_arr_inspector_async(wrong)


def test_a_wait_that_is_refused_calls_back(frontend: AzureFrontend) -> None:
    context, value = outcome(
        lambda callback: frontend.wait_for_ingestion_async("..", callback=callback))
    assert context.result is ARRResult.InvalidParam and value is None


def test_a_frontend_remembers_the_sessions_that_live(service: Service) -> None:
    with service.frontend() as frontend:
        kept = [frontend.open_rendering_session(each) for each in "abc"]
        for session in kept:
            session.get_rendering_session_properties_async().get(LIMIT)
        for _ in range(100):
            frontend.open_rendering_session("dropped")
        assert [frontend._session_at(f"host.{number}") for number in (1, 2, 3)] == kept
        assert frontend._session_at("host.4") is None and len(frontend._sessions) < 10
        kept[1].dispose()
        assert frontend._session_at("host.2") is None
        frontend.open_rendering_session("newest")


# -- what a frontend is made with -----------------------------------------------------------------

def test_the_defaults_are_those_of_the_documentation(frontend: AzureFrontend) -> None:
    core = frontend._core
    assert core is not None and core.gate._free == 64
    assert (core.exit_seconds, core.operation_seconds) == (1.0, 5 + 2 * 30)


@pytest.mark.parametrize("options", [
    {"max_calls": 1}, {"exit_seconds": 0}, {"exit_seconds": 999_999.5}, {"timeout": 0.001},
    {"timeout": (0.001, 999_999.5)}], ids=str)
def test_a_number_at_the_end_of_its_range_is_taken(emulator: Emulator, options: Any) -> None:
    AzureFrontend(static_account(emulator.url), **options).dispose()


@pytest.mark.parametrize("options, words", [
    ({"max_calls": 0}, "at least 1"), ({"max_calls": -1}, "max_calls"),
    ({"max_calls": True}, "an int"), ({"max_calls": 1.5}, "an int"), ({"max_calls": "1"}, "an int"),
    ({"exit_seconds": -0.5}, "exit_seconds must be at least 0 s"),
    ({"exit_seconds": 1_000_000}, "less than a million"),
    ({"exit_seconds": float("nan")}, "exit_seconds"),
    ({"timeout": 0}, "the connect timeout must be at least 0.001 s"),
    ({"timeout": (1, 0.0009)}, "the read timeout must be at least 0.001 s"),
    ({"timeout": (0.0009, 1)}, "the connect timeout"), ({"timeout": (1, 1e6)}, "the read timeout"),
    ({"timeout": (1,)}, "(connect, read)"), ({"timeout": (1, 2, 3)}, "(connect, read)")], ids=str)
def test_a_number_out_of_its_range_is_refused_by_name(
        emulator: Emulator, options: Any, words: str) -> None:
    with pytest.raises(RRException) as caught:
        AzureFrontend(static_account(emulator.url), **options)
    assert caught.value.error_code == ARRResult.InvalidParam and words in caught.value.message


@pytest.mark.parametrize("options", [
    {"exit_seconds": True}, {"exit_seconds": "1"}, {"timeout": "5"}, {"timeout": (5, None)},
    {"timeout": (True, 5)}], ids=str)
def test_what_is_no_number_of_seconds_is_a_type_error(emulator: Emulator, options: Any) -> None:
    with pytest.raises(TypeError, match="must be a number of seconds"):
        AzureFrontend(static_account(emulator.url), **options)


@pytest.mark.parametrize("options, seconds", [
    ({}, 65), ({"timeout": 4}, 12), ({"timeout": (1, 2.5)}, 6)], ids=str)
def test_a_call_may_take_as_long_as_one_connecting_and_two_readings(
        options: Any, seconds: float) -> None:
    clock = FakeClock()
    with Emulator(port=0) as emulator, emulator.hold("GET", "sessions") as held:
        frontend = AzureFrontend(static_account(emulator.url), clock=clock, **options)
        operation = frontend.get_current_rendering_sessions_async()
        assert held.wait_arrived(LIMIT)
        clock.advance(seconds - 0.5)
        assert not operation.is_completed
        clock.advance(0.5)
        assert operation.wait(LIMIT) and operation.status == ARRResult.Timeout


# -- RemoteManager --------------------------------------------------------------------------------

@pytest.fixture
def manager() -> Iterator[Any]:
    RemoteManager.shutdown_manager()
    yield RemoteManager
    RemoteManager.shutdown_manager()


def test_the_manager_forwards_an_update_to_the_session_it_is_connected_to(
        manager: Any, frontend: AzureFrontend, session: AzureSession,
        emulator: Emulator) -> None:
    lease = UpdateRenderingSessionParams(7)
    assert finish(manager.UpdateRenderingSessionAsync(lease)).result is ARRResult.NoConnection
    session.get_rendering_session_properties_async().get(LIMIT)
    events: List[Tuple[ARRConnectionStatus, ARRResult]] = []
    handler = lambda status, result: events.append((status, result))  # noqa: E731
    manager.ConnectionStatusChanged += handler
    try:
        assert manager.Connect("", frontend) is ARRResult.InvalidParam
        assert manager.Connect(session.hostname, frontend) is ARRResult.Success
        assert manager.connect("other", frontend) is ARRResult.AlreadyConnected
        assert manager.is_connected and events == []
        manager.Update()
        assert [str(status) for status, _ in events] == ["Connecting", "Connected"]
        hold = emulator.hold("PATCH")
        operation = manager.update_rendering_session_async(lease)
        same_slot = finish(session.update_rendering_session_async(lease))
        assert same_slot.result is ARRResult.AlreadyExists
        hold.release()
        assert finish(operation).result is ARRResult.Success
        session.dispose()
        assert finish(manager.update_rendering_session_async(lease)).result is (
            ARRResult.NoConnection)
        assert manager.disconnect() is ARRResult.Success
        assert manager.disconnect() is ARRResult.NoConnection
        manager.update()
        assert str(events[-1][0]) == "Disconnected" and len(events) == 3
    finally:
        manager.connection_status_changed -= handler


def test_the_manager_refuses_a_disposed_frontend_and_wrong_types(
        manager: Any, frontend: AzureFrontend) -> None:
    for args in ((5, frontend), ("host", None)):
        with pytest.raises(TypeError):
            manager.connect(*args)
    with pytest.raises(TypeError):
        manager.update_rendering_session_async(5)
    frontend.dispose()
    assert manager.connect("host", frontend) is ARRResult.InvalidParam
    assert manager.connection_status is ARRConnectionStatus.Disconnected
