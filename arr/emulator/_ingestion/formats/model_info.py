"""``ModelInfo``: what a reader of a format found out about a model."""

from __future__ import annotations

from dataclasses import dataclass

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
