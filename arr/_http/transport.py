"""HTTP: one request out, one checked reply back. The only file that imports requests.

The adapter of requests is driven with prepared requests, without a Session: no environment
look-ups, cookies, redirects or .netrc, and less than half the CPU. Every outcome is a Reply or a
CallFailed; no text of an exception gets out, because such texts hold headers and URLs.
"""

from __future__ import annotations

import http.client
import os
import socket
import ssl
import threading
from typing import Any, Iterator, Mapping, cast
from urllib.parse import urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies, select_proxy
from urllib3.util.ssl_ import create_urllib3_context
from urllib3.util.ssl_match_hostname import CertificateError

from .._account import is_loopback
from .._results import ARRResult, CallFailed
from .connections import POOLS, TlsSocket, flying
from .in_flight import Flight
from .replies import Reply

MAX_BODY = 8 * 1024 * 1024
_PIECE = 64 * 1024


class Transport:
    """Keep-alive connections for one frontend, as many as it may have calls at once."""

    def __init__(self, urls: tuple[str, ...], timeout: tuple[float, float], places: int) -> None:
        self._timeout = urllib3.Timeout(connect=timeout[0], read=timeout[1])
        self._adapter = _Adapter(places, {_origin(url): _proxy_for(url) for url in urls})

    def send(self, flight: Flight, method: str, url: str, headers: dict[str, str],
             body: bytes | None = None) -> Reply:
        """Send a request and read the whole reply, until the flight is cut."""
        request = requests.PreparedRequest()
        request.method, request.url, request.body = method, url, body
        request.headers = cast(Any, headers)
        flying.flight = flight
        flight.written = False
        raw = None
        try:
            flight.check()
            raw = self._adapter.send(request, timeout=cast(Any, self._timeout))
            return _read(raw)
        except Exception as error:
            # Of a flight that was cut it is of no interest what the socket says after that.
            raise _untied(error, flight.failure or _failure(error, url)) from None
        finally:
            flying.flight = None
            if raw is not None:
                raw.close()  # a connection whose reply was read to its end is back in the pool


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _proxy_for(url: str) -> str | None:
    """Read the environment's proxy for a host; this machine is never reached through one."""
    if is_loopback(urlsplit(url).hostname or ""):
        return None
    proxy = select_proxy(url, get_environ_proxies(url))
    return f"http://{proxy}" if proxy and "://" not in proxy else proxy


# -- the adapter: pools by origin, one TLS context -----------------------------------------------

class _Adapter(HTTPAdapter):
    def __init__(self, places: int, proxies: Mapping[str, str | None]) -> None:
        self._proxies = proxies
        self._pools: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None
        self._bundle = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
        super().__init__(pool_connections=4, pool_maxsize=places, max_retries=0)

    def _pool(self, url: str) -> Any:
        origin = url[:url.index("/", 8)]
        pool = self._pools.get(origin)
        if pool is None:
            with self._lock:
                pool = self._pools.get(origin)
                if pool is None:
                    pool = self._pools[origin] = self._new_pool(origin)
        return pool

    def _new_pool(self, origin: str) -> Any:
        options: dict[str, Any] = {}
        if origin.startswith("https"):
            options = {"ssl_context": self._context(), "cert_reqs": "CERT_REQUIRED"}
        proxy = self._proxies.get(origin)
        try:
            if proxy is not None and not urlsplit(proxy).hostname:
                raise ValueError
            manager = (self.poolmanager if proxy is None else
                       cast(Any, self).proxy_manager_for(proxy, **options))
            manager.pool_classes_by_scheme = POOLS
            return manager.connection_from_url(origin, pool_kwargs=options)
        except (ValueError, AttributeError, urllib3.exceptions.HTTPError,
                requests.RequestException):
            raise CallFailed(ARRResult.NoConnection, "the proxy in HTTPS_PROXY or ALL_PROXY "
                             f"cannot be used to reach {origin}") from None

    def _context(self) -> ssl.SSLContext:
        """Return the one context: loading the authorities costs 50 ms."""
        if self._tls is None:
            context = create_urllib3_context()
            context.verify_mode = ssl.CERT_REQUIRED
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.sslsocket_class = TlsSocket
            bundle = self._bundle or DEFAULT_CA_BUNDLE_PATH
            try:
                if os.path.isdir(bundle):
                    context.load_verify_locations(capath=bundle)
                else:
                    context.load_verify_locations(cafile=bundle)
            except OSError:
                raise CallFailed(ARRResult.NoServerCertificate, "the certificate authorities "
                                 "cannot be read; check REQUESTS_CA_BUNDLE") from None
            self._tls = context
        return self._tls

    def get_connection_with_tls_context(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._pool(request.url)

    def get_connection(self, url: Any, proxies: Any = None) -> Any:  # requests before 2.32
        return self._pool(url)

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        pass  # the pool was made with the context and CERT_REQUIRED

    def request_url(self, request: Any, proxies: Any) -> str:
        # Never the full URL: plain http goes to this machine only, and so through no proxy.
        return cast(str, request.url[request.url.index("/", 8):])

    def build_response(self, req: Any, resp: Any) -> Any:
        return resp  # the raw response; a Response of requests costs more than the rest of a call


# -- reading ---------------------------------------------------------------------------------------

def _read(raw: Any) -> Reply:
    status, headers = raw.status, raw.headers
    if status < 200:
        # An early hint: the real reply is still to come on this connection, and would be taken
        # for the next call's. Not reading to the end means that the connection is closed.
        raise _bad(f"an interim reply ({status}) in place of a reply")
    if status >= 300:
        return Reply(status, headers, _error_body(raw))
    if _compressed(headers):
        raise _bad("the reply is compressed, which was not asked for")
    coding = headers.get("Transfer-Encoding")
    if coding is not None and coding.strip().lower() != "chunked":
        raise _bad("the reply is encoded, which was not asked for")
    length = None
    if coding is None and status != 204:
        length = headers.get("Content-Length")
        if length is not None:
            length = length.strip(" \t")  # white space behind a value is no part of it
        # Looked at before reading: without a length that it understands, the HTTP library reads
        # until the server closes, which a server of kept-alive connections does not.
        if length is not None and not (length.isascii() and length.isdigit()):
            raise _bad("the reply does not say how long it is")
        if length is not None and (len(length) > 18 or int(length) > MAX_BODY):
            raise _too_large()
    body = b"".join(_pieces(raw))
    if length is not None:
        if int(length) != len(body):
            raise _bad("the reply is shorter than it said")
    elif status != 204:
        if not body and coding is None:
            # A connection that breaks within the headers looks like this; not a success.
            raise _bad("the reply has no body, and does not say so")
        flying.flight.check()  # the end of such a body looks the same as our cutting it off
    return Reply(status, headers, body)


def _pieces(raw: Any) -> Iterator[bytes]:
    size = 0
    while True:
        piece = raw.read(_PIECE)
        if not piece:
            return
        size += len(piece)
        if size > MAX_BODY:
            raise _too_large()
        yield piece


def _error_body(raw: Any) -> bytes:
    """Read what an error reply says, as far as it goes: the status is what counts."""
    body = b""
    try:
        if not _compressed(raw.headers):
            body = b"".join(_pieces(raw))
    except (CallFailed, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError):
        pass
    flying.flight.check()
    return body


def _compressed(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Encoding", "identity").strip().lower() != "identity"


def _bad(detail: str) -> CallFailed:
    return CallFailed(ARRResult.ProtocolError, detail)


def _too_large() -> CallFailed:
    return _bad(f"the reply is larger than {MAX_BODY // 1024 // 1024} MiB")


# -- what went wrong -------------------------------------------------------------------------------

def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Walk an exception, its reason, its arguments and its causes; each once."""
    seen = set()
    todo: list[object] = [error]
    while todo:
        found = todo.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            todo += [found.__context__, found.__cause__, getattr(found, "reason", None)]
            todo += found.args


def _untied(error: Exception, failure: CallFailed | None) -> CallFailed:
    """Return the failure, or else raise the error, and take the exceptions apart: the libraries
    tie them and their frames in cycles, which would keep the whole call until the collector
    comes."""
    if failure is None:
        raise error
    for cause in _chain(error):
        cause.__traceback__ = None
    return failure


def _failure(error: Exception, url: str) -> CallFailed | None:
    """Return what an exception of requests, urllib3 or below means; its text stays here. None for
    what none of them should raise."""
    if isinstance(error, CallFailed):
        return error
    host = urlsplit(url).netloc
    causes = list(_chain(error))

    def among(*kinds: type) -> bool:
        return any(isinstance(cause, kinds) for cause in causes)

    # requests derives its exceptions from OSError; only those of the system count here.
    system = [cause for cause in causes
              if isinstance(cause, OSError) and type(cause).__module__ in _SYSTEM_MODULES]
    if among(ssl.SSLCertVerificationError, CertificateError):
        return CallFailed(ARRResult.NoServerCertificate, f"the certificate of {host} was refused")
    if any(isinstance(cause, _TIMEOUTS) and not isinstance(cause, _NO_TIMEOUT)
           for cause in causes):
        return CallFailed(ARRResult.Timeout, f"{host} did not answer in time")
    if among(socket.gaierror):
        return _unreachable(f"the name {host} is not known; check the account domain and the "
                            "network")
    if not system and among(*_NOT_HTTP):
        return CallFailed(ARRResult.ProtocolError, f"{host} answered something that is not HTTP, "
                          "or broke off within its reply")
    if system or among(urllib3.exceptions.HTTPError, requests.RequestException,
                       urllib3.exceptions.ProxySchemeUnsupported):
        texts = [cause.strerror.lower() for cause in system if cause.strerror]
        hint = ("; the other side may speak http, not https"
                if url.startswith("https:") and among(ssl.SSLError) else "")
        return _unreachable(f"no connection to {host}: "
                            + (texts[0] if texts else "closed before the reply came") + hint)
    return None


_SYSTEM_MODULES = ("builtins", "socket", "ssl", "http.client")
_TIMEOUTS = (socket.timeout, TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
_NO_TIMEOUT = urllib3.exceptions.NewConnectionError  # which urllib3 derives from a time-out
_NOT_HTTP = (http.client.HTTPException, urllib3.exceptions.ProtocolError,
             urllib3.exceptions.DecodeError, urllib3.exceptions.ResponseError,
             urllib3.exceptions.InvalidHeader, urllib3.exceptions.HeaderParsingError,
             urllib3.exceptions.BodyNotHttplibCompatible,
             requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError,
             UnicodeError)


def _unreachable(detail: str) -> CallFailed:
    return CallFailed(ARRResult.NoConnection, detail, retryable=True)
