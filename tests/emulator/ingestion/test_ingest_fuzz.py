"""Mutated input of every kind: whatever it is, it ends well or with a reason.

ARR_TEST_FUZZ is the number of rounds for each kind, ARR_TEST_SEED the first seed.
"""

from __future__ import annotations

import copy
import json
import os
import random
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, List, Tuple

import pytest

from arr.emulator._ingestion.archive import read_archive
from arr.emulator._ingestion.refusals import IngestionError, MissingFile
from arr.emulator._ingestion.formats.fbx import describe_fbx
from arr.emulator._ingestion.pipeline import _Ingestion
from arr.emulator._ingestion.settings import parse_settings
from arr.emulator._ingestion.spool import Spool

from ...support.fbx_files import ascii_file, binary, material, scene, texture
from ...support.models import glb_1, glb_triangle, run, triangle, triangle_1

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("ARR_TEST_FUZZ", "150"))
SEED = int(os.environ.get("ARR_TEST_SEED", "1"))

VALUES: List[Any] = [
    None, True, False, -1, 0, 1, 2, 3, 4, 255, 256, 65535, 1 << 31, 1 << 32, 1 << 53, 1 << 63,
    0.5, -0.0, 1e308, -1e308, 1.0, "", "0", "a", "data:,", "data:;base64,AAAA", "\ud800", "\0",
    [], [0], [[]], [0, 0, 0], [1e308] * 16, {}, {"0": 0}, {"bufferView": 0}, {"extensions": {}},
    {"KHR_binary_glTF": {"bufferView": []}}]
BYTES = [b"", b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", b"{", b"}", b"[", b'"', b",",
         b"9" * 30, b"\x80", b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"glTF"]


def slots(value: Any) -> Iterator[Tuple[Any, Any]]:
    """Yield every (holder, key) below a JSON value."""
    if isinstance(value, (dict, list)):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from slots(value[key])


def mutated_json(model: Any, chance: random.Random) -> Any:
    model = copy.deepcopy(model)
    for _ in range(chance.randint(1, 3)):
        places = list(slots(model))
        if not places:
            break
        holder, key = chance.choice(places)
        action = chance.randrange(4)
        if action == 0:
            del holder[key]
        elif action == 1 and isinstance(holder[key], int):
            holder[key] += chance.choice((-1, 1, 4, 1000))
        elif action == 2:
            other, place = chance.choice(places)
            holder[key] = copy.deepcopy(other[place]) if place in (
                other if isinstance(other, dict) else range(len(other))) else None
        else:
            holder[key] = copy.deepcopy(chance.choice(VALUES))
    return model


def mutated_bytes(data: bytes, chance: random.Random) -> bytes:
    for _ in range(chance.randint(1, 4)):
        start = chance.randrange(len(data) + 1)
        end = min(len(data), start + chance.choice((0, 1, 1, 4, 4, 50)))
        piece = chance.choice(BYTES) if chance.randrange(2) else bytes([chance.randrange(256)])
        data = data[:start] + piece + data[end:]
        if chance.randrange(10) == 0:
            data = data[:chance.randrange(len(data) + 1)]
    return data


class Memory:
    """A container that holds one model and takes what is written."""

    def __init__(self, model: bytes) -> None:
        self.model = model
        self.written = b""

    def names(self, limit: int, prefix: str = "") -> List[str]:
        return ["m"]

    def chunks(self, name: str, limit: int) -> Iterator[bytes]:
        if name != "m":
            raise MissingFile(f"There is no {name!r}.")
        yield self.model

    def write(self, name: str, source: BinaryIO, size: int) -> None:
        self.written = source.read()  # the archive comes last
        assert len(self.written) == size

    def close(self) -> None:
        pass


def ingest_bytes(data: bytes) -> None:
    container = Memory(data)
    with Spool() as spool:
        summary = _Ingestion(
            "m", container, container, [], spool, lambda progress, text: None).run()
    json.dumps(summary.as_dict(), allow_nan=False)
    read_archive(container.written).close()


def rich() -> Any:
    """Return a model that uses much of glTF."""
    model = triangle(
        nodes=[{"mesh": 0, "children": [1]},
               {"mesh": 0, "skin": 0, "matrix": [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 5, 0, 0, 1]}],
        materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}],
        textures=[{"source": 0, "sampler": 0}], samplers=[{}],
        images=[{"bufferView": 1}, {"uri": "data:,x", "extensions": {}}],
        skins=[{"joints": [0], "skeleton": 0}], cameras=[{}],
        animations=[{"channels": [{"target": {"node": 0}}],
                     "samplers": [{"input": 1, "output": 0}]}],
        extensionsRequired=["KHR_texture_transform"])
    model["accessors"][0]["sparse"] = {
        "count": 1, "indices": {"bufferView": 1, "componentType": 5123},
        "values": {"bufferView": 0}}
    model["meshes"][0]["primitives"][0].update(
        {"targets": [{"POSITION": 0}], "material": 0, "mode": 5})
    return model


def survive(parse: Callable[[bytes], object], data: bytes, seed: int) -> int:
    try:
        parse(data)
    except IngestionError as error:
        text = str(error)
        assert text.endswith(".") and "\n" not in text and len(text) < 1500, (seed, text)
        return 0
    except BaseException as error:
        raise AssertionError(f"seed {seed}: {data[:300]!r}") from error
    return 1


@pytest.mark.parametrize("model", [rich(), triangle_1()], ids=["gltf2", "gltf1"])
def test_mutated_gltf_ends_well_or_with_a_reason(model: Any) -> None:
    ingest_bytes(json.dumps(model).encode())
    good = 0
    for seed in range(SEED, SEED + 4 * ROUNDS):
        changed = mutated_json(model, random.Random(seed))
        good += survive(ingest_bytes, json.dumps(changed).encode(), seed)
    assert 0 < good < 4 * ROUNDS


@pytest.mark.parametrize("data", [
    json.dumps(rich()).encode(), glb_triangle(),
    glb_1(triangle_1(), b"x" * 42)], ids=["gltf", "glb2", "glb1"])
def test_mutated_model_bytes_end_well_or_with_a_reason(data: bytes) -> None:
    for seed in range(SEED, SEED + ROUNDS):
        survive(ingest_bytes, mutated_bytes(data, random.Random(seed)), seed)


@pytest.mark.parametrize("data", [
    binary(scene(material("A"), texture("a.png"))), binary(scene(texture("a.png")), 7500, big=True),
    ascii_file(scene(material("A"), texture("a.png")))], ids=["7.4", "7.5", "ascii"])
def test_mutated_fbx_ends_well_or_with_a_reason(data: bytes) -> None:
    def parse(data: bytes) -> None:
        with Spool() as spool:
            describe_fbx(spool, spool.add("m", [data]).span, "m")

    parse(data)
    for seed in range(SEED, SEED + ROUNDS):
        survive(parse, mutated_bytes(data, random.Random(seed)), seed)


def test_mutated_settings_end_well_or_with_a_reason() -> None:
    settings = {"ez": {"scaling": 0.5, "axis": ["+x", "+z", "-y"], "meshType": "compact",
                       "recenterToOrigin": True, "numberOfMergedMeshes": 3}}

    def parse(data: bytes) -> None:
        json.dumps(parse_settings(data, fbx=True), allow_nan=False)

    for seed in range(SEED, SEED + ROUNDS):
        chance = random.Random(seed)
        survive(parse, json.dumps(mutated_json(settings, chance)).encode(), seed)
        survive(parse, mutated_bytes(json.dumps(settings).encode(), chance), seed)


def test_mutated_archives_end_well_or_with_a_reason(tmp_path: Path) -> None:
    run(tmp_path, {"m.gltf": triangle(images=[{"uri": "a.png"}]), "a.png": bytes(50)})
    data = (tmp_path / "out" / "m.ezArchive").read_bytes()
    directory = data.index(b"PK\x01\x02")

    def parse(data: bytes) -> None:
        with read_archive(data) as archive:
            for file in archive.files:
                assert len(archive.read(file.name)) == file.size

    for seed in range(SEED, SEED + 2 * ROUNDS):
        chance = random.Random(seed)
        changed = mutated_bytes(data, chance) if seed % 2 else (
            data[:directory] + mutated_bytes(data[directory:], chance))
        survive(parse, changed, seed)
