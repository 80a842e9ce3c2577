"""References between the tables of a glTF file, checked once all of them were read.

Only the highest index into each table is kept, with its place: nothing else can be wrong.
"""

from __future__ import annotations

from typing import Callable, Mapping, Sequence

from ..refusals import IngestionError, MAX_OBJECTS, shown

Label = Callable[[str, int], str]  # a table and an index, to how people find it


class Target:
    """A table that is referred to."""

    __slots__ = ("table", "high", "_where", "_label")

    def __init__(self, table: str, label: Label) -> None:
        self.table = table
        self.high = -1
        self._where: tuple[str, int, str] = (table, 0, "")
        self._label = label

    def seen(self, value: object, table: str, index: int, path: str) -> int:
        """Return an index, remembering its place; refuse what is none."""
        # 1.0 is an integer for a schema, and some exporters write it.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise IngestionError(
                f"{self._label(table, index)}{path} must be an index into {self.table}, not "
                f"{shown(value)}.")
        if not 0 <= value <= MAX_OBJECTS:
            limit = "an index is never negative" if value < 0 \
                else f"no table has more than {MAX_OBJECTS:,} entries"
            raise IngestionError(f"{self._label(table, index)}{path} refers to "
                                 f"{self.table}[{shown(value)}], but {limit}.")
        if value > self.high:
            self.high = value
            self._where = table, index, path
        return value

    def check(self, size: int) -> None:
        """Refuse a reference beyond the end of the table."""
        if self.high >= size:
            table, index, path = self._where
            there = f"{self.table} has {size} entries" if size else f"there are no {self.table}"
            raise IngestionError(f"{self._label(table, index)}{path} refers to "
                                 f"{self.table}[{shown(self.high)}], but {there}.")


def check_column(column: Sequence[int], size: int, table: str,
                 where: Callable[[int], str]) -> None:
    """Refuse an index beyond the end of a table; ``where`` names the place of an entry."""
    if column and max(column) >= size:
        for place, value in enumerate(column):
            if value >= size:
                target = Target(table, lambda name, index: where(index))
                target.seen(value, "", place, "")
                target.check(size)


class References:
    """The tables that are referred to, by their names."""

    def __init__(self, label: Label) -> None:
        self._label = label
        self._targets: dict[str, Target] = {}

    def __getitem__(self, table: str) -> Target:
        if table not in self._targets:
            self._targets[table] = Target(table, self._label)
        return self._targets[table]

    def check(self, sizes: Mapping[str, int]) -> None:
        """Refuse any reference that leads nowhere."""
        for table, target in self._targets.items():
            target.check(sizes[table])
