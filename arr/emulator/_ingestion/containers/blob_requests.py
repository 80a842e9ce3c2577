"""Sends requests to a blob container: retries, limits, reasons for what failed."""

from __future__ import annotations

import http.cookiejar
import logging
import os
import re
from datetime import datetime, timezone
from types import TracebackType
from typing import Callable, Iterator, Mapping

import requests
import urllib3

from ..refusals import IngestionError, MissingFile, NoAccess, size_text
from .local_names import LocalAdapter
from .sas_url import BlobUrl

_API_VERSION = "2019-12-12"
_TRIES = 4
_TIMEOUT = (10, 60)
_DEADLINE = 1800.0  # seconds for everything done with one container
_RETRIED = (408, 429, 500, 502, 503, 504)
_MAX_ERROR_BYTES = 1 << 16
_CODE = re.compile(rb"<Code>([A-Za-z]{1,64})</Code>")
_DETAIL = re.compile(rb"time ?frame|expir", re.IGNORECASE)
_SIGNATURE = re.compile(r"(sig=)[^&\s\"']*", re.IGNORECASE)

_LETTERS = {"list": "l", "read": "r", "write": "wc"}  # of the SAS parameter sp
_DENIED = {
    "AuthorizationServiceMismatch": "the SAS is not for the blob service",
    "AuthorizationResourceTypeMismatch": "the SAS is not for containers and the blobs in them",
    "AuthorizationSourceIPMismatch": "the SAS is not for the address of this machine",
    "AuthorizationProtocolMismatch": "the SAS allows https only",
    "InvalidAuthenticationInfo": "the SAS is not well-formed",
    "PublicAccessNotPermitted": "the URL has no SAS, and the account allows no public access",
    "NoAuthenticationInformation": "the URL has no SAS",
    "KeyBasedAuthenticationNotPermitted": "the account allows no SAS made with its key",
}


class _HideSignatures(logging.Filter):
    """Takes signatures out of what urllib3 logs: at debug level it logs every URL."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _SIGNATURE.sub(r"\1...", str(value)) if "sig=" in str(value).lower() else value
                for value in record.args)
        return True


for _name in ("urllib3.connectionpool", "urllib3.util.retry"):
    logging.getLogger(_name).addFilter(_HideSignatures())


class Reply:
    """An answer that is not an error; its body is read in pieces."""

    def __init__(self, response: requests.Response, check: Callable[[], None]) -> None:
        self._response = response
        self._check = check
        self.status = response.status_code

    def __enter__(self) -> Reply:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._response.close()

    def header(self, name: str) -> str:
        """Return a header, empty when absent."""
        return self._response.headers.get(name, "")

    def length(self) -> int | None:
        """Return the Content-Length, or None when it is absent or no number."""
        text = self.header("Content-Length")
        return int(text) if re.fullmatch("[0-9]{1,15}", text) else None

    def chunks(self, size: int, step: int) -> Iterator[bytes]:
        """Yield at most ``size`` bytes; it ends early when the connection breaks."""
        raw = self._response.raw
        # read1 returns what has come, so that the deadline is looked at while bytes drip.
        read = getattr(raw, "read1", raw.read)
        try:
            while size > 0:
                self._check()
                chunk = read(min(step, size), decode_content=False)
                if not chunk:
                    return
                size -= len(chunk)
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError):
            return

    def body(self, limit: int) -> bytes:
        """Return the whole body, refused above ``limit`` bytes or when it is cut short."""
        length = self.length()
        data = b"".join(self.chunks(limit + 1, 1 << 16))
        if len(data) > limit:
            raise IngestionError(f"The storage's answer is larger than {size_text(limit)}.")
        if length is not None and len(data) != length:
            raise IngestionError("The storage's answer was cut short.")
        return data


class BlobClient:
    """Sends requests to one container."""

    def __init__(self, url: BlobUrl, *, sleep: Callable[[float], None],
                 clock: Callable[[], float]) -> None:
        self._url = url
        self._sleep = sleep
        self._clock = clock
        self._end = clock() + _DEADLINE
        self._session = requests.Session()
        # No .netrc, which could replace the SAS, and no proxy to this machine.
        self._session.trust_env = False
        self._session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        if url.host.endswith(".localhost"):
            for scheme in ("http", "https"):
                self._session.mount(f"{scheme}://", LocalAdapter(url.host, scheme))
        if not url.is_loopback:
            self._session.proxies = dict(requests.utils.get_environ_proxies(url.base))
            self._session.verify = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get(
                "CURL_CA_BUNDLE") or True

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def send(self, method: str, path: str, query: str, what: str,
             headers: Mapping[str, str] = {}, data: bytes | None = None) -> Reply:
        """Send a request, again when that may help, and return an answer with a 2xx status."""
        url = self._url.base + path
        full = "&".join(part for part in (query, self._url.sas) if part)
        failures = 0
        while True:
            self._check()
            try:
                response = self._session.request(
                    method, f"{url}?{full}", data=data, timeout=_TIMEOUT, stream=True,
                    allow_redirects=False, headers={
                        "x-ms-version": _API_VERSION, "Accept-Encoding": "identity", **headers})
            except requests.exceptions.SSLError:
                raise IngestionError(
                    f"The TLS certificate of the storage host {self._url.host} is not trusted."
                ) from None
            except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError,
                    OSError) as error:
                failures += 1
                kind = "did not answer in time" if isinstance(
                    error, requests.exceptions.Timeout) else "cannot be reached"
                if failures == _TRIES:
                    raise IngestionError(
                        f"The storage host {self._url.host} {kind}, in {_TRIES} tries.") from None
                self._sleep(0.25 * 2 ** failures)
                continue
            if 200 <= response.status_code < 300:
                return Reply(response, self._check)
            code, detail = self._error(response)
            if response.status_code in _RETRIED and failures + 1 < _TRIES:
                failures += 1
                self._sleep(0.25 * 2 ** failures)
                continue
            raise self._reason(response.status_code, code, detail, what)

    def wait(self, failures: int, doing: str) -> None:
        """Wait before a broken transfer is taken up again, or give up."""
        if failures >= _TRIES:
            raise IngestionError(
                f"The connection to {self._url.host} broke {_TRIES} times in a row while {doing}.")
        self._check()
        self._sleep(0.25 * 2 ** failures)

    def _check(self) -> None:
        if self._clock() > self._end:
            raise IngestionError(
                f"The storage host {self._url.host} is too slow: {_DEADLINE / 60:.0f} minutes "
                "were not enough.")

    def _error(self, response: requests.Response) -> tuple[str, bytes]:
        """Return the code of an error, and its text to look into; close the answer."""
        with Reply(response, self._check) as reply:
            detail = b"".join(reply.chunks(_MAX_ERROR_BYTES, _MAX_ERROR_BYTES))
            code = reply.header("x-ms-error-code")
        match = _CODE.search(detail)
        if not re.fullmatch("[A-Za-z]{1,64}", code):
            code = match[1].decode() if match else ""
        return code, detail

    def _reason(self, status: int, code: str, detail: bytes, what: str) -> IngestionError:
        where = f"the container of {self._url.field}, {self._url.shown}"
        suffix = f" (status {status}{', ' + code if code else ''})."
        # This is how a private container answers to a URL without a SAS.
        hidden = code == "ResourceNotFound" and "sig" not in self._url.parameters
        if status == 404 and not hidden:
            if code in ("ContainerNotFound", "ResourceNotFound") or what != "read":
                return IngestionError(f"Container not found: {where}, does not exist{suffix}")
            return MissingFile(f"A blob is not in {where}{suffix}")
        if status in (401, 403) or code in _DENIED or hidden:  # a code may come with 400 or 409
            return NoAccess(
                f"No access to {what} {'in ' if what != 'list' else ''}{where}: "
                f"{self._denied(code, detail, what)}{suffix}")
        if status == 412:
            return IngestionError(f"A blob in {where} was changed while it was read{suffix}")
        if 300 <= status < 400:
            return IngestionError(f"A redirect from {where}, is not followed{suffix}")
        return IngestionError(f"The storage refused to {what} in {where}{suffix}")

    def _denied(self, code: str, detail: bytes, what: str) -> str:
        """Say why, by the code and by what the SAS itself tells."""
        sas = self._url.parameters
        if "sig" not in sas:
            return "the URL has no SAS"
        if code in _DENIED:
            return _DENIED[code]
        now = datetime.now(timezone.utc)
        end, start = _time(sas.get("se", "")), _time(sas.get("st", ""))
        if end is not None and end < now:
            return f"the SAS expired at {end:%Y-%m-%d %H:%M:%S} UTC"
        if start is not None and start > now:
            return f"the SAS is valid from {start:%Y-%m-%d %H:%M:%S} UTC only"
        if "sp" in sas and not set(_LETTERS[what]) & set(sas["sp"]):
            return f"the SAS gives no {what} permission"
        if code == "AuthorizationPermissionMismatch":
            return f"the SAS gives no {what} permission"
        if code == "AuthenticationFailed" and _DETAIL.search(detail):
            return "the SAS has expired, or is not valid yet, by the clock of the storage"
        wrong = ("the signature of the SAS is wrong, or it is of another container: make a new "
                 "one, and copy it whole")
        if code == "AuthenticationFailed":
            return wrong
        if code == "AuthorizationFailure":  # Azurite says this where Azure says the above
            return wrong + "; or the firewall of the account keeps this machine out"
        return "the storage does not accept the SAS"


def _time(text: str) -> datetime | None:
    """Return a time of a SAS, or None when it is absent or of an unknown form."""
    for form in ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%MZ", "%Y-%m-%d", "%Y-%m-%dT%H:%M:%S.%fZ"):
        try:
            return datetime.strptime(text[:40], form).replace(tzinfo=timezone.utc)
        except ValueError:
            continue
    return None
