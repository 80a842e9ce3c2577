"""A folder of a container, seen as a container of its own."""

from __future__ import annotations

from typing import BinaryIO, Iterator

from ..refusals import MissingFile, shown
from .base import Container, check_name


class FolderContainer:
    """What lies below a prefix, which is empty or ends with a slash."""

    def __init__(self, inner: Container, prefix: str, field: str) -> None:
        self._inner = inner
        if prefix:
            prefix = check_name(prefix.rstrip("/"), field) + "/"
        self._prefix = prefix

    def names(self, limit: int, prefix: str = "") -> list[str]:
        found = self._inner.names(limit, self._prefix + prefix)
        return [name[len(self._prefix):] for name in found]

    def chunks(self, name: str, limit: int) -> Iterator[bytes]:
        try:
            yield from self._inner.chunks(self._prefix + name, limit)
        except MissingFile:
            raise MissingFile(f"The file {shown(name)} is not in the folder.") from None

    def write(self, name: str, source: BinaryIO, size: int) -> None:
        self._inner.write(self._prefix + name, source, size)

    def close(self) -> None:
        self._inner.close()
