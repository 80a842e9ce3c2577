"""The fixtures that the package brings for pytest, used as a user of them would."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytest_plugins = ["pytester"]

HANDLER_TEST = '''
from arr import ARRRenderingSessionVmSize, CreateRenderingSessionParams

def test_a_second_call_is_refused_while_the_first_is_held(arr_emulator, arr_frontend):
    params = CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1)
    session = arr_frontend.create_rendering_session_async(params).get(5)
    order = []
    held = arr_emulator.hold("GET", "properties")
    first = session.get_rendering_session_properties_async()
    first.completed += lambda op: order.append(f"first {op.status}")
    held.wait_arrived(5)
    second = session.get_rendering_session_properties_async()
    second.completed += lambda op: order.append(f"second {op.status}")
    assert second.wait(5)
    held.release()
    assert first.wait(5)
    assert order == ["second AlreadyExists", "first Success"]
'''

CLOCK_TEST = '''
from arr import ARRRenderingSessionStatus, ARRRenderingSessionVmSize, CreateRenderingSessionParams

def test_the_lease_runs_out(arr_clock, arr_emulator, arr_frontend):
    params = CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1)
    session = arr_frontend.create_rendering_session_async(params).get(5)
    session.get_rendering_session_properties_async().get(5)
    assert session.status == ARRRenderingSessionStatus.Ready
    arr_clock.advance(3700)
    session.get_rendering_session_properties_async().get(5)
    assert session.status == ARRRenderingSessionStatus.Expired

def test_the_next_test_has_a_fresh_service(arr_emulator, arr_frontend):
    assert arr_frontend.get_current_rendering_sessions_async().get(5) == []
'''


def _plugin_arguments(config: pytest.Config) -> list[str]:
    """Name the plugin where the package runs from a checkout, so that no entry point does."""
    return [] if config.pluginmanager.hasplugin("arr") else ["-p", "arr.pytest_plugin"]


@pytest.mark.parametrize("text, passed", [(HANDLER_TEST, 1), (CLOCK_TEST, 2)])
def test_fixtures_serve_a_test_of_handlers(
        pytester: pytest.Pytester, request: pytest.FixtureRequest, text: str, passed: int) -> None:
    pytester.makepyfile(text)
    result = pytester.runpytest_inprocess(*_plugin_arguments(request.config))
    result.assert_outcomes(passed=passed)


def test_the_plugin_alone_loads_neither_requests_nor_the_emulator() -> None:
    code = ("import sys, arr.pytest_plugin; "
            "print(sorted({'requests', 'urllib3', 'ssl', 'arr.emulator', 'arr.testing'}"
            " & set(sys.modules)))")
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
                           timeout=60, check=True)
    assert found.stdout.strip() == "[]"
