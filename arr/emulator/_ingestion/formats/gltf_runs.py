"""Reads runs of elements in the buffers of a glTF file."""

from __future__ import annotations

import math
import struct
import sys
from array import array
from typing import Iterator, NamedTuple

from ..refusals import IngestionError
from ..spool import Span, Spool

_STEP = 1 << 16  # elements looked at in one go
_BLOCK = 1 << 16  # bytes read at once for small runs
_ALWAYS_READ = 64 << 20  # bytes that the accessors of a model may have in all


class Run(NamedTuple):
    """Elements in a buffer: ``span`` ends with the last byte of the last element."""

    span: Span
    code: str
    columns: int
    width: int  # bytes of one element
    stride: int
    total: int


class Reader:
    """Reads values; ``size`` is that of all buffers together."""

    def __init__(self, spool: Spool, size: int) -> None:
        self._spool = spool
        # Accessors that overlap again and again would make a small file cost hours.
        self._budget = 8 * size + _ALWAYS_READ
        self._block = b""
        self._block_start = 0

    def block(self, start: int, size: int, code: str) -> array[float]:
        """Return the values of a small run, from a block that serves its neighbours too."""
        self._spend(size)
        at = start - self._block_start
        if at < 0 or at + size > len(self._block):
            self._block_start, at = start, 0
            self._block = self._spool.read(Span(start, max(_BLOCK, size)))
        values: array[float] = array(code, self._block[at:at + size])
        if sys.byteorder == "big":
            values.byteswap()
        return values

    def packed(self, run: Run) -> Iterator[array[float]]:
        """Yield the elements of a run without the gaps between them."""
        self._spend(run.span.size)
        for first in range(0, run.total, _STEP):
            count = min(_STEP, run.total - first)
            span = run.span.part(first * run.stride, (count - 1) * run.stride + run.width)
            data = self._spool.read(span)
            yield _closed_up(data, run, count)

    def _spend(self, size: int) -> None:
        self._budget -= size
        if self._budget < 0:
            raise IngestionError(
                "The accessors of the model overlap so much that reading them would take too "
                "long: let accessors share data by sharing the accessor.")


def all_finite(values: array[float]) -> bool:
    """Tell whether 32-bit floats are all finite."""
    # The top byte of what is not finite, or nearly so, is 7F or FF; looking for it is quick.
    top = values.tobytes()[3 if sys.byteorder == "little" else 0::4]
    if b"\x7f" not in top and b"\xff" not in top:
        return True
    # A sum of 32-bit floats in 64 bits is finite exactly when each of them is.
    return math.isfinite(sum(values))


def _closed_up(data: bytes, run: Run, count: int) -> array[float]:
    """Return the values in the bytes of some elements, without the gaps between them."""
    size = struct.calcsize(run.code)
    gap = run.stride - run.width
    if run.stride % size:  # not allowed, and harmless
        layout = struct.Struct(f"<{run.columns}{run.code}{gap}x")
        return array(run.code, [value for row in layout.iter_unpack(data + bytes(gap))
                                for value in row])
    values: array[float] = array(run.code, data)
    if sys.byteorder == "big":
        values.byteswap()
    if not gap:
        return values
    close: array[float] = array(run.code, bytes(size * run.columns * count))
    for column in range(run.columns):
        close[column::run.columns] = values[column::run.stride // size]
    return close
