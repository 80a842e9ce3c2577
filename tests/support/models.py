"""Small models to ingest, and the call that ingests them from directories."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from arr.emulator._ingestion.pipeline import Summary, ingest

Json = Dict[str, Any]

CORNERS = ((0.0, 0.0, 0.0), (2.0, 0.0, 0.0), (0.0, 3.0, -1.0))


def floats(rows: Sequence[Sequence[float]]) -> bytes:
    return b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows)


def data_uri(data: bytes) -> str:
    return "data:application/octet-stream;base64," + base64.b64encode(data).decode()


def triangle(**changes: Any) -> Json:
    """Return a glTF 2.0 model of one triangle with indices; ``changes`` replace whole tables."""
    data = floats(CORNERS) + struct.pack("<3H", 0, 1, 2)
    model: Json = {
        "asset": {"version": "2.0"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0}],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 0}, "indices": 1}]}],
        "accessors": [
            {"bufferView": 0, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 1, "componentType": 5123, "count": 3, "type": "SCALAR"}],
        "bufferViews": [{"buffer": 0, "byteLength": 36},
                        {"buffer": 0, "byteOffset": 36, "byteLength": 6}],
        "buffers": [{"byteLength": 42, "uri": data_uri(data)}],
    }
    model.update(changes)
    return {key: value for key, value in model.items() if value is not None}


def positions(data: bytes, accessor: Json, *, views: Optional[List[Json]] = None) -> Json:
    """Return a model of one point cloud with the given accessor of positions."""
    return triangle(
        meshes=[{"primitives": [{"attributes": {"POSITION": 0}, "mode": 0}]}],
        accessors=[{"type": "VEC3", **accessor}],
        bufferViews=views or [{"buffer": 0, "byteLength": len(data)}],
        buffers=[{"byteLength": len(data), "uri": data_uri(data)}])


def triangle_1(**changes: Any) -> Json:
    """Return the same triangle in glTF 1.0."""
    data = floats(CORNERS) + struct.pack("<3H", 0, 1, 2)
    model: Json = {
        "asset": {"version": "1.0"},
        "scene": "main",
        "scenes": {"main": {"nodes": ["root"]}},
        "nodes": {"root": {"meshes": ["mesh"], "translation": [1, 0, 0]}},
        "meshes": {"mesh": {"primitives": [
            {"attributes": {"POSITION": "places"}, "indices": "corners", "material": "red"}]}},
        "materials": {"red": {}},
        "accessors": {
            "places": {"bufferView": "v", "byteOffset": 0, "byteStride": 12,
                       "componentType": 5126, "count": 3, "type": "VEC3"},
            "corners": {"bufferView": "i", "byteOffset": 0, "componentType": 5123, "count": 3,
                        "type": "SCALAR"}},
        "bufferViews": {"v": {"buffer": "b", "byteOffset": 0, "byteLength": 36},
                        "i": {"buffer": "b", "byteOffset": 36, "byteLength": 6}},
        "buffers": {"b": {"byteLength": 42, "uri": data_uri(data)}},
    }
    model.update(changes)
    return model


def glb(model: Union[Json, bytes], buffer: Optional[bytes] = None) -> bytes:
    """Return a GLB file of version 2."""
    text = model if isinstance(model, bytes) else json.dumps(model).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text
    if buffer is not None:
        buffer += bytes(-len(buffer) % 4)
        body += struct.pack("<II", len(buffer), 0x004E4942) + buffer
    return b"glTF" + struct.pack("<II", 2, 12 + len(body)) + body


def glb_triangle() -> bytes:
    return glb(triangle(buffers=[{"byteLength": 42}]),
               floats(CORNERS) + struct.pack("<3H", 0, 1, 2))


def glb_1(model: Json, buffer: bytes) -> bytes:
    """Return a GLB file of version 1."""
    text = json.dumps(model).encode()
    return b"glTF" + struct.pack("<4I", 1, 20 + len(text) + len(buffer), len(text), 0) \
        + text + buffer


def run(root: Path, files: Dict[str, Union[bytes, Json]], *, model: str = "",
        settings: Optional[Json] = None) -> Summary:
    """Ingest files from root/in to root/out; the first one is the model."""
    source, target = root / "in", root / "out"
    target.mkdir(parents=True, exist_ok=True)
    if settings is not None:
        files = {**files, "ModelIngestionSettings.json": settings}
    for name, content in files.items():
        path = source / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return ingest(model or next(iter(files)), source.as_uri(), target.as_uri(),
                  container_root=root, allowed_hosts=(), report=lambda progress, text: None)


def bounds(summary: Summary) -> Tuple[List[float], List[float]]:
    box = summary.as_dict()["bounds"]
    return box["min"], box["max"]


def replaced(model: Json, path: Sequence[str], value: Any) -> Json:
    """Replace the value at the end of a path of names and numbers; Ellipsis drops it."""
    *parents, last = [int(key) if key.isdigit() else key for key in path]
    holder: Any = model
    for key in parents:
        holder = holder[key]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    return model
