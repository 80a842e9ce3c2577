"""What both kinds of FBX file are read for: whether the records say that there is a scene."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from ..refusals import IngestionError, MAX_FILES, MAX_MATERIALS, MAX_OBJECTS, shown

_FILES = ("Texture", "Video")


class FbxTexture(NamedTuple):
    """The paths of one picture as the file stores them, the relative one first."""

    where: str
    paths: Sequence[str]


class FbxScene:
    """Takes the records of the upper levels as they are read; ``values`` are the short ones."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.version = 0
        self.creator = ""
        self.counts: dict[str, int] = {}
        self.materials: list[str] = []
        self._top: list[str] = []
        self._paths: list[dict[str, str]] = []
        self._embedded: dict[str, None] = {}

    def record(self, path: Sequence[str], values: Sequence[object]) -> None:
        """Take a record by the names from the top down to it."""
        if len(path) == 1:
            self._top.append(path[0])
            if path[0] == "Creator" and values:
                self.creator = str(values[0])[:200]
        elif path[0] == "FBXHeaderExtension":
            if path[1] == "FBXVersion" and len(path) == 2 and values:
                text = str(values[0])
                self.version = int(text) if text.isdecimal() and len(text) < 6 else 0
        elif path[0] == "Objects":
            if len(path) == 2:
                self._object(path[1], values)
            elif path[1] in _FILES:
                self._file(path[2], values)

    def _object(self, kind: str, values: Sequence[object]) -> None:
        count = self.counts[kind] = self.counts.get(kind, 0) + 1
        if count > MAX_OBJECTS or (kind == "Material" and count > MAX_MATERIALS):
            limit = MAX_MATERIALS if kind == "Material" else MAX_OBJECTS
            raise IngestionError(
                f"{shown(self.name)} has more than {limit:,} objects of the kind {kind}.")
        if kind == "Material":
            self.materials.append(_object_name(values))
        elif kind in _FILES:
            if len(self._paths) >= MAX_FILES:
                raise IngestionError(f"{shown(self.name)} has more than {MAX_FILES} textures.")
            self._paths.append({"kind": kind, "name": _object_name(values)})

    def _file(self, member: str, values: Sequence[object]) -> None:
        text = next((value for value in values if isinstance(value, str) and value), "")
        if member == "RelativeFilename":
            self._paths[-1]["relative"] = text
        elif member in ("FileName", "Filename"):
            self._paths[-1]["absolute"] = text
        elif member == "Content" and values and values[-1]:
            self._paths[-1]["embedded"] = "yes"

    def check(self) -> None:
        """Refuse a file without a scene in it, or one that ends behind its objects."""
        if "Objects" not in self._top:
            raise IngestionError(
                f"There is nothing in {shown(self.name)}: the FBX file has no Objects.")
        # Exporters that define object types connect them too, behind the objects.
        if "Definitions" in self._top and "Connections" not in self._top:
            raise IngestionError(
                f"{shown(self.name)} is truncated: its Objects are there, but not the Connections "
                "behind them.")

    def textures(self) -> list[FbxTexture]:
        """Return the pictures that lie in files of their own, each once."""
        embedded = {_last(part) for part in self._paths if "embedded" in part}
        found: dict[Sequence[str], FbxTexture] = {}
        for part in self._paths:
            paths = tuple(part[key] for key in ("relative", "absolute") if part.get(key))
            if paths and _last(part) not in embedded:
                found.setdefault(paths, FbxTexture(f"{part['kind']} {shown(part['name'])}", paths))
        return list(found.values())


def _last(part: dict[str, str]) -> str:
    path = part.get("relative") or part.get("absolute") or part["name"]
    return path.replace("\\", "/").rpartition("/")[2].lower()


def _object_name(values: Sequence[object]) -> str:
    """Return the name of an object: binary files write its class behind it, others before."""
    for value in values:
        if isinstance(value, str):
            name, cut, _ = value.partition("\0\x01")
            return name if cut else value.split("::", 1)[-1]
    return ""
