"""The stock Azure SDK for Python, sync and aio, behind one way to call it."""

from __future__ import annotations

import asyncio
import os
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Optional

import pytest

from arr.emulator import Emulator

from ...support.emulator import Client

MODEL = Path(__file__).parents[3] / "samples" / "models" / "robot"


def load(name: str) -> Any:
    """Return a module of the SDK, or skip the test where the SDK is not installed."""
    try:
        return import_module(name)
    except ImportError as error:
        if os.environ.get("ARR_TEST_REQUIRE_AZURE_SDK"):
            raise
        pytest.skip(f"no Azure SDK here: {error}")


def allow_http() -> Any:
    """Return a policy that lets the client send its token over plain http."""
    class AllowHttp(load("azure.core.pipeline.policies").SansIOHTTPPolicy):  # type: ignore[misc]
        def on_request(self, request: Any) -> None:
            request.context.options["enforce_https"] = False

    return AllowHttp()


class Stock:
    """One client of the SDK; what it returns is waited for, whichever kind it is."""

    package = "azure.mixedreality.remoterendering"

    def __init__(self, emulator: Emulator, credential: Any = None, **options: Any) -> None:
        self.models = load("azure.mixedreality.remoterendering")
        if credential is None:
            with Client(emulator) as client:
                credential = load("azure.core.credentials").AccessToken(
                    client.token, int(time.time()) + 86_000)
            options["per_call_policies"] = [allow_http()]
        options = {"endpoint": emulator.url, "polling_interval": 0.01,
                   "retry_backoff_factor": 0.001, **options}
        self.client = load(self.package).RemoteRenderingClient(
            account_id=emulator.account_id, account_domain="localhost", credential=credential,
            **options)

    def wait(self, value: Any) -> Any:
        """Return what a call of the client returns."""
        return value

    def all(self, value: Any) -> list[Any]:
        """Return all items of a pager."""
        return list(value)

    def result(self, poller: Any) -> Any:
        """Wait until a poller is done and return its result; raise what it raises."""
        return poller.result(10)

    def close(self) -> None:
        """Close the connections of the client."""
        self.client.close()

    # the calls of the tests

    def begin(self, session_id: str, size: str = "Standard", minutes: int = 10) -> Any:
        return self.wait(self.client.begin_rendering_session(session_id, size, minutes))

    def get(self, session_id: str) -> Any:
        return self.wait(self.client.get_rendering_session(session_id))

    def update(self, session_id: str, minutes: int) -> Any:
        return self.wait(self.client.update_rendering_session(
            session_id, lease_time_minutes=minutes))

    def stop(self, session_id: str) -> Any:
        return self.wait(self.client.stop_rendering_session(session_id))

    def sessions(self) -> list[Any]:
        return self.all(self.client.list_rendering_sessions())

    def convert(self, conversion_id: str, source: str, target: str, model: str = "robot.gltf",
                *, read: Optional[str] = None, write: Optional[str] = None) -> Any:
        return self.wait(self.client.begin_asset_conversion(
            conversion_id,
            self.models.AssetConversionInputSettings(
                storage_container_uri=source, relative_input_asset_path=model,
                storage_container_read_list_sas=read),
            self.models.AssetConversionOutputSettings(
                storage_container_uri=target, storage_container_write_sas=write)))

    def conversion(self, conversion_id: str) -> Any:
        return self.wait(self.client.get_asset_conversion(conversion_id))

    def conversions(self) -> list[Any]:
        return self.all(self.client.list_asset_conversions())


class AioStock(Stock):
    """The same over asyncio and aiohttp."""

    package = "azure.mixedreality.remoterendering.aio"

    def __init__(self, emulator: Emulator, credential: Any = None, **options: Any) -> None:
        load("aiohttp")
        self.loop = asyncio.new_event_loop()
        try:
            super().__init__(emulator, credential, **options)
        except BaseException:
            self.loop.close()
            raise

    def wait(self, value: Any) -> Any:
        return self.loop.run_until_complete(value)

    def all(self, value: Any) -> list[Any]:
        async def gather() -> list[Any]:
            return [item async for item in await value]

        return self.wait(gather())  # type: ignore[no-any-return]

    def result(self, poller: Any) -> Any:
        return self.wait(asyncio.wait_for(poller.result(), 10))

    def close(self) -> None:
        self.wait(self.client.close())
        self.loop.close()


def with_key(kind: type[Stock], emulator: Emulator, key: str) -> Stock:
    """Return a client that exchanges an account key for its token, all over https."""
    return kind(emulator, load("azure.core.credentials").AzureKeyCredential(key),
                endpoint=emulator.https_url, authentication_endpoint_url=emulator.https_url)
