"""Makes the sample model: a small robot in glTF 2.0, the same bytes on every run.

    python samples/make_model.py [folder]

writes robot.gltf, robot.bin and ModelIngestionSettings.json to the folder, by default to
models/robot beside this file.
"""

from __future__ import annotations

import json
import math
import struct
import sys
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

Vector = Tuple[float, float, float]

# Colour, metallic, roughness, emission. Lengths below are metres; y is up, the robot looks to +z.
MATERIALS: Dict[str, Tuple[Vector, float, float, Vector]] = {
    "shell": ((0.90, 0.92, 0.95), 0.1, 0.35, (0.0, 0.0, 0.0)),
    "joint": ((0.07, 0.08, 0.10), 0.8, 0.45, (0.0, 0.0, 0.0)),
    "accent": ((0.95, 0.42, 0.08), 0.2, 0.40, (0.0, 0.0, 0.0)),
    "glow": ((0.02, 0.10, 0.12), 0.0, 0.20, (0.15, 0.85, 1.0)),
}

# Mesh: its parts, each a box with round edges: material, half extents, radius, centre.
MESHES: Dict[str, List[Tuple[str, Vector, float, Vector]]] = {
    "torso": [("shell", (0.20, 0.22, 0.13), 0.06, (0.0, 0.0, 0.0)),
              ("accent", (0.11, 0.07, 0.02), 0.015, (0.0, 0.06, 0.13))],
    "hips": [("joint", (0.13, 0.06, 0.10), 0.05, (0.0, 0.0, 0.0))],
    "neck": [("joint", (0.05, 0.06, 0.05), 0.05, (0.0, 0.0, 0.0))],
    "head": [("shell", (0.16, 0.13, 0.13), 0.07, (0.0, 0.0, 0.0)),
             ("joint", (0.12, 0.07, 0.02), 0.015, (0.0, 0.0, 0.12))],
    "eye": [("glow", (0.03, 0.03, 0.03), 0.03, (0.0, 0.0, 0.0))],
    "antenna": [("joint", (0.008, 0.06, 0.008), 0.008, (0.0, 0.06, 0.0)),
                ("glow", (0.022, 0.022, 0.022), 0.022, (0.0, 0.13, 0.0))],
    "limb": [("shell", (0.045, 0.12, 0.045), 0.045, (0.0, -0.10, 0.0)),
             ("joint", (0.055, 0.055, 0.055), 0.055, (0.0, 0.0, 0.0))],
    "hand": [("accent", (0.05, 0.06, 0.05), 0.04, (0.0, -0.05, 0.0))],
    "foot": [("accent", (0.07, 0.04, 0.12), 0.035, (0.0, -0.03, 0.04))],
}

# Node: its name, mesh, place, turn about the z axis in degrees, children.
Node = Tuple[str, Optional[str], Vector, float, List[Any]]


def _arm(side: str, x: float, shoulder: float, elbow: float) -> Node:
    return (f"{side}Arm", "limb", (x, 0.15, 0.0), shoulder, [
        (f"{side}Forearm", "limb", (0.0, -0.23, 0.0), elbow, [
            (f"{side}Hand", "hand", (0.0, -0.22, 0.0), 0.0, [])])])


def _leg(side: str, x: float) -> Node:
    return (f"{side}Leg", "limb", (x, -0.06, 0.0), 0.0, [
        (f"{side}Shin", "limb", (0.0, -0.23, 0.0), 0.0, [
            (f"{side}Foot", "foot", (0.0, -0.23, 0.0), 0.0, [])])])


ROBOT: Node = ("Robot", None, (0.0, 0.0, 0.0), 0.0, [
    ("Hips", "hips", (0.0, 0.59, 0.0), 0.0, [
        _leg("Left", 0.09), _leg("Right", -0.09),
        ("Torso", "torso", (0.0, 0.26, 0.0), 0.0, [
            _arm("Left", 0.27, 12.0, 8.0), _arm("Right", -0.27, -60.0, -100.0),
            ("Neck", "neck", (0.0, 0.25, 0.0), 0.0, [
                ("Head", "head", (0.0, 0.17, 0.0), 6.0, [
                    ("LeftEye", "eye", (0.06, 0.01, 0.13), 0.0, []),
                    ("RightEye", "eye", (-0.06, 0.01, 0.13), 0.0, []),
                    ("Antenna", "antenna", (0.0, 0.12, 0.0), 0.0, [])])])])])])

SETTINGS = {"ez": {"scaling": 1.5, "recenterToOrigin": True, "sceneGraphMode": "dynamic"}}

_STEPS = 3  # along a quarter of a circle


def single(value: float) -> float:
    """Return the 32-bit float nearest to a value, rounded so that every libm agrees on it."""
    return float(struct.unpack("<f", struct.pack("<f", round(value, 6) + 0.0))[0])


def rounded_box(half: Vector, radius: float, centre: Vector,
                ) -> Tuple[List[Vector], List[Vector], List[int]]:
    """Return positions, normals and triangle indices of a box with round edges and corners.

    It is a sphere cut at its three planes, the eight pieces moved apart and joined again.
    """
    quarter = [math.pi / 2 * step / _STEPS for step in range(_STEPS + 1)]
    rows = [(-1, angle) for angle in quarter[::-1]] + [(1, angle) for angle in quarter]
    columns = [(q, angle) for q in range(4) for angle in quarter]
    signs = ((1, 1), (-1, 1), (-1, -1), (1, -1))  # of z and x, turning about y
    positions: List[Vector] = []
    normals: List[Vector] = []
    for up, height in rows:
        for q, angle in columns:
            east, north = math.sin(angle), math.cos(angle)
            if q % 2:
                east, north = north, east
            normal = (signs[q][1] * east * math.cos(height), up * math.sin(height),
                      signs[q][0] * north * math.cos(height))
            corner = (signs[q][1], up, signs[q][0])
            normals.append(_rounded(normal))
            positions.append(_rounded([
                c + s * (h - radius) + radius * n
                for c, s, h, n in zip(centre, corner, half, normal)]))
    width = len(columns)
    triangles: List[int] = []
    for row in range(len(rows) - 1):
        for column in range(width):
            a, b = row * width + column, row * width + (column + 1) % width
            _add(triangles, positions, (a, a + width, b))
            _add(triangles, positions, (b, a + width, b + width))
    top, step = (len(rows) - 1) * width, _STEPS + 1
    for base, order in ((0, (0, 1, 2, 0, 2, 3)), (top, (0, 2, 1, 0, 3, 2))):
        for i in (0, 3):
            _add(triangles, positions, [base + step * corner for corner in order[i:i + 3]])
    return positions, normals, triangles


def _rounded(vector: Sequence[float]) -> Vector:
    return single(vector[0]), single(vector[1]), single(vector[2])


def _add(triangles: List[int], positions: List[Vector], corners: Sequence[int]) -> None:
    """Add a triangle, unless two of its corners are one point."""
    if len({positions[corner] for corner in corners}) == 3:
        triangles += reversed(corners)


class Builder:
    """Collects the pieces of a glTF file."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.accessors: List[Dict[str, Any]] = []
        self.views: List[Dict[str, Any]] = []
        self.nodes: List[Dict[str, Any]] = []

    def accessor(self, kind: str, component: int, values: bytes, count: int,
                 **more: List[float]) -> int:
        """Append values to the buffer and return the index of their accessor."""
        self.views.append({
            "buffer": 0, "byteOffset": len(self.data), "byteLength": len(values),
            "target": 34963 if kind == "SCALAR" else 34962})
        self.data += values + bytes(-len(values) % 4)
        self.accessors.append({
            "bufferView": len(self.views) - 1, "componentType": component, "count": count,
            "type": kind, **more})
        return len(self.accessors) - 1

    def primitive(self, material: str, half: Vector, radius: float,
                  centre: Vector) -> Dict[str, Any]:
        """Append a rounded box and return the primitive that shows it."""
        positions, normals, triangles = rounded_box(half, radius, centre)
        count = len(positions)
        position = self.accessor(
            "VEC3", 5126, b"".join(struct.pack("<3f", *p) for p in positions), count,
            min=[min(column) for column in zip(*positions)],
            max=[max(column) for column in zip(*positions)])
        normal = self.accessor(
            "VEC3", 5126, b"".join(struct.pack("<3f", *n) for n in normals), count)
        indices = self.accessor(
            "SCALAR", 5123, struct.pack(f"<{len(triangles)}H", *triangles), len(triangles))
        return {"attributes": {"POSITION": position, "NORMAL": normal}, "indices": indices,
                "material": list(MATERIALS).index(material)}

    def node(self, node: Node) -> int:
        """Append a node after its children and return its index."""
        name, mesh, place, turn, children = node
        entry: Dict[str, Any] = {"name": name}
        if mesh is not None:
            entry["mesh"] = list(MESHES).index(mesh)
        if any(place):
            entry["translation"] = list(place)
        if turn:
            half = math.radians(turn) / 2
            entry["rotation"] = [0.0, 0.0, round(math.sin(half), 7), round(math.cos(half), 7)]
        if children:
            entry["children"] = [self.node(child) for child in children]
        self.nodes.append(entry)
        return len(self.nodes) - 1


def make_model() -> Dict[str, bytes]:
    """Return the files of the model by name."""
    builder = Builder()
    meshes = [{"name": name, "primitives": [builder.primitive(*part) for part in parts]}
              for name, parts in MESHES.items()]
    root = builder.node(ROBOT)
    materials = [{
        "name": name,
        "pbrMetallicRoughness": {"baseColorFactor": [*colour, 1.0], "metallicFactor": metallic,
                                 "roughnessFactor": roughness},
        **({"emissiveFactor": list(emission)} if any(emission) else {})}
        for name, (colour, metallic, roughness, emission) in MATERIALS.items()]
    gltf = {
        "asset": {"version": "2.0", "generator": "arr samples"},
        "scene": 0, "scenes": [{"name": "Scene", "nodes": [root]}], "nodes": builder.nodes,
        "meshes": meshes, "materials": materials, "accessors": builder.accessors,
        "bufferViews": builder.views,
        "buffers": [{"uri": "robot.bin", "byteLength": len(builder.data)}]}
    return {
        "robot.gltf": json.dumps(gltf, indent=1).encode("ascii") + b"\n",
        "robot.bin": bytes(builder.data),
        "ModelIngestionSettings.json": json.dumps(SETTINGS, indent=4).encode("ascii") + b"\n"}


def main(folder: Path) -> None:
    """Write the model to a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in make_model().items():
        (folder / name).write_bytes(data)
        print(f"{len(data):7} bytes  {folder / name}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1
         else Path(__file__).parent / "models" / "robot")
