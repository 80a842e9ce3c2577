"""Where a picture may lie whose path a model stores: the longest suffix that is a file."""

from __future__ import annotations

import posixpath
import re
from typing import Iterator

_ORIGIN = re.compile(r"\A[A-Za-z][A-Za-z0-9+.-]+:(?://[^/]*)?")
_DRIVE = re.compile(r"\A/*[A-Za-z][:|]")
_MAX_PARTS = 64  # folders further up are left out


def candidates(stored: str, folder: str) -> Iterator[str]:
    """Yield names in the container, that of the longest suffix of the stored path first.

    ``folder`` is the model's. Names that lead out of the container are passed over.
    """
    path = _ORIGIN.sub("", stored.replace("\\", "/"))
    parts = [part for part in _DRIVE.sub("", path).split("/") if part not in ("", ".")]
    previous = ""
    for first in range(max(0, len(parts) - _MAX_PARTS), len(parts)):
        name = posixpath.normpath(posixpath.join(folder, *parts[first:]))
        if name != previous and name not in ("..", ".", folder) and not name.startswith("../"):
            previous = name
            yield name
