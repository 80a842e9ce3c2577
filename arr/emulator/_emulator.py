"""The public class ``Emulator``: the local service as an object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Sequence

from ._arguments import flag, host_patterns, is_loopback, must_be, number, text, whole
from ._clock import Clock, SystemClock
from ._http.server import Server
from ._service.faults import Fault, Faults, Hold
from ._service.ingestions import Ingest, IngestionPool, default_ingest
from ._service.patterns import Patterns
from ._service.service import Service
from ._service.state import (
    DEFAULT_ACCOUNT_ID, DEFAULT_ACCOUNT_KEY, Account, Capacity, State)
from ._service.storage import Storage
from ._service.tokens import Tokens
from ._web.responder import Responder
from ._web.routes import SERVED

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from ._http.tls import Tls

DEFAULT_ALLOWED_HOSTS = ("localhost", "*.localhost", "127.0.0.1", "::1", "*.blob.core.windows.net")


def default_hosts(allow_remote: bool) -> tuple[str, ...]:
    """Return the hosts of Blob containers that are allowed unless others are named.

    Who may call from elsewhere must not reach this machine's own services that way.
    """
    return tuple(host for host in DEFAULT_ALLOWED_HOSTS
                 if not (allow_remote and is_loopback(host.replace("*.", ""))))


class Emulator:
    """The service on this machine, as of December 2019, 2020 and api-version 2021-01-01.

    Use it in a ``with`` statement. All eras see the same sessions and models.

    Times are seconds. ``container_root`` is the only directory that ``file://`` containers may lie
    in, ``allowed_hosts`` are the only hosts that Blob containers may lie on (by default
    ``DEFAULT_ALLOWED_HOSTS``; with ``allow_remote`` only those that are not this machine).
    ``capacity`` is the number of live sessions of each size; those of api-version 2021-01-01 are of
    size standard or premium. ``clock`` is any object with
    ``time()`` and ``monotonic()``; sessions, leases, tokens and throttling read no other.
    ``ingest`` replaces the pipeline; a conversion of 2020 or 2021 gives it keyword arguments, such
    as ``layout="2021"``, that an ingestion of 2019 does not.
    ``certificate`` and ``private_key`` are PEM files: with them the same port speaks https as well,
    and plain http to this machine only.
    ``storage_url`` says where the containers lie that programs of 2020 name by a storage account
    and a container: ``http://127.0.0.1:10000/{account}/{container}``; by default directories
    ``{account}/{container}`` below ``container_root``, or without one Azure's own addresses.
    """

    # So that a misspelt attribute is an error: what is given to the constructor is set there only.
    __slots__ = ("account_id", "account_key", "clock", "_host", "_port", "_idle_timeout",
                 "_request_timeout", "_pool", "_service", "_responder", "_tls", "_server",
                 "__weakref__")

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, startup_seconds: float = 3.0,
                 ingestion_seconds: float = 1.0, container_root: str | Path | None = None,
                 capacity: Capacity = None, clock: Clock | None = None,
                 account_id: str = DEFAULT_ACCOUNT_ID, account_key: str = DEFAULT_ACCOUNT_KEY,
                 token_seconds: float = 86_400.0, accept_authentication_token: bool = False,
                 allowed_hosts: Sequence[str] | None = None,
                 allow_remote: bool = False, idle_timeout: float = 120.0,
                 request_timeout: float = 10.0, ingestion_workers: int = 2,
                 ingest: Ingest | None = None, certificate: str | Path | None = None,
                 private_key: str | Path | None = None,
                 storage_url: str | None = None) -> None:
        host = text("host", host).lower()
        if not is_loopback(host) and not flag("allow_remote", allow_remote):
            raise ValueError(f"{host!r} can be reached by other machines; the emulator protects "
                             "nothing, so say allow_remote=True if you mean it")
        self._host = host
        self._port = whole("port", port, 0, 65_535)
        account = Account(account_id, account_key)
        self.account_id = account.id
        self.account_key = account.key
        self.clock: Clock = SystemClock() if clock is None else clock
        self._idle_timeout = number("idle_timeout", idle_timeout, 0.001, 86_400.0)
        self._request_timeout = number("request_timeout", request_timeout, 0.001, 86_400.0)
        root = None if container_root is None else _path(container_root)
        self._pool = IngestionPool(
            default_ingest if ingest is None else ingest,
            workers=whole("ingestion_workers", ingestion_workers, 1, 64),
            container_root=root,
            allowed_hosts=default_hosts(allow_remote) if allowed_hosts is None
            else host_patterns("allowed_hosts", allowed_hosts))
        state = State(
            self.clock, self._pool,
            startup_seconds=number("startup_seconds", startup_seconds, 0.0, 1e9),
            ingestion_seconds=number("ingestion_seconds", ingestion_seconds, 0.0, 1e9),
            capacity=capacity)
        state.add_account(account)
        self._service = Service(
            self.clock, state, Tokens(number("token_seconds", token_seconds, 0.0, 1e9)),
            Faults(Patterns(SERVED)), Storage(storage_url, root),
            accept_authentication_token=flag("accept_authentication_token",
                                             accept_authentication_token))
        self._responder = Responder(self._service, host=host, allow_remote=allow_remote)
        self._tls = _tls(certificate, private_key)
        self._server: Server | None = None

    def __repr__(self) -> str:
        where = self.url if self._port else "not started"
        return f"<Emulator {where}>"

    # running

    @property
    def url(self) -> str:
        """The address, ``http://127.0.0.1:<port>``: the domain for SessionLocation.ignore."""
        return self._address("http")

    @property
    def https_url(self) -> str:
        """The address over TLS, ``https://127.0.0.1:<port>``; RuntimeError without one."""
        if self._tls is None:
            raise RuntimeError("the emulator has no certificate; give it certificate and "
                               "private_key")
        return self._address("https")

    def _address(self, scheme: str) -> str:
        if not self._port:
            raise RuntimeError("the emulator has no port yet; start it first")
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)
        return f"{scheme}://[{host}]:{self._port}" if ":" in host else (
            f"{scheme}://{host}:{self._port}")

    def start(self) -> Emulator:
        """Bind and serve. A busy port is an OSError; started again, it takes the same port."""
        if self._server is not None:
            raise RuntimeError("the emulator runs already")
        try:
            server = Server(self._host, self._port, self._responder.answer, self._responder.refuse,
                            idle_timeout=self._idle_timeout,
                            request_timeout=self._request_timeout, tls=self._tls)
        except OSError as error:
            raise type(error)(error.errno, f"cannot listen on {self._host} port {self._port}: "
                              f"{error.strerror or error}") from None
        try:
            self._port = self._service.state.port = server.server_port
            self._service.faults.open()
            server.start()
        except BaseException:  # Ctrl-C included: the thread may run by then
            server.stop(self._service.faults.close)
            raise
        self._server = server
        return self

    def stop(self) -> None:
        """Close the port and every connection; stopping twice is harmless. Sessions are kept."""
        server, self._server = self._server, None
        if server is not None:
            server.stop(self._service.faults.close)

    def __enter__(self) -> Emulator:
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.stop()

    # state

    def state(self) -> dict[str, Any]:
        """Return a copy of all state: accounts, sessions, ingestions, capacity, faults."""
        return self._service.snapshot()

    def requests(self) -> list[dict[str, Any]]:
        """Return the last 500 requests to the service, oldest first, without secrets."""
        return self._service.journal.snapshot()

    def reset(self) -> None:
        """Forget sessions, ingestions, requests, faults, holds and throttling; keep the time."""
        self._service.reset()

    def advance(self, seconds: float) -> None:
        """Move the clock forward."""
        self._service.advance(seconds)

    def add_account(self, account_id: str, account_key: str) -> None:
        """Add an account, or give an account a new key."""
        self._service.state.add_account(Account(account_id, account_key))

    def set_capacity(self, capacity: Capacity) -> None:
        """Limit the live sessions: a number for each size, a mapping by size, None for no limit."""
        self._service.state.set_capacity(capacity)

    def fail_session(self, session_id: str, message: str = "") -> bool:
        """End a live session in Error with this message; return False when there is none such."""
        return self._service.state.fail(session_id, message)

    def stop_session(self, session_id: str) -> bool:
        """Stop a live session, as its owner would; return False when there is none such."""
        return self._service.state.end(session_id)

    def extend_session(self, session_id: str, minutes: int) -> bool:
        """Add minutes to the lease of a live session; return False when there is none such."""
        return self._service.state.lengthen(session_id, minutes) is not None

    def wait_ingestions(self, timeout: float | None = 30.0) -> bool:
        """Wait in real time until no ingestion is at work; return False on time-out."""
        return self._pool.wait_idle(timeout)

    # trouble on demand

    def add_fault(self, method: str = "*", path: str = "*", *, status: int | None = None,
                  retry_after: float | str | None = None, delay: float = 0.0,
                  reset: bool = False, truncate: bool = False, garbage: bool = False,
                  body: str | None = None, after: bool = False, times: int | None = None,
                  probability: float = 1.0, seed: int | None = None) -> Fault:
        """Spoil replies of the service.

        ``method`` and ``path`` say which: ``path`` is the end of a path, ``*`` stands for any
        segment (``"properties"``, ``"sessions/create"``, ``"sessions/*"``), ``"*"`` alone for every
        route; a ValueError names the near ones where no route fits.
        ``status``, ``retry_after`` and ``body`` make the reply, ``delay`` waits (in real seconds)
        before it, ``reset`` breaks the connection instead, ``truncate`` sends half of it,
        ``garbage`` sends what is no JSON. A status, body or reset keeps the service from acting,
        unless ``after`` is true. It fires ``times`` times (None: always) with a ``probability``
        drawn from ``seed``.
        """
        return self._service.faults.add(
            method, path, status=status, retry_after=retry_after, delay=delay, reset=reset,
            truncate=truncate, garbage=garbage, body=body, after=after, times=times,
            probability=probability, seed=seed)

    def clear_faults(self) -> None:
        """Take all faults away and release all held replies."""
        self._service.faults.clear()

    def hold(self, method: str = "*", path: str = "*", *, times: int = 1) -> Hold:
        """Hold the replies of the next ``times`` requests until ``release()`` of the result.

        The service acts when the request arrives; only the reply waits. ``method`` and ``path`` are
        those of ``add_fault``.
        """
        return self._service.faults.hold(method, path, times)

    def never_struck(self) -> list[Fault | Hold]:
        """Return the faults and holds that no request has met, those taken away too.

        A test that set them up has not tested what it meant to; the fixture ``arr_emulator`` warns.
        """
        return self._service.faults.never_struck()

    def throttle(self, per_minute: int | None) -> None:
        """Answer 429 above so many requests per minute and account; None ends it."""
        self._service.throttle.set(per_minute)


def _path(directory: str | Path) -> Path:
    from pathlib import Path  # late: 9 % of the start

    path = Path(directory)
    if not str(directory) or not path.is_dir():
        raise ValueError(f"container_root must be a directory that exists, not {str(directory)!r}")
    return path


def _tls(certificate: str | Path | None, private_key: str | Path | None
         ) -> Callable[[], Tls] | None:
    """Return what makes the TLS of each connection, or None for an emulator without it."""
    if certificate is None and private_key is None:
        return None
    if certificate is None or private_key is None:
        raise ValueError("certificate and private_key go together; give both, or none for http")
    for name, value in (("certificate", certificate), ("private_key", private_key)):
        if not (isinstance(value, str) or hasattr(value, "__fspath__")):
            raise must_be(name, "a path", value)
    from ._http.tls import Tls, server_context  # ssl is slow to import, and few need it

    context = server_context(certificate, private_key)
    return lambda: Tls(context)
