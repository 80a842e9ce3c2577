"""The pages over https, in a real browser."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from arr import AzureFrontend, AzureFrontendAccountInfo, SessionLocation
from arr.emulator import Emulator

from ...support.browser import LIMIT, Browser, hosts
from ...support.tls import TlsClient


def test_the_dashboards_buttons_act_over_https(browser: Browser, tls_emulator: Emulator,
                                               tls_client: TlsClient) -> None:
    session_id = tls_client.create("small", "1:0:0")
    browser.leave()
    browser.open(tls_emulator.https_url + "/")
    browser.wait_text("#sessions .row", session_id)
    assert f'account.AccountDomain = "{tls_emulator.https_url}"' in browser.text("body")
    browser.hurry()
    browser.click("#sessions .row .acts button:nth-child(1)")
    browser.wait_text("#notice", "30 minutes more")
    assert tls_client.properties(session_id)["sessionMaxLeaseTime"] == "01:30:00"
    assert hosts(browser.requested()) == {f"127.0.0.1:{tls_client.port}"}
    assert browser.complaints() == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_inspector_of_an_emulator_with_tls(
        browser: Browser, tls_emulator: Emulator, tls_client: TlsClient, scheme: str,
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = tls_client.create("small", "1:0:0")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    account = AzureFrontendAccountInfo(
        tls_emulator.url, tls_emulator.account_id, account_key=tls_emulator.account_key,
        location=SessionLocation.ignore)
    tls_emulator.advance(60)
    with AzureFrontend(account) as frontend:
        session = frontend.open_rendering_session(session_id)
        session.get_rendering_session_properties_async().get(LIMIT)
        page = Path(session.connect_to_arr_inspector_async().get(LIMIT))
    text = page.read_text("utf-8")
    action = f'action="http://{session_id}.localhost:{tls_client.port}/"'
    assert action in text
    page.write_text(text.replace(action, action.replace("http", scheme)), "utf-8")
    browser.leave()
    browser.open(page.as_uri())
    browser.wait_text("#status", "Ready")
    assert browser.url == f"{scheme}://{session_id}.localhost:{tls_client.port}/"
    browser.hurry()
    total = browser.number("#total")
    tls_client.properties(session_id)
    browser.wait(lambda: browser.number("#total") == total + 1, "the requests are counted")
    assert browser.complaints() == []
