"""Where references stand in a glTF file: paths, and what follows them."""

from __future__ import annotations

from typing import Any, Iterator

from ..refusals import IngestionError, shown
from ..strict_json import Fields

# All but the scenes. Buffers come after what refers to them, for glTF 1.0.
TABLES = ("accessors", "animations", "bufferViews", "buffers", "cameras", "images", "materials",
          "meshes", "nodes", "programs", "samplers", "shaders", "skins", "techniques", "textures")

# Table, path inside its objects ([] every item, {} every value), table that it refers to. Those of
# accessors, buffer views, images, meshes and nodes of 2.0 are read with their rows.
REFERENCES_2 = (
    ("animations", "channels[].target.node", "nodes"),
    ("animations", "samplers[].input", "accessors"),
    ("animations", "samplers[].output", "accessors"),
    ("materials", "emissiveTexture.index", "textures"),
    ("materials", "normalTexture.index", "textures"),
    ("materials", "occlusionTexture.index", "textures"),
    ("materials", "pbrMetallicRoughness.baseColorTexture.index", "textures"),
    ("materials", "pbrMetallicRoughness.metallicRoughnessTexture.index", "textures"),
    ("skins", "inverseBindMatrices", "accessors"),
    ("skins", "joints[]", "nodes"),
    ("skins", "skeleton", "nodes"),
    ("textures", "sampler", "samplers"),
    ("textures", "source", "images"),
)
REFERENCES_1 = (
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


def follow(value: Any, path: str, where: str) -> Iterator[tuple[Any, Any, str]]:
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
