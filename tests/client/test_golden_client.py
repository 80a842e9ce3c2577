"""The client's side of the golden table: it sends each row's request and reads each row's reply."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Callable, Dict, List

import pytest

from arr import (
    ARRIngestionSessionStatus, ARRRenderingSessionStatus, ARRRenderingSessionVmSize, ARRResult,
    AzureFrontendAccountInfo, CreateRenderingSessionParams, IngestAssetParams, SessionLocation,
    UpdateRenderingSessionParams,
)

from ..support import golden
from ..support.fault_server import Request, Wire
from ..support.golden import SAMPLE, fill
from ..support.rig import Case, Rig

MODEL: Any = next(row.body for row in golden.ROWS if row.name == "ingest")

MAKE: Dict[str, Callable[..., Any]] = {
    "token": lambda frontend, session: frontend.get_current_rendering_sessions_async(),
    "start_asset_ingestion": lambda frontend, session: frontend.start_asset_ingestion_async(
        IngestAssetParams(MODEL["modelName"], MODEL["modelUrl"], MODEL["assetContainerUrl"])),
    "get_ingestion_status": lambda frontend, session: frontend.get_ingestion_status_async(
        SAMPLE["M"]),
    "create_rendering_session": lambda frontend, session: frontend.create_rendering_session_async(
        CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 4)),
    "get_rendering_session_properties": lambda frontend, session:
        session.get_rendering_session_properties_async(),
    "get_current_rendering_sessions": lambda frontend, session:
        frontend.get_current_rendering_sessions_async(),
    "update_rendering_session": lambda frontend, session: session.update_rendering_session_async(
        UpdateRenderingSessionParams(5)),
    "stop_rendering_session": lambda frontend, session: session.stop_rendering_session_async(),
}


def sent_by(row: golden.Row) -> bytes:
    """Return the row's reply as bytes."""
    body = b"" if row.reply_body is None else json.dumps(
        fill(row.reply_body), separators=(",", ":")).encode()
    headers = fill(row.reply_headers)
    if row.status != 204:
        headers["Content-Length"] = str(len(body))  # the table's, where it has one
        assert row.reply_headers.get("Content-Length", str(len(body))) == str(len(body))
    lines = [f"HTTP/1.1 {row.status} X", *[f"{name}: {value}" for name, value in headers.items()]]
    return "\r\n".join([*lines, "", ""]).encode() + body


TOKEN_ROW = next(row for row in golden.ROWS if row.call == "token" and row.client)


class GoldenRig(Rig):
    def __init__(self, row: golden.Row) -> None:
        def account(url: str) -> AzureFrontendAccountInfo:
            return AzureFrontendAccountInfo(url, SAMPLE["A"], SAMPLE["KEY"],
                                            location=SessionLocation.ignore)

        def answer(wire: Wire, request: Request) -> None:
            wire.send(sent_by(row if row.call != "token" else next(
                each for each in golden.ROWS if each.name == "list, empty")))

        def token(wire: Wire, request: Request) -> None:
            wire.send(sent_by(TOKEN_ROW))

        super().__init__(answer, token=token, account=account)
        self.session = self.frontend.open_rendering_session(SAMPLE["S"])


CLIENT_ROWS = [row for row in golden.ROWS if row.client]


@pytest.mark.parametrize("row", CLIENT_ROWS, ids=lambda row: row.name)
def test_the_client_sends_exactly_the_documented_request(row: golden.Row) -> None:
    with GoldenRig(row) as rig:
        context = rig.run(Case(row.call, row.method, MAKE[row.call], row.body))
        assert context.result == ARRResult.Success
        request = (rig.server.token_requests if row.call == "token" else rig.server.requests)[0]
        assert request.method == row.method
        assert request.path == fill(row.path)
        for name, value in row.headers.items():
            assert request.headers[name.lower()] == fill(value)
        if row.body is None:
            assert request.body == b"" and "content-type" not in request.headers
        else:
            assert json.loads(request.body) == fill(row.body)
        vector = "X-MRC-CV" if row.call == "token" else "MS-CV"
        assert request.headers[vector.lower()]
        if row.call != "token":
            assert context.http_response_code == row.status
            assert context.response_correlation_vector == row.reply_headers["MS-CV"]


@pytest.mark.parametrize("row", golden.ROWS, ids=lambda row: row.name)
def test_the_client_reads_the_documented_reply(row: golden.Row) -> None:
    if row.status == 401:
        return  # the refusal of a key: see test_tokens_exchange
    with GoldenRig(row) as rig:
        operation = rig.begin(Case(row.call, row.method, MAKE[row.call], None))
        rig.settle(operation)
        value, body = operation.result, fill(row.reply_body)
        if row.call == "start_asset_ingestion":
            assert value == body["modelId"] == SAMPLE["M"]
        elif row.call == "get_ingestion_status":
            assert value is ARRIngestionSessionStatus[body["status"]]
        elif row.call == "create_rendering_session":
            assert value.session_uuid == body["sessionId"] == SAMPLE["S"]
        elif row.call == "get_rendering_session_properties":
            check_properties(value, body)
        elif row.call == "get_current_rendering_sessions":
            assert len(value) == len(body["sessions"])
            for properties, session in zip(value, body["sessions"]):
                check_properties(properties, session)
        elif row.call == "token":
            assert rig.server.requests[0].headers["authorization"] == "Bearer " + SAMPLE["TOKEN"]
        else:
            assert value is ARRResult.Success


def check_properties(found: Any, body: Dict[str, Any]) -> None:
    assert found.id == body["sessionId"]
    assert found.status is ARRRenderingSessionStatus[body["sessionStatus"]]
    assert found.size is ARRRenderingSessionVmSize.Small and found.size_string == "small"
    assert found.hostname == (body["sessionHostname"] or "")
    assert found.message == (body["message"] or "") == ""
    hours, minutes, seconds = map(int, body["sessionElapsedTime"].split(":"))
    assert found.elapsed_time == timedelta(hours=hours, minutes=minutes, seconds=seconds)
    assert found.max_lease == timedelta(hours=4)
    assert found.arr_inspector_port == body["connectionProperties"]["arrInspectorPort"]
    assert found.handshake_port == body["connectionProperties"]["handshakePort"]


def test_every_call_of_the_client_has_a_row() -> None:
    calls: List[str] = sorted({row.call for row in CLIENT_ROWS})
    assert calls == sorted(MAKE)
