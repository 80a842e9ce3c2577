"""Reads glTF models: finds their files, checks their content, counts and measures it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterator

from ..files import ModelFiles
from ..refusals import IngestionError, shown, size_text
from ..spool import Span, Spool
from ..strict_json import Fields, load_json
from .boxes import Box, IDENTITY, is_finite, local_matrix, multiply, transform, union
from .data_uri import decode_data_uri
from .glb import MAGIC, split_glb
from .gltf_accessors import Accessors
from .gltf_document import Document, Key
from .gltf_materials import materials_of
from .model_info import ModelInfo

_TRIANGLES = {4: lambda n: n // 3, 5: lambda n: max(0, n - 2), 6: lambda n: max(0, n - 2)}


@dataclass
class _Mesh:
    triangles: int
    box: Box | None


def describe_gltf(spool: Spool, file: Span, name: str, files: ModelFiles) -> ModelInfo:
    """Check a glTF or GLB model whole and describe it."""
    text, chunk, version = file, None, None
    if spool.read(file.part(0, min(4, file.size))) == MAGIC:
        version, text, buffer = split_glb(spool, file, name)
        chunk = buffer or file.part(0, 0)
    document = Document(load_json(spool.read(text), f"The glTF content of {shown(name)}"))
    if version not in (None, document.version):
        raise IngestionError(
            f"{shown(name)} is a GLB file of version {version} that holds glTF "
            f"{document.version}.0.")
    return _Model(spool, document, chunk, files).describe()


class _Model:

    def __init__(self, spool: Spool, document: Document, chunk: Span | None,
                 files: ModelFiles) -> None:
        self._spool = spool
        self._document = document
        self._chunk = chunk
        self._files = files
        self._embedded: dict[str, Span] = {}
        self._depth = 0
        used = {view.data.get("buffer") for view in document.table("bufferViews").values()}
        # One without a URI that nothing refers to holds the place of bytes that nobody needs.
        buffers = {key: self._buffer(key, fields)
                   for key, fields in document.table("buffers").items()
                   if key in used or "uri" in fields}
        self._accessors = Accessors(document, buffers, spool)
        self._pictures = {key: self._picture(fields)
                          for key, fields in document.table("images").items()}
        for fields in document.table("shaders").values() if document.version == 1 else ():
            if not self._is_embedded(fields):
                self._uri(fields)

    def describe(self) -> ModelInfo:
        document = self._document
        self._primitives = 0
        self._positions: dict[Key, int] = {}
        meshes = {key: self._mesh(mesh) for key, mesh in document.table("meshes").items()}
        counts = [mesh.triangles for mesh in meshes.values()]
        boxes: list[Box] = []
        instances = drawn = 0
        for key, matrix in self._shown_meshes():
            instances += 1
            drawn += meshes[key].triangles
            box = meshes[key].box
            if box is not None:
                boxes.append(transform(box, matrix))
        box = union(boxes)
        if box is not None and not is_finite(box):
            raise IngestionError(
                "The transforms of the nodes are so large that the model has no finite bounding "
                "box.")
        return ModelInfo(
            format=f"{'glTF' if self._chunk is None else 'GLB'} {document.version}.0",
            generator=document.generator[:200], meshes=len(meshes), primitives=self._primitives,
            vertices=sum(self._positions.values()),
            triangles=sum(counts), instances=instances,
            drawn_triangles=drawn, materials=len(document.table("materials")),
            textures=len(document.table("textures")), nodes=len(document.table("nodes")), box=box,
            fewest_triangles=min(counts, default=None), most_triangles=max(counts, default=None),
            depth=self._depth, material_list=materials_of(document, self._pictures))

    # -- files -------------------------------------------------------------------------------

    def _buffer(self, key: Key, fields: Fields) -> Span:
        first = self._document.version == 1
        in_chunk = key == ("binary_glTF" if first else 0) and self._chunk is not None \
            and (first or "uri" not in fields)
        if in_chunk and self._chunk is not None:
            span = self._chunk
        elif "uri" in fields:
            span = self._uri(fields)
        elif key == 0 and not first:
            raise IngestionError(
                f"{fields.where} has no uri, so its bytes must follow in a GLB file, and none do.")
        else:
            raise IngestionError(f"{fields.where} has no uri.")
        length = fields.integer("byteLength", span.size if first else None)
        if length > span.size:
            raise IngestionError(
                f"{fields.where} must have {size_text(length)}, but only {size_text(span.size)} "
                "are there: the file is truncated or another one.")
        # glTF 1.0 files in the wild say 0 where they mean the whole buffer.
        return span if first and length == 0 else span.part(0, length)

    def _is_embedded(self, fields: Fields) -> bool:
        """Tell whether an image or a shader has its bytes in a buffer, or elsewhere unknown."""
        extensions = fields.child("extensions")
        if self._document.version == 1:
            embedded = extensions is not None and "KHR_binary_glTF" in extensions
        else:
            embedded = "bufferView" in fields
        if not embedded and "uri" not in fields and extensions is None:
            raise IngestionError(f"{fields.where} has neither a uri nor a bufferView.")
        return embedded or "uri" not in fields

    def _picture(self, fields: Fields) -> str | None:
        """Return the name of an image's file; None when it lies in the model or nowhere."""
        if self._is_embedded(fields):
            return None
        uri = fields.text("uri")
        if uri[:5].lower() == "data:":
            self._uri(fields)
            return None
        return self._files.picture([uri], f"{fields.where}.uri", uri=True)

    def _uri(self, fields: Fields) -> Span:
        uri = fields.text("uri")
        if uri[:5].lower() != "data:":
            return self._files.fetch(uri, f"{fields.where}.uri")
        if uri not in self._embedded:
            data = decode_data_uri(uri, f"{fields.where}.uri")
            self._embedded[uri] = self._spool.add("", [data]).span
        return self._embedded[uri]

    # -- geometry ----------------------------------------------------------------------------

    def _mesh(self, mesh: Fields) -> _Mesh:
        triangles = 0
        boxes: list[Box] = []
        for primitive in mesh.children("primitives"):
            self._primitives += 1
            attributes = primitive.child("attributes")
            position = attributes.data.get("POSITION") if attributes else None
            if attributes is None or position is None:
                continue  # allowed, and nothing to see without an extension
            count = self._accessors[position].total
            for name, key in attributes.data.items():
                if self._accessors[key].total != count:
                    raise IngestionError(
                        f"{attributes.where}.{shown(name)} has {self._accessors[key].total} "
                        f"values for {count} positions.")
            extensions = primitive.data.get("extensions")
            if self._accessors[position].run is None and isinstance(extensions, dict) \
                    and "KHR_draco_mesh_compression" in extensions:
                raise IngestionError(
                    f"{primitive.where} has Draco-compressed geometry only, which is not "
                    "supported: export the model without it.")
            self._positions[position] = count
            boxes.append(self._accessors.box(position))
            triangles += self._triangles(primitive, count)
        return _Mesh(triangles, union(boxes))

    def _triangles(self, primitive: Fields, count: int) -> int:
        mode = primitive.integer("mode", 4, high=6)
        if "indices" in primitive:
            key = primitive.data["indices"]
            highest = self._accessors.highest(key)
            if highest >= count:
                raise IngestionError(
                    f"{primitive.where}.indices hold the index {highest}, but there are {count} "
                    "vertices.")
            count = self._accessors[key].total
        return _TRIANGLES[mode](count) if mode in _TRIANGLES else 0

    # -- scene -------------------------------------------------------------------------------

    def _shown_meshes(self) -> Iterator[tuple[Key, tuple[float, ...]]]:
        """Yield each mesh of the scene with the matrix that places it, once per place."""
        nodes = self._document.table("nodes")
        roots = self._roots()
        todo = [(key, IDENTITY, 1) for key in self._scene_roots(roots)]
        while todo:
            key, outer, depth = todo.pop()
            self._depth = max(self._depth, depth)
            node = nodes[key]
            matrix = multiply(outer, local_matrix(node))
            if "mesh" in node and self._document.version == 2:
                yield node.data["mesh"], matrix
            for mesh in node.array("meshes") if self._document.version == 1 else ():
                yield mesh, matrix
            todo += [(child, matrix, depth + 1) for child in node.array("children")]

    def _roots(self) -> list[Key]:
        """Return the nodes without a parent; refuse whatever is not a set of trees."""
        nodes = self._document.table("nodes")
        parents: dict[Key, Key] = {}
        for key, node in nodes.items():
            for child in node.array("children"):
                if child in parents:
                    raise IngestionError(
                        f"nodes[{shown(child)}] has two parents, nodes[{shown(parents[child])}] "
                        f"and nodes[{shown(key)}]; the nodes of glTF are a tree.")
                parents[child] = key
        roots = [key for key in nodes if key not in parents]
        reached = 0
        todo = list(roots)
        while todo:
            reached += 1
            todo += nodes[todo.pop()].array("children")
        if reached < len(nodes):
            raise IngestionError("The nodes refer to each other in a circle.")
        return roots

    def _scene_roots(self, roots: list[Key]) -> list[Key]:
        scenes = self._document.table("scenes")
        chosen: object = self._document.root.data.get("scene")
        if chosen is None:
            if not scenes:
                return roots
            chosen = next(iter(scenes))
        chosen = self._document.reference("scenes", chosen, "scene")
        scene = next(fields for key, fields in scenes.items() if key == chosen)
        listed = scene.array("nodes")
        known = set(roots)
        for key in listed:
            if key not in known:
                raise IngestionError(
                    f"{scene.where}.nodes lists nodes[{shown(key)}], which is the child of "
                    "another node or listed twice.")
            known.remove(key)
        return listed
