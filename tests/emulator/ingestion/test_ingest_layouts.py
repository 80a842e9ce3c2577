"""The files around a model in each era: which are read, which written, which passed over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arr.emulator._ingestion.archive import read_archive
from arr.emulator._ingestion.layouts import (
    LAYOUT_2019, LAYOUT_2020, LAYOUT_2021, LAYOUTS, Layout,
)
from arr.emulator._ingestion.pipeline import IngestionError, Summary, ingest

from ...support.fbx_files import binary, scene
from ...support.models import Json, run, triangle


def converted(root: Path, files: "dict[str, Any]", *, layout: Layout = LAYOUT_2020,
              model: str = "m.gltf", **options: str) -> Summary:
    (root / "out").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = root / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return ingest(model, (root / "in").as_uri(), (root / "out").as_uri(), container_root=root,
                  allowed_hosts=(), report=lambda progress, text: None, layout=layout, **options)


def written(root: Path) -> "list[str]":
    return sorted(path.relative_to(root / "out").as_posix()
                  for path in (root / "out").rglob("*") if path.is_file())


def test_each_era_writes_its_own_files(tmp_path: Path) -> None:
    converted(tmp_path / "a", {"m.gltf": triangle()}, layout=LAYOUT_2019)
    assert written(tmp_path / "a") == ["m.ezArchive", "m_materials.json"]
    converted(tmp_path / "b", {"m.gltf": triangle()})
    assert written(tmp_path / "b") == ["m.arrAsset", "m.info.json"]
    with read_archive(tmp_path / "b" / "out" / "m.arrAsset") as archive:
        assert archive.model == "m.gltf"


@pytest.mark.parametrize("layout, name, read", [
    (LAYOUT_2019, "ConversionSettings.json", "ModelIngestionSettings.json"),
    (LAYOUT_2019, "m.ConversionSettings.json", "ModelIngestionSettings.json"),
    (LAYOUT_2019, "modelingestionsettings.json", "ModelIngestionSettings.json"),
    (LAYOUT_2019, "m.MaterialOverrides.json", "ez.material-override"),
    (LAYOUT_2020, "ModelIngestionSettings.json", "m.ConversionSettings.json"),
    (LAYOUT_2020, "m.conversionsettings.json", "m.ConversionSettings.json"),
    (LAYOUT_2020, "m.materialoverrides.json", "m.MaterialOverrides.json"),
])
def test_a_file_of_another_era_is_a_warning_that_names_the_right_one(
        tmp_path: Path, layout: Layout, name: str, read: str) -> None:
    summary = converted(tmp_path, {"sub/m.gltf": triangle(), f"sub/{name}": {"scaling": 2}},
                        layout=layout, model="sub/m.gltf")
    assert summary.settings["scaling"] == 1.0
    assert len(summary.warnings) == 1
    assert summary.warnings[0].startswith(f"{name} is not read in this era")
    assert read in summary.warnings[0]
    assert summary.as_dict()["warnings"] == summary.warnings


def test_files_of_other_models_are_no_warning(tmp_path: Path) -> None:
    summary = converted(tmp_path, {
        "m.gltf": triangle(), "n.ConversionSettings.json": {}, "sub/ConversionSettings.json": {}},
        layout=LAYOUT_2019)
    assert not summary.warnings


def test_the_settings_of_the_model_come_before_those_of_the_folder(tmp_path: Path) -> None:
    files: Json = {"m.gltf": triangle(), "ConversionSettings.json": {"scaling": 2}}
    assert converted(tmp_path, files).settings["scaling"] == 2.0
    files["m.ConversionSettings.json"] = {"scaling": 3}
    assert converted(tmp_path, files).settings["scaling"] == 3.0


@pytest.mark.parametrize("settings", [
    {"deduplicateMaterials": False, "fbxAssumeMetallic": False, "metadataKeys": ["a"]},
    {"vertex": {"position": "16_16_16_16_FLOAT", "normal": "NONE", "texcoord1": "16_16_FLOAT"}}])
def test_settings_of_2020_are_taken(tmp_path: Path, settings: Json) -> None:
    found = converted(tmp_path, {"m.gltf": triangle(), "m.ConversionSettings.json": settings})
    assert {key: found.settings[key] for key in settings} == settings


@pytest.mark.parametrize("settings, reason", [
    ({"ez": {}}, "it has the unknown key 'ez'"),
    ({"meshType": "merge"}, "unknown key 'meshType'"),
    ({"scaling": 0}, "m.ConversionSettings.json: scaling must be a number above 0"),
    ({"metadataKeys": [1]}, "metadataKeys must be a list of strings"),
    ({"vertex": {"position": "NONE"}}, "an object whose position is"),
    ({"vertex": {"x": "NONE"}}, "vertex must be an object of position, color0"),
    ({"scaling": 1e308}, "m.ConversionSettings.json: scaling makes the model larger"),
    ({"material-override": "gone.json"}, "m.ConversionSettings.json: material-override names"),
])
def test_settings_that_2020_did_not_know_are_refused(
        tmp_path: Path, settings: Json, reason: str) -> None:
    with pytest.raises(IngestionError) as caught:
        converted(tmp_path, {"m.gltf": triangle(), "m.ConversionSettings.json": settings})
    assert reason in str(caught.value)
    report = json.loads((tmp_path / "out" / "m.result.json").read_bytes())
    assert report == {"error": "2007", "title": "The input asset is not valid.",
                      "details": {"message": str(caught.value)}}
    assert written(tmp_path) == ["m.result.json"]


def test_a_refused_ingestion_of_2019_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(IngestionError):
        converted(tmp_path, {"m.gltf": b"x"}, layout=LAYOUT_2019)
    assert written(tmp_path) == []


@pytest.mark.parametrize("named", [False, True])
def test_overrides_are_found_by_their_name_or_named(tmp_path: Path, named: bool) -> None:
    settings = {"material-override": "o.json"} if named else {}
    entries = [{"name": "R.*", "nameMatching": "regex", "roughness": 0}]
    converted(tmp_path, {
        "m.gltf": triangle(materials=[{"name": "Red"}, {"name": "Blue"}]),
        "m.ConversionSettings.json": settings,
        "o.json" if named else "m.MaterialOverrides.json": json.dumps(entries).encode()})
    info = json.loads((tmp_path / "out" / "m.info.json").read_bytes())
    assert info["materialOverrides"] == {"numOverrides": 1, "numOverriddenMaterials": 1}


def test_the_information_says_what_was_converted(tmp_path: Path) -> None:
    nodes = [{"children": [1]}, {"children": [2], "translation": [2, 0, 0]}, {"mesh": 0}]
    model = triangle(nodes=nodes, asset={"version": "2.0", "generator": "a test"})
    summary = converted(tmp_path, {"m.gltf": model,
                                   "m.ConversionSettings.json": {"recenterToOrigin": True}})
    info = json.loads((tmp_path / "out" / "m.info.json").read_bytes())
    assert info == {
        "files": {"input": "m.gltf"},
        "conversionSettings": summary.settings,
        "inputInfo": {"sourceAssetExtension": ".gltf", "sourceAssetFormat": "glTF",
                      "sourceAssetFormatVersion": "2.0", "sourceAssetGenerator": "a test"},
        "inputStatistics": {
            "numMeshes": 1, "numFaces": 1, "numVertices": 3, "numMaterial": 0,
            "numFacesSmallestMesh": 1, "numFacesBiggestMesh": 1, "numNodes": 3,
            "numMeshUsagesInScene": 1, "maxNodeDepth": 3},
        "outputInfo": {"conversionToolVersion": "arr.emulator",
                       "conversionHash": summary.archive_sha256},
        "outputStatistics": {
            "numMeshPartsCreated": 1, "numMeshPartsInstanced": 1,
            "recenteringOffset": [-3.0, -1.5, 0.5],
            "boundingBox": {"min": [-1.0, -1.5, -0.5], "max": [1.0, 1.5, 0.5]}}}


def test_of_fbx_only_what_is_known_is_said(tmp_path: Path) -> None:
    converted(tmp_path, {"m.fbx": binary(scene())}, model="m.fbx")
    info = json.loads((tmp_path / "out" / "m.info.json").read_bytes())
    assert info["inputStatistics"] == {"numMeshes": 1, "numMaterial": 0, "numNodes": 1}
    assert info["inputInfo"]["sourceAssetFormat"] == "FBX binary"
    assert info["outputStatistics"] == {}


def test_folders_of_both_containers_and_a_name_of_the_output(tmp_path: Path) -> None:
    summary = converted(
        tmp_path, {"cars/red/m.gltf": triangle(images=[{"uri": "../../outside.png"}]),
                   "outside.png": b"png", "cars/m.ConversionSettings.json": {}},
        model="red/m.gltf", input_prefix="cars/", output_prefix="done/today",
        output_name="x.arrAsset")
    assert written(tmp_path) == ["done/today/m.info.json", "done/today/x.arrAsset"]
    assert summary.outputs == ["m.info.json", "x.arrAsset"] and len(summary.warnings) == 1
    info = json.loads((tmp_path / "out" / "done" / "today" / "m.info.json").read_bytes())
    assert info["files"] == {"input": "red/m.gltf", "output": "x.arrAsset"}


def test_a_model_outside_the_folder_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match="Model not found: 'm.gltf'.*which has 'n.gltf'"):
        converted(tmp_path, {"m.gltf": triangle(), "cars/n.gltf": triangle()}, input_prefix="cars")


@pytest.mark.parametrize("prefix", ["..", "a/../..", "/etc", "a\\b"])
def test_a_folder_that_leads_elsewhere_is_refused(tmp_path: Path, prefix: str) -> None:
    for layout, field in ((LAYOUT_2019, "modelUrl"), (LAYOUT_2020, "input.folderPath"),
                          (LAYOUT_2021, "inputLocation.blobPrefix")):
        with pytest.raises(IngestionError, match=f"^{field} '"):
            converted(tmp_path, {"m.gltf": triangle()}, layout=layout, input_prefix=prefix)


@pytest.mark.parametrize("layout, model, source, target", [
    (LAYOUT_2019, "modelName", "modelUrl", "assetContainerUrl"),
    (LAYOUT_2020, "inputAssetPath", "input", "output"),
    (LAYOUT_2021, "relativeInputAssetPath", "inputLocation", "outputLocation")])
def test_texts_use_the_names_of_the_era(
        tmp_path: Path, layout: Layout, model: str, source: str, target: str) -> None:
    for name in ("in", "out"):
        (tmp_path / name).mkdir()
    there, gone = (tmp_path / "in").as_uri(), (tmp_path / "gone").as_uri()
    for arguments, text in (
            (("../m", there, there), f"^{model} '../m' has"), (("", there, there), f"^{model} is"),
            (("m", gone, there), f"^Container not found: {source} '"),
            (("m", there, gone), f"^Container not found: {target} '"),
            (("m", "x", there), f"^{source} must be a file:// URL"),
            (("m", there, "http://a.blob.core.windows.net/c"), f"^{target} must be an https://")):
        with pytest.raises(IngestionError, match=text):
            ingest(*arguments, container_root=tmp_path, allowed_hosts=["*.blob.core.windows.net"],
                   report=lambda progress, text: None, layout=layout)


def test_the_era_of_2021_has_the_files_of_2020() -> None:
    assert LAYOUT_2021._replace(names=LAYOUT_2020.names) == LAYOUT_2020
    assert LAYOUTS == {"2019": LAYOUT_2019, "2020": LAYOUT_2020, "2021": LAYOUT_2021}


def test_an_output_name_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match="The output name"):
        converted(tmp_path, {"m.gltf": triangle()}, output_name="../x.arrAsset")


def test_an_ingestion_carries_its_era_and_its_places_to_the_pipeline(tmp_path: Path) -> None:
    from arr.emulator._service.ingestions import Ingestion, IngestionPool, default_ingest, Work

    for name in ("in/cars", "out"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "in" / "cars" / "m.gltf").write_bytes(json.dumps(triangle()).encode())
    pool = IngestionPool(default_ingest, workers=1, container_root=tmp_path, allowed_hosts=())
    good, bad = (Ingestion("id", "account", Work(
        name, (tmp_path / "in").as_uri(), (tmp_path / "out").as_uri(), "2021", "cars/", "done/",
        "x.arrAsset"), created=0.0, visible_at=0.0) for name in ("m.gltf", "../m.gltf"))
    pool.submit(good)
    pool.submit(bad)
    assert pool.wait_idle(30)
    assert good.outcome == "Success"
    assert "done/x.arrAsset" in written(tmp_path)
    assert bad.reason.startswith("relativeInputAssetPath '../m.gltf'") and bad.cause == "asset"


def test_warnings_are_logged_and_shown(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    from arr.emulator import Emulator
    from arr.emulator._service.ingestions import Ingestion, Work

    run(tmp_path, {"m.gltf": triangle(images=[{"uri": "gone.png"}])})
    with Emulator(container_root=tmp_path, ingestion_seconds=0) as emulator:
        emulator._pool.submit(Ingestion("id", emulator.account_id, Work(
            "m.gltf", (tmp_path / "in").as_uri(), (tmp_path / "out").as_uri()),
            created=0.0, visible_at=0.0))
        assert emulator.wait_ingestions()
    assert "names the picture 'gone.png'" in caplog.text
