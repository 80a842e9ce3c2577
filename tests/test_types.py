"""The types as a user's checker sees them: every call infers, every mistake is found.

``typing/right.py`` must be accepted as it is, with the types that it asserts. In
``typing/wrong.txt`` the marked lines, and no others, must be refused.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import List, Set, Tuple

import pytest

from .support.displays import missing
from .support.threads import ROOT

CASES = ROOT / "tests" / "typing"
LIMIT = 120.0  # seconds; a checker without a cache reads the whole standard library

Finding = Tuple[str, int]


def found_by_mypy(folder: Path) -> Set[Finding]:
    if find_spec("mypy") is None:
        missing("mypy is not installed", "ARR_TEST_REQUIRE_TYPES")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", os.devnull,
         "--hide-error-context", "--no-error-summary", "--cache-dir", str(folder / "cache"),
         *_names(folder)],
        cwd=str(folder), capture_output=True, text=True, timeout=LIMIT,
        env=dict(os.environ, MYPYPATH=str(ROOT)))
    assert done.returncode in (0, 1), done.stderr
    found: Set[Finding] = set()
    for line in done.stdout.splitlines():
        match = re.match(r"(?:.*[\\/])?(\w+\.py):(\d+): error: ", line)
        if match and match.group(1) in _names(folder):
            found.add((match.group(1), int(match.group(2))))
    return found


def found_by_pyright(folder: Path) -> Set[Finding]:
    program = shutil.which("pyright")
    if program is None:
        pytest.skip("there is no pyright on the path")
    (folder / "pyrightconfig.json").write_text(json.dumps({
        "typeCheckingMode": "standard", "extraPaths": [str(ROOT)],
        "reportAttributeAccessIssue": "error"}))
    done = subprocess.run([program, "--outputjson", "--pythonpath", sys.executable],
                          cwd=str(folder), capture_output=True, text=True, timeout=LIMIT)
    findings = json.loads(done.stdout)["generalDiagnostics"]
    return {(Path(each["file"]).name, each["range"]["start"]["line"] + 1)
            for each in findings if each["severity"] == "error"}


def _names(folder: Path) -> List[str]:
    return sorted(path.name for path in folder.glob("*.py"))


@pytest.mark.parametrize("checker", [found_by_mypy, found_by_pyright])
def test_right_is_accepted_and_wrong_is_found(checker: object, tmp_path: Path) -> None:
    assert callable(checker)
    shutil.copy(CASES / "right.py", tmp_path / "right.py")
    text = (CASES / "wrong.txt").read_text(encoding="utf-8")
    (tmp_path / "wrong.py").write_text(text, encoding="utf-8")
    marked = {("wrong.py", number) for number, line in enumerate(text.splitlines(), 1)
              if line.endswith("# wrong")}
    assert len(marked) >= 35
    found = checker(tmp_path)
    assert sorted(found - marked) == [], "refused, and should be accepted"
    assert sorted(marked - found) == [], "accepted, and should be refused"
