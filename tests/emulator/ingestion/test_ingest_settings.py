"""ModelIngestionSettings.json: defaults, what is refused, and what the settings do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from arr.emulator._ingestion.pipeline import IngestionError
from arr.emulator._ingestion.settings import (
    SETTINGS_2020, default_settings, parse_settings,
)

from ...support.models import Json, bounds, run, triangle


def parse(text: str) -> Json:
    return dict(parse_settings(text.encode(), fbx=False))


def test_the_defaults_are_the_documented_ones() -> None:
    assert parse("{}") == parse('{"ez": {}}') == default_settings(fbx=False) == {
        "scaling": 1.0, "recenterToOrigin": False,
        "opaqueMaterialDefaultSidedness": "DoubleSided", "material-override": "",
        "gammaToLinearMaterial": False, "gammaToLinearVertex": False,
        "sceneGraphMode": "dynamic", "generateCollisionMesh": True, "unlitMaterials": False,
        "axis": ["default", "default", "default"], "meshType": "merge",
        "numberOfMergedMeshes": 16}


def test_the_defaults_of_2020_are_the_documented_ones() -> None:
    assert default_settings(fbx=False, schema=SETTINGS_2020) == {
        "scaling": 1.0, "recenterToOrigin": False,
        "opaqueMaterialDefaultSidedness": "DoubleSided", "material-override": "",
        "gammaToLinearMaterial": False, "gammaToLinearVertex": False,
        "sceneGraphMode": "dynamic", "generateCollisionMesh": True, "unlitMaterials": False,
        "axis": ["default", "default", "default"], "deduplicateMaterials": True,
        "fbxAssumeMetallic": True, "metadataKeys": [], "vertex": {}}


def test_nobody_shares_the_defaults_that_are_lists() -> None:
    axis = default_settings(fbx=False)["axis"]
    assert isinstance(axis, list)
    axis.clear()
    assert default_settings(fbx=False)["axis"] == ["default"] * 3


@pytest.mark.parametrize("key, value, kept", [
    ("scaling", "2", "2.0"), ("scaling", "1e-300", "1e-300"), ("numberOfMergedMeshes", "3.0", "3"),
    ("numberOfMergedMeshes", "1", "1"), ("numberOfMergedMeshes", "2147483647", "2147483647"),
    ("generateCollisionMesh", "false", "False")])
def test_a_number_is_kept_in_the_type_of_its_default(key: str, value: str, kept: str) -> None:
    assert repr(parse(f'{{"ez": {{"{key}": {value}}}}}')[key]) == kept


def test_a_byte_order_mark_is_allowed() -> None:
    assert parse('\ufeff{"ez": {"scaling": 2}}')["scaling"] == 2.0


@pytest.mark.parametrize("text, reason", [
    ("", "not valid JSON"),
    ("[]", "must hold a JSON object, not a list"),
    ('{"EZ": {}}', "unknown key 'EZ'; the only one is \"ez\""),
    ('{"ez": []}', "ez must be a JSON object"),
    ('{"ez": {"scale": 1}}', "unknown key 'scale'; the known ones are scaling, recenterToOrigin"),
    ('{"ez": {"scaling": 1, "scaling": 2}}', "'scaling' appears twice"),
    ('{"ez": {"scaling": NaN}}', "NaN is not a JSON number"),
])
def test_a_file_of_the_wrong_shape_is_refused(text: str, reason: str) -> None:
    with pytest.raises(IngestionError, match=reason):
        parse(text)


@pytest.mark.parametrize("key, value, reason", [
    ("scaling", "0", "a number above 0, not 0"),
    ("scaling", "-1", "a number above 0, not -1"),
    ("scaling", "true", "a number above 0, not true"),
    ("scaling", '"1"', "a number above 0, not '1'"),
    ("scaling", "null", "a number above 0, not null"),
    ("scaling", "1e999", "a number above 0, not inf"),
    ("recenterToOrigin", "1", "true or false, not 1"),
    ("recenterToOrigin", '"true"', "true or false, not 'true'"),
    ("opaqueMaterialDefaultSidedness", '"doublesided"', '"SingleSided" or "DoubleSided"'),
    ("opaqueMaterialDefaultSidedness", "[]", "not []"),
    ("material-override", "3", "a string, not 3"),
    ("gammaToLinearMaterial", "0", "true or false"),
    ("gammaToLinearVertex", "null", "true or false"),
    ("sceneGraphMode", '"Static"', '"none" or "static" or "dynamic"'),
    ("generateCollisionMesh", "{}", "true or false, not an object"),
    ("unlitMaterials", "[]", "true or false"),
    ("axis", '["+x", "+y"]', "a list of three different axes"),
    ("axis", '"+x"', "a list of three different axes"),
    ("axis", "3", "a list of three different axes"),
    ("axis", '["+x", "+y"]', 'axes, each of "default", "+x", "-x", "+y", "-y", "+z", "-z", not'),
    ("axis", '["+x", "+y", "+z", "+z"]', "a list of three different axes"),
    ("axis", '["+x", "+y", "z"]', "not ['+x', '+y', 'z']"),
    ("axis", '[1, 2, 3, 4, 5, 6]', "not [1, 2, 3, 4, 5, 6]"),
    ("axis", '[1, 2, 3, 4, 5, 6, 7]', "not a list"),
    ("axis", '["+x", "-x", "+z"]', "three different axes"),
    ("axis", '["+y", "default", "+z"]', "three different axes"),
    ("axis", "[" * 500 + "]" * 500, "a list of three different axes"),
    ("meshType", '"both"', '"merge" or "compact"'),
    ("numberOfMergedMeshes", "0", "an integer from 1"),
    ("numberOfMergedMeshes", "1.5", "an integer from 1"),
    ("numberOfMergedMeshes", "2147483648", "an integer from 1"),
    ("numberOfMergedMeshes", "true", "an integer from 1"),
])
def test_a_bad_value_says_what_it_must_be(key: str, value: str, reason: str) -> None:
    with pytest.raises(IngestionError) as caught:
        parse(f'{{"ez": {{"{key}": {value}}}}}')
    assert f"ez.{key} must be" in str(caught.value) and reason in str(caught.value)


@pytest.mark.parametrize("settings, box", [
    ({}, ([0, 0, -1], [2, 3, 0])),
    ({"scaling": 2}, ([0, 0, -2], [4, 6, 0])),
    ({"recenterToOrigin": True}, ([-1, -1.5, -0.5], [1, 1.5, 0.5])),
    ({"scaling": 0.5, "recenterToOrigin": True}, ([-0.5, -0.75, -0.25], [0.5, 0.75, 0.25])),
    ({"axis": ["+x", "+z", "-y"]}, ([0, -1, -3], [2, 0, 0])),
    ({"axis": ["-x", "default", "+z"]}, ([-2, 0, -1], [0, 3, 0])),
])
def test_settings_apply_to_the_bounds(tmp_path: Path, settings: Json, box: Any) -> None:
    summary = run(tmp_path, {"m": triangle()}, settings={"ez": settings})
    assert bounds(summary) == box
    assert summary.as_dict()["sourceBounds"] == {"min": [0, 0, -1], "max": [2, 3, 0]}


def test_scaling_beyond_numbers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match="ez.scaling makes the model larger"):
        run(tmp_path, {"m": triangle()}, settings={"ez": {"scaling": 1.7e308}})


def test_only_the_file_beside_the_model_counts(tmp_path: Path) -> None:
    settings = {"ez": {"scaling": 2}}
    files: Any = {"a/m": triangle(), "ModelIngestionSettings.json": settings}
    assert run(tmp_path, files).settings["scaling"] == 1.0
    files["a/ModelIngestionSettings.json"] = settings
    assert run(tmp_path, files).settings["scaling"] == 2.0


def test_the_material_override_is_packed(tmp_path: Path) -> None:
    summary = run(tmp_path, {
        "a/m": triangle(), "a/over.json": b"[]",
        "a/ModelIngestionSettings.json": {"ez": {"material-override": "over.json"}}})
    assert [file.name for file in summary.files] == ["a/m", "a/over.json"]


@pytest.mark.parametrize("name, reason", [
    ("gone.json", "ez.material-override names the file 'gone.json', which is not"),
    ("../over.json", "ez.material-override"),
    ("/etc/passwd", "ez.material-override"),
    ("m.bin", "'m.bin' is not valid JSON"),
])
def test_a_material_override_that_cannot_be_read_is_refused(
        tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(IngestionError, match=reason):
        run(tmp_path, {"m": triangle(), "m.bin": b"x"},
            settings={"ez": {"material-override": name}})


def test_a_settings_file_above_its_limit_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match="too large"):
        run(tmp_path, {"m": triangle(), "ModelIngestionSettings.json": b" " * (1 << 20) + b"{}"})
