"""``ModelInfo``: what a reader of a format found out about a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

from .boxes import Box
from .material import Material


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model; of an FBX file, whose geometry is not read, some counts only.

    Meshes, primitives, vertices and triangles are counted as the file holds them, once each;
    instances and drawn triangles as the scene shows them. The box is that of the scene, in the
    model's own units and axes.
    """

    format: str
    generator: str = ""
    meshes: int | None = None
    primitives: int | None = None
    vertices: int | None = None
    triangles: int | None = None
    instances: int | None = None
    drawn_triangles: int | None = None
    materials: int | None = None
    textures: int | None = None
    nodes: int | None = None
    box: Box | None = None
    fewest_triangles: int | None = None  # of one mesh
    most_triangles: int | None = None
    depth: int | None = None  # of the nodes
    material_list: Sequence[Material] = ()
