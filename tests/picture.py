"""Makes samples/images/dashboard.png anew: ``python -m tests.picture``, with Chromium."""

from __future__ import annotations

import base64

from arr._http.tokens import USER_AGENT
from arr.emulator import Emulator

from .support import golden_later
from .support.browser import Browser
from .support.emulator import Client, Client2021, good_ingest
from .support.threads import ROOT

FILE = ROOT / "samples" / "images" / "dashboard.png"
WIDE, HIGH = 1200, 940

# What these programs say of themselves.
SDK = {"User-Agent": "azsdk-python-mixedreality-remoterendering/1.0.0b3 Python/3.11.7 (Linux)"}
SCRIPT = {"User-Agent": "Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) "
                        "WindowsPowerShell/5.1.19041.1682"}
ARR = {"User-Agent": USER_AGENT}


def play(emulator: Emulator) -> None:
    """Have programs of three eras call the service."""
    with Client(emulator) as older, Client2021(emulator) as newer:
        older.call("POST", "/models/create", {
            "modelName": "robots/robot.gltf", "modelUrl": "file:///in",
            "assetContainerUrl": "file:///out"}, ARR)
        mine = older.create("small", "4:0:0")
        newer.put("robot-show", "Premium", 30)
        older.call("GET", f"/sessions/{mine}/properties", headers=ARR)
        begun = older.call("POST", "/conversions/createWithSharedAccessSignature",
                           golden_later.SCRIPT, SCRIPT).json()
        older.call("GET", "/conversions/" + begun["conversionId"], headers=SCRIPT)
        newer.call("GET", "/sessions/robot-show", headers=SDK)
        emulator.advance(420)


def main() -> None:
    with Emulator(startup_seconds=0, ingestion_seconds=0, ingest=good_ingest) as emulator, \
            Browser() as browser:
        play(emulator)
        browser.devtools("Emulation.setDeviceMetricsOverride", width=WIDE, height=HIGH,
                         deviceScaleFactor=1, mobile=False)
        browser.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-reduced-motion", "value": "reduce"},
            {"name": "prefers-color-scheme", "value": "light"}])
        browser.open(emulator.url + "/")
        browser.wait_text("#requests", "2021-01-01")
        picture = browser.devtools("Page.captureScreenshot", format="png")
        FILE.parent.mkdir(exist_ok=True)
        FILE.write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    main()
