"""Ingestions by themselves: which are kept, which thread takes them, and what is told of them."""

from __future__ import annotations

import logging
from threading import Thread
from typing import Any

import pytest

from arr.emulator import Emulator
from arr.emulator._service import ingestion_table, ingestions
from arr.emulator._service.ingestion_table import IngestionTable
from arr.emulator._service.ingestions import Ingestion, IngestionPool, Work

from ...support.emulator import LIMIT, Client, Clock, good_ingest


def begin(client: Client) -> str:
    return str(client.call("POST", "/models/create", {
        "modelName": "m", "modelUrl": "file:///in", "assetContainerUrl": "file:///out"}
    ).json()["modelId"])


def test_old_ingestions_are_forgotten_from_twice_what_is_kept(
        emulator: Emulator, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion_table, "_ENDED_KEPT", 2)
    ids = []
    for count in range(1, 6):
        ids.append(begin(client))
        assert emulator.wait_ingestions(LIMIT)
        kept = [each["id"] for each in emulator.state()["ingestions"]]
        assert kept == (ids if count < 5 else ids[2:])


def ingestion(name: str, outcome: str = "Success", **given: Any) -> Ingestion:
    """Return one that was visible at 0."""
    made = Ingestion(name, "a", Work("m", "u", "c"), created=0.0, visible_at=0.0, **given)
    made.outcome = outcome
    return made


def test_those_that_run_are_kept_beside_those_that_have_ended(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion_table, "_ENDED_KEPT", 3)
    table = IngestionTable()
    for name in "abcdef":
        table.add(ingestion(name, "Running" if name in "ab" else "Success"))
    assert [each.id for each in table.known(0.0)] == list("abcdef")
    table.add(ingestion("g"))
    assert [each.id for each in table.known(0.0)] == list("abefg")


def test_one_that_takes_the_name_of_a_forgotten_one_is_the_newest() -> None:
    table, month = IngestionTable(), 30 * 86_400.0
    table.add(ingestion("old", named=True))
    table.add(ingestion("runs", "Running"))
    assert [each.id for each in table.page("a", 0, 9, month - 1)] == ["old", "runs"]
    assert table.find("a", "old", month - 1) and not table.find("a", "old", month)
    fresh = ingestion("old", "Running", named=True)
    table.add(fresh)
    assert [each.number for each in table.page("a", 0, 9, month)] == [2, 3]
    assert table.known(month)[1] is table.find("a", "old", month) is fresh
    assert [each.id for each in table.page("a", 0, 1, month)] == ["runs"]
    assert table.page("a", 2, 9, month) == [fresh] and table.page("b", 0, 9, month) == []
    assert table.find("a", "RUNS", month) and not table.find("a", "OLD", month)


def test_what_pages_show_of_an_ingestion_is_cut_and_has_no_secrets() -> None:
    long = "x" * 301
    shown = Ingestion("i", "a", Work(long, long, long, output_name=long), created=0.0,
                      visible_at=0.0).snapshot(0.0)
    assert repr(Work(long, "", "")) == f"<Work {'x' * 300 + '...'!r}>"
    for name in ("model_name", "model_url", "asset_container_url", "output_name"):
        assert shown[name] == "x" * 300 + "..."
    assert (shown["progress"], shown["text"], shown["named"]) == (0.0, "waiting", False)


def test_reports_of_a_pipeline_are_bounded_and_its_warnings_logged_in_short(
        caplog: pytest.LogCaptureFixture) -> None:
    class Warned:
        def as_dict(self) -> dict[str, Any]:
            return {"warnings": ["w" * 1001]}

    seen: list[tuple[float, str]] = []

    def report_much(*_: Any, report: Any, **__: Any) -> Any:
        seen.append((model.progress, model.text))
        for progress in (0.5, float("nan"), float("inf"), -5, 5):
            report(progress, "x" * 301)
            seen.append((model.progress, model.text))
        return Warned()

    caplog.set_level(logging.INFO, "arr.emulator")
    pool = IngestionPool(report_much, workers=1, container_root=None, allowed_hosts=())
    model = Ingestion("i", "a", Work("m" * 201, "u", "c"), created=0.0, visible_at=0.0)
    pool.submit(model)
    assert pool.wait_idle(LIMIT)
    assert seen == [(0.0, "reading"), *(
        (each, "x" * 300 + "...") for each in (0.5, 0.5, 0.5, 0.0, 1.0))]
    assert (model.progress, model.text) == (1.0, "done")
    name = "ingestion i of " + "m" * 200 + "..."
    assert caplog.messages == [name + " succeeded", name + ": " + "w" * 1000 + "..."]


@pytest.mark.parametrize("workers", [1, 2])
def test_there_are_never_more_workers_than_were_allowed(
        monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    started: list[Thread] = []
    monkeypatch.setattr(Thread, "start", lambda thread: started.append(thread))
    pool = IngestionPool(good_ingest, workers=workers, container_root=None, allowed_hosts=())
    for _ in range(3):
        started.clear()
        for name in "abc":
            pool.submit(ingestion(name))
        assert len(started) == workers
        for thread in started:
            thread.run()
        assert pool.wait_idle(0)


def test_what_gets_no_thread_waits_for_the_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Thread] = []

    def start(thread: Thread) -> None:
        if refusing:
            raise RuntimeError("can't start new thread")
        started.append(thread)

    monkeypatch.setattr(Thread, "start", start)
    pool = IngestionPool(good_ingest, workers=2, container_root=None, allowed_hosts=())
    refusing, first, second, third = False, *(ingestion(name, "Running") for name in "abc")
    pool.submit(first)
    refusing = True
    pool.submit(second)
    assert second.outcome == "Running" and not pool.wait_idle(0)
    refusing = False
    pool.submit(third)
    assert len(started) == 2
    started[0].run()
    assert [each.outcome for each in (first, second, third)] == ["Success"] * 3


def test_what_waits_is_forgotten_and_who_waits_for_it_is_told(
        monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Thread, "start", lambda thread: None)  # no worker has come to it yet
    pool = IngestionPool(good_ingest, workers=1, container_root=None, allowed_hosts=())
    model = Ingestion("i", "a", Work("m", "u", "c"), created=0.0, visible_at=0.0)
    pool.submit(model)
    monkeypatch.undo()
    assert (model.progress, model.text, model.reason, model.cause, model.summary) == (
        0.0, "waiting", "", "", None)
    wait, woken = pool._changed.wait, []

    def forget_meanwhile(timeout: float | None = None) -> bool:
        Thread(target=pool.forget_waiting).start()  # it has to wait for the lock until ours waits
        woken.append(wait(timeout))
        return woken[-1]

    monkeypatch.setattr(pool._changed, "wait", forget_meanwhile)
    assert pool.wait_idle(LIMIT) and woken == [True]


def test_reset_keeps_what_has_not_begun_from_beginning(
        clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    names: list[str] = []
    started: list[Thread] = []

    class Held(Thread):
        def start(self) -> None:
            started.append(self)

    monkeypatch.setattr(ingestions, "Thread", Held)

    def remember(*given: Any, **_: Any) -> Any:
        names.append(given[0])

    with Emulator(clock=clock, ingest=remember) as emulator, Client(emulator) as client:
        begin(client)
        emulator.reset()
        for thread in started:
            assert thread.daemon
            thread.run()
        assert names == [] and emulator.wait_ingestions(LIMIT)
