"""Stores the files of one model during its ingestion: in memory, on disk when large."""

from __future__ import annotations

import hashlib
import tempfile
from types import TracebackType
from typing import Iterable, Iterator, NamedTuple

from .refusals import INTERNAL, IngestionError

CHUNK = 1 << 20
_IN_MEMORY = 16 << 20


class Span(NamedTuple):
    """A run of bytes in the spool."""

    start: int
    size: int

    def part(self, offset: int, size: int) -> Span:
        """Return the span of a part; the caller has checked that it lies inside."""
        return Span(self.start + offset, size)


class StoredFile(NamedTuple):
    """A file of the model: its name in the container, where it lies, and its digest."""

    name: str
    span: Span
    sha256: str


class Spool:
    """Holds files one after the other and reads any part of them."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)
        self.size = 0

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, name: str, chunks: Iterable[bytes]) -> StoredFile:
        """Append a file and return where it lies."""
        start = self.size
        digest = hashlib.sha256()
        try:
            self._file.seek(start)
            for chunk in chunks:
                digest.update(chunk)
                self._file.write(chunk)
                self.size += len(chunk)
        except OSError as error:  # a container has turned its own into reasons
            raise IngestionError(
                f"The temporary file for the model cannot be written: {error.strerror}.",
                cause=INTERNAL) from None
        return StoredFile(name, Span(start, self.size - start), digest.hexdigest())

    def read(self, span: Span) -> bytes:
        """Return the bytes of a span."""
        self._file.seek(span.start)
        return self._file.read(span.size)

    def chunks(self, span: Span, step: int = CHUNK) -> Iterator[bytes]:
        """Yield the bytes of a span in pieces of ``step`` bytes, the last one shorter."""
        for offset in range(0, span.size, step):
            yield self.read(span.part(offset, min(step, span.size - offset)))
