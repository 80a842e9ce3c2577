"""A rendering session from the first call to the last: ingest a model, create a session, wait
until it is ready, connect, inspect, extend, list, stop.

    python samples/quickstart.py            with a service inside this process
    python samples/quickstart.py --open     ... and the session's inspector in a browser

For a host that serves the protocol set ARR_ACCOUNT_DOMAIN (westus2.mixedreality.azure.com, or a
URL such as http://127.0.0.1:8080), ARR_ACCOUNT_ID and ARR_ACCOUNT_KEY, and for the model
ARR_MODEL_CONTAINER and ARR_OUTPUT_CONTAINER (the URLs of two containers) and ARR_MODEL_NAME (the
model's path in the first). These are no options, because everybody on the machine can read a
command line, and keys and container URLs are secrets.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import threading
import webbrowser
from contextlib import ExitStack
from pathlib import Path
from typing import Callable, NamedTuple, TypeVar

from arr import (
    ARRConnectionStatus, ARRIngestionSessionStatus, ARRRenderingSessionStatus,
    ARRRenderingSessionVmSize, ARRResult, AzureFrontend, AzureFrontendAccountInfo, AzureSession,
    CreateRenderingSessionParams, IAsync, IngestAssetParams, RemoteManager, RRException,
    SessionLocation, UpdateRenderingSessionParams,
)
from arr.emulator import Emulator

T = TypeVar("T")

ACCOUNT = ("ARR_ACCOUNT_DOMAIN", "ARR_ACCOUNT_ID", "ARR_ACCOUNT_KEY")
MODEL = ("ARR_MODEL_NAME", "ARR_MODEL_CONTAINER", "ARR_OUTPUT_CONTAINER")
ROBOT = Path(__file__).resolve().parent / "models" / "robot"

PATIENCE = 20 * 60  # seconds until we give up on a model or a machine
TICK = 0.2  # seconds; waits are this short so that Ctrl-C is heard on Windows too


class Setting(NamedTuple):
    """Where the story takes place."""

    account: AzureFrontendAccountInfo
    model: IngestAssetParams
    interval: float  # seconds between two questions about the same thing


# -- the story -----------------------------------------------------------------------------------

def tell(frontend: AzureFrontend, setting: Setting, browser: bool) -> None:
    """Ingest the model, then use a session; stop the session whatever happens."""
    name = setting.model.model_name
    asset_id = step("ingest", frontend.start_asset_ingestion_async(setting.model),
                    lambda asset_id: f"{name} is asset {asset_id} (handler on "
                                     f"{threading.current_thread().name})")
    ended = step("ingested", frontend.wait_for_ingestion_async(
        asset_id, deadline=PATIENCE, interval=setting.interval), str)
    if ended != ARRIngestionSessionStatus.Success:
        raise RRException(ARRResult.Fail, f"the ingestion of {name} has ended with {ended}; the "
                          "log of the service says why")

    creation = frontend.create_rendering_session_async(
        CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, max_lease_time_hours=1))
    try:
        session = step("create", creation, lambda session: f"session {session.session_uuid}")
        properties = step("ready", session.wait_until_ready_async(
            deadline=PATIENCE, interval=setting.interval),
            lambda properties: f"{properties.status} {properties.hostname}")
        if properties.status != ARRRenderingSessionStatus.Ready:
            raise RRException(ARRResult.Fail, f"the session is {properties.status}, not Ready: "
                              f"{properties.message or 'the service gives no reason'}")
        use(session, browser)
    finally:
        stop(creation)


def use(session: AzureSession, browser: bool) -> None:
    """Connect to a session that is ready, look into it, extend its lease, list all sessions."""
    RemoteManager.connection_status_changed += show_connection
    try:
        result = RemoteManager.connect(session.hostname, session.frontend)
        if result != ARRResult.Success:
            raise RRException(result, f"cannot connect to {session.hostname}")
        print(f"{'connect':<9}", end="")
        RemoteManager.update()  # an application's frame tick: it raises the events
        print()
        page = step("inspect", session.connect_to_arr_inspector_async(),
                    lambda path: Path(path).as_uri())
        if browser:
            webbrowser.open(Path(page).as_uri())
            print("          press Enter to go on ", end="", flush=True)
            sys.stdin.readline()
        step("extend", session.update_rendering_session_async(
            UpdateRenderingSessionParams(max_lease_time_hours=2)),
            lambda result: f"{result}, 2 hours in total")
        step("list", session.frontend.get_current_rendering_sessions_async(),
             lambda sessions: "; ".join(f"{each.id} {each.status}, {each.elapsed_time} of "
                                        f"{each.max_lease}" for each in sessions))
    finally:
        RemoteManager.disconnect()
        RemoteManager.connection_status_changed -= show_connection


def show_connection(status: ARRConnectionStatus, result: ARRResult) -> None:
    """Print a change of the connection; called by RemoteManager.update, on its own thread."""
    print(f" {status}", end="", flush=True)


def stop(creation: IAsync[AzureSession]) -> None:
    """Stop the session if there is one: a running machine costs money, whatever became of us."""
    wait_for(creation)  # after Ctrl-C the reply with the session's id may still be on its way
    if creation.is_ran_to_completion:
        session = creation.result
        try:
            step("stop", session.stop_rendering_session_async(), str)
        except BaseException:
            print(f"session {session.session_uuid} may run on until its lease ends",
                  file=sys.stderr)
            raise


# -- one line per step ---------------------------------------------------------------------------

def step(title: str, operation: IAsync[T], text: Callable[[T], object]) -> T:
    """Print the title of a step now, dots while it waits, and its outcome at the end.

    Dots and outcome are printed by handlers, on background threads; this thread only waits.
    """
    def on_progress(_: IAsync[T]) -> None:
        print(".", end=" ", flush=True)

    def on_completed(done: IAsync[T]) -> None:
        if done.is_ran_to_completion:
            print(text(done.result), flush=True)
        else:
            print(f"failed: {done.status}", flush=True)

    try:
        print(f"{title:<9}", end=" ", flush=True)
        operation.progress_changed += on_progress
        operation.completed += on_completed
        wait_for(operation)
    except KeyboardInterrupt:
        operation.progress_changed -= on_progress
        operation.completed -= on_completed
        print("interrupted", flush=True)
        raise
    return operation.result  # raises RRException, with the whole message, if it has failed


def wait_for(operation: IAsync[T]) -> None:
    """Wait until the operation's handlers have run."""
    while not operation.wait(TICK):
        pass


# -- where it takes place --------------------------------------------------------------------------

def chosen_setting(cleanup: ExitStack) -> Setting:
    """Return the host that the environment names, else a service of our own."""
    missing = [name for name in ACCOUNT if not os.environ.get(name)]
    if len(missing) == len(ACCOUNT):
        return embedded_service(cleanup)
    if missing:
        sys.exit(f"quickstart: set {' and '.join(missing)} too; without any ARR_ACCOUNT_ variable "
                 "the service inside this process is used")
    missing = [name for name in MODEL if not os.environ.get(name)]
    if missing:
        sys.exit(f"quickstart: set {' and '.join(missing)} too: which model is to be ingested?")
    domain, account_id, account_key = (os.environ[name] for name in ACCOUNT)
    print(f"{'service':<9} {domain}")
    return Setting(
        AzureFrontendAccountInfo(domain, account_id, account_key, location=SessionLocation.ignore),
        IngestAssetParams(*(os.environ[name] for name in MODEL)),
        interval=0.25 if domain.startswith("http://") else 10.0)  # the real service counts requests


def embedded_service(cleanup: ExitStack) -> Setting:
    """Start the emulator, with directories as containers: the robot in one, the other empty."""
    directory = Path(tempfile.mkdtemp(prefix="arr-quickstart-"))
    cleanup.callback(shutil.rmtree, directory, ignore_errors=True)
    shutil.copytree(ROBOT, directory / "models")
    (directory / "assets").mkdir()
    emulator = cleanup.enter_context(Emulator(
        container_root=directory, startup_seconds=2.0, ingestion_seconds=1.0))
    print(f"{'service':<9} {emulator.url}, inside this process")
    return Setting(
        AzureFrontendAccountInfo(emulator.url, emulator.account_id, emulator.account_key,
                                 location=SessionLocation.ignore),
        IngestAssetParams("robot.gltf", (directory / "models").as_uri(),
                          (directory / "assets").as_uri()),
        interval=0.25)


def main() -> int:
    """Tell the story; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--open", action="store_true",
                        help="open the session's inspector in the default browser")
    options = parser.parse_args()
    try:
        with ExitStack() as cleanup:
            setting = chosen_setting(cleanup)
            with AzureFrontend(setting.account) as frontend:
                tell(frontend, setting, options.open)
    except KeyboardInterrupt:
        return 130
    except (RRException, OSError) as error:
        print(f"quickstart: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
