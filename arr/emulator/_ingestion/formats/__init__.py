"""Formats of models: tells which one a file is of, and describes the model."""

from __future__ import annotations

from typing import Callable

from ..files import ModelFiles
from ..refusals import IngestionError, shown
from ..spool import Span, Spool
from .fbx import describe_fbx, is_fbx
from .glb import MAGIC
from .gltf import describe_gltf
from .model_info import ModelInfo

_HEAD = 4096


def describe(spool: Spool, file: Span, name: str,
             files: ModelFiles) -> "tuple[bool, Callable[[], ModelInfo]]":
    """Return whether a model is of FBX, and what describes it; its name says nothing."""
    head = spool.read(file.part(0, min(_HEAD, file.size)))
    if not head:
        raise IngestionError(f"{shown(name)} is empty.")
    if is_fbx(spool, file):
        return True, lambda: describe_fbx(spool, file, name, files.picture)
    if head.startswith(MAGIC) or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return False, lambda: describe_gltf(spool, file, name, files)
    raise IngestionError(
        f"{shown(name)} is none of the supported formats: glTF 1.0 and 2.0, GLB 1 and 2, FBX 2011 "
        f"and later. It begins with the bytes {shown(head[:12])}.")
