"""What all containers have in common: their interface, and the check of file names."""

from __future__ import annotations

import re
from typing import BinaryIO, Iterator, Protocol

from ..refusals import MODEL, FileRefused, shown, size_text

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DRIVE = re.compile(r"[A-Za-z]:")
_MAX_NAME = 1024


class Container(Protocol):
    """What the pipeline asks of a container; every failure is an IngestionError."""

    def names(self, limit: int, prefix: str = "") -> list[str]:
        """Return the first names in the container that begin so, at most ``limit``."""

    def chunks(self, name: str, limit: int) -> Iterator[bytes]:
        """Yield the bytes of a file; MissingFile without one, refused above ``limit`` bytes."""

    def write(self, name: str, source: BinaryIO, size: int) -> None:
        """Write a file as a whole: readers see the old one or the new one, never a part."""

    def close(self) -> None:
        """Let go of connections."""


def check_name(name: object, field: str, *, cause: str = MODEL) -> str:
    """Return the name of a file in a container, or refuse what could lead anywhere else."""
    if not isinstance(name, str) or not name:
        raise FileRefused(
            f"{field} is empty: give the path of a file in the container.", cause=cause)
    reason = None
    if len(name) > _MAX_NAME:
        reason = f"is longer than {_MAX_NAME} characters"
    elif CONTROL.search(name):
        reason = "holds control characters"
    elif "\\" in name:
        reason = "holds a backslash: write folders with forward slashes"
    elif name.startswith("/") or _DRIVE.match(name):
        reason = "is absolute: write it relative to the container"
    elif any(part in ("", ".", "..") for part in name.split("/")):
        reason = 'has an empty part or the part "." or ".."'
    else:
        try:
            name.encode()
        except UnicodeEncodeError:
            reason = "is not valid Unicode"
    if reason:
        raise FileRefused(f"{field} {shown(name)} {reason}.", cause=cause)
    return name


def too_large(name: str, size: int, limit: int) -> FileRefused:
    """Return the error of a file above the limit."""
    return FileRefused(
        f"The file {shown(name)} is too large: it has {size_text(size)}, and {size_text(limit)} "
        "may still be read for this model.")
