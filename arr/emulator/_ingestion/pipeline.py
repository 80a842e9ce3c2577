"""The steps of an ingestion: read the model, check it, write the archive."""

from __future__ import annotations

import hashlib
import posixpath
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable, Iterator, Sequence, cast
from urllib.parse import unquote_to_bytes, urlsplit

from .archive import write_archive
from .containers import open_container
from .containers.base import Container, check_name
from .formats.boxes import Box
from .formats.boxes import configure, is_finite
from .formats.fbx import BINARY_MAGIC, describe_fbx, looks_like_ascii_fbx
from .formats.glb import MAGIC
from .formats.gltf import describe_gltf
from .formats.model_info import ModelInfo
from .refusals import (
    IngestionError, MAX_FILES, MAX_MODEL_BYTES, MAX_URI, MissingFile, shown, size_text,
)
from .settings import (
    FILE_NAME, MAX_SETTINGS_BYTES, Settings, default_settings, parse_settings,
)
from .spool import CHUNK, Span, Spool, StoredFile
from .strict_json import load_json

__all__ = ["IngestionError", "Summary", "ingest"]

Report = Callable[[float, str], None]

_HEAD = 4096
_LISTED = 1000
_IN_MEMORY = 16 << 20


@dataclass(frozen=True)
class Summary:
    """What an ingestion has read and written."""

    model: str
    info: ModelInfo
    settings: Settings
    box: Box | None
    files: Sequence[StoredFile]
    archive: str
    archive_size: int
    archive_sha256: str

    def as_dict(self) -> dict[str, Any]:
        """Return it all as JSON values."""
        return {
            "model": self.model,
            **described(self.info, self.box),
            "settings": self.settings,
            "files": [{"name": file.name, "size": file.span.size} for file in self.files],
            "archive": self.archive,
            "archiveSize": self.archive_size,
            "archiveSha256": self.archive_sha256,
        }


def described(info: ModelInfo, box: Box | None) -> dict[str, Any]:
    """Return the description of a model as JSON values, the same for page and manifest."""
    return {
        "format": info.format, "generator": info.generator, "meshes": info.meshes,
        "primitives": info.primitives, "vertices": info.vertices, "triangles": info.triangles,
        "instances": info.instances, "drawnTriangles": info.drawn_triangles,
        "materials": info.materials, "textures": info.textures, "nodes": info.nodes,
        "sourceBounds": _box(info.box), "bounds": _box(box),
    }


def _box(box: Box | None) -> dict[str, list[float]] | None:
    return None if box is None else {"min": list(box[0]), "max": list(box[1])}


def ingest(model_name: str, model_url: str, asset_container_url: str, *,
           container_root: Path | None, allowed_hosts: Sequence[str],
           report: Report) -> Summary:
    """Ingest a model in the calling thread; IngestionError says what is wrong with the input.

    ``report`` is called with the progress from 0 to 1 and a text; what it raises ends the work.
    """
    name = check_name(model_name, "modelName")
    report(0.0, "opening the containers")
    with ExitStack() as stack:
        source, target = (
            stack.enter_context(closing(open_container(
                url, field, container_root=container_root, allowed_hosts=allowed_hosts)))
            for url, field in ((model_url, "modelUrl"), (asset_container_url, "assetContainerUrl")))
        report(0.05, "listing the input container")
        # The service lists the container, so a SAS without the right to list fails here as well.
        names = source.names(_LISTED)
        spool = stack.enter_context(Spool())
        return _Ingestion(name, source, target, names, spool, report).run()


class _Ingestion:

    def __init__(self, name: str, source: Container, target: Container, names: list[str],
                 spool: Spool, report: Report) -> None:
        self._name = name
        self._folder = posixpath.dirname(name)
        self._source = source
        self._target = target
        self._names = names
        self._spool = spool
        self._report = report
        self._files: dict[str, StoredFile] = {}

    def run(self) -> Summary:
        self._report(0.1, f"reading {self._name}")
        model = self._model()
        head = self._spool.read(model.part(0, min(_HEAD, model.size)))
        kind = _kind(head, self._name)
        settings = self._settings(fbx=kind == "fbx")
        info = self._describe(kind, model)
        box = info.box
        if box is not None:
            box = configure(box, cast("list[str]", settings["axis"]),
                            cast(float, settings["scaling"]), bool(settings["recenterToOrigin"]))
            if not is_finite(box):
                raise IngestionError(
                    f"{FILE_NAME}: ez.scaling makes the model larger than numbers can tell.")
        return self._write(info, settings, box)

    def _model(self) -> Span:
        try:
            return self._load(self._name)
        except MissingFile:
            others = ", ".join(map(shown, self._names[:8]))
            if len(self._names) > 8:
                others += f" and {len(self._names) - 8}{'+' * (len(self._names) >= _LISTED)} more"
            raise IngestionError(
                f"Model not found: {shown(self._name)} is not in the input container, "
                + (f"which has {others}." if others else "which is empty.")) from None

    def _settings(self, *, fbx: bool) -> Settings:
        path = posixpath.join(self._folder, FILE_NAME)
        try:
            data = b"".join(self._source.chunks(path, MAX_SETTINGS_BYTES))
        except MissingFile:
            return default_settings(fbx=fbx)
        settings = parse_settings(data, fbx=fbx)
        override = cast(str, settings["material-override"])
        if override:
            where = f"{FILE_NAME}: ez.material-override"
            path = check_name(posixpath.join(self._folder, override), where)
            load_json(self._spool.read(self._need(path, where)), shown(path))
        return settings

    def _describe(self, kind: str, model: Span) -> ModelInfo:
        self._report(0.3, f"checking {self._name}")
        if kind == "fbx":
            return describe_fbx(self._spool, model, self._name)
        return describe_gltf(self._spool, model, self._name, self._fetch)

    def _fetch(self, uri: str, where: str) -> Span:
        """Bring in a file that the model refers to, by a URI relative to the model."""
        if len(uri) > MAX_URI:
            raise IngestionError(f"{where} is longer than {MAX_URI} characters.")
        try:
            parts = urlsplit(uri)
            path = unquote_to_bytes(parts.path).decode()
        except ValueError:
            raise IngestionError(f"{where} is not a valid URI: {shown(uri)}.") from None
        if parts.scheme or parts.netloc or parts.path.startswith("/"):
            raise IngestionError(
                f"{where} must be relative to the model, inside the container, not {shown(uri)}.")
        path = posixpath.normpath(posixpath.join(self._folder, path)) if path else ""
        if path == ".." or path.startswith("../"):
            raise IngestionError(f"{where} leads out of the container: {shown(uri)}.")
        return self._need(check_name(path, where), where)

    def _need(self, path: str, where: str) -> Span:
        if path not in self._files:
            if len(self._files) >= MAX_FILES:
                raise IngestionError(f"The model refers to more than {MAX_FILES} files.")
            self._report(0.3, f"reading {path}")
        try:
            return self._load(path)
        except MissingFile:
            raise IngestionError(
                f"{where} names the file {shown(path)}, which is not in the input container."
            ) from None

    def _load(self, path: str) -> Span:
        if path not in self._files:
            chunks = self._source.chunks(path, max(0, MAX_MODEL_BYTES - self._spool.size))
            self._files[path] = self._spool.add(path, chunks)
        return self._files[path].span

    def _write(self, info: ModelInfo, settings: Settings, box: Box | None) -> Summary:
        stem = posixpath.basename(self._name)
        stem = stem[:stem.rfind(".")] if stem.rfind(".") > 0 else stem
        name = f"{stem}.ezArchive"
        files = sorted(self._files.values())
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as draft:
            archive = cast(BinaryIO, draft)
            self._report(0.6, f"packing {len(files)} files")
            try:
                write_archive(archive, self._spool, files, model=self._name,
                              summary=described(info, box), settings=settings)
            except OSError as error:
                raise IngestionError(
                    f"The temporary file for the archive cannot be written: {error.strerror}."
                ) from None
            archive.seek(0, 2)
            size = archive.tell()
            archive.seek(0)
            digest = hashlib.sha256()
            for chunk in _pieces(archive):
                digest.update(chunk)
            archive.seek(0)
            self._report(0.8, f"writing {name}, {size_text(size)}")
            self._target.write(name, archive, size)
        self._report(1.0, f"wrote {name}")
        return Summary(self._name, info, settings, box, files, name, size, digest.hexdigest())


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK), b"")


def _kind(head: bytes, name: str) -> str:
    """Return the format of a model by its first bytes; its name says nothing."""
    if not head:
        raise IngestionError(f"{shown(name)} is empty.")
    if head.startswith(BINARY_MAGIC) or looks_like_ascii_fbx(head):
        return "fbx"
    if head.startswith(MAGIC) or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return "gltf"
    raise IngestionError(
        f"{shown(name)} is none of the supported formats: glTF 1.0 and 2.0, GLB 1 and 2, FBX 2011 "
        f"and later. It begins with the bytes {shown(head[:12])}.")
