"""samples/csharp_snippets.py and samples/cpp_snippets.py print the same lines on every run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import arr

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
LIMIT = 25.0  # seconds; each takes less than one

CSHARP = """\
AzureFrontendAccountInfo
  success:    westus2.mixedreality.azure.com
  else:       InvalidParam
Azure Frontend
  else:       not connected, it is Starting
  success:    Success
Redundant calls on a session object
  else:       AlreadyExists
  success:    Success
  requests:   2
Start asset ingestion
  success:    <id>
  else:       Failed to start asset ingestion!
              AuthenticationFailed
Get ingestion status
  success:    Success
  else:       Failed to get status of asset ingestion!
              InvalidId
Create rendering session
  success:    <AzureSession <id> Unknown>
  else:       Failed to create session!
              TooManyRequests
Open an existing rendering session
  success:    not connected, it is Starting
  else:       InvalidParam
Get current rendering sessions
  success:    Ready
              Starting
  else:       Failed to get current rendering sessions!
              AlreadyDeinitialized
Get rendering session properties
  success:    Ready
  else:       Failed to get properties of session!
              SessionNotFound
Update rendering session
  success:    Rendering session update succeeded!
  else:       Failed to update rendering session!
              NoConnection
Stop rendering session
  success:    Rendering session stop succeeded!
  else:       Failed to stop rendering session!
              SessionNotFound
Connect to ARR inspector
  success:    file:///.../StartArrInspector.html, on MainThread
  else:       Failed to connect to ARR inspector!
              InvalidParam
29 lines from handlers, of these on the main thread: 0
"""

CPP = """\
Start asset ingestion
  success:    <id>
  else:       Failed to start asset ingestion!
              InvalidParam
Get ingestion status
  success:    Success
  else:       Failed to get status of asset ingestion!
              ProtocolError
Create rendering session
  success:    <AzureSession <id> Unknown>
  else:       Failed to create session!
              Fail
Open an existing rendering session
  success:    Starting
  else:       Failed to get properties of session!
              SessionNotFound
Get current rendering sessions
  success:    Ready
  else:       Failed to get current rendering sessions!
              AuthenticationFailed
Get rendering session properties
  success:    Ready
  else:       Failed to get properties of session!
              NoConnection
Update rendering session
  success:    Rendering session update succeeded!
  else:       Failed to update rendering session!
              InvalidParam
Stop rendering session
  else:       Failed to stop rendering session!
              AlreadyExists
  success:    Rendering session stopping succeeded!
Connect to ARR inspector
  success:    file:///.../StartArrInspector.html
  else:       Failed to connect to ARR inspector!
              InvalidParam
27 lines from handlers, of these on the main thread: 0
"""


@pytest.mark.parametrize("name, expected", [("csharp_snippets.py", CSHARP),
                                            ("cpp_snippets.py", CPP)])
def test_snippets_take_every_branch(name: str, expected: str, tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(arr.__file__).parent.parent)}
    for variable in ("TMPDIR", "TEMP", "TMP"):
        environment[variable] = str(tmp_path)
    done = subprocess.run(
        [sys.executable, str(SAMPLES / name)], env=environment, timeout=LIMIT, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.stdout == expected
    assert (done.returncode, done.stderr) == (0, "")


def test_snippets_name_no_more_than_a_port_imports() -> None:
    # `from arr import *` and `from arr.cpp import *` are enough.
    for name in ("csharp_snippets.py", "cpp_snippets.py"):
        imports = [line for line in (SAMPLES / name).read_text("utf-8").splitlines()
                   if line.startswith(("from arr", "import arr"))]
        assert imports == [f"from arr{'.cpp' if name.startswith('cpp') else ''} import *"]
