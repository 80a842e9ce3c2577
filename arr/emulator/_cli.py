"""The command line ``python -m arr.emulator``: options, start, wait for Ctrl-C."""

from __future__ import annotations

import argparse
import errno
import logging
import os
import shlex
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import NoReturn, Sequence

from ._arguments import host_patterns, is_loopback
from ._emulator import DEFAULT_ALLOWED_HOSTS, Emulator, default_hosts
from ._service.state import DEFAULT_ACCOUNT_ID, DEFAULT_ACCOUNT_KEY

_EPILOG = f"""\
account (unless --account-id and --account-key say another):
  {DEFAULT_ACCOUNT_ID}
  {DEFAULT_ACCOUNT_KEY}
  Everybody knows it and it protects nothing; so by default only this machine can connect.

containers:
  A model is read from one container, its archive is written to another. Each is an Azure Blob SAS
  URL on an allowed host ({", ".join(DEFAULT_ALLOWED_HOSTS)}),
  or a file:// directory below --container-root.

pages, for a browser on this machine:
  URL/                                 all that happens, with buttons for what follows below
  http://<hostname>:PORT/              a session's inspector; connect_to_arr_inspector_async()
                                       writes the file that opens it

own routes, JSON in and out, POST with 'Content-Type: application/json':
  GET  URL/_emulator/state              everything; /requests: the last 500 requests
  POST URL/_emulator/clock              {{"advance": 3600}}, in seconds
  POST URL/_emulator/faults             {{"path": "properties", "status": 503, "times": 2}};
                                        more fields: method, retry_after, delay, reset, truncate,
                                        garbage, body, after, probability, seed; DELETE takes
                                        all away, with /{{id}} behind it that one
  POST URL/_emulator/throttle           {{"per_minute": 10}}, or null
  POST URL/_emulator/capacity           {{"capacity": 2}}, {{"capacity": {{"small": 2}}}} or null
  POST URL/_emulator/sessions/ID/stop   also /extend {{"minutes": 30}}, /fail {{"message": "why"}};
                                        /inspector, with the GUID of the host name, opens that page
  POST URL/_emulator/reset              forgets all but accounts and time

https, on the same port, for clients that insist on it:
  --self-signed DIR makes an authority and a certificate for localhost, *.localhost, 127.0.0.1 and
  ::1 in DIR, or takes those that it finds there; what each client needs to trust them is printed.

exit codes: 0 after Ctrl-C or SIGTERM, 2 for a bad option or a busy port.
"""

_HOW_TO = """\
Azure Remote Rendering emulator at {url}  (Ctrl-C ends it)
  {url}/                   what it is doing, and buttons to change it
  {url}/_emulator/state    the same as JSON
  Each session has an inspector: open the file of connect_to_arr_inspector_async().

from arr import AzureFrontend, AzureFrontendAccountInfo, SessionLocation

account = AzureFrontendAccountInfo()
account.AccountDomain = "{url}"
account.Location = SessionLocation.ignore
account.AccountId = "{account_id}"
account.AccountKey = {key}

with AzureFrontend(account) as frontend:
    print(frontend.get_current_rendering_sessions_async().get(10))
"""

_TRUST = """
The same over https: {url}; this trusts it, if set before the client starts:
  Python       REQUESTS_CA_BUNDLE={authority}
  Python aio   SSL_CERT_FILE={authority}
  Node         NODE_EXTRA_CA_CERTS={authority}
  .NET         SSL_CERT_FILE={authority}
               on Linux; elsewhere add it to the trusted root certificates of your account
  Java         keytool -importcert -noprompt -alias arr -storetype PKCS12 -keystore arr.p12
               -storepass changeit -file {authority}
               java -Djavax.net.ssl.trustStore=arr.p12 -Djavax.net.ssl.trustStorePassword=changeit
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the emulator until it is interrupted; return the exit code."""
    try:
        return _run(_parser().parse_args(arguments))
    except KeyboardInterrupt:
        return 0


def _run(options: argparse.Namespace) -> int:
    root: str | None = options.container_root
    if root is not None and not os.path.isdir(root):
        return _complain(f"--container-root must be a directory that exists, not {root!r}")
    if not is_loopback(options.host) and not options.allow_remote:
        return _complain(f"--host {options.host} can be reached by other machines, and the "
                         "emulator protects nothing; add --allow-remote if you mean it")
    if options.verbose:
        level = logging.INFO if options.verbose == 1 else logging.DEBUG
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
        logging.getLogger("arr.emulator").setLevel(level)
    try:
        certificate, private_key, authority = _certificate(options)
        emulator = Emulator(
            host=options.host, port=options.port, startup_seconds=options.startup_seconds,
            ingestion_seconds=options.ingestion_seconds, container_root=root,
            capacity=options.capacity, account_id=options.account_id,
            account_key=options.account_key, token_seconds=options.token_seconds,
            accept_authentication_token=options.accept_authentication_token,
            allowed_hosts=(*default_hosts(options.allow_remote),
                           *host_patterns("--allow-host", options.allow_host)),
            allow_remote=options.allow_remote, certificate=certificate,
            private_key=private_key, storage_url=options.storage_url)
    except ValueError as error:
        return _complain(str(error))
    try:
        emulator.start()
    except OSError as error:
        wrong_host = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        return _complain(f"{error.strerror}; choose another with "
                         + ("--host" if wrong_host else "--port"))
    try:
        _serve(emulator, own_key=options.account_key != DEFAULT_ACCOUNT_KEY, authority=authority)
    finally:
        emulator.stop()


def _certificate(options: argparse.Namespace) -> tuple[Path | None, Path | None, str]:
    """Return the certificate, its key, and in words for the user the authority behind it."""
    cert: Path | None = options.cert
    key: Path | None = options.key
    if options.self_signed is None:
        if (cert is None) != (key is None):
            raise ValueError("--cert and --key go together; give both, or --self-signed DIR")
        return cert, key, "" if cert is None else "AUTHORITY.pem"  # whoever signed it
    if cert is not None or key is not None:
        raise ValueError("--self-signed makes a certificate; leave --cert and --key away")
    from ._http.certificates import CertificateError, self_signed  # imports ssl

    try:
        made = self_signed(options.self_signed)
    except CertificateError as error:
        raise ValueError(f"--self-signed: {error}") from None
    return made.certificate, made.private_key, shlex.quote(str(made.authority))


def _serve(emulator: Emulator, own_key: bool, authority: str = "") -> NoReturn:
    # Ends like Ctrl-C. Setting an event here instead could deadlock: the handler runs on the
    # thread that waits for it. Only the main thread may set a handler.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    key = "..." if own_key else emulator.account_key
    text = _HOW_TO.format(url=emulator.url, account_id=emulator.account_id, key=f'"{key}"')
    if authority:
        pages, _, lines = text.partition("\n\n")
        trust = _TRUST.format(url=emulator.https_url, authority=authority)
        text = f"{pages}\n{trust}\n{lines}"
    try:
        print(text, flush=True)
    except (BrokenPipeError, ValueError):
        pass  # nobody reads it
    _wait()


def _wait() -> NoReturn:
    """Block until a signal raises KeyboardInterrupt."""
    # On Windows a wait without limit cannot be interrupted.
    never = threading.Event()
    while True:
        never.wait(0.5 if os.name == "nt" else None)


def _complain(text: str) -> int:
    print(f"arr.emulator: {text}", file=sys.stderr)
    return 2


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return "arr.emulator " + version("arr-binding")
    except PackageNotFoundError:
        return "arr.emulator, not installed"


class _ShowVersion(argparse.Action):
    """Look the version up only when asked: that takes half as long as the start."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        print(_version())
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m arr.emulator", epilog=_EPILOG, usage="%(prog)s [options]",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="A local Azure Remote Rendering service: tokens, models and rendering "
                    "sessions, for clients that\nspeak its HTTP protocol of December 2019, of "
                    "2020 or of api-version 2021-01-01. It forgets\neverything when it ends.")
    add = parser.add_argument_group("where it listens").add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    add("--port", type=int, default=8080, help="port; 0 takes a free one (default %(default)s)")
    add("--allow-remote", action="store_true",
        help="allow a --host that other machines can reach; Blob containers on this machine\n"
             "then need --allow-host")
    add("--self-signed", type=Path, metavar="DIR",
        help="https as well, with a certificate that openssl makes in DIR, or made there before")
    add("--cert", type=Path, metavar="FILE",
        help="https as well, with this certificate (PEM); plain http is for this machine then")
    add("--key", type=Path, metavar="FILE", help="its private key (PEM, not encrypted)")
    add = parser.add_argument_group("how the service behaves").add_argument
    add("--startup-seconds", type=float, default=3.0, metavar="S",
        help="how long a session is Starting (default %(default)g)")
    add("--ingestion-seconds", type=float, default=1.0, metavar="S",
        help="how long an ingestion is Running at least (default %(default)g)")
    add("--capacity", type=int, metavar="N",
        help="live sessions of each size; more of them end in Error (default: no limit)")
    add = parser.add_argument_group("which containers it reads and writes").add_argument
    add("--container-root", metavar="DIR",
        help="allow file:// containers inside this directory (default: none allowed)")
    add("--allow-host", action="append", default=[], metavar="HOST",
        help="one more host for Blob containers; may be repeated")
    add("--storage-url", metavar="URL",
        help="where the containers of 2020 lie, with {account} and {container} in it (default: "
             "directories below --container-root, else Azure's own addresses)")
    add = parser.add_argument_group("who may call").add_argument
    add("--account-id", default=DEFAULT_ACCOUNT_ID, metavar="ID",
        help="another account than the one below")
    add("--account-key", default=DEFAULT_ACCOUNT_KEY, metavar="KEY",
        help="its key; a key of your own is not printed")
    add("--token-seconds", type=float, default=86_400.0, metavar="S",
        help="how long an access token is valid (default %(default)g)")
    add("--accept-authentication-token", action="store_true",
        help="exchange any Azure AD token too (in December 2019 none was accepted)")
    add = parser.add_argument_group("what it says").add_argument
    add("-v", "--verbose", action="count", default=0,
        help="one line per request; -vv also for the emulator's own pages")
    add("--version", action=_ShowVersion)
    return parser
