"""Parameters: leases, types and values; and the enums of replies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from arr import (
    ARRIngestionSessionStatus, ARRRenderingSessionStatus, ARRRenderingSessionVmSize, ARRResult,
    CreateRenderingSessionParams, IngestAssetParams, RRRenderingSessionProperties,
    UpdateRenderingSessionParams,
)
from arr._models import ingestion_status_from_wire

from ..support.rig import MODEL_URL, PROPERTIES, Rig, good

SMALL = ARRRenderingSessionVmSize.Small
UINT32 = 2 ** 32 - 1


@pytest.mark.parametrize("hours, minutes, text", [
    (4, 0, "4:00:00"), (0, 90, "1:30:00"), (26, 0, "1.2:00:00"), (0, 1, "0:01:00"),
    (23, 59, "23:59:00"), (24, 0, "1.0:00:00"), (0, 1440, "1.0:00:00"), (1, 30, "1:30:00"),
    (1, 60, "2:00:00"), (240, 5, "10.0:05:00"), (UINT32, 0, "178956970.15:00:00"),
    (0, UINT32, "2982616.4:15:00"), (UINT32, UINT32, "181939586.19:15:00")])
def test_a_lease_is_whole_hours_and_minutes_carried(hours: int, minutes: int, text: str) -> None:
    assert UpdateRenderingSessionParams(hours, minutes).to_wire() == {"maxLeaseTime": text}
    wire = CreateRenderingSessionParams(SMALL, hours, minutes).to_wire()
    assert wire == {"maxLeaseTime": text, "models": [], "size": "small"}


def calls(rig: Rig, hours: Any, minutes: Any) -> Any:
    yield lambda: rig.frontend.create_rendering_session_async(
        CreateRenderingSessionParams(SMALL, hours, minutes))
    yield lambda: rig.session.update_rendering_session_async(
        UpdateRenderingSessionParams(hours, minutes))


@pytest.mark.parametrize("hours, minutes", [
    (0, 0), (-1, 0), (0, -1), (-1, 120), (UINT32 + 1, 0), (1, UINT32 + 1), (10 ** 30, 0)])
def test_a_lease_out_of_range_is_invalid_param_and_no_request(hours: int, minutes: int) -> None:
    with Rig(good) as rig:
        for call in calls(rig, hours, minutes):
            operation = call()
            assert operation.status == ARRResult.InvalidParam
            assert "lease" in operation.context.error_message
        assert rig.executor.pending == 0


@pytest.mark.parametrize("hours, minutes", [
    (True, 0), (0, True), (1.0, 0), (0, 1.5), ("1", 0), (None, 0), (1, None),
    (timedelta(hours=1), 0)])
def test_a_lease_of_the_wrong_type_is_a_type_error_at_the_call(hours: Any, minutes: Any) -> None:
    with Rig(good) as rig:
        for call in calls(rig, hours, minutes):
            with pytest.raises(TypeError, match="max_lease_time_"):
                call()
        assert rig.executor.pending == 0
        assert not rig.session.update_rendering_session_async(
            UpdateRenderingSessionParams(1)).is_completed, "the slot is free"
        rig.run_pending()


def test_the_size_must_be_chosen() -> None:
    with Rig(good) as rig:
        create = rig.frontend.create_rendering_session_async
        assert create(CreateRenderingSessionParams(
            ARRRenderingSessionVmSize.None_, 1)).status == ARRResult.InvalidParam
        with pytest.raises(TypeError, match="vm_size"):
            create(CreateRenderingSessionParams("small", 1))  # type: ignore[arg-type]
    assert [size.value for size in ARRRenderingSessionVmSize] == [
        "", "small", "big", "standard", "premium"]


@pytest.mark.parametrize("field", ["model_name", "model_url", "asset_container_url"])
def test_ingestion_parameters_are_checked(field: str) -> None:
    with Rig(good) as rig:
        start = rig.frontend.start_asset_ingestion_async
        for value in ("", "  ", "a\nb", "\ud800"):
            params = IngestAssetParams("box.glb", MODEL_URL, MODEL_URL)
            setattr(params, field, value)
            assert start(params).status == ARRResult.InvalidParam
        for wrong in (None, 5, b"x"):
            setattr(params, field, wrong)
            with pytest.raises(TypeError, match=field):
                start(params)
        if field != "model_name":
            for value in ("container", "?sv=1", "://x", "https://", "https:///", "a b://x"):
                setattr(params, field, value)
                assert start(params).status == ARRResult.InvalidParam
        assert rig.executor.pending == 0


def test_wrong_parameter_objects_are_type_errors() -> None:
    with Rig(good) as rig:
        frontend: Any = rig.frontend
        session: Any = rig.session
        update = UpdateRenderingSessionParams(1)
        wrong: Any = (lambda: frontend.start_asset_ingestion_async(update),
                      lambda: frontend.create_rendering_session_async(update),
                      lambda: frontend.get_ingestion_status_async(5),
                      lambda: frontend.get_rendering_session_properties_async(None),
                      lambda: session.update_rendering_session_async(5),
                      lambda: session.update_rendering_session_async(
                          CreateRenderingSessionParams(SMALL, 1)),
                      lambda: session.stop_rendering_session_async("callback"))
        for call in wrong:
            with pytest.raises(TypeError):
                call()
        assert rig.executor.pending == 0


@pytest.mark.parametrize("word, status", [
    ("starting", "Starting"), ("READY", "Ready"), ("Stopping", "Stopped"), ("stopped", "Stopped"),
    ("expired", "Expired"), ("error", "Error"), ("unknown", "Unknown"), ("hibernating", "Unknown"),
    ("", "Unknown"), (None, "Unknown")])
def test_session_states_are_read_in_any_case(word: Any, status: str) -> None:
    found = RRRenderingSessionProperties.from_wire({**PROPERTIES, "sessionStatus": word})
    assert found.status is ARRRenderingSessionStatus[status]


@pytest.mark.parametrize("word, status", [
    ("running", "Running"), ("Success", "Success"), ("FAILURE", "Failure"),
    ("created", "Created"), ("aborted", "Aborted"), ("Done", "Unknown")])
def test_ingestion_states_are_read_in_any_case(word: str, status: str) -> None:
    assert ingestion_status_from_wire({"status": word}) is ARRIngestionSessionStatus[status]


@pytest.mark.parametrize("size", ["Small", "BIG", "standard", "Premium"])
def test_sizes_are_read_in_any_case_and_their_text_is_kept(size: str) -> None:
    found = RRRenderingSessionProperties.from_wire({**PROPERTIES, "sessionSize": size})
    assert (found.size.value, found.size_string) == (size.lower(), size)


def test_missing_null_and_zero_ports_are_alike() -> None:
    for ports in (None, {}, {"arrInspectorPort": None, "handshakePort": 0}):
        found = RRRenderingSessionProperties.from_wire({**PROPERTIES,
                                                        "connectionProperties": ports})
        assert (found.arr_inspector_port, found.handshake_port) == (0, 0)


def test_properties_cannot_be_changed_and_compare_by_value() -> None:
    one, two = (RRRenderingSessionProperties.from_wire(PROPERTIES) for _ in range(2))
    assert one == two and hash(one) == hash(two) and one != RRRenderingSessionProperties()
    with pytest.raises(AttributeError):
        one.hostname = "x"
