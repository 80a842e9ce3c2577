"""Reads FBX models: checks the signature and the version; the rest is not looked at."""

from __future__ import annotations

import re
import struct

from ..refusals import IngestionError, shown
from ..spool import Span, Spool
from .model_info import ModelInfo

BINARY_MAGIC = b"Kaydara FBX Binary  \x00"
_OLDEST = 7100  # FBX 2011 writes 7.1
_HEAD = 1 << 16  # of an ASCII file; the version stands in its first lines
_MAX_RECORDS = 100_000  # at the top of a binary file; real ones have about a dozen

_TITLE = re.compile(rb"^[ \t]*;[ \t]*FBX[ \t]+(\d{1,2})\.(\d)\.(\d)\s+project file", re.MULTILINE)
_HEADER = re.compile(rb"^[ \t]*FBXHeaderExtension[ \t]*:", re.MULTILINE)
_VERSION = re.compile(rb"^[ \t]*FBXVersion[ \t]*:[ \t]*(\d{4,5})\b", re.MULTILINE)


def looks_like_ascii_fbx(head: bytes) -> bool:
    """Tell whether the first bytes of a file are those of an ASCII FBX file."""
    return bool(_TITLE.search(head) or _HEADER.search(head))


def describe_fbx(spool: Spool, file: Span, name: str) -> ModelInfo:
    """Return the format of an FBX file, or refuse one that is too old or cut short."""
    head = spool.read(file.part(0, min(_HEAD, file.size)))
    if head.startswith(BINARY_MAGIC):
        if len(head) < 27:
            raise IngestionError(f"{shown(name)} is truncated inside its FBX header.")
        version = _accepted(struct.unpack_from("<I", head, 23)[0], name)
        _walk(spool, file, name, version)
        return ModelInfo(f"FBX {_dotted(version)} binary")
    found = _version(head)
    if found is None:
        raise IngestionError(
            f"{shown(name)} looks like an ASCII FBX file, but its FBXVersion is missing.")
    return ModelInfo(f"FBX {_dotted(_accepted(found, name))} ASCII")


def _version(head: bytes) -> int | None:
    match = _VERSION.search(head)
    if match:
        return int(match[1])
    match = _TITLE.search(head)
    return int(b"%b%b%b0" % match.groups()) if match else None


def _accepted(version: int, name: str) -> int:
    if not _OLDEST <= version < 10000:
        raise IngestionError(
            f"{shown(name)} is of FBX version {_dotted(version)}; 7.1 (FBX 2011) and later are "
            "supported: export it anew.")
    return version


def _dotted(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 100}"


def _walk(spool: Spool, file: Span, name: str, version: int) -> None:
    """Step over the records at the top, each of which says where it ends, to the empty one."""
    layout = struct.Struct("<QQQB" if version >= 7500 else "<IIIB")
    offset = 27
    for _ in range(_MAX_RECORDS):
        if offset + layout.size > file.size:
            raise IngestionError(f"{shown(name)} is truncated at byte {file.size:,}.")
        end, _, _, length = layout.unpack(spool.read(file.part(offset, layout.size)))
        if end == 0:
            return
        if end > file.size:
            raise IngestionError(
                f"{shown(name)} is truncated: a record ends at byte {end:,}, but the file has "
                f"{file.size:,}.")
        if end < offset + layout.size + length:
            raise IngestionError(f"{shown(name)} is damaged: the record at byte {offset:,} ends "
                                 "before it begins.")
        offset = end
    raise IngestionError(f"{shown(name)} is damaged: it has too many records.")
