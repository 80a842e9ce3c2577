"""Binary FBX files, walked record by record: each must close where it says, to the last byte."""

from __future__ import annotations

import struct
import zlib

from ..refusals import IngestionError, shown, size_text
from ..spool import CHUNK, Span, Spool
from .fbx_scene import FbxScene

MAGIC = b"Kaydara FBX Binary  \x00"
HEADER = 27
_END = bytes.fromhex("f85a8c6adef5d97eece90ce3758f290b")
_MAX_FOOTER = 512  # 176 at most in files of the SDK
_MAX_INFLATED = 8 << 30  # of all arrays in a file: half a minute
_MAX_VALUES = 8  # texts of a record, that are handed on; nobody asks for its numbers
_MAX_TEXT = 4096
_DEPTH = 3  # records deeper than that are checked only

_SIZES = {"C": 1, "B": 1, "Z": 1, "Y": 2, "I": 4, "F": 4, "D": 8, "L": 8}
_ARRAYS = {"b": 1, "c": 1, "i": 4, "f": 4, "d": 8, "l": 8}


def binary_version(head: bytes, name: str) -> int:
    """Return the version that the header of a binary file says."""
    if len(head) < HEADER:
        raise IngestionError(f"{shown(name)} is truncated inside its FBX header.")
    return int(struct.unpack_from(_order(head) + "I", head, 23)[0])


def read_binary(spool: Spool, file: Span, scene: FbxScene, version: int) -> None:
    """Walk all records of a file, whose header was checked."""
    _Walk(spool, file, scene, version).run()


def _order(head: bytes) -> str:
    return ">" if head[22] == 1 else "<"  # 1 in files of big-endian machines


class _Walk:

    def __init__(self, spool: Spool, file: Span, scene: FbxScene, version: int) -> None:
        self._spool = spool
        self._file = file
        self._scene = scene
        order = _order(spool.read(file.part(0, HEADER)))
        self._record = struct.Struct(order + ("QQQB" if version >= 7500 else "IIIB"))
        self._length = struct.Struct(order + "I")
        self._array = struct.Struct(order + "III")
        self._window = b""
        self._first = 0  # where the window begins
        self._inflated = 0

    def run(self) -> None:
        size = self._record.size
        ends: list[int] = []
        path: list[str] = []
        offset = HEADER
        while True:
            end, count, length, letters = self._record.unpack_from(*self._at(offset, size))
            if end == 0:
                if count or length or letters:
                    raise self._damaged(offset, "says that it ends at byte 0")
                offset += size
                if not ends:
                    break
                if offset != ends[-1]:
                    raise self._damaged(offset - size, "closes the list around it too early")
            else:
                self._check_end(offset, end, ends[-1] if ends else None)
                start = offset + size
                data, place = self._at(start, letters)
                path.append(data[place:place + letters].decode("latin-1"))
                start += letters
                if start + length > end:
                    raise self._damaged(offset, "ends before its values do")
                values = self._values(start, count, length, len(path) <= _DEPTH)
                if len(path) <= _DEPTH:
                    self._scene.record(path, values)
                offset = start + length
                ends.append(end)
            while ends and offset == ends[-1]:
                ends.pop()
                path.pop()
        self._check_footer(offset)

    def _at(self, offset: int, size: int) -> tuple[bytes, int]:
        """Return bytes that hold what was asked for, and where in them it begins."""
        if offset + size > self._file.size:
            raise IngestionError(
                f"{shown(self._scene.name)} is truncated at byte {self._file.size:,}.")
        place = offset - self._first
        if place + size > len(self._window):
            self._first, place = offset, 0
            self._window = self._spool.read(
                self._file.part(offset, min(max(size, CHUNK), self._file.size - offset)))
        return self._window, place

    def _check_end(self, offset: int, end: int, outer: int | None) -> None:
        if end > self._file.size:
            raise IngestionError(
                f"{shown(self._scene.name)} is truncated: a record ends at byte {end:,}, but the "
                f"file has {self._file.size:,}.")
        if outer is not None and end > outer:
            raise self._damaged(offset, "ends behind the record around it")

    def _values(self, offset: int, count: int, length: int, wanted: bool) -> list[object]:
        found: list[object] = []
        end = offset + length
        begin = offset
        for _ in range(count):
            if offset >= end:
                raise self._damaged(begin, "has fewer values than it says")
            data, place = self._at(offset, 1)
            kind = chr(data[place])
            if kind in _SIZES:
                offset += 1 + _SIZES[kind]
            elif kind in "SR":
                size, = self._length.unpack_from(*self._within(offset + 1, 4, end))
                if wanted and len(found) < _MAX_VALUES and offset + 5 + size <= end:
                    data, place = self._at(offset + 5, min(size, _MAX_TEXT))
                    raw = data[place:place + min(size, _MAX_TEXT)]
                    found.append(raw.decode("utf-8", "replace") if kind == "S" else raw[:1])
                offset += 5 + size
            elif kind in _ARRAYS:
                offset = self._checked_array(offset + 1, _ARRAYS[kind], end)
            else:
                raise self._damaged(begin, f"has a value of the unknown kind {kind!r}")
        if offset != end:
            raise self._damaged(begin, "does not end where its values do")
        return found

    def _within(self, offset: int, size: int, end: int) -> tuple[bytes, int]:
        if offset + size > end:
            raise self._damaged(offset, "ends inside a value")
        return self._at(offset, size)

    def _checked_array(self, offset: int, width: int, end: int) -> int:
        """Return where an array ends; a packed one must unpack to what it says."""
        total, packed, size = self._array.unpack_from(*self._within(offset, 12, end))
        start = offset + 12
        stored: int = size if packed else total * width
        if packed > 1 or (not packed and size not in (0, stored)) or start + stored > end:
            raise self._damaged(offset, "has an array of another length than it says")
        if packed:
            self._inflate(start, stored, total * width)
        return start + stored

    def _inflate(self, start: int, size: int, expected: int) -> None:
        self._inflated += expected
        if self._inflated > _MAX_INFLATED:
            raise IngestionError(
                f"The arrays of {shown(self._scene.name)} unpack to more than "
                f"{size_text(_MAX_INFLATED)}.")
        unpacker = zlib.decompressobj()
        try:
            for chunk in self._spool.chunks(self._file.part(start, size)):
                while chunk and not unpacker.eof and expected >= 0:
                    expected -= len(unpacker.decompress(chunk, CHUNK))
                    chunk = unpacker.unconsumed_tail
        except zlib.error:
            pass  # so it has not come to its end
        if expected or not unpacker.eof:
            raise self._damaged(start, "has a packed array that does not unpack as it says")

    def _check_footer(self, offset: int) -> None:
        """The SDK writes a footer; files of a few others end with the last record."""
        rest = self._file.size - offset
        if rest > _MAX_FOOTER:
            raise self._damaged(offset, f"is the last one, but {size_text(rest)} follow")
        if rest and self._spool.read(self._file.part(offset, rest))[-len(_END):] != _END:
            raise IngestionError(
                f"{shown(self._scene.name)} is truncated: its end mark is missing.")

    def _damaged(self, offset: int, reason: str) -> IngestionError:
        return IngestionError(
            f"{shown(self._scene.name)} is damaged: the record at byte {offset:,} {reason}.")
