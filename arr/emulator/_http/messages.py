"""HTTP messages: requests, replies, refusals. ``wire`` reads them, ``server`` writes them."""

from __future__ import annotations

import re
import time
from http import HTTPStatus
from typing import Mapping

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(seconds: float) -> str:
    """Return a time as the Date header has it, English whatever the locale.

    Importing email.utils would take 16 % of the start.
    """
    year, month, day, hour, minute, second, weekday = time.gmtime(seconds)[:7]
    return (f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year:04} "
            f"{hour:02}:{minute:02}:{second:02} GMT")


class HttpError(Exception):
    """A request that is refused: becomes a reply of this status with this text."""

    def __init__(self, status: int, text: str, headers: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


class ConnectionEnded(Exception):
    """The client has gone, or was idle for too long: no reply can be sent."""


class TlsFailed(Exception):
    """The client's bytes are not the TLS that was expected; the text is for the log."""


class Request:
    """One complete request."""

    __slots__ = ("method", "target", "query", "segments", "headers", "body", "host",
                 "keep_alive", "secure")

    def __init__(self, method: str, target: str, headers: dict[str, str],
                 keep_alive: bool) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.keep_alive = keep_alive
        self.secure = False  # it came over TLS
        self.body = b""
        self.host = host_name(headers.get("host", ""))
        path, _, self.query = target.partition("?")
        path = path.rstrip("/")
        # A path is cut before it is decoded: an encoded slash never makes another segment.
        # Few have a percent sign, and looking at each segment takes 20 % of a GET.
        parts = path.split("/")[1:]
        self.segments = tuple(_decode(part) for part in parts) if "%" in path else tuple(parts)


class Reply:
    """What is sent back. ``damage`` is for faults on purpose: "", "reset" or "truncate"."""

    __slots__ = ("status", "headers", "body", "content_type", "close", "damage")

    def __init__(self, status: int, body: bytes = b"", content_type: str = "",
                 headers: tuple[tuple[str, str], ...] = (), *, close: bool = False) -> None:
        self.status = status
        self.body = body
        self.content_type = content_type
        self.headers = headers
        self.close = close
        self.damage = ""

    def encode(self, *, head_only: bool = False) -> bytes:
        """Return the whole reply as it goes over the wire."""
        lines = [f"HTTP/1.1 {self.status} {_REASONS.get(self.status, 'Unknown')}\r\n"]
        if self.status not in (204, 304):
            lines.append(f"Content-Length: {len(self.body)}\r\n")
        if self.content_type:
            lines.append(f"Content-Type: {self.content_type}\r\n")
        lines.append("X-Content-Type-Options: nosniff\r\n")
        for name, value in self.headers:
            lines.append(f"{name}: {value}\r\n")
        lines.append("Connection: close\r\n\r\n" if self.close else "\r\n")
        head = "".join(lines).encode("latin-1")
        return head if head_only or self.status in (204, 304) else head + self.body


# Host: an address in brackets, or a name or address without; then a port.
_HOST = re.compile(r"(?:\[([0-9a-f:.]+(?:%[\w.~-]+)?)\]|([\w.-]+))(?::[0-9]{0,5})?", re.ASCII)


def host_name(host: str) -> str:
    """Return a Host header's name in lower case, without port and brackets.

    It is empty when the header is not a host and port as a whole: a part of it, such as
    ``.localhost`` at the end of a path, says nothing.
    """
    match = _HOST.fullmatch(host.lower())
    return match[1] or match[2] if match else ""


def _decode(segment: str) -> str:
    from urllib.parse import unquote  # late: 6 % of the start

    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError:
        raise HttpError(400, "The path is not UTF-8 when percent-decoded.") from None


def query_values(text: str | bytes) -> Mapping[str, str]:
    """Return the first value of each field of a query or of a posted form."""
    from urllib.parse import parse_qs

    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            raise HttpError(400, "The form is not UTF-8.") from None
    try:
        fields = parse_qs(text, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        raise HttpError(400, "The form has too many fields.") from None
    return {name: values[0] for name, values in fields.items()}
