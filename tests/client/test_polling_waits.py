"""Waits: what a poll finds decides what becomes of them; a FakeClock decides when they poll."""

from __future__ import annotations

import json
import os
import threading
from typing import Any, Iterator, List, Optional

import pytest

from arr import (
    ARRIngestionSessionStatus, ARRRenderingSessionStatus, ARRResult, IAsync, IngestAssetParams,
    RRException, RRSessionException,
)
from arr._polling import Wait, begin_wait
from arr._routes import GET_RENDERING_SESSION_PROPERTIES

from ..support.stage import Stage
from ..support.threads import LIMIT, Recorder

Starting, Ready = ARRRenderingSessionStatus.Starting, ARRRenderingSessionStatus.Ready


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage() as stage:
        yield stage


@pytest.fixture(params=[b"\x00", b"\xff"], ids=["least", "most"])
def jitter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> float:
    """Pin the random part of each pause at one of its ends; the value is the factor it makes."""
    real = os.urandom
    monkeypatch.setattr("os.urandom", lambda count: request.param if count == 1 else real(count))
    return 1.1 if request.param == b"\xff" else 1.0


def is_pause_of(seconds: float, pause: float) -> bool:
    """Tell whether a pause is so long, or up to a tenth longer, but for the rounding of floats."""
    return seconds - 1e-6 <= pause <= seconds * 1.1 + 1e-6


# -- how it ends -----------------------------------------------------------------------------------

def test_polls_until_the_session_is_ready_and_reports_each_poll(stage: Stage) -> None:
    session = stage.session()
    wait = session.wait_until_ready_async()
    seen: List[str] = []

    def note(polled: IAsync[Any]) -> None:
        seen.append(f"{session.status} on a worker: "
                    f"{threading.current_thread().name.startswith('arr-worker-')}")

    wait.progress_changed += note
    pauses = [stage.clock.next_poll() for _ in range(3)]
    assert all(is_pause_of(10, pause) for pause in pauses)
    assert wait.get(LIMIT).status == Ready
    assert wait.status == ARRResult.Success and wait.progress == 1.0
    # The first poll may have been reported before the handler was there.
    assert seen[-1] == "Ready on a worker: True"
    assert set(seen[:-1]) == {"Starting on a worker: True"}
    assert stage.requests("GET", "properties") == [200] * 4  # at about 0, 10, 20 and 30 s
    assert session.properties is wait.result and session.hostname


def test_the_value_of_an_ingestion_is_its_last_status(stage: Stage) -> None:
    params = IngestAssetParams("a.glb", "file:///in", "file:///out")
    asset_id = stage.frontend.start_asset_ingestion_async(params).get(LIMIT)
    wait = stage.frontend.wait_for_ingestion_async(asset_id, interval=20)
    found = Recorder()
    wait.progress_changed += found
    stage.emulator.wait_ingestions(LIMIT)
    stage.clock.next_poll()
    stage.clock.next_poll()
    assert wait.get(LIMIT) == ARRIngestionSessionStatus.Success
    assert wait.result == wait.latest


def test_a_failed_ingestion_runs_to_completion() -> None:
    def fail(*arguments: object, **options: object) -> Any:
        raise ValueError("no such model")

    with Stage(ingestion_seconds=0, ingest=fail) as stage:
        params = IngestAssetParams("a.glb", "file:///in", "file:///out")
        asset_id = stage.frontend.start_asset_ingestion_async(params).get(LIMIT)
        stage.emulator.wait_ingestions(LIMIT)
        wait = stage.frontend.wait_for_ingestion_async(asset_id)
        assert wait.get(LIMIT) == ARRIngestionSessionStatus.Failure
        assert wait.is_ran_to_completion


def say(stage: Stage, path: str, status: str) -> None:
    """Have the service give another word for the status."""
    shown: Any = {"status": status}
    if path == "properties":
        shown = {"sessionId": "7c0a4f7e", "sessionStatus": status}
    stage.emulator.add_fault("GET", path, body=json.dumps(shown))


@pytest.mark.parametrize("word, value", [
    ("Success", "Success"), ("SUCCEEDED", "Success"), ("Failure", "Failure"), ("Failed", "Failure"),
    ("Aborted", "Aborted"), ("Cancelled", "Aborted"), ("canceled", "Aborted")])
def test_a_final_word_of_any_era_ends_the_wait_for_an_ingestion(
        stage: Stage, word: str, value: str) -> None:
    say(stage, "models/*/status", word)
    wait = stage.frontend.wait_for_ingestion_async("an-id")
    assert str(wait.get(LIMIT)) == value
    assert wait.context.error_message == ""


@pytest.mark.parametrize("word", ["Created", "Running", "NotStarted"])
def test_a_word_of_any_era_that_means_going_on_does_not_end_it(stage: Stage, word: str) -> None:
    say(stage, "models/*/status", word)
    wait = stage.frontend.wait_for_ingestion_async("an-id")
    for _ in range(3):
        stage.clock.next_poll()
    pause = stage.clock.pauses.get(timeout=LIMIT)  # the fourth poll has been answered
    assert not wait.is_completed
    stage.emulator.clear_faults()
    say(stage, "models/*/status", "Succeeded")
    stage.clock.advance(pause)
    assert str(wait.get(LIMIT)) == "Success"


UNKNOWN = ["Deallocating", "Cancelled\x07", "Unknown", "", "x" * 5000]


@pytest.mark.parametrize("word", UNKNOWN, ids=lambda word: str(word)[:12])
def test_any_other_word_ends_the_wait_for_an_ingestion_and_is_quoted(
        stage: Stage, word: str) -> None:
    say(stage, "models/*/status", word)
    wait = stage.frontend.wait_for_ingestion_async("an-id")
    assert wait.get(LIMIT) == wait.latest == ARRIngestionSessionStatus.Unknown
    check_quoted(wait, "WaitForIngestionAsync: Success: ", word)


@pytest.mark.parametrize("word", UNKNOWN + ["Running", "Succeeded"], ids=lambda word: word[:12])
def test_any_other_word_ends_the_wait_for_a_session_and_is_quoted(stage: Stage, word: str) -> None:
    say(stage, "properties", word)
    session = stage.session()
    wait = session.wait_until_ready_async()
    assert wait.get(LIMIT).status == ARRRenderingSessionStatus.Unknown
    assert session.properties is wait.result  # the polls of a wait fill the cache as ever
    check_quoted(wait, "WaitUntilReadyAsync: Success: ", word)
    # A single call says it too, but has nothing to explain.
    assert session.get_rendering_session_properties_async().get(LIMIT) == wait.result


def check_quoted(wait: Wait[Any], begin: str, word: str) -> None:
    assert wait.is_ran_to_completion and wait.context.http_response_code == 200
    text = wait.context.error_message
    assert text.startswith(begin) and text.isprintable() and len(text) < 400
    assert f'"{word[:200].rstrip(chr(7))}"' in text
    assert wait.context.response_correlation_vector


def test_a_word_that_holds_the_key_is_quoted_without_it(stage: Stage) -> None:
    key = stage.account().account_key
    for word, quoted in ((f"Refused for {key}", "Refused for ***"),
                         (f"{'x' * 190}{key}", f"{'x' * 190}***")):  # where a long one is cut
        stage.emulator.clear_faults()
        session = stage.session()
        say(stage, "properties", word)
        wait = session.wait_until_ready_async()
        assert wait.wait(LIMIT)
        assert f'"{quoted}"' in wait.context.error_message


@pytest.mark.parametrize("end", ["Error", "Stopped", "Expired"])
def test_a_session_that_ends_is_a_value_and_no_failure(stage: Stage, end: str) -> None:
    session = stage.session()
    if end == "Error":
        stage.emulator.fail_session(session.session_uuid, "no machine left")
    elif end == "Stopped":
        session.stop_rendering_session_async().get(LIMIT)
    else:
        stage.clock.advance(30 + 3600 + 1)
    properties = session.wait_until_ready_async().get(LIMIT)
    assert str(properties.status) == end
    if end == "Error":
        assert properties.message == "no machine left"


def test_the_deadline_ends_it_as_timeout_and_latest_has_the_value(stage: Stage) -> None:
    session = stage.session()
    wait = session.wait_until_ready_async(deadline=20)
    stage.clock.pauses.get(timeout=LIMIT)
    stage.clock.advance(19)  # one more poll on the way
    assert not wait.is_completed
    stage.clock.advance(1)
    assert wait.status == ARRResult.Timeout
    assert wait.wait(LIMIT)
    assert wait.latest is not None and wait.latest.status == Starting
    assert wait.context.error_message.startswith("WaitUntilReadyAsync: Timeout: the deadline ")
    with pytest.raises(RRSessionException):
        wait.get(LIMIT)


def test_the_timeout_names_what_went_wrong_last(stage: Stage) -> None:
    stage.emulator.add_fault("GET", "properties", status=500)
    session = stage.session()
    wait = session.wait_until_ready_async(deadline=15)
    stage.clock.pauses.get(timeout=LIMIT)
    stage.clock.advance(15)
    assert wait.wait(LIMIT)
    assert "HTTP 500" in wait.context.error_message
    assert wait.latest is None


def test_the_timeout_of_a_wait_whose_poll_hangs(stage: Stage) -> None:
    session = stage.session()
    with stage.emulator.hold("GET", "properties") as held:
        wait = session.wait_until_ready_async(deadline=15)
        held.wait_arrived(LIMIT)
        stage.clock.advance(15)
        assert wait.wait(LIMIT)
    assert wait.status == ARRResult.Timeout
    assert "no poll was answered in time" in wait.context.error_message


def test_progress_is_the_portion_of_the_deadline(stage: Stage) -> None:
    stage.clock.advance(40)
    wait = stage.session().wait_until_ready_async(deadline=100)
    portions: List[float] = []
    wait.progress_changed += lambda polled: portions.append(polled.progress)
    first = stage.clock.next_poll()
    stage.clock.pauses.get(timeout=LIMIT)
    assert portions[-1] == pytest.approx(first / 100)
    stage.clock.advance(100)
    assert wait.wait(LIMIT)


def test_progress_does_not_pass_the_end_where_the_timer_of_the_deadline_is_late(
        stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    call_at = stage.clock.call_at

    def late(when: float, action: Any) -> Any:
        return call_at(when + 1000 * (getattr(action, "__name__", "") == "_too_late"), action)

    monkeypatch.setattr(stage.clock, "call_at", late)
    session = stage.session()
    wait = session.wait_until_ready_async(deadline=5)
    stage.clock.next_poll()
    stage.clock.pauses.get(timeout=LIMIT)
    assert wait.progress == 1.0 and not wait.is_completed
    session.dispose()


def test_progress_stays_zero_without_a_deadline(stage: Stage) -> None:
    wait = stage.session().wait_until_ready_async()
    stage.clock.next_poll()
    stage.clock.pauses.get(timeout=LIMIT)
    assert wait.progress == 0.0
    stage.clock.advance(30)
    assert wait.wait(LIMIT) and wait.progress == 1.0


def test_disposing_the_session_cancels_its_waits_only(stage: Stage) -> None:
    first, second = stage.session(), stage.session()
    cancelled, other = first.wait_until_ready_async(), second.wait_until_ready_async()
    first.dispose()
    assert cancelled.wait(LIMIT)
    assert cancelled.status == ARRResult.Cancelled
    assert not other.is_completed
    stage.frontend.dispose()  # a session lives on without its frontend
    assert not other.is_completed
    second.dispose()
    assert other.wait(LIMIT) and other.status == ARRResult.Cancelled


def test_disposing_the_frontend_cancels_waits_for_ingestions(stage: Stage) -> None:
    params = IngestAssetParams("a.glb", "file:///in", "file:///out")
    asset_id = stage.frontend.start_asset_ingestion_async(params).get(LIMIT)
    wait = stage.frontend.wait_for_ingestion_async(asset_id)
    stage.frontend.dispose()
    assert wait.wait(LIMIT) and wait.status == ARRResult.Cancelled


@pytest.mark.parametrize("deadline", [100.0, None])
def test_a_wait_that_begins_while_its_owner_is_disposed_is_cancelled(
        stage: Stage, deadline: Optional[float]) -> None:
    session = stage.session()
    core = session._core
    assert core is not None
    session.dispose()  # between the look at the core and the registration of the wait
    wait: Wait[Any] = begin_wait(
        core, session, GET_RENDERING_SESSION_PROPERTIES, session.session_uuid,
        lambda properties: True, deadline, 10.0, None)
    assert wait.wait(LIMIT) and wait.status == ARRResult.Cancelled
    assert not core.waits and not stage.clock.wait_timers(1, timeout=0)
    assert stage.requests("GET", "properties") == []


# -- trouble on the way ----------------------------------------------------------------------------

def test_the_third_failed_poll_in_a_row_ends_it_with_its_own_result(stage: Stage) -> None:
    session = stage.session()
    fault = stage.emulator.add_fault("GET", "properties", status=500, times=2)
    wait = session.wait_until_ready_async()
    stage.clock.next_poll()
    stage.clock.next_poll()  # the third poll succeeds, so the count starts anew
    stage.clock.pauses.get(timeout=LIMIT)
    assert fault.fired == 2 and session.status == Starting
    stage.emulator.add_fault("GET", "properties", status=404)
    stage.clock.advance(11)
    stage.clock.next_poll()
    assert not wait.is_completed
    stage.clock.next_poll()
    assert wait.wait(LIMIT)
    assert wait.status == ARRResult.SessionNotFound
    assert wait.context.http_response_code == 404


def test_a_poll_that_never_can_succeed_ends_it_at_once(stage: Stage) -> None:
    from arr import AzureFrontend
    from arr.testing import ManualExecutor

    executor = ManualExecutor()
    with AzureFrontend(stage.account(), executor=executor, clock=stage.clock) as frontend:
        executor.shutdown()
        wait = frontend.open_rendering_session("some-id").wait_until_ready_async()
        assert wait.wait(LIMIT)
    assert wait.status == ARRResult.Cancelled


def test_throttling_is_no_failure_and_retry_after_is_respected(stage: Stage) -> None:
    session = stage.session()
    stage.emulator.add_fault("GET", "properties", status=429, retry_after=45, times=5)
    wait = session.wait_until_ready_async()
    reported = Recorder()
    wait.progress_changed += reported
    pauses = [stage.clock.next_poll() for _ in range(5)]
    assert all(is_pause_of(45, pause) for pause in pauses)
    assert wait.get(LIMIT).status == Ready


def test_without_retry_after_throttled_polls_become_rarer(stage: Stage, jitter: float) -> None:
    session = stage.session()
    stage.emulator.add_fault("GET", "properties", status=429, times=4)
    wait = session.wait_until_ready_async()
    pauses = [stage.clock.next_poll() for _ in range(4)]
    assert pauses == pytest.approx([each * jitter for each in (20, 40, 60, 60)])
    assert wait.get(LIMIT).status == Ready


@pytest.mark.parametrize("retry_after", [None, 20, 45])
def test_jitter_only_ever_adds_up_to_a_tenth(stage: Stage, jitter: float, retry_after: Any) -> None:
    session = stage.session()
    if retry_after:
        stage.emulator.add_fault("GET", "properties", status=429, retry_after=retry_after, times=3)
    session.wait_until_ready_async()
    for _ in range(3):
        pause = stage.clock.next_poll()
        assert pause == pytest.approx((retry_after or 10) * jitter)
        assert is_pause_of(retry_after or 10, pause)
    session.dispose()


@pytest.mark.parametrize("interval, pause", [(None, 10), (0.25, 0.25), (90, 90)])
def test_the_pause_is_the_interval(
        stage: Stage, monkeypatch: pytest.MonkeyPatch, interval: Any, pause: float) -> None:
    real = os.urandom
    monkeypatch.setattr("os.urandom", lambda count: b"\x00" if count == 1 else real(count))
    options = {} if interval is None else {"interval": interval}
    say(stage, "models/*/status", "Running")
    session = stage.session()
    for wait in (session.wait_until_ready_async(**options),
                 stage.frontend.wait_for_ingestion_async("an-id", **options)):
        assert stage.clock.pauses.get(timeout=LIMIT) == pytest.approx(pause)
    session.dispose()


# -- the redundancy rule ---------------------------------------------------------------------------

def test_a_poll_never_makes_a_users_call_already_exists(stage: Stage) -> None:
    session = stage.session()
    with stage.emulator.hold("GET", "properties") as held:
        wait = session.wait_until_ready_async()
        assert held.wait_arrived(LIMIT)  # the poll is in flight
        mine = session.get_rendering_session_properties_async()
        assert mine.get(LIMIT).status == Starting
    stage.clock.pauses.get(timeout=LIMIT)
    session.dispose()
    assert wait.wait(LIMIT)


def test_a_users_call_never_makes_a_poll_already_exists(stage: Stage) -> None:
    session = stage.session()
    with stage.emulator.hold("GET", "properties") as held:
        mine = session.get_rendering_session_properties_async()
        assert held.wait_arrived(LIMIT)
        waits = [session.wait_until_ready_async() for _ in range(3)]
        for _ in waits:
            stage.clock.pauses.get(timeout=LIMIT)  # each has had its answer
        assert all(wait.latest is not None for wait in waits)
    assert mine.get(LIMIT).status == Starting
    stage.clock.advance(30)
    assert all(wait.get(LIMIT).status == Ready for wait in waits)


# -- how it is called ------------------------------------------------------------------------------

def test_the_cpp_shape_gets_context_and_value(stage: Stage) -> None:
    called = Recorder()
    session = stage.session()
    stage.clock.advance(30)
    session.WaitUntilReadyAsync(callback=called).wait(LIMIT)
    (context, properties), thread = called.next()
    assert context.result == ARRResult.Success and properties.status == Ready
    assert thread.startswith("arr-worker-")


@pytest.mark.parametrize("options", [
    {"interval": 0}, {"interval": -1}, {"interval": float("nan")}, {"interval": float("inf")},
    {"interval": 1_000_000_001}, {"deadline": 0}, {"deadline": -0.5}, {"deadline": 1_000_000_001}])
def test_a_bad_number_of_seconds_is_an_invalid_param(stage: Stage, options: Any) -> None:
    before = len(stage.emulator.requests())
    wait = stage.frontend.open_rendering_session("x").wait_until_ready_async(**options)
    assert wait.wait(LIMIT) and wait.status == ARRResult.InvalidParam
    assert next(iter(options)) in wait.context.error_message
    assert len(stage.emulator.requests()) == before


@pytest.mark.parametrize("seconds", [1e-6, 1, 1_000_000_000])
def test_any_other_number_of_seconds_is_taken(stage: Stage, seconds: float) -> None:
    session = stage.session()
    wait = session.wait_until_ready_async(deadline=seconds, interval=seconds)
    assert wait.status == ARRResult.InProgress
    session.dispose()


@pytest.mark.parametrize("options", [
    {"interval": "10"}, {"interval": None}, {"interval": True}, {"deadline": "soon"},
    {"callback": 7}])
def test_a_wrong_type_is_a_type_error_at_the_call(stage: Stage, options: Any) -> None:
    session = stage.frontend.open_rendering_session("x")
    with pytest.raises(TypeError):
        session.wait_until_ready_async(**options)
    core = session._core
    assert core is not None and not core.waits


def test_on_disposed_objects_it_is_already_deinitialized(stage: Stage) -> None:
    session = stage.session()
    session.dispose()
    stage.frontend.dispose()
    for wait in (session.wait_until_ready_async(), stage.frontend.wait_for_ingestion_async("a")):
        assert wait.wait(LIMIT) and wait.status == ARRResult.AlreadyDeinitialized


def test_a_bad_asset_id_is_an_invalid_param(stage: Stage) -> None:
    wait = stage.frontend.wait_for_ingestion_async("..")
    assert wait.wait(LIMIT) and wait.status == ARRResult.InvalidParam


def test_the_progress_event_cannot_be_replaced(stage: Stage) -> None:
    session = stage.session()
    wait = session.wait_until_ready_async()
    with pytest.raises(TypeError):
        wait.progress_changed = lambda polled: None  # type: ignore[assignment]
    handler = Recorder()
    wait.ProgressChanged += handler
    wait.ProgressChanged -= handler
    stage.clock.next_poll()
    stage.clock.pauses.get(timeout=LIMIT)
    with pytest.raises(RRException):
        wait.result  # still pending
    session.dispose()
    assert wait.wait(LIMIT)
    assert handler.count <= 1  # the first poll may have been before the -=
