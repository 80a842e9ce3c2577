"""``SessionTable``: finds sessions by their id, by their host name, and those that live.

The service makes GUIDs, which compare without regard to case. An id of the caller's own compares
letter by letter, and is known to its account alone.
"""

from __future__ import annotations

from typing import Iterator

from .sessions import LIVE, Session

_PRUNE_EVERY = 512

# What has ended is kept for 30 days, but not more than this of it: tests make them by thousands.
_ENDED_KEPT = 10_000


class SessionTable:
    """All sessions of one emulator. Its owner's lock guards it."""

    def __init__(self) -> None:
        self._all: dict[str, Session] = {}  # by GUID
        self._named: dict[tuple[str, str], Session] = {}  # by account and the caller's own id
        # The sessions that may still be live. An ended one is dropped when it is next met: ending
        # is final, so that changes no answer.
        self._live: dict[str, Session] = {}
        self._added = 0

    def add(self, session: Session, now: float) -> None:
        """Add a session; one of the same name that is forgotten loses its name to it."""
        self._prune(now)
        self._all[session.guid] = self._live[session.guid] = session
        if session.named:
            self._named[session.account_id, session.id] = session

    def find(self, account_id: str, session_id: str, now: float) -> Session | None:
        """Return the session that an account knows by that id."""
        session = self._named.get((account_id, session_id))
        if session is None:
            session = self._all.get(session_id.lower())
            if session is None or session.named or session.account_id != account_id:
                return None
        return None if session.forgotten(now) else session

    def at_host(self, guid: str, now: float) -> Session | None:
        """Return the session whose host name begins with this GUID."""
        session = self._all.get(guid)
        return None if session is None or session.forgotten(now) else session

    def find_live(self, session_id: str, now: float) -> Session | None:
        """Return a live session of any account by its id or the GUID of its host name."""
        session = self._live.get(session_id.lower()) or next(
            (each for each in self._live.values() if each.id == session_id), None)
        return session if session is not None and session.status(now) in LIVE else None

    def live(self, now: float) -> list[Session]:
        """Return the sessions that are Starting or Ready, oldest first."""
        living = [session for session in self._live.values() if session.status(now) in LIVE]
        if len(living) < len(self._live):
            self._live = {session.guid: session for session in living}
        return living

    def known(self, now: float) -> Iterator[Session]:
        """Yield all that are not forgotten, newest first."""
        return (session for session in reversed(self._all.values()) if not session.forgotten(now))

    def clear(self) -> None:
        """Forget all sessions."""
        self._all.clear()
        self._named.clear()
        self._live.clear()

    def _prune(self, now: float) -> None:
        self._added += 1
        if self._added % _PRUNE_EVERY == 0:
            kept = {session.guid for session in self.live(now)}
            ended = [guid for guid, session in self._all.items()
                     if guid not in kept and not session.forgotten(now)]
            kept.update(ended[-_ENDED_KEPT:])
            self._all = {guid: session for guid, session in self._all.items() if guid in kept}
            self._named = {name: session for name, session in self._named.items()
                           if session.guid in kept}
