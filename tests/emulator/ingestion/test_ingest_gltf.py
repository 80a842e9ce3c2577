"""glTF 1.0 and 2.0: what is counted, what is measured, and what is refused with which reason."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any, Dict

import pytest

from arr.emulator._ingestion.pipeline import IngestionError

from ...support.models import (
    CORNERS, Json, bounds, data_uri, floats, positions, replaced, run, triangle,
    triangle_1,
)


def refusal(root: Path, model: Any) -> str:
    with pytest.raises(IngestionError) as caught:
        run(root, {"m.gltf": model})
    return str(caught.value)


def test_a_triangle_is_counted_and_measured(tmp_path: Path) -> None:
    found = run(tmp_path, {"m.gltf": triangle(materials=[{}])}).as_dict()
    counts = {key: found[key] for key in (
        "format", "meshes", "primitives", "vertices", "triangles", "materials", "textures",
        "nodes")}
    assert counts == {"format": "glTF 2.0", "meshes": 1, "primitives": 1, "vertices": 3,
                      "triangles": 1, "materials": 1, "textures": 0, "nodes": 1}
    assert found["bounds"] == {"min": [0, 0, -1], "max": [2, 3, 0]}


def test_the_summary_is_json(tmp_path: Path) -> None:
    summary = run(tmp_path, {"m.gltf": triangle()})
    assert json.loads(json.dumps(summary.as_dict())) == summary.as_dict()


def test_gltf_1_is_read_by_its_ids(tmp_path: Path) -> None:
    summary = run(tmp_path, {"m.gltf": triangle_1()})
    assert summary.info.format == "glTF 1.0"
    assert (summary.info.triangles, summary.info.materials, summary.info.depth) == (1, 1, 1)
    assert bounds(summary) == ([1, 0, -1], [3, 3, 0])


def test_the_format_is_told_by_content_not_by_name(tmp_path: Path) -> None:
    assert run(tmp_path, {"m.fbx": triangle()}).info.format == "glTF 2.0"


@pytest.mark.parametrize("mode, count, triangles", [
    (0, 9, 0), (1, 9, 0), (2, 9, 0), (3, 9, 0), (4, 9, 3), (5, 9, 7), (6, 9, 7),
    (4, 2, 0), (5, 3, 1), (6, 3, 1), (5, 1, 0), (6, 1, 0)])
def test_every_mode_has_its_number_of_triangles(
        tmp_path: Path, mode: int, count: int, triangles: int) -> None:
    data = floats([(0, 0, 0)] * count)
    model = positions(data, {"bufferView": 0, "componentType": 5126, "count": count})
    model["meshes"][0]["primitives"][0]["mode"] = mode
    assert run(tmp_path, {"m": model}).info.triangles == triangles


def test_bounds_come_from_the_data_not_from_claims(tmp_path: Path) -> None:
    model = triangle()
    model["accessors"][0].update(min=[-9, -9, -9], max=[9, 9, 9])
    assert bounds(run(tmp_path, {"m": model})) == ([0, 0, -1], [2, 3, 0])


def test_files_beside_the_model_are_packed_and_no_others(tmp_path: Path) -> None:
    data = floats(CORNERS) + struct.pack("<3H", 0, 1, 2)
    model = triangle(buffers=[{"byteLength": 42, "uri": "part%20one.bin"}],
                     images=[{"uri": "../pics/a.png"}, {"uri": data_uri(b"png")}])
    summary = run(tmp_path, {"sub/m.gltf": model, "sub/part one.bin": data, "pics/a.png": b"png",
                             "other.bin": b"x"})
    assert [file.name for file in summary.files] == [
        "pics/a.png", "sub/m.gltf", "sub/part one.bin"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    reason = refusal(tmp_path, triangle(buffers=[{"byteLength": 42, "uri": "gone.bin"}]))
    assert "buffers[0].uri names the file 'gone.bin'" in reason


@pytest.mark.parametrize("uri, reason", [
    ("../../m.bin", "leads out of the container"),
    ("%2e%2e/m.bin", "leads out of the container"),
    ("..", "leads out of the container"),
    ("/etc/passwd", "must be relative"),
    ("file:///etc/passwd", "must be relative"),
    ("https://example.com/m.bin", "must be relative"),
    ("//example.com/m.bin", "must be relative"),
    ("a\\b.bin", "backslash"),
    ("a%00.bin", "control characters"),
    ("%ff.bin", "not a valid URI"),
    ("", "is empty"),
    ("http://[", "not a valid URI"),
    ("data:,", "must have 42 bytes"),
    ("data:;base64", "without a comma"),
    ("data:;base64,A", "not valid base64"),
    ("data:;base64,****", "it holds '*', and base64 consists of"),
    ("data:;base64,AA-_", "it holds '-'"),
    ("data:;base64,AA AA", "it holds ' '"),
    ("data:;base64,AA=A", "it holds '='"),
    ("data:;base64,AAA", "1 of = would have to end it, not 0"),
    ("data:;base64,AAA==", "1 of = would have to end it, not 2"),
    ("data:;base64,AAAA=", "0 of = would have to end it, not 1"),
    ("data:;base64,AAAA====", "it holds '='"),
    ("data:;base64,=", "0 of = would"), ("data:;base64,A", "one character too many"),
    ("data:;base64,\u0661", "it holds"),
])
def test_a_uri_that_leads_elsewhere_is_refused(tmp_path: Path, uri: str, reason: str) -> None:
    assert reason in refusal(tmp_path, triangle(buffers=[{"byteLength": 42, "uri": uri}]))


def changed(path: str, value: Any) -> Json:
    """Return the triangle with one value replaced, or dropped for Ellipsis."""
    return replaced(triangle(), path.split("."), value)


@pytest.mark.parametrize("path, value, reason", [
    ("accessors.0.count", 4, "accessors[0] ends at byte 48 of a buffer view that has 36 bytes"),
    ("accessors.0.count", 500_000_000, "ends at byte 6,000,000,000 of"),
    ("accessors.0.count", 500_000_001, "between 1 and 500000000"),
    ("accessors.0.count", 0, "between 1 and"),
    ("accessors.0.count", True, "not true"),
    ("accessors.0.count", ..., "but it is missing"),
    ("accessors.0.byteOffset", 1, "ends at byte 37"),
    ("accessors.0.byteOffset", -1, "from 0, not -1"),
    ("accessors.0.byteOffset", 2 ** 53, "ends at byte 9,007,199,254,741,028 of"),
    ("accessors.0.byteOffset", 2 ** 53 + 1, "must be an integer from 0, not 9007199254740993"),
    ("accessors.0.componentType", 5124, "one of 5120"),
    ("accessors.0.type", "VEC9", "one of SCALAR"),
    ("accessors.0.type", "VEC2", "must be VEC3"),
    ("accessors.0.bufferView", 7, "refers to bufferViews[7], but bufferViews has 2 entries"),
    ("accessors.0.bufferView", -1, "refers to bufferViews[-1]"),
    ("accessors.0.bufferView", "0", "must be an index into bufferViews"),
    ("accessors.0.normalized", 1, "true or false"),
    ("accessors.1.type", "VEC2", "ends at byte 12"),
    ("accessors.1.componentType", 5122, "unsigned"),
    ("accessors.0", 3, "must be a JSON object"),
    ("bufferViews.0.byteLength", 60, "ends at byte 60 of a buffer that has 42 bytes"),
    ("bufferViews.0.byteStride", 4, "elements of 12 bytes every 4 bytes"),
    ("bufferViews.0.byteStride", 253, "between 0 and 252"),
    ("bufferViews.0.byteStride", -4, "between 0 and 252"),
    ("bufferViews.0.byteOffset", -1, "from 0, not -1"),
    ("bufferViews.0.byteOffset", 7, "ends at byte 43 of a buffer that has 42 bytes"),
    ("bufferViews.0.byteOffset", 2 ** 53, "ends at byte 9007199254741028 of"),
    ("bufferViews.0.byteOffset", 2 ** 53 + 1, "must be an integer from 0, not 9007199254740993"),
    ("bufferViews.0.byteLength", -1, "from 0, not -1"),
    ("bufferViews.0.byteLength", 2 ** 53, "ends at byte 9007199254740992 of"),
    ("bufferViews.0.byteLength", 2 ** 53 + 1, "must be an integer from 0, not 9007199254740993"),
    ("bufferViews.0.byteLength", ..., "bufferViews[0].byteLength must be an integer from 0, but"),
    ("bufferViews.0", 3, "bufferViews[0] must be a JSON object, not 3"),
    ("bufferViews.0.buffer", 1, "buffers has 1 entries"),
    ("bufferViews.0.buffer", ..., "names no buffer"),
    ("buffers.0.byteLength", 43, "must have 43 bytes, but only 42 bytes are there"),
    ("buffers.0.byteLength", 41, "bufferViews[1] ends at byte 42 of a buffer that has 41 bytes"),
    ("buffers.0.byteLength", 0, "bufferViews[0] ends at byte 36 of a buffer that has 0 bytes"),
    ("buffers.0.byteLength", ..., "buffers[0].byteLength must be an integer from 0, but it is mis"),
    ("buffers.0.uri", ..., "buffers[0] has no uri, so its bytes must follow in a GLB file, and"),
    ("buffers", {}, "must be a list"),
    ("meshes.0.primitives.0.indices", 5, "refers to accessors[5]"),
    ("meshes.0.primitives.0.attributes.POSITION", None, "must be an index"),
    ("meshes.0.primitives.0.attributes.NORMAL", 9, "refers to accessors[9]"),
    ("meshes.0.primitives.0.attributes.POSITION", 1, "must be VEC3"),
    ("meshes.0.primitives.0.material", 0, "there are no materials"),
    ("meshes.0.primitives.0.mode", 7, "between 0 and 6"),
    ("meshes.0.primitives.0.mode", -1, "between 0 and 6"),
    ("meshes.0.primitives.0.attributes", [], "primitives[0].attributes must be a JSON object"),
    ("meshes.0.primitives.0", 3, "meshes[0].primitives[0] must be a JSON object, not 3"),
    ("meshes.0.primitives", {}, "must be a list"),
    ("meshes.0", 3, "meshes[0] must be a JSON object, not 3"),
    ("nodes.0", 3, "nodes[0] must be a JSON object, not 3"),
    ("nodes.0.children", {}, "nodes[0].children must be a list"),
    ("nodes.0.mesh", 1, "meshes has 1 entries"),
    ("nodes.0.matrix", [1] * 15, "a list of 16 numbers"),
    ("nodes.0.matrix", [1] * 16, "must be affine"),
    ("nodes.0.rotation", [0, 0, 0, 0], "unit quaternion"),
    ("nodes.0.scale", [1, 1, "1"], "finite numbers only"),
    *(("nodes.0.translation", [0] * i + [value] + [0] * (2 - i), "finite numbers only")
      for i in range(3) for value in (True, "1", None, 10 ** 400, -10 ** 400)),
    ("nodes.0.translation", [0, 0], "a list of 3 numbers"),
    ("nodes.0.translation", [0] * 4, "a list of 3 numbers"),
    ("nodes.0.scale", [1, 1, 1e308 * 10], "not a JSON number"),
    ("nodes.0.scale", [1e308, 1e308, 1e308], "no finite bounding box"),
    ("nodes.0.children", [0], "circle"),
    ("scenes.0.nodes", [0, 0], "scenes[0].nodes lists nodes[0], which is the child of another"),
    ("scenes.0.nodes", {}, "scenes[0].nodes must be a list, not an object"),
    ("scenes.0", 3, "scenes[0] must be a JSON object, not 3"),
    ("scenes", {}, "The glTF file.scenes must be a list, not an object"),
    ("scenes", ..., "scene refers to scenes[0], but there are no scenes."),
    ("scene", 1, "scene refers to scenes[1], but scenes has 1 entries."),
    ("scene", -1, "scene refers to scenes[-1], but an index is never negative."),
    ("scene", "0", "scene must be an index into scenes, not '0'"),
    *(("asset.version", text, f"glTF version {text!r}; versions 1.0 and 2.0 are supported")
      for text in ("3.0", "20", "1.2", "0.8", "3" * 20)),
    ("asset.version", "3" * 21, f"version {'3' * 20!r};"),
    ("asset.version", ..., "not glTF"),
    ("asset.version", "", "not glTF"),
    ("asset", {"minVersion": "2.1"}, "it has no asset.version"),
    ("asset", 3, "asset must be a JSON object"),
    ("asset.generator", 3, "asset.generator must be a string"),
    ("asset.minVersion", "2.1", "needs a reader of glTF '2.1'"),
    ("extensionsRequired", ["KHR_draco_mesh_compression"], "Draco"),
    ("extensionsRequired", ["EXT_meshopt_compression"], "meshopt"),
    ("extensionsRequired", ["ACME_rockets"], "'ACME_rockets', which is not supported"),
    ("extensionsRequired", [3], "a list of names"),
    ("asset.version", [[2]], "must be a string, not a list"),
    ("asset.minVersion", True, "must be a string"),
    ("images", [{"uri": "data:," + "%41" * 400000}], "that is not base64"),
    ("images", [{}], "images[0] has neither a uri nor a bufferView"),
    ("images", [{"uri": "data:,"}, {}], "images[1] has neither a uri nor a bufferView"),
    ("textures", [3], "textures[0] must be a JSON object, not 3"),
    ("skins", [{"joints": {}}], "skins[0].joints must be a list, not an object"),
    ("animations", [{}, {"samplers": {}}], "animations[1].samplers must be a list, not an obj"),
    ("cameras", [{}, 3], "cameras[1] must be a JSON object, not 3"),
    ("materials", [{}, 3], "materials[1] must be a JSON object, not 3"),
    ("materials", [{}, {"name": 3}], "materials[1].name must be a string"),
    ("extensionsRequired", {}, "The glTF file.extensionsRequired must be a list"),
    ("materials", [{"normalTexture": {"index": 0}}], "there are no textures"),
])
def test_a_model_that_does_not_hold_together_says_where(
        tmp_path: Path, path: str, value: Any, reason: str) -> None:
    assert reason in refusal(tmp_path, changed(path, value))


def test_an_index_above_the_vertices_is_refused(tmp_path: Path) -> None:
    data = floats(CORNERS) + struct.pack("<3H", 0, 1, 3)
    model = triangle(buffers=[{"byteLength": 42, "uri": data_uri(data)}])
    assert "the index 3, but there are 3 vertices" in refusal(tmp_path, model)


def test_attributes_of_different_lengths_are_refused(tmp_path: Path) -> None:
    model = triangle()
    model["accessors"].append(
        {"bufferView": 0, "componentType": 5126, "count": 2, "type": "VEC3"})
    model["meshes"][0]["primitives"][0]["attributes"]["NORMAL"] = 2
    assert "2 values for 3 positions" in refusal(tmp_path, model)


@pytest.mark.parametrize("change, reason", [
    ({"indices": 9}, ".indices refers to accessors[9], but accessors has 4 entries"),
    ({"attributes": {"POSITION": 9}}, ".attributes['POSITION'] refers to accessors[9], but"),
    ({"attributes": {"POSITION": 0, "NORMAL": 9}}, ".attributes refers to accessors[9], but"),
    ({"attributes": {"POSITION": 0, "NORMAL": 2}}, ".attributes: accessors[2] has 2 values for 3"),
    ({"indices": -1}, ".indices refers to accessors[-1]"),
    ({"attributes": {"A": -1}}, ".attributes['A'] refers to accessors[-1]"),
    ({"targets": [{}, {"A": 9}]}, ".targets[1]['A'] refers to accessors[9]"),
    ({"targets": {}}, ".targets must be a list"),
    ({"targets": [{}, 3]}, ".targets[1] must be a JSON object"),
    ({"material": 9}, ".material refers to materials[9]"),
    ({"attributes": {"POSITION": 2}}, ".indices hold the index 2, but there are 2 vertices"),
    ({"mode": 9}, ".mode must be an integer between 0 and 6"),
    ({"attributes": {"POSITION": 3}, "extensions": {"KHR_draco_mesh_compression": {}}},
     " has Draco-compressed geometry only"),
])
def test_a_primitive_that_is_wrong_is_named_by_its_place(
        tmp_path: Path, change: Json, reason: str) -> None:
    good = {"attributes": {"POSITION": 0, "NORMAL": 0}, "indices": 1}
    model = triangle(meshes=[{"primitives": []}, {"primitives": [good, {**good, **change}, good]},
                             {"primitives": []}, {"primitives": [good]}])
    model["accessors"] += [{**model["accessors"][0], "count": 2},
                           {"componentType": 5126, "count": 3, "type": "VEC3"}]
    assert f"meshes[1].primitives[1]{reason}" in refusal(tmp_path, model)
    del model["meshes"][1]["primitives"][0]
    assert f"meshes[1].primitives[0]{reason}" in refusal(tmp_path, model)


@pytest.mark.parametrize("version", ["2", "2.0", "2.1", "2.999", 2, 2.0])
def test_every_spelling_of_version_2_is_known(tmp_path: Path, version: Any) -> None:
    for more in ({}, {"minVersion": "2.0"}):
        model = triangle(asset={"version": version, **more})
        assert run(tmp_path, {"m": model}).info.format == "glTF 2.0"


@pytest.mark.parametrize("model", [triangle(), triangle_1()], ids=["2.0", "1.0"])
def test_the_generator_is_told_and_not_without_end(tmp_path: Path, model: Json) -> None:
    asset = dict(model["asset"])
    assert run(tmp_path, {"m": model}).info.generator == ""
    for size in (1, 200, 201, 10_000):
        named = {**model, "asset": {**asset, "generator": "x" * size}}
        assert run(tmp_path, {"m": named}).info.generator == "x" * min(200, size)


@pytest.mark.parametrize("row, packed", [
    ({"uri": "a"}, True),
    ({"uri": "DATA:,x"}, False),
    ({"uri": "a", "bufferView": 1}, False),
    ({"bufferView": 1}, False),
    ({"uri": "a", "extensions": {}}, True),
    ({"uri": "a", "extensions": {"KHR_binary_glTF": {"bufferView": 1}}}, True),
    ({"extensions": {"ACME_rockets": {}}}, False),
])
def test_an_image_is_packed_unless_its_bytes_are_in_the_model(
        tmp_path: Path, row: Json, packed: bool) -> None:
    summary = run(tmp_path, {"m": triangle(images=[row]), "a": b"it"})
    assert [file.name for file in summary.files] == (["a", "m"] if packed else ["m"])


@pytest.mark.parametrize("rest", [{}, {"indices": 1}, {"material": 0}, {"mode": 4}])
def test_draco_needs_a_fallback_also_when_not_required(tmp_path: Path, rest: Json) -> None:
    model = triangle(materials=[{}])
    model["meshes"][0]["primitives"][0] = {
        "attributes": {"POSITION": 0}, "extensions": {"KHR_draco_mesh_compression": {}}, **rest}
    assert bounds(run(tmp_path, {"m.gltf": model})) == ([0, 0, -1], [2, 3, 0])
    del model["accessors"][0]["bufferView"]
    assert "meshes[0].primitives[0] has Draco-compressed" in refusal(tmp_path, model)


def test_a_material_is_looked_for_in_the_smallest_primitive(tmp_path: Path) -> None:
    model = triangle(materials=[{}])
    primitive = model["meshes"][0]["primitives"][0] = {"attributes": {"POSITION": 0}, "material": 0}
    run(tmp_path, {"m.gltf": model})
    primitive["material"] = 1
    assert "materials has 1 entries" in refusal(tmp_path, model)


@pytest.mark.parametrize("text, reason", [
    (b"", "is empty"),
    (b"hello", "none of the supported formats"),
    (b"{", "not valid JSON"),
    (b"{}", "not glTF"),
    (b'{"a":' * 100000, "nested too deeply"),
    (b'{"a":[' + b"[" * 3000 + b"]" * 3000 + b"]}", "not glTF|nested too deeply"),
    (b'{"asset":{"version":"2.0"},"x":' + b"1" * 5000 + b"}", "too many digits"),
    (b'{"asset":{"version":"2.0"},"x":NaN}', "NaN is not a JSON number"),
    (b'{"x":"\xff"}', "not UTF-8"),
    (b'{"asset":{"version":"2.0"}} x', "nothing more expected at character 28"),
    (b'{"meshes":{},"asset":{"version":"2.0"},"meshes":[]}', "glTF version '2.0'"),
    (b'{"meshes":3,"asset":{},"meshes":[]}', "it has no asset.version"),
])
def test_text_that_is_no_model_is_refused(tmp_path: Path, text: bytes, reason: str) -> None:
    with pytest.raises(IngestionError, match=reason):
        run(tmp_path, {"m.gltf": text})


def test_more_json_values_than_the_limit_are_refused_unparsed(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arr.emulator._ingestion.strict_json.MAX_JSON_VALUES", 100)
    assert "more than 100 JSON values" in refusal(tmp_path, triangle(extras=[[]] * 200))


def test_more_json_objects_than_the_limit_are_refused_unparsed(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arr.emulator._ingestion.strict_json.MAX_JSON_OBJECTS", 100)
    assert "more than 100 JSON objects" in refusal(tmp_path, triangle(extras=[[]] * 200))


def test_base64_may_be_percent_encoded(tmp_path: Path) -> None:
    model = triangle(images=[{"uri": "data:image/png;base64,%2b%2F8%3D"}])
    assert run(tmp_path, {"m": model}).info.triangles == 1


def test_more_files_than_the_limit_are_refused(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arr.emulator._ingestion.files.MAX_FILES", 2)
    files: Dict[str, Any] = {"m": triangle(images=[{"uri": f"{i}.png"} for i in range(5)])}
    with pytest.raises(IngestionError, match="more than 2 files"):
        run(tmp_path, {**files, **{f"{i}.png": b"x" for i in range(5)}})


def test_all_files_of_a_model_share_one_limit(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arr.emulator._ingestion.files.MAX_MODEL_BYTES", 3000)
    files: Dict[str, Any] = {"m": triangle(images=[{"uri": f"{i}.png"} for i in range(5)])}
    with pytest.raises(IngestionError, match="'2.png' is too large"):
        run(tmp_path, {**files, **{f"{i}.png": bytes(1000) for i in range(5)}})
