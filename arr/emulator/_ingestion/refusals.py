"""The error that says why a model is not ingested, and the limits of one model."""

from __future__ import annotations

import json

MAX_MODEL_BYTES = 2 << 30  # all files of one model together
MAX_FILES = 4096  # that one model may refer to
MAX_URI = 4096  # characters; data: URIs are as long as they need to be
MAX_ESCAPED_BYTES = 1 << 20  # of a data: URI that is not base64: decoding takes 100 times that
MAX_ELEMENTS = 500_000_000  # of one accessor
MAX_OBJECTS = 16_777_215  # of each kind in one model, as the documentation of 2020 says
MAX_MATERIALS = 65_535


class IngestionError(Exception):
    """The reason why a model cannot be ingested, as a sentence for people."""


class MissingFile(IngestionError):
    """A container has no file of the name that was asked for."""


class NotAFile(IngestionError):
    """What has the name that was asked for is a directory or leads elsewhere."""


def shown(value: object) -> str:
    """Return a value of the input as short, single-line text that is safe to print."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "a list"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = repr(value[:200] if isinstance(value, str) else value)
    return text if len(text) <= 120 else text[:117] + "..."


def size_text(size: int) -> str:
    """Return a number of bytes as people write it."""
    if size < 1 << 20:
        return f"{size:,} bytes"
    return f"{size / (1 << 20):,.1f} MiB"
