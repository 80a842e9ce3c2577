"""Ingestions: how the service runs the pipeline, whatever the pipeline does."""

from __future__ import annotations

import logging
import sys
import types
from pathlib import Path
from threading import Event
from typing import Any, Optional, Sequence

import pytest

from arr.emulator import Emulator
from arr.emulator._service.ingestions import (
    Ingest, Ingestion, IngestionPool, Report, Work, default_ingest,
)

from ...support.emulator import LIMIT, Client, Clock, Summary, good_ingest

WORK = Work("m", "file:///in", "file:///out")


def begin(client: Client, name: str = "box.gltf") -> str:
    answer = client.call("POST", "/models/create", {
        "modelName": name, "modelUrl": "https://a.blob.core.windows.net/in?sig=SECRET",
        "assetContainerUrl": "file:///out"})
    assert answer.status == 200
    return str(answer.json()["modelId"])


def status(client: Client, model_id: str) -> str:
    return str(client.call("GET", f"/models/{model_id}/status").json()["status"])


def run(ingest: Any, clock: Clock) -> tuple[str, dict[str, Any]]:
    with Emulator(clock=clock, ingest=ingest) as emulator, Client(emulator) as client:
        model_id = begin(client)
        assert emulator.wait_ingestions(LIMIT)
        clock.advance(1)
        shown: dict[str, Any] = emulator.state()["ingestions"][0]
        return status(client, model_id), shown


def test_it_stays_running_for_the_given_time_however_quick_the_work(
        emulator: Emulator, client: Client, clock: Clock) -> None:
    model_id = begin(client)
    assert emulator.wait_ingestions(LIMIT)
    assert status(client, model_id) == "Running"
    assert emulator.state()["ingestions"][0]["summary"] is None
    clock.advance(0.99)
    assert status(client, model_id) == "Running"
    clock.advance(0.01)
    assert status(client, model_id.upper()) == "Success"
    shown = emulator.state()["ingestions"][0]
    assert shown["summary"] == {"meshes": 1} and shown["progress"] == 1.0
    assert shown["cause"] == ""


def test_it_stays_running_while_the_work_lasts(clock: Clock) -> None:
    working, go_on = Event(), Event()

    def slow(*_: Any, report: Any, **__: Any) -> Summary:
        report(0.25, "reading\nbuffers")
        working.set()
        assert go_on.wait(LIMIT)
        return Summary()

    with Emulator(clock=clock, ingest=slow) as emulator, Client(emulator) as client:
        model_id = begin(client)
        assert working.wait(LIMIT)
        clock.advance(1000)
        assert status(client, model_id) == "Running"
        shown = emulator.state()["ingestions"][0]
        assert (shown["progress"], shown["text"]) == (0.25, "reading\\nbuffers")
        assert not emulator.wait_ingestions(0.01)
        go_on.set()
        assert emulator.wait_ingestions(LIMIT)
        assert status(client, model_id) == "Success"


def test_a_refused_model_is_failure_with_its_reason(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, clock: Clock) -> None:
    pipeline = types.ModuleType("arr.emulator._ingestion.pipeline")

    class IngestionError(Exception):
        cause = "asset"

    def refuse(*_: Any, **__: Any) -> Any:
        raise IngestionError("box.gltf is missing in https://a/in?sig=SECRET\nsecond line")

    setattr(pipeline, "IngestionError", IngestionError)
    setattr(pipeline, "ingest", refuse)
    monkeypatch.setitem(sys.modules, "arr.emulator._ingestion.pipeline", pipeline)
    found, shown = run(None, clock)
    assert found == "Failure"
    assert shown["reason"] == "box.gltf is missing in https://a/in?***\\nsecond line"
    assert shown["text"] == shown["reason"]
    assert shown["cause"] == "asset"
    assert "box.gltf is missing" in caplog.text
    assert "SECRET" not in caplog.text and "Traceback" not in caplog.text


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt, RecursionError])
def test_a_crash_is_failure_with_a_traceback_in_the_log(
        caplog: pytest.LogCaptureFixture, clock: Clock, error: type[BaseException]) -> None:
    def crash(*_: Any, **__: Any) -> Any:
        raise error("at https://a/in?sig=SECRET")

    found, shown = run(crash, clock)
    assert found == "Failure" and error.__name__ in shown["reason"]
    assert shown["cause"] == "internal"
    assert "Traceback" in caplog.text and "SECRET" not in caplog.text
    assert "SECRET" not in str(shown)


@pytest.mark.parametrize("summary", [None, object(), 7])
def test_a_pipeline_that_returns_nonsense_is_failure(clock: Clock, summary: Any) -> None:
    assert run(lambda *_, **__: summary, clock)[0] == "Failure"


def test_reports_of_nonsense_do_no_harm(clock: Clock) -> None:
    def report_nonsense(*_: Any, report: Any, **__: Any) -> Summary:
        for progress in (float("nan"), float("inf"), -5, 5):
            report(progress, "x" * 10_000)
        return Summary()

    assert run(report_nonsense, clock)[0] == "Success"


def test_the_pipeline_is_told_the_root_and_the_hosts(tmp_path: Any, clock: Clock) -> None:
    told: list[Any] = []

    def remember(*names: str, **limits: Any) -> Summary:
        told.append((names, limits))
        return Summary()

    with Emulator(clock=clock, ingest=remember, container_root=str(tmp_path),
                  allowed_hosts=["only.example"]) as emulator, Client(emulator) as client:
        begin(client)
        assert emulator.wait_ingestions(LIMIT)
    names, limits = told[0]
    assert names == ("box.gltf", "https://a.blob.core.windows.net/in?sig=SECRET", "file:///out")
    assert limits["container_root"] == tmp_path and limits["allowed_hosts"] == ("only.example",)


def test_one_has_begun_once_a_worker_has_taken_it() -> None:
    working, go_on = Event(), Event()
    seen: list[bool] = []

    def slow(*_: Any, **__: Any) -> Summary:
        seen.append(first.started)
        working.set()
        assert go_on.wait(LIMIT)
        return Summary()

    first, second = (Ingestion(name, "account", WORK, created=0.0, visible_at=0.0)
                     for name in ("first", "second"))
    pool = IngestionPool(slow, workers=1, container_root=None, allowed_hosts=())
    assert not first.started
    pool.submit(first)
    pool.submit(second)
    assert working.wait(LIMIT)
    assert seen == [True] and not second.started
    go_on.set()
    assert pool.wait_idle(LIMIT)
    assert second.started


def test_a_failure_has_its_cause_only_once_it_is_over(clock: Clock) -> None:
    from arr.emulator._ingestion.refusals import OUTPUT_ACCESS, IngestionError

    def refuse(*_: Any, **__: Any) -> Any:
        raise IngestionError("no", cause=OUTPUT_ACCESS)

    with Emulator(clock=clock, ingest=refuse) as emulator, Client(emulator) as client:
        begin(client)
        assert emulator.wait_ingestions(LIMIT)
        assert emulator.state()["ingestions"][0]["cause"] == ""
        clock.advance(1)
        shown = emulator.state()["ingestions"][0]
        assert (shown["reason"], shown["cause"]) == ("no", "output access")


@pytest.mark.parametrize("given, told", [
    ({}, {}), ({"layout": "2019", "output_name": ""}, {}),
    ({"layout": "2020", "input_prefix": "a/"}, {"layout": "2020", "input_prefix": "a/"}),
    ({"layout": "2021", "output_prefix": "b/", "output_name": "c.arrAsset"},
     {"layout": "2021", "output_prefix": "b/", "output_name": "c.arrAsset"})])
def test_the_pipeline_is_told_what_2019_did_not_have_only_where_it_is_there(
        given: dict[str, Any], told: dict[str, str]) -> None:
    seen: list[dict[str, Any]] = []

    def of_today(model_name: str, model_url: str, asset_container_url: str, *,
                 container_root: Optional[Path], allowed_hosts: Sequence[str],
                 report: Report) -> Summary:
        seen.append({})
        return Summary()

    def of_all_eras(*_: str, container_root: Optional[Path], allowed_hosts: Sequence[str],
                    report: Report, **more: str) -> Summary:
        seen.append(more)
        return Summary()

    ingests: list[Ingest] = [of_all_eras] if told else [of_all_eras, of_today]
    for ingest in ingests:
        ingestion = Ingestion("id", "account", WORK._replace(**given), created=0.0, visible_at=0.0)
        pool = IngestionPool(ingest, workers=1, container_root=None, allowed_hosts=())
        pool.submit(ingestion)
        assert pool.wait_idle(LIMIT) and ingestion.outcome == "Success"
    assert seen == [told] * len(ingests)


def test_an_era_that_the_pipeline_does_not_know_is_a_failure() -> None:
    ingestion = Ingestion("id", "account", WORK._replace(layout="1999"), created=0.0,
                          visible_at=0.0)
    pool = IngestionPool(default_ingest, workers=1, container_root=None, allowed_hosts=())
    pool.submit(ingestion)
    assert pool.wait_idle(LIMIT)
    assert (ingestion.outcome, ingestion.cause) == ("Failure", "internal")


def test_many_ingestions_run_on_few_threads(clock: Clock) -> None:
    import threading

    names: set[str] = set()
    most = [0]
    inside: list[int] = []

    def count(*_: Any, **__: Any) -> Summary:
        inside.append(1)
        most[0] = max(most[0], len(inside))
        names.add(threading.current_thread().name)
        inside.pop()
        return Summary()

    with Emulator(clock=clock, ingest=count, ingestion_workers=2) as emulator, \
            Client(emulator) as client:
        ids = [begin(client) for _ in range(100)]
        assert emulator.wait_ingestions(LIMIT)
        clock.advance(1)
        assert {status(client, each) for each in ids} == {"Success"}
    assert most[0] <= 2


def test_without_a_thread_it_is_failure(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    from arr.emulator._service import ingestions as _ingestions

    def refuse(*_: Any, **__: Any) -> Any:
        raise RuntimeError("can't start new thread")

    with Emulator(clock=clock, ingest=good_ingest) as emulator, Client(emulator) as client:
        monkeypatch.setattr(_ingestions, "Thread", refuse)
        model_id = begin(client)
        assert emulator.wait_ingestions(LIMIT)
        clock.advance(1)
        assert status(client, model_id) == "Failure"
        assert emulator.state()["ingestions"][0]["cause"] == "internal"
        monkeypatch.undo()
        model_id = begin(client)
        assert emulator.wait_ingestions(LIMIT)
        clock.advance(1)
        assert status(client, model_id) == "Success"


def test_another_accounts_model_is_404(emulator: Emulator, client: Client) -> None:
    model_id = begin(client)
    emulator.add_account("other", "key")
    with Client(emulator, "other", "key") as other:
        assert other.call("GET", f"/models/{model_id}/status").status == 404
    assert client.call("GET", "/models/unknown/status").status == 404


def test_reset_forgets_ingestions(emulator: Emulator, client: Client,
                                  caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="arr.emulator")
    model_id = begin(client)
    emulator.reset()
    assert client.call("GET", f"/models/{model_id}/status").status == 404
    assert emulator.wait_ingestions(LIMIT)
