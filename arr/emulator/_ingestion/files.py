"""The files of one model: found in the container, brought in once each, named when missing."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from typing import Callable, Sequence
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from .containers.base import Container, check_name
from .refusals import (
    ASSET, MAX_FILES, MAX_MODEL_BYTES, MAX_URI, IngestionError, MissingFile, NotAFile, shown,
)
from .spool import Span, Spool, StoredFile
from .textures import candidates

_POINTER = re.compile(rb"version https://[^\s/]+/spec/v1\s+(?:ext-|oid )")
LISTED = 1000  # names of the container, of which the first are shown to people
_MAX_LOOKS = 20_000  # for pictures that are not there; each is a request to a blob container


class PointerFile(IngestionError):
    """A small text stands where a large file would have to be."""


class ModelFiles:
    """Reads the files of a model into a spool; what is amiss but no failure is a warning."""

    def __init__(self, model: str, source: Container, names: Sequence[str], spool: Spool,
                 progress: Callable[[str], None]) -> None:
        self.model = model
        self.folder = posixpath.dirname(model)
        self.spool = spool
        self.warnings: list[str] = []
        self._source = source
        self._names = names
        self._progress = progress
        self._files: dict[str, StoredFile] = {}
        self._pictures: dict[str, str | None] = {}
        self._missing: dict[str, None] = {}

    def stored(self) -> list[StoredFile]:
        """Return what was brought in, by name."""
        return sorted(self._files.values())

    def model_file(self) -> Span:
        """Bring in the model; the reason without one names what is there."""
        try:
            return self._load(self.model)
        except MissingFile:
            raise IngestionError(
                f"Model not found: {shown(self.model)} is not in the input container, "
                + self._what_is_there(), cause=ASSET) from None
        except NotAFile as error:
            raise NotAFile(str(error), cause=ASSET) from None

    def small(self, name: str, limit: int) -> bytes | None:
        """Return the bytes of a file beside the model that is read but not packed."""
        try:
            return b"".join(self._source.chunks(posixpath.join(self.folder, name), limit))
        except MissingFile:
            return None

    def has(self, name: str) -> bool:
        """Bring in a file beside the model, or tell that there is none."""
        return self._has(posixpath.join(self.folder, name))

    def beside(self, path: str, where: str) -> str:
        """Bring in a file by its path from the model's folder and return its name."""
        name = check_name(posixpath.join(self.folder, path), where)
        self._need(name, where)
        return name

    def read(self, name: str) -> bytes:
        """Return the bytes of a file that was brought in."""
        return self.spool.read(self._files[name].span)

    def fetch(self, uri: str, where: str) -> Span:
        """Bring in a file that the model cannot be without, by a URI relative to the model."""
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
        path = posixpath.normpath(posixpath.join(self.folder, path)) if path else ""
        if path == ".." or path.startswith("../"):
            raise IngestionError(f"{where} leads out of the container: {shown(uri)}.")
        return self._need(check_name(path, where), where)

    def picture(self, stored: Sequence[str], where: str, *, uri: bool = False) -> str | None:
        """Bring in a picture by the paths that the model stores; None and a warning without it."""
        before = len(self.warnings)
        for path in stored:
            if path not in self._pictures:
                self._pictures[path] = self._find(unquote(path) if uri else path)
            if self._pictures[path] is not None:
                return self._pictures[path]
        if len(self.warnings) > before:
            return None
        self.warnings.append(
            f"{where} names the picture {shown(stored[0]) if stored else 'without a path'}, which "
            "is not in the input container; the model goes without it.")
        return None

    def _find(self, path: str) -> str | None:
        for name in candidates(path[:MAX_URI], self.folder):
            if name in self._files:
                return name
            if name in self._missing or len(self._missing) >= _MAX_LOOKS:
                continue
            if self._has(name):
                return name if name in self._files else None
            self._missing[name] = None
        return None

    def _has(self, name: str) -> bool:
        """Bring in a picture, or tell that no file has this name."""
        try:
            check_name(name, "The picture")
        except IngestionError:
            return False
        try:
            self._counted(name)
            self._load(name)
            return True
        except (MissingFile, NotAFile):
            return False
        except PointerFile as error:
            self.warnings.append(f"{error} The model goes without it.")
            return True

    def _need(self, path: str, where: str) -> Span:
        try:
            self._counted(path)
            return self._load(path)
        except MissingFile:
            raise IngestionError(
                f"{where} names the file {shown(path)}, which is not in the input container."
                + self._near(path)) from None

    def _counted(self, path: str) -> None:
        if path not in self._files:
            if len(self._files) >= MAX_FILES:
                raise IngestionError(f"The model refers to more than {MAX_FILES} files.")
            self._progress(f"reading {path}")

    def _load(self, path: str) -> Span:
        if path not in self._files:
            chunks = self._source.chunks(path, MAX_MODEL_BYTES - self.spool.size)
            file = self.spool.add(path, chunks)
            if _POINTER.match(self.spool.read(file.span.part(0, min(100, file.span.size)))):
                raise PointerFile(
                    f"{shown(path)} is not the file itself but the pointer that git keeps in its "
                    "place, which was never fetched: run git lfs pull and copy the file.")
            self._files[path] = file
        return self._files[path].span

    def _what_is_there(self) -> str:
        if not self._names:
            return "which is empty."
        others = ", ".join(map(shown, self._names[:8]))
        if len(self._names) > 8:
            others += f" and {len(self._names) - 8}{'+' * (len(self._names) >= LISTED)} more"
        return f"which has {others}." + self._near(self.model)

    def _near(self, path: str) -> str:
        """Say which name differs only in what one does not see."""
        for name in self._names:
            if name == path:
                continue
            if unicodedata.normalize("NFC", name) == unicodedata.normalize("NFC", path):
                forms = ["decomposed (NFD)" if text != unicodedata.normalize("NFC", text)
                         else "composed (NFC)" for text in (path, name)]
                return (f" {shown(name)} is there, which looks the same: its accents are "
                        f"{forms[1]}, those of the name asked for {forms[0]}.")
            if name.strip() == path.strip():
                return f" {shown(name)} is there: blanks at the ends are part of a name."
            if name.lower() == path.lower():
                return f" {shown(name)} is there: names differ in capitals."
        return ""
