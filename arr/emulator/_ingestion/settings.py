"""Reads ``ModelIngestionSettings.json``, the options of an ingestion, as of December 2019.

The file lies beside the model and holds one object, ``ez``. The documentation gives a schema and
prose, and they disagree in three places; decided here once:

* ``meshType`` is "merge" by default, as the schema says (prose: "compact").
* ``numberOfMergedMeshes`` is 16 by default, as the schema says (prose: 12).
* ``gammaToLinearMaterial`` and ``gammaToLinearVertex`` are true by default for FBX models and
  false for others, as the prose says: a schema cannot tell that (it says false).
"""

from __future__ import annotations

import math
from typing import Any, Callable, Iterable, NamedTuple, Union

from .refusals import IngestionError, shown
from .strict_json import load_json

FILE_NAME = "ModelIngestionSettings.json"
MAX_SETTINGS_BYTES = 1 << 20

Value = Union[bool, float, str, list[str]]
Settings = dict[str, Value]

_AXES = ("default", "+x", "-x", "+y", "-y", "+z", "-z")


def _spelled(value: object) -> str:
    if isinstance(value, list) and len(value) <= 6:
        return f"[{', '.join(map(shown, value))}]"
    return shown(value)


def _quoted(names: Iterable[str], between: str) -> str:
    return between.join(f'"{name}"' for name in names)


class _Key(NamedTuple):
    """A key of the file: its default, what it must be, and whether a value is that."""

    default: Value
    expected: str
    accepts: Callable[[Any], bool]


def _flag(default: bool) -> _Key:
    return _Key(default, "true or false", lambda value: isinstance(value, bool))


def _one_of(*names: str, default: str) -> _Key:
    return _Key(default, _quoted(names, " or "),
                lambda value: isinstance(value, str) and value in names)


def _is_number(value: object, *kinds: type) -> bool:
    return isinstance(value, kinds) and not isinstance(value, bool)


def _are_axes(value: object) -> bool:
    return (isinstance(value, list) and len(value) == 3
            and all(isinstance(name, str) and name in _AXES for name in value)
            and len({"xyz"[place] if name == "default" else name[1]
                     for place, name in enumerate(value)}) == 3)


_KEYS = {
    "scaling": _Key(1.0, "a number above 0", lambda value: _is_number(value, int, float)
                    and 0 < value < math.inf),
    "recenterToOrigin": _flag(False),
    "opaqueMaterialDefaultSidedness": _one_of("SingleSided", "DoubleSided",
                                              default="DoubleSided"),
    "material-override": _Key("", "a string", lambda value: isinstance(value, str)),
    "gammaToLinearMaterial": _flag(False),
    "gammaToLinearVertex": _flag(False),
    "sceneGraphMode": _one_of("none", "static", "dynamic", default="dynamic"),
    "generateCollisionMesh": _flag(True),
    "unlitMaterials": _flag(False),
    "axis": _Key(["default", "default", "default"],
                 f"a list of three different axes, each one of {_quoted(_AXES, ', ')} "
                 '("default" stands for the axis of its place)', _are_axes),
    "meshType": _one_of("merge", "compact", default="merge"),
    "numberOfMergedMeshes": _Key(16, "an integer from 1", lambda value: _is_number(value, int)
                                 and 1 <= value < 1 << 31),
}


def default_settings(*, fbx: bool) -> Settings:
    """Return the settings of a model without a settings file."""
    settings: Settings = {
        name: list(key.default) if isinstance(key.default, list) else key.default
        for name, key in _KEYS.items()}
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
        if not _KEYS[key].accepts(value):
            raise IngestionError(f"{FILE_NAME}: ez.{key} must be {_KEYS[key].expected}, not "
                                 f"{_spelled(value)}.")
        settings[key] = float(value) if key == "scaling" else value
    return settings
