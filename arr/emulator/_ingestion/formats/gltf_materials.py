"""Translates materials of glTF into the words of ARR, as its documentation maps them."""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from ..refusals import IngestionError
from ..strict_json import Fields
from .material import Material

_MODES = ("OPAQUE", "MASK", "BLEND")
_NOTHING = Fields({}, "")


class GltfMaterial(NamedTuple):
    """A material whose maps are still indices of textures."""

    name: str
    values: dict[str, Any]
    maps: dict[str, int]

    def resolved(self, path: Callable[[int], str | None]) -> Material:
        """Return the material with the paths of its maps; one inside the model has none."""
        found = {key: path(texture) for key, texture in self.maps.items()}
        return Material(self.name, {**self.values, **{
            key: name for key, name in found.items() if name is not None}})


def material_of(row: Fields, *, first: bool) -> GltfMaterial:
    """Return what a row of the table says; of glTF 1.0, whose shaders say all, the name."""
    name = row.text("name", "")
    if first:
        return GltfMaterial(name, {}, {})
    pbr = row.child("pbrMetallicRoughness") or _NOTHING
    mode = row.text("alphaMode", "OPAQUE")
    if mode not in _MODES:
        raise row.bad("alphaMode", "one of " + ", ".join(_MODES))
    values: dict[str, Any] = {
        "albedoColor": dict(zip("rgba", pbr.numbers("baseColorFactor", 4) or (1.0,) * 4)),
        "metalness": _number(pbr, "metallicFactor", 1.0),
        "roughness": _number(pbr, "roughnessFactor", 1.0),
        "emissiveColor": dict(zip("rgb", row.numbers("emissiveFactor", 3) or (0.0,) * 3)),
        "alphaClipEnabled": mode == "MASK",
        "transparent": mode == "BLEND",
        "isDoubleSided": row.flag("doubleSided"),
    }
    if mode == "MASK":
        values["alphaClipThreshold"] = _number(row, "alphaCutoff", 0.5)
    extensions = row.child("extensions")
    if extensions is not None and "KHR_materials_unlit" in extensions:
        values["unlit"] = True
    maps = {
        "albedoMap": _texture(pbr, "baseColorTexture"),
        "metalnessMap": _texture(pbr, "metallicRoughnessTexture"),
        "roughnessMap": _texture(pbr, "metallicRoughnessTexture"),
        "normalMap": _texture(row, "normalTexture"),
        "occlusionMap": _texture(row, "occlusionTexture"),
        "emissiveMap": _texture(row, "emissiveTexture")}
    return GltfMaterial(name, values, {key: texture for key, texture in maps.items()
                                       if texture >= 0})


def _texture(fields: Fields, key: str) -> int:
    texture = fields.child(key)
    return texture.integer("index") if texture and "index" in texture else -1


def _number(fields: Fields, key: str, default: float) -> float:
    if key not in fields:
        return default
    try:
        found = Fields({key: [fields.data[key]]}, fields.where).numbers(key, 1)
    except IngestionError:
        raise fields.bad(key, "a finite number") from None
    return found[0] if found else default
