"""Every row of the golden table, replayed against the emulator with a plain HTTP client."""

from __future__ import annotations

import json
import re
from threading import Event
from typing import Any

import pytest

from arr.emulator import Emulator
from arr.emulator._web.routes import ROUTES, SERVICE, STS

from ...support import golden, golden_later
from ...support.emulator import LIMIT, Client, Client2021, Clock, good_ingest
from ...support.threads import until


def bad_ingest(*_: Any, **__: Any) -> Any:
    raise ValueError("the model cannot be read")


def prepare(given: str, emulator: Emulator, clock: Clock, client: Client) -> dict[str, str]:
    """Bring about what a row needs and return the values of its placeholders."""
    values = {"A": emulator.account_id, "KEY": emulator.account_key, "TOKEN": client.token,
              "S": "", "M": "", "C": ""}
    if given in ("starting", "ready", "stopped"):
        values["S"] = client.create()
        if given != "starting":
            clock.advance(3 + 161)
        if given == "stopped":
            assert client.call("DELETE", "/sessions/" + values["S"]).status == 204
    elif given in ("running", "succeeded", "failed"):
        answer = client.call("POST", "/models/create", {
            "modelName": "m", "modelUrl": "file:///in", "assetContainerUrl": "file:///out"})
        values["M"] = answer.json()["modelId"]
        if given != "running":
            assert emulator.wait_ingestions(LIMIT)
            clock.advance(1)
    elif given != "account":
        prepare_later(given, emulator, clock, client, values)
    return values


def prepare_later(given: str, emulator: Emulator, clock: Clock, client: Client,
                  values: dict[str, str]) -> None:
    """Bring about what a row of a later era needs."""
    with Client2021(emulator) as newer:
        if given in ("begun", "up", "over"):
            newer.put("demo-1", minutes=15)
            clock.advance(0 if given == "begun" else 3 + 161)
            if given == "over":
                assert newer.call("POST", "/sessions/demo-1/:stop").status == 204
            return
        if given.startswith("script"):
            values["C"] = client.call("POST", "/conversions/createWithSharedAccessSignature",
                                      golden_later.SCRIPT).json()["conversionId"]
        else:
            assert newer.call("PUT", "/conversions/run-7", golden_later.ASKED).status == 201
    if given in ("converting", "scripted"):
        until(lambda: emulator.state()["ingestions"][0]["text"] == "reading")
    else:
        assert emulator.wait_ingestions(LIMIT)
        clock.advance(1)


@pytest.mark.parametrize("row", golden.ROWS + golden_later.ROWS, ids=lambda row: row.name)
def test_the_emulator_answers_as_documented(row: golden.Row) -> None:
    clock, never = Clock(), Event()
    ingest: Any = good_ingest
    if row.given in ("failed", "unconverted", "script failed"):
        ingest = bad_ingest
    elif row.given in ("running", "converting", "scripted"):
        ingest = lambda *_, **__: never.wait(LIMIT)  # noqa: E731
    with Emulator(clock=clock, ingest=ingest) as emulator, Client(emulator) as client:
        values = prepare(row.given, emulator, clock, client)
        body = row.raw
        if body is None and row.body is not None:
            body = json.dumps(golden.fill(row.body, values)).encode()
        headers = golden.fill(row.headers, values)
        answer = client.send(row.method, golden.fill(row.path, values), body, headers)
        never.set()

    assert answer.status == row.status
    for name, sample in row.reply_headers.items():
        found = answer.headers[name]
        pattern = golden.PATTERNS.get(name)
        assert found is not None, name
        assert re.fullmatch(pattern, found) if pattern else found == sample, (name, found)
    assert not [name for name in row.absent if name in answer.headers]
    if row.reply_body is None:
        assert answer.body == b""
    else:
        sample = golden.fill(row.reply_body, {**golden.SAMPLE, "S": values["S"] or
                                              golden.SAMPLE["S"]})
        assert golden.differences("body", sample, answer.json()) == []


def test_every_row_has_a_known_call_and_a_unique_name() -> None:
    calls = {"token", "start_asset_ingestion", "get_ingestion_status", "create_rendering_session",
             "get_rendering_session_properties", "get_current_rendering_sessions",
             "update_rendering_session", "stop_rendering_session"}
    assert {row.call for row in golden.ROWS} == calls
    assert {row.call for row in golden.ROWS if row.client} == calls
    assert len({row.name for row in golden.ROWS}) == len(golden.ROWS)
    assert {row.given for row in golden.ROWS} == set(golden.GIVEN)
    later = golden_later.ROWS
    assert {row.given for row in later} == set(golden_later.GIVEN)
    assert {row.call for row in golden.ROWS + later} == {
        route.name for route in ROUTES if route.kind in (STS, SERVICE)}
    assert len({row.name for row in later}) == len(later)
