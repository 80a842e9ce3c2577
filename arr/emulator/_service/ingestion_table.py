"""``IngestionTable``: finds ingestions by their id, and lists those of an account in pages."""

from __future__ import annotations

from .ingestions import RUNNING, Ingestion
from .sessions import RETENTION_SECONDS

# Of those that have ended not more than this are kept: tests make them by thousands.
_ENDED_KEPT = 10_000


class IngestionTable:
    """All ingestions of one emulator. Its owner's lock guards it."""

    def __init__(self) -> None:
        self._all: dict[tuple[str, str], Ingestion] = {}  # by account and id, oldest first
        self._numbered = 0

    def add(self, ingestion: Ingestion) -> None:
        """Add an ingestion and give it a number; a forgotten one of its name goes."""
        self._numbered += 1
        ingestion.number = self._numbered
        key = ingestion.account_id, ingestion.id
        self._all.pop(key, None)
        self._all[key] = ingestion
        if len(self._all) > 2 * _ENDED_KEPT:
            ended = [key for key, each in self._all.items() if each.outcome != RUNNING]
            for key in ended[:-_ENDED_KEPT]:
                del self._all[key]

    def find(self, account_id: str, ingestion_id: str, now: float) -> Ingestion | None:
        """Return the ingestion that an account knows by that id.

        A GUID of the service's compares without regard to case, an id of the caller's own does not.
        """
        found = self._all.get((account_id, ingestion_id))
        if found is None:
            found = self._all.get((account_id, ingestion_id.lower()))
            if found is None or found.named:
                return None
        return None if _forgotten(found, now) else found

    def page(self, account_id: str, after: int, limit: int, now: float) -> list[Ingestion]:
        """Return the first ``limit`` of an account with a number above ``after``, oldest first."""
        page: list[Ingestion] = []
        for each in self._all.values():
            if each.number > after and each.account_id == account_id and not _forgotten(each, now):
                page.append(each)
                if len(page) == limit:
                    break
        return page

    def known(self, now: float) -> list[Ingestion]:
        """Return all that are not forgotten, oldest first."""
        return [each for each in self._all.values() if not _forgotten(each, now)]

    def clear(self) -> None:
        """Forget all ingestions."""
        self._all.clear()


def _forgotten(ingestion: Ingestion, now: float) -> bool:
    return ingestion.outcome != RUNNING and now >= ingestion.visible_at + RETENTION_SECONDS
