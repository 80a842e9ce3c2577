"""FBX models: taken apart as far as it needs to tell a whole file from a cut or hollow one."""

from __future__ import annotations

from typing import Callable, Sequence

from ..refusals import IngestionError, shown
from ..spool import Span, Spool
from .fbx_ascii import ascii_head, read_ascii, title_version
from .fbx_binary import HEADER, MAGIC, binary_version, read_binary
from .fbx_scene import FbxScene
from .material import Material
from .model_info import ModelInfo

Texture = Callable[[Sequence[str], str], object]  # stored paths, and where they stand

_OLDEST = 7100  # FBX 2011 writes 7.1


def is_fbx(spool: Spool, file: Span) -> bool:
    """Tell whether a file begins as an FBX file does."""
    head = spool.read(file.part(0, min(len(MAGIC), file.size)))
    return head == MAGIC or ascii_head(spool, file) is not None


def describe_fbx(spool: Spool, file: Span, name: str,
                 texture: Texture = lambda paths, where: None) -> ModelInfo:
    """Read an FBX file whole; refuse one that is too old, cut short, damaged or empty."""
    scene = FbxScene(name)
    head = spool.read(file.part(0, min(HEADER, file.size)))
    if head.startswith(MAGIC):
        form = "binary"
        version = _accepted(binary_version(head, name), name)
        read_binary(spool, file, scene, version)
    else:
        form = "ASCII"
        titled = title_version(ascii_head(spool, file) or b"")
        if titled:
            _accepted(titled, name)  # older files differ in their records too
        read_ascii(spool, file, scene)
        version = scene.version or titled
        if not version:
            raise IngestionError(
                f"{shown(name)} looks like an ASCII FBX file, but its FBXVersion is missing.")
        _accepted(version, name)
    scene.check()
    for picture in scene.textures():
        texture(picture.paths, picture.where)
    return ModelInfo(
        f"FBX {_dotted(version)} {form}", generator=scene.creator,
        meshes=scene.counts.get("Geometry", 0), materials=len(scene.materials),
        textures=scene.counts.get("Texture", 0), nodes=scene.counts.get("Model", 0),
        material_list=tuple(map(Material, scene.materials)))


def _accepted(version: int, name: str) -> int:
    if not _OLDEST <= version < 10000:
        raise IngestionError(
            f"{shown(name)} is of FBX version {_dotted(version)}; 7.1 (FBX 2011) and later are "
            "supported: export it anew.")
    return version


def _dotted(version: int) -> str:
    return f"{version // 1000}.{version % 1000 // 100}"
