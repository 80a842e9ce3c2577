"""The await snippet of the SDK's concepts page: create, await the properties until the machine is
there, connect, shut down; then the same by the tutorial's way, and what awaiting adds in Python.

    python samples/sdk_concepts_await.py        with a service inside this process

Every call returns an IAsync that asyncio can await, as it is or by AsTask(); C# needs AsTask().
"""

from __future__ import annotations

import asyncio
import threading
from typing import List

from arr import (
    ARRConnectionStatus, ARRRenderingSessionStatus, ARRRenderingSessionVmSize, ARRResult,
    AzureFrontend, AzureFrontendAccountInfo, AzureSession, CreateRenderingSessionParams,
    RemoteManager, RRRenderingSessionProperties, RRSessionException, SessionLocation,
)
from arr.emulator import Emulator
from arr.unity import RRInterface

SMALL = CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1)
PAUSE = 0.2  # seconds between two questions; the real service wants 5 to 10


# -- the concepts page -----------------------------------------------------------------------------

async def concepts(frontend: AzureFrontend) -> AzureSession:
    """Create a session, wait for its machine, connect to it."""
    session = await frontend.CreateRenderingSessionAsync(SMALL).AsTask()
    print(f"created     {session.SessionUUID}")

    asked = 0
    while True:
        properties = await session.GetRenderingSessionPropertiesAsync().AsTask()
        asked += 1
        if properties.Status != ARRRenderingSessionStatus.Starting:
            break  # on a word that is not known, too: it may be a final one
        await asyncio.sleep(PAUSE)  # ours: the page asks again at once, and would be throttled
    print(f"asked       {'more than once' if asked > 1 else 'once'}, "
          f"at last it is {properties.Status}")
    if properties.Status != ARRRenderingSessionStatus.Ready:
        raise SystemExit(f"the session ended before it was ready: {properties.Message}")

    RemoteManager.InitializeManager(RRInterface.ClientInit())
    RemoteManager.ConnectionStatusChanged += on_connection_changed
    result = RemoteManager.Connect(properties.Hostname, frontend)
    print(f"connect     {result}")
    RemoteManager.Update()  # the frame tick: raises the events, on this thread
    return session


def on_connection_changed(status: ARRConnectionStatus, error: ARRResult) -> None:
    where = "the main thread" if threading.current_thread() is threading.main_thread() else "?"
    print(f"connection  {status} {error}, on {where}")


# -- the tutorial: pick a session from the list, open it, show what is known -----------------------

async def tutorial(frontend: AzureFrontend) -> None:
    """Reopen the session by its id, as after a restart of the application."""
    for each in await frontend.GetCurrentRenderingSessionsAsync().AsTask():
        session = frontend.OpenRenderingSession(each.Id)
        print("opened      " + text_of(await session.GetRenderingSessionPropertiesAsync()))


def text_of(properties: RRRenderingSessionProperties) -> str:
    """Show what is there; texts are empty where the service has said nothing."""
    parts: List[str] = [f"{properties.Status}, {properties.Size}"]
    if properties.Hostname:
        parts.append("has a host name")
    if properties.Message:
        parts.append(properties.Message)
    return ", ".join(parts)


# -- what awaiting adds ----------------------------------------------------------------------------

async def beyond(frontend: AzureFrontend, session: AzureSession) -> None:
    """Failures as exceptions, several calls at once, patience with a limit."""
    try:
        await frontend.GetRenderingSessionPropertiesAsync("no-such-session")
    except RRSessionException as error:
        print(f"failed      {error.ErrorCode}, HTTP {error.Context.HttpResponseCode}")

    listed, properties = await asyncio.gather(frontend.GetCurrentRenderingSessionsAsync(),
                                              session.GetRenderingSessionPropertiesAsync())
    print(f"gathered    a list of {len(listed)}, and properties that say {properties.Status}")

    other = await frontend.CreateRenderingSessionAsync(SMALL)
    wait = other.WaitUntilReadyAsync(interval=PAUSE)  # polls by itself, politely
    try:
        await asyncio.wait_for(wait, timeout=0.01)
    except asyncio.TimeoutError:
        print(f"impatient   the await was cancelled, the wait is {wait.Status}")
    print(f"patient     {(await wait).Status}")

    for each in (session, other):
        print(f"stopped     {await each.StopRenderingSessionAsync()}")


async def main() -> None:
    """Start a service and show all three."""
    with Emulator(startup_seconds=0.8) as emulator:
        account = AzureFrontendAccountInfo(
            emulator.url, emulator.account_id, emulator.account_key,
            location=SessionLocation.ignore)
        with AzureFrontend(account) as frontend:
            session = await concepts(frontend)
            await tutorial(frontend)
            RemoteManager.Disconnect()
            RemoteManager.Update()
            RemoteManager.ShutdownManager()
            await beyond(frontend, session)


if __name__ == "__main__":
    asyncio.run(main())
