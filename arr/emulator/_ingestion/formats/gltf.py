"""Reads glTF models: finds their files, checks their content, counts and measures it."""

from __future__ import annotations

import math
from typing import Iterator, Sequence

from ..files import ModelFiles
from ..refusals import IngestionError, shown
from ..spool import Span, Spool
from .boxes import Box, is_finite, transform
from .glb import MAGIC, split_glb
from .gltf_document import Document, read_document
from .gltf_nodes import as_matrix
from .model_info import ModelInfo


def describe_gltf(spool: Spool, file: Span, name: str, files: ModelFiles) -> ModelInfo:
    """Check a glTF or GLB model whole and describe it."""
    text, chunk, version = file, None, None
    if spool.read(file.part(0, min(4, file.size))) == MAGIC:
        version, text, buffer = split_glb(spool, file, name)
        chunk = buffer or file.part(0, 0)
    document = read_document(spool, text, f"The glTF content of {shown(name)}", files, chunk)
    if version not in (None, document.version):
        raise IngestionError(
            f"{shown(name)} is a GLB file of version {version} that holds glTF "
            f"{document.version}.0.")
    document.meshes.measure(document.accessors)
    return _described(document, "glTF" if chunk is None else "GLB")


def _described(document: Document, form: str) -> ModelInfo:
    meshes = document.meshes
    instances = drawn = depth = 0
    finite = True
    low, high = [math.inf] * 3, [-math.inf] * 3
    for mesh, world, deep in document.nodes.shown(_roots(document)):
        depth = max(depth, deep)
        if mesh < 0:
            continue
        instances += 1
        drawn += meshes.triangles[mesh]
        box = meshes.box(mesh)
        if box is None:
            continue
        if len(world) == 3:
            x, y, z = world
            (a, b, c), (d, e, f) = box
            least: Sequence[float] = (x + a, y + b, z + c)
            most: Sequence[float] = (x + d, y + e, z + f)
        else:
            least, most = transform(box, as_matrix(world))
            # What is no number is neither less nor more than any other.
            finite = finite and is_finite((least, most))
        for axis in range(3):
            if least[axis] < low[axis]:
                low[axis] = least[axis]
            if most[axis] > high[axis]:
                high[axis] = most[axis]
    whole: Box | None = (tuple(low), tuple(high)) if low[0] <= high[0] else None
    if not finite or whole is not None and not is_finite(whole):
        raise IngestionError(
            "The transforms of the nodes are so large that the model has no finite bounding box.")
    sources, pictures = document.sources, document.files.pictures

    def path(texture: int) -> str | None:
        return pictures[sources[texture]] if sources[texture] >= 0 else None

    sizes = document.sizes
    return ModelInfo(
        format=f"{form} {document.version}.0", generator=document.generator,
        meshes=len(meshes), primitives=meshes.primitives, vertices=meshes.vertices,
        triangles=sum(meshes.triangles), instances=instances, drawn_triangles=drawn,
        materials=sizes["materials"], textures=sizes["textures"], nodes=sizes["nodes"], box=whole,
        fewest_triangles=min(meshes.triangles, default=None),
        most_triangles=max(meshes.triangles, default=None), depth=depth,
        material_list=[material.resolved(path) for material in document.materials])


def _roots(document: Document) -> Iterator[int]:
    """Return the nodes that the scene shows, checked."""
    nodes = document.nodes
    scene = document.scene
    if scene is None:
        if not document.scenes:
            return nodes.roots()
        scene = 0
    assert isinstance(scene, int)
    listed = document.scenes[scene]
    seen = bytearray(len(nodes))
    for node in listed:
        if seen[node] or not nodes.is_root(node):
            raise IngestionError(
                f"{document.label('scenes', scene)}.nodes lists {document.label('nodes', node)}, "
                "which is the child of another node or listed twice.")
        seen[node] = 1
    return iter(listed)
