"""Reads a glTF file's version, tables and references, and checks them.

glTF 1.0 keeps dictionaries keyed by id where 2.0 keeps lists keyed by position. Here both are
tables, dictionaries from key to object, so that everything above reads them alike.
"""

from __future__ import annotations

from typing import Any, Iterator, Union

from ..refusals import IngestionError, MAX_MATERIALS, MAX_OBJECTS, shown
from ..strict_json import Fields
from .gltf_extensions import REQUIRED_IN_1, SUPPORTED, hint

Key = Union[int, str]

# Table, path inside its objects ([] every item, {} every value), table that it refers to.
_REFERENCES_2 = (
    ("accessors", "bufferView", "bufferViews"),
    ("accessors", "sparse.indices.bufferView", "bufferViews"),
    ("accessors", "sparse.values.bufferView", "bufferViews"),
    ("animations", "channels[].target.node", "nodes"),
    ("animations", "samplers[].input", "accessors"),
    ("animations", "samplers[].output", "accessors"),
    ("bufferViews", "buffer", "buffers"),
    ("images", "bufferView", "bufferViews"),
    ("materials", "emissiveTexture.index", "textures"),
    ("materials", "normalTexture.index", "textures"),
    ("materials", "occlusionTexture.index", "textures"),
    ("materials", "pbrMetallicRoughness.baseColorTexture.index", "textures"),
    ("materials", "pbrMetallicRoughness.metallicRoughnessTexture.index", "textures"),
    ("meshes", "primitives[].attributes{}", "accessors"),
    ("meshes", "primitives[].indices", "accessors"),
    ("meshes", "primitives[].material", "materials"),
    ("meshes", "primitives[].targets[]{}", "accessors"),
    ("nodes", "camera", "cameras"),
    ("nodes", "children[]", "nodes"),
    ("nodes", "mesh", "meshes"),
    ("nodes", "skin", "skins"),
    ("scenes", "nodes[]", "nodes"),
    ("skins", "inverseBindMatrices", "accessors"),
    ("skins", "joints[]", "nodes"),
    ("skins", "skeleton", "nodes"),
    ("textures", "sampler", "samplers"),
    ("textures", "source", "images"),
)
_REFERENCES_1 = (
    ("accessors", "bufferView", "bufferViews"),
    ("bufferViews", "buffer", "buffers"),
    ("images", "extensions.KHR_binary_glTF.bufferView", "bufferViews"),
    ("materials", "technique", "techniques"),
    ("meshes", "primitives[].attributes{}", "accessors"),
    ("meshes", "primitives[].indices", "accessors"),
    ("meshes", "primitives[].material", "materials"),
    ("nodes", "camera", "cameras"),
    ("nodes", "children[]", "nodes"),
    ("nodes", "meshes[]", "meshes"),
    ("nodes", "skin", "skins"),
    ("programs", "fragmentShader", "shaders"),
    ("programs", "vertexShader", "shaders"),
    ("scenes", "nodes[]", "nodes"),
    ("shaders", "extensions.KHR_binary_glTF.bufferView", "bufferViews"),
    ("skins", "inverseBindMatrices", "accessors"),
    ("techniques", "program", "programs"),
    ("textures", "sampler", "samplers"),
    ("textures", "source", "images"),
)


class Document:
    """The tables of one glTF file, with no reference that leads nowhere."""

    def __init__(self, parsed: object) -> None:
        self.root = Fields(parsed, "The glTF file")
        asset = self.root.child("asset") or Fields({}, "asset")
        self.generator = asset.text("generator", "")
        self.version = self._version(asset)
        self._tables: dict[str, dict[Key, Fields]] = {}
        self._check_extensions()
        for table, path, target in _REFERENCES_1 if self.version == 1 else _REFERENCES_2:
            for item in self.table(table).values():
                for holder, place, where in _values(item.data, path, item.where):
                    holder[place] = self.reference(target, holder[place], where)

    def table(self, name: str) -> dict[Key, Fields]:
        """Return all objects of a kind by their key."""
        if name not in self._tables:
            rows = self.root.data.get(name, {} if self.version == 1 else [])
            limit = MAX_MATERIALS if name == "materials" else MAX_OBJECTS
            if isinstance(rows, (dict, list)) and len(rows) > limit:
                raise IngestionError(f"The model has {len(rows):,} {name}; {limit:,} is the limit.")
            if not isinstance(rows, dict if self.version == 1 else list):
                raise self.root.bad(name, "a dictionary" if self.version == 1 else "a list")
            pairs = rows.items() if isinstance(rows, dict) else enumerate(rows)
            self._tables[name] = {
                key: Fields(value, f"{name}[{shown(key)}]") for key, value in pairs}
        return self._tables[name]

    def reference(self, table: str, key: object, where: str) -> Key:
        """Return the key of an object, or refuse a reference to one that is not there."""
        # 1.0 is an integer for a schema, and some exporters write it.
        if isinstance(key, float) and key.is_integer():
            key = int(key)
        good = isinstance(key, str) if self.version == 1 \
            else isinstance(key, int) and not isinstance(key, bool)
        if not good or not isinstance(key, (int, str)):  # the second is for type checkers
            raise IngestionError(
                f"{where} must be {'an id' if self.version == 1 else 'an index'} into {table}, "
                f"not {shown(key)}.")
        rows = self.table(table)
        if key not in rows:
            there = f"{table} has {len(rows)} entries" if rows else f"there are no {table}"
            raise IngestionError(f"{where} refers to {table}[{shown(key)}], but {there}.")
        return key

    def _version(self, asset: Fields) -> int:
        text = _number(asset, "version", "")
        tables = [self.root.data.get(name) for name in ("meshes", "nodes", "scenes", "buffers")]
        if text in ("1", "1.0", "1.0.0", "1.0.1", "1.1") or (
                not text and any(isinstance(table, dict) for table in tables)):
            return 1
        if text == "2" or text.startswith("2."):
            minimum = _number(asset, "minVersion", "2.0")
            if minimum != "2.0":
                raise IngestionError(
                    f"The model needs a reader of glTF {shown(minimum)} or later; this one reads "
                    "1.0 and 2.0.")
            return 2
        if not text:
            raise IngestionError(
                "The JSON file is not glTF: it has no asset.version, which glTF 2.0 requires.")
        raise IngestionError(
            f"The model is of glTF version {shown(text)}; versions 1.0 and 2.0 are supported.")

    def _check_extensions(self) -> None:
        key = "extensionsUsed" if self.version == 1 else "extensionsRequired"
        for name in self.root.array(key):
            if not isinstance(name, str):
                raise self.root.bad(key, "a list of names")
            if self.version == 1 and name not in REQUIRED_IN_1:
                continue
            if name not in SUPPORTED:
                raise IngestionError(
                    f"The model requires the extension {shown(name)}, which is not supported"
                    f"{hint(name)}.")


def _number(asset: Fields, key: str, default: str) -> str:
    """Return a version as text; early files have it as a number."""
    value = asset.data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise asset.bad(key, "a string")
    return str(value)[:20]


def _values(value: Any, path: str, where: str) -> Iterator[tuple[Any, Any, str]]:
    """Yield what a path leads to below a value: what holds it, its key there, and its place.

    What is absent is skipped.
    """
    todo: list[tuple[Any, Any, str, str]] = [([value], 0, path, where)]
    while todo:
        holder, place, path, where = todo.pop()
        value = holder[place]
        if not path:
            yield holder, place, where
        elif path.startswith("[]"):
            if not isinstance(value, list):
                raise IngestionError(f"{where} must be a list, not {shown(value)}.")
            todo += [(value, i, path[2:], f"{where}[{i}]") for i in range(len(value))]
        elif path.startswith("{}"):
            fields = Fields(value, where)
            todo += [(value, key, path[2:], f"{where}[{shown(key)}]") for key in fields.data]
        else:
            fields = Fields(value, where)
            path = path.lstrip(".")
            end = next((i for i, c in enumerate(path) if c in ".[{"), len(path))
            if path[:end] in fields.data:
                todo.append((value, path[:end], path[end:], f"{where}.{path[:end]}"))
