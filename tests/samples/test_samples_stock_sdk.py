"""samples/stock_sdk.py where the SDK is missing; tests/emulator/judges has it where it is there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ..support.threads import ROOT

SAMPLE = str(ROOT / "samples" / "stock_sdk.py")


def test_without_the_sdk_it_says_how_to_install_it(tmp_path: Path) -> None:
    program = ("import runpy, sys; sys.modules['azure'] = None; "
               f"sys.path.insert(0, {str(ROOT)!r}); "
               f"runpy.run_path({SAMPLE!r}, run_name='__main__')")
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, timeout=60,
                          capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("pip install azure-mixedreality-remoterendering six\n")
