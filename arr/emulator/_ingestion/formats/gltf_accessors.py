"""Accessors of a glTF file: where their data lies, checked, and the values in it."""

from __future__ import annotations

import math
from array import array
from typing import Any, Iterator, NamedTuple

from ..refusals import IngestionError, MAX_ELEMENTS, MAX_OBJECTS, size_text
from ..spool import Spool
from ..strict_json import Fields
from .boxes import Box
from .gltf_forms import COMPONENTS, FORMS, Form, KINDS, NUMBERS, form_of
from .gltf_references import Label, References, check_column
from .gltf_runs import Reader, Run, all_finite
from .gltf_views import Views

_SPARSE_INDICES = (5121, 5123, 5125)
_SMALL = 256  # elements that are read at once, and again rather than remembered
_REMEMBERED = 1 << 17  # boxes and highest indices; models share many accessors


class _Sparse(NamedTuple):
    total: int
    index_view: int
    index_offset: int
    index_component: int
    value_view: int
    value_offset: int


class Accessors:
    """The rows of the table in arrays, and the values behind them."""

    def __init__(self, references: References, label: Label, *, first: bool) -> None:
        self._label = label
        self._target = references["bufferViews"]
        self._first = first  # of glTF 1.0, where the stride stands here
        self._view = array("i")  # -1 without one: zeros
        self._offset = array("q")
        self._total = array("I")
        self._number = array("B")  # of the form
        self._normalized: set[int] = set()
        self._stride = array("B")  # of glTF 1.0
        self._sparse: dict[int, _Sparse] = {}
        self._boxes: dict[tuple[object, ...], Box] = {}
        self._highest: dict[tuple[object, ...], int] = {}

    def __len__(self) -> int:
        return len(self._view)

    def total(self, index: int) -> int:
        """Return the number of elements."""
        return self._total[index]

    def where(self, index: int) -> str:
        return self._label("accessors", index)

    def is_empty(self, index: int) -> bool:
        """Tell whether there are only zeros, before sparse values."""
        return self._view[index] < 0

    # -- rows --------------------------------------------------------------------------------

    def add(self, row: Any) -> None:
        # Nearly every row passes here; what does not is looked at again, for its reason.
        try:
            get = row.get
            number = NUMBERS[get("componentType"), get("type")]
            total, view, offset = get("count"), get("bufferView"), get("byteOffset", 0)
            plain = type(total) is type(view) is type(offset) is int and not self._first \
                and 0 < total <= MAX_ELEMENTS and 0 <= view <= MAX_OBJECTS \
                and 0 <= offset < 1 << 53 and "sparse" not in row and "normalized" not in row
        except (AttributeError, KeyError, TypeError):
            plain = False
        if not plain:
            self._add_slowly(row, len(self._view))
            return
        self._view.append(view)
        self._offset.append(offset)
        self._total.append(total)
        self._number.append(number)

    def _add_slowly(self, row: Any, index: int) -> None:
        fields = Fields(row, self.where(index))
        component = _component(fields, tuple(COMPONENTS))
        kind = fields.text("type")
        if kind not in KINDS:
            raise fields.bad("type", "one of " + ", ".join(KINDS))
        total = fields.integer("count", low=1, high=MAX_ELEMENTS)
        view = -1
        if "bufferView" in fields:
            view = self._target.seen(
                fields.data["bufferView"], "accessors", index, ".bufferView")
        elif self._first:
            raise IngestionError(f"{fields.where} names no bufferView.")
        self._view.append(view)
        self._offset.append(fields.integer("byteOffset", 0))
        self._total.append(total)
        self._number.append(NUMBERS[component, kind])
        if fields.flag("normalized"):
            self._normalized.add(index)
        if self._first:
            self._stride.append(fields.integer("byteStride", 0, high=255))
        sparse = None if self._first else fields.child("sparse")
        if sparse is not None:
            self._sparse[index] = self._add_sparse(sparse, index, total)

    def _add_sparse(self, sparse: Fields, index: int, total: int) -> _Sparse:
        number = sparse.integer("count", low=1, high=total)
        indices, values = sparse.child("indices"), sparse.child("values")
        if indices is None or values is None:
            raise IngestionError(f"{sparse.where} must have indices and values.")
        views = []
        for part, path in ((indices, ".sparse.indices"), (values, ".sparse.values")):
            if "bufferView" not in part:
                raise IngestionError(f"{part.where} names no bufferView.")
            views.append(self._target.seen(
                part.data["bufferView"], "accessors", index, path + ".bufferView"))
        return _Sparse(number, views[0], indices.integer("byteOffset", 0),
                       _component(indices, _SPARSE_INDICES), views[1],
                       values.integer("byteOffset", 0))

    # -- layout ------------------------------------------------------------------------------

    def check(self, views: int) -> None:
        """Refuse references beyond the buffer views."""
        check_column(self._view, views, "bufferViews",
                     lambda index: f"{self.where(index)}.bufferView")

    def close(self, views: Views, spool: Spool, size: int) -> None:
        """Check that all data lies in its view, once references were checked."""
        self._views = views
        self._reader = Reader(spool, size)
        for index, (view, number) in enumerate(zip(self._view, self._number)):
            if view >= 0:
                form = FORMS[number]
                stride = (self._stride[index] if self._first else views.stride[view]) or form.width
                if stride < form.width or self._offset[index] + stride * (self._total[index] - 1) \
                        + form.used > views.length[view]:
                    self._run(index)
        for index in self._sparse:
            self._sparse_runs(index)

    def _run(self, index: int) -> Run:
        """Return where the values lie, or say what does not fit."""
        view = self._view[index]
        stride = self._stride[index] if self._first else self._views.stride[view]
        return self._fitted(self.where(index), view, self._offset[index], stride,
                            self._total[index], FORMS[self._number[index]])

    def _fitted(self, where: str, view: int, offset: int, stride: int, total: int,
                form: Form) -> Run:
        stride = stride or form.width
        if stride < form.width:
            raise IngestionError(
                f"{where} has elements of {form.width} bytes every {stride} bytes.")
        before = stride * (total - 1)
        end = offset + before + form.used
        if end > self._views.length[view]:
            raise IngestionError(
                f"{where} ends at byte {end:,} of a buffer view that has "
                f"{size_text(self._views.length[view])}.")
        return Run(self._views.part(view, offset, before + form.width), form.code, form.columns,
                   form.width, stride, total)

    def _sparse_runs(self, index: int) -> tuple[Run, Run]:
        sparse, where = self._sparse[index], self.where(index)
        return (self._fitted(f"{where}.sparse.indices", sparse.index_view, sparse.index_offset, 0,
                             sparse.total, form_of(sparse.index_component, "SCALAR")),
                self._fitted(f"{where}.sparse.values", sparse.value_view, sparse.value_offset, 0,
                             sparse.total, FORMS[self._number[index]]))

    # -- what is asked -----------------------------------------------------------------------

    def box(self, index: int) -> Box:
        """Return the box of the positions in an accessor, from its data."""
        form = FORMS[self._number[index]]
        if form.kind != "VEC3":
            raise IngestionError(f"{self.where(index)} holds positions, so its type must be VEC3.")
        if form.code == "I":
            raise IngestionError(f"{self.where(index)} holds positions of an integer type that "
                                 "positions cannot have.")
        if self._is_small(index) and index not in self._normalized:
            values = self._small(index)
            total = sum(values)
            if total - total == 0:  # finite
                x, y, z = values[::3], values[1::3], values[2::3]
                return (min(x), min(y), min(z)), (max(x), max(y), max(z))
        identity = self._identity(index)
        if identity not in self._boxes:
            if len(self._boxes) >= _REMEMBERED:
                self._boxes.clear()
            self._boxes[identity] = self._measure(index)
        return self._boxes[identity]

    def highest(self, index: int) -> int:
        """Return the highest index in an accessor of indices."""
        form = FORMS[self._number[index]]
        if form.kind != "SCALAR" or form.code not in "BHI":
            raise IngestionError(
                f"{self.where(index)} holds indices, so it must be SCALAR and of an unsigned type.")
        if self._is_small(index):
            return int(max(self._small(index)))
        identity = self._identity(index)
        if identity not in self._highest:
            if len(self._highest) >= _REMEMBERED:
                self._highest.clear()
            highest = 0
            for chunk in self._chunks(index):
                highest = max(highest, int(max(chunk)))
            self._highest[identity] = highest
        return self._highest[identity]

    def _is_small(self, index: int) -> bool:
        return self._total[index] <= _SMALL and self._view[index] >= 0 \
            and index not in self._sparse

    def _small(self, index: int) -> array[float]:
        """Return the values of a small accessor, from a block that serves its neighbours too."""
        form, view, total = FORMS[self._number[index]], self._view[index], self._total[index]
        stride = self._stride[index] if self._first else self._views.stride[view]
        if stride not in (0, form.width):
            return next(self._reader.packed(self._run(index)))
        size = form.width * total
        return self._reader.block(self._views.start(view) + self._offset[index], size, form.code)

    def _identity(self, index: int) -> tuple[object, ...]:
        return (self._view[index], self._offset[index], self._total[index], self._number[index],
                index in self._normalized, self._stride[index] if self._first else 0,
                self._sparse.get(index))

    # -- values ------------------------------------------------------------------------------

    def _measure(self, index: int) -> Box:
        low, high = [math.inf] * 3, [-math.inf] * 3
        form = FORMS[self._number[index]]
        for chunk in self._chunks(index):
            if form.code == "f" and not all_finite(chunk):
                raise IngestionError(f"{self.where(index)} holds a position that is not finite.")
            for axis in range(3):
                column = chunk[axis::3]
                low[axis] = min(low[axis], min(column))
                high[axis] = max(high[axis], max(column))
        if index not in self._normalized or form.divisor == 1:
            return (low[0], low[1], low[2]), (high[0], high[1], high[2])
        # Normalised -128 is -1, as -127 is.
        return (tuple(max(value / form.divisor, -1.0) for value in low),
                tuple(max(value / form.divisor, -1.0) for value in high))

    def _chunks(self, index: int) -> Iterator[array[float]]:
        """Yield the values of an accessor, sparse ones replaced, some thousand at a time."""
        if self._view[index] < 0:
            yield from self._zeros(index)
            return
        if index not in self._sparse:
            yield from self._reader.packed(self._run(index))
            return
        run = self._run(index)
        replaced = self._replaced(index)
        item = next(replaced, None)
        first = 0
        for chunk in self._reader.packed(run):
            end = first + len(chunk) // run.columns
            while item is not None and item[0] < end:
                at = (item[0] - first) * run.columns
                chunk[at:at + run.columns] = item[1]
                item = next(replaced, None)
            first = end
            yield chunk

    def _zeros(self, index: int) -> Iterator[array[float]]:
        sparse = self._sparse.get(index)
        if sparse is None or sparse.total < self._total[index]:
            form = FORMS[self._number[index]]
            yield array(form.code, [0] * form.columns)
        for _, values in self._replaced(index):
            yield values

    def _replaced(self, index: int) -> Iterator[tuple[int, array[float]]]:
        if index not in self._sparse:
            return
        previous = -1
        indices, values = self._sparse_runs(index)
        columns = values.columns
        for places, chunk in zip(self._reader.packed(indices), self._reader.packed(values)):
            for i, place in enumerate(places):
                if not previous < place < self._total[index]:
                    raise IngestionError(
                        f"{self.where(index)}.sparse.indices must rise and stay below "
                        f"{self._total[index]}.")
                previous = int(place)
                yield previous, chunk[i * columns:(i + 1) * columns]


def _component(fields: Fields, allowed: tuple[int, ...]) -> int:
    component = fields.integer("componentType")
    if component not in allowed:
        raise fields.bad("componentType", "one of " + ", ".join(map(str, allowed)))
    return component
