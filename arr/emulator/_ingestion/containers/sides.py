"""Says of each failure of a container which of the two it was, the input or the output."""

from __future__ import annotations

from contextlib import contextmanager
from typing import BinaryIO, Iterator, NamedTuple

from ..refusals import (
    INPUT, INPUT_ACCESS, OUTPUT, OUTPUT_ACCESS, FileRefused, IngestionError, NoAccess,
)
from .base import Container


class Side(NamedTuple):
    """The causes of what fails on one side."""

    container: str
    access: str

    @contextmanager
    def blamed(self, *but: type[IngestionError]) -> Iterator[None]:
        """Set the cause of an IngestionError that passes, unless it is one of ``but``."""
        try:
            yield
        except but:
            raise
        except IngestionError as error:
            error.cause = self.access if isinstance(error, NoAccess) else self.container
            raise


INPUT_SIDE = Side(INPUT, INPUT_ACCESS)
OUTPUT_SIDE = Side(OUTPUT, OUTPUT_ACCESS)


class SidedContainer:
    """A container whose failures are those of a side, unless only a file is to blame."""

    def __init__(self, inner: Container, side: Side) -> None:
        self._inner = inner
        self._side = side

    def names(self, limit: int, prefix: str = "") -> list[str]:
        with self._side.blamed():
            return self._inner.names(limit, prefix)

    def chunks(self, name: str, limit: int) -> Iterator[bytes]:
        with self._side.blamed(FileRefused):
            yield from self._inner.chunks(name, limit)

    def write(self, name: str, source: BinaryIO, size: int) -> None:
        with self._side.blamed():
            self._inner.write(name, source, size)

    def close(self) -> None:
        self._inner.close()
