"""The errors that say why a model is not ingested, their causes, and the limits of one model."""

from __future__ import annotations

import json

MAX_MODEL_BYTES = 2 << 30  # all files of one model together
MAX_FILES = 4096  # that one model may refer to
MAX_URI = 4096  # characters; data: URIs are as long as they need to be
MAX_ESCAPED_BYTES = 1 << 20  # of a data: URI that is not base64: decoding takes 100 times that
MAX_ELEMENTS = 500_000_000  # of one accessor
MAX_OBJECTS = 16_777_215  # of each kind in one model, as the documentation of 2020 says
MAX_MATERIALS = 65_535

MODEL = "model"  # it is broken, not supported, or a file that it refers to is missing
ASSET = "asset"  # the model file itself is not in the input container
INPUT_ACCESS = "input access"  # the SAS is wrong, expired or lacks a permission; or no access
OUTPUT_ACCESS = "output access"
INPUT = "input container"  # it is not there, not reached, not allowed, or fails
OUTPUT = "output container"
INTERNAL = "internal"  # this machine fails, its disk is full


class IngestionError(Exception):
    """The reason why a model cannot be ingested, as a sentence for people, and its ``cause``."""

    cause = MODEL

    def __init__(self, *arguments: object, cause: str = "") -> None:
        super().__init__(*arguments)
        if cause:
            self.cause = cause


class NoAccess(IngestionError):
    """A container is there, but what was asked of it is not allowed."""


class FileRefused(IngestionError):
    """A container is well, but a file in it cannot be had."""


class MissingFile(FileRefused):
    """A container has no file of the name that was asked for."""


class NotAFile(FileRefused):
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
