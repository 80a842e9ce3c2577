"""A real browser for the tests of the pages: headless Chromium behind chromedriver, whose WebDriver
protocol is plain HTTP with JSON. Nothing is needed but these two programs."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Callable, Iterator, List, Optional, Type, TypeVar
from urllib.parse import urlsplit

from .displays import missing

LIMIT = 20.0  # seconds that anything may take before a test fails

T = TypeVar("T")

_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", "--disable-extensions", "--disable-default-apps",
    "--no-proxy-server", "--hide-scrollbars",
)
_CLICK = """
const found = document.querySelector(arguments[0]);
if (!found || found.disabled) return false;
found.scrollIntoView({block: "center"});
const box = found.getClientRects()[0];
const top = box && document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
if (!found.contains(top)) return false;
found.focus();
found.click();
return true;
"""


class Refused(Exception):
    """A WebDriver command that failed, such as an element that is not there."""


class Browser:
    """One browser with one window; it speaks to nothing but what a test opens."""

    def __init__(self) -> None:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        driver = shutil.which("chromedriver")
        if chromium is None or driver is None:
            missing("no chromium with chromedriver on the PATH "
                    "(apt-get install chromium chromium-driver)")
        self._profile = tempfile.mkdtemp(prefix="arr-browser-")
        self._process = subprocess.Popen(
            [str(driver), "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self._session = ""
        try:
            self._connection = http.client.HTTPConnection(
                "127.0.0.1", self._port(), timeout=3 * LIMIT)
            made = self._send("POST", "/session", {"capabilities": {"alwaysMatch": {
                "acceptInsecureCerts": True,  # those of the tests' own authority
                "goog:loggingPrefs": {"performance": "ALL", "browser": "ALL"},
                "goog:chromeOptions": {"binary": chromium, "args": [
                    *_ARGUMENTS, f"--user-data-dir={self._profile}"]}}}})
            self._session = f"/session/{made['sessionId']}"
        except BaseException:
            self.close()
            raise

    def _port(self) -> int:
        # A driver that says nothing is ended, which ends the loop below.
        guard = threading.Timer(LIMIT, self._process.kill)
        guard.start()
        assert self._process.stdout is not None
        try:
            for line in self._process.stdout:
                if "started successfully on port" in line:
                    return int(line.rstrip(".\n").rpartition(" ")[2])
        finally:
            guard.cancel()
        raise AssertionError("chromedriver did not start")

    def close(self) -> None:
        """End the browser and remove what it has written."""
        try:
            if self._session:
                self._send("DELETE", self._session)
        finally:
            self._process.terminate()
            self._process.wait(LIMIT)
            if self._process.stdout is not None:
                self._process.stdout.close()
            if hasattr(self, "_connection"):
                self._connection.close()
            # The last of the browser's processes may still be writing there.
            never = threading.Event()
            for _ in range(100):
                shutil.rmtree(self._profile, ignore_errors=True)
                if not os.path.exists(self._profile) or never.wait(0.05):
                    break

    def __enter__(self) -> Browser:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], error: Optional[BaseException],
                 trace: Optional[TracebackType]) -> None:
        self.close()

    def _send(self, method: str, path: str, body: Optional[object] = None) -> Any:
        data = None if method != "POST" else json.dumps({} if body is None else body)
        self._connection.request(method, path, data, {"Content-Type": "application/json"})
        reply = self._connection.getresponse()
        value = json.loads(reply.read())["value"]
        if reply.status != 200:
            raise Refused(f"{value['error']}: {value['message']}")
        return value

    def command(self, method: str, path: str, body: Optional[object] = None) -> Any:
        """Send a command of this session."""
        return self._send(method, self._session + path, body)

    def devtools(self, name: str, **parameters: Any) -> Any:
        """Send a command of Chromium's own."""
        return self.command("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    # what a person does

    def open(self, url: str) -> None:
        """Open a page and wait until it has loaded."""
        self.command("POST", "/url", {"url": url})

    def leave(self) -> None:
        """Leave the page of the test before, and forget what it has asked and said."""
        self.open("about:blank")
        self.requested()
        self.complaints()

    @property
    def url(self) -> str:
        """Where the browser is."""
        return str(self.command("GET", "/url"))

    @contextmanager
    def new_tab(self) -> Iterator[None]:
        """Look at the tab that a click has opened; close it afterwards and go back."""
        first = self.command("GET", "/window")

        def others() -> List[str]:
            return [each for each in self.command("GET", "/window/handles") if each != first]

        self.wait(others, "a new tab")
        self.command("POST", "/window", {"handle": others()[0]})
        try:
            yield
        finally:
            self.command("DELETE", "/window")
            self.command("POST", "/window", {"handle": first})

    def run(self, script: str, *arguments: Any) -> Any:
        """Run a function body in the page and return what it returns."""
        return self.command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def hurry(self) -> None:
        """Let the page ask ten times a second from now on: the tests wait for it so often."""
        self.run("const slow = setTimeout; window.setTimeout = (act, after) => "
                 "slow(act, after === 1000 ? 100 : after); polling.round()")

    def asks(self) -> bool:
        """Say whether the page would send a request if its timer went off now."""
        self.run("if (!window.real) { window.asked = 0; window.real = fetch; "
                 "window.fetch = (...all) => { asked += 1; return real(...all); }; }")
        # An answer may still be on its way, which puts the next request off: so ask repeatedly.
        before = self.run("return asked")
        for _ in range(20):
            self.run("polling.round()")
        return bool(self.run("return asked") > before)

    def element(self, selector: str) -> str:
        """Return the path of an element that can be used in commands."""
        found = self.command("POST", "/element", {"using": "css selector", "value": selector})
        return f"/element/{found[_ELEMENT]}"

    def click(self, selector: str) -> None:
        """Click an element, as soon as nothing lies over it."""
        # WebDriver's own click looks for the place and then clicks there: a row that comes in
        # between moves the element away, and the click misses. Here both are one step.
        self.wait(lambda: self.run(_CLICK, selector), f"{selector} takes the click")

    def write(self, selector: str, text: str) -> None:
        """Replace what stands in an input, as soon as it can be written."""
        def cleared() -> bool:
            try:
                self.command("POST", self.element(selector) + "/clear")
            except Refused:
                return False
            return True
        self.wait(cleared, f"{selector} takes a text")
        self.command("POST", self.element(selector) + "/value", {"text": text})

    def press(self, key: str) -> None:
        """Press a key, wherever the focus is."""
        self.command("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": [
            {"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]}]})

    def text(self, selector: str) -> str:
        """Return the text of an element, shown or not; empty when there is none."""
        found = self.run("const e = document.querySelector(arguments[0]);"
                         "return e ? e.textContent : ''", selector)
        return str(found)

    def number(self, selector: str) -> float:
        """Return a number that stands in the page, NaN when there is none yet."""
        try:
            return float(self.text(selector).replace(",", ""))
        except ValueError:
            return float("nan")

    def wait(self, condition: Callable[[], T], what: str) -> T:
        """Ask until the answer is true; fail after LIMIT seconds."""
        never, end = threading.Event(), time.monotonic() + LIMIT
        while True:
            found = condition()
            if found:
                return found
            if time.monotonic() > end:
                shown = self.run("return document.body.innerText")
                raise AssertionError(f"waited in vain: {what}\n{shown[:1500]}")
            never.wait(0.03)

    def wait_text(self, selector: str, part: str) -> str:
        """Wait until an element holds a text; return all of its text."""
        return self.wait(lambda: self.text(selector) if part in self.text(selector) else "",
                         f"{part!r} in {selector}")

    # what happened

    def requested(self) -> List[str]:
        """Return the URLs of all requests since the last call."""
        urls = []
        for entry in self.command("POST", "/se/log", {"type": "performance"}):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                urls.append(str(message["params"]["request"]["url"]))
        return urls

    def complaints(self) -> List[str]:
        """Return the messages of the console since the last call: errors and refused scripts."""
        return [str(entry["message"])
                for entry in self.command("POST", "/se/log", {"type": "browser"})]

    def alerted(self) -> bool:
        """Say whether the page has opened a box: what a script that slipped in would do."""
        try:
            self.command("GET", "/alert/text")
        except Refused:
            return False
        return True

    def screenshot(self, width: int, height: int, theme: str) -> bytes:
        """Return a picture of the whole page at this width, in this theme."""
        import base64

        self.appear(width, height, theme)
        picture = self.devtools("Page.captureScreenshot", captureBeyondViewport=True)
        self.devtools("Emulation.clearDeviceMetricsOverride")
        return base64.b64decode(picture["data"])

    def appear(self, width: int, height: int, theme: str) -> None:
        """Take a width, a height and a theme."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=1, mobile=width < 600)
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": theme}])

    def check_layout(self, theme: str) -> None:
        """Check that the page fits a phone, and that its colours and labels can be read."""
        try:
            self.appear(390, 844, theme)
            assert self.run("return document.documentElement.scrollWidth <= innerWidth")
            unnamed = self.run(_UNNAMED)
            assert unnamed == [], unnamed
            faint = [row for row in self.run(_CONTRASTS) if row[1] < 4.5]
            assert faint == [], faint
        finally:
            self.devtools("Emulation.clearDeviceMetricsOverride")
            self.devtools("Emulation.setEmulatedMedia", features=[])


# Controls that a screen reader could not name.
_UNNAMED = """
return [...document.querySelectorAll("button, input, select")].filter(each =>
  !each.getAttribute("aria-label") && !(each.labels && each.labels.length) &&
  !(each.tagName === "BUTTON" && each.textContent.trim())).map(each => each.outerHTML)
"""

# Every pair of colours that carries text, with its contrast as WCAG counts it.
_CONTRASTS = """
const style = getComputedStyle(document.documentElement);
function light(name) {
  const [r, g, b] = style.getPropertyValue("--" + name).trim().match(/[0-9a-f]{2}/gi)
    .map(two => parseInt(two, 16) / 255)
    .map(part => part <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
  return .2126 * r + .7152 * g + .0722 * b;
}
return [["text", "card"], ["text", "bg"], ["dim", "card"], ["dim", "bg"], ["text", "soft"],
        ["text", "bad-soft"], ["bad", "card"], ["bad", "bad-soft"], ["ok", "ok-soft"],
        ["wait", "wait-soft"], ["old", "old-soft"], ["off", "off-soft"], ["accent", "card"],
        ["accent", "soft"], ["on", "accent"], ["card", "bad"], ["dim", "fill"], ["text", "fill"]]
  .map(([one, other]) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return [`${one} on ${other}`, (high + .05) / (low + .05)];
  });
"""


def hosts(urls: List[str]) -> set[str]:
    """Return the host names and ports of what was requested over a network."""
    return {urlsplit(url).netloc for url in urls if urlsplit(url).scheme in ("http", "https", "ws")}


# A text that runs in every way that markup can, if it is ever taken for markup.
HOSTILE = ("</script></style><img src=x onerror=\"window.owned=1;alert(1)\"><svg onload=alert(1)>"
           "<script>window.owned=1</script>{{nonce}}${window.owned=1}")


def unharmed(browser: Browser) -> None:
    """Check that a hostile text has become neither an element nor a script."""
    assert not browser.alerted()
    assert browser.run("return typeof window.owned") == "undefined"
    assert browser.run("return document.querySelectorAll('img, [onerror], [onload]').length") == 0
    # Not even tried: the policy of the page would have been named in the console.
    assert [text for text in browser.complaints() if "Content Security" in text] == []
