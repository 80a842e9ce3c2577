"""The steps of an ingestion: read the model, check it, write the archive."""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Iterator, List, Sequence, cast

from .archive import write_archive
from .containers import INPUT_SIDE, OUTPUT_SIDE, open_container
from .containers.base import Container, check_name
from .files import LISTED, ModelFiles
from .formats import describe
from .formats.boxes import Box, configure, is_finite, offset_to_centre
from .formats.model_info import ModelInfo
from .layouts import LAYOUT_2019, Layout, stem_of, unread
from .materials import material_entries
from .overrides import apply_overrides, parse_overrides
from .refusals import ASSET, INTERNAL, MODEL, OUTPUT, IngestionError, shown, size_text
from .reports import info_report, result_report
from .settings import MAX_SETTINGS_BYTES, Settings, default_settings, parse_settings
from .spool import CHUNK, Spool, StoredFile

__all__ = ["IngestionError", "Summary", "ingest"]

Report = Callable[[float, str], None]
Entries = List[Dict[str, Any]]

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
    outputs: Sequence[str]  # all files written, the archive last
    warnings: Sequence[str]

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
            "outputs": list(self.outputs),
            "warnings": list(self.warnings),
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
           report: Report, layout: Layout = LAYOUT_2019, input_prefix: str = "",
           output_prefix: str = "", output_name: str = "") -> Summary:
    """Ingest a model in the calling thread; IngestionError says what is wrong with the input.

    ``report`` is called with the progress from 0 to 1 and a text; what it raises ends the work.
    ``layout`` names the files beside the model and the archive, and the request's fields in texts.
    The prefixes are folders of the containers: nothing outside them is seen. Without
    ``output_name`` the archive has the name of the model, with the ending of the layout.
    """
    names = layout.names
    name = check_name(model_name, names.model, cause=ASSET)
    report(0.0, "opening the containers")
    with ExitStack() as stack:
        source, target = (
            stack.enter_context(closing(open_container(
                url, field, container_root=container_root, allowed_hosts=allowed_hosts,
                prefix=prefix, prefix_field=f"{field}.{names.folder}".rstrip("."), side=side)))
            for url, field, prefix, side in (
                (model_url, names.source, input_prefix, INPUT_SIDE),
                (asset_container_url, names.target, output_prefix, OUTPUT_SIDE)))
        report(0.05, "listing the input container")
        # The service lists the container, so a SAS without the right to list fails here as well.
        listed = source.names(LISTED)
        spool = stack.enter_context(Spool())
        work = _Ingestion(name, source, target, listed, spool, report, layout, output_name)
        try:
            return work.run()
        except IngestionError as error:
            if error.cause in (MODEL, ASSET):
                work.write_result(str(error))
            raise


class _Ingestion:

    def __init__(self, name: str, source: Container, target: Container, names: list[str],
                 spool: Spool, report: Report, layout: Layout = LAYOUT_2019,
                 output_name: str = "") -> None:
        self._name = name
        self._stem = stem_of(name)
        self._default = self._stem + layout.archive_ending
        self._archive = check_name(
            output_name or self._default, "The output name", cause=OUTPUT)
        self._target = target
        self._names = names
        self._spool = spool
        self._report = report
        self._layout = layout
        self._applied: dict[str, int] | None = None
        self._outputs: list[str] = []
        self._files = ModelFiles(name, source, names, spool, lambda text: report(0.3, text))

    def run(self) -> Summary:
        self._report(0.1, f"reading {self._name}")
        model = self._files.model_file()
        fbx, info_of = describe(self._spool, model, self._name, self._files)
        settings, entries = self._settings(fbx)
        self._report(0.3, f"checking {self._name}")
        info = info_of()
        materials = material_entries(
            info.material_list, unlit=bool(settings["unlitMaterials"]))
        if entries is not None:
            materials = self._overridden(materials, entries)
        box, moved = self._configured(info.box, settings)
        return self._write(info, settings, box, moved, materials)

    def write_result(self, reason: str) -> None:
        """Tell beside the output why the model was refused, where the era does so."""
        if self._layout.result_name:
            try:
                self._write_json(self._layout.result_name, result_report(reason))
            except IngestionError:
                pass  # the first reason is the one to be told

    # -- what lies beside the model ----------------------------------------------------------

    def _settings(self, fbx: bool) -> tuple[Settings, Entries | None]:
        folder = self._files.folder
        beside = [name[len(folder) + 1:] if folder else name for name in self._names
                  if name.rpartition("/")[0] == folder]
        self._files.warnings += unread(beside, self._stem, self._layout)
        schema = self._layout.settings
        settings = default_settings(fbx=fbx, schema=schema)
        where = ""
        for form in self._layout.settings_names:
            where = form.replace("{stem}", self._stem)
            data = self._files.small(where, MAX_SETTINGS_BYTES)
            if data is not None:
                settings = parse_settings(data, fbx=fbx, schema=schema, name=where)
                break
        return settings, self._overrides(cast(str, settings["material-override"]), where)

    def _overrides(self, named: str, where: str) -> Entries | None:
        found = self._layout.overrides_name.replace("{stem}", self._stem)
        if named:
            around = self._layout.settings.around
            where = f"{where}: {around}{'.' if around else ''}material-override"
            name = self._files.beside(named, where)
        elif found and self._files.has(found):
            name = self._files.beside(found, "The ingestion")
        else:
            return None
        return parse_overrides(self._files.read(name), name, self._layout.overrides)

    def _overridden(self, materials: Entries, entries: Entries) -> Entries:
        changed, count, unused = apply_overrides(materials, entries, self._layout.overrides)
        self._applied = {"numOverrides": len(entries), "numOverriddenMaterials": count}
        if unused:
            self._files.warnings.append(
                f"No material is named {', '.join(map(shown, unused[:8]))}"
                + (f" and so on, {len(unused)} in all" if len(unused) > 8 else "")
                + ", so these overrides apply to nothing.")
        return changed

    def _configured(self, box: Box | None, settings: Settings
                    ) -> "tuple[Box | None, Sequence[float] | None]":
        if box is None:
            return None, None
        axis = cast("List[str]", settings["axis"])
        scaling = cast(float, settings["scaling"])
        recenter = bool(settings["recenterToOrigin"])
        placed = configure(box, axis, scaling, False)
        moved = offset_to_centre(placed) if recenter else None
        box = configure(box, axis, scaling, recenter)
        if not is_finite(box):
            around = self._layout.settings.around
            raise IngestionError(
                f"{self._layout.settings_names[0].replace('{stem}', self._stem)}: "
                f"{around}{'.' if around else ''}scaling makes the model larger than numbers can "
                "tell.")
        return box, moved

    # -- outputs -----------------------------------------------------------------------------

    def _write(self, info: ModelInfo, settings: Settings, box: Box | None,
               moved: Sequence[float] | None, materials: Entries) -> Summary:
        files = self._files.stored()
        with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as draft:
            archive = cast(BinaryIO, draft)
            self._report(0.6, f"packing {len(files)} files")
            try:
                write_archive(archive, self._spool, files, model=self._name,
                              summary=described(info, box), settings=settings)
            except OSError as error:
                raise IngestionError(
                    f"The temporary file for the archive cannot be written: {error.strerror}.",
                    cause=INTERNAL) from None
            size, digest = _measured(archive)
            self._report(0.8, f"writing {self._archive}, {size_text(size)}")
            if self._layout.materials_name:
                self._write_json(self._layout.materials_name, materials)
            if self._layout.info_name:
                self._write_json(self._layout.info_name, info_report(
                    model=self._name, output=self._archive, default_output=self._default,
                    info=info, settings=settings, overrides=self._applied, box=box, moved=moved,
                    digest=digest))
            archive.seek(0)
            # Last, so that whoever sees it sees the others too.
            self._target.write(self._archive, archive, size)
        self._outputs.append(self._archive)
        self._report(1.0, f"wrote {self._archive}")
        return Summary(self._name, info, settings, box, files, self._archive, size, digest,
                       self._outputs, self._files.warnings)

    def _write_json(self, form: str, value: object) -> None:
        name = check_name(form.replace("{stem}", self._stem), "The output name", cause=OUTPUT)
        text = json.dumps(value, indent=2, allow_nan=False).encode() + b"\n"
        self._target.write(name, io.BytesIO(text), len(text))
        self._outputs.append(name)


def _measured(file: BinaryIO) -> tuple[int, str]:
    digest = hashlib.sha256()
    file.seek(0)
    for chunk in _pieces(file):
        digest.update(chunk)
    return file.tell(), digest.hexdigest()


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: file.read(CHUNK), b"")
