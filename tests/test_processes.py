"""The tests' own plugin that runs them in several processes: one report, and nothing is lost."""

from __future__ import annotations

import sys
from typing import Any, Dict

import pytest

from .support.threads import ROOT

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere one process runs all")

# Every file waits for the other one, so that each is run by a process of its own.
_FILE = '''
import os, signal, threading, time, warnings, pytest
from pathlib import Path

HERE = Path(__file__)
FIRST = os.getpid()  # of the collection, the parent

def met():
    return len(list(HERE.parent.glob("*.met"))) == 2

def test_meets_the_other_process():
    HERE.with_suffix(".met").touch()
    end = time.monotonic() + 20
    while not met():
        assert time.monotonic() < end, "there is no other process"
        threading.Event().wait(0.01)

@pytest.mark.alone
def test_alone(tmp_path):
    assert os.getpid() == FIRST
    assert len(list(HERE.parent.glob("*.ended"))) == 2
    # No process has emptied the directory that another one uses.
    assert len(list(tmp_path.parent.glob("test_of_a_child[0-9]"))) == 2

def test_of_a_child(tmp_path):
    if os.getpid() != FIRST:
        <child>

def test_of_the_parent():
    if os.getpid() == FIRST:
        <parent>

def test_that_ends():
    HERE.with_suffix(".ended").touch()
'''


class Pair:
    """Runs two files in two processes."""

    def __init__(self, pytester: pytest.Pytester) -> None:
        self._pytester = pytester

    def __call__(self, *options: str, child: str = "pass", parent: str = "pass") -> Any:
        text = _FILE.replace("<child>", child).replace("<parent>", parent)
        self._pytester.makepyfile(test_one=text, test_two=text)
        return self._pytester.runpytest_subprocess(
            "-p", "tests.support.processes", "--processes", "2", *options)


@pytest.fixture
def pair(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Pair:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makeini("[pytest]\nmarkers =\n    alone\n")
    return Pair(pytester)


def counts(result: Any) -> Dict[str, int]:
    found: Dict[str, int] = result.parseoutcomes()
    return found


def test_the_report_is_that_of_one_run_and_what_is_alone_comes_last(pair: Pair) -> None:
    result = pair()
    assert (result.ret, counts(result)) == (0, {"passed": 10})


@pytest.mark.parametrize("side", ["child", "parent"])
def test_a_failure_is_told_with_its_output(pair: Pair, side: str) -> None:
    result = pair(**{side: "print('printed before'); assert [1] == [2]"})
    assert (result.ret, counts(result)) == (1, {"passed": 9, "failed": 1})
    result.stdout.fnmatch_lines(["*assert [[]1] == [[]2]*", "*At index 0 diff: 1 != 2*",
                                 "*Captured stdout*", "printed before"])


def test_a_warning_of_a_child_is_told(pair: Pair) -> None:
    result = pair(child="warnings.warn('take care')")
    assert (result.ret, counts(result)) == (0, {"passed": 10, "warnings": 1})
    result.stdout.fnmatch_lines(["*UserWarning: take care*"])


@pytest.mark.parametrize("end", ["os._exit(0)", "os._exit(1)", "os.kill(os.getpid(), 9)"])
def test_a_child_that_ends_in_the_middle_fails_the_run(pair: Pair, end: str) -> None:
    result = pair(child=end)
    assert result.ret == 3
    result.stdout.fnmatch_lines(["*Exit: a process has ended amid its tests*test_*.py*"])


def test_the_first_failure_ends_the_run_where_that_is_asked_for(pair: Pair) -> None:
    result = pair("-x", child="assert 1 == 2")
    assert result.ret == 1 and counts(result)["failed"] == 1
    result.stdout.fnmatch_lines(["*stopping after 1 failures*"])


def test_an_interruption_ends_the_children_too(pair: Pair) -> None:
    """One that went on would hold the output open for its 60 seconds."""
    result = pair(child="threading.Event().wait(60)", parent="os.kill(FIRST, signal.SIGINT)")
    assert result.ret == 2
    result.stdout.fnmatch_lines(["*KeyboardInterrupt*"])


def test_one_process_is_enough_where_it_is_asked_for(
        pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    text = "import os\ndef test(): print('process', os.getpid())\n"
    pytester.makepyfile(test_one=text, test_two=text)
    result = pytester.runpytest_subprocess(
        "-p", "tests.support.processes", "--processes", "1", "-rP")
    said = {line for line in result.outlines if line.startswith("process ")}
    assert (result.ret, len(said)) == (0, 1)
