"""Large glTF files row by row: the same as when parsed whole, in bounded memory, within limits."""

from __future__ import annotations

import base64
import copy
import json
import random
import re
import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from arr.emulator._ingestion import json_stream
from arr.emulator._ingestion.formats import data_uri as _data_uri
from arr.emulator._ingestion.json_stream import JsonStream
from arr.emulator._ingestion.pipeline import IngestionError
from arr.emulator._ingestion.spool import Spool

from ...support.models import Json, bounds, data_uri, glb, run, triangle


def refusal(root: Path, model: Any) -> str:
    with pytest.raises(IngestionError) as caught:
        run(root, {"m.gltf": model})
    return str(caught.value)


# -- the stream ------------------------------------------------------------------------------


def walked(data: bytes) -> Any:
    """Return a JSON object of lists as the stream sees it."""
    with Spool() as spool:
        stream = JsonStream(spool, spool.add("", [data]).span, "It")
        found = {key: list(stream.rows()) if stream.peek() == "[" else stream.value()
                 for key in stream.members()}
        stream.finish()
        return found


def invented(chance: random.Random, depth: int = 0) -> Any:
    kind = chance.randrange(8 if depth < 3 else 6)
    if kind < 6:
        return [None, True, chance.randrange(-10 ** 6, 10 ** 6), chance.random() * 1e9,
                "é\"\\[{]},:\n" + "x" * chance.randrange(9), ""][kind]
    items = [invented(chance, depth + 1) for _ in range(chance.randrange(5))]
    return items if kind == 6 else {f"k{i}": item for i, item in enumerate(items)}


@pytest.mark.parametrize("seed", range(40))
@pytest.mark.parametrize("size, ahead", [(1, 1), (7, 3), (64, 200), (1 << 20, 1 << 16)])
def test_a_stream_reads_what_the_library_reads(
        monkeypatch: pytest.MonkeyPatch, seed: int, size: int, ahead: int) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", size)
    monkeypatch.setattr(json_stream, "_AHEAD", ahead)
    chance = random.Random(seed)
    value = {f"key {i}": invented(chance) for i in range(6)}
    for options in ({}, {"indent": 1}, {"separators": (",", ":")}, {"ensure_ascii": False}):
        assert walked(json.dumps(value, **options).encode()) == value


@pytest.mark.parametrize("data, reason", [
    (b"", "{ expected at character 0, not its end"), (b"[]", "{ expected"),
    (b'{"a":1', ", or } expected"), (b'{"a":[1', ", or ] expected"),
    (b'{"a":[1 2]}', ", or ] expected at character 8, not '2]}'."),
    (b'{"a" 1}', "a colon expected"), (b'{a:1}', "a name in double quotes"),
    (b'{"a":1}x', "nothing more expected at character 7, not 'x'"),
    (b'{"a":1}' + b"x" * 30, "at character 7, not '" + "x" * 20 + "'."),
    (b'{"a":[1,]}', "a value expected"), (b'{"a":[,1]}', "a value expected"),
    (b'{"a":1,}', "a name in double quotes"), (b'{"a":1,"a":2}', "the key 'a' appears twice"),
    (b'{"a":[{"b":]}]}', "not valid JSON"), (b'{"a":[NaN]}', "NaN is not a JSON number"),
    (b'{"a":[' + b"1" * 5000 + b"]}", "too many digits"),
    (b'{"a":"\xff"}', "invalid byte at offset 6"), (b'{"a":"\xc3', "invalid byte at offset 6"),
    (b'{"a":' + b"[" * 200_000, "nested too deeply"), (b'{"a":"x', "Unterminated string"),
])
def test_what_is_no_json_says_where(data: bytes, reason: str) -> None:
    with pytest.raises(IngestionError) as caught:
        walked(data)
    assert reason in str(caught.value)


def parts(count: int) -> bytes:
    """Return a GLB file of so many nodes, each with its own mesh and accessors."""
    buffer = struct.pack("<9f3H2x", 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 1, 2)
    return glb({
        "asset": {"version": "2.0"}, "scenes": [{"nodes": list(range(count))}],
        "nodes": [{"mesh": i, "translation": [i, 0, 0.5]} for i in range(count)],
        "meshes": [{"primitives": [{"attributes": {"POSITION": 2 * i}, "indices": 2 * i + 1}]}
                   for i in range(count)],
        "accessors": [row for i in range(count) for row in (
            {"bufferView": 2 * i, "componentType": 5126, "count": 3, "type": "VEC3"},
            {"bufferView": 2 * i + 1, "componentType": 5123, "count": 3, "type": "SCALAR"})],
        "bufferViews": [row for i in range(count) for row in (
            {"buffer": 0, "byteOffset": 44 * i, "byteLength": 36},
            {"buffer": 0, "byteOffset": 44 * i + 36, "byteLength": 6})],
        "buffers": [{"byteLength": 44 * count}]}, buffer * count)


def test_many_parts_are_counted_and_placed(tmp_path: Path) -> None:
    summary = run(tmp_path, {"m.glb": parts(2000)})
    assert (summary.info.triangles, summary.info.vertices) == (2000, 6000)
    assert bounds(summary) == ([0, 0, 0.5], [2000, 1, 0.5])


def test_memory_does_not_grow_with_the_parsed_rows(tmp_path: Path) -> None:
    """Parsed, the rows of a part take about 2,500 bytes; what is kept of them about 150."""
    peaks = []
    for count in (5_000, 7_000):
        data = parts(count)
        tracemalloc.start()
        run(tmp_path / str(count), {"m.glb": data})
        # The file itself is in memory twice, in the spool and as the archive, while it is small.
        peaks.append(tracemalloc.get_traced_memory()[1] - 2 * len(data))
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 2_000 < 400, peaks


@pytest.mark.parametrize("table, limit", [
    ("materials", "MAX_MATERIALS"), ("nodes", "MAX_OBJECTS"), ("cameras", "MAX_OBJECTS"),
    ("scenes", "MAX_OBJECTS")])
def test_more_objects_than_documented_are_refused(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, limit: str) -> None:
    monkeypatch.setattr(f"arr.emulator._ingestion.formats.gltf_document.{limit}", 3)
    for version, rows in (("2.0", lambda count: [{}] * count),
                          ("1.0", lambda count: {str(i): {} for i in range(count)})):
        model = {"asset": {"version": version}}
        run(tmp_path, {"m.gltf": {**model, table: rows(3)}})
        assert f"more than 3 {table}" in refusal(tmp_path, {**model, table: rows(4)})


def test_the_documented_limits() -> None:
    from arr.emulator._ingestion.refusals import MAX_MATERIALS, MAX_OBJECTS
    assert (MAX_MATERIALS, MAX_OBJECTS) == (65_535, 16_777_215)


# -- numbers that are written as 1.0 ---------------------------------------------------------


def rich() -> Json:
    """Return a model in which every integer of glTF stands."""
    model = triangle(
        nodes=[{"mesh": 0, "children": [1], "camera": 0}, {"mesh": 0, "skin": 0}],
        materials=[{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0},
                                             "metallicRoughnessTexture": {"index": 0}},
                    "normalTexture": {"index": 0}, "occlusionTexture": {"index": 0},
                    "emissiveTexture": {"index": 0}}],
        textures=[{"source": 0, "sampler": 0}], samplers=[{}], images=[{"bufferView": 1}],
        skins=[{"joints": [0], "skeleton": 0, "inverseBindMatrices": 0}], cameras=[{}],
        animations=[{"channels": [{"target": {"node": 0}}],
                     "samplers": [{"input": 1, "output": 0}]}])
    model["accessors"][0].update(byteOffset=0, sparse={
        "count": 1, "indices": {"bufferView": 1, "componentType": 5123, "byteOffset": 0},
        "values": {"bufferView": 0, "byteOffset": 0}})
    model["bufferViews"][0]["byteStride"] = 12
    model["meshes"][0]["primitives"][0].update(
        {"targets": [{"POSITION": 0}], "material": 0, "mode": 4})
    return model


def integers(value: Any, path: "tuple[Any, ...]" = ()) -> "list[tuple[Any, ...]]":
    if isinstance(value, (dict, list)):
        return [found for key in (value if isinstance(value, dict) else range(len(value)))
                for found in integers(value[key], (*path, key))]
    return [path] if isinstance(value, int) else []


def changed(path: "tuple[Any, ...]", change: Any) -> Json:
    model: Any = copy.deepcopy(rich())
    holder = model
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = change(holder[path[-1]])
    found: Json = model
    return found


PLACES = integers(rich())


def test_every_integer_is_looked_at() -> None:
    assert len(PLACES) == 46


def place(path: "tuple[Any, ...]") -> str:
    """Return how people find a value."""
    return str(path[0]) + "".join(
        f"[{key!r}]" if isinstance(key, int) or key == "POSITION" else f".{key}"
        for key in path[1:])


@pytest.mark.parametrize("path", PLACES, ids=place)
def test_an_integer_may_be_written_as_a_float(tmp_path: Path, path: Any) -> None:
    assert run(tmp_path, {"m.gltf": changed(path, float)}).info == run(
        tmp_path, {"m.gltf": rich()}).info


def test_all_integers_may_be_written_as_floats(tmp_path: Path) -> None:
    floated = json.loads(json.dumps(rich()), parse_int=float)
    assert run(tmp_path, {"m.gltf": floated}).info == run(tmp_path, {"m.gltf": rich()}).info


@pytest.mark.parametrize("path", PLACES, ids=place)
def test_half_an_integer_is_none(tmp_path: Path, path: Any) -> None:
    assert f"{place(path)} must be an in" in refusal(
        tmp_path, changed(path, lambda value: value + 0.5))


@pytest.mark.parametrize("path", [
    path for path in PLACES if path[-1] not in (
        "byteOffset", "byteLength", "byteStride", "count", "componentType", "mode")], ids=place)
@pytest.mark.parametrize("value, reason", [
    (-1, r"\[-1\], but an index is never negative"), (9, r"\[9\], but \w+ has \d entries"),
    ((1 << 24) - 1, r"\[16777215\], but \w+ has \d entries"),
    (1 << 24, r"\[16777216\], but no table has more than 16,777,215 entries"),
    (1 << 40, "but no table"), (True, "not true"), (None, "not null"), ("0", "not '0'"),
    ([0], "not a list")])
def test_a_reference_that_leads_nowhere_names_its_place(
        tmp_path: Path, path: Any, value: Any, reason: str) -> None:
    if path == ("scene",) and value is None:
        pytest.skip("null is no scene at all")
    found = refusal(tmp_path, changed(path, lambda old: value))
    assert found.startswith((f"{place(path)} refers to", f"{place(path)} must be an index"))
    assert re.search(reason, found)


# -- matrices, buffers, extensions -----------------------------------------------------------


@pytest.mark.parametrize("kind, component, count, least", [
    ("MAT2", 5121, 1, 6), ("MAT2", 5121, 3, 22), ("MAT3", 5121, 2, 23), ("MAT3", 5123, 1, 22),
    ("MAT4", 5121, 1, 16), ("MAT3", 5126, 1, 36), ("MAT2", 5123, 1, 8), ("MAT2", 5126, 2, 32),
    ("MAT4", 5123, 2, 64), ("MAT4", 5126, 2, 128), ("MAT3", 5123, 2, 46)])
def test_nothing_has_to_follow_the_last_column_of_a_matrix(
        tmp_path: Path, kind: str, component: int, count: int, least: int) -> None:
    for size in (least, least - 1):
        model = triangle()
        model["accessors"].append({"bufferView": 2, "componentType": component, "count": count,
                                   "type": kind})
        model["bufferViews"].append({"buffer": 1, "byteLength": size})
        model["buffers"].append({"byteLength": size, "uri": data_uri(bytes(size))})
        if size == least:
            run(tmp_path, {"m.gltf": model})
        else:
            assert f"accessors[2] ends at byte {least}" in refusal(tmp_path, model)


def test_a_buffer_that_nothing_refers_to_holds_a_place(tmp_path: Path) -> None:
    model = triangle()
    model["buffers"].append({"byteLength": 4})
    run(tmp_path, {"m.gltf": model})
    model["bufferViews"].append({"buffer": 1, "byteLength": 4})
    assert "buffers[1] has no uri" in refusal(tmp_path, model)


def test_a_file_that_an_unused_buffer_names_must_be_there(tmp_path: Path) -> None:
    model = triangle()
    model["buffers"].append({"byteLength": 4, "uri": "gone.bin"})
    assert "buffers[1].uri names the file 'gone.bin'" in refusal(tmp_path, model)


@pytest.mark.parametrize("name", [
    "MSFT_packing_occlusionRoughnessMetallic", "KHR_materials_unlit",
    "KHR_materials_pbrSpecularGlossiness", "KHR_texture_transform", "KHR_mesh_quantization"])
def test_a_documented_extension_may_be_required(tmp_path: Path, name: str) -> None:
    run(tmp_path, {"m.gltf": triangle(extensionsRequired=[name])})


@pytest.mark.parametrize("name", [
    "KHR_materials_rockets", "KHR_materials_unlit2", "khr_materials_unlit", "MSFT_packing_rockets",
    "KHR_materials_clearcoat", "EXT_rockets", ""])
def test_any_other_extension_may_not(tmp_path: Path, name: str) -> None:
    reason = refusal(tmp_path, triangle(extensionsRequired=[name]))
    assert f"requires the extension {name!r}, which is not supported" in reason


@pytest.mark.parametrize("size", range(0, 40, 3))
def test_base64_is_decoded_in_pieces_and_strictly(
        monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(_data_uri, "_PIECE", 8)

    def decoded(text: str) -> bytes:
        return b"".join(_data_uri.decode_data_uri("data:;base64," + text, "it"))

    data = random.Random(size).randbytes(size)
    text = base64.b64encode(data).decode()
    assert decoded(text) == data
    for at in range(len(text)):
        for bad in (text[:at] + "*" + text[at + 1:], text[:at] + text[at + 1:],
                    text[:at] + " " + text[at:], text[:at] + "=" + text[at:]):
            with pytest.raises(IngestionError):
                decoded(bad)
