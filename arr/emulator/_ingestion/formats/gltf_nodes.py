"""The nodes of a glTF file in arrays, and the walk through a scene."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Any, Iterator, Sequence

from ..refusals import IngestionError, MAX_OBJECTS
from ..strict_json import Fields
from .boxes import IDENTITY, Matrix, local_matrix, multiply
from .gltf_references import Label, References, check_column

World = Sequence[float]  # three numbers that move, or a whole matrix

_ORIGIN = (0.0, 0.0, 0.0)
_NUMBER = (float, int)
_FAR = 1e300
_PLACING = frozenset(("matrix", "translation", "rotation", "scale"))
_OTHER = (("camera", "cameras"), ("skin", "skins"))


class Nodes:
    """Takes the rows of the table; what is not needed later is not kept."""

    def __init__(self, references: References, label: Label) -> None:
        self._label = label
        self._nodes = references["nodes"]
        self._meshes = references["meshes"]
        self._others = [(key, references[table]) for key, table in _OTHER]
        self._mesh = array("i")  # -1 without one
        self._more: dict[int, list[int]] = {}  # all meshes of a node of glTF 1.0
        self._values = array("d")  # translations and matrices, one after the other
        self._start = array("I")  # where those of each node begin
        self._children = array("I")
        self._first = array("I")  # where those of each node begin
        self._parents = array("i")

    def __len__(self) -> int:
        return len(self._mesh)

    def add(self, row: Any) -> None:
        index = len(self._mesh)
        if type(row) is not dict:
            row = self._fields(row, index).data
        mesh = -1
        if "mesh" in row:
            mesh = row["mesh"]
            if not (type(mesh) is int and 0 <= mesh <= MAX_OBJECTS):
                mesh = self._meshes.seen(mesh, "nodes", index, ".mesh")
        elif "meshes" in row:
            self._more[index] = [
                self._meshes.seen(value, "nodes", index, f".meshes[{place}]")
                for place, value in enumerate(self._fields(row, index).array("meshes"))]
        self._mesh.append(mesh)
        self._first.append(len(self._children))
        if "children" in row:
            for place, child in enumerate(self._fields(row, index).array("children")):
                if not (type(child) is int and 0 <= child <= MAX_OBJECTS):
                    child = self._nodes.seen(child, "nodes", index, f".children[{place}]")
                self._children.append(child)
        for key, target in self._others:
            if key in row:
                target.seen(row[key], "nodes", index, f".{key}")
        self._start.append(len(self._values))
        if not _PLACING.isdisjoint(row):
            if "matrix" in row or "rotation" in row or "scale" in row:
                self._values.extend(local_matrix(self._fields(row, index)))
                return
            move = row["translation"]
            if type(move) is list and len(move) == 3:
                x, y, z = move
                if type(x) in _NUMBER and type(y) in _NUMBER and type(z) in _NUMBER \
                        and -_FAR < x < _FAR and -_FAR < y < _FAR and -_FAR < z < _FAR:
                    self._values.extend(move)
                    return
            self._values.extend(self._fields(row, index).numbers("translation", 3) or _ORIGIN)

    def _fields(self, row: Any, index: int) -> Fields:
        return Fields(row, self._label("nodes", index))

    def check(self, meshes: int) -> None:
        """Refuse references beyond the meshes and the nodes."""
        check_column(self._mesh, meshes, "meshes",
                     lambda index: f"{self._label('nodes', index)}.mesh")
        check_column(self._children, len(self._mesh), "nodes", self._parent_of)

    def _parent_of(self, place: int) -> str:
        node = bisect_right(self._first, place) - 1
        return f"{self._label('nodes', node)}.children[{place - self._first[node]}]"

    def close(self) -> None:
        """Refuse whatever is not a set of trees, once references were checked."""
        count = len(self._mesh)
        self._first.append(len(self._children))
        self._start.append(len(self._values))
        self._parents = array("i", [-1]) * count
        for parent in range(count) if self._children else ():
            for child in self._children[self._first[parent]:self._first[parent + 1]]:
                if self._parents[child] >= 0:
                    raise IngestionError(
                        f"{self._label('nodes', child)} has two parents, "
                        f"{self._label('nodes', self._parents[child])} and "
                        f"{self._label('nodes', parent)}; the nodes of glTF are a tree.")
                self._parents[child] = parent
        reached = self._parents.count(-1)
        todo = [root for root, parent in enumerate(self._parents)
                if parent < 0 and self._first[root] < self._first[root + 1]]
        while todo:
            node = todo.pop()
            children = self._children[self._first[node]:self._first[node + 1]]
            reached += len(children)
            todo += [child for child in children if self._first[child] < self._first[child + 1]]
        if reached < count:
            raise IngestionError("The nodes refer to each other in a circle.")

    def roots(self) -> Iterator[int]:
        """Yield the nodes without a parent."""
        return (node for node, parent in enumerate(self._parents) if parent < 0)

    def is_root(self, node: int) -> bool:
        return self._parents[node] < 0

    def shown(self, roots: Iterator[int]) -> "Iterator[tuple[int, World, int]]":
        """Yield each mesh of the trees with what places it, and how deep its node lies.

        A node without a mesh is yielded with -1.
        """
        more = self._more
        for root in roots:
            world = self._world(_ORIGIN, root)
            yield self._mesh[root], world, 1
            for mesh in more.get(root, ()):
                yield mesh, world, 1
            todo = [(self._first[root], self._first[root + 1], world, 2)]
            while todo:
                place, end, outer, depth = todo.pop()
                if place == end:
                    continue
                todo.append((place + 1, end, outer, depth))
                node = self._children[place]
                world = self._world(outer, node)
                yield self._mesh[node], world, depth
                for mesh in more.get(node, ()):
                    yield mesh, world, depth
                if self._first[node] < self._first[node + 1]:
                    todo.append((self._first[node], self._first[node + 1], world, depth + 1))

    def _world(self, outer: World, node: int) -> World:
        start, end = self._start[node], self._start[node + 1]
        if start == end:
            return outer
        local = self._values[start:end]
        if len(outer) == len(local) == 3:
            return outer[0] + local[0], outer[1] + local[1], outer[2] + local[2]
        return multiply(as_matrix(outer), as_matrix(local))


def as_matrix(world: World) -> Matrix:
    """Return what places a node as a matrix."""
    return tuple(world) if len(world) == 16 else (*IDENTITY[:12], *world, 1.0)
