"""``State``: accounts, sessions and ingestions behind one lock."""

from __future__ import annotations

import os
import time
from collections import Counter
from itertools import islice
from threading import Lock
from typing import Any, Callable, Mapping, TypeVar, Union

from .._arguments import text, whole, whole_or_none
from .._clock import Clock
from .ingestion_table import IngestionTable
from .ingestions import Ingestion, IngestionPool, Work
from .journal import Record
from .session_table import SessionTable
from .sessions import SIZES, Session
from .tokens import ACCOUNT_ID

# Known to everybody, like the account of Azurite: it protects nothing.
DEFAULT_ACCOUNT_ID = "0b3c1d52-7a1e-4f5e-9a70-6c2f1f0a1b2c"
DEFAULT_ACCOUNT_KEY = "YXJyLmVtdWxhdG9yOiBhIHdlbGwta25vd24ga2V5LCBub3QgYSBzZWNyZXQ="

Capacity = Union[int, Mapping[str, int], None]

T = TypeVar("T")
# How an era writes a session: the session, the monotonic time, the port of the inspector.
Writer = Callable[[Session, float, int], T]
# How it writes an ingestion: the ingestion, the monotonic time.
IngestionWriter = Callable[[Ingestion, float], T]


def new_guid() -> str:
    """Return a random GUID (version 4). Importing uuid would take 6 % of the start."""
    data = bytearray(os.urandom(16))
    data[6] = data[6] & 0x0F | 0x40
    data[8] = data[8] & 0x3F | 0x80
    text = data.hex()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def _brief(ingestion: dict[str, Any]) -> dict[str, Any]:
    """Leave the list of a model's files out: there can be thousands."""
    summary = ingestion["summary"] or {}
    return {**ingestion, "summary": {
        name: value for name, value in summary.items() if isinstance(value, (int, str))}}


class IdTaken(Exception):
    """The account has something else under that id already: another size, lease or work."""


class Account:
    """An account id with its key."""

    __slots__ = ("id", "key")

    def __init__(self, account_id: str, key: str) -> None:
        if not ACCOUNT_ID.fullmatch(text("account_id", account_id)):
            raise ValueError("account_id must be a GUID, or up to 64 letters, digits and '.', "
                             "'_', '-'")
        if not text("account_key", key).isascii() or not key.isprintable() or " " in key or not key:
            raise ValueError("account_key must be printable ASCII without spaces")
        self.id = account_id
        self.key = key


class State:
    """All state of one emulator. Every method takes the lock once and does no I/O under it."""

    def __init__(self, clock: Clock, pool: IngestionPool, *, startup_seconds: float,
                 ingestion_seconds: float, capacity: Capacity) -> None:
        self.port = 0  # where the inspector is reached; set when the server has bound
        self._clock = clock
        self._pool = pool
        self._startup_seconds = startup_seconds
        self._ingestion_seconds = ingestion_seconds
        self._lock = Lock()
        self._accounts: dict[str, Account] = {}
        self._sessions = SessionTable()
        self._ingestions = IngestionTable()
        self._capacity: dict[str, int | None] = {}
        self.set_capacity(capacity)
        self._first_capacity = dict(self._capacity)

    # accounts

    def add_account(self, account: Account) -> None:
        """Add an account, or replace its key."""
        with self._lock:
            self._accounts[account.id.lower()] = account

    def account(self, account_id: str) -> Account | None:
        """Return the account of that id, in any case."""
        return self._accounts.get(account_id.lower())

    def public_key(self) -> str:
        """Return the key of the first account where everybody knows it, else dots."""
        account = next(iter(self._accounts.values()))
        return account.key if account.key == DEFAULT_ACCOUNT_KEY else "..."

    # sessions

    def create_session(self, account_id: str, size: str, lease: int, record: Record) -> str:
        """Create a session and return its id; without capacity it will end in Error."""
        session = self._new(account_id, "", size, lease)
        with self._lock:
            self._add(session, record)
        return session.id

    def put_session(self, account_id: str, session_id: str, size: str, lease: int, record: Record,
                    write: Writer[T]) -> tuple[bool, T]:
        """Create a session under an id of the caller's own, unless it is there.

        Return whether it is new, and what ``write`` makes of it; raise IdTaken when there is
        one of that id but of another size or lease.
        """
        made = self._new(account_id, session_id, size, lease)
        now = made.created_at
        with self._lock:
            found = self._sessions.find(account_id, session_id, now)
            if found is None:
                self._add(made, record)
            elif not found.was_made_with(size, lease):
                raise IdTaken
            return found is None, write(found or made, now, self.port)

    def note(self, account_id: str, session_id: str, record: Record) -> None:
        """Remember that a request is about a session, whatever comes of it."""
        now = self._clock.monotonic()
        with self._lock:
            account = self._accounts.get(account_id.lower())
            if account is None:
                return
            session = self._sessions.find(account.id, session_id, now)
            if session is not None:
                session.note(record)

    def view(self, account_id: str, session_id: str, write: Writer[T]) -> T | None:
        """Return what ``write`` makes of a session, None when the account has no such session."""
        now = self._clock.monotonic()
        with self._lock:
            session = self._sessions.find(account_id, session_id, now)
            return None if session is None else write(session, now, self.port)

    def view_live(self, account_id: str, write: Writer[T]) -> list[T]:
        """Return what ``write`` makes of each session that is Starting or Ready, oldest first."""
        now = self._clock.monotonic()
        with self._lock:
            return [write(session, now, self.port) for session in self._sessions.live(now)
                    if session.account_id == account_id]

    def extend(self, account_id: str, session_id: str, lease: int) -> bool:
        """Set a larger total lease; return False for no such session, raise LeaseRefused."""
        now = self._clock.monotonic()
        with self._lock:
            session = self._sessions.find(account_id, session_id, now)
            if session is not None:
                session.extend(now, lease)
            return session is not None

    def stop(self, account_id: str, session_id: str) -> bool:
        """Stop a session, ended or not; return False when there is no such session."""
        now = self._clock.monotonic()
        with self._lock:
            session = self._sessions.find(account_id, session_id, now)
            if session is not None:
                session.stop(now)
            return session is not None

    def fail(self, session_id: str, message: str) -> bool:
        """End a live session in Error; return False when there is none such."""
        now = self._clock.monotonic()
        with self._lock:
            session = self._sessions.find_live(session_id, now)
            if session is not None:
                session.fail(now, message)
            return session is not None

    def end(self, session_id: str) -> bool:
        """Stop a live session of any account; return False when there is none such."""
        now = self._clock.monotonic()
        with self._lock:
            session = self._sessions.find_live(session_id, now)
            if session is not None:
                session.stop(now)
            return session is not None

    def lengthen(self, session_id: str, minutes: object) -> int | None:
        """Add to a live session's lease; return its seconds now, None for no such session."""
        seconds = whole("minutes", minutes, 1, 10**7) * 60
        now = self._clock.monotonic()
        with self._lock:
            session = self._sessions.find_live(session_id, now)
            if session is None:
                return None
            session.extend(now, session.lease + seconds)
            return session.lease

    def note_jump(self, at: float, seconds: float) -> None:
        """Tell the sessions that lived at that time that the clock was moved."""
        with self._lock:
            for session in self._sessions.live(at):
                session.note_jump(at, seconds)

    def owner_at(self, guid: str) -> tuple[str, str] | None:
        """Return account and id of the session whose host name begins with this GUID."""
        now = self._clock.monotonic()
        with self._lock:
            session = self._sessions.at_host(guid, now)
            return None if session is None else (session.account_id, session.id)

    def inspect(self, guid: str) -> dict[str, Any] | None:
        """Return what the inspector page at this host name shows of its session."""
        now = self._clock.monotonic()
        with self._lock:
            session = self._sessions.at_host(guid, now)
            if session is None:
                return None
            shown = session.snapshot(now)
            shown["phases"] = [{"status": status, "after_seconds": at - session.created_at}
                               for status, at in session.phases(now)]
            shown["events"] = session.history(now)
        shown["meter"] = session.meter.snapshot(time.monotonic())
        return shown

    def _new(self, account_id: str, session_id: str, size: str, lease: int) -> Session:
        return Session(session_id, new_guid(), account_id, size, lease,
                       now=self._clock.monotonic(), created=self._clock.time(),
                       startup_seconds=self._startup_seconds)

    # ingestions

    def create_ingestion(self, account_id: str, work: Work) -> str:
        """Queue an ingestion and return its id."""
        ingestion = self._new_ingestion(account_id, new_guid(), work)
        with self._lock:
            self._ingestions.add(ingestion)
        self._pool.submit(ingestion)
        return ingestion.id

    def put_ingestion(self, account_id: str, ingestion_id: str, work: Work,
                      write: IngestionWriter[T]) -> tuple[bool, T]:
        """Queue an ingestion under an id of the caller's own, unless it is there.

        Return whether it is new, and what ``write`` makes of it; raise IdTaken when there
        is one of that id for other work.
        """
        made = self._new_ingestion(account_id, ingestion_id, work, named=True)
        now = self._clock.monotonic()
        with self._lock:
            found = self._ingestions.find(account_id, ingestion_id, now)
            if found is None:
                self._ingestions.add(made)
            elif found.work.without_sas() != work.without_sas():
                raise IdTaken
            written = write(found or made, now)  # before it can begin
        if found is None:
            self._pool.submit(made)
        return found is None, written

    def view_ingestion(self, account_id: str, ingestion_id: str,
                       write: IngestionWriter[T]) -> T | None:
        """Return what ``write`` makes of an ingestion, None when the account has none such."""
        now = self._clock.monotonic()
        with self._lock:
            ingestion = self._ingestions.find(account_id, ingestion_id, now)
        return None if ingestion is None else write(ingestion, now)

    def page_ingestions(self, account_id: str, after: int, limit: int,
                        write: IngestionWriter[T]) -> tuple[list[T], int]:
        """Return what ``write`` makes of ``limit`` ingestions, oldest first, that come after a
        number; and the number for the next page, 0 when this is the last."""
        now = self._clock.monotonic()
        with self._lock:
            found = self._ingestions.page(account_id, after, limit + 1, now)
        page = found[:limit]
        return [write(each, now) for each in page], page[-1].number if len(found) > limit else 0

    def _new_ingestion(self, account_id: str, ingestion_id: str, work: Work,
                       named: bool = False) -> Ingestion:
        return Ingestion(ingestion_id, account_id, work, created=self._clock.time(),
                         visible_at=self._clock.monotonic() + self._ingestion_seconds,
                         named=named)

    # the emulator's own routes

    def set_capacity(self, capacity: object) -> None:
        """Set how many sessions of each size can live: one number, one per size, or None."""
        given = capacity if isinstance(capacity, Mapping) else dict.fromkeys(SIZES, capacity)
        unknown = set(given) - set(SIZES)
        if unknown:
            raise ValueError(f"capacity must be given for the sizes {', '.join(SIZES)}")
        limits = {size: whole_or_none(f"capacity of {size}", limit, 0, 10**9)
                  for size, limit in given.items()}
        with self._lock:
            self._capacity = {**dict.fromkeys(SIZES), **self._capacity, **limits}

    def reset(self) -> None:
        """Forget all sessions and ingestions and return to the first capacity."""
        self._pool.forget_waiting()
        with self._lock:
            self._sessions.clear()
            self._ingestions.clear()
            self._capacity = dict(self._first_capacity)

    def snapshot(self) -> dict[str, Any]:
        """Return a copy of everything, by named fields and without keys."""
        now = self._clock.monotonic()
        with self._lock:
            accounts = [account.id for account in self._accounts.values()]
            capacity = dict(self._capacity)
            sessions = [session.snapshot(now) for session in self._sessions.known(now)][::-1]
            ingestions = self._ingestions.known(now)
        return {
            "accounts": accounts,
            "capacity": capacity,
            "sessions": sessions,
            "ingestions": [ingestion.snapshot(now) for ingestion in ingestions],
        }

    def overview(self, limit: int) -> dict[str, Any]:
        """Return the newest of everything, newest first, and how many there are of each status."""
        now = self._clock.monotonic()
        with self._lock:
            accounts = [account.id for account in self._accounts.values()]
            capacity = dict(self._capacity)
            counts = Counter(session.status(now) for session in self._sessions.known(now))
            sessions = [session.snapshot(now)
                        for session in islice(self._sessions.known(now), limit)]
            ingestions = self._ingestions.known(now)
        return {
            "accounts": accounts,
            "capacity": capacity,
            "session_counts": counts,
            "sessions": sessions,
            "ingestion_counts": Counter(each.status(now) for each in ingestions),
            "ingestions": [_brief(each.snapshot(now)) for each in ingestions[:-limit - 1:-1]],
        }

    # under the lock

    def _add(self, session: Session, record: Record) -> None:
        """Add a new session; without capacity it will end in Error."""
        limit = self._capacity[session.size]
        if limit is not None and limit <= sum(
                each.size == session.size and not each.doomed
                for each in self._sessions.live(session.created_at)):
            session.doomed = (
                f"There is no capacity for a virtual machine of size '{session.size}' at the "
                "moment. Stop a session of this size, or try again later.")
        self._sessions.add(session, session.created_at)
        session.note(record)
