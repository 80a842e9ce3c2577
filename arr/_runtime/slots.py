"""Slots: one operation of a kind in flight at a time, the redundancy rule of the SDK."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .operation import IAsync


class _Holder:
    """An operation that got the slot, and under "next" the one that got it afterwards."""

    __slots__ = ("operation", "next")

    def __init__(self, operation: weakref.ref[IAsync[Any]] | None = None) -> None:
        self.operation = operation
        self.next: dict[str, _Holder] = {}

    def is_pending(self) -> bool:
        operation = None if self.operation is None else self.operation()
        return operation is not None and not operation.is_completed


class Slot:
    """Lets one operation of a kind be in flight at a time.

    The holders form a chain, which only grows, at its end. A thread gets the slot by writing its
    operation behind a holder that is not pending any more: ``setdefault`` lets one thread do so,
    once, and shows it to all others. So a call is refused only by an operation that holds the slot
    and is pending at that moment, however many threads try at once, and whatever a signal handler
    does in between.

    A slot is taken exactly while the operation that got it is pending, so freeing it is not a step
    that could be missed. The chain refers weakly to operations: one that was lost to a Ctrl-C on
    the way to the caller holds nothing.
    """

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self._last = _Holder()  # or an earlier one, when a slow thread writes it late

    def take(self, operation: IAsync[Any]) -> bool:
        """Take the slot for an operation; False while an earlier one holds it."""
        mine = _Holder(weakref.ref(operation))
        holder = self._last
        while not holder.is_pending():
            self._last = holder = holder.next.setdefault("next", mine)
            if holder is mine:
                return True
        return False
