"""For pytest, there as soon as the package is installed.

* A handler that fails during a test fails the test, unless ``arr_handler_errors_allowed`` marks it.
* Fixtures ``arr_emulator``, ``arr_frontend`` and ``arr_clock``; those who do not use them pay for
  no server and no thread.
"""

from __future__ import annotations

import threading
import traceback
import warnings
from typing import TYPE_CHECKING, Any, Iterator

import pytest

if TYPE_CHECKING:
    from . import AzureFrontend
    from .emulator import Emulator
    from .testing import FakeClock

__all__ = ["arr_clock", "arr_emulator", "arr_frontend"]

_MARKERS = (
    "arr_handler_errors_allowed: handlers may fail during this test, and after it.",
    "arr_emulator(**options): how arr_emulator is made, such as startup_seconds=5, "
    "container_root=..., token_seconds=...; the arguments of arr.emulator.Emulator.",
)


def pytest_configure(config: pytest.Config) -> None:
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)
    config.pluginmanager.register(_Handlers(config), "arr-handlers")


# -- handlers that fail ----------------------------------------------------------------------------

_lock = threading.RLock()  # one for all, as a test may run a session; no code of the user under it


class _Test:
    """A test that runs or has run, and what has failed in its handlers and was not told yet."""

    def __init__(self, item: pytest.Item) -> None:
        self.nodeid = item.nodeid
        self.allowed = item.get_closest_marker("arr_handler_errors_allowed") is not None
        self.over = False
        self.failures: list[str] = []


class _Handlers:
    """Hears of all handlers that fail while the tests of one session run.

    What belongs to no test in particular, a handler of a fixture that outlives tests or one bound
    to a dispatcher, counts for the test that runs. Failures are kept as text: their exceptions
    would keep frames, and all that hangs on them, alive.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._test: _Test | None = None
        self._late: list[tuple[str, str]] = []  # nodeid and text
        self._watch: Any = None

    def take(self, handler: object, error: BaseException, test: object) -> bool:
        """Note a failure, on any thread: for its test, which may be that of a session around us."""
        of = test if isinstance(test, _Test) else self._test
        if of is None or not of.allowed:
            text = _text(handler, error)
            with _lock:  # with it, no failure falls between the last look and the end
                if of is None or of.over:
                    self._late.append((of.nodeid if of is not None else "", text))
                else:
                    of.failures.append(text)
        return True

    def _told(self) -> str:
        """Return what the test that runs is to be told, once."""
        test = self._test
        if test is None:
            return ""
        with _lock:
            failures, test.failures = test.failures, []
        return "\n".join(failures)

    def _fail(self) -> None:
        text = self._told()
        if text:
            pytest.fail("a handler failed during this test (arr_handler_errors_allowed would "
                        f"allow it)\n\n{text}", pytrace=False)

    # -- the hooks of pytest -------------------------------------------------------------------

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        if self._watch is None:
            from ._runtime.failures import watch

            self._watch = watch
            watch.add(self)
        before = self._watch.test  # of the session around us, when a test runs pytest
        self._test = self._watch.test = test = _Test(item)
        yield
        self._watch.test = before
        with _lock:
            self._test = None
            test.over = True
            self._late += [(test.nodeid, text) for text in test.failures]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        before, self._watch.shared = self._watch.shared, fixturedef.scope != "function"
        yield
        self._watch.shared = before

    # The last to be called: after the test, or the last finalizer, unless that has failed itself.

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_call(self) -> None:
        self._fail()

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_teardown(self) -> None:
        self._fail()

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Iterator[None]:
        outcome: Any = yield
        report = outcome.get_result()
        if report.failed or hasattr(report, "wasxfail"):  # by something else: say both
            text = self._told()
            if text:
                report.sections.append(("Handlers that failed", text))

    def pytest_unconfigure(self) -> None:
        if self._watch is not None:
            self._watch.remove(self)

    def pytest_sessionfinish(self) -> None:
        """Warn of what failed too late; past the filters, as an error would fail another test."""
        with _lock:
            late, self._late = self._late, []
        for nodeid, text in late:
            which = f"after {nodeid} had ended" if nodeid else "outside of any test"
            shown = warnings.WarningMessage(pytest.PytestWarning(
                f"arr: a handler failed {which}\n{text}"), pytest.PytestWarning, nodeid, 0)
            self._config.hook.pytest_warning_recorded.call_historic(kwargs=dict(
                warning_message=shown, when="runtest", nodeid=nodeid, location=None))


def _text(handler: object, error: BaseException) -> str:
    try:
        name = repr(handler)
    except BaseException:  # code of the user
        name = f"a {type(handler).__name__}"
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return f"{name} on {threading.current_thread().name}:\n{''.join(lines)}"


# -- fixtures --------------------------------------------------------------------------------------

_ON_REAL_TIME = pytest.StashKey[bool]()


@pytest.fixture
def arr_clock(request: pytest.FixtureRequest) -> FakeClock:
    """A clock that stands still until ``arr_clock.advance(seconds)``.

    A test that asks for it has its emulator and its frontend run on it; one that does not, has
    them run on real time.
    """
    from .testing import FakeClock

    if request.node.stash.get(_ON_REAL_TIME, False):
        pytest.fail("arr_clock was asked for when arr_emulator ran on real time already; name it "
                    "among the arguments of the test, or of the fixture that uses arr_emulator",
                    pytrace=False)
    return FakeClock()


def _clock_of(request: pytest.FixtureRequest) -> FakeClock | None:
    if "arr_clock" not in request.fixturenames:
        request.node.stash[_ON_REAL_TIME] = True
        return None
    clock: FakeClock = request.getfixturevalue("arr_clock")
    return clock


def _options(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Return what ``arr_emulator`` marks say, of the test, its class and its module."""
    options: dict[str, Any] = {}
    for mark in request.node.iter_markers("arr_emulator"):  # the closest comes first
        if mark.args:
            pytest.fail("arr_emulator takes keyword arguments only, such as startup_seconds=5",
                        pytrace=False)
        options = {**mark.kwargs, **options}
    return options


@pytest.fixture
def arr_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A local service on a free port, where sessions are ready at once; fresh for each test.

    ``@pytest.mark.arr_emulator(startup_seconds=5, ...)`` makes it with other options.
    """
    from .emulator import Emulator

    options = {"startup_seconds": 0, "ingestion_seconds": 0, **_options(request)}
    with Emulator(**{"clock": _clock_of(request), **options}) as emulator:
        yield emulator
    idle = ", ".join(map(repr, emulator.never_struck()))
    if idle:
        warnings.warn(pytest.PytestWarning(
            f"arr_emulator: no request met {idle}; so the test proves less than it seems to"))


@pytest.fixture
def arr_frontend(request: pytest.FixtureRequest, arr_emulator: Emulator) -> Iterator[AzureFrontend]:
    """A frontend for the account of ``arr_emulator``."""
    from . import AzureFrontend, AzureFrontendAccountInfo, SessionLocation

    account = AzureFrontendAccountInfo(arr_emulator.url, arr_emulator.account_id,
                                       arr_emulator.account_key, location=SessionLocation.ignore)
    with AzureFrontend(account, clock=_clock_of(request)) as frontend:
        yield frontend
