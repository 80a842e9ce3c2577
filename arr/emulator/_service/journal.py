"""Stores the last requests, and removes secrets from texts for logs and pages."""

from __future__ import annotations

import re
from collections import deque
from itertools import count
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .meter import Meter

REQUESTS_KEPT = 500

_TOKEN = re.compile(r"ey[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_+/=.%-]+")
_USER = re.compile(r"//[^\s/@]*@")
_QUERY = re.compile(r"\?[^\s\"'<>]*")
_HARMLESS_QUERY = re.compile(
    r"\?(?:api-version=[A-Za-z0-9.-]{1,40}(?:&skiptoken=[0-9]{1,18})?|skiptoken=[0-9]{1,18})")


def redact(text: str) -> str:
    """Return text without secrets: tokens, query strings of SAS URLs and passwords in URLs."""
    return _QUERY.sub(_hide_query, _USER.sub("//***@", _TOKEN.sub("***", text)))


def clean(text: str, limit: int = 2000) -> str:
    """Return redacted text on one line, cut to a length."""
    text = redact(text[:limit * 4])
    if not text.isprintable():  # asked of the whole first: 16 % of a GET
        text = "".join(each if each.isprintable() else _escape(each) for each in text)
    return text if len(text) <= limit else text[:limit] + "..."


def _hide_query(match: re.Match[str]) -> str:
    text = match.group()
    return text if len(text) == 1 or _HARMLESS_QUERY.fullmatch(text) else "?***"


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class Record:
    """One request. Written by the thread that answers it, before the reply is sent."""

    SHOWN = ("number", "time", "method", "path", "route", "era", "account_id", "session_id",
             "client", "status", "milliseconds", "ms_cv", "reason", "fault")
    __slots__ = (*SHOWN, "meter")

    def __init__(self, number: int, time: float, method: str, path: str, route: str, client: str,
                 era: str = "") -> None:
        self.number = number
        self.time = time
        self.method = method
        self.path = path
        self.route = route
        self.era = era  # of the protocol; "" for the token and for a path that is not known
        self.client = client
        self.account_id = ""
        self.session_id = ""
        self.status = 0  # 0 while it is being answered, and when the connection was reset
        self.milliseconds = 0.0
        self.ms_cv = ""  # "" while it is being answered
        self.reason = ""
        self.fault = 0  # the number of the fault that hit it
        self.meter: Meter | None = None  # of the session that it is about

    def as_dict(self) -> dict[str, Any]:
        """Return every field by its name."""
        return {name: getattr(self, name) for name in self.SHOWN}


class Journal:
    """The last requests of the service, oldest first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._records: deque[Record] = deque(maxlen=REQUESTS_KEPT)
        self._numbers = count(1)

    def open(self, time: float, method: str, target: str, route: str, client: str,
             era: str = "") -> Record:
        """Add a request on its arrival."""
        record = Record(0, time, clean(method, 20), clean(target, 300), route, clean(client, 120),
                        era)
        with self._lock:
            record.number = next(self._numbers)
            self._records.append(record)
        return record

    def snapshot(self, limit: int = REQUESTS_KEPT) -> list[dict[str, Any]]:
        """Return the last requests as dictionaries."""
        with self._lock:
            records = list(self._records)
        return [record.as_dict() for record in records[-limit:]]

    def clear(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._records.clear()
