"""Writes and reads the ``.ezArchive`` file that is the result of an ingestion.

The format of the real service was never published; this is the emulator's own. An archive is a
zip file (zip64 where needed) that any zip tool opens:

* ``manifest.json`` comes first: UTF-8 JSON, an object with the keys

  - ``format``: "arr.emulator/ezArchive", ``formatVersion``: 1,
  - ``model``: the name of the model among the files,
  - ``summary``: what the model is: its format, counts and bounding boxes,
  - ``settings``: every ingestion setting, the defaults filled in,
  - ``files``: a list of objects with ``name``, ``size`` and ``sha256``, sorted by name.

* ``files/<name>`` follows for each of ``files``, in that order: the model and what it refers to,
  byte for byte, under the names that they have in the input container.

All members are stored, not compressed, and carry the date 1980-01-01 and the same attributes, so
that the same input gives the same bytes with every Python and zlib, on every system. A reader
refuses any other member, compression, encryption, and names that lead out of a directory.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import struct
import zipfile
from types import TracebackType
from typing import IO, Any, BinaryIO, NamedTuple, Sequence

from .containers.base import check_name
from .refusals import IngestionError, shown
from .spool import Spool, StoredFile
from .strict_json import Fields, load_json

FORMAT = "arr.emulator/ezArchive"
FORMAT_VERSION = 1

_MANIFEST = "manifest.json"
_FOLDER = "files/"
_MAX_MANIFEST = 16 << 20
_MAX_MEMBERS = 10_000
_SHA256 = re.compile("[0-9a-f]{64}")


class ArchiveError(IngestionError, ValueError):
    """The reason why an archive cannot be read, as a sentence for people."""


class ArchiveFile(NamedTuple):
    """A file of the model in an archive."""

    name: str
    size: int
    sha256: str


def write_archive(target: IO[bytes], spool: Spool, files: Sequence[StoredFile], *, model: str,
                  summary: dict[str, Any], settings: dict[str, Any]) -> None:
    """Write an archive of the given files, which must have different names."""
    ordered = sorted(files, key=lambda file: file.name)
    manifest = {
        "format": FORMAT, "formatVersion": FORMAT_VERSION, "model": model, "summary": summary,
        "settings": settings,
        "files": [{"name": file.name, "size": file.span.size, "sha256": file.sha256}
                  for file in ordered]}
    text = json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False).encode("ascii") + b"\n"
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_member(_MANIFEST, len(text)), text)
        for file in ordered:
            with archive.open(_member(_FOLDER + file.name, file.span.size), "w") as member:
                for chunk in spool.chunks(file.span):
                    member.write(chunk)


def _member(name: str, size: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    info.compress_type = zipfile.ZIP_STORED
    info.create_system = 3  # on Windows it would be another one
    info.external_attr = 0o100644 << 16
    info.file_size = size
    return info


def read_archive(source: str | os.PathLike[str] | bytes | BinaryIO) -> Archive:
    """Open an ezArchive: a path, the bytes, or a seekable binary file (left open).

    Raises ArchiveError for whatever is not one; see this module for the format.
    """
    return Archive(source)


class Archive:
    """An opened archive: its manifest, checked against its content, and the files in it."""

    def __init__(self, source: str | os.PathLike[str] | bytes | BinaryIO) -> None:
        if isinstance(source, (bytes, bytearray, memoryview)):
            source = io.BytesIO(source)
        try:
            self._zip = zipfile.ZipFile(source)
        except _DAMAGE as error:
            raise _damaged(error) from None
        try:
            self._load()
        except _DAMAGE as error:
            self._zip.close()
            raise _damaged(error) from None
        except IngestionError as error:
            self._zip.close()
            raise ArchiveError(str(error)) from None

    def _load(self) -> None:
        members = self._members()
        first = members.get(_MANIFEST)
        if first is None or first.file_size > _MAX_MANIFEST:
            raise ArchiveError("The file is not an ezArchive: it has no manifest.json.")
        manifest = Fields(load_json(self._zip.read(first), "The manifest"), "The manifest")
        if manifest.data.get("format") != FORMAT:
            raise ArchiveError("The file is not an ezArchive: its manifest is of another format.")
        if manifest.integer("formatVersion", low=1) != FORMAT_VERSION:
            raise ArchiveError(
                f"The ezArchive is of version {manifest.data['formatVersion']}; version "
                f"{FORMAT_VERSION} is supported.")
        self.manifest: dict[str, Any] = manifest.data
        self.model = manifest.text("model")
        self.summary: dict[str, Any] = (manifest.child("summary") or Fields({}, "")).data
        self.settings: dict[str, Any] = (manifest.child("settings") or Fields({}, "")).data
        self.files: list[ArchiveFile] = []
        for entry in manifest.children("files"):
            name = check_name(entry.text("name"), f"{entry.where}.name")
            file = ArchiveFile(name, entry.integer("size"), entry.text("sha256"))
            member = members.pop(_FOLDER + name, None)
            if member is None or member.file_size != file.size:
                raise ArchiveError(
                    f"The file {shown(name)} of the manifest is not in the archive as a whole.")
            if not _SHA256.fullmatch(file.sha256):
                raise entry.bad("sha256", "a SHA-256 digest")
            self.files.append(file)
        members.pop(_MANIFEST)
        if members:
            raise ArchiveError(
                f"The archive holds {shown(next(iter(members)))}, which its manifest does not "
                "name.")
        self._by_name = {file.name: file for file in self.files}
        if self.model not in self._by_name:
            raise ArchiveError("The model that the manifest names is not in the archive.")

    def _members(self) -> dict[str, zipfile.ZipInfo]:
        infos = self._zip.infolist()
        if len(infos) > _MAX_MEMBERS:
            raise ArchiveError(f"The archive has more than {_MAX_MEMBERS} members.")
        members: dict[str, zipfile.ZipInfo] = {}
        # Stored members that do not overlap cannot hold more than the file has: no zip bombs.
        place = 0
        for info in sorted(infos, key=lambda info: info.header_offset):
            check_name(info.filename, "The member name")
            if info.filename != info.orig_filename or info.filename in members:
                raise ArchiveError(f"The name of a member, {shown(info.filename)}, is ambiguous.")
            if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & ~0x800 \
                    or info.file_size != info.compress_size:
                raise ArchiveError(
                    f"The member {shown(info.filename)} is compressed or encrypted; in an "
                    "ezArchive nothing is.")
            if info.header_offset < place:
                raise ArchiveError("The members of the archive overlap.")
            place = info.header_offset + 30 + info.file_size
            members[info.filename] = info
        if place > self._zip.start_dir:
            raise ArchiveError("A member of the archive reaches beyond its end.")
        return members

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Archive of {self.model}, {len(self.files)} files>"

    def close(self) -> None:
        """Close the file, if this archive has opened it."""
        self._zip.close()

    def read(self, name: str) -> bytes:
        """Return the bytes of a file, checked against its digest; KeyError for another name."""
        file = self._by_name[name]
        try:
            data = self._zip.read(_FOLDER + name)
        except _DAMAGE as error:
            raise _damaged(error) from None
        if hashlib.sha256(data).hexdigest() != file.sha256:
            raise ArchiveError(f"The file {shown(name)} is damaged: its digest differs.")
        return data


# Whatever the zip reader may raise for a damaged file.
_DAMAGE = (zipfile.BadZipFile, struct.error, EOFError, NotImplementedError, RuntimeError,
           UnicodeError, OverflowError, ValueError, KeyError, IndexError)


def _damaged(error: Exception) -> ArchiveError:
    return ArchiveError(f"The file is not an ezArchive or is damaged: {shown(str(error))}.")
