"""Reads accessors of a glTF file: checks where their data lies and yields the values."""

from __future__ import annotations

import math
import struct
import sys
from array import array
from typing import Iterator, NamedTuple

from ..refusals import IngestionError, MAX_ELEMENTS, size_text
from ..spool import Span, Spool
from ..strict_json import Fields
from .boxes import Box
from .gltf_document import Document, Key

# Component type: code of struct and array, and the divisor of normalised values.
_COMPONENTS = {5120: ("b", 127), 5121: ("B", 255), 5122: ("h", 32767), 5123: ("H", 65535),
               5125: ("I", 1), 5126: ("f", 1)}
_SHAPES = {"SCALAR": (1, 1), "VEC2": (1, 2), "VEC3": (1, 3), "VEC4": (1, 4), "MAT2": (2, 2),
           "MAT3": (3, 3), "MAT4": (4, 4)}
_SPARSE_INDICES = (5121, 5123, 5125)
_STEP = 1 << 16  # elements looked at in one go
_ALWAYS_READ = 64 << 20  # bytes that the accessors of a model may have in all


class Run(NamedTuple):
    """Elements in a buffer: ``span`` ends with the last byte of the last element."""

    span: Span
    code: str
    columns: int
    width: int  # bytes of one element
    stride: int
    total: int


class Accessor(NamedTuple):
    """A checked accessor; without ``run`` its values are zeros, before ``sparse`` is applied."""

    where: str
    kind: str
    code: str
    divisor: int
    total: int
    run: Run | None
    sparse: tuple[Run, Run] | None


class Accessors:
    """All accessors of a document over its buffers."""

    def __init__(self, document: Document, buffers: dict[Key, Span], spool: Spool) -> None:
        self._document = document
        self._spool = spool
        self._views = {key: self._view(view, buffers)
                       for key, view in document.table("bufferViews").items()}
        self._accessors = {key: self._accessor(fields)
                           for key, fields in document.table("accessors").items()}
        self._boxes: dict[tuple[object, ...], Box] = {}
        self._highest: dict[tuple[object, ...], int] = {}
        # Accessors that overlap again and again would make a small file cost hours.
        self._budget = 8 * sum(span.size for span in buffers.values()) + _ALWAYS_READ

    def __getitem__(self, key: Key) -> Accessor:
        return self._accessors[key]

    def box(self, key: Key) -> Box:
        """Return the box of the positions in an accessor, from its data."""
        accessor = self._accessors[key]
        if accessor.kind != "VEC3":
            raise IngestionError(f"{accessor.where} holds positions, so its type must be VEC3.")
        if accessor.code == "I":
            raise IngestionError(f"{accessor.where} holds positions of an integer type that "
                                 "positions cannot have.")
        identity = accessor[1:]
        if identity not in self._boxes:
            self._boxes[identity] = self._measure(accessor)
        return self._boxes[identity]

    def highest(self, key: Key) -> int:
        """Return the highest index in an accessor of indices."""
        accessor = self._accessors[key]
        if accessor.kind != "SCALAR" or accessor.code not in "BHI":
            raise IngestionError(
                f"{accessor.where} holds indices, so it must be SCALAR and of an unsigned type.")
        identity = accessor[1:]
        if identity not in self._highest:
            highest = 0
            for chunk in self._chunks(accessor):
                highest = max(highest, int(max(chunk)))
            self._highest[identity] = highest
        return self._highest[identity]

    # -- layout ------------------------------------------------------------------------------

    def _view(self, view: Fields, buffers: dict[Key, Span]) -> tuple[Span, int]:
        buffer = buffers[view.data["buffer"]] if "buffer" in view else None
        if buffer is None:
            raise IngestionError(f"{view.where} names no buffer.")
        offset = view.integer("byteOffset", 0)
        # glTF 1.0 allows to leave the length out, without saying what it is then.
        default = max(0, buffer.size - offset) if self._document.version == 1 else None
        length = view.integer("byteLength", default)
        if offset + length > buffer.size:
            raise IngestionError(
                f"{view.where} ends at byte {offset + length} of a buffer that has "
                f"{size_text(buffer.size)}.")
        stride = view.integer("byteStride", 0, high=252) if self._document.version == 2 else 0
        return buffer.part(offset, length), stride

    def _accessor(self, fields: Fields) -> Accessor:
        code, divisor = self._component(fields, tuple(_COMPONENTS))
        kind = fields.text("type")
        if kind not in _SHAPES:
            raise fields.bad("type", "one of " + ", ".join(_SHAPES))
        count = fields.integer("count", low=1, high=MAX_ELEMENTS)
        run = None
        if "bufferView" in fields:
            stride = self._views[fields.data["bufferView"]][1]
            if self._document.version == 1:
                stride = fields.integer("byteStride", 0, high=255)
            run = self._run(fields, code, kind, count, stride)
        elif self._document.version == 1:
            raise IngestionError(f"{fields.where} names no bufferView.")
        normalized = fields.flag("normalized")
        return Accessor(fields.where, kind, code, divisor if normalized else 1, count, run,
                        self._sparse(fields, code, kind, count))

    def _sparse(self, fields: Fields, code: str, kind: str,
                count: int) -> tuple[Run, Run] | None:
        sparse = fields.child("sparse") if self._document.version == 2 else None
        if sparse is None:
            return None
        number = sparse.integer("count", low=1, high=count)
        indices, values = sparse.child("indices"), sparse.child("values")
        if indices is None or values is None:
            raise IngestionError(f"{sparse.where} must have indices and values.")
        index_code, _ = self._component(indices, _SPARSE_INDICES)
        return (self._run(indices, index_code, "SCALAR", number, 0),
                self._run(values, code, kind, number, 0))

    @staticmethod
    def _component(fields: Fields, allowed: tuple[int, ...]) -> tuple[str, int]:
        component = fields.integer("componentType")
        if component not in allowed:
            raise fields.bad("componentType", "one of " + ", ".join(map(str, allowed)))
        return _COMPONENTS[component]

    def _run(self, fields: Fields, code: str, kind: str, count: int, stride: int) -> Run:
        if "bufferView" not in fields:
            raise IngestionError(f"{fields.where} names no bufferView.")
        view = self._views[fields.data["bufferView"]][0]
        rows, columns = _SHAPES[kind]
        size = struct.calcsize(code)
        # The columns of a matrix begin at multiples of four bytes.
        width = columns * size if rows == 1 else rows * (-(-columns * size // 4) * 4)
        stride = stride or width
        if stride < width:
            raise IngestionError(
                f"{fields.where} has elements of {width} bytes every {stride} bytes.")
        offset = fields.integer("byteOffset", 0)
        # Nothing has to follow the last number, of the last column too.
        length = stride * (count - 1) + width - (width // rows - columns * size if rows > 1 else 0)
        if offset + length > view.size:
            raise IngestionError(
                f"{fields.where} ends at byte {offset + length:,} of a buffer view that has "
                f"{size_text(view.size)}.")
        return Run(view.part(offset, length), code, columns, width, stride, count)

    # -- values ------------------------------------------------------------------------------

    def _measure(self, accessor: Accessor) -> Box:
        low, high = [math.inf] * 3, [-math.inf] * 3
        for chunk in self._chunks(accessor):
            # A sum of floats is finite exactly when each of them is: they are 32-bit, and
            # adding up cannot overflow 64-bit ones.
            if accessor.code == "f" and not math.isfinite(sum(chunk)):
                raise IngestionError(f"{accessor.where} holds a position that is not finite.")
            for axis in range(3):
                column = chunk[axis::3]
                low[axis] = min(low[axis], min(column))
                high[axis] = max(high[axis], max(column))
        least = -1.0 if accessor.divisor != 1 else -math.inf  # normalised -128 is -1, as -127 is
        return (tuple(max(value / accessor.divisor, least) for value in low),
                tuple(max(value / accessor.divisor, least) for value in high))

    def _chunks(self, accessor: Accessor) -> Iterator[array[float]]:
        """Yield the values of an accessor, sparse ones replaced, some thousand at a time."""
        if accessor.run is None:
            yield from self._zeros(accessor)
            return
        replaced = self._replaced(accessor)
        item = next(replaced, None)
        first = 0
        for chunk in self._packed(accessor.run):
            columns = accessor.run.columns
            end = first + len(chunk) // columns
            while item is not None and item[0] < end:
                at = (item[0] - first) * columns
                chunk[at:at + columns] = item[1]
                item = next(replaced, None)
            first = end
            yield chunk

    def _zeros(self, accessor: Accessor) -> Iterator[array[float]]:
        columns = _SHAPES[accessor.kind][1]
        if accessor.sparse is None or accessor.sparse[0].total < accessor.total:
            yield array(accessor.code, [0] * columns)
        for _, values in self._replaced(accessor):
            yield values

    def _replaced(self, accessor: Accessor) -> Iterator[tuple[int, array[float]]]:
        if accessor.sparse is None:
            return
        previous = -1
        indices, values = accessor.sparse
        columns = values.columns
        for places, chunk in zip(self._packed(indices), self._packed(values)):
            for i, place in enumerate(places):
                if not previous < place < accessor.total:
                    raise IngestionError(
                        f"{accessor.where}.sparse.indices must rise and stay below "
                        f"{accessor.total}.")
                previous = int(place)
                yield previous, chunk[i * columns:(i + 1) * columns]

    def _packed(self, run: Run) -> Iterator[array[float]]:
        """Yield the elements of a run without the gaps between them."""
        self._budget -= run.span.size
        if self._budget < 0:
            raise IngestionError(
                "The accessors of the model overlap so much that reading them would take too "
                "long: let accessors share data by sharing the accessor.")
        for first in range(0, run.total, _STEP):
            count = min(_STEP, run.total - first)
            span = run.span.part(first * run.stride, (count - 1) * run.stride + run.width)
            data = self._spool.read(span)
            chunk: array[float]
            if run.stride == run.width:
                chunk = array(run.code)
                chunk.frombytes(data)
                if sys.byteorder == "big":
                    chunk.byteswap()
            else:
                gap = run.stride - run.width
                layout = struct.Struct(f"<{run.columns}{run.code}{gap}x")
                rows: list[float] = []
                for row in layout.iter_unpack(data + bytes(gap)):
                    rows.extend(row)
                chunk = array(run.code, rows)
            yield chunk
