"""What the two snippet files need around the document's snippets: a service, and one voice.

Run csharp_snippets.py or cpp_snippets.py; this file alone does nothing.
"""

from __future__ import annotations

import queue
import re
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Dict, List, Tuple

from arr import AzureFrontendAccountInfo, Dispatcher, SessionLocation
from arr.emulator import Emulator

ROBOT = Path(__file__).resolve().parent / "models" / "robot"
GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DIRECTORY = re.compile(r"file:///\S+/(?=\w+\.html)")
LIMIT = 10.0  # seconds until a line that does not come is an error


class Stage:
    """A service of our own with a model to ingest; prints what the handlers say.

    Handlers run on background threads, so they do not print: they hand lines over to the main
    thread, which waits for each. So the output is the same on every run.
    """

    def __init__(self) -> None:
        self._said: queue.Queue[Tuple[threading.Thread, Any]] = queue.Queue()
        self._threads: List[threading.Thread] = []

    def __enter__(self) -> Stage:
        self._directory = Path(tempfile.mkdtemp(prefix="arr-snippets-"))
        shutil.copytree(ROBOT, self._directory / "models")
        (self._directory / "assets").mkdir()
        # A machine takes an hour to start: we move the service's clock when we want it ready.
        self.emulator = Emulator(container_root=self._directory, startup_seconds=3600,
                                 ingestion_seconds=0).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.emulator.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def model(self) -> Tuple[str, str, str]:
        """Name, input container and output container of the model."""
        return ("robot.gltf", (self._directory / "models").as_uri(),
                (self._directory / "assets").as_uri())

    def account(self, account_key: str = "") -> AzureFrontendAccountInfo:
        """Return the service's account, with its key or another."""
        info = AzureFrontendAccountInfo()
        info.AccountDomain = self.emulator.url
        info.AccountId = self.emulator.account_id
        info.AccountKey = account_key or self.emulator.account_key
        info.Location = SessionLocation.ignore
        return info

    def let_machines_start(self) -> None:
        """Let an hour go by for the service."""
        self.emulator.advance(3600)

    def say(self, value: Any) -> None:
        """Hand a line over to the main thread; called by handlers."""
        self._said.put((threading.current_thread(), value))

    def section(self, title: str) -> None:
        """Print the name of a section of the document."""
        print(title)

    def show(self, label: str, lines: int = 1) -> Any:
        """Wait for so many lines, print them, and return what the last one was made of."""
        value: Any = None
        for number in range(lines):
            thread, value = self._said.get(timeout=LIMIT)
            self._threads.append(thread)
            self.print(label if number == 0 else "", value)
        return value

    def print(self, label: str, value: object) -> None:
        """Print a line, with ids and directories made the same on every run."""
        text = DIRECTORY.sub("file:///.../", GUID.sub("<id>", str(value)))
        print(f"  {label:<12}{text}")

    def pump(self, dispatcher: Dispatcher) -> None:
        """Be the application's main loop, until it has had something to do."""
        end = time.monotonic() + LIMIT
        while dispatcher.pump() == 0:
            if time.monotonic() > end:
                raise TimeoutError("nothing was posted to the application's thread")
            time.sleep(0.01)

    def count(self, method: str, route: str) -> int:
        """Count the requests to paths that end like this."""
        requests: List[Dict[str, Any]] = self.emulator.requests()
        return sum(each["method"] == method and each["path"].endswith(route)
                   for each in requests)

    def curtain(self) -> None:
        """Print on which threads the handlers ran."""
        main = threading.main_thread()
        print(f"{len(self._threads)} lines from handlers, of these on the main thread: "
              f"{self._threads.count(main)}")
