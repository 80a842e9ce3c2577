"""The settings files of both eras: ``ModelIngestionSettings.json`` and ``ConversionSettings.json``.

The file lies beside the model. In December 2019 it holds one object, ``ez``; the documentation
gives a schema and prose, and they disagree in three places; decided here once:

* ``meshType`` is "merge" by default, as the schema says (prose: "compact").
* ``numberOfMergedMeshes`` is 16 by default, as the schema says (prose: 12).
* ``gammaToLinearMaterial`` and ``gammaToLinearVertex`` are true by default for FBX models and
  false for others, as the prose says: a schema cannot tell that (it says false).

From 2020 on the file is the object itself, without the last two keys above and with four more.
"""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Union

from .checks import Check, each, flag, is_number, object_of, one_of, text
from .refusals import IngestionError, shown
from .strict_json import load_json

FILE_NAME = "ModelIngestionSettings.json"
MAX_SETTINGS_BYTES = 1 << 20

Value = Union[bool, float, str, List[str], Dict[str, str]]
Settings = Dict[str, Value]


class SettingsSchema(NamedTuple):
    """The keys of a settings file with their defaults, and the object around them, if any."""

    keys: dict[str, tuple[Value, Check]]
    around: str


_AXES = ("default", "+x", "-x", "+y", "-y", "+z", "-z")


def _spelled(value: object) -> str:
    if isinstance(value, list) and len(value) <= 6:
        return f"[{', '.join(map(shown, value))}]"
    return shown(value)


def _scaling(value: object) -> str:
    good = isinstance(value, (int, float)) and is_number(value) and value > 0
    return "" if good else "a number above 0"


def _count(value: object) -> str:
    good = isinstance(value, (int, float)) and is_number(value) and value == int(value) \
        and 1 <= value < 1 << 31
    return "" if good else "an integer from 1"


def _axis(value: object) -> str:
    if not isinstance(value, list) or len(value) != 3 \
            or not all(isinstance(name, str) and name in _AXES for name in value):
        return "a list of three different axes, each of " + ", ".join(
            f'"{name}"' for name in _AXES)
    used = {"xyz"[place] if name == "default" else name[1] for place, name in enumerate(value)}
    if len(used) < 3:
        return 'a list of three different axes ("default" stands for the axis of its place)'
    return ""


def _names(value: object) -> str:
    good = isinstance(value, list) and all(isinstance(name, str) for name in value)
    return "" if good else "a list of strings"


_COMMON: dict[str, tuple[Value, Check]] = {
    "scaling": (1.0, _scaling),
    "recenterToOrigin": (False, flag),
    "opaqueMaterialDefaultSidedness": ("DoubleSided", one_of("SingleSided", "DoubleSided")),
    "material-override": ("", text),
    "gammaToLinearMaterial": (False, flag),
    "gammaToLinearVertex": (False, flag),
    "sceneGraphMode": ("dynamic", one_of("none", "static", "dynamic")),
    "generateCollisionMesh": (True, flag),
    "unlitMaterials": (False, flag),
    "axis": (["default", "default", "default"], _axis),
}

SETTINGS_2019 = SettingsSchema({
    **_COMMON,
    "meshType": ("merge", one_of("merge", "compact")),
    "numberOfMergedMeshes": (16, _count),
}, "ez")

SETTINGS_2020 = SettingsSchema({
    **_COMMON,
    "deduplicateMaterials": (True, flag),
    "fbxAssumeMetallic": (True, flag),
    "metadataKeys": ([], _names),
    "vertex": ({}, object_of({
        "position": one_of("32_32_32_FLOAT", "16_16_16_16_FLOAT"),
        **each("color0 color1", one_of("NONE", "8_8_8_8_UNSIGNED_NORMALIZED")),
        **each("normal tangent binormal", one_of(
            "NONE", "8_8_8_8_SIGNED_NORMALIZED", "16_16_16_16_FLOAT")),
        **each("texcoord0 texcoord1", one_of("NONE", "32_32_FLOAT", "16_16_FLOAT"))})),
}, "")


def default_settings(*, fbx: bool, schema: SettingsSchema = SETTINGS_2019) -> Settings:
    """Return the settings of a model without a settings file."""
    settings: Settings = {
        key: list(value) if isinstance(value, list) else value
        for key, (value, _) in schema.keys.items()}
    settings["gammaToLinearMaterial"] = settings["gammaToLinearVertex"] = fbx
    return settings


def parse_settings(data: bytes, *, fbx: bool, schema: SettingsSchema = SETTINGS_2019,
                   name: str = FILE_NAME) -> Settings:
    """Return the settings that a settings file gives, the defaults filled in."""
    given = load_json(data, name, unique=True)
    if not isinstance(given, dict):
        raise IngestionError(f"{name} must hold a JSON object, not {shown(given)}.")
    prefix = ""
    if schema.around:
        given, prefix = _inner(given, name, schema.around), f"{schema.around}."
    settings = default_settings(fbx=fbx, schema=schema)
    for key, value in given.items():
        if key not in schema.keys:
            raise IngestionError(
                f"{name}: {schema.around or 'it'} has the unknown key {shown(key)}; the known ones "
                f"are {', '.join(schema.keys)}.")
        expected = schema.keys[key][1](value)
        if expected:
            raise IngestionError(
                f"{name}: {prefix}{key} must be {expected}, not {_spelled(value)}.")
        default = schema.keys[key][0]
        settings[key] = type(default)(value) if is_number(default) else value
    return settings


def _inner(given: "dict[str, object]", name: str, around: str) -> "dict[str, object]":
    for key in given:
        if key != around:
            raise IngestionError(
                f'{name} has the unknown key {shown(key)}; the only one is "{around}".')
    inner = given.get(around, {})
    if not isinstance(inner, dict):
        raise IngestionError(f"{name}: {around} must be a JSON object, not {shown(inner)}.")
    return inner
