"""Reads the tables of a glTF file, row by row, into arrays, and checks the references.

glTF 1.0 keeps dictionaries keyed by id where 2.0 keeps lists keyed by position. Its files are read
as a whole and their ids made into positions, so that everything above reads them alike.
"""

from __future__ import annotations

from array import array
from typing import Any, Callable, Iterator

from ..files import ModelFiles
from ..json_stream import JsonStream
from ..refusals import IngestionError, MAX_MATERIALS, MAX_OBJECTS, shown
from ..spool import Span, Spool
from ..strict_json import Fields, load_json
from .gltf_accessors import Accessors
from .gltf_extensions import REQUIRED_IN_1, SUPPORTED, hint
from .gltf_files import Files
from .gltf_materials import GltfMaterial, material_of
from .gltf_meshes import Meshes
from .gltf_nodes import Nodes
from .gltf_paths import REFERENCES_1, REFERENCES_2, TABLES, follow
from .gltf_references import References
from .gltf_views import Views

_ONE = ("1", "1.0", "1.0.0", "1.0.1", "1.1")
_OLD = ("meshes", "nodes", "scenes", "buffers")  # dictionaries of these mean glTF 1.0


class _IsOld(Exception):
    """The file is of glTF 1.0, or nothing that can be read row by row."""


def read_document(spool: Spool, text: Span, what: str, files: ModelFiles,
                  chunk: Span | None) -> Document:
    """Read a glTF file of either version."""
    try:
        document = Document(2, files, chunk)
        document.read_stream(JsonStream(spool, text, what))
    except _IsOld:
        parsed = load_json(spool.read(text), what)
        document = Document(1, files, chunk)
        document.read_old(parsed)
    document.close(spool)
    return document


class Document:
    """The tables of one glTF file."""

    def __init__(self, version: int, files: ModelFiles, chunk: Span | None) -> None:
        self.version = version
        self.generator = ""
        self.scene: object = None
        self.materials: list[GltfMaterial] = []
        self.sources = array("i")  # image of each texture, -1 without one
        self.scenes: list[array[int]] = []  # their nodes
        self.sizes: dict[str, int] = dict.fromkeys(TABLES, 0)
        self._keys: dict[str, list[str]] = {}  # of glTF 1.0
        self._has_version = False
        self._shaders = 0
        first = version == 1
        self._references = References(self.label)
        self.nodes = Nodes(self._references, self.label)
        self.meshes = Meshes(self._references, self.label)
        self.views = Views(self._references, self.label, first=first)
        self.accessors = Accessors(self._references, self.label, first=first)
        self.files = Files(self._references, self.label, files, chunk, first=first)
        self._rest: dict[str, list[tuple[str, str]]] = {}
        for table, path, target in REFERENCES_2:
            self._rest.setdefault(table, []).append((path, target))
        self._readers: dict[str, Callable[[Any], None]] = {
            "nodes": self.nodes.add, "meshes": self.meshes.add, "bufferViews": self.views.add,
            "accessors": self.accessors.add, "buffers": self.files.add_buffer,
            "images": self.files.add_image, "materials": self._add_material,
            "textures": self._add_texture, "shaders": self._add_shader}

    def label(self, table: str, index: int) -> str:
        """Return what people find a row by: its index, or its id in glTF 1.0."""
        if table == "scene":  # a member of the file itself
            return table
        keys = self._keys.get(table)
        return f"{table}[{shown(keys[index]) if keys else index}]"

    # -- glTF 2.0 ----------------------------------------------------------------------------

    def read_stream(self, stream: JsonStream) -> None:
        if stream.peek() != "{":
            Fields(stream.value(), "The glTF file")
        required: list[object] = []
        for key in stream.members():
            if key == "scenes":
                self._read_scenes(stream)
            elif key in TABLES:
                self._read_table(stream, key)
            elif key == "asset":
                self._read_asset(Fields(stream.value(), "asset"))
            elif key == "scene":
                self.scene = stream.value()
            elif key == "extensionsRequired":
                required = Fields({key: stream.value()}, "The glTF file").array(key)
            else:
                stream.value()
        stream.finish()
        if not self._has_version:
            raise _no_version()
        self._check_extensions(required)

    def _read_asset(self, asset: Fields) -> None:
        self.generator = asset.text("generator", "")[:200]
        text = _number(asset, "version", "")
        self._has_version = bool(text)
        if text in _ONE:
            raise _IsOld
        if text and text != "2" and not text.startswith("2."):
            raise _unknown_version(text)
        minimum = _number(asset, "minVersion", "2.0")
        if text and minimum != "2.0":
            raise IngestionError(
                f"The model needs a reader of glTF {shown(minimum)} or later; this one reads 1.0 "
                "and 2.0.")

    def _read_table(self, stream: JsonStream, table: str) -> None:
        if stream.peek() != "[":
            raise _IsOld
        limit = MAX_MATERIALS if table == "materials" else MAX_OBJECTS
        read, rest = self._readers.get(table), self._rest.get(table, ())
        slow = table not in ("nodes", "meshes", "accessors", "bufferViews")
        count = 0
        for row in stream.rows():
            if count == limit:
                raise IngestionError(f"The model has more than {limit:,} {table}.")
            if slow:
                self._follow(table, count, row, rest)
            if read is not None:
                read(row)
            count += 1
        self.sizes[table] = count

    def _follow(self, table: str, index: int, row: Any, rest: Any) -> None:
        where = self.label(table, index)
        Fields(row, where)
        for path, target in rest:
            for holder, place, at in follow(row, path, where):
                holder[place] = self._references[target].seen(
                    holder[place], table, index, at[len(where):])

    def _read_scenes(self, stream: JsonStream) -> None:
        if stream.peek() != "[":
            raise _IsOld
        for _ in stream.items():
            index = len(self.scenes)
            if index == MAX_OBJECTS:
                raise IngestionError(f"The model has more than {MAX_OBJECTS:,} scenes.")
            if stream.peek() != "{":
                Fields(stream.value(), self.label("scenes", index))
            nodes: array[int] = array("I")
            for key in stream.members():
                if key != "nodes":
                    stream.value()
                elif stream.peek() != "[":
                    Fields({key: stream.value()}, self.label("scenes", index)).array(key)
                else:
                    self._read_roots(stream.rows(), nodes, index)
            self.scenes.append(nodes)

    def _read_roots(self, values: Iterator[Any], nodes: array[int], scene: int) -> None:
        target = self._references["nodes"]
        for place, value in enumerate(values):
            if not (type(value) is int and 0 <= value <= target.high):
                value = target.seen(value, "scenes", scene, f".nodes[{place}]")
            nodes.append(value)

    # -- glTF 1.0 ----------------------------------------------------------------------------

    def read_old(self, parsed: object) -> None:
        root = Fields(parsed, "The glTF file")
        asset = root.child("asset") or Fields({}, "asset")
        text = _number(asset, "version", "")
        self.generator = asset.text("generator", "")[:200]
        if text not in _ONE and (text or not any(
                isinstance(root.data.get(table), dict) for table in _OLD)):
            for table in (*TABLES, "scenes"):
                if text and not isinstance(root.data.get(table, []), list):
                    raise root.bad(table, "a list")
            raise _unknown_version(text) if text else _no_version()
        tables: dict[str, dict[str, Any]] = {}
        for table in (*TABLES, "scenes"):
            rows = root.data.get(table, {})
            if not isinstance(rows, dict):
                raise root.bad(table, "a dictionary")
            limit = MAX_MATERIALS if table == "materials" else MAX_OBJECTS
            if len(rows) > limit:
                raise IngestionError(f"The model has more than {limit:,} {table}.")
            tables[table] = rows
            self._keys[table] = list(rows)
            self.sizes[table] = len(rows)
        self._check_extensions(
            [name for name in root.array("extensionsUsed")
             if not isinstance(name, str) or name in REQUIRED_IN_1])
        places = self._number_ids(tables)
        for table, rows in tables.items():
            if table in self._readers:
                for row in rows.values():
                    self._readers[table](row)
        for index, row in enumerate(tables["scenes"].values()):
            nodes: array[int] = array("I")
            listed = Fields(row, self.label("scenes", index)).array("nodes")
            self._read_roots(iter(listed), nodes, index)
            self.scenes.append(nodes)
        if "scene" in root.data and root.data["scene"] is not None:
            self.scene = self._index(places["scenes"], root.data["scene"], "scenes", "scene")

    def _number_ids(self, tables: "dict[str, dict[str, Any]]") -> "dict[str, dict[str, int]]":
        """Put positions where ids stand, and return the position of each id."""
        places = {table: {key: index for index, key in enumerate(rows)}
                  for table, rows in tables.items()}
        for table, path, target in REFERENCES_1:
            for index, row in enumerate(tables[table].values()):
                where = self.label(table, index)
                for holder, place, at in follow(row, path, where):
                    holder[place] = self._index(places[target], holder[place], target, at)
        return places

    @staticmethod
    def _index(places: "dict[str, int]", key: object, table: str, where: str) -> int:
        if not isinstance(key, str):
            raise IngestionError(f"{where} must be an id into {table}, not {shown(key)}.")
        if key not in places:
            there = f"{table} has {len(places)} entries" if places else f"there are no {table}"
            raise IngestionError(f"{where} refers to {table}[{shown(key)}], but {there}.")
        return places[key]

    # -- rows --------------------------------------------------------------------------------

    def _add_material(self, row: Any) -> None:
        fields = Fields(row, self.label("materials", len(self.materials)))
        self.materials.append(material_of(fields, first=self.version == 1))

    def _add_texture(self, row: Any) -> None:
        self.sources.append(row.get("source", -1))

    def _add_shader(self, row: Any) -> None:
        if self.version == 1:
            self.files.add_shader(row, self._shaders)
        self._shaders += 1

    def close(self, spool: Spool) -> None:
        """Check all references, and that the data lies where it should."""
        if self.version == 2 and self.scene is not None:
            self.scene = self._references["scenes"].seen(self.scene, "scene", 0, "")
        self._references.check({**self.sizes, "scenes": len(self.scenes)})
        self.nodes.check(self.sizes["meshes"])
        self.meshes.check(self.sizes["accessors"])
        self.accessors.check(self.sizes["bufferViews"])
        self.views.check(self.sizes["buffers"])
        buffers = self.files.buffers(self.views.used())
        self.views.close(buffers)
        self.accessors.close(self.views, spool, sum(span.size for span in buffers.values()))
        self.nodes.close()

    def _check_extensions(self, names: "list[object]") -> None:
        for name in names:
            if not isinstance(name, str):
                raise IngestionError(
                    "The extensions of the glTF file must be a list of names, not "
                    f"{shown(name)}.")
            if name not in SUPPORTED:
                raise IngestionError(
                    f"The model requires the extension {shown(name)}, which is not supported"
                    f"{hint(name)}.")


def _no_version() -> IngestionError:
    return IngestionError(
        "The JSON file is not glTF: it has no asset.version, which glTF 2.0 requires.")


def _unknown_version(text: str) -> IngestionError:
    return IngestionError(
        f"The model is of glTF version {shown(text)}; versions 1.0 and 2.0 are supported.")


def _number(asset: Fields, key: str, default: str) -> str:
    """Return a version as text; early files have it as a number."""
    value = asset.data.get(key, default)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise asset.bad(key, "a string")
    return str(value)[:20]
