"""Overrides of materials: the schema of each era, what applies, and the materials file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arr.emulator._ingestion.name_patterns import effort
from arr.emulator._ingestion.override_schemas import OVERRIDES_2019, OVERRIDES_2020
from arr.emulator._ingestion.overrides import OverrideSchema, apply_overrides, parse_overrides
from arr.emulator._ingestion.pipeline import IngestionError

from ...support.fbx_files import binary, material, scene
from ...support.models import Json, data_uri, run, triangle, triangle_1


def refusal(entries: Any, schema: OverrideSchema = OVERRIDES_2019) -> str:
    with pytest.raises(IngestionError) as caught:
        parse_overrides(json.dumps(entries).encode(), "o.json", schema)
    return str(caught.value)


COLOR = {"r": 1, "g": 0.5, "b": 0}


@pytest.mark.parametrize("entry", [
    {"name": ""}, {"name": "A", "albedoColor": COLOR}, {"name": "A", "albedoColor": "<generated>"},
    {"name": "A", "emissiveColor": {**COLOR, "a": 1}, "textureCoordinateScale": {"x": 1, "y": 2}},
    {"name": "A", "metalness": "<generated>", "roughness": 0.5, "isDoubleSided": "<generated>"},
    {"name": "A", "transparent": True, "albedoMap": "a.png", "lightingMode": "PrecomputedDynamic"},
    {"name": "A", "vertexAlphaMode": "LightMask", "vertexColorMode": "Albedo", "unlit": True},
    {"name": "A", "compatibility": {"diffuseColor": COLOR, "opacity": 1, "bumpMap": "b.png"}},
])
def test_what_the_schema_of_2019_allows_is_taken(entry: Json) -> None:
    assert parse_overrides(json.dumps([entry]).encode(), "o.json", OVERRIDES_2019) == [entry]


@pytest.mark.parametrize("entries, reason", [
    ({}, "'o.json' must hold a list of objects, one for each material, not an object"),
    ([3], "'o.json'[0] must be an object, not 3"),
    ([{"name": "A"}, {}], "'o.json'[1] must have a \"name\""),
    ([{"name": 3}], "'o.json'[0].name must be a string, not 3"),
    ([{"name": "A", "colour": 1}], "'o.json'[0] has the unknown member 'colour'"),
    ([{"name": "A", "nameMatching": "regex"}], "unknown member 'nameMatching'"),
    ([{"name": "A", "roughness": True}], "roughness must be a number or \"<generated>\", not true"),
    ([{"name": "A", "aoScale": "<generated>"}], "aoScale must be a number, not '<generated>'"),
    ([{"name": "A", "albedoColor": {"r": 1, "g": 1}}], "an object with the numbers r, g, b and"),
    ([{"name": "A", "albedoColor": {**COLOR, "x": 1}}], "albedoColor must be an object with"),
    ([{"name": "A", "albedoColor": {**COLOR, "r": "1"}}], "albedoColor must be an object with"),
    ([{"name": "A", "albedoColor": {"a": 1}}], "albedoColor must be an object with"),
    ([{"name": "A", "textureCoordinateScale": {"x": 1}}], "an object with the numbers x, y"),
    ([{"name": "A", "lightingMode": "Static"}], '"Dynamic" or "Precomputed" or'),
    ([{"name": "A", "unlit": 1}], "unlit must be true or false, not 1"),
    ([{"name": "A", "albedoMap": 1}], "albedoMap must be a string, not 1"),
    ([{"name": "A", "compatibility": []}], "compatibility must be an object, not a list"),
    ([{"name": "A", "compatibility": {"x": 1}}], "must be an object of diffuseColor"),
    ([{"name": "A", "compatibility": {"opacity": "1"}}], "an object whose opacity is a number"),
    ([{"name": "A", "textureCoordinateScale": 1}], "an object with the numbers x, y, not 1."),
])
def test_what_the_schema_of_2019_does_not_allow_is_named(entries: Any, reason: str) -> None:
    assert reason in refusal(entries)


def test_a_member_that_stands_twice_is_refused() -> None:
    with pytest.raises(IngestionError, match="the key 'name' appears twice"):
        parse_overrides(b'[{"name": "A", "name": "B"}]', "o.json", OVERRIDES_2019)


@pytest.mark.parametrize("entry", [
    {"name": "A", "albedoColor": COLOR}, {"name": "A", "albedoColor": {**COLOR, "a": 0}},
    {"name": "A", "albedoColor": {"a": 0.5}}, {"name": "a" * 1000, "nameMatching": "regex"},
    {"name": "a?" * 27, "nameMatching": "regex"}, {"name": "A", "ignoreTextureMaps": []}])
def test_what_the_schema_of_2020_allows_is_taken(entry: Json) -> None:
    assert parse_overrides(json.dumps([entry]).encode(), "o.json", OVERRIDES_2020) == [entry]


@pytest.mark.parametrize("entries, reason", [
    ([{"name": "A", "emissiveColor": COLOR}], "unknown member 'emissiveColor'"),
    ([{"name": "A", "metalness": "<generated>"}], "metalness must be a number, not"),
    ([{"name": "A", "albedoColor": {"r": 1, "a": 1}}], "or only a"),
    ([{"name": "A", "ignoreTextureMaps": ["albedoMap"]}], "a list of AlbedoMap, EmissiveMap"),
    ([{"name": "A", "nameMatching": "glob"}], '"exact" or "regex"'),
    ([{"name": "(", "nameMatching": "regex"}], "'o.json'[0].name is not a valid pattern"),
    ([{"name": "a" * 1001, "nameMatching": "regex"}], "more than 1000 characters"),
    ([{"name": "(a+)+b", "nameMatching": "regex"}], "may take very long to match"),
])
def test_what_the_schema_of_2020_does_not_allow_is_named(entries: Any, reason: str) -> None:
    assert reason in refusal(entries, OVERRIDES_2020)


def test_a_name_that_is_no_pattern_may_be_any_text() -> None:
    entries = [{"name": "("}, {"name": "(a+)+b", "nameMatching": "exact"}]
    assert parse_overrides(json.dumps(entries).encode(), "o.json", OVERRIDES_2020) == entries


@pytest.mark.parametrize("pattern, most", [
    ("abc", 0), ("a?b|c", 1), ("[*+?]x", 0), (r"\*\+\(", 0), ("a*b+", 16), ("(?:a|b)c", 1),
    ("(?<n>x)+", 8), ("a{3}", 0), ("a{1,9}", 8), ("a*?", 8), ("[a]*", 8), ("[]*]+", 8), ("[*", 0),
    ("(a)|b", 0), ("a)*", 8)])
def test_the_effort_of_a_pattern_is_counted(pattern: str, most: float) -> None:
    assert effort(pattern) == most


@pytest.mark.parametrize("pattern", [
    "a?" * 28, "(a*)*", "((a|b)c)+", "(a?){9}", "a*a*a*a*", "(a|a)" * 28, "(?:x{1,}y)*"])
def test_a_pattern_that_could_run_for_hours_is_refused(pattern: str) -> None:
    assert effort(pattern) > 27


def applied(schema: OverrideSchema, entries: list[Json], *names: str) -> list[Any]:
    entries = parse_overrides(json.dumps(entries).encode(), "o", schema)
    changed, _, _ = apply_overrides([{"name": name} for name in names], entries, schema)
    return [each.get("roughness") for each in changed]


def test_in_2019_names_match_exactly_and_all_entries_apply() -> None:
    entries: list[Json] = [{"name": "A", "roughness": 1}, {"name": "A", "roughness": 2},
                           {"name": ".*", "roughness": 3}]
    assert applied(OVERRIDES_2019, entries, "A", "a", "A ") == [2, None, None]


def test_in_2020_an_exact_name_comes_first_then_the_first_pattern() -> None:
    entries: list[Json] = [
        {"name": "(?<kind>Car|Bike)[0-9]", "nameMatching": "regex", "roughness": 1},
        {"name": ".*", "nameMatching": "regex", "roughness": 2},
        {"name": "Car2", "nameMatching": "exact", "roughness": 3}, {"name": "x", "roughness": 4}]
    assert applied(OVERRIDES_2020, entries, "Car1", "Car2", "Car", "x", "y" * 256, "y" * 257) == [
        1, 3, 2, 4, 2, None]


@pytest.mark.parametrize("passed, refused", [(10.0, False), (10.1, True)])
def test_patterns_that_take_too_long_are_given_up(
        monkeypatch: pytest.MonkeyPatch, passed: float, refused: bool) -> None:
    times = iter((100.0, 100.0 + passed))
    monkeypatch.setattr("arr.emulator._ingestion.overrides.time.monotonic", lambda: next(times))
    try:
        assert applied(OVERRIDES_2020, [{"name": "A", "roughness": 1}], "A") == [1]
        assert not refused
    except IngestionError as error:
        assert refused and "take too long to match" in str(error)


def test_colours_merge_maps_are_ignored_and_generated_values_stay() -> None:
    material: Json = {"name": "A", "albedoColor": {"r": 1, "g": 1, "b": 1, "a": 1}, "roughness": 1,
                      "albedoMap": "a.png", "normalMap": "n.png"}
    entry: Json = {"name": "A", "albedoColor": {"a": 0.5}, "ignoreTextureMaps": ["AlbedoMap"]}
    changed, count, unused = apply_overrides([material], [entry, {"name": "B"}], OVERRIDES_2020)
    assert changed == [{"name": "A", "albedoColor": {"r": 1, "g": 1, "b": 1, "a": 0.5},
                        "roughness": 1, "normalMap": "n.png"}]
    assert (count, unused) == (1, ["B"])
    changed, _, _ = apply_overrides([material], [{"name": "A", "roughness": "<generated>"}],
                                    OVERRIDES_2019)
    assert changed == [material]


def test_other_objects_are_replaced_and_a_generated_colour_stays() -> None:
    material: Json = {"name": "A", "albedoColor": {"r": 1}, "emissiveColor": {**COLOR, "a": 1}}
    entry: Json = {"name": "A", "albedoColor": "<generated>", "emissiveColor": COLOR}
    changed, _, _ = apply_overrides([material], [entry], OVERRIDES_2019)
    assert changed == [{"name": "A", "albedoColor": {"r": 1}, "emissiveColor": COLOR}]


def materials(root: Path, model: Any, **files: Any) -> list[Any]:
    run(root, {"sub/m.gltf": model, **{f"sub/{name}": data for name, data in files.items()}})
    written: list[Any] = json.loads((root / "out" / "m_materials.json").read_bytes())
    return written


def rich() -> Json:
    return triangle(
        images=[{"uri": "gone.png"}, {"uri": "tex/a%20b.png"}, {"uri": data_uri(b"png")}],
        textures=[{"source": 1}, {"source": 0}, {"source": 2}, {}],
        materials=[
            {"name": "Red", "alphaMode": "MASK", "doubleSided": True,
             "pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 0.5], "metallicFactor": 0,
                                      "roughnessFactor": 0.25, "baseColorTexture": {"index": 0},
                                      "metallicRoughnessTexture": {"index": 0}},
             "emissiveFactor": [0, 0, 1], "normalTexture": {"index": 1},
             "occlusionTexture": {"index": 2}, "emissiveTexture": {"index": 3}},
            {"alphaMode": "BLEND", "extensions": {"KHR_materials_unlit": {}}}])


def test_the_materials_file_says_what_the_model_says(tmp_path: Path) -> None:
    found = materials(tmp_path, rich(), **{"tex/a b.png": b"png"})
    assert found == [
        {"name": "Red", "albedoColor": {"r": 1, "g": 0, "b": 0, "a": 0.5}, "metalness": 0,
         "roughness": 0.25, "emissiveColor": {"r": 0, "g": 0, "b": 1}, "alphaClipEnabled": True,
         "alphaClipThreshold": 0.5, "transparent": False, "isDoubleSided": True,
         "albedoMap": "sub/tex/a b.png", "metalnessMap": "sub/tex/a b.png",
         "roughnessMap": "sub/tex/a b.png"},
        {"name": "", "albedoColor": {"r": 1, "g": 1, "b": 1, "a": 1}, "metalness": 1,
         "roughness": 1, "emissiveColor": {"r": 0, "g": 0, "b": 0}, "alphaClipEnabled": False,
         "transparent": True, "isDoubleSided": False, "unlit": True}]


def test_the_materials_file_is_itself_an_override_file(tmp_path: Path) -> None:
    materials(tmp_path, rich())
    parse_overrides((tmp_path / "out" / "m_materials.json").read_bytes(), "o", OVERRIDES_2019)


@pytest.mark.parametrize("model, names", [
    (triangle(), []), (triangle_1(), [""]),
    (binary(scene(material("Red"), material("Blue"))), ["Red", "Blue"])])
def test_every_format_has_a_materials_file(tmp_path: Path, model: Any, names: list[str]) -> None:
    assert [each["name"] for each in materials(tmp_path, model)] == names


def test_overrides_are_applied_in_the_materials_file(tmp_path: Path) -> None:
    settings = {"ez": {"material-override": "o.json", "unlitMaterials": True}}
    overrides = [{"name": "Red", "roughness": 1, "unlit": False}, {"name": "Pink", "roughness": 1}]
    run(tmp_path, {"m.gltf": rich(), "ModelIngestionSettings.json": settings,
                   "o.json": json.dumps(overrides).encode()})
    red, other = json.loads((tmp_path / "out" / "m_materials.json").read_bytes())
    assert (red["roughness"], red["unlit"], other["unlit"]) == (1, False, True)


def test_an_override_for_no_material_is_a_warning(tmp_path: Path) -> None:
    settings = {"ez": {"material-override": "o.json"}}
    for count, named in ((1, "'0'"), (8, ", ".join(f"'{i}'" for i in range(8))),
                         (9, ", ".join(f"'{i}'" for i in range(8)) + " and so on, 9 in all")):
        overrides = json.dumps([{"name": str(i)} for i in range(count)]).encode()
        summary = run(tmp_path, {"m.gltf": triangle(), "ModelIngestionSettings.json": settings,
                                 "o.json": overrides})
        assert summary.warnings == [
            f"No material is named {named}, so these overrides apply to nothing."]


@pytest.mark.parametrize("material, reason", [
    ({"name": 3}, "materials[0].name must be a string"),
    ({"alphaMode": "GLASS"}, "materials[0].alphaMode must be one of OPAQUE"),
    ({"alphaMode": "MASK", "alphaCutoff": "x"}, "materials[0].alphaCutoff must be a finite number"),
    ({"pbrMetallicRoughness": {"baseColorFactor": [1]}}, "baseColorFactor must be a list of 4"),
    ({"doubleSided": 1}, "materials[0].doubleSided must be true or false"),
])
def test_a_material_that_says_nothing_sensible_is_refused(
        tmp_path: Path, material: Json, reason: str) -> None:
    with pytest.raises(IngestionError) as caught:
        run(tmp_path, {"m.gltf": triangle(materials=[material])})
    assert reason in str(caught.value)
