"""The dashboard in a real browser: what it shows, and that its buttons act."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Iterator, Optional, Sequence
from urllib.parse import quote

import pytest

from arr.emulator import Emulator
from arr.emulator._ingestion.pipeline import IngestionError
from arr.emulator._service.ingestions import Report

from ...support import golden_later
from ...support.browser import HOSTILE, LIMIT, Browser, hosts, unharmed
from ...support.emulator import Client, Client2021, Summary

ROW = "#sessions .row"


class Ingest:
    """A pipeline that fails, waits or succeeds by the name of the model."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, model_name: str, model_url: str, asset_container_url: str, *,
                 container_root: Optional[Path], allowed_hosts: Sequence[str],
                 report: Report, **more: str) -> Summary:
        report(0.25, f"reading {model_name}")
        if model_name.startswith("slow"):
            assert self.go_on.wait(LIMIT)
        elif model_name != "good.glb":
            raise IngestionError(f"{model_name} is no model")
        return Summary()


@pytest.fixture
def ingest() -> Iterator[Ingest]:
    ingest = Ingest()
    yield ingest
    ingest.go_on.set()


@pytest.fixture
def emulator(ingest: Ingest) -> Iterator[Emulator]:
    with Emulator(startup_seconds=0, ingestion_seconds=0, ingest=ingest) as emulator:
        yield emulator


@pytest.fixture
def page(emulator: Emulator, browser: Browser) -> Browser:
    browser.leave()
    browser.open(emulator.url + "/")
    browser.wait_text("#live", "live")
    browser.hurry()
    return browser


def ingestion(client: Client, name: str) -> None:
    answer = client.call("POST", "/models/create", {
        "modelName": name, "modelUrl": "file:///in", "assetContainerUrl": "file:///out"})
    assert answer.status == 200


def only_session(emulator: Emulator) -> dict[str, object]:
    sessions = emulator.state()["sessions"]
    assert len(sessions) == 1
    found: dict[str, object] = sessions[0]
    return found


def test_an_empty_emulator_says_how_to_connect(page: Browser, emulator: Emulator) -> None:
    shown = page.run("return document.body.innerText")
    for text in ("No sessions yet", "No ingestions yet", "No requests yet",
                 f'account.AccountDomain = "{emulator.url}"', emulator.account_id):
        assert text in shown
    program = page.text("#how")
    assert emulator.account_key in program  # everybody knows it
    said: dict[str, Any] = {}
    exec(program.replace("print(", "said = ("), said)  # it is complete: it runs as it stands
    assert said["said"] == []


def test_a_key_of_ones_own_is_not_shown(browser: Browser) -> None:
    with Emulator(account_key="mine-alone") as emulator:
        browser.leave()
        browser.open(emulator.url + "/")
        assert 'AccountKey = "..."' in browser.text("#how")
        assert "mine-alone" not in browser.run("return document.documentElement.outerHTML")


def test_sessions_ingestions_and_requests_appear_by_themselves(
        page: Browser, client: Client, emulator: Emulator) -> None:
    session_id = client.create("big", "2:0:0")
    client.status(session_id)
    for name in ("good.glb", "slow.glb", "bad.glb"):
        ingestion(client, name)
    page.wait_text(ROW, session_id)
    assert "Ready" in page.text(ROW) and "big" in page.text(ROW)
    left = page.text(ROW)
    page.wait(lambda: page.text(ROW) != left, "the lease runs")
    page.wait_text("#ingestions", "bad.glb is no model")
    page.wait_text("#ingestions", "25 % · reading slow.glb")
    assert page.wait_text("#n-ingestions", "1 succeeded, 1 failed") and page.number(
        "#n-running") == 1
    assert page.wait_text("#n-sessions", "1 ready") and page.number("#n-live") == 1
    requests = page.wait_text("#requests", "/models/create")
    assert f"GET /sessions/{session_id[:8]}…/properties" in requests
    assert page.wait_text("#n-requests", "6 in all")
    assert hosts(page.requested()) == {f"127.0.0.1:{client.port}"} and page.complaints() == []


def test_extend_stop_and_fail_act_on_their_session(
        page: Browser, client: Client, emulator: Emulator) -> None:
    session_id = client.create("small", "1:0:0")
    page.wait_text(ROW, session_id)
    page.click(f"{ROW} .acts button:nth-child(1)")
    page.wait_text("#notice", "30 minutes more")
    assert only_session(emulator)["lease_seconds"] == 5400
    page.wait_text(ROW, "left of 1:30:00")
    page.click(f"{ROW} .acts button:nth-child(3)")
    page.click("#ask-yes")
    page.wait_text(ROW, "Stopped")
    assert client.status(session_id) == "Stopped"
    assert page.run(f"return document.querySelector('{ROW} .acts').hidden")
    other = client.create()
    page.wait_text(ROW, other)
    page.click(f"{ROW} .acts button:nth-child(2)")
    page.wait(lambda: page.run("return document.querySelector('#ask').open"), "a question")
    page.write("#ask-input", "out of order")
    page.press("\ue007")  # Enter says yes
    page.wait_text(ROW, "out of order")
    assert client.properties(other)["message"] == "out of order"


def test_eras_and_clients_are_told(page: Browser, client: Client, emulator: Emulator) -> None:
    with Client2021(emulator) as newer:
        newer.put("Mine-" + "x" * 250)
        newer.call("GET", "/sessions", headers={"User-Agent": "azsdk-x/1.0 Python/3 (Linux)"})
        newer.call("GET", "/conversions", headers={
            "User-Agent": "Mozilla/5.0 (Windows NT; en-US) WindowsPowerShell/5.1"})
        newer.call("PUT", "/conversions/run-7", golden_later.ASKED)
    page.wait_text("#requests", "GET /sessions2021-01-01 · azsdk-x/1.0")
    page.wait_text("#requests", "GET /conversions2021-01-01 · WindowsPowerShell/5.1")
    assert "Python/3" not in page.text("#requests") and "Mozilla" not in page.text("#requests")
    assert "GET /token" in page.text("#requests")
    page.wait_text(ROW, "standard · 2021-01-01 · ")
    assert page.run("return document.querySelector('.link').offsetHeight") < 50  # two lines of it
    page.wait_text("#ingestions", "run-7 · 2021-01-01")
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    client.create()
    page.wait_text("#sessions", "small · v1 · ")


def test_the_bars_of_this_second_stay_in_their_tile(page: Browser) -> None:
    high = page.run("""
        const row = (second, requests) => ({second, requests, failed: 0, mean: 1, min: 1, max: 1});
        return fetch("/_emulator/overview").then(reply => reply.json()).then(overview => {
          overview.meter = {now: 9, total: 41, window_seconds: 120,
                            seconds: [row(8, 1), row(9, 40)]};
          show(overview);
          return Math.max(...[...$("rate").children].map(path => path.getBBox().height));
        });""")
    assert high == 28  # as high as the picture, and no higher


def test_a_session_leads_to_its_inspector_and_no_url_has_the_ticket(
        page: Browser, client: Client, emulator: Emulator) -> None:
    with Client2021(emulator) as newer:
        newer.put("Mine")
        host = newer.get("Mine")["hostname"]
        page.wait_text(ROW, "Mine")
        emulator.extend_session("Mine", 30)
        emulator.advance(60)
        page.click(f"{ROW} .link")
        with page.new_tab():
            page.wait_text("#status", "Ready")
            assert page.url == f"http://{host}:{client.port}/"
            assert page.text("#session") == "Mine"
            page.wait_text("#events", "The time was moved forward by 1 min.")
            page.wait_text("#marks", "extended at")
            assert page.complaints() == []
    assert not [each for each in page.requested() if "token" in each or "ey" in each]
    assert page.complaints() == []


def test_an_inspector_that_cannot_be_opened_leaves_no_empty_tab(
        page: Browser, client: Client, emulator: Emulator) -> None:
    client.create()
    page.wait_text(ROW, "Ready")
    page.press(" ")
    page.wait_text("#live", "paused")
    emulator.reset()
    page.click(f"{ROW} .link")
    page.wait_text("#notice", "no session of that GUID")
    page.wait(lambda: len(page.command("GET", "/window/handles")) == 1, "the tab is closed")


def test_the_time_can_be_advanced(page: Browser, client: Client, emulator: Emulator) -> None:
    session_id = client.create("small", "1:0:0")
    before = emulator.clock.time()
    page.click("#steps button:nth-child(2)")
    page.wait_text("#notice", "10 min later")
    assert 600 <= emulator.clock.time() - before < 600 + LIMIT
    page.write("#seconds", "2100")  # 45 of its 60 minutes are over
    page.click("#advance button")
    page.wait_text("#notice", "35 min later")
    share = "return +document.querySelector('.bar').getAttribute('aria-valuenow')"
    page.wait(lambda: 20 < page.run(share) <= 25, "the bar shows what is left")
    page.write("#seconds", "3600")
    page.click("#advance button")
    page.wait_text(ROW, "Expired")
    assert client.status(session_id) == "Expired"
    page.wait_text("#ahead", "ahead of this browser")


def test_faults_are_added_and_cleared(page: Browser, client: Client, emulator: Emulator) -> None:
    session_id = client.create()
    page.click("#more summary")
    page.write("[name=path]", "properties")
    page.write("[name=status]", "418")
    page.write("[name=times]", "2")
    page.write("[name=retry_after]", "7")
    page.click("#fault button")
    page.wait_text("#faults", "properties: status 418, Retry-After 7. Fired 0 of 2 times.")
    answer = client.call("GET", f"/sessions/{session_id}/properties")
    assert (answer.status, answer.headers["Retry-After"]) == (418, "7")
    page.wait_text("#faults", "Fired 1 of 2 times.")
    other = emulator.add_fault("DELETE", "sessions/*", status=500, probability=0.0001)
    page.wait_text("#faults", "0.01 % of the time")
    page.click("#faults button")
    page.click("#ask-yes")
    page.wait_text("#notice", "Fault 1 is gone")
    assert [each["id"] for each in emulator.state()["faults"]] == [other.id]
    emulator.add_fault("GET", "properties", status=500)
    emulator.add_fault("GET", "sessions", status=500)
    page.wait_text("#faults", "status 500")
    page.click("#clear")
    page.click("#ask-yes")
    # Not the text of #no-faults alone: it stands there, hidden, while there are faults, too.
    page.wait_text("#notice", "All faults are gone")
    page.wait_text("#no-faults", "as it should be")
    assert emulator.state()["faults"] == [] and client.status(session_id) == "Ready"


def test_limits_are_set_and_all_is_reset(page: Browser, client: Client,
                                         emulator: Emulator) -> None:
    client.create()
    page.write("#places", "1")
    page.click("#capacity button")
    page.wait_text("#capacity-now", "1")
    page.write("#per-minute", "1000")
    page.click("#throttle button")
    page.wait_text("#throttle-now", "1000")
    state = emulator.state()
    assert (state["throttle_per_minute"], state["capacity"]["big"]) == (1000, 1)
    page.click("#reset")
    page.click("#ask-no")
    page.wait(lambda: not page.run("return document.querySelector('#ask').open"), "no")
    assert len(emulator.state()["sessions"]) == 1
    page.click("#reset")
    page.click("#ask-yes")
    page.wait(lambda: page.run("return !document.querySelector('#no-sessions').hidden"), "empty")
    assert emulator.state()["throttle_per_minute"] is None


def test_what_goes_wrong_is_said_in_words(page: Browser, emulator: Emulator) -> None:
    page.click("#more summary")
    page.write("[name=path]", "/")
    page.click("#fault button")
    page.wait_text("#notice", "names no route")
    emulator.stop()
    page.wait_text("#trouble", "The emulator does not answer")
    emulator.start()
    page.wait(lambda: page.text("#trouble") == "" and page.text("#live") == "live", "it is back")


def test_hostile_texts_are_shown_as_text(page: Browser, client: Client,
                                         emulator: Emulator) -> None:
    session_id = client.create()
    emulator.fail_session(session_id, HOSTILE)
    ingestion(client, HOSTILE)
    pattern = HOSTILE.replace("/", "|") + "/properties"  # as an id, which may be anything
    emulator.add_fault("*", pattern, status=500)
    client.call("GET", "/sessions/" + quote("<img src=x onerror=alert(1)>", safe="") + "/nothing")
    client.call("GET", "/sessions/" + HOSTILE.replace(" ", "%20").replace("/", "|") + "/x",
                headers={"User-Agent": HOSTILE})
    page.wait_text(ROW, HOSTILE)
    page.wait_text("#ingestions", HOSTILE)
    page.wait_text("#faults", pattern)
    page.wait_text("#requests", "onerror=")
    unharmed(page)


def test_two_thousand_sessions_leave_the_page_quick(page: Browser, client: Client) -> None:
    for _ in range(2000):
        last = client.create()
    page.wait_text("#sessions-more", "the newest 100 of 2,000")
    assert page.text("#n-live") == "2,000" and last in page.text(ROW)
    assert page.run("return document.querySelectorAll('#sessions > li').length") == 100
    assert page.text("#requests-more") == "the last 100"
    shown = page.text("#time")
    page.wait(lambda: page.text("#time") != shown, "it goes on")


def test_focus_outlives_the_next_second(page: Browser, client: Client) -> None:
    client.create()
    page.wait_text(ROW, "left")
    page.run("document.querySelector('.session .acts button').focus()")
    text = page.text(ROW)
    client.create()
    page.wait(lambda: page.text(ROW) != text, "a row above")
    assert page.run("return document.activeElement.textContent") == "+30 min"


def test_space_pauses(page: Browser, client: Client) -> None:
    page.press(" ")
    page.wait_text("#live", "paused")
    page.press(" ")
    client.create()
    page.wait_text(ROW, "Ready")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read(page: Browser, client: Client, theme: str) -> None:
    client.create()
    ingestion(client, "x" * 200)
    page.wait_text("#ingestions", "xxx")
    page.check_layout(theme)
    assert page.run("return $('requests-card').getBoundingClientRect().bottom <= "
                    "document.querySelector('aside').getBoundingClientRect().top")
