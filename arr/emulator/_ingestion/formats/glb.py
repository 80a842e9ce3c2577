"""Reads binary glTF (GLB, version 1 or 2): finds its JSON text and its buffer."""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..refusals import IngestionError, shown, size_text
from ..spool import Span, Spool
from ..strict_json import MAX_JSON_BYTES

MAGIC = b"glTF"
_JSON = 0x4E4F534A
_BIN = 0x004E4942


class Glb(NamedTuple):
    """The parts of a GLB file; without a buffer, ``buffer`` is None."""

    version: int
    json: Span
    buffer: Span | None


def split_glb(spool: Spool, file: Span, name: str) -> Glb:
    """Return the parts of a GLB file, every length checked against the file's."""
    head = spool.read(file.part(0, min(20, file.size)))
    if len(head) < 20:
        raise IngestionError(f"{shown(name)} is truncated: a GLB file has at least 20 bytes.")
    version, length = struct.unpack_from("<II", head, 4)
    if version not in (1, 2):
        raise IngestionError(
            f"{shown(name)} is a GLB file of version {version}; versions 1 and 2 are supported.")
    if length > file.size:
        raise IngestionError(
            f"{shown(name)} is truncated: its header says {size_text(length)}, but the file has "
            f"{size_text(file.size)}.")
    if length < 20:
        raise IngestionError(f"{shown(name)} has a header that says {length} bytes in all.")
    return (_split_1 if version == 1 else _split_2)(spool, file.part(0, length), name)


def _split_1(spool: Spool, file: Span, name: str) -> Glb:
    length, kind = struct.unpack("<II", spool.read(file.part(12, 8)))
    if kind != 0:
        raise IngestionError(f"{shown(name)} has content of kind {kind}; JSON is kind 0.")
    text = _checked(file, 20, length, name, "JSON")
    start = 20 + length
    return Glb(1, text, file.part(start, file.size - start))


def _split_2(spool: Spool, file: Span, name: str) -> Glb:
    # The two chunks come first; what follows is for extensions and is not looked at.
    kind, text = _chunk(spool, file, 12, name, "JSON")
    if kind != _JSON:
        raise IngestionError(f"{shown(name)} does not begin with a JSON chunk.")
    buffer: Span | None = None
    end = 20 + text.size
    if end < file.size:
        kind, chunk = _chunk(spool, file, end, name, "binary")
        buffer = chunk if kind == _BIN else None
    return Glb(2, text, buffer)


def _chunk(spool: Spool, file: Span, offset: int, name: str, what: str) -> tuple[int, Span]:
    if file.size - offset < 8:
        raise IngestionError(f"{shown(name)} is truncated inside a chunk header.")
    length, kind = struct.unpack("<II", spool.read(file.part(offset, 8)))
    return kind, _checked(file, offset + 8, length, name, what)


def _checked(file: Span, offset: int, length: int, name: str, what: str) -> Span:
    if length > file.size - offset:
        raise IngestionError(
            f"{shown(name)} is truncated: its {what} chunk says {size_text(length)}, but "
            f"{size_text(file.size - offset)} follow.")
    if what == "JSON" and length > MAX_JSON_BYTES:
        raise IngestionError(
            f"{shown(name)} has {size_text(length)} of JSON; {size_text(MAX_JSON_BYTES)} is the "
            "limit.")
    return file.part(offset, length)
