"""The porting guide in samples/README.md: its examples run, its names exist."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterator, List, Tuple

import pytest

import arr
import arr.cpp
import arr.unity
from arr import AzureFrontend, AzureSession, Dispatcher, IAsync, RemoteManager
from arr.unity import ARRServiceUnity

from ..support.stage import Stage
from ..support.threads import ROOT, until

TEXT = (ROOT / "samples" / "README.md").read_text(encoding="utf-8")
EXAMPLES: List[str] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


FORWARD, _, REVERSE = TEXT.partition("### Renames")[2].partition("### What changed")[0].partition(
    "| a later name")


@pytest.fixture(autouse=True)
def remote_manager_is_left_as_it_was() -> Iterator[None]:
    yield
    RemoteManager.shutdown_manager()
    RemoteManager.connection_status_changed._entries.clear()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 9


def run(example: str, names: Dict[str, Any]) -> None:
    exec("from arr import *", names)
    exec(compile(example, "samples/README.md", "exec"), names)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_printed(
        example: str, capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture) -> None:
    with Stage(startup_seconds=0) as stage:
        run(example, {"frontend": stage.frontend})
        said: List[str] = []

        def complete() -> bool:
            said.append(capsys.readouterr().out)
            return "".join(said).count("\n") >= (2 if "first" in example else 1)

        until(complete)
        until(lambda: not stage.frontend._core.watch.current())  # type: ignore[union-attr]
    assert caplog.text == ""


def test_the_program_of_2021_does_after_the_port_what_it_did_before(
        capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = [each for each in EXAMPLES if "start_and_connect" in each]
    with Stage(startup_seconds=0) as stage:
        names: Dict[str, Any] = {"frontend": stage.frontend}
        run(example, names)
        assert capsys.readouterr().out.splitlines() == [
            f"{names['session'].SessionUUID}: 30 minutes", "Connecting", "Connected"]
        assert RemoteManager.is_connected
        stage.emulator.add_fault("POST", "sessions/create", status=429)
        run(example, names)
        assert names["session"] is None and "TooManyRequests" in capsys.readouterr().out


def test_a_condition_of_csharp_word_for_word_is_what_the_guide_says(
        capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = [each for each in EXAMPLES if "word for word" in each]
    run(example, {})
    assert capsys.readouterr().out == "meant: True\nword for word: False\n"


def test_two_who_ask_share_one_query(capsys: pytest.CaptureFixture[str]) -> None:
    (example,) = [each for each in EXAMPLES if "def ask" in each]
    with Stage() as stage:
        run(example, {"frontend": stage.frontend})
        assert capsys.readouterr().out == "asked: SessionNotFound\n" * 2
        assert len(stage.requests("GET", "properties")) == 1


def test_the_account_of_the_emulator_is_the_one_that_the_guide_names() -> None:
    (example,) = [each for each in EXAMPLES if "127.0.0.1:8080" in each]
    with Stage() as stage:
        assert f'"{stage.emulator.account_id}"' in example
        assert f'"{stage.emulator.account_key}"' in example


def rows(table: str) -> List[List[str]]:
    """Return the cells of a table in Markdown."""
    return [line.strip("| ").split(" | ") for line in table.splitlines() if line.startswith("|")]


def test_the_table_of_renames_reads_the_same_from_right_to_left() -> None:
    _, _, *forward = rows(FORWARD)
    columns = rows(FORWARD)[0]
    later: Dict[str, Tuple[str, List[str]]] = {}
    for here, *cells in forward:
        for since, cell in zip(columns[1:], cells):
            for name in re.findall(r"`[^`]+`", cell):
                later.setdefault(name, (since, []))[1].append(here)
    expected = [[name, *each] for name, each in sorted(
        ((name, (since, "; ".join(dict.fromkeys(here)))) for name, (since, here) in later.items()),
        key=lambda each: each[0].strip("`").lower())]
    assert [row for row in rows(REVERSE) if row[0].startswith("`")] == expected
    assert len(expected) > 45


def test_the_left_column_of_the_renames_is_what_this_package_has() -> None:
    found = 0
    for row in re.findall(r"^\| (`.*?) \|", FORWARD, re.MULTILINE):
        for name in re.findall(r"`([A-Za-z]\w*)(?:\.(\w+))?`", row):
            owner: Any = arr
            for step in filter(None, name):
                places = [owner, arr.cpp, arr.unity, AzureFrontend, AzureSession]
                place = next((each for each in places if hasattr(each, step)), None)
                assert place is not None, f"{step} of {row}"
                owner = getattr(place, step)
                found += 1
    assert found > 45


def test_the_members_of_the_unity_table_exist() -> None:
    part = TEXT.partition("### Unity")[2].partition("### Renames")[0]
    for name in re.findall(r"\b(On[A-Z]\w+|Auto[A-Z]\w+|Last[A-Z]\w+|Current[A-Z]\w+)", part):
        assert hasattr(ARRServiceUnity, name) or name == "OnDestroy", name


def test_the_links_within_the_page_lead_to_headings() -> None:
    slugs: List[str] = []
    for heading in re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL),
                              re.MULTILINE):
        slug = re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-")
        slugs.append(slug if slug not in slugs else f"{slug}-1")  # as GitHub makes them
    links = set(re.findall(r"\]\(#([^)]+)\)", TEXT))
    assert len(links) > 8 and links <= set(slugs), links - set(slugs)


def test_the_samples_that_it_names_exist() -> None:
    for name in set(re.findall(r"`(\w+\.(?:py|md))`", TEXT)):
        assert (ROOT / "samples" / name).is_file() or (ROOT / name).is_file(), name


def test_the_picture_tells_the_truth() -> None:
    """Handler, bound handler, wait and pump, as drawn."""
    with Stage() as stage:
        order: List[str] = []
        dispatcher = Dispatcher()

        def bound(done: IAsync[Any]) -> None:
            order.append("g")

        operation = stage.frontend.get_current_rendering_sessions_async()
        operation.completed += lambda done: order.append("h")
        operation.completed += dispatcher.bind(bound)
        assert operation.wait(5) and order == ["h"]
        assert dispatcher.pump() == 1 and order == ["h", "g"]
