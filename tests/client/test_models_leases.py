"""Parameters: leases, types and values; and the enums of replies."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Dict, List, Tuple

import pytest

from arr import (
    ARRIngestionSessionStatus, ARRRenderingSessionStatus, ARRRenderingSessionVmSize, ARRResult,
    AzureFrontendAccountInfo, CreateRenderingSessionParams, IngestAssetParams,
    RRRenderingSessionProperties, SessionLocation, UpdateRenderingSessionParams,
)
from arr._fields import Alias
from arr._results import CallFailed
from arr._models import id_from_wire, ingestion_status_from_wire, sessions_from_wire
from arr._params import checked_id

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


# -- initializers of C# ----------------------------------------------------------------------------

# Each class with a value for each field, in the order of the positional arguments.
INITIALIZERS: Dict[Any, Dict[str, Any]] = {
    IngestAssetParams: {"ModelName": "a", "ModelUrl": "b", "AssetContainerUrl": "c"},
    CreateRenderingSessionParams: {"VmSize": SMALL, "MaxLeaseTimeHours": 2,
                                   "MaxLeaseTimeMinutes": 30},
    UpdateRenderingSessionParams: {"MaxLeaseTimeHours": 2, "MaxLeaseTimeMinutes": 30},
    AzureFrontendAccountInfo: {
        "AccountDomain": "d", "AccountId": "i", "AccountKey": "k", "AuthenticationToken": "t",
        "AccessToken": "a", "Location": SessionLocation.ppe},
}


def field_of(kind: Any, name: str) -> str:
    alias = vars(kind).get(name) or getattr(kind, name)
    assert isinstance(alias, Alias)
    return alias.field


@pytest.mark.parametrize("kind", INITIALIZERS)
def test_all_ways_to_fill_an_object_give_the_same(kind: Any) -> None:
    values = INITIALIZERS[kind]
    ours = {field_of(kind, name): value for name, value in values.items()}
    assert list(ours) == list(kind.__slots__)
    one_by_one = kind()
    for name, value in values.items():
        setattr(one_by_one, name, value)
    first, *rest = values.items()
    mixed = kind(first[1], **dict(rest))
    assert kind(*ours.values()) == kind(**ours) == kind(**values) == one_by_one == mixed


@pytest.mark.parametrize("kind", INITIALIZERS)
def test_a_field_given_twice_is_a_type_error_that_names_both(kind: Any) -> None:
    for name, value in INITIALIZERS[kind].items():
        field = field_of(kind, name)
        with pytest.raises(TypeError, match=f"{field} and {name} are two names"):
            kind(**{field: value, name: value})
    first = next(iter(INITIALIZERS[kind]))
    with pytest.raises(TypeError, match=first):
        kind("", **{first: ""})  # positionally, and empty


@pytest.mark.parametrize("kind", INITIALIZERS)
def test_camel_case_and_misspelt_arguments_name_the_right_spelling(kind: Any) -> None:
    for name, value in INITIALIZERS[kind].items():
        field = field_of(kind, name)
        for wrong in (name[0].lower() + name[1:], name + "s", name[:2] + name[3:], name.upper(),
                      field + "_"):
            if wrong in (field, name):  # camelCase of a single word, as location
                continue
            with pytest.raises(TypeError) as refused:
                kind(**{wrong: value})
            assert str(refused.value) == (
                f"{kind.__name__} has no argument {wrong}; write {field} or {name}")
    with pytest.raises(TypeError) as refused:
        kind(zzz=1)
    assert all(field in str(refused.value) for field in kind.__slots__)


def test_the_sdk_spelling_is_by_keyword_only() -> None:
    kind: Any = UpdateRenderingSessionParams
    with pytest.raises(TypeError, match="positional"):
        kind(1, 2, 3)


def test_a_secret_is_in_no_message_about_arguments() -> None:
    for wrong in ({"AccountKey": "secret", "account_key": "secret"}, {"acountKey": "secret"}):
        with pytest.raises(TypeError) as refused:
            AzureFrontendAccountInfo(**wrong)  # type: ignore[arg-type]
        assert "secret" not in str(refused.value)


@pytest.mark.parametrize("kind, missing", [
    (kind, name) for kind, values in INITIALIZERS.items() for name in values
    if kind is not AzureFrontendAccountInfo and name != "MaxLeaseTimeMinutes"])
def test_a_required_field_left_empty_is_invalid_param_at_the_call(kind: Any, missing: str) -> None:
    filled = {**INITIALIZERS[kind], "ModelUrl": MODEL_URL, "AssetContainerUrl": MODEL_URL,
              "MaxLeaseTimeMinutes": 0}
    params = kind(**{name: filled[name] for name in INITIALIZERS[kind] if name != missing})
    with Rig(good) as rig:
        begin: Any = {IngestAssetParams: rig.frontend.StartAssetIngestionAsync,
                      CreateRenderingSessionParams: rig.frontend.CreateRenderingSessionAsync,
                      UpdateRenderingSessionParams: rig.session.UpdateRenderingSessionAsync}[kind]
        for each in (params, kind()):
            operation = begin(each)
            assert operation.status == ARRResult.InvalidParam and rig.executor.pending == 0
        setattr(params, missing, filled[missing])
        assert not begin(params).is_completed


# -- replies ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("word, status", [
    ("starting", "Starting"), ("READY", "Ready"), ("Stopping", "Stopped"), ("stopped", "Stopped"),
    ("expired", "Expired"), ("error", "Error"), ("unknown", "Unknown"), ("hibernating", "Unknown"),
    ("", "Unknown"), (None, "Unknown")])
def test_session_states_are_read_in_any_case(word: Any, status: str) -> None:
    found = RRRenderingSessionProperties.from_wire({**PROPERTIES, "sessionStatus": word})
    assert found.status is ARRRenderingSessionStatus[status]


@pytest.mark.parametrize("word, status", [
    ("running", "Running"), ("Success", "Success"), ("FAILURE", "Failure"),
    ("created", "Created"), ("aborted", "Aborted"), ("Done", "Unknown"), ("", "Unknown"),
    ("NotStarted", "Created"), ("Succeeded", "Success"), ("Failed", "Failure"),
    ("Cancelled", "Aborted"), ("canceled", "Aborted"), ("Unknown", "Unknown"),
    ("Starting", "Unknown")])
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


@pytest.mark.parametrize("name", ["arrInspectorPort", "handshakePort"])
@pytest.mark.parametrize("port", ["8080", 1.5, True, False, -1, 65_536, []])
def test_a_port_that_is_none_is_a_protocol_error(name: str, port: object) -> None:
    with pytest.raises(CallFailed, match=f"{name} is not a port") as caught:
        RRRenderingSessionProperties.from_wire({**PROPERTIES, "connectionProperties": {name: port}})
    assert caught.value.result == ARRResult.ProtocolError
    found = RRRenderingSessionProperties.from_wire(
        {**PROPERTIES, "connectionProperties": {name: 65_535}})
    assert found.arr_inspector_port + found.handshake_port == 65_535


PROPERTIES_OF, STATUS_OF = RRRenderingSessionProperties.from_wire, ingestion_status_from_wire
WRONG: List[Tuple[str, object]] = [
    ("connectionProperties", []), ("sessionStatus", 5), ("message", "half \ud83d"),
    ("sessionId", None), ("sessionId", ""), ("sessionId", "."), ("sessionId", ".."),
    ("sessionId", "a\x07"), ("sessionElapsedTime", "1:2"), ("sessionElapsedTime", "soon"),
    ("sessionMaxLeaseTime", "00:00:00.12345678"), ("sessionMaxLeaseTime", 5)]


@pytest.mark.parametrize("decode, body", [
    (PROPERTIES_OF, []), (PROPERTIES_OF, "text"), (PROPERTIES_OF, None),
    *[(PROPERTIES_OF, {**PROPERTIES, name: value}) for name, value in WRONG],
    (sessions_from_wire, []), (sessions_from_wire, {}), (sessions_from_wire, {"sessions": {}}),
    (sessions_from_wire, {"sessions": [5]}),
    (STATUS_OF, []), (STATUS_OF, {}), (STATUS_OF, {"status": None}), (STATUS_OF, {"status": 5}),
    (id_from_wire("modelId"), {"sessionId": "a"}), (id_from_wire("modelId"), "a")])
def test_a_reply_of_another_shape_is_a_protocol_error(decode: Any, body: object) -> None:
    with pytest.raises(CallFailed) as caught:
        decode(body)
    assert caught.value.result == ARRResult.ProtocolError


def test_a_reply_may_hold_letters_of_any_alphabet() -> None:
    assert PROPERTIES_OF({**PROPERTIES, "message": "f\u00fcr"}).message == "f\u00fcr"
    assert id_from_wire("modelId")({"modelId": "\u00fc"}) == "\u00fc"


@pytest.mark.parametrize("text, span", [
    (None, timedelta(0)), ("", timedelta(0)), ("01:02:03", timedelta(0, 3723)),
    ("2.03:04:05", timedelta(2, 11045)), ("00:00:01.5", timedelta(0, 1, 500_000)),
    ("00:00:00.1234567", timedelta(0, 0, 123_456)), ("00:00:00.000001", timedelta(0, 0, 1))])
def test_a_time_span_is_read_to_the_microsecond(text: Any, span: timedelta) -> None:
    found = PROPERTIES_OF({**PROPERTIES, "sessionElapsedTime": text, "sessionMaxLeaseTime": text})
    assert found.elapsed_time == found.max_lease == span


@pytest.mark.parametrize("text", ["a\x00b", "a\x1fb", "a\x7fb", "a\x80b", "a\x9fb", "a\ud83d"])
def test_control_characters_and_halves_are_in_no_id(text: str) -> None:
    with pytest.raises(CallFailed) as caught:
        checked_id("session_id", text)
    assert caught.value.result == ARRResult.InvalidParam


@pytest.mark.parametrize("text", ["a b", "a~b", "a\xa0b", "a\u2028b", "\u00fc", "..."])
def test_other_characters_may_be_in_an_id(text: str) -> None:
    assert checked_id("session_id", f" {text} ") == text


def test_parameters_show_their_values_but_no_signature() -> None:
    assert repr(UpdateRenderingSessionParams(1)) == (
        "UpdateRenderingSessionParams(max_lease_time_hours=1, max_lease_time_minutes=0)")
    model: Any = IngestAssetParams(5, "file:///in", "https://host/out?sig=secret")  # type: ignore
    assert repr(model) == ("IngestAssetParams(model_name=5, model_url='file:///in', "
                           "asset_container_url='https://host/out?***')")


def test_properties_are_empty_at_first() -> None:
    found = RRRenderingSessionProperties()
    assert [getattr(found, name) for name in found.__slots__] == [
        "", ARRRenderingSessionStatus.Unknown, ARRRenderingSessionVmSize.None_, "", "", "",
        timedelta(0), timedelta(0), 0, 0]


def test_properties_cannot_be_changed_and_compare_by_value() -> None:
    one, two = (RRRenderingSessionProperties.from_wire(PROPERTIES) for _ in range(2))
    assert one == two and hash(one) == hash(two) and one != RRRenderingSessionProperties()
    with pytest.raises(AttributeError):
        one.hostname = "x"
    with pytest.raises(AttributeError):
        del one.hostname


def test_an_object_equals_no_object_of_another_kind() -> None:
    update, create = UpdateRenderingSessionParams(1), CreateRenderingSessionParams()
    assert (update == create) is False and (update == 1) is False
    assert (update != create) is True and update == UpdateRenderingSessionParams(1, 0)


def test_blanks_at_the_ends_are_part_of_a_model_name_but_not_of_a_url() -> None:
    params = IngestAssetParams(" m.gltf ", " file:///in ", "file:///out\n")
    assert params.to_wire() == {"modelName": " m.gltf ", "modelUrl": "file:///in",
                                "assetContainerUrl": "file:///out"}
