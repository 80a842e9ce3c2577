"""A window with the sessions and ingestions of an account, live, and buttons for what can be done.

    python samples/desktop_tool.py              with a service inside this process
    python samples/desktop_tool.py --demo       presses its own buttons, and closes

The window belongs to the main thread, handlers run on others: so each is bound to a dispatcher, and
a tick of the window pumps it. That is all that is needed; no handler here knows of threads.

Without a terminal it plays the demonstration too; --stay keeps it open. Without a display it says
so. ARR_ACCOUNT_DOMAIN, ARR_ACCOUNT_ID and ARR_ACCOUNT_KEY name another account.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
import webbrowser
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

from arr import (
    ARRIngestionSessionStatus, ARRRenderingSessionStatus, ARRRenderingSessionVmSize,
    AzureFrontend, AzureFrontendAccountInfo, AzureSession, CreateRenderingSessionParams,
    Dispatcher, IAsync, IngestAssetParams, RRRenderingSessionProperties, SessionLocation,
    UpdateRenderingSessionParams,
)
from arr.emulator import Emulator

try:
    import tkinter as tk
    from tkinter import ttk
except ImportError:
    print("desktop_tool: this Python has no tkinter, so there is no window to show")
    sys.exit(0)

ROBOT = Path(__file__).resolve().parent / "models" / "robot"
TICK = 20  # milliseconds between two pumps

INK, DIM, PAPER, LINE = "#1d2733", "#6b7785", "#f6f7f9", "#d5dae1"
COLOURS = {"Starting": "#a86500", "Ready": "#157347", "Error": "#b42318", "Running": "#a86500",
           "Success": "#157347", "Failure": "#b42318", "Expired": DIM, "Stopped": DIM}

Starting, Ready = ARRRenderingSessionStatus.Starting, ARRRenderingSessionStatus.Ready


class Tool:
    """The window, and what it knows of the account."""

    def __init__(self, root: tk.Tk, frontend: AzureFrontend, interval: float,
                 containers: Tuple[str, str]) -> None:
        self.root = root
        self.frontend = frontend
        self.interval = interval
        self.containers = containers
        self.dispatcher = Dispatcher()
        self.sessions: Dict[str, AzureSession] = {}
        self.found: Dict[str, Tuple[RRRenderingSessionProperties, float]] = {}
        self.listing = False
        self.next_list = 0.0
        self._build()
        self._tick()

    # -- the account -------------------------------------------------------------------------------

    def bind(self, operation: IAsync[Any], what: str, then: Callable[[Any], object]) -> None:
        """Have ``then`` called with the value, in the window's thread; log a failure."""
        def completed(done: IAsync[Any]) -> None:
            if done.is_ran_to_completion:
                then(done.result)
            else:
                self.tell(f"{what}: {done.context.error_message}", "Error")

        operation.completed += self.dispatcher.bind(completed)

    def list_sessions(self) -> None:
        """Ask which sessions there are; those that have gone from the list are asked once more."""
        def listed(sessions: List[RRRenderingSessionProperties]) -> None:
            for properties in sessions:
                self.show_session(properties)
            there = {properties.id for properties in sessions}
            for session_id, (known, _) in list(self.found.items()):
                if session_id not in there and known.status in (Starting, Ready):
                    self.bind(self.frontend.get_rendering_session_properties_async(session_id),
                              "properties", self.show_session)

        def over(done: IAsync[Any]) -> None:
            self.listing = False
            pause = max(self.interval, done.context.retry_after or 0.0)
            self.next_list = time.monotonic() + pause

        self.listing = True
        operation = self.frontend.get_current_rendering_sessions_async()
        self.bind(operation, "list", listed)
        operation.completed += self.dispatcher.bind(over)

    def create_session(self) -> None:
        size = ARRRenderingSessionVmSize(self.size.get())
        params = CreateRenderingSessionParams(size, 0, 30)
        self.tell(f"creating a {size.value} session ...")
        self.bind(self.frontend.create_rendering_session_async(params), "create", self.created)

    def created(self, session: AzureSession) -> None:
        self.sessions[session.session_uuid] = session
        self.show_session(RRRenderingSessionProperties(session.session_uuid, Starting))
        self.session_table.selection_set(session.session_uuid)
        wait = session.wait_until_ready_async(interval=self.interval)
        self.bind(wait, "wait", lambda properties: self.tell(
            f"session {short(properties.id)} is {properties.status}"
            + (f": {properties.message}" if properties.message else ""), str(properties.status)))
        wait.progress_changed += self.dispatcher.bind(
            lambda polled: self.show_session(session.properties) if session.properties.id else None)

    def running(self) -> List[str]:
        """Return the id of the session that is selected in the table, if it is one that runs."""
        return [session_id for session_id in self.session_table.selection()
                if self.found[session_id][0].status in (Starting, Ready)]

    def selected(self) -> List[AzureSession]:
        return [self.opened(session_id) for session_id in self.running()]

    def opened(self, session_id: str) -> AzureSession:
        if session_id not in self.sessions:
            self.sessions[session_id] = self.frontend.open_rendering_session(session_id)
        return self.sessions[session_id]

    def stop_session(self) -> None:
        for session in self.selected():
            self.bind(session.stop_rendering_session_async(), "stop", self.refresh)

    def extend_session(self) -> None:
        for session in self.selected():
            known = self.found[session.session_uuid][0]
            minutes = int(known.max_lease.total_seconds()) // 60 + 30
            self.bind(session.update_rendering_session_async(
                UpdateRenderingSessionParams(minutes // 60, minutes % 60)), "extend", self.refresh)

    def inspect_session(self) -> None:
        for session in self.selected():
            # The inspector's page needs the host name, which is in the session's own cache.
            self.bind(session.get_rendering_session_properties_async(), "properties",
                      lambda properties: self.bind(
                          self.opened(properties.id).connect_to_arr_inspector_async(), "inspect",
                          self.show_page))

    def show_page(self, path: str) -> None:
        self.tell(f"inspector: {Path(path).as_uri()}")
        if not self.demo:
            webbrowser.open(Path(path).as_uri())

    def ingest(self) -> None:
        name = self.model.get()
        self.tell(f"ingesting {name} ...")
        operation = self.frontend.start_asset_ingestion_async(
            IngestAssetParams(name, *self.containers))
        self.bind(operation, "ingest", lambda asset_id: self.ingesting(name, asset_id))

    def ingesting(self, name: str, asset_id: str) -> None:
        began = time.monotonic()

        def show(status: object) -> None:
            text = str(status)
            self.asset_table.item(asset_id, tags=(text,), values=(
                name, short(asset_id), text, f"{time.monotonic() - began:.1f} s"))

        def ended(status: ARRIngestionSessionStatus) -> None:
            show(status)
            self.tell(f"{name}: {status}", str(status))

        self.asset_table.insert("", 0, iid=asset_id)
        show(ARRIngestionSessionStatus.Created)
        wait = self.frontend.wait_for_ingestion_async(asset_id, interval=self.interval)
        wait.progress_changed += self.dispatcher.bind(
            lambda polled: show(wait.latest) if not wait.is_completed else None)
        self.bind(wait, "ingestion", ended)

    def refresh(self, _: object = None) -> None:
        self.next_list = 0.0

    # -- the window --------------------------------------------------------------------------------

    demo = False

    def _tick(self) -> None:
        """What a frame is elsewhere: take what handlers have posted, and ask again in time."""
        self.dispatcher.pump(budget=0.01)
        if not self.listing and time.monotonic() >= self.next_list:
            self.list_sessions()
        state = "normal" if self.running() else "disabled"
        for button in self.buttons[1:]:  # those that are about a session
            if str(button["state"]) != state:
                button.config(state=state)
        for session_id, (properties, since) in self.found.items():
            if properties.status == Ready:
                self.session_table.set(session_id, "left", left(properties, since))
        self.root.after(TICK, self._tick)

    def show_session(self, properties: RRRenderingSessionProperties) -> None:
        if not self.session_table.exists(properties.id):
            self.session_table.insert("", 0, iid=properties.id)
        now = time.monotonic()
        self.found[properties.id] = properties, now
        self.session_table.item(properties.id, tags=(str(properties.status),), values=(
            short(properties.id), properties.status, properties.size_string,
            str(properties.max_lease) if properties.max_lease else "", left(properties, now),
            properties.message or properties.hostname))
        running = sum(known.status in (Starting, Ready) for known, _ in self.found.values())
        self.summary.set(f"{running} running, {len(self.found) - running} ended, "
                         f"at {self.frontend.account_domain}")

    def tell(self, text: str, tag: str = "") -> None:
        """Add a line to the log."""
        print(text, flush=True)
        self.log.config(state="normal")
        self.log.insert("end", f"{time.strftime('%H:%M:%S')}  {text}\n", (tag,))
        self.log.see("end")
        self.log.config(state="disabled")

    def _build(self) -> None:
        root = self.root
        root.title("Azure Remote Rendering")
        root.geometry("1040x660")
        root.configure(bg=PAPER)
        style = ttk.Style()
        style.theme_use("clam")
        style.configure(".", background=PAPER, foreground=INK, font=("TkDefaultFont", 10))
        style.configure("Treeview", rowheight=26, fieldbackground="white", background="white",
                        bordercolor=LINE, lightcolor=LINE)
        style.configure("Treeview.Heading", foreground=DIM, relief="flat", padding=4)
        style.map("Treeview", background=[("selected", "#dbe7f6")], foreground=[])
        style.configure("TButton", padding=(6, 5))
        style.map("TButton", foreground=[("disabled", "#a9b1bb")],
                  background=[("disabled", PAPER), ("active", "white")])
        style.map("TCombobox", fieldbackground=[("readonly", "white")])
        style.configure("Title.TLabel", font=("TkDefaultFont", 14, "bold"))
        style.configure("Dim.TLabel", foreground=DIM)

        frame = ttk.Frame(root, padding=16)
        frame.pack(fill="both", expand=True)
        frame.columnconfigure(0, weight=1)
        frame.rowconfigure(1, weight=3)
        frame.rowconfigure(4, weight=2)
        frame.rowconfigure(6, weight=2)

        self.summary = tk.StringVar(value=f"none yet, at {self.frontend.account_domain}")
        self.hint = tk.StringVar(value="of models in the input container")
        self.size = tk.StringVar(value="standard")
        self.model = tk.StringVar(value="robot.gltf")
        buttons = self._bar(frame, 0, "Sessions", self.summary)
        sizes = [size.value for size in ARRRenderingSessionVmSize if size.value]
        ttk.Combobox(buttons, textvariable=self.size, values=sizes, width=10,
                     state="readonly").pack(side="left", padx=4)
        self.buttons = [ttk.Button(buttons, text=text, width=9, command=command)
                        for text, command in (
                            ("New", self.create_session), ("+30 min", self.extend_session),
                            ("Inspect", self.inspect_session), ("Stop", self.stop_session))]
        for button in self.buttons:
            button.pack(side="left", padx=2)
        self.session_table = self._table(frame, 1, 5, (
            ("id", "Session", 90), ("status", "Status", 80), ("size", "Size", 80),
            ("lease", "Lease", 80), ("left", "Left", 80), ("host", "Host or message", 380)))

        buttons = self._bar(frame, 3, "Ingestions", self.hint)
        ttk.Entry(buttons, textvariable=self.model, width=24).pack(side="left", padx=4)
        ttk.Button(buttons, text="Ingest", width=9, command=self.ingest).pack(side="left", padx=2)
        self.asset_table = self._table(frame, 4, 3, (
            ("model", "Model", 300), ("id", "Asset", 90), ("status", "Status", 100),
            ("time", "Time", 100)))

        self.log = tk.Text(frame, height=6, bg="white", fg=INK, relief="flat", padx=8, pady=6,
                           highlightthickness=1, highlightbackground=LINE, state="disabled",
                           wrap="word", font=("TkFixedFont", 9))
        self.log.grid(row=6, column=0, sticky="nsew", pady=(16, 0))
        for name, colour in COLOURS.items():
            self.log.tag_configure(name, foreground=colour)

    def _bar(self, frame: ttk.Frame, row: int, title: str, note: tk.StringVar) -> ttk.Frame:
        bar = ttk.Frame(frame)
        bar.grid(row=row, column=0, sticky="ew", pady=(16 if row else 0, 8))
        ttk.Label(bar, text=title, style="Title.TLabel").pack(side="left")
        ttk.Label(bar, textvariable=note, style="Dim.TLabel").pack(side="left", padx=12)
        buttons = ttk.Frame(bar)
        buttons.pack(side="right")
        return buttons

    def _table(self, frame: ttk.Frame, row: int, height: int,
               columns: Tuple[Tuple[str, str, int], ...]) -> ttk.Treeview:
        table = ttk.Treeview(frame, columns=[name for name, _, _ in columns], show="headings",
                             height=height, selectmode="browse")
        for name, text, width in columns:
            table.heading(name, text=text, anchor="w")
            table.column(name, width=width, minwidth=50, stretch=name in ("host", "model"))
        for name, colour in COLOURS.items():
            table.tag_configure(name, foreground=colour)
        table.grid(row=row, column=0, sticky="nsew")
        return table


def short(guid: str) -> str:
    return guid[:8]


def left(properties: RRRenderingSessionProperties, since: float) -> str:
    """What is left of a lease now, counting the time since the last answer."""
    if properties.status != Ready:
        return ""
    rest = properties.max_lease - properties.elapsed_time
    seconds = int(rest.total_seconds() - (time.monotonic() - since))
    return str(timedelta(seconds=max(seconds, 0)))


# -- the demonstration -----------------------------------------------------------------------------

def demonstrate(tool: Tool) -> None:
    """Press the buttons, one after the other, each when the one before has shown its effect."""
    tool.demo = True
    deadline = time.monotonic() + 30
    steps: List[Tuple[Callable[[], bool], Callable[[], object]]] = [
        (lambda: True, tool.create_session),
        (lambda: True, tool.ingest),
        (lambda: has(tool, Ready), tool.inspect_session),
        (lambda: "inspector:" in tool.log.get("1.0", "end"), tool.extend_session),
        (lambda: any(known.max_lease == timedelta(hours=1) for known, _ in tool.found.values()),
         lambda: tool.tell("extended to an hour")),
        (lambda: "robot.gltf: Success" in tool.log.get("1.0", "end"), tool.stop_session),
        (lambda: has(tool, ARRRenderingSessionStatus.Stopped),
         lambda: tool.tell("the table shows that it is stopped")),
        (lambda: True, tool.root.destroy)]

    def step() -> None:
        if time.monotonic() > deadline:
            tool.tell("the demonstration is stuck", "Error")
            tool.root.destroy()
            return
        if steps[0][0]():
            steps.pop(0)[1]()
        if steps:
            tool.root.after(150, step)

    tool.root.after(300, step)


def has(tool: Tool, status: ARRRenderingSessionStatus) -> bool:
    return any(known.status == status for known, _ in tool.found.values())


def main() -> int:
    """Show the window until it is closed."""
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--demo", action="store_true", help="press the buttons, and close")
    parser.add_argument("--stay", action="store_true", help="stay open without a terminal too")
    options = parser.parse_args()
    try:
        root = tk.Tk()
    except tk.TclError as error:
        print(f"desktop_tool: no display, so there is no window to show ({error})")
        return 0
    with ExitStack() as cleanup:
        account, interval, containers = service(cleanup)
        frontend = cleanup.enter_context(AzureFrontend(account))
        tool = Tool(root, frontend, interval, containers)
        if options.demo or not (options.stay or sys.stdin and sys.stdin.isatty()):
            demonstrate(tool)
        try:
            root.mainloop()
        except KeyboardInterrupt:
            return 130
    return 0


def service(cleanup: ExitStack) -> Tuple[AzureFrontendAccountInfo, float, Tuple[str, str]]:
    """Return the account of the environment, else that of a service inside this process."""
    domain, account_id, key = (os.environ.get(name, "") for name in (
        "ARR_ACCOUNT_DOMAIN", "ARR_ACCOUNT_ID", "ARR_ACCOUNT_KEY"))
    if domain and account_id and key:
        containers = (os.environ.get("ARR_MODEL_CONTAINER", ""),
                      os.environ.get("ARR_OUTPUT_CONTAINER", ""))
        return (AzureFrontendAccountInfo(domain, account_id, key, location=SessionLocation.ignore),
                0.5 if domain.startswith("http://") else 10.0, containers)
    directory = Path(tempfile.mkdtemp(prefix="arr-desktop-"))
    cleanup.callback(shutil.rmtree, directory, ignore_errors=True)
    shutil.copytree(ROBOT, directory / "models")
    (directory / "assets").mkdir()
    emulator = cleanup.enter_context(Emulator(
        container_root=directory, startup_seconds=2.0, ingestion_seconds=1.5))
    account = AzureFrontendAccountInfo(emulator.url, emulator.account_id, emulator.account_key,
                                       location=SessionLocation.ignore)
    return account, 0.5, ((directory / "models").as_uri(), (directory / "assets").as_uri())


if __name__ == "__main__":
    sys.exit(main())
