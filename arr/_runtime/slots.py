"""Slots: one operation of a kind in flight at a time, the redundancy rule of the SDK."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any, List, Optional

from .events import discard

if TYPE_CHECKING:
    from .operation import IAsync


class Slot:
    """Lets one operation of a kind be in flight at a time.

    A slot is taken exactly while the operation that took it is pending, so freeing it is not a
    step that could be missed: the claims are weak references, and a claim whose operation has
    completed, or was lost to a Ctrl-C on the way to the caller, counts for nothing.
    """

    __slots__ = ("_claims",)

    def __init__(self) -> None:
        self._claims: List[weakref.ref[IAsync[Any]]] = []

    def take(self, operation: IAsync[Any]) -> bool:
        """Take the slot for an operation; False while an earlier one holds it."""
        mine = weakref.ref(operation)
        while True:
            self._claims.append(mine)
            holder = self._holder()
            if holder is operation:
                return True
            discard(self._claims, mine)
            # Somebody who came after us may just have been refused because of our claim. Fine,
            # if the one before us is still pending; else the slot is free and we try again, lest
            # both be refused with nothing in flight.
            if holder is not None and not holder.is_completed:
                return False

    def _holder(self) -> Optional[IAsync[Any]]:
        for claim in self._claims.copy():
            operation = claim()
            if operation is not None and not operation.is_completed:
                return operation
            discard(self._claims, claim)
        return None
