"""Buffer views of a glTF file in arrays, checked against the buffers."""

from __future__ import annotations

from array import array
from typing import Any, Mapping

from ..refusals import IngestionError, MAX_OBJECTS, size_text
from ..spool import Span
from ..strict_json import Fields
from .gltf_references import Label, References, check_column

_UNKNOWN = -1
_MAX = 1 << 53


class Views:
    """Takes the rows of the table."""

    def __init__(self, references: References, label: Label, *, first: bool) -> None:
        self._label = label
        self._target = references["buffers"]
        self._first = first
        self._buffer = array("i")
        self._offset = array("q")
        self.length = array("q")
        self.stride = array("B")
        self._buffers: Mapping[int, Span] = {}

    def add(self, row: Any) -> None:
        if type(row) is dict:
            buffer, offset = row.get("buffer"), row.get("byteOffset", 0)
            length, stride = row.get("byteLength"), row.get("byteStride", 0)
            if type(buffer) is int and 0 <= buffer <= MAX_OBJECTS \
                    and type(offset) is int and 0 <= offset < _MAX \
                    and type(length) is int and 0 <= length < _MAX \
                    and type(stride) is int and 0 <= stride <= 252:
                self._append(buffer, offset, length, stride)
                return
        index = len(self._buffer)
        fields = Fields(row, self._label("bufferViews", index))
        if "buffer" not in fields:
            raise IngestionError(f"{fields.where} names no buffer.")
        buffer = self._target.seen(fields.data["buffer"], "bufferViews", index, ".buffer")
        # glTF 1.0 allows to leave the length out, without saying what it is then.
        length = _UNKNOWN if self._first and "byteLength" not in fields \
            else fields.integer("byteLength")
        stride = 0 if self._first else fields.integer("byteStride", 0, high=252)
        self._append(buffer, fields.integer("byteOffset", 0), length, stride)

    def _append(self, buffer: int, offset: int, length: int, stride: int) -> None:
        self._buffer.append(buffer)
        self._offset.append(offset)
        self.length.append(length)
        self.stride.append(stride)

    def used(self) -> "set[int]":
        """Return the buffers that views refer to."""
        return set(self._buffer)

    def check(self, buffers: int) -> None:
        """Refuse references beyond the buffers."""
        check_column(self._buffer, buffers, "buffers",
                     lambda index: f"{self._label('bufferViews', index)}.buffer")

    def close(self, buffers: Mapping[int, Span]) -> None:
        """Check that every view lies in its buffer, once references were checked."""
        self._buffers = buffers
        for index, buffer in enumerate(self._buffer):
            size = buffers[buffer].size
            if self.length[index] == _UNKNOWN:
                self.length[index] = max(0, size - self._offset[index])
            end = self._offset[index] + self.length[index]
            if end > size:
                raise IngestionError(
                    f"{self._label('bufferViews', index)} ends at byte {end} of a buffer that has "
                    f"{size_text(size)}.")

    def start(self, view: int) -> int:
        """Return where a view begins in the spool."""
        return self._buffers[self._buffer[view]].start + self._offset[view]

    def part(self, view: int, offset: int, size: int) -> Span:
        """Return the span of a part of a view."""
        return Span(self.start(view) + offset, size)
