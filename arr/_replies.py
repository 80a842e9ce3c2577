"""Replies: what came back, and how their parts are read without trusting the server."""

from __future__ import annotations

import binascii
import json
import os
from typing import Any, Mapping, NamedTuple, Optional

from ._results import ARRResult, CallFailed

MAX_RETRY_AFTER = 3600.0


class Reply(NamedTuple):
    """A reply whose framing was checked: status, headers, body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def new_correlation() -> str:
    """Return a fresh correlation vector: 22 random base64 characters."""
    return binascii.b2a_base64(os.urandom(17), newline=False)[:22].decode("ascii")


def clean(text: Optional[str], limit: int = 200) -> str:
    """Return a server's text fit for a log line: printable, on one line, not too long."""
    if not text:
        return ""
    return "".join([c if c.isprintable() else " " for c in text[:limit]]).strip()


def parse_json(body: bytes, what: str) -> Any:
    """Read a JSON document strictly; anything else is a ProtocolError."""
    try:
        return json.loads(body.decode("utf-8-sig"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise CallFailed(ARRResult.ProtocolError, f"{what} is not JSON") from None


def _no_constant(name: str) -> None:
    raise ValueError(name)


def parse_retry_after(headers: Any, now: float) -> Optional[float]:
    """Return how many seconds the service asks to wait, 0 to an hour; None if it does not say."""
    text = (headers.get("Retry-After") or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdigit():
        seconds = float(text[:9])
    else:
        from email.utils import parsedate_to_datetime  # rare, and slow to import

        try:
            seconds = parsedate_to_datetime(text).timestamp() - now
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)
