"""``async def`` handlers on every call, wait and component of the package: C#'s ``async void``."""

from __future__ import annotations

import asyncio
from typing import Any, List

import pytest

from arr import (
    AzureSession, Dispatcher, IAsync, IngestAssetParams, RemoteManager,
    RRRenderingSessionProperties, RRSessionGeneralContext, UpdateRenderingSessionParams,
)
from arr._routes import ROUTES
from arr.unity import ARRServiceUnity

from ..support.rig import CASE, MODEL_URL, Rig, good
from ..support.stage import SMALL, Stage
from ..support.threads import LIMIT

INGEST = IngestAssetParams("box.glb", MODEL_URL, MODEL_URL)
UPDATE = UpdateRenderingSessionParams(5)

# Everything that takes a callback of the C++ shape, and the number of arguments that it gets.
CALLBACKS: Any = {
    "StartAssetIngestionAsync":
        (2, lambda rig, done: rig.frontend.StartAssetIngestionAsync(INGEST, done)),
    "GetIngestionStatusAsync":
        (2, lambda rig, done: rig.frontend.GetIngestionStatusAsync("id", done)),
    "CreateRenderingSessionAsync":
        (2, lambda rig, done: rig.frontend.CreateRenderingSessionAsync(SMALL, done)),
    "GetCurrentRenderingSessionsAsync":
        (3, lambda rig, done: rig.frontend.GetCurrentRenderingSessionsAsync(done)),
    "GetRenderingSessionPropertiesAsync":
        (2, lambda rig, done: rig.session.GetRenderingSessionPropertiesAsync(done)),
    "UpdateRenderingSessionAsync":
        (1, lambda rig, done: rig.session.UpdateRenderingSessionAsync(UPDATE, done)),
    "StopRenderingSessionAsync":
        (1, lambda rig, done: rig.session.StopRenderingSessionAsync(done)),
    "ConnectToArrInspectorAsync":
        (2, lambda rig, done: rig.session.ConnectToArrInspectorAsync(done)),
    "the client's GetRenderingSessionPropertiesAsync":
        (2, lambda rig, done: rig.frontend.GetRenderingSessionPropertiesAsync("id", done)),
    "RemoteManager":
        (1, lambda rig, done: RemoteManager.UpdateRenderingSessionAsync(UPDATE, done)),
    "WaitUntilReadyAsync":
        (2, lambda rig, done: rig.session.WaitUntilReadyAsync(callback=done)),
    "WaitForIngestionAsync":
        (2, lambda rig, done: rig.frontend.WaitForIngestionAsync("id", callback=done)),
}


def test_no_call_is_missing_here() -> None:
    assert {route.name for route in ROUTES} <= set(CALLBACKS)


@pytest.mark.parametrize("name", CALLBACKS)
def test_an_async_callback_runs_in_its_loop_with_what_a_plain_one_gets(name: str) -> None:
    count, begin = CALLBACKS[name]

    async def main() -> None:
        got: asyncio.Queue[Any] = asyncio.Queue()

        async def done(*args: Any) -> None:
            await got.put(args)

        with Rig(good) as rig:
            rig.run(CASE["properties"])  # the inspector needs a hostname
            begin(rig, done)
            rig.run_pending()
            rig.session.dispose()  # ends the waits; they had polled
            rig.frontend.dispose()
            rig.run_pending()
            args = await asyncio.wait_for(got.get(), LIMIT)
            assert len(args) == count
            assert got.empty()

    asyncio.run(main())


@pytest.mark.parametrize("name", CALLBACKS)
def test_an_async_callback_without_a_loop_is_refused_before_anything_is_sent(name: str) -> None:
    async def done(*args: object) -> None:
        raise AssertionError("it must not run")

    with Rig(good) as rig:
        for again in (False, True):  # the refusal takes no slot
            with pytest.raises(TypeError, match="subscribe it inside the loop"):
                CALLBACKS[name][1](rig, done)
        assert rig.executor.pending == 0
        assert not rig.session.stop_rendering_session_async().is_completed
        assert rig.frontend._core is not None and not rig.frontend._core.waits


def test_the_progress_of_a_wait_takes_async_handlers() -> None:
    async def main() -> None:
        found: asyncio.Queue[Any] = asyncio.Queue()

        async def progressed(wait: IAsync[RRRenderingSessionProperties]) -> None:
            await found.put(wait)

        with Rig(good) as rig:
            wait = rig.session.wait_until_ready_async()
            wait.progress_changed += progressed
            rig.run_pending()
            assert await asyncio.wait_for(found.get(), LIMIT) is wait

    asyncio.run(main())


def test_a_unity_script_of_async_void_handlers() -> None:
    """The tutorial's shape: handlers of the component that await, and Update() inside the loop."""
    said: List[str] = []

    async def main() -> None:
        with Stage() as stage:
            service = ARRServiceUnity()
            service.initialize(stage.account(), clock=stage.clock)
            ended = asyncio.Event()

            async def on_started(session: AzureSession) -> None:
                properties = await session.GetRenderingSessionPropertiesAsync().AsTask()
                said.append(f"started, {properties.Status}")

            async def on_changed(session: AzureSession) -> None:
                said.append(f"changed, {service.LastProperties.Status}")

            async def on_ended(session: AzureSession) -> None:
                await asyncio.sleep(0)
                said.append("ended")
                ended.set()

            async def on_error(caller: ARRServiceUnity, context: RRSessionGeneralContext) -> None:
                said.append(f"error {context.Result}")

            async def on_connection(status: object, result: object) -> None:
                said.append(f"connection {status}")

            service.OnSessionStarted += on_started
            service.OnSessionStatusChanged += on_changed
            service.OnSessionEnded += on_ended
            service.OnSessionErrorEncountered += on_error
            RemoteManager.ConnectionStatusChanged += on_connection

            async def frames(condition: Any) -> None:
                end = asyncio.get_running_loop().time() + LIMIT
                while not condition():
                    assert asyncio.get_running_loop().time() < end, said
                    service.Update()
                    RemoteManager.Update()
                    await asyncio.sleep(0.001)

            stage.emulator.add_fault("POST", "sessions/create", status=500, times=1)
            service.StartSession(SMALL)
            await frames(lambda: said == ["error Fail"])
            await service.StartSession(SMALL)
            await frames(lambda: {"started, Starting", "changed, Starting"} <= set(said))
            stage.clock.advance(60)
            await frames(lambda: "changed, Ready" in said)
            session = service.CurrentActiveSession
            assert session is not None
            RemoteManager.Connect(session.Hostname, session.Frontend)
            RemoteManager.Disconnect()
            await frames(lambda: "connection Disconnected" in said)
            service.StopSession()
            await frames(ended.is_set)
            RemoteManager.ConnectionStatusChanged -= on_connection
            service.OnSessionStarted -= on_started
            service.destroy()

    asyncio.run(main())
    assert said[-1] == "ended" and said.count("ended") == 1
    assert [each for each in said if each.startswith("connection")] == [
        "connection Connecting", "connection Connected", "connection Disconnected"]


def test_a_bound_async_handler_waits_for_the_pump_of_its_frame_loop() -> None:
    async def main() -> None:
        got: asyncio.Queue[Any] = asyncio.Queue()
        dispatcher = Dispatcher()

        async def listed(done: IAsync[Any]) -> None:
            await got.put(done.Status)

        with Rig(good) as rig:
            rig.frontend.GetCurrentRenderingSessionsAsync().Completed += dispatcher.bind(listed)
            rig.run_pending()
            await asyncio.sleep(0)
            assert got.empty()
            assert dispatcher.pump() == 1
            await asyncio.wait_for(got.get(), LIMIT)

    asyncio.run(main())
