"""Replies: what came back, and how their parts are read without trusting the server."""

from __future__ import annotations

import os
from typing import Any, Iterable, Mapping, NamedTuple

from .._results import ARRResult, CallFailed, RRSessionGeneralContext

MAX_RETRY_AFTER = 3600.0
_BOM = b"\xef\xbb\xbf"


class Reply(NamedTuple):
    """A reply whose framing was checked: status, headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"<Reply {self.status}, {len(self.body)} bytes>"  # the body may be a token


def new_correlation() -> str:
    """Return a fresh correlation vector: 22 random base64 characters."""
    from binascii import b2a_base64

    return b2a_base64(os.urandom(17))[:22].decode("ascii")


def clean(text: str | None, limit: int = 200) -> str:
    """Return a server's text fit for a log line: printable, on one line, not too long."""
    if not text:
        return ""
    text = text[:limit]
    if not text.isprintable():
        text = "".join([c if c.isprintable() else " " for c in text])
    return text.strip()


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Return a text without the secrets that may be in it."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "***")
    return text


def parse_json(body: bytes, what: str) -> Any:
    """Read a JSON document strictly; anything else is a ProtocolError."""
    from json import loads  # late, as all that a bare import of the package does not need

    try:
        # Not by the codec utf-8-sig: its first use is an import, whose lock a child of os.fork
        # would find taken for ever, if another thread was in the middle of it.
        text = body[3:].decode() if body.startswith(_BOM) else body.decode()
        return loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise CallFailed(ARRResult.ProtocolError, f"{what} is not JSON") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def parse_retry_after(headers: Any, now: float) -> float | None:
    """Return how many seconds the service asks to wait, 0 to an hour; None if it does not say."""
    text = (headers.get("Retry-After") or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        seconds = float(text)
    else:
        from email.utils import parsedate_to_datetime  # rare, and slow to import

        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


# -- messages ------------------------------------------------------------------------------------

_ADVICE = {
    ARRResult.AuthenticationFailed: "the service refused the token; check the account's "
                                    "credential, domain and rights",
    ARRResult.SessionNotFound: "the account has no session with this id",
    ARRResult.InvalidId: "the account has no ingestion with this id",
    ARRResult.TooManyRequests: "too many requests; wait before the next one",
    ARRResult.InvalidParam: "the service refused the arguments",
    ARRResult.AlreadyExists: "the service says that it exists already",
}


def advice(result: ARRResult, code: int, said: str) -> str:
    """Return what a reply with an error code means, and what the service says of it."""
    text = ("the service failed; try again later" if code >= 500 else
            _ADVICE.get(result, "an unexpected reply; check the account domain"))
    said = clean(said)
    return f'{text}; the service says "{said}"' if said else text


def error_text(body: bytes) -> str:
    """Return the error text of a reply, as it stands there; "" if it has none."""
    try:
        error = parse_json(body, "the reply").get("error")
        if isinstance(error, dict):
            error = error.get("message")
    except (CallFailed, AttributeError):
        return ""
    return error if isinstance(error, str) else ""


def failure_context(name: str, failure: CallFailed,
                    request_correlation: str = "") -> RRSessionGeneralContext:
    """Return the context of a failed call, with a message for people who read a log."""
    message = f"{name}: {failure.result}"
    if failure.code:
        message += f" (HTTP {failure.code})"
    message += f": {failure.detail}"
    if failure.retry_after is not None:
        message += f"; retry after {failure.retry_after:g} s"
    if failure.correlation:
        message += f"; MS-CV {failure.correlation}"
    return RRSessionGeneralContext(failure.result, failure.code, message, request_correlation,
                                   failure.correlation, failure.retry_after)
