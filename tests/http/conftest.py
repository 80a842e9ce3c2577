"""The mutated replies keep a core busy for half a minute: they run beside all other tests."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import List

import pytest

from .. import fuzz
from ..support.threads import ROOT, until

FILE = "test_faults_fuzz.py"
BESIDE = pytest.StashKey["Beside"]()

# As strict as pytest: a warning is an error, and so is a thread that fails. With less of a claim to
# the processor than the tests that measure times.
_PROGRAM = """
import os, pickle, sys, threading
report = threading.excepthook
def fail(args):
    report(args)
    os._exit(1)
threading.excepthook = fail
if hasattr(os, "nice"):
    os.nice(10)
from tests import fuzz
for route in fuzz.ROUTES:
    path = os.path.join(sys.argv[1], route)
    with open(path + ".part", "wb") as file:
        pickle.dump(fuzz.run(route, 2_000, seed=20191211), file)
    os.replace(path + ".part", path)
"""


class Beside:
    """A process that gives all calls their mutated replies, one kind of call after the other."""

    def __init__(self) -> None:
        self._directory = tempfile.TemporaryDirectory()
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _PROGRAM, self._directory.name], cwd=str(ROOT),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=dict(os.environ, PYTHONPATH=str(ROOT)))

    def report(self, route: str) -> fuzz.Report:
        """Wait for what came of a kind of call."""
        file = Path(self._directory.name) / route
        until(lambda: file.exists() or self._process.poll() is not None)
        if not file.exists():
            pytest.fail(f"the process has ended: {self._process.communicate()[1]}")
        report: fuzz.Report = pickle.loads(file.read_bytes())
        return report

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()
        self._directory.cleanup()


def pytest_collection_modifyitems(items: List[pytest.Item]) -> None:
    """Let the tests of the replies come last."""
    items.sort(key=lambda item: item.path.name == FILE)


def pytest_collection_finish(session: pytest.Session) -> None:
    chosen = any("mutated_replies" in getattr(item, "fixturenames", ()) for item in session.items)
    if chosen and not session.config.option.collectonly:
        session.config.stash[BESIDE] = Beside()
        session.config.add_cleanup(session.config.stash[BESIDE].end)


@pytest.fixture(scope="session")
def mutated_replies(pytestconfig: pytest.Config) -> Beside:
    return pytestconfig.stash[BESIDE]
