"""glTF 1.0: its ids, what may be left out, and the files that only it names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arr.emulator._ingestion.pipeline import IngestionError

from ...support.models import Json, bounds, data_uri, replaced, run, triangle_1


def refusal(root: Path, model: Any) -> str:
    with pytest.raises(IngestionError) as caught:
        run(root, {"m.gltf": model})
    return str(caught.value)


def embedded() -> Json:
    return {"KHR_binary_glTF": {"bufferView": "i"}}


def rich() -> Json:
    """Return a model in which every reference of glTF 1.0 stands."""
    model = triangle_1(
        materials={"red": {"name": "Red", "technique": "te"}}, techniques={"te": {"program": "pr"}},
        programs={"pr": {"fragmentShader": "fs", "vertexShader": "vs"}},
        shaders={"fs": {"extensions": embedded()}, "vs": {"uri": data_uri(b"void")}},
        textures={"t": {"sampler": "sa", "source": "im"}}, samplers={"sa": {}},
        images={"im": {"extensions": embedded()}}, cameras={"c": {}},
        skins={"sk": {"inverseBindMatrices": "places"}})
    model["nodes"]["root"].update(camera="c", skin="sk", children=["leaf"])
    model["nodes"]["leaf"] = {}
    return model


def changed(path: str, value: Any) -> Json:
    """Return the rich model with one value replaced, or dropped for Ellipsis."""
    return replaced(rich(), path.split("/"), value)


@pytest.mark.parametrize("path, where, table", [
    ("accessors/places/bufferView", "accessors['places'].bufferView", "bufferViews"),
    ("bufferViews/i/buffer", "bufferViews['i'].buffer", "buffers"),
    ("images/im/extensions/KHR_binary_glTF/bufferView",
     "images['im'].extensions.KHR_binary_glTF.bufferView", "bufferViews"),
    ("materials/red/technique", "materials['red'].technique", "techniques"),
    ("meshes/mesh/primitives/0/attributes/POSITION",
     "meshes['mesh'].primitives[0].attributes['POSITION']", "accessors"),
    ("meshes/mesh/primitives/0/indices", "meshes['mesh'].primitives[0].indices", "accessors"),
    ("meshes/mesh/primitives/0/material", "meshes['mesh'].primitives[0].material", "materials"),
    ("nodes/root/camera", "nodes['root'].camera", "cameras"),
    ("nodes/root/children/0", "nodes['root'].children[0]", "nodes"),
    ("nodes/root/meshes/0", "nodes['root'].meshes[0]", "meshes"),
    ("nodes/root/skin", "nodes['root'].skin", "skins"),
    ("programs/pr/fragmentShader", "programs['pr'].fragmentShader", "shaders"),
    ("programs/pr/vertexShader", "programs['pr'].vertexShader", "shaders"),
    ("scene", "scene", "scenes"),
    ("scenes/main/nodes/0", "scenes['main'].nodes[0]", "nodes"),
    ("shaders/fs/extensions/KHR_binary_glTF/bufferView",
     "shaders['fs'].extensions.KHR_binary_glTF.bufferView", "bufferViews"),
    ("skins/sk/inverseBindMatrices", "skins['sk'].inverseBindMatrices", "accessors"),
    ("techniques/te/program", "techniques['te'].program", "programs"),
    ("textures/t/sampler", "textures['t'].sampler", "samplers"),
    ("textures/t/source", "textures['t'].source", "images"),
])
def test_an_id_that_leads_nowhere_is_named(
        tmp_path: Path, path: str, where: str, table: str) -> None:
    assert run(tmp_path, {"m": rich()}).info.triangles == 1
    there = f"{table} has {len(rich()[table])} entries"
    assert f"{where} refers to {table}['gone'], but {there}." in refusal(
        tmp_path, changed(path, "gone"))
    for value, text in ((0, "0"), (None, "null"), ([], "a list")):
        if (path, value) != ("scene", None):
            assert f"{where} must be an id into {table}, not {text}." in refusal(
                tmp_path, changed(path, value))


def test_an_id_into_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    model = triangle_1()
    del model["materials"]
    assert "material refers to materials['red'], but there are no materials." in refusal(
        tmp_path, model)


@pytest.mark.parametrize("path, value, reason", [
    ("meshes", [], "The glTF file.meshes must be a dictionary, not a list"),
    ("scenes", [], "The glTF file.scenes must be a dictionary, not a list"),
    ("asset", 3, "asset must be a JSON object"),
    ("asset/generator", 3, "asset.generator must be a string"),
    ("asset/version", "2.0", "The glTF file.accessors must be a list, not an object"),
    ("nodes/root/meshes", {}, "nodes['root'].meshes must be a list, not an object"),
    ("nodes/leaf", 3, "nodes['leaf'] must be a JSON object, not 3"),
    ("scenes/main", 3, "scenes['main'] must be a JSON object, not 3"),
    ("scenes/main/nodes", {}, "scenes['main'].nodes must be a list"),
    ("textures/t", 3, "textures['t'] must be a JSON object, not 3"),
    ("cameras", 3, "The glTF file.cameras must be a dictionary, not 3"),
    ("accessors/corners/bufferView", ..., "accessors['corners'] names no bufferView"),
    ("bufferViews/i/buffer", ..., "bufferViews['i'] names no buffer"),
    ("buffers/b/uri", ..., "buffers['b'] has no uri."),
    ("images/im", {}, "images['im'] has neither a uri nor a bufferView"),
    ("images/im", {"bufferView": "i"}, "images['im'] has neither a uri nor a bufferView"),
    ("shaders/fs", {}, "shaders['fs'] has neither a uri nor a bufferView"),
    ("shaders/vs", {}, "shaders['vs'] has neither a uri nor a bufferView"),
    ("shaders/more", {}, "shaders['more'] has neither a uri nor a bufferView"),
    ("shaders/vs/uri", "gone.glsl", "shaders['vs'].uri names the file 'gone.glsl'"),
    ("shaders/vs/uri", "data:;base64,*", "shaders['vs'].uri is not valid base64"),
    ("extensionsUsed", ["KHR_a", "Open3DGC-compression"],
     "'Open3DGC-compression', which is not supported (Open3DGC compression: export"),
    ("extensionsUsed", ["WEB3D_quantized_attributes"], "export the model without them"),
    ("extensionsUsed", [3], "must be a list of names, not 3"),
    ("extensionsUsed", {}, "extensionsUsed must be a list"),
])
def test_a_model_that_does_not_hold_together_says_where(
        tmp_path: Path, path: str, value: Any, reason: str) -> None:
    assert reason in refusal(tmp_path, changed(path, value))


def test_extensions_that_leave_the_geometry_alone_are_no_matter(tmp_path: Path) -> None:
    run(tmp_path, {"m": changed("extensionsUsed", ["KHR_materials_common", "ACME_rockets"])})


@pytest.mark.parametrize("version", ["1", "1.0", "1.0.0", "1.0.1", "1.1", 1, 1.0, 1.1, ...])
def test_every_spelling_of_its_version_is_known(tmp_path: Path, version: Any) -> None:
    model = triangle_1(asset={} if version is ... else {"version": version})
    assert run(tmp_path, {"m": model}).info.format == "glTF 1.0"


@pytest.mark.parametrize("table", ["meshes", "nodes", "scenes", "buffers"])
def test_a_dictionary_of_these_means_gltf_1(tmp_path: Path, table: str) -> None:
    assert run(tmp_path, {"m": {table: {}}}).info.format == "glTF 1.0"


@pytest.mark.parametrize("table", ["materials", "cameras"])
def test_a_dictionary_of_others_means_nothing(tmp_path: Path, table: str) -> None:
    assert "it has no asset.version" in refusal(tmp_path, {table: {}})


@pytest.mark.parametrize("scene, low", [("main", 1), ("other", 5), (None, 1), (..., 1)])
def test_the_named_scene_is_shown_or_the_first(tmp_path: Path, scene: Any, low: int) -> None:
    model = triangle_1(scenes={"main": {"nodes": ["root"]}, "other": {"nodes": ["second"]}})
    model["nodes"]["second"] = {"meshes": ["mesh"], "translation": [5, 0, 0]}
    model["scene"] = scene
    if scene is ...:
        del model["scene"]
    assert bounds(run(tmp_path, {"m": model})) == ([low, 0, -1], [low + 2, 3, 0])


def test_a_node_shows_each_of_its_meshes(tmp_path: Path) -> None:
    model = triangle_1(nodes={
        "root": {"meshes": ["mesh", "mesh"], "children": ["child"], "translation": [1, 0, 0]},
        "child": {"meshes": ["mesh"], "children": ["leaf"], "translation": [2, 0, 0]},
        "leaf": {"meshes": ["mesh", "mesh"], "translation": [4, 0, 0]}})
    summary = run(tmp_path, {"m": model})
    assert (summary.info.instances, summary.info.drawn_triangles, summary.info.depth) == (5, 5, 3)
    assert bounds(summary) == ([1, 0, -1], [9, 3, 0])


def test_materials_have_their_names_and_no_more(tmp_path: Path) -> None:
    material, = run(tmp_path, {"m": rich()}).info.material_list
    assert (material.name, material.values) == ("Red", {})


@pytest.mark.parametrize("length", [..., 0, 42])
def test_the_length_of_a_buffer_may_be_left_out(tmp_path: Path, length: Any) -> None:
    assert run(tmp_path, {"m": changed("buffers/b/byteLength", length)}).info.triangles == 1


@pytest.mark.parametrize("length, reason", [
    (1, "of a buffer that has 1 bytes"), (41, "ends at byte 42 of a buffer that has 41 bytes"),
    (43, "buffers['b'] must have 43 bytes, but only 42 bytes are there")])
def test_the_length_of_a_buffer_counts_when_it_is_there(
        tmp_path: Path, length: int, reason: str) -> None:
    assert reason in refusal(tmp_path, changed("buffers/b/byteLength", length))


def test_a_view_without_a_length_goes_to_the_end_of_its_buffer(tmp_path: Path) -> None:
    model = changed("bufferViews/i/byteLength", ...)
    assert run(tmp_path, {"m": model}).info.triangles == 1
    for offset, reason in ((37, "ends at byte 6 of a buffer view that has 5 bytes"),
                           (42, "ends at byte 6 of a buffer view that has 0 bytes"),
                           (43, "bufferViews['i'] ends at byte 43 of a buffer that has 42 bytes")):
        model["bufferViews"]["i"]["byteOffset"] = offset
        assert reason in refusal(tmp_path, model)


@pytest.mark.parametrize("table", ["images", "shaders"])
@pytest.mark.parametrize("row, packed", [
    ({"uri": "a"}, True),
    ({"uri": "DATA:,x"}, False),
    ({"uri": "a", "bufferView": "i"}, True),
    ({"uri": "a", "extensions": {}}, True),
    ({"uri": "a", "extensions": {"ACME_rockets": {}}}, True),
    ({"uri": "a", "extensions": embedded()}, False),
    ({"uri": "a", "extensions": {"KHR_binary_glTF": {}}}, False),
    ({"extensions": embedded()}, False),
    ({"extensions": {"KHR_binary_glTF": {}}}, False),
    ({"extensions": {"ACME_rockets": {}}}, False),
])
def test_a_file_is_packed_unless_its_bytes_are_in_the_model(
        tmp_path: Path, table: str, row: Json, packed: bool) -> None:
    summary = run(tmp_path, {"m": triangle_1(**{table: {"x": row}}), "a": b"it"})
    assert [file.name for file in summary.files] == (["a", "m"] if packed else ["m"])
