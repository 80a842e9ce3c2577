"""What README.md promises: its length, its two commands, and code that does what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import List

import arr

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
LIMIT = 25.0  # seconds


def blocks(language: str) -> List[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def output_of(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(Path(arr.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, timeout=LIMIT, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_readme_is_short() -> None:
    assert len(README.splitlines()) <= 130


def test_readme_begins_with_two_commands() -> None:
    main, tests = blocks("sh")[:2]
    assert main == ("python -m venv v && v/bin/pip install . && "
                    "v/bin/python samples/quickstart.py\n")
    assert tests == ("python -m venv v-test && v-test/bin/pip install '.[test]' && "
                     "v-test/bin/python -m pytest\n")


def test_readme_code_prints_what_it_says() -> None:
    printed = output_of(blocks("python")[0])
    # Which of the workers it is depends on who was quicker, the reply or the subscriber.
    assert re.sub(r"arr-worker-\d+", "arr-worker-1", printed) == blocks("text")[0]


def test_readme_test_code_runs(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(blocks("python")[1], "utf-8")
    (tmp_path / "conftest.py").write_text(
        "import pytest\n"
        "def pytest_configure(config):\n"  # a checkout that is not installed has no entry point
        "    if not config.pluginmanager.hasplugin('arr'):\n"
        "        config.pluginmanager.import_plugin('arr.pytest_plugin')\n", "utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-m", "pytest", "-q", str(tmp_path)], cwd=tmp_path,
                          env=environment, timeout=LIMIT, text=True, stdout=subprocess.PIPE)
    assert done.returncode == 0 and "1 passed" in done.stdout, done.stdout


def test_readme_starts_emulator_by_real_options() -> None:
    command = blocks("sh")[2].split()
    done = subprocess.run([sys.executable, *command[1:3], "--help"], cwd=ROOT, timeout=LIMIT,
                          text=True, stdout=subprocess.PIPE, check=True)
    for option in command:
        if option.startswith("--"):
            assert option in done.stdout


def test_links_lead_to_files() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "samples/README.md"):
        text = re.sub(r"`[^`]*`", "", (ROOT / page).read_text("utf-8"))  # a lambda is no link
        for target in re.findall(r"\]\(([^)#]+)\)", text):
            if "://" not in target:
                assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


def test_contributing_has_every_file_and_folder_in_its_layers() -> None:
    rows = re.findall(r"^\| ((?:`\w+/?` ?)+)\|", (ROOT / "CONTRIBUTING.md").read_text("utf-8"),
                      re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"[\w/]+", row)]
    halves = (ROOT / "arr", ROOT / "arr" / "emulator")
    there = [path.stem for half in halves for path in half.glob("*.py")
             if not path.stem.startswith("__")]
    there += [f"{path.parent.name}/" for half in halves for path in half.glob("*/__init__.py")]
    assert sorted(named) == sorted(name for name in there if name != "emulator/")
