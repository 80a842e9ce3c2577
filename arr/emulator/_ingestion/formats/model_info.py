"""``ModelInfo``: what a reader of a format found out about a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

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
    meshes: Optional[int] = None
    primitives: Optional[int] = None
    vertices: Optional[int] = None
    triangles: Optional[int] = None
    instances: Optional[int] = None
    drawn_triangles: Optional[int] = None
    materials: Optional[int] = None
    textures: Optional[int] = None
    nodes: Optional[int] = None
    box: Optional[Box] = None
    fewest_triangles: Optional[int] = None  # of one mesh
    most_triangles: Optional[int] = None
    depth: Optional[int] = None  # of the nodes
    material_list: Sequence[Material] = ()
