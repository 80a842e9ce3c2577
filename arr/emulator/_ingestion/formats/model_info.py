"""What is known of a model once it was read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from .boxes import Box


@dataclass(frozen=True)
class ModelInfo:
    """What is known of a model; of an FBX file, which is not taken apart, only the format.

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
