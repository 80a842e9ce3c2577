"""An authority and a certificate of our own, made by the machine's ``openssl``.

The commands are those that OpenSSL 1.1 to 3.6 and LibreSSL have in common; a configuration of our
own makes the result the same on every machine.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, NamedTuple

from .tls import server_context

_AUTHORITY_DAYS = 3_650
_DAYS = 365  # some clients refuse a certificate of a server that is valid for over 397
_RENEW_SECONDS = 86_400
_LIMIT = 60.0

# The authority is good for this machine's own names only: whoever steals its key gains no more.
_CONFIG = """\
[req]
distinguished_name = name
prompt = no
[name]
CN = {name}
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
nameConstraints = critical, permitted;DNS:localhost, permitted;IP:127.0.0.0/255.0.0.0, \
permitted;IP:0:0:0:0:0:0:0:1/ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost, DNS:*.localhost, IP:127.0.0.1, IP:0:0:0:0:0:0:0:1
"""


class CertificateError(Exception):
    """The files cannot be made; the text says why and what to do."""


class Files(NamedTuple):
    """What lies in the directory."""

    authority: Path  # the one that clients trust
    authority_key: Path
    certificate: Path
    private_key: Path


def files_of(directory: Path) -> Files:
    """Return the paths of the files in a directory."""
    return Files(*(directory / name for name in
                   ("authority.pem", "authority.key", "certificate.pem", "certificate.key")))


def self_signed(directory: Path) -> Files:
    """Make what is missing, broken or expired in the directory; keep what is good."""
    # Absolute, since the paths are shown: clients are started in other directories.
    directory = Path(os.path.abspath(directory))
    files = files_of(directory)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        _refuse_foreign(directory, files)
        with _locked(directory), tempfile.TemporaryDirectory(dir=directory) as work:
            made = files_of(Path(work))
            if not _authority_is_good(files):
                _make_authority(made)
                os.replace(made.authority_key, files.authority_key)
                os.replace(made.authority, files.authority)
            if not _certificate_is_good(files):
                _make_certificate(made, files)
                os.replace(made.private_key, files.private_key)
                os.replace(made.certificate, files.certificate)
            for key in (files.authority_key, files.private_key):
                key.chmod(0o600)
    except OSError as error:
        raise CertificateError(f"the directory {directory} cannot be written "
                               f"({error.strerror}); choose another") from None
    return files


def _refuse_foreign(directory: Path, files: Files) -> None:
    """Another user, who has the key of an authority, must not choose whom this user trusts."""
    if not hasattr(os, "getuid") or os.getuid() == 0:  # root of a container uses foreign volumes
        return
    for path in (directory, *files):
        if path.exists() and path.stat().st_uid not in (0, os.getuid()):
            raise CertificateError(f"{path} belongs to another user; choose another directory")


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Let one process at a time work in the directory, where the system can do that."""
    with open(directory / ".lock", "wb") as file:
        with contextlib.suppress(ImportError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _authority_is_good(files: Files) -> bool:
    return (_lasts(files.authority) and _belong(files.authority, files.authority_key)
            and _good("verify", "-CAfile", files.authority, files.authority))


def _certificate_is_good(files: Files) -> bool:
    return (_lasts(files.certificate) and _belong(files.certificate, files.private_key)
            and _good("verify", "-CAfile", files.authority, files.certificate))


def _lasts(certificate: Path) -> bool:
    return certificate.is_file() and _good("x509", "-noout", "-checkend", _RENEW_SECONDS, "-in",
                                           certificate)


def _belong(certificate: Path, key: Path) -> bool:
    try:
        server_context(certificate, key)
    except ValueError:
        return False
    return True


def _make_authority(made: Files) -> None:
    config = _configuration(made, "arr.emulator, authority of this machine")
    _make_key(made.authority_key)
    _run("req", "-new", "-x509", "-sha256", "-days", _AUTHORITY_DAYS, "-config", config,
         "-extensions", "authority", "-set_serial", _serial(), "-key", made.authority_key,
         "-out", made.authority)


def _make_certificate(made: Files, files: Files) -> None:
    config = _configuration(made, "localhost")
    request = made.certificate.with_suffix(".csr")
    _make_key(made.private_key)
    _run("req", "-new", "-sha256", "-config", config, "-key", made.private_key, "-out", request)
    _run("x509", "-req", "-sha256", "-days", _DAYS, "-in", request, "-CA", files.authority,
         "-CAkey", files.authority_key, "-set_serial", _serial(), "-extfile", config,
         "-extensions", "server", "-out", made.certificate)


def _configuration(made: Files, name: str) -> Path:
    config = made.certificate.with_suffix(".cnf")
    config.write_text(_CONFIG.format(name=name), encoding="ascii")
    return config


def _make_key(path: Path) -> None:
    # The file is there before openssl fills it, so that nobody else can read it at any instant.
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    _run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", path)


def _serial() -> str:
    return f"0x{secrets.randbits(62) | 1 << 62:x}"


def _good(*arguments: object) -> bool:
    return _call(arguments).returncode == 0


def _run(*arguments: object) -> None:
    done = _call(arguments)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise CertificateError(f"'openssl {arguments[0]}' failed: {lines[-1]}; make a certificate "
                               "by other means and give it with --cert and --key")


def _call(arguments: tuple[object, ...]) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["openssl", *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, errors="replace", timeout=_LIMIT)
    except FileNotFoundError:
        raise CertificateError("there is no openssl on the PATH; install it, or give a "
                               "certificate with --cert and --key") from None
    except subprocess.TimeoutExpired:
        raise CertificateError(f"'openssl {arguments[0]}' did not end within {_LIMIT:g} s"
                               ) from None
