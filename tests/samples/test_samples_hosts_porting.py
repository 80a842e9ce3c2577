"""The porting guide in samples/README.md: its examples run, its names exist."""

from __future__ import annotations

import re
from typing import Any, Dict, List

import pytest

import arr
import arr.cpp
from arr import AzureFrontend, AzureSession, Dispatcher, IAsync, RemoteManager
from arr.unity import ARRServiceUnity

from ..support.stage import Stage
from ..support.threads import ROOT, until

TEXT = (ROOT / "samples" / "README.md").read_text(encoding="utf-8")
EXAMPLES: List[str] = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs_as_printed(
        example: str, capsys: pytest.CaptureFixture[str],
        caplog: pytest.LogCaptureFixture) -> None:
    with Stage() as stage:
        names: Dict[str, Any] = {"frontend": stage.frontend}
        exec("from arr import *", names)
        exec(compile(example, "samples/README.md", "exec"), names)
        said: List[str] = []

        def complete() -> bool:
            said.append(capsys.readouterr().out)
            return "".join(said).count("\n") >= (2 if "first" in example else 1)

        until(complete)
        until(lambda: not stage.frontend._core.watch.current())  # type: ignore[union-attr]
    assert caplog.text == ""


def test_the_left_column_of_the_renames_is_what_this_package_has() -> None:
    part = TEXT.partition("### Renames")[2].partition("### Lambdas")[0]
    found = 0
    for row in re.findall(r"^\| (`.*?) \|", part, re.MULTILINE):
        for name in re.findall(r"`([A-Za-z]\w*)(?:\.(\w+))?(?:<T>)?`", row):
            owner: Any = arr
            for step in filter(None, name):
                places = [owner, arr.cpp, AzureFrontend, AzureSession, RemoteManager,
                          arr.ARRRenderingSessionVmSize, arr.AzureFrontendAccountInfo]
                place = next((each for each in places if hasattr(each, step)), None)
                assert place is not None, f"{step} of {row}"
                owner = getattr(place, step)
                found += 1
    assert found > 20


def test_the_members_of_the_unity_table_exist() -> None:
    part = TEXT.partition("### Unity")[2].partition("### Renames")[0]
    for name in re.findall(r"\b(On[A-Z]\w+|Auto[A-Z]\w+|Last[A-Z]\w+|Current[A-Z]\w+)", part):
        assert hasattr(ARRServiceUnity, name) or name == "OnDestroy", name


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
