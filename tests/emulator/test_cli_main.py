"""The command line, as a process and in this one."""

from __future__ import annotations

import importlib.metadata
import inspect
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from arr.emulator import DEFAULT_ACCOUNT_ID, DEFAULT_ACCOUNT_KEY, Emulator, __all__ as exported
from arr.emulator import _cli
from arr.emulator._cli import main
from arr.emulator._emulator import DEFAULT_ALLOWED_HOSTS
from arr.emulator._web.routes import OWN, ROUTES

from ..support.emulator import LIMIT

ROOT = Path(__file__).parent.parent.parent


class Process:
    """`python -m arr.emulator` with its output."""

    def __init__(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "arr.emulator", *arguments], cwd=ROOT, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.guard = threading.Timer(25, self.process.kill)
        self.guard.daemon = True
        self.guard.start()
        assert self.process.stdout is not None
        self.shown = ""
        for line in self.process.stdout:
            self.shown += line
            if "get_current_rendering_sessions_async" in line:
                break
        found = re.search(r"http://127\.0\.0\.1:([0-9]+)", self.shown)
        self.port = int(found.group(1)) if found else 0

    def get(self, path: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return status

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=LIMIT)
        self.guard.cancel()
        return self.process.returncode, errors


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_says_how_to_connect_and_ends_cleanly(number: Any, tmp_path: Path) -> None:
    emulator = Process("--port", "0", "-v", "--container-root", str(tmp_path))
    assert emulator.port, emulator.process.communicate()
    for text in ("AzureFrontendAccountInfo()", "SessionLocation.ignore", DEFAULT_ACCOUNT_ID,
                 DEFAULT_ACCOUNT_KEY, f"http://127.0.0.1:{emulator.port}/_emulator/state"):
        assert text in emulator.shown
    assert emulator.get("/_emulator/state") == 200
    assert emulator.get(f"/accounts/{DEFAULT_ACCOUNT_ID}/token?sig=SECRET") == 401
    emulator.process.send_signal(number)
    code, errors = emulator.end()
    assert code == 0 and "Traceback" not in errors
    lines = [line for line in errors.splitlines() if "/token" in line]
    assert len(lines) == 1 and " 401 " in lines[0] and "SECRET" not in errors
    assert "/_emulator/state" not in errors


def test_a_busy_port_is_one_line_and_exit_code_two(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen(1)
        port = busy.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    errors = capsys.readouterr().err
    assert errors.startswith(f"arr.emulator: cannot listen on 127.0.0.1 port {port}: ")
    assert errors.endswith("; choose another with --port\n") and errors.count("\n") == 1


@pytest.mark.parametrize("arguments, word", [
    (["--container-root", "/does/not/exist"], "--container-root must be a directory that exists"),
    (["--container-root", ""], "--container-root must be a directory that exists"),
    (["--allow-host", ""], "--allow-host must hold host names"),
    (["--allow-host", "https://a.example"], "without scheme"),
    (["--host", "0.0.0.0"], "--allow-remote"), (["--port", "99999"], "65535"),
    (["--host", "no-such-host.invalid", "--allow-remote"], "choose another with --host"),
    (["--capacity", "-1"], "capacity"), (["--startup-seconds", "nan"], "startup_seconds"),
    (["--account-key", "a b"], "key"),
    (["--self-signed", "/dev/null/x", "--cert", "a"], "leave --cert and --key away"),
    (["--self-signed", "/dev/null/x", "--key", "a"], "leave --cert and --key away"),
])
def test_a_bad_option_is_one_line_and_exit_code_two(
        capsys: pytest.CaptureFixture[str], arguments: list[str], word: str) -> None:
    assert main(arguments) == 2
    errors = capsys.readouterr().err
    assert len(errors.splitlines()) == 1 and word in errors


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_end_with_zero(capsys: pytest.CaptureFixture[str], option: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([option])
    assert ended.value.code == 0
    assert "arr.emulator" in capsys.readouterr().out


def test_options_have_the_defaults_of_the_class() -> None:
    options = vars(_cli._parser().parse_args([]))
    for name, parameter in inspect.signature(Emulator).parameters.items():
        if name in options and name != "port":
            assert options[name] == parameter.default, name
    assert options["port"] == 8080


def test_the_version_is_that_of_the_installed_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"1.2 of {name}")
    assert _cli._version() == "arr.emulator 1.2 of arr-binding"
    monkeypatch.setattr(importlib.metadata, "version", absent)
    assert _cli._version() == "arr.emulator, not installed"


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let Ctrl-C come as soon as it serves; return the signals that got a handler."""
    def interrupt() -> None:
        raise KeyboardInterrupt

    numbers: list[Any] = []
    monkeypatch.setattr(_cli, "_wait", interrupt)
    monkeypatch.setattr(signal, "signal", lambda number, handler: numbers.append(number))
    return numbers


def test_it_waits_for_a_signal_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[Any] = []

    def wait(event: threading.Event, timeout: Any = None) -> bool:
        limits.append(timeout)
        if len(limits) == 3:
            raise KeyboardInterrupt
        return len(limits) == 2

    monkeypatch.setattr(threading.Event, "wait", wait)
    with pytest.raises(KeyboardInterrupt):
        _cli._wait()
    assert limits == [0.5 if os.name == "nt" else None] * 3


def test_only_on_the_main_thread_a_handler_is_set(handled: list[Any]) -> None:
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(main(["--port", "0"])))
    thread.start()
    thread.join(LIMIT)
    assert codes == [0] and handled == []
    assert main(["--port", "0"]) == 0 and handled == [signal.SIGTERM]


@pytest.mark.usefixtures("handled")
@pytest.mark.parametrize("options, level", [
    ([], logging.NOTSET), (["-v"], logging.INFO), (["-vv"], logging.DEBUG),
    (["-v", "-v", "-v"], logging.DEBUG)])
def test_verbose_says_how_much_is_logged(options: list[str], level: int) -> None:
    logger = logging.getLogger("arr.emulator")
    before = logger.level
    logger.setLevel(logging.NOTSET)
    try:
        assert main(["--port", "0", *options]) == 0
        assert logger.level == level
    finally:
        logger.setLevel(before)


@pytest.mark.usefixtures("handled")
def test_a_key_of_ones_own_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--port", "0", "--account-key", "my-own-key"]) == 0
    shown = capsys.readouterr().out
    assert "AccountKey = " in shown and "my-own-key" not in shown
    found = re.search(r"http://127\.0\.0\.1:([0-9]+)", shown)
    assert found
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(found.group(1))), LIMIT)


def test_the_exported_names_are_sorted() -> None:
    assert exported == sorted(exported)


def test_help_names_every_option_page_and_own_route(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert all(len(line) <= 100 for line in shown.splitlines())
    for text in (DEFAULT_ACCOUNT_ID, DEFAULT_ACCOUNT_KEY, "connect_to_arr_inspector_async",
                 "exit codes", *DEFAULT_ALLOWED_HOSTS):
        assert text in shown
    for route in ROUTES:
        if route.kind == OWN and route.path and route.name not in ("overview", "clock", "faults"):
            assert "/" + route.path.rpartition("/")[2] in shown, route.path


def test_the_lines_that_connect_are_ten_and_work() -> None:
    with Emulator() as emulator:
        shown = _cli._HOW_TO.format(url=emulator.url, account_id=emulator.account_id,
                                    key=f'"{emulator.account_key}"')
        pages, _, lines = shown.partition("\n\n")
        assert f"{emulator.url}/ " in pages and "connect_to_arr_inspector_async" in pages
        assert len(lines.rstrip("\n").split("\n")) == 10
        done = subprocess.run([sys.executable, "-c", lines], cwd=ROOT, timeout=25,
                              capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
