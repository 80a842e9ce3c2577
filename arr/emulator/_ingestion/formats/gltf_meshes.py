"""The meshes of a glTF file in arrays: their triangles and boxes, measured from the data."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from typing import Any

from ..refusals import IngestionError, MAX_OBJECTS
from ..strict_json import Fields
from .boxes import Box, union
from .gltf_accessors import Accessors
from .gltf_references import Label, References, check_column

_TRIANGLES = {4: lambda n: n // 3, 5: lambda n: max(0, n - 2), 6: lambda n: max(0, n - 2)}
_DRACO = "KHR_draco_mesh_compression"
_NO_BOX = array("d", [math.nan] * 6)


class Meshes:
    """Takes the rows of the table, and measures them once all accessors are known."""

    def __init__(self, references: References, label: Label) -> None:
        self._label = label
        self._accessors = references["accessors"]
        self._materials = references["materials"]
        self._first = array("I")  # primitive of each mesh
        self._position = array("i")  # accessor of each primitive, -1 without one
        self._indices = array("i")
        self._mode = array("B")
        self._draco: set[int] = set()
        self._attribute = array("I")  # accessors of other attributes, and their primitives
        self._owner = array("I")
        self.triangles = array("Q")
        self._boxes = array("d")
        self.vertices = 0

    def __len__(self) -> int:
        return len(self._first)

    @property
    def primitives(self) -> int:
        """The number of primitives in all meshes."""
        return len(self._position)

    def add(self, row: Any) -> None:
        mesh = len(self._first)
        self._first.append(len(self._position))
        primitives = row.get("primitives", []) if type(row) is dict else None
        if type(primitives) is not list:
            primitives = Fields(row, self._label("meshes", mesh)).array("primitives")
        for place, primitive in enumerate(primitives):
            self._add_primitive(primitive, mesh, place)

    def _add_primitive(self, row: Any, mesh: int, place: int) -> None:
        if type(row) is not dict:
            row = self._fields(row, mesh, place).data
        attributes = row.get("attributes", _EMPTY)
        if type(attributes) is not dict:
            attributes = self._fields(row, mesh, place).child("attributes").data  # type: ignore
        position = -1
        number = len(self._position)
        for name, key in attributes.items():
            if not (type(key) is int and 0 <= key <= MAX_OBJECTS):
                key = self._seen(key, mesh, place, f".attributes[{name[:60]!r}]")
            if name == "POSITION":
                position = key
            else:
                self._attribute.append(key)
                self._owner.append(number)
        self._position.append(position)
        indices = row.get("indices", -1)
        if "indices" in row and not (type(indices) is int and 0 <= indices <= MAX_OBJECTS):
            indices = self._seen(indices, mesh, place, ".indices")
        self._indices.append(indices)
        mode = row.get("mode", 4)
        if not (type(mode) is int and 0 <= mode <= 6):
            mode = self._fields(row, mesh, place).integer("mode", 4, high=6)
        self._mode.append(mode)
        self._add_rest(row, mesh, place, number)

    def _add_rest(self, row: Any, mesh: int, place: int, number: int) -> None:
        if "material" in row:
            material = row["material"]
            if not (type(material) is int and 0 <= material <= self._materials.high):
                self._materials.seen(
                    material, "meshes", mesh, f".primitives[{place}].material")
        if "targets" in row:
            for index, target in enumerate(self._fields(row, mesh, place).children("targets")):
                for name, key in target.data.items():
                    self._seen(key, mesh, place, f".targets[{index}][{name[:60]!r}]")
        extensions = row.get("extensions")
        if type(extensions) is dict and _DRACO in extensions:
            self._draco.add(number)

    def _seen(self, key: object, mesh: int, place: int, path: str) -> int:
        return self._accessors.seen(key, "meshes", mesh, f".primitives[{place}]{path}")

    def _fields(self, row: Any, mesh: int, place: int) -> Fields:
        return Fields(row, f"{self._label('meshes', mesh)}.primitives[{place}]")

    def check(self, accessors: int) -> None:
        """Refuse references beyond the accessors."""
        for column, path in ((self._position, ".attributes['POSITION']"),
                             (self._indices, ".indices")):
            check_column(column, accessors, "accessors",
                         lambda number, path=path: self._where(number) + path)  # type: ignore
        check_column(self._attribute, accessors, "accessors",
                     lambda place: f"{self._where(self._owner[place])}.attributes")

    # -- measures ----------------------------------------------------------------------------

    def measure(self, accessors: Accessors) -> None:
        """Read the data of all meshes, once references were checked."""
        self._first.append(len(self._position))
        self._check_attributes(accessors)
        counted = bytearray(len(accessors))
        for mesh in range(len(self._first) - 1):
            triangles = 0
            boxes: list[Box] = []
            for number in range(self._first[mesh], self._first[mesh + 1]):
                position = self._position[number]
                if position < 0:
                    continue  # allowed, and nothing to see without an extension
                if number in self._draco and accessors.is_empty(position):
                    raise IngestionError(
                        f"{self._where(number)} has Draco-compressed geometry only, which is not "
                        "supported: export the model without it.")
                if not counted[position]:
                    counted[position] = 1
                    self.vertices += accessors.total(position)
                boxes.append(accessors.box(position))
                triangles += self._count(number, accessors)
            self.triangles.append(triangles)
            box = boxes[0] if len(boxes) == 1 else union(boxes)
            if box is None:
                self._boxes.extend(_NO_BOX)
            else:
                self._boxes.extend(box[0])
                self._boxes.extend(box[1])
        self._first.pop()

    def box(self, mesh: int) -> Box | None:
        """Return the box of a mesh that was measured; None of one without positions."""
        at = 6 * mesh
        found = self._boxes[at:at + 6]
        if found[0] != found[0]:
            return None
        return (found[0], found[1], found[2]), (found[3], found[4], found[5])

    def _check_attributes(self, accessors: Accessors) -> None:
        for number, key in zip(self._owner, self._attribute):
            position = self._position[number]
            if position >= 0 and accessors.total(key) != accessors.total(position):
                raise IngestionError(
                    f"{self._where(number)}.attributes: {accessors.where(key)} has "
                    f"{accessors.total(key)} values for {accessors.total(position)} positions.")

    def _count(self, number: int, accessors: Accessors) -> int:
        count = accessors.total(self._position[number])
        key = self._indices[number]
        if key >= 0:
            highest = accessors.highest(key)
            if highest >= count:
                raise IngestionError(
                    f"{self._where(number)}.indices hold the index {highest}, but there are "
                    f"{count} vertices.")
            count = accessors.total(key)
        mode = self._mode[number]
        return _TRIANGLES[mode](count) if mode in _TRIANGLES else 0

    def _where(self, number: int) -> str:
        mesh = bisect_right(self._first, number) - 1
        return f"{self._label('meshes', mesh)}.primitives[{number - self._first[mesh]}]"


_EMPTY: "dict[str, object]" = {}
