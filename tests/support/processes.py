"""Runs the tests in several processes at once: they wait, or start programs, most of the time.

A plugin of pytest's for Linux; elsewhere, and with ``--processes 1``, there is one process. After
the collection this process forks. Each process takes one unit of tests after the other, a file or
a folder, from a pipe that all share. The children write down what pytest is told of their tests,
and this process repeats it to its own pytest: the report, the exit code, ``-x`` and
``--durations`` are those of one run. Tests that are marked ``alone`` come last, when the children
have ended.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import struct
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple

import pytest

from .threads import until

# Folders whose files share what takes seconds to start (a browser, the samples) are one unit each.
# They wait most, and so they begin first.
WHOLE = ("tests/samples", "tests/emulator/web")

Unit = List[pytest.Item]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--processes", type=int, default=0, metavar="N",
                     help="how many processes share the tests; 0 is two more than processors")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> Optional[bool]:
    gc.freeze()  # the thousands of tests themselves, which each collection would look at again
    options = session.config.option
    if (session.testsfailed or options.collectonly or options.usepdb or options.capture == "no"
            or sys.platform != "linux" or hasattr(session.config, "workerinput")):  # of xdist
        return None
    alone = [item for item in session.items if item.get_closest_marker("alone")]
    units = _units([item for item in session.items if not item.get_closest_marker("alone")])
    count = min(options.processes or (os.cpu_count() or 1) + 2, len(units))
    if count < 2:
        return None
    # Made once and before the fork: each process that made --basetemp would empty it first.
    factory: Any = getattr(session.config, "_tmp_path_factory")
    factory.getbasetemp()
    with tempfile.TemporaryDirectory() as directory:
        _Run(session, units, Path(directory)).run(count, alone)
    return True


def _units(items: List[pytest.Item]) -> List[Unit]:
    units: Dict[str, Unit] = {}
    for item in items:
        path = item.nodeid.partition("::")[0]
        folder = os.path.dirname(path)
        units.setdefault(folder if folder in WHOLE else path, []).append(item)
    return [units[name] for name in sorted(units, key=lambda name: name not in WHOLE)]


class _Run:
    def __init__(self, session: pytest.Session, units: List[Unit], directory: Path) -> None:
        self._session, self._units = session, units
        self._reports = directory  # of the children, a file for each unit
        self._elsewhere: Set[int] = set(range(len(units)))  # units not known to have run
        self._unit = 0  # the one in hand
        self._numbers, writing = os.pipe()
        os.write(writing, struct.pack(f"{len(units)}H", *range(len(units))))
        os.close(writing)

    def run(self, count: int, alone: Unit) -> None:
        """Run all tests in this process and ``count - 1`` children."""
        sys.stdout.flush()
        children = [self._fork() for _ in range(count - 1)]
        try:
            self._run_units(self._done_here, alone[0] if alone else None)
            while children:
                failed = os.waitpid(children[-1], 0)[1]
                children.pop()
                self._repeat()
                if failed:
                    self._exit()
            if self._elsewhere:
                self._exit()
            for item, following in zip(alone, [*alone[1:], None]):
                self._run_test(item, following)
        finally:
            os.close(self._numbers)
            _interrupt(children)

    def _exit(self) -> None:
        files = {self._units[number][0].nodeid.partition("::")[0] for number in self._elsewhere}
        pytest.exit(f"a process has ended amid its tests, of one of {sorted(files)}", 3)

    def _taken(self) -> Iterator[Tuple[int, pytest.Item]]:
        """Take unit after unit, while there are any; no read of a pipe gets half a number."""
        while True:
            data = os.read(self._numbers, 2)
            if not data:
                return
            (number,) = struct.unpack("H", data)
            for item in self._units[number]:
                yield number, item

    def _run_units(self, done: Callable[[int], None], then: Optional[pytest.Item]) -> None:
        taken = self._taken()
        now = next(taken, None)
        while now is not None:
            number, item = now
            self._unit = number
            now = next(taken, None)  # before the test: pytest asks which fixtures stay
            self._run_test(item, then if now is None else now[1])
            if now is None or now[0] != number:
                done(number)

    def _run_test(self, item: pytest.Item, following: Optional[pytest.Item]) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        self._stop_if_told()

    def _stop_if_told(self) -> None:
        if self._session.shouldfail:
            raise self._session.Failed(self._session.shouldfail)
        if self._session.shouldstop:
            raise self._session.Interrupted(self._session.shouldstop)

    def _done_here(self, number: int) -> None:
        self._elsewhere.discard(number)
        self._repeat()

    def _repeat(self) -> None:
        """Tell the pytest of this process what the children have reported by now."""
        for number in sorted(self._elsewhere):
            path = self._reports / str(number)
            if path.exists():
                self._elsewhere.discard(number)
                for name, arguments in pickle.loads(path.read_bytes()):
                    self._tell(name, arguments)

    def _tell(self, name: str, arguments: Dict[str, Any]) -> None:
        hook = self._session.config.hook
        if name == "pytest_warning_recorded":
            hook.pytest_warning_recorded.call_historic(kwargs=arguments)
            return
        if name == "pytest_runtest_logreport":
            arguments["report"] = hook.pytest_report_from_serializable(
                config=self._session.config, data=arguments["report"])
        getattr(hook, name)(**arguments)
        self._stop_if_told()

    # -- the children ------------------------------------------------------------------------------

    def _fork(self) -> int:
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            self._be_child(os.getppid())
            code = 0
        except KeyboardInterrupt:
            pass
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)

    def _be_child(self, parent: int) -> None:
        config = self._session.config
        reporter: Any = config.pluginmanager.unregister(name="terminalreporter")
        config.pluginmanager.register(_Silent(reporter._tw), "terminalreporter")
        capture: Any = config.pluginmanager.getplugin("capturemanager")
        capture.stop_global_capturing()  # its files are those of the parent
        capture.start_global_capturing()
        notes = _Notes(config)
        config.pluginmanager.register(notes)

        def done(number: int) -> None:
            notes.write(self._reports, number)
            if os.getppid() != parent:
                raise self._session.Interrupted("the parent has ended")

        try:
            self._run_units(done, None)
        except (self._session.Failed, self._session.Interrupted):
            pass  # the parent finds the reason in the notes
        finally:
            notes.write(self._reports, self._unit)
            self._session._setupstate.teardown_exact(None)


class _Silent:
    """Stands for the reporter: the explanation of a failure asks it for colours."""

    def __init__(self, writer: object) -> None:
        self._tw = writer


class _Notes:
    """Writes down what a child's pytest is told."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._told: List[Tuple[str, Dict[str, Any]]] = []

    def write(self, directory: Path, number: int) -> None:
        if self._told:
            part = directory / f"{number}.part"
            part.write_bytes(pickle.dumps(self._told))
            part.replace(directory / str(number))
            self._told.clear()

    def pytest_runtest_logstart(self, nodeid: str, location: Any) -> None:
        self._told.append(("pytest_runtest_logstart", dict(nodeid=nodeid, location=location)))

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        self._told.append(("pytest_runtest_logfinish", dict(nodeid=nodeid, location=location)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        data = self._config.hook.pytest_report_to_serializable(config=self._config, report=report)
        self._told.append(("pytest_runtest_logreport", dict(report=data)))

    def pytest_warning_recorded(self, warning_message: warnings.WarningMessage, when: Any,
                                nodeid: str, location: Any) -> None:
        warning_message.source = None
        self._told.append(("pytest_warning_recorded", dict(
            warning_message=warning_message, when=when, nodeid=nodeid, location=location)))


def _interrupt(children: List[int]) -> None:
    """End the children that are left, with time for what their tests have started."""
    for child in children:
        os.kill(child, signal.SIGINT)

    def ended() -> bool:
        children[:] = [child for child in children if os.waitpid(child, os.WNOHANG) == (0, 0)]
        return not children

    try:
        until(ended)
    except AssertionError:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
