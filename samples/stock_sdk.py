"""A program of 2021: Microsoft's own Python SDK, unchanged but for an address and a certificate.

    pip install azure-mixedreality-remoterendering six
    python samples/stock_sdk.py

It converts the robot in models/robot, then rents a session and gives it back. The service runs in
a process of its own, as it would for a program in any other language.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Iterator

from arr.emulator import DEFAULT_ACCOUNT_ID, DEFAULT_ACCOUNT_KEY

ROBOT = Path(__file__).resolve().parent / "models" / "robot"
INSTALL = "pip install azure-mixedreality-remoterendering six"


def tell(url: str, directory: Path) -> None:
    """Do what the SDK's README does; only the URLs are others."""
    sdk: Any = import_module("azure.mixedreality.remoterendering")
    key: Any = import_module("azure.core.credentials").AzureKeyCredential(DEFAULT_ACCOUNT_KEY)
    client = sdk.RemoteRenderingClient(
        endpoint=url, account_id=DEFAULT_ACCOUNT_ID, account_domain="localhost", credential=key,
        authentication_endpoint_url=url, polling_interval=0.2)

    conversion = client.begin_asset_conversion(
        "robot-1",
        sdk.AssetConversionInputSettings(
            storage_container_uri=(directory / "in").as_uri(),
            relative_input_asset_path="robot.gltf"),
        sdk.AssetConversionOutputSettings(storage_container_uri=(directory / "out").as_uri()),
    ).result()
    print("converted ", conversion.status, conversion.output.asset_uri.rpartition("/")[2])

    session = client.begin_rendering_session("robot-show", "Standard", 10).result()
    print("session   ", session.id, session.status, session.size, session.lease_time_minutes, "min")
    session = client.update_rendering_session(session.id, lease_time_minutes=20)
    print("extended  ", session.lease_time_minutes, "min")
    print("list      ", *(each.id for each in client.list_rendering_sessions()))
    client.stop_rendering_session(session.id)
    print("stopped   ", client.get_rendering_session(session.id).status)
    client.close()


@contextmanager
def emulator(directory: Path) -> Iterator[str]:
    """Run the service with a certificate of its own and yield its https address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "arr.emulator", "--port", "0", "--self-signed",
         str(directory / "tls"), "--container-root", str(directory), "--startup-seconds", "1"],
        stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            found = re.search(r"https://[^\s;]+", line)
            if found:
                yield found.group()
                return
        sys.exit("the emulator has not started")
    finally:
        process.terminate()
        process.communicate()


def main() -> int:
    try:
        import_module("azure.mixedreality.remoterendering")
    except ImportError as error:
        print(f"The SDK is not here ({error}). To see it at work:\n  {INSTALL}")
        return 0
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary)
        # The robot's settings have the names of 2019, and are not read in this era.
        shutil.copytree(ROBOT, directory / "in", ignore=shutil.ignore_patterns("*.json"))
        (directory / "out").mkdir()
        with emulator(directory) as url:
            # The SDK, which uses requests, trusts what this names. For other clients see
            # "Bring your own client" in samples/README.md.
            os.environ["REQUESTS_CA_BUNDLE"] = str(directory / "tls" / "authority.pem")
            tell(url, directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
