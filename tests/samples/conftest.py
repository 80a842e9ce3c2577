"""Samples that take seconds, most of which they wait, run beside the other tests of this folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List, Mapping, Tuple

import pytest

from ..support.threads import ROOT

LIMIT = 60.0  # seconds; they take 1 to 8


class Play:
    """A sample that was started; what it prints fits into a pipe."""

    def __init__(self, name: str, *options: str, directory: Path,
                 environment: Mapping[str, str] = os.environ) -> None:
        self.directory = directory
        variables = {name: value for name, value in environment.items()
                     if not name.startswith("ARR_")}
        variables.update(PYTHONPATH=str(ROOT))
        variables.update({name: str(directory) for name in ("TMPDIR", "TEMP", "TMP")})
        self._process = subprocess.Popen(
            [sys.executable, str(ROOT / "samples" / name), *options], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables,
            cwd=str(directory))

    def outcome(self) -> Tuple[int, List[str], str]:
        """Return its exit code, its lines and its error output, once it has ended."""
        said, errors = self._process.communicate(timeout=LIMIT)
        return self._process.returncode, said.splitlines(), errors

    def lines(self) -> List[str]:
        """Return its lines; it must end with 0 and say nothing on its error output."""
        code, lines, errors = self.outcome()
        assert (code, errors) == (0, ""), lines
        return lines

    def end(self) -> None:
        if self._process.returncode is None:
            self._process.kill()
            self._process.communicate()


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """Let the tests of these samples come last: the others have something to do meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("play") is not None)


@pytest.fixture(scope="session", autouse=True)
def plays(request: pytest.FixtureRequest,
          tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dict[Tuple[str, ...], Play]]:
    """Start what the chosen tests are marked with."""
    marks = [item.get_closest_marker("play") for item in request.session.items]
    plays = {mark.args: Play(*mark.args, directory=tmp_path_factory.mktemp("play"))
             for mark in marks if mark is not None}
    yield plays
    for play in plays.values():
        play.end()


@pytest.fixture
def play(request: pytest.FixtureRequest, plays: Dict[Tuple[str, ...], Play]) -> Play:
    """The sample that the test is marked with."""
    mark = request.node.get_closest_marker("play")
    assert mark is not None
    return plays[mark.args]
