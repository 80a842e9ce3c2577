"""The inspector in a real browser, reached by the file that the client writes."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

from arr import (ARRRenderingSessionVmSize, ARRResult, AzureFrontend, AzureFrontendAccountInfo,
                 AzureSession, CreateRenderingSessionParams, SessionLocation,
                 UpdateRenderingSessionParams)
from arr.emulator import Emulator

from ...support.browser import HOSTILE, LIMIT, Browser, hosts, unharmed
from ...support.emulator import good_ingest

SPACE = " "


@pytest.fixture
def service() -> Iterator[Emulator]:
    with Emulator(startup_seconds=0, ingest=good_ingest) as emulator:
        yield emulator


@pytest.fixture
def frontend(service: Emulator, tmp_path: Path,
             monkeypatch: pytest.MonkeyPatch) -> Iterator[AzureFrontend]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    account = AzureFrontendAccountInfo(
        service.url, service.account_id, account_key=service.account_key,
        location=SessionLocation.ignore)
    with AzureFrontend(account) as frontend:
        yield frontend


@pytest.fixture
def session(frontend: AzureFrontend) -> AzureSession:
    params = CreateRenderingSessionParams(ARRRenderingSessionVmSize.Standard, 4)
    session = frontend.create_rendering_session_async(params).get(LIMIT)
    session.get_rendering_session_properties_async().get(LIMIT)
    return session


def ask(session: AzureSession) -> None:
    assert session.get_rendering_session_properties_async().wait(LIMIT)


@pytest.fixture
def token(session: AzureSession, browser: Browser) -> str:
    """Open the inspector through its file, as a person would; return the token in that file."""
    path = Path(session.connect_to_arr_inspector_async().get(LIMIT))
    browser.leave()
    browser.open(path.as_uri())
    browser.wait(lambda: browser.url.startswith("http:"), "the file leads to the page")
    browser.wait_text("#status", "Ready")
    browser.hurry()
    found = re.search(r'name="token" value="([^"]+)"', path.read_text(encoding="utf-8"))
    assert found is not None
    return found.group(1)


@pytest.mark.usefixtures("token")
def test_the_file_leads_to_the_live_page_and_its_numbers_move(
        session: AzureSession, service: Emulator, browser: Browser) -> None:
    port = service.url.rpartition(":")[2]
    assert browser.url == f"http://{session.session_uuid}.localhost:{port}/"
    assert browser.text("#session") == session.session_uuid
    assert browser.text("#size") == "standard"
    left = browser.text("#left")
    assert re.fullmatch(r"[34]:[0-9]{2}:[0-9]{2}", left)
    assert browser.run("return $('track').getAttribute('aria-valuenow')") == "100"  # as the text
    browser.wait(lambda: browser.text("#left") != left, "the lease runs")
    total = browser.number("#total")
    for _ in range(3):
        ask(session)
    browser.wait(lambda: browser.number("#total") == total + 3, "the requests are counted")
    browser.wait(lambda: browser.number("#rate-max") >= 1, "the most requests a second")
    assert browser.number("#latency-min") <= browser.number("#latency-max")
    assert browser.number("#rate-min") == 0 and browser.number("#latency-now") > 0
    drawn = browser.run("return [...document.querySelectorAll('.bars, .mean')]"
                        ".map(path => path.getAttribute('d').length)")
    assert drawn[0] > 10 and drawn[1] == 0 and drawn[2] > 5
    assert "maximum" in browser.run(
        "return document.querySelector('#latency').getAttribute('aria-label')")


def test_the_token_is_in_no_url_and_in_no_store(
        session: AzureSession, service: Emulator, browser: Browser, token: str) -> None:
    total = browser.number("#total")
    ask(session)
    browser.wait(lambda: browser.number("#total") > total, "the page has asked again")
    urls = browser.requested()
    port = service.url.rpartition(":")[2]
    assert hosts(urls) == {f"{session.session_uuid}.localhost:{port}"}
    assert not [url for url in [*urls, browser.url] if token in url or "token=" in url]
    kept = browser.run("return JSON.stringify([{...localStorage}, {...sessionStorage}, "
                       "document.cookie, name, history.state, Object.keys(window)])")
    assert token not in kept and token not in browser.run(
        "return document.documentElement.outerHTML")
    assert browser.complaints() == []


@pytest.mark.usefixtures("token")
def test_pause_holds_the_page_still(session: AzureSession, browser: Browser) -> None:
    total = browser.number("#total") + 1
    ask(session)
    browser.wait(lambda: browser.number("#total") == total, "it runs")
    browser.press(SPACE)
    browser.wait_text("#live", "paused")
    assert browser.text("#pause") == "Resume"
    ask(session)
    assert not browser.asks() and browser.number("#total") == total
    browser.click("#pause")
    browser.wait(lambda: browser.number("#total") == total + 1, "it goes on")
    browser.run("document.activeElement.blur()")
    browser.press("?")
    browser.wait(lambda: browser.run("return document.querySelector('#keys').open"), "the help")
    browser.click("#keys button")


@pytest.mark.usefixtures("token")
def test_a_hidden_page_does_not_ask(session: AzureSession, browser: Browser) -> None:
    hide = "Object.defineProperty(document, 'hidden', {configurable: true, get: () => %s});"
    browser.wait(browser.asks, "it asks")
    browser.run(hide % "true")
    browser.wait(lambda: not browser.asks(), "it stops")
    total = browser.number("#total")
    ask(session)
    assert not browser.asks() and browser.number("#total") == total
    browser.run(hide % "false" + "document.dispatchEvent(new Event('visibilitychange'))")
    browser.wait(lambda: browser.number("#total") > total, "it asks again")


@pytest.mark.usefixtures("token")
def test_events_show_requests_changes_of_lease_and_state_and_faults(
        session: AzureSession, service: Emulator, browser: Browser) -> None:
    service.add_fault("GET", "properties", status=500, times=1)
    ask(session)
    assert session.update_rendering_session_async(
        UpdateRenderingSessionParams(5)).get(LIMIT) is ARRResult.Success
    browser.wait_text("#events", "longer: 4:00:00 became 5:00:00")
    assert "Fault 1" in browser.text("#events") and "500" in browser.text("#events")
    assert browser.run("return document.querySelectorAll('#marks > i').length") == 1
    browser.press("f")
    browser.wait(lambda: "properties" in browser.text("#events")
                 and "longer" not in browser.text("#events"), "requests only")
    browser.press("f")
    browser.wait(lambda: "longer" in browser.text("#events")
                 and "properties" not in browser.text("#events"), "changes only")
    browser.press("f")
    browser.wait(lambda: browser.run(
        "return document.querySelector('#events').children.length") == 1, "faults only")


@pytest.mark.usefixtures("token")
def test_the_end_of_the_session_is_said(session: AzureSession, browser: Browser) -> None:
    session.stop_rendering_session_async().get(LIMIT)
    browser.wait_text("#ended", "The session has ended: Stopped")
    assert browser.text("#status") == "Stopped"
    assert "It was stopped." in browser.text("#events")
    assert browser.text("#hostname") == "none: the session has ended"


@pytest.mark.usefixtures("token")
def test_the_end_of_the_token_is_said(service: Emulator, browser: Browser) -> None:
    service.advance(86_401)
    browser.wait_text("#trouble", "The token is no longer valid")
    assert not browser.asks()


@pytest.mark.usefixtures("token")
def test_a_reset_and_a_restart_are_said(service: Emulator, browser: Browser) -> None:
    service.stop()
    browser.wait_text("#trouble", "The emulator does not answer")
    service.start()
    browser.wait(lambda: browser.text("#trouble") == "", "it has come back")
    service.reset()
    browser.wait_text("#trouble", "no longer knows this session")


@pytest.mark.usefixtures("token")
def test_a_hostile_message_is_text(session: AzureSession, service: Emulator,
                                   browser: Browser) -> None:
    service.fail_session(session.session_uuid, HOSTILE)
    assert browser.wait_text("#message", "onerror") == HOSTILE
    assert HOSTILE in browser.text("#events")
    unharmed(browser)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.usefixtures("token")
def test_it_fits_a_phone_and_can_be_read(browser: Browser, theme: str) -> None:
    browser.check_layout(theme)
