"""Materials of a glTF model in the words of ARR, as its documentation maps them."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from ..refusals import IngestionError
from ..strict_json import Fields
from .gltf_document import Document, Key
from .material import Material

_MODES = ("OPAQUE", "MASK", "BLEND")
_NOTHING = Fields({}, "")


def materials_of(document: Document, pictures: Mapping[Key, str | None]) -> Sequence[Material]:
    """Return the materials in their order; ``pictures`` are the names of the images' files."""
    rows = document.table("materials").values()
    if document.version == 1:  # techniques and shaders: no words of ARR
        return [Material(row.text("name", "")) for row in rows]
    sources = {key: texture.data.get("source")
               for key, texture in document.table("textures").items()}

    def path(fields: Fields, key: str) -> str | None:
        texture = fields.child(key)
        source = sources.get(texture.data["index"]) if texture and "index" in texture else None
        return None if source is None else pictures.get(source)

    return [Material(row.text("name", ""), _values(row, path)) for row in rows]


def _values(row: Fields, path: Any) -> dict[str, Any]:
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
        "albedoMap": path(pbr, "baseColorTexture"),
        "metalnessMap": path(pbr, "metallicRoughnessTexture"),
        "roughnessMap": path(pbr, "metallicRoughnessTexture"),
        "normalMap": path(row, "normalTexture"),
        "occlusionMap": path(row, "occlusionTexture"),
        "emissiveMap": path(row, "emissiveTexture")}
    values.update((key, name) for key, name in maps.items() if name is not None)
    return values


def _number(fields: Fields, key: str, default: float) -> float:
    if key not in fields:
        return default
    try:
        found = Fields({key: [fields.data[key]]}, fields.where).numbers(key, 1)
    except IngestionError:
        raise fields.bad(key, "a finite number") from None
    return found[0] if found else default
