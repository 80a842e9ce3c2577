"""What the package brings for pytest, used as a user of it would: each test runs some tests."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from .support.threads import ROOT

pytest_plugins = ["pytester"]

HANDLER_TEST = '''
from arr import ARRRenderingSessionVmSize, CreateRenderingSessionParams

def test_a_second_call_is_refused_while_the_first_is_held(arr_emulator, arr_frontend):
    params = CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1)
    session = arr_frontend.create_rendering_session_async(params).get(20)
    order = []
    held = arr_emulator.hold("GET", "properties")
    first = session.get_rendering_session_properties_async()
    first.completed += lambda op: order.append(f"first {op.status}")
    held.wait_arrived(20)
    second = session.get_rendering_session_properties_async()
    second.completed += lambda op: order.append(f"second {op.status}")
    assert second.wait(20)
    held.release()
    assert first.wait(20)
    assert order == ["second AlreadyExists", "first Success"]
'''

CLOCK_TEST = '''
from arr import ARRRenderingSessionStatus, ARRRenderingSessionVmSize, CreateRenderingSessionParams

def test_the_lease_runs_out(arr_clock, arr_emulator, arr_frontend):
    params = CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1)
    session = arr_frontend.create_rendering_session_async(params).get(20)
    session.get_rendering_session_properties_async().get(20)
    assert session.status == ARRRenderingSessionStatus.Ready
    arr_clock.advance(3700)
    session.get_rendering_session_properties_async().get(20)
    assert session.status == ARRRenderingSessionStatus.Expired

def test_the_next_test_has_a_fresh_service(arr_emulator, arr_frontend):
    assert arr_frontend.get_current_rendering_sessions_async().get(20) == []
'''


class Runner:
    """Runs the text of a test file in this process, with the package's plugin, once."""

    def __init__(self, pytester: pytest.Pytester, request: pytest.FixtureRequest) -> None:
        self._pytester = pytester
        # Named where the package runs from a checkout, so that no entry point does it.
        installed = request.config.pluginmanager.hasplugin("arr")
        self.arguments = [] if installed else ["-p", "arr.pytest_plugin"]

    def __call__(self, text: str, *arguments: str, **outcomes: int) -> str:
        """Run the tests, check how many did what, and return what pytest printed."""
        self._pytester.makepyfile("from arr import *\n" + textwrap.dedent(text))
        result = self._pytester.runpytest_inprocess("--strict-markers", *self.arguments,
                                                    *arguments)
        result.assert_outcomes(**outcomes)
        return str(result.stdout)


@pytest.fixture
def run(pytester: pytest.Pytester, request: pytest.FixtureRequest) -> Runner:
    return Runner(pytester, request)


@pytest.mark.parametrize("text, passed", [(HANDLER_TEST, 1), (CLOCK_TEST, 2)])
def test_fixtures_serve_a_test_of_handlers(run: Runner, text: str, passed: int) -> None:
    run(text, passed=passed)


# -- handlers that fail ----------------------------------------------------------------------------

FAILS = '''
import pytest

def fails(done):
    number = 3
    assert number == 4

def calls(frontend, handler):
    operation = frontend.get_current_rendering_sessions_async()
    operation.completed += handler
    assert operation.wait(20)
'''


def test_an_assert_that_fails_in_a_handler_fails_the_test_and_no_other(run: Runner) -> None:
    text = run(FAILS + '''
def test_before(arr_frontend):
    calls(arr_frontend, lambda done: None)

def test_mine(arr_frontend):
    calls(arr_frontend, fails)

def test_after(arr_frontend):
    calls(arr_frontend, lambda done: None)
''', passed=2, failed=1)
    assert "\na handler failed during this test" in text and "___ test_mine ___" in text
    assert "in fails" in text and "assert 3 == 4" in text and "on arr-worker-" in text


FRONTEND_OF_ITS_OWN = '''
import arr.emulator

def test_mine():
    with arr.emulator.Emulator() as emulator:
        account = AzureFrontendAccountInfo(emulator.url, emulator.account_id,
                                           emulator.account_key, location=SessionLocation.ignore)
        with AzureFrontend(account) as frontend:
            calls(frontend, fails)
'''
CALLBACK = '''
def test_mine(arr_frontend):
    operation = arr_frontend.get_current_rendering_sessions_async(
        lambda context, sessions, number: fails(context))
    assert operation.wait(20)
'''
TASK = '''
def test_mine(arr_frontend):
    operation = arr_frontend.get_current_rendering_sessions_async()
    operation.as_task().add_done_callback(fails)
    assert operation.wait(20)
'''
PROGRESS = '''
def test_mine(arr_frontend):
    wait = arr_frontend.wait_for_ingestion_async("x", interval=0.01)
    wait.progress_changed += fails
    assert wait.wait(20)
'''
POSTED = '''
def test_mine():
    dispatcher = Dispatcher()
    dispatcher.post(fails, None)
    assert dispatcher.pump() == 1
'''
BOUND = '''
def test_mine(arr_frontend):
    dispatcher = Dispatcher()
    calls(arr_frontend, dispatcher.bind(fails))
    assert dispatcher.pump() == 1
'''
MANUAL = '''
from arr.testing import ManualExecutor

def test_mine(arr_emulator):
    account = AzureFrontendAccountInfo(arr_emulator.url, arr_emulator.account_id,
                                       arr_emulator.account_key, location=SessionLocation.ignore)
    executor = ManualExecutor()
    with AzureFrontend(account, executor=executor) as frontend:
        frontend.get_current_rendering_sessions_async().completed += fails
        assert executor.run_all()
'''
FIXTURE = '''
@pytest.fixture
def called(arr_frontend):
    calls(arr_frontend, fails)

def test_mine(called):
    pass
'''
EXITS = '''
import sys

def test_mine(arr_frontend):
    calls(arr_frontend, lambda done: sys.exit())
'''
UNITTEST = '''
import unittest

class TestMine(unittest.TestCase):
    def test_mine(self):
        dispatcher = Dispatcher()
        dispatcher.post(fails, None)
        dispatcher.pump()
'''
ASYNC = '''
import asyncio

async def main(frontend):
    gone = asyncio.Event()

    async def handler(done):
        try:
            fails(done)
        finally:
            gone.set()

    frontend.get_current_rendering_sessions_async().completed += handler
    await gone.wait()

def test_mine(arr_frontend):
    asyncio.run(main(arr_frontend))
'''


@pytest.mark.parametrize("text", [
    FRONTEND_OF_ITS_OWN, CALLBACK, TASK, PROGRESS, POSTED, BOUND, MANUAL, FIXTURE, EXITS, UNITTEST,
    ASYNC], ids=["own frontend", "callback", "task", "progress", "posted", "bound", "manual",
                 "fixture", "exits", "unittest", "async"])
def test_every_handler_of_the_process_counts(run: Runner, text: str) -> None:
    assert "\na handler failed during this test" in run(FAILS + text, failed=1)


def test_a_test_that_fails_by_itself_shows_its_handlers_too(run: Runner) -> None:
    text = run(FAILS + '''
def test_mine(arr_frontend):
    calls(arr_frontend, fails)
    assert "the test" == "itself"
''', failed=1)
    assert "assert 'the test' == 'itself'" in text and "Handlers that failed" in text
    assert "in fails" in text


def test_a_test_that_is_skipped_in_the_middle_tells_of_its_handlers(run: Runner) -> None:
    run(FAILS + '''
def test_mine(arr_frontend):
    calls(arr_frontend, fails)
    pytest.skip("enough")
''', skipped=1, errors=1)


def test_an_expected_failure_may_be_that_of_a_handler(run: Runner) -> None:
    run(FAILS + '''
@pytest.mark.xfail(strict=True)
def test_mine(arr_frontend):
    calls(arr_frontend, fails)

@pytest.mark.xfail(strict=True)
def test_both(arr_frontend):
    calls(arr_frontend, fails)
    assert 0
''', xfailed=2)


def test_what_fails_in_a_finalizer_is_an_error_of_that_test(run: Runner) -> None:
    text = run(FAILS + '''
@pytest.fixture
def fixture(arr_frontend):
    yield
    calls(arr_frontend, fails)

def test_mine(fixture):
    pass

def test_next():
    pass
''', passed=2, errors=1)
    assert "ERROR at teardown of test_mine" in text


def test_the_mark_allows_it_for_a_test_and_for_a_class(run: Runner) -> None:
    text = run(FAILS + '''
@pytest.mark.arr_handler_errors_allowed
def test_mine(arr_frontend):
    calls(arr_frontend, fails)

@pytest.mark.arr_handler_errors_allowed
class TestAll:
    def test_too(self, arr_frontend):
        calls(arr_frontend, fails)
''', passed=2)
    assert "warning" not in text


# -- too late --------------------------------------------------------------------------------------

LATE = FAILS + '''
from threading import Event

go, gone = Event(), Event()

def late(done):
    assert go.wait(20)
    gone.set()
    assert 0, "too late"

def let_go(frontend):
    go.set()
    calls(frontend, lambda done: None)
    assert gone.wait(20)
    from arr._runtime.workers import workers
    while workers._busy():
        pass
'''


@pytest.mark.parametrize("arguments", [(), ("-W", "error")], ids=["", "warnings are errors"])
def test_a_failure_after_the_end_of_its_test_is_a_warning_that_names_it(
        run: Runner, arguments: tuple[str, ...]) -> None:
    text = run(LATE + '''
def test_first(arr_frontend):
    arr_frontend.get_current_rendering_sessions_async().completed += late

def test_second(arr_frontend):
    let_go(arr_frontend)
''', *arguments, passed=2, warnings=1)
    assert "a handler failed after " in text and "::test_first had ended" in text
    assert "AssertionError: too late" in text


def test_a_call_that_ends_after_its_test_is_not_charged_to_the_next(run: Runner) -> None:
    text = run(LATE + '''
@pytest.fixture(scope="module")
def emulator():
    from arr.emulator import Emulator
    with Emulator() as emulator:
        yield emulator

@pytest.fixture(scope="module")
def frontend(emulator):
    account = AzureFrontendAccountInfo(emulator.url, emulator.account_id, emulator.account_key,
                                       location=SessionLocation.ignore)
    with AzureFrontend(account) as frontend:
        yield frontend

def test_first(emulator, frontend):
    global held
    held = emulator.hold("GET", "sessions")
    frontend.get_current_rendering_sessions_async().completed += late
    assert held.wait_arrived(20)

def test_second(frontend):
    held.release()
    let_go(frontend)
''', passed=2, warnings=1)
    assert "::test_first had ended" in text


def test_what_a_late_handler_begins_belongs_to_its_test_too(run: Runner) -> None:
    """The usual chain: a handler makes the next call, and its handler the one after that."""
    text = run(LATE + '''
frontends = []

def test_first(arr_frontend):
    def links(done):
        assert go.wait(20)
        frontends[1].get_current_rendering_sessions_async().completed += late
    frontends.append(arr_frontend)
    arr_frontend.get_current_rendering_sessions_async().completed += links

def test_second(arr_frontend):
    frontends.append(arr_frontend)
    let_go(arr_frontend)
''', passed=2, warnings=1)
    assert "::test_first had ended" in text


def test_an_async_handler_belongs_to_the_test_that_subscribed_it(run: Runner) -> None:
    text = run(FAILS + '''
import asyncio

loop, gone = asyncio.new_event_loop(), []

async def handler(done):
    gone.append(done)
    await asyncio.sleep(0)
    fails(done)

async def subscribe(frontend):
    frontend.get_current_rendering_sessions_async().completed += handler

async def until_gone():
    tasks = set()
    while not gone or tasks:
        await asyncio.sleep(0)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}

def test_first(arr_frontend):
    loop.run_until_complete(subscribe(arr_frontend))

def test_second():
    loop.run_until_complete(until_gone())
    loop.close()
''', passed=2, warnings=1)
    assert "::test_first had ended" in text


def test_a_session_inside_a_test_takes_none_of_its_failures(run: Runner) -> None:
    text = run(LATE + f'''
import threading

INSIDE = """
import threading

def test_inside():
    threading.go.set()
    assert threading.gone.wait(20)
    from arr._runtime.workers import workers
    while workers._busy():
        pass
"""

def test_around(arr_frontend, tmp_path):
    threading.go, threading.gone = go, gone
    arr_frontend.get_current_rendering_sessions_async().completed += late
    (tmp_path / "test_inside.py").write_text(INSIDE)
    assert pytest.main([str(tmp_path), *{run.arguments}]) == 0
    go.clear()
    arr_frontend.get_current_rendering_sessions_async().completed += late

def test_after(arr_frontend):
    gone.clear()
    let_go(arr_frontend)
''', passed=1, failed=1, warnings=1)
    assert "___ test_around ___" in text and "::test_around had ended" in text


def test_an_event_that_outlives_the_test_that_subscribed_names_it(run: Runner) -> None:
    text = run(FAILS + '''
def handler(*event):
    fails(event)

def test_first():
    RemoteManager.connection_status_changed += handler

def test_second(arr_frontend):
    try:
        assert RemoteManager.connect("example.com", arr_frontend) == ARRResult.Success
        RemoteManager.update()
    finally:
        RemoteManager.connection_status_changed -= handler
        RemoteManager.disconnect()
        RemoteManager.shutdown_manager()
''', passed=2, warnings=2)
    assert "::test_first had ended" in text


def test_a_handler_of_a_wider_fixture_counts_where_it_fails(run: Runner) -> None:
    text = run(FAILS + '''
@pytest.fixture(scope="module")
def held():
    from arr.emulator import Emulator
    with Emulator() as emulator:
        account = AzureFrontendAccountInfo(emulator.url, emulator.account_id,
                                           emulator.account_key, location=SessionLocation.ignore)
        with AzureFrontend(account) as frontend:
            held = emulator.hold("GET", "sessions")
            operation = frontend.get_current_rendering_sessions_async()
            operation.completed += fails
            assert held.wait_arrived(20)
            yield held, operation

def test_first(held):
    pass

def test_second(held):
    held[0].release()
    assert held[1].wait(20)
''', passed=1, failed=1)
    assert "___ test_second ___" in text


def test_a_bound_handler_counts_where_it_runs(run: Runner) -> None:
    text = run(FAILS + '''
dispatcher = Dispatcher()

def test_first(arr_frontend):
    calls(arr_frontend, dispatcher.bind(fails))

def test_second():
    assert dispatcher.pump() == 1
''', passed=1, failed=1)
    assert "___ test_second ___" in text


def test_the_last_test_is_named_too(run: Runner, pytester: pytest.Pytester) -> None:
    pytester.makeconftest(textwrap.dedent('''
        import pytest

        @pytest.hookimpl(tryfirst=True)
        def pytest_sessionfinish(session):
            import test_the_last_test_is_named_too as test
            test.go.set()
            assert test.gone.wait(20)
            from arr._runtime.workers import workers
            while workers._busy():
                pass
        '''))
    text = run(LATE + '''
def test_only(arr_frontend):
    arr_frontend.get_current_rendering_sessions_async().completed += late
''', passed=1, warnings=1)
    assert "::test_only had ended" in text


# -- handler_errors --------------------------------------------------------------------------------

def test_handler_errors_catches_what_then_fails_no_test(run: Runner) -> None:
    run(FAILS + '''
from arr.testing import handler_errors

def test_mine(arr_frontend):
    with handler_errors() as errors:
        calls(arr_frontend, fails)
        with handler_errors() as inner:
            calls(arr_frontend, fails)
    (handler, error), = errors
    assert handler is fails and "assert 3 == 4" in str(error) and len(inner) == 1
    assert error.__traceback__ is not None

def test_after_the_block(arr_frontend):
    with handler_errors():
        pass
    calls(arr_frontend, fails)
''', passed=1, failed=1)


def test_handler_errors_leaves_what_an_earlier_test_left_behind(run: Runner) -> None:
    text = run(LATE + '''
from arr.testing import handler_errors

def test_first(arr_frontend):
    arr_frontend.get_current_rendering_sessions_async().completed += late

def test_second(arr_frontend):
    with handler_errors() as errors:
        let_go(arr_frontend)
    assert errors == []
''', passed=2, warnings=1)
    assert "::test_first had ended" in text


def test_handler_errors_works_without_pytest() -> None:
    code = """
        import logging, sys
        logging.disable()
        from arr import Dispatcher
        from arr.testing import handler_errors
        from arr._runtime import events
        dispatcher = Dispatcher()
        dispatcher.post(int, "x")
        dispatcher.post(int, "y")
        with handler_errors() as errors:
            dispatcher.pump(1)
        dispatcher.pump()
        print([(handler.__name__, str(error)[-3:]) for handler, error in errors], events.watches,
              "pytest" in sys.modules)
        """
    found = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True,
                           text=True, timeout=60, check=True, cwd=str(ROOT))
    assert found.stdout.strip() == """[('int', "'x'")] [] False"""


# -- fixtures that can be configured ---------------------------------------------------------------

def test_the_emulator_is_made_with_the_options_of_its_marks(run: Runner) -> None:
    run('''
import pytest

SMALL = CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1)
pytestmark = pytest.mark.arr_emulator(startup_seconds=20)

@pytest.mark.arr_emulator(token_seconds=7)
class TestOptions:
    def test_of_module_and_class(self, arr_clock, arr_emulator, arr_frontend):
        session = arr_frontend.create_rendering_session_async(SMALL).get(20)
        arr_clock.advance(19)
        assert str(session.get_rendering_session_properties_async().get(20).status) == "Starting"
        arr_clock.advance(1)
        assert str(session.get_rendering_session_properties_async().get(20).status) == "Ready"
        assert len([1 for each in arr_emulator.requests() if each["path"].endswith("token")]) > 1

    @pytest.mark.arr_emulator(startup_seconds=0)
    def test_the_closest_wins(self, arr_frontend):
        session = arr_frontend.create_rendering_session_async(SMALL).get(20)
        assert str(session.get_rendering_session_properties_async().get(20).status) == "Ready"
''', passed=2)


def test_by_default_neither_sessions_nor_ingestions_take_time(run: Runner) -> None:
    run('''
import pytest

@pytest.mark.arr_emulator(ingest=lambda *arguments, **options: 1 // 0)
def test_mine(arr_clock, arr_emulator, arr_frontend):
    session = arr_frontend.create_rendering_session_async(
        CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1)).get(20)
    assert str(session.get_rendering_session_properties_async().get(20).status) == "Ready"
    model = IngestAssetParams("a.glb", "file:///in", "file:///out")
    asset_id = arr_frontend.start_asset_ingestion_async(model).get(20)
    assert arr_emulator.wait_ingestions(20)
    assert str(arr_frontend.get_ingestion_status_async(asset_id).get(20)) == "Failure"
''', passed=1)


@pytest.mark.parametrize("options, says", [
    ("startup_second=5", "startup_second"), ("5", "keyword arguments only"),
    ("startup_seconds=-1", "startup_seconds")])
def test_a_wrong_option_is_an_error_that_names_it(run: Runner, options: str, says: str) -> None:
    text = run(f'''
import pytest

@pytest.mark.arr_emulator({options})
def test_mine(arr_emulator):
    pass
''', errors=1)
    assert says in text


@pytest.mark.parametrize("arguments", [
    "arr_emulator, arr_clock", "arr_clock, arr_emulator", "arr_frontend, arr_clock",
    "mine, arr_clock, arr_emulator"])
def test_the_clock_may_stand_anywhere_among_the_arguments(run: Runner, arguments: str) -> None:
    run(f'''
import pytest

@pytest.fixture
def mine(request):
    return request.getfixturevalue("arr_emulator")

def test_mine({arguments}, request):
    assert request.getfixturevalue("arr_emulator").clock is arr_clock
''', passed=1)


@pytest.mark.parametrize("fixture", ["arr_emulator", "arr_frontend"])
def test_a_clock_that_comes_too_late_is_an_error(run: Runner, fixture: str) -> None:
    text = run(f'''
def test_mine({fixture}, request):
    request.getfixturevalue("arr_clock")
''', failed=1)
    assert "arr_clock was asked for when arr_emulator ran on real time already" in text


# -- faults and holds ------------------------------------------------------------------------------

def test_a_hold_or_fault_that_no_request_met_is_a_warning(run: Runner) -> None:
    text = run('''
def test_idle(arr_emulator):
    with arr_emulator.hold("GET", "properties"):
        pass
    arr_emulator.add_fault("DELETE", status=500).remove()

def test_struck(arr_emulator, arr_frontend):
    arr_emulator.add_fault("GET", "sessions", status=500, times=1)
    with arr_emulator.hold("GET", "token") as held:
        operation = arr_frontend.get_current_rendering_sessions_async()
        assert held.wait_arrived(20)
    assert operation.wait(20)
''', "-W", "default", passed=2, warnings=1)
    assert "::test_idle" in text and "::test_struck" not in text.partition("warnings summary")[2]
    assert "no request met <Hold GET properties: 0 of 1 taken, released>" in text
    assert "<Fault 1: DELETE *, status=500, fired 0 times>" in text


def test_a_misspelt_attribute_of_the_emulator_is_an_error(run: Runner) -> None:
    text = run('''
def test_mine(arr_emulator):
    arr_emulator.startup_seconds = 5
''', failed=1)
    assert "AttributeError: 'Emulator' object has no attribute 'startup_seconds'" in text


# -- what it loads ---------------------------------------------------------------------------------

def test_the_plugin_alone_loads_nothing_but_itself() -> None:
    code = ("import sys, pytest, arr; before = set(sys.modules); import arr.pytest_plugin; "
            "print(sorted(set(sys.modules) - before))")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                           timeout=60, check=True, cwd=str(ROOT))
    assert found.stdout.strip() == "['arr.pytest_plugin']"


def test_a_session_without_fixtures_loads_the_watch_and_nothing_else(
        pytester: pytest.Pytester, run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile('''
import sys

def test_mine():
    loaded = {name for name in sys.modules if name == "arr" or name.startswith("arr.")}
    for name in loaded:
        del sys.modules[name]
    import arr
    bare = {name for name in sys.modules if name == "arr" or name.startswith("arr.")}
    assert loaded - bare == {"arr.pytest_plugin", "arr._runtime.failures"}
''')
    result = pytester.runpytest_subprocess(*run.arguments)
    result.assert_outcomes(passed=1)
