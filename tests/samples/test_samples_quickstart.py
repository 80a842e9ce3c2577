"""samples/quickstart.py, as a user runs it: a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Dict, Iterator, List

import pytest

import arr
from arr.emulator import Emulator

from .conftest import Play

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "quickstart.py"
ROBOT = SAMPLE.parent / "models" / "robot"
GUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
LIMIT = 25.0  # seconds; the sample takes about 4

STORY = [
    r"service   http://127\.0\.0\.1:\d+, inside this process",
    rf"ingest    robot\.gltf is asset {GUID} \(handler on arr-worker-\d+\)",
    r"ingested  (\. )+Success",
    rf"create    session {GUID}",
    rf"ready     (\. )*Ready {GUID}\.localhost",
    r"connect   Connecting Connected",
    r"inspect   file:///.+/StartArrInspector\.html",
    r"extend    Success, 2 hours in total",
    rf"list      {GUID} Ready, 0:00:\d\d of 2:00:00",
    r"stop      Success",
]


@pytest.fixture
def environment(tmp_path: Path) -> Dict[str, str]:
    """The environment without any account, with the package that is under test."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("ARR_")}
    variables["PYTHONPATH"] = str(Path(arr.__file__).parent.parent)
    for name in ("TMPDIR", "TEMP", "TMP"):
        variables[name] = str(tmp_path)
    return variables


@pytest.fixture
def emulator(environment: Dict[str, str], tmp_path: Path) -> Iterator[Emulator]:
    """A service outside the sample, to which the environment leads."""
    container = tmp_path / "container"
    container.mkdir()
    for file in ROBOT.iterdir():
        (container / file.name).write_bytes(file.read_bytes())
    with Emulator(container_root=container, startup_seconds=0, ingestion_seconds=0) as emulator:
        environment.update(
            ARR_ACCOUNT_DOMAIN=emulator.url, ARR_ACCOUNT_ID=emulator.account_id,
            ARR_ACCOUNT_KEY=emulator.account_key, ARR_MODEL_NAME="robot.gltf",
            ARR_MODEL_CONTAINER=container.as_uri(), ARR_OUTPUT_CONTAINER=container.as_uri())
        yield emulator


def run(environment: Dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(SAMPLE)], env=environment, timeout=LIMIT, text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


def check_lines(output: str, patterns: List[str]) -> None:
    lines = output.splitlines()
    for line, pattern in zip(lines, patterns):
        assert re.fullmatch(pattern, line), f"{line!r} is not {pattern!r}"
    assert len(lines) == len(patterns), output


@pytest.mark.play("quickstart.py")
def test_quickstart_tells_whole_story(play: Play) -> None:
    check_lines("\n".join(play.lines()), STORY)
    left = [path.name for path in play.directory.iterdir()]
    assert len(left) == 1 and left[0].startswith("arr-inspector-")


def test_quickstart_uses_host_of_environment(environment: Dict[str, str],
                                             emulator: Emulator) -> None:
    done = run(environment)
    assert (done.returncode, done.stderr) == (0, "")
    # Here nothing takes time, so the one poll may be over before the sample looks at its progress.
    check_lines(done.stdout, [re.escape(f"service   {emulator.url}"), *(
        line.replace(r"(\. )+", r"(\. )*") for line in STORY[1:])])
    state = emulator.state()
    assert [session["status"] for session in state["sessions"]] == ["Stopped"]
    assert [ingestion["status"] for ingestion in state["ingestions"]] == ["Success"]


@pytest.mark.parametrize("missing, named", [
    (["ARR_ACCOUNT_KEY"], "set ARR_ACCOUNT_KEY too"),
    (["ARR_ACCOUNT_DOMAIN", "ARR_ACCOUNT_ID"], "set ARR_ACCOUNT_DOMAIN and ARR_ACCOUNT_ID too"),
    (["ARR_OUTPUT_CONTAINER"], "set ARR_OUTPUT_CONTAINER too"),
])
def test_quickstart_names_what_is_not_set(environment: Dict[str, str], emulator: Emulator,
                                          missing: List[str], named: str) -> None:
    for name in missing:
        del environment[name]
    done = run(environment)
    assert done.returncode == 1
    assert done.stderr.startswith(f"quickstart: {named}")
    assert emulator.account_key not in done.stdout + done.stderr
    assert emulator.requests() == []


def test_quickstart_says_key_is_wrong(environment: Dict[str, str], emulator: Emulator) -> None:
    environment["ARR_ACCOUNT_KEY"] = "bm90LXRoZS1rZXk="
    done = run(environment)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "ingest    failed: AuthenticationFailed"
    assert re.match(r"quickstart: .*AuthenticationFailed.*\(HTTP 401\)", done.stderr)
    assert len(done.stderr.splitlines()) == 1 and "bm90" not in done.stdout + done.stderr


def test_quickstart_says_host_is_dead(environment: Dict[str, str], emulator: Emulator) -> None:
    with socket.socket() as unheard:  # bound, but nobody listens: connections are refused
        unheard.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{unheard.getsockname()[1]}"
        done = run({**environment, "ARR_ACCOUNT_DOMAIN": f"http://{host}"})
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == "ingest    failed: NoConnection"
    assert re.match(f"quickstart: .*NoConnection.*{re.escape(host)}", done.stderr)
    assert len(done.stderr.splitlines()) == 1


def test_quickstart_says_model_is_missing(environment: Dict[str, str],
                                          emulator: Emulator) -> None:
    done = run({**environment, "ARR_MODEL_NAME": "cyborg.gltf"})
    assert done.returncode == 1
    assert re.match("quickstart: .*cyborg.gltf has ended with Failure", done.stderr)
    assert emulator.state()["sessions"] == []


def test_quickstart_stops_session_when_a_step_fails(environment: Dict[str, str],
                                                    emulator: Emulator) -> None:
    emulator.add_fault("PATCH", "sessions/*", status=500)
    done = run(environment)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-2:] == ["extend    failed: Fail", "stop      Success"]
    assert [session["status"] for session in emulator.state()["sessions"]] == ["Stopped"]


def test_quickstart_says_session_has_failed(environment: Dict[str, str],
                                            emulator: Emulator) -> None:
    emulator.set_capacity(0)
    done = run(environment)
    assert done.returncode == 1
    assert re.match("quickstart: .*the session is Error, not Ready: .*capacity", done.stderr)


def started(environment: Dict[str, str]) -> subprocess.Popen[bytes]:
    """Start the sample, unbuffered, so that what read_until leaves is there for communicate."""
    return subprocess.Popen([sys.executable, str(SAMPLE)], env=environment, bufsize=0,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def read_until(process: subprocess.Popen[bytes], word: bytes) -> None:
    """Read what the sample prints, up to a word.

    The request of a step is on its way before the step has printed its title, so a held request
    alone does not say where Ctrl-C will strike.
    """
    assert process.stdout is not None
    read = b""
    while not read.endswith(word):
        character = process.stdout.read(1)
        assert character, read
        read += character


@pytest.mark.skipif(os.name == "nt", reason="there Ctrl-C goes to all processes of the console")
def test_quickstart_stops_session_on_ctrl_c(environment: Dict[str, str],
                                            emulator: Emulator) -> None:
    # The session's properties are held back, so the sample waits until it is interrupted.
    with emulator.hold("GET", "properties") as hold:
        with started(environment) as process:
            try:
                assert hold.wait_arrived(LIMIT)
                read_until(process, b"ready")
                process.send_signal(signal.SIGINT)
                output, errors = process.communicate(timeout=LIMIT)
            finally:
                process.kill()
    assert (process.returncode, errors) == (130, b"")
    assert output.splitlines() == [b"     interrupted", b"stop      Success"]
    assert [session["status"] for session in emulator.state()["sessions"]] == ["Stopped"]


@pytest.mark.skipif(os.name == "nt", reason="there Ctrl-C goes to all processes of the console")
def test_quickstart_stops_session_whose_creation_is_interrupted(
        environment: Dict[str, str], emulator: Emulator) -> None:
    # The reply with the session's id is on its way when Ctrl-C comes.
    with emulator.hold("POST", "sessions/create") as hold:
        with started(environment) as process:
            try:
                assert hold.wait_arrived(LIMIT)
                read_until(process, b"create")
                process.send_signal(signal.SIGINT)
                read_until(process, b"interrupted")
                hold.release()
                output, errors = process.communicate(timeout=LIMIT)
            finally:
                process.kill()
    assert (process.returncode, errors) == (130, b"")
    assert output.splitlines() == [b"", b"stop      Success"]
    assert [session["status"] for session in emulator.state()["sessions"]] == ["Stopped"]
