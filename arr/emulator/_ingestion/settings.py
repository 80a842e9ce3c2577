"""``ModelIngestionSettings.json``: the options of an ingestion, as documented for 2019-12.

The file lies beside the model and holds one object, ``ez``. The documentation gives a schema and
prose, and they disagree in three places; decided here once:

* ``meshType`` is "merge" by default, as the schema says (prose: "compact").
* ``numberOfMergedMeshes`` is 16 by default, as the schema says (prose: 12).
* ``gammaToLinearMaterial`` and ``gammaToLinearVertex`` are true by default for FBX models and
  false for others, as the prose says: a schema cannot tell that (it says false).
"""

from __future__ import annotations

import math
from typing import Callable, Union

from .refusals import IngestionError, shown
from .strict_json import load_json

FILE_NAME = "ModelIngestionSettings.json"
MAX_SETTINGS_BYTES = 1 << 20

Value = Union[bool, float, str, list[str]]
Settings = dict[str, Value]
_Check = Callable[[object], str]  # returns what the value must be, or "" when it is that

_AXES = ("default", "+x", "-x", "+y", "-y", "+z", "-z")


def _spelled(value: object) -> str:
    if isinstance(value, list) and len(value) <= 6:
        return f"[{', '.join(map(shown, value))}]"
    return shown(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _flag(value: object) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _text(value: object) -> str:
    return "" if isinstance(value, str) else "a string"


def _scaling(value: object) -> str:
    good = isinstance(value, (int, float)) and _is_number(value) and 0 < value < math.inf
    return "" if good else "a number above 0"


def _count(value: object) -> str:
    good = isinstance(value, int) and _is_number(value) and 1 <= value < 1 << 31
    return "" if good else "a whole number from 1"


def _one_of(*names: str) -> _Check:
    expected = " or ".join(f'"{name}"' for name in names)
    return lambda value: "" if isinstance(value, str) and value in names else expected


def _axis(value: object) -> str:
    if not isinstance(value, list) or len(value) != 3 \
            or not all(isinstance(name, str) and name in _AXES for name in value):
        return "a list of three of " + ", ".join(f'"{name}"' for name in _AXES)
    used = {"xyz"[place] if name == "default" else name[1] for place, name in enumerate(value)}
    if len(used) < 3:
        return 'a list of three different axes ("default" stands for the axis of its place)'
    return ""


_KEYS: dict[str, tuple[Value, _Check]] = {
    "scaling": (1.0, _scaling),
    "recenterToOrigin": (False, _flag),
    "opaqueMaterialDefaultSidedness": ("DoubleSided", _one_of("SingleSided", "DoubleSided")),
    "material-override": ("", _text),
    "gammaToLinearMaterial": (False, _flag),
    "gammaToLinearVertex": (False, _flag),
    "sceneGraphMode": ("dynamic", _one_of("none", "static", "dynamic")),
    "generateCollisionMesh": (True, _flag),
    "unlitMaterials": (False, _flag),
    "axis": (["default", "default", "default"], _axis),
    "meshType": ("merge", _one_of("merge", "compact")),
    "numberOfMergedMeshes": (16, _count),
}


def default_settings(*, fbx: bool) -> Settings:
    """Return the settings of a model without a settings file."""
    settings: Settings = {
        key: list(value) if isinstance(value, list) else value
        for key, (value, _) in _KEYS.items()}
    settings["gammaToLinearMaterial"] = settings["gammaToLinearVertex"] = fbx
    return settings


def parse_settings(data: bytes, *, fbx: bool) -> Settings:
    """Return the settings that a settings file gives, the defaults filled in."""
    parsed = load_json(data, FILE_NAME, unique=True)
    if not isinstance(parsed, dict):
        raise IngestionError(f"{FILE_NAME} must hold a JSON object, not {shown(parsed)}.")
    for key in parsed:
        if key != "ez":
            raise IngestionError(
                f'{FILE_NAME} has the unknown key {shown(key)}; the only one is "ez".')
    given = parsed.get("ez", {})
    if not isinstance(given, dict):
        raise IngestionError(f"{FILE_NAME}: ez must be a JSON object, not {shown(given)}.")
    settings = default_settings(fbx=fbx)
    for key, value in given.items():
        if key not in _KEYS:
            raise IngestionError(
                f"{FILE_NAME}: ez has the unknown key {shown(key)}; the known ones are "
                f"{', '.join(_KEYS)}.")
        expected = _KEYS[key][1](value)
        if expected:
            raise IngestionError(
                f"{FILE_NAME}: ez.{key} must be {expected}, not {_spelled(value)}.")
        settings[key] = float(value) if key == "scaling" else value
    return settings
