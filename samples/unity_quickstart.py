"""The Unity quickstart without Unity: a host that calls Awake, OnEnable, Update and LateUpdate, a
script in it that keeps one rendering session, and coroutines that wait for frames.

    python samples/unity_quickstart.py                  a session with lease renewal
    python samples/unity_quickstart.py --trouble        with everything that may go wrong:
        --throttle          the service answers 429 for two minutes
        --expire-token      the access token expires, as after a night's sleep
        --fail-start        the first session fails to start; the script tries another

The service is inside this process, and so is the time: one frame, a sixtieth of a second, is six
seconds of the story, so that a lease of 20 minutes ends, and is renewed, while you look.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
from datetime import timedelta
from typing import Callable, Generator, List, Optional

from arr import (
    ARRConnectionStatus, ARRRenderingSessionStatus, ARRRenderingSessionVmSize, ARRResult,
    AzureFrontendAccountInfo, AzureSession, CreateRenderingSessionParams, RemoteManager,
    RRException, RRSessionGeneralContext, SessionLocation,
)
from arr.emulator import Emulator
from arr.testing import FakeClock
from arr.unity import ARRServiceUnity, RemoteManagerUnity, RemoteUnityClientInit

FRAME = 1 / 60  # seconds, of ours
STORY = 6.0  # seconds of the story per frame
STARTUP = 150.0  # seconds that a machine takes to start
VISIT = timedelta(minutes=25)  # what the user needs; longer than the lease
PATIENCE = timedelta(minutes=10)  # for a machine to start

log = logging.getLogger("quickstart")

Coroutine = Generator[Callable[[], bool], None, None]


# -- as much of Unity as the script needs ----------------------------------------------------------

class MonoBehaviour:
    """A script: the host calls these methods, all on its main thread."""

    def __init__(self, host: Host) -> None:
        self.host = host

    def awake(self) -> None: ...
    def on_enable(self) -> None: ...
    def update(self) -> None: ...
    def late_update(self) -> None: ...
    def on_disable(self) -> None: ...
    def on_destroy(self) -> None: ...

    def start_coroutine(self, coroutine: Coroutine) -> None:
        self.host.coroutines.append(coroutine)
        self.host.waits.append(lambda: True)


class Host:
    """The engine: frames, coroutines, the clock of the story."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.coroutines: List[Coroutine] = []
        self.waits: List[Callable[[], bool]] = []

    @property
    def now(self) -> timedelta:
        return timedelta(seconds=round(self.clock.monotonic()))

    def seconds(self, count: float) -> Callable[[], bool]:
        """What WaitForSeconds is; a coroutine yields a condition for going on."""
        end = self.clock.monotonic() + count
        return lambda: self.clock.monotonic() >= end

    def play(self, script: MonoBehaviour) -> None:
        """Run a script until its coroutines have ended, one frame after the other."""
        script.awake()
        script.on_enable()
        try:
            while self.coroutines:
                time.sleep(FRAME)  # here an engine draws
                self.clock.advance(STORY)
                script.update()
                self._go_on()
                script.late_update()
        finally:
            script.on_disable()
            script.on_destroy()

    def _go_on(self) -> None:
        for index in reversed(range(len(self.coroutines))):
            if self.waits[index]():
                try:
                    self.waits[index] = next(self.coroutines[index])
                except StopIteration:
                    del self.coroutines[index], self.waits[index]


# -- the script ------------------------------------------------------------------------------------

class RemoteRendering(MonoBehaviour):
    """Keeps a session, connects to it, and tells in the log what a person needs to know."""

    def __init__(self, host: Host, account: AzureFrontendAccountInfo) -> None:
        super().__init__(host)
        self.account = account
        self.failed = False
        self.visited = False

    def awake(self) -> None:
        self.arr = arr = ARRServiceUnity()
        arr.AutoRenewLease = True
        arr.RenewLeaseThreshold = timedelta(minutes=5)
        arr.RenewLeaseAmount = timedelta(minutes=15)
        arr.OnSessionStarted += self.on_session_started
        arr.OnSessionStatusChanged += self.on_session_status_changed
        arr.OnSessionEnded += self.on_session_ended
        arr.OnSessionErrorEncountered += self.on_session_error
        RemoteManagerUnity.InitializeManager(RemoteUnityClientInit())  # there is no camera here
        RemoteManager.ConnectionStatusChanged += self.on_connection_changed

    def on_enable(self) -> None:
        # The time-outs are of the story too, in which a reply takes long.
        self.arr.Initialize(self.account, clock=self.host.clock, timeout=(900, 900))
        self.start_coroutine(self.visit())

    def late_update(self) -> None:
        self.arr.Update()  # events are raised here, and nowhere else
        RemoteManager.Update()

    def on_destroy(self) -> None:
        RemoteManager.Disconnect()
        RemoteManager.Update()
        RemoteManager.ConnectionStatusChanged -= self.on_connection_changed
        RemoteManagerUnity.ShutdownManager()
        self.arr.OnSessionEnded -= self.on_session_ended
        self.arr.Destroy()  # stops a session that still runs

    # -- coroutines --------------------------------------------------------------------------------

    def visit(self) -> Coroutine:
        """Have a session, look at the model for a while, stop the session."""
        for attempt in (1, 2, 3):
            log.info("starting a session, attempt %d", attempt)
            self.failed = False
            self.arr.StartSession(CreateRenderingSessionParams(
                ARRRenderingSessionVmSize.Standard, 0, 20))
            patience = self.host.seconds(PATIENCE.total_seconds())
            yield lambda: self.failed or self.is_ready or patience()
            if self.is_ready:
                break
        else:
            log.error("no session after three attempts; see the errors above")
            return

        session = self.arr.CurrentActiveSession
        assert session is not None
        RemoteManager.Connect(session.Hostname, session.Frontend)
        yield lambda: RemoteManager.ConnectionStatus == ARRConnectionStatus.Connected

        self.start_coroutine(self.show_time_left())
        yield self.host.seconds(VISIT.total_seconds())
        self.visited = self.is_ready
        RemoteManager.Disconnect()
        self.arr.StopSession()
        yield lambda: self.arr.CurrentActiveSession is None

    def show_time_left(self) -> Coroutine:
        while self.is_ready:
            log.info("%s of the lease left", self.arr.TimeLeft)
            five_minutes = self.host.seconds(300)
            yield lambda: five_minutes() or not self.is_ready

    @property
    def is_ready(self) -> bool:
        return self.arr.LastProperties.Status == ARRRenderingSessionStatus.Ready

    # -- events: on the main thread ----------------------------------------------------------------

    def on_session_started(self, session: AzureSession) -> None:
        log.info("its id is kept for a restart: %s", session.SessionUUID)

    def on_session_status_changed(self, session: AzureSession) -> None:
        properties = self.arr.LastProperties
        if properties.Status == ARRRenderingSessionStatus.Ready:
            log.info("ready after %s; the lease is %s", self.host.now, properties.MaxLease)

    def on_session_ended(self, session: Optional[AzureSession]) -> None:
        properties = self.arr.LastProperties
        self.failed = properties.Status != ARRRenderingSessionStatus.Stopped
        log.info("the session has ended: %s", properties.Message or properties.Status)

    def on_session_error(self, caller: ARRServiceUnity, context: RRSessionGeneralContext) -> None:
        self.failed = self.failed or caller.CurrentActiveSession is None

    def on_connection_changed(self, status: ARRConnectionStatus, error: ARRResult) -> None:
        log.info("connection: %s", status)


# -- trouble on demand -----------------------------------------------------------------------------

def trouble(host: Host, emulator: Emulator, options: argparse.Namespace) -> Coroutine:
    """What the service does to the script while it runs."""
    if options.fail_start:
        emulator.set_capacity({"standard": 0})
        yield host.seconds(60)
        emulator.set_capacity(None)
    yield host.seconds(STARTUP + 300)
    if options.throttle:
        log.info("-- trouble: the service has too much to do, for two minutes")
        emulator.throttle(0)
        yield host.seconds(120)
        emulator.throttle(None)
        yield host.seconds(60)
    if options.expire_token:
        log.info("-- trouble: a night goes by for the token")
        host.clock.set_time(host.clock.time() + 12 * 3600)
        yield host.seconds(60)


def main() -> int:
    """Play the quickstart; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("trouble", "throttle", "expire-token", "fail-start"):
        parser.add_argument(f"--{name}", action="store_true")
    options = parser.parse_args()
    if options.trouble:
        options.throttle = options.expire_token = options.fail_start = True

    clock = FakeClock()
    host = Host(clock)
    lines = logging.StreamHandler(sys.stdout)
    lines.setFormatter(_StoryTime(host))
    for name in ("quickstart", "arr"):
        logging.getLogger(name).addHandler(lines)
        logging.getLogger(name).setLevel(logging.INFO)
    logging.getLogger("arr.emulator").setLevel(logging.ERROR)

    with Emulator(startup_seconds=STARTUP, token_seconds=6 * 3600, clock=clock) as emulator:
        account = AzureFrontendAccountInfo(
            emulator.url, emulator.account_id, emulator.account_key,
            location=SessionLocation.ignore)
        script = RemoteRendering(host, account)
        host.coroutines.append(trouble(host, emulator, options))
        host.waits.append(lambda: True)
        try:
            host.play(script)
        except KeyboardInterrupt:
            log.info("interrupted; the session was stopped on the way out")
            return 130
        except RRException as error:
            log.error("%s", error)
            return 1
        tokens = [each for each in emulator.requests() if each["route"] == "token"]
        running = [each["id"] for each in emulator.state()["sessions"]
                   if each["status"] in ("Starting", "Ready")]
    log.info("over: %d access token%s, %d sessions left running", len(tokens),
             "s"[:len(tokens) - 1], len(running))
    return 0 if script.visited and not running else 1


class _StoryTime(logging.Formatter):
    """Puts the time of the story in front of a line."""

    def __init__(self, host: Host) -> None:
        super().__init__("%(message)s")
        self.host = host

    def format(self, record: logging.LogRecord) -> str:
        return f"{self.host.now}  {record.levelname:<7} {super().format(record)}"


if __name__ == "__main__":
    sys.exit(main())
