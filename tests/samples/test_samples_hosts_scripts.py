"""rendering_session.py and ingestion.py, as users of the PowerShell scripts run them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator, List, Tuple

import pytest

from arr.emulator import Emulator

from ..support.threads import ROOT
from .conftest import Play
from .test_samples_hosts_apps import GUID

LIMIT = 60.0
ROBOT = ROOT / "samples" / "models" / "robot"
Outcome = Tuple[int, List[str], str]


class Prompt:
    """A directory to run the scripts in, perhaps with an arrconfig.json."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith("ARR_")}
        self.environment.update(PYTHONPATH=str(ROOT))
        temporary = directory / "temporary"
        temporary.mkdir()
        self.environment.update({name: str(temporary) for name in ("TMPDIR", "TEMP", "TMP")})

    def command(self, name: str, *options: str) -> List[str]:
        return [sys.executable, str(ROOT / "samples" / name), *options]

    def run(self, name: str, *options: str) -> Outcome:
        done = subprocess.run(self.command(name, *options), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=LIMIT,
                              env=self.environment, cwd=str(self.directory))
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout.splitlines(), done.stderr

    def sessions(self, *options: str) -> Outcome:
        return self.run("rendering_session.py", *options)

    def ingestion(self, *options: str) -> Outcome:
        return self.run("ingestion.py", *options)

    def configure(self, emulator: Emulator, key: str = "", name: str = "arrconfig.json",
                  **more: Any) -> Path:
        path = self.directory / name
        path.write_text(json.dumps({"accountSettings": {
            "arrAccountId": emulator.account_id, "arrAccountKey": key or emulator.account_key,
            "accountDomain": emulator.url}, **more}), encoding="utf-8")
        return path


@pytest.fixture
def prompt(tmp_path: Path) -> Prompt:
    return Prompt(tmp_path)


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    with Emulator(startup_seconds=0, ingestion_seconds=0, container_root=tmp_path) as emulator:
        yield emulator


# -- rendering_session.py --------------------------------------------------------------------------

@pytest.mark.play("rendering_session.py")
def test_with_nothing_it_demonstrates_itself(play: Play) -> None:
    code, lines, told = play.outcome()
    assert code == 0
    assert re.fullmatch(GUID, lines[0])
    assert [line.split()[1] for line in lines if line.startswith("Status")] == [
        "Ready", "Ready", "Stopped"]
    assert "an emulator inside this process, because there is no arrconfig.json" in told
    assert re.search(r"\d\.\d s  Starting", told) and "5:00:00 in total" in told


def test_help_tells_both_spellings_and_the_exit_codes(prompt: Prompt) -> None:
    code, lines, told = prompt.sessions("--help")
    text = "\n".join(lines)
    assert code == 0 and told == ""
    for words in ("-CreateSession", "--create-session", "-MaxLeaseTime", "arrconfig.json",
                  "Exit code", "130"):
        assert words in text
    assert prompt.sessions("-?")[0] == 0


def test_the_actions_one_by_one_against_a_configured_host(
        prompt: Prompt, emulator: Emulator) -> None:
    prompt.configure(emulator, renderingSessionSettings={"vmSize": "small",
                                                         "maxLeaseTime": "1:30:00"})
    code, lines, told = prompt.sessions("-CreateSession", "-Poll")
    assert code == 0 and emulator.url in told and "small, lease 1:30:00" in told
    session_id = lines[0]
    assert lines[1:4] == [f"Id        {session_id}", "Status    Ready", "Size      small"]

    code, lines, _ = prompt.sessions("--get-sessions")
    assert code == 0 and f"Id        {session_id}" in lines

    code, lines, told = prompt.sessions("-updatesession", "-id", session_id,
                                        "-MaxLeaseTime:2:15:00")
    assert code == 0 and "2:15:00 in total" in told

    code, lines, _ = prompt.sessions("--get-session-properties", f"--id={session_id}")
    assert code == 0 and "MaxLease  2:15:00" in lines

    code, _, told = prompt.sessions("-StopSession", "-Id", session_id)
    assert code == 0 and "stopped" in told
    code, lines, told = prompt.sessions("-GetSessionProp", "-Id", session_id, "-Poll")
    assert code == 1 and "Status    Stopped" in lines and "will not be ready" in told


def test_with_a_configuration_and_no_action_it_creates_and_polls(
        prompt: Prompt, emulator: Emulator) -> None:
    path = prompt.configure(emulator, name="other.json")
    code, lines, _ = prompt.sessions("-ConfigFile", str(path), "-VmSize", "Big")
    assert code == 0 and "Status    Ready" in lines and "Size      big" in lines
    assert emulator.state()["sessions"][0]["status"] == "Ready"  # as the original leaves it


def test_a_wrong_key(prompt: Prompt, emulator: Emulator) -> None:
    path = prompt.configure(emulator, key="bm90IHRoZSBrZXk=")
    code, lines, told = prompt.sessions("-GetSessions", "-ConfigFile", str(path))
    assert code == 1 and lines == []
    assert "AuthenticationFailed" in told and "check arrAccountId, arrAccountKey" in told
    assert "bm90IHRoZSBrZXk=" not in told


def test_an_unknown_id(prompt: Prompt, emulator: Emulator) -> None:
    prompt.configure(emulator)
    code, lines, told = prompt.sessions(
        "-StopSession", "-Id", "11111111-2222-3333-4444-555555555555")
    assert code == 1 and lines == []
    assert "SessionNotFound" in told and "-GetSessions lists" in told


def test_a_session_that_fails_to_start(prompt: Prompt, emulator: Emulator) -> None:
    prompt.configure(emulator)
    emulator.set_capacity(0)
    code, lines, told = prompt.sessions("-CreateSession", "-Poll")
    assert code == 1 and "Status    Error" in lines and "no capacity" in told


@pytest.mark.parametrize("options, words", [
    (["-StopSession"], "-Id"),
    (["-UpdateSession", "-Id", "x"], "-MaxLeaseTime"),
    (["-UpdateSession", "-Id", "x", "-MaxLeaseTime", "soon"], "hh:mm:ss"),
    (["-CreateSession", "-VmSize", "huge"], "small, big, standard, premium"),
    (["-GetSessions", "-StopSession"], "not allowed with"),
    (["-Frobnicate"], "unrecognized arguments"),
    (["-ConfigFile", "nowhere.json"], "there is no file"),
])
def test_what_cannot_be_meant_is_2_and_says_why(
        prompt: Prompt, options: List[str], words: str) -> None:
    code, lines, told = prompt.sessions(*options)
    assert (code, lines) == (2, []) and words in told


@pytest.mark.parametrize("text, words", [
    ("{not json", "is not JSON"),
    ("[]", "does not hold a JSON object"),
    ('{"accountSettings": {"arrAccountId": "<fill in>"}}', "is still <fill in>"),
    ('{"accountSettings": {"arrAccountId": "x"}}', "set accountSettings.region"),
])
def test_a_configuration_that_cannot_be_used(prompt: Prompt, text: str, words: str) -> None:
    (prompt.directory / "arrconfig.json").write_text(text, encoding="utf-8")
    code, _, told = prompt.sessions("-GetSessions")
    assert code == 2 and words in told and "arrconfig.json" in told


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_ctrl_c_while_polling_tells_that_the_session_goes_on(
        prompt: Prompt, emulator: Emulator) -> None:
    prompt.configure(emulator)
    with emulator.hold("GET", "properties") as held:
        script = subprocess.Popen(
            prompt.command("rendering_session.py", "-CreateSession", "-Poll"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env=prompt.environment, cwd=str(prompt.directory))
        assert held.wait_arrived(LIMIT)
        script.send_signal(signal.SIGINT)
        lines, told = script.communicate(timeout=LIMIT)
    assert script.returncode == 130
    session_id = lines.strip()
    assert f"-StopSession -Id {session_id}" in told and "interrupted" in told
    assert "Traceback" not in told
    assert emulator.state()["sessions"][0]["status"] == "Ready"


# -- ingestion.py ----------------------------------------------------------------------------------

def storage(prompt: Prompt) -> Any:
    return {"inputContainerUrl": (prompt.directory / "in").as_uri(),
            "outputContainerUrl": (prompt.directory / "out").as_uri()}


@pytest.mark.play("ingestion.py")
def test_with_nothing_the_ingestion_demonstrates_itself(play: Play) -> None:
    code, lines, told = play.outcome()
    assert code == 0 and re.fullmatch(GUID, lines[0]) and lines[1:] == ["Success"]
    assert "Running" in told and "bytes  robot.ezArchive" in told
    assert list(play.directory.iterdir()) == []


def test_the_archive_may_be_kept(prompt: Prompt) -> None:
    code, _, _ = prompt.ingestion("-OutputLocation", "kept")
    assert code == 0 and (prompt.directory / "kept" / "robot.ezArchive").stat().st_size > 1000


def test_a_model_is_copied_and_ingested_by_a_configured_host(
        prompt: Prompt, emulator: Emulator) -> None:
    prompt.configure(emulator, azureStorageSettings=storage(prompt),
                     modelSettings={"modelLocation": str(ROBOT)})
    code, lines, told = prompt.ingestion("-IngestAsset", "-ModelName", "robot.gltf", "-Poll")
    assert code == 0 and lines[-1] == "Success"
    assert (prompt.directory / "out" / "robot.ezArchive").is_file()
    code, lines, _ = prompt.ingestion("--get-asset-status", "--id", lines[0])
    assert (code, lines) == (0, ["Success"])


def test_a_model_that_is_not_there(prompt: Prompt, emulator: Emulator) -> None:
    prompt.configure(emulator, azureStorageSettings=storage(prompt))
    code, lines, told = prompt.ingestion("-IngestAsset", "-ModelName", "no.gltf", "-Poll")
    assert code == 1 and lines[-1] == "Failure" and "does not say why" in told
    code, lines, told = prompt.ingestion("-IngestAsset", "-ModelName", "no.gltf",
                                         "-ModelLocation", str(ROBOT))
    assert code == 2 and "there is no no.gltf in" in told


def test_an_unknown_asset(prompt: Prompt, emulator: Emulator) -> None:
    prompt.configure(emulator)
    code, _, told = prompt.ingestion(
        "-GetAssetStatus", "-Id", "11111111-2222-3333-4444-555555555555")
    assert code == 1 and "InvalidId" in told


@pytest.mark.parametrize("options, words", [
    ([], "-IngestAsset or -GetAssetStatus"),
    (["-GetAssetStatus"], "-Id"),
    (["-IngestAsset"], "-ModelName"),
    (["-IngestAsset", "-ModelName", "robot.gltf"], "azureStorageSettings.inputContainerUrl"),
])
def test_what_is_missing_is_named(
        prompt: Prompt, emulator: Emulator, options: List[str], words: str) -> None:
    prompt.configure(emulator)
    code, lines, told = prompt.ingestion(*options)
    assert (code, lines) == (2, []) and words in told


def test_files_go_to_a_blob_container_with_its_signature(prompt: Prompt, emulator: Emulator,
                                                         httpserver: Any) -> None:
    for name in ("robot.gltf", "robot.bin", "ModelIngestionSettings.json"):
        httpserver.expect_request(f"/models/{name}", method="PUT", query_string="sig=abc",
                                  headers={"x-ms-blob-type": "BlockBlob"}
                                  ).respond_with_data("", status=201)
    url = httpserver.url_for("/models") + "?sig=abc"
    prompt.configure(emulator, azureStorageSettings={
        "inputContainerUrl": url, "outputContainerUrl": url})
    prompt.ingestion("-IngestAsset", "-ModelName", "robot.gltf", "-ModelLocation", str(ROBOT))
    sent = {request.path: request.data for request, _ in httpserver.log
            if request.method == "PUT"}  # the service then reads the container itself
    assert sent["/models/robot.bin"] == (ROBOT / "robot.bin").read_bytes()
    assert len(sent) == 3
