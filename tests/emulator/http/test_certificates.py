"""Certificates: those that are made, kept and renewed, and those that are refused."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from arr.emulator import Emulator
from arr.emulator import _cli
from arr.emulator._cli import main
from arr.emulator._http import certificates
from arr.emulator._http.certificates import CertificateError, Files, files_of, self_signed

from ...support.displays import missing
from ...support.emulator import LIMIT
from ...support.tls import TlsClient

ROOT = Path(__file__).parents[3]


def contents(files: Files) -> list[bytes]:
    return [path.read_bytes() for path in files]


@pytest.fixture
def made(tls_files: Files, tmp_path: Path) -> Files:
    """A set of one's own, to be spoiled."""
    for path in tls_files:
        shutil.copy2(path, tmp_path / path.name)
    return files_of(tmp_path)


def works(files: Files) -> bool:
    with Emulator(certificate=files.certificate, private_key=files.private_key) as emulator, \
            TlsClient(emulator, files.authority) as client:
        return client.call("GET", "/sessions").status == 200


# making, keeping, renewing

def test_what_is_good_is_kept(made: Files) -> None:
    before = contents(made)
    assert self_signed(made.authority.parent) == made
    assert contents(made) == before


def test_the_directory_is_made_and_its_path_is_absolute(
        tls_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    files = self_signed(Path("some where") / "deep")
    assert files.authority == tmp_path / "some where" / "deep" / "authority.pem"
    assert works(files)
    assert {path.name for path in files.authority.parent.iterdir()} == {
        ".lock", *(path.name for path in files)}


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_keys_are_the_owners_only_at_every_instant_whatever_the_umask(
        tls_files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[int] = []
    real = certificates._call

    def call(arguments: tuple[Any, ...]) -> Any:
        if arguments[0] == "ecparam":
            begun.append(arguments[-1].stat().st_mode & 0o777)
        return real(arguments)

    monkeypatch.setattr(certificates, "_call", call)
    before = os.umask(0)
    try:
        files = self_signed(tmp_path)
    finally:
        os.umask(before)
    assert begun == [0o600] * 2
    for key in (files.authority_key, files.private_key):
        assert key.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_key_that_others_may_read_is_closed(made: Files) -> None:
    made.private_key.chmod(0o644)
    self_signed(made.authority.parent)
    assert made.private_key.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.name == "nt", reason="users of POSIX")
def test_files_of_another_user_are_refused(made: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = made.authority.stat().st_uid
    monkeypatch.setattr(os, "getuid", lambda: 4321)
    for path in (made.authority.parent, *made):
        os.chown(path, owner, -1)
    if owner == 0:  # what root owns is good for everybody; only root can give a file away
        self_signed(made.authority.parent)
        os.chown(made.authority_key, 4322, -1)
    with pytest.raises(CertificateError, match="belongs to another user; choose another"):
        self_signed(made.authority.parent)


@pytest.mark.skipif(os.name == "nt", reason="users of POSIX")
def test_root_uses_files_of_another_user(made: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.getuid() == 0:
        os.chown(made.authority, 4322, -1)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    before = contents(made)
    self_signed(made.authority.parent)
    assert contents(made) == before


def test_the_directory_is_locked_before_anything_is_looked_at(
        made: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    fcntl = pytest.importorskip("fcntl", reason="locks of POSIX")
    done: list[object] = []
    real = certificates._call

    def call(arguments: tuple[object, ...]) -> Any:
        done.append(arguments[0])
        return real(arguments)

    monkeypatch.setattr(certificates, "_call", call)
    monkeypatch.setattr(fcntl, "flock", lambda file, how: done.append((file.name, how)))
    self_signed(made.authority.parent)
    assert done[0] == (str(made.authority.parent / ".lock"), fcntl.LOCK_EX) and len(done) > 1


@pytest.mark.parametrize("spoiled, authority_kept", [
    ("certificate", True), ("private_key", True), ("authority", False),
    ("authority_key", False)])
@pytest.mark.parametrize("data", [None, b"", b"broken", "other"])
def test_what_is_broken_is_made_anew(made: Files, tls_files: Files, spoiled: str,
                                     authority_kept: bool, data: bytes | str | None) -> None:
    before = made.authority.read_bytes()
    path: Path = getattr(made, spoiled)
    if data is None:
        path.unlink()
    elif isinstance(data, bytes):
        path.write_bytes(data)
    else:  # good in itself, but not beside the rest
        shutil.copy2({"authority": made.certificate, "certificate": made.authority,
                      "authority_key": made.private_key,
                      "private_key": made.authority_key}[spoiled], path)
    assert works(self_signed(made.authority.parent))
    assert (made.authority.read_bytes() == before) == authority_kept


def test_a_pair_that_is_no_authority_is_made_anew(made: Files) -> None:
    shutil.copy2(made.certificate, made.authority)
    shutil.copy2(made.private_key, made.authority_key)
    assert works(self_signed(made.authority.parent))


@pytest.mark.parametrize("days, authority_kept", [(400, True), (4000, False)])
def test_what_expires_is_made_anew(made: Files, days: int, authority_kept: bool,
                                   monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(made)
    monkeypatch.setattr(certificates, "_RENEW_SECONDS", days * 86_400)
    self_signed(made.authority.parent)
    after = contents(made)
    assert (after[0] == before[0]) == authority_kept and after[2] != before[2]
    assert works(made)


def test_the_authority_is_good_for_this_machine_only(made: Files, tmp_path: Path) -> None:
    config = certificates._CONFIG.replace("DNS:localhost, DNS:*", "DNS:example.com, DNS:*", 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(certificates, "_CONFIG", config)
        certificates._make_certificate(files_of(_new(tmp_path / "foreign")), made)
    foreign = tmp_path / "foreign" / made.certificate.name
    assert not certificates._good("verify", "-CAfile", made.authority, foreign)
    assert certificates._good("verify", "-CAfile", made.authority, made.certificate)


def test_no_two_certificates_have_one_serial_number() -> None:
    numbers = {int(certificates._serial(), 16) for _ in range(20)}
    assert len(numbers) == 20 and {number.bit_length() for number in numbers} == {63}


def _new(directory: Path) -> Path:
    directory.mkdir()
    return directory


# what cannot be made

def test_without_openssl_the_user_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--self-signed", str(tmp_path / "new")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "no openssl on the PATH" in line and "--cert" in line


def test_a_directory_that_cannot_be_written(tls_files: Files, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for directory, why in ((tmp_path / "file", "File exists"),
                           (tmp_path / "file" / "below", "Not a directory")):
        with pytest.raises(CertificateError) as caught:
            self_signed(directory)
        assert str(caught.value) == (
            f"the directory {directory} cannot be written ({why}); choose another")


def test_an_openssl_that_fails_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.name == "nt":
        pytest.skip("a script of POSIX")
    program = tmp_path / "openssl"
    program.write_text("#!/bin/sh\necho 'something: went wrong' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CertificateError, match="'openssl ecparam' failed: something: went wrong"):
        self_signed(tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == [".lock"]


def test_an_openssl_that_does_not_end_is_given_up_after_a_minute(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(command: list[str], *, timeout: float, **more: object) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(CertificateError, match="'openssl ecparam' did not end within 60 s"):
        self_signed(tmp_path)


# what is given

@pytest.mark.parametrize("which", ["certificate", "private_key"])
def test_both_or_none(tls_files: Files, which: str,
                      capsys: pytest.CaptureFixture[str]) -> None:
    given = {which: getattr(tls_files, which)}
    with pytest.raises(ValueError, match="go together"):
        Emulator(**given)
    assert main(["--cert" if which == "certificate" else "--key", str(given[which])]) == 2
    assert "--cert and --key go together" in capsys.readouterr().err


@pytest.mark.parametrize("value", [3, b"a.pem", True])
def test_a_path_that_is_none(tls_files: Files, value: Any) -> None:
    with pytest.raises(TypeError, match="certificate must be a path, not "):
        Emulator(certificate=value, private_key=tls_files.private_key)
    with pytest.raises(TypeError, match="private_key must be a path, not "):
        Emulator(certificate=tls_files.certificate, private_key=value)


def test_a_certificate_is_given_or_made_not_both(capsys: pytest.CaptureFixture[str],
                                                 tmp_path: Path) -> None:
    assert main(["--self-signed", str(tmp_path / "x"), "--cert", "a", "--key", "b"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--self-signed" in line and "leave --cert and --key away" in line
    assert not (tmp_path / "x").exists()


def test_files_that_cannot_be_used(made: Files, tmp_path: Path) -> None:
    text, encrypted = tmp_path / "text.pem", tmp_path / "encrypted.key"
    text.write_text("hello")
    subprocess.run(["openssl", "pkcs8", "-topk8", "-in", str(made.private_key), "-passout",
                    "pass:SECRET", "-out", str(encrypted)], check=True, capture_output=True,
                   timeout=60)
    for certificate, key, words in (
            (tmp_path / "none.pem", made.private_key, "certificate .*none.pem cannot be read: No "),
            (made.certificate, tmp_path / "none.key", "private_key .*none.key cannot be read: No "),
            (made.certificate, tmp_path, "private_key .* cannot be read: Is a directory"),
            (made.certificate, made.authority_key, "does not belong to certificate"),
            (made.certificate, encrypted, "is encrypted; .*openssl pkey -in"),
            (text, made.private_key, "both must be PEM files"),
            (made.certificate, text, "both must be PEM files"),
            (made.private_key, made.private_key, "both must be PEM files")):
        with pytest.raises(ValueError, match=words):
            Emulator(certificate=certificate, private_key=key)


# the command line

def shown_by(arguments: list[str], monkeypatch: pytest.MonkeyPatch,
             capsys: pytest.CaptureFixture[str]) -> str:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_cli, "_wait", interrupt)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    assert main(["--port", "0", *arguments]) == 0
    return capsys.readouterr().out


def test_the_start_names_both_addresses_and_what_each_client_needs(
        made: Files, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    shown = shown_by(["--self-signed", str(made.authority.parent)], monkeypatch, capsys)
    (port,) = set(re.findall(r"https?://127\.0\.0\.1:([0-9]+)", shown))
    for text in (f" http://127.0.0.1:{port} ", f" https://127.0.0.1:{port};",
                 f"REQUESTS_CA_BUNDLE={made.authority}", f"SSL_CERT_FILE={made.authority}",
                 f"NODE_EXTRA_CA_CERTS={made.authority}", f"-file {made.authority}",
                 "trustStore=arr.p12", ".NET"):
        assert text in shown
    assert str(made.private_key) not in shown and str(made.authority_key) not in shown


def test_a_certificate_of_ones_own(made: Files, monkeypatch: pytest.MonkeyPatch,
                                   capsys: pytest.CaptureFixture[str]) -> None:
    shown = shown_by(["--cert", str(made.certificate), "--key", str(made.private_key)],
                     monkeypatch, capsys)
    assert "https://127.0.0.1:" in shown and "REQUESTS_CA_BUNDLE=AUTHORITY.pem" in shown
    assert "https" not in shown_by([], monkeypatch, capsys)


@pytest.mark.skipif(os.name == "nt", reason="a script of POSIX")
def test_the_job_of_the_guide_runs_as_printed(tls_files: Files, tmp_path: Path) -> None:
    guide = (ROOT / "samples" / "README.md").read_text("utf-8")
    (job,) = re.findall(r"```bash\n(.*?)```", guide, re.DOTALL)
    assert len(job.splitlines()) == 10 and "your_program.py" in job
    if shutil.which("curl") is None:
        missing("there is no curl (apt-get install curl)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        job = job.replace("8443", str(free.getsockname()[1]))
    (tmp_path / "your_program.py").write_text(
        "import requests, sys\n"
        "print(requests.get(sys.argv[1] + '/_emulator/clock', timeout=9).status_code)\n"
        "raise SystemExit(3)\n")
    program = tmp_path / "bin" / "python"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    environment = dict(os.environ, PYTHONPATH=str(ROOT),
                       PATH=f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    done = subprocess.run(["bash", "-c", job], cwd=tmp_path, timeout=LIMIT * 4,
                          capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stdout.split()[-1:]) == (3, ["200"]), done
    assert "Traceback" not in done.stderr
