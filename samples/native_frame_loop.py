"""A native application with a frame loop, in the idiom of its C++ original.

    python samples/native_frame_loop.py        with a service inside this process

The rules of the original, which are good rules: a callback runs on another thread, so it only
leaves what it got in members and drops the handle of the call; the frame looks at the members and
decides. A handle that is there means "in flight", one that is gone means "next try". Nothing blocks
the frame. At the end: disconnect, let go of the session, of the frontend, shut down; in this order.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import List, Optional

from arr import IAsync
from arr.cpp import (
    ARR_SUCCEEDED, ARRConnectionStatus, ARRRenderingSessionStatus, ARRRenderingSessionVmSize,
    ARRResult, AzureFrontend, AzureFrontendAccountInfo, CreateRenderingSessionCInfo, RemoteManager,
    RenderingSession, RRRenderingSessionCProperties, RRSessionGeneralCContext, SessionLocation,
)
from arr.emulator import Emulator

FRAME = 1 / 60  # seconds
QUERY_GAP = 0.25  # seconds between two queries; 10 for the real service, which counts them
MAX_TRIES = 3
PICTURES = 30  # frames to draw once connected


class Application:
    """What HolographicAppMain is in the original, without the holograms."""

    def __init__(self, account: AzureFrontendAccountInfo) -> None:
        RemoteManager.InitializeManager()
        RemoteManager.ConnectionStatusChanged += self.on_connection_changed
        self.frontend: Optional[AzureFrontend] = AzureFrontend(account)
        self.session: Optional[RenderingSession] = None
        self.properties = RRRenderingSessionCProperties()
        self.creation: Optional[IAsync[RenderingSession]] = None
        self.query: Optional[IAsync[RRRenderingSessionCProperties]] = None
        self.news: List[str] = []  # written by callbacks; append and pop are safe
        self.next_query = 0.0
        self.tries = 0
        self.connected = False
        self.pictures = 0
        self.failure = ""

    # -- callbacks: on arr-worker threads, members only --------------------------------------------

    def on_created(self, done: IAsync[RenderingSession]) -> None:
        if ARR_SUCCEEDED(done.Status):
            self.session = done.Result
        self.news.append(f"create: {done.Status}")
        self.creation = None  # last: from here on the frame may try again

    def on_properties(self, done: IAsync[RRRenderingSessionCProperties]) -> None:
        if ARR_SUCCEEDED(done.Status):
            if done.Result.Status != self.properties.Status:
                self.news.append(f"status: {done.Result.Status}")
            self.properties = done.Result
        else:
            self.news.append(f"query: {done.Status}")
        self.query = None

    # -- raised by RemoteManager.Update(), so on the thread of the frame ---------------------------

    def on_connection_changed(self, status: ARRConnectionStatus, error: ARRResult) -> None:
        self.connected = status == ARRConnectionStatus.Connected and ARR_SUCCEEDED(error)
        print(f"connection: {status}")

    # -- the frame ---------------------------------------------------------------------------------

    def update(self) -> bool:
        """Do what is to be done now; False when the application is over."""
        while self.news:
            print(self.news.pop(0))
        RemoteManager.Update()
        if self.session is None:
            self.begin_session()
        elif self.connected:
            self.pictures += 1
        elif self.properties.Status == ARRRenderingSessionStatus.Ready:
            self.connect(self.session)
        elif self.properties.Status in (ARRRenderingSessionStatus.Unknown,
                                        ARRRenderingSessionStatus.Starting):
            self.begin_query(self.session)
        else:
            self.failure = f"the session is {self.properties.Status}: {self.properties.Message}"
        return not self.failure and self.pictures < PICTURES

    def begin_session(self) -> None:
        if self.creation is not None or self.frontend is None:
            return
        if self.tries == MAX_TRIES:
            self.failure = f"no session after {MAX_TRIES} tries"
            return
        self.tries += 1
        # First the handle, then the subscription: a callback given to the call itself might drop
        # the handle before it is there, and it would stay for ever.
        self.creation = self.frontend.CreateRenderingSessionAsync(
            CreateRenderingSessionCInfo(ARRRenderingSessionVmSize.Small, 1))
        self.creation.Completed += self.on_created

    def begin_query(self, session: RenderingSession) -> None:
        if self.query is not None or time.monotonic() < self.next_query:
            return
        self.next_query = time.monotonic() + QUERY_GAP
        self.query = session.GetRenderingSessionPropertiesAsync()
        self.query.Completed += self.on_properties

    def connect(self, session: RenderingSession) -> None:
        # Not right after the creation, as the first version of the original did: there is no
        # host name before the machine is ready.
        result = RemoteManager.Connect(self.properties.Hostname, session.Frontend)
        if not ARR_SUCCEEDED(result):
            self.failure = f"cannot connect: {result}"

    # -- the end -----------------------------------------------------------------------------------

    def shut_down(self) -> None:
        """Give everything back, in the order of the original's destructor."""
        RemoteManager.Disconnect()
        RemoteManager.Update()
        RemoteManager.ConnectionStatusChanged -= self.on_connection_changed
        if self.session is not None:
            stopped = threading.Event()

            def on_stopped(context: RRSessionGeneralCContext) -> None:  # the C++ shape of 2019
                print(f"stop: {context.result}")
                stopped.set()

            self.session.StopRenderingSessionAsync(on_stopped)
            if not stopped.wait(5):
                print("stop: no answer yet; the call goes on until the process ends")
            self.session.Dispose()
        if self.frontend is not None:
            self.frontend.Dispose()
        self.session = self.frontend = None
        RemoteManager.ShutdownManager()


def run_frames(application: Application) -> float:
    """Run the loop at 60 frames a second; return the longest time that a frame has worked."""
    longest = 0.0
    over = False
    while not over:
        began = time.perf_counter()
        over = not application.update()
        worked = time.perf_counter() - began
        longest = max(longest, worked)
        time.sleep(max(FRAME - worked, 0.0))  # an engine waits for the display here
    return longest


def main() -> int:
    """Run the application against a service that refuses its first call."""
    with Emulator(startup_seconds=1.0) as emulator:
        emulator.add_fault("POST", "sessions/create", status=500, times=1)
        application = Application(AzureFrontendAccountInfo(
            emulator.url, emulator.account_id, emulator.account_key,
            location=SessionLocation.ignore))
        try:
            longest = run_frames(application)
        finally:
            application.shut_down()
        if application.failure:
            print(application.failure, file=sys.stderr)
            return 1
        print(f"{application.pictures} pictures; the calls never held a frame up"
              if longest < 3 * FRAME else f"a frame took {longest:.3f} s; is the machine busy?")
    return 0


if __name__ == "__main__":
    sys.exit(main())
