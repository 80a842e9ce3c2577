"""A Tkinter host: handlers bound to its thread run in its main loop."""

from __future__ import annotations

import subprocess
import sys

from arr.emulator import Emulator

from ..support.displays import display
from ..support.threads import LIMIT, ROOT

PROGRAM = """
import sys, threading, tkinter
from arr import *

url, account_id, account_key = sys.argv[1:]
frontend = AzureFrontend(AzureFrontendAccountInfo(
    url, account_id, account_key, location=SessionLocation.ignore))
root = tkinter.Tk()
label = tkinter.Label(root, text="0")
label.pack()
dispatcher = Dispatcher()
count = 0

def tick():
    dispatcher.pump(budget=0.01)
    root.after(5, tick)

def listed(done):
    global count
    count += 1
    label.config(text=f"{count} {done.status}")  # may be called on the main thread only
    if threading.current_thread() is not threading.main_thread():
        print("on", threading.current_thread().name)
    if count == 50:
        print("label", label["text"])
        root.destroy()

tick()
for _ in range(50):
    frontend.get_current_rendering_sessions_async().completed += dispatcher.bind(listed)
root.after(8000, root.destroy)
root.mainloop()
print("end", count)
"""


def test_fifty_handlers_run_in_the_main_loop_of_tkinter() -> None:
    with display() as environment, Emulator() as emulator:
        environment.update(PYTHONPATH=str(ROOT))
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, emulator.url, emulator.account_id,
             emulator.account_key],
            env=environment, capture_output=True, text=True, timeout=LIMIT * 2)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["label 50 Success", "end 50"]
