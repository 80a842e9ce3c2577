"""Reads and writes containers that are directories, by ``file://`` URL.

Only directories below the emulator's container root are opened.
"""

from __future__ import annotations

import errno
import os
import re
import secrets
import stat
from pathlib import Path
from typing import BinaryIO, Iterator, Sequence
from urllib.parse import unquote_to_bytes, urlsplit

from ..refusals import (
    FileRefused, IngestionError, MissingFile, NoAccess, NotAFile, shown,
)
from ..spool import CHUNK
from . import handles
from .base import CONTROL, check_name, too_large

_MAX_FOLDERS = 10_000  # looked into while listing


def _url_path(url: str, field: str) -> str:
    """Return the local path that a file:// URL names, with the traps taken out."""
    try:
        parts = urlsplit(url)
        host = parts.netloc
    except ValueError:
        raise IngestionError(f"{field} is not a valid URL.") from None
    if host.lower() not in ("", "localhost"):
        raise IngestionError(
            f"{field} names the host {shown(host)}: a file:// URL has three slashes, "
            "file:///folder, and stays on this machine.")
    if parts.query or parts.fragment:
        raise IngestionError(f"{field} is a file:// URL and takes no ? or # part.")
    if re.search("%2f|%5c", parts.path, re.IGNORECASE):
        raise IngestionError(f"{field} holds an encoded slash or backslash.")
    try:
        path = unquote_to_bytes(parts.path).decode()
    except UnicodeError:
        raise IngestionError(f"{field} is not UTF-8 after percent-decoding.") from None
    if CONTROL.search(path) or "\\" in path:
        raise IngestionError(f"{field} holds a backslash or a control character.")
    if ".." in path.split("/"):
        raise IngestionError(f'{field} holds "..": write the path of the directory itself.')
    if os.name == "nt":
        path = path.lstrip("/")  # /C:/models is C:/models
        if not re.match("[A-Za-z]:/", path):
            raise IngestionError(f"{field} has no drive letter: write file:///C:/folder.")
    elif not path.startswith("/"):
        raise IngestionError(f"{field} is not absolute: write file:///folder.")
    return path


def _is_inside(path: str, root: str) -> bool:
    path, root = os.path.normcase(path), os.path.normcase(root)
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def _failed(what: str, error: OSError) -> IngestionError:
    if error.errno in (errno.EACCES, errno.EPERM):
        return NoAccess(f"{what}: the emulator has no permission.")
    return IngestionError(f"{what}: {(error.strerror or type(error).__name__).lower()}.")


class DirectoryContainer:
    """A directory below the container root, seen as a container.

    Links inside it are followed while they stay inside. What a name means is looked up first; then
    every step is opened by handle and no link any more, so that one planted in between is refused.
    """

    def __init__(self, url: str, field: str, container_root: Path | None) -> None:
        self._field = field
        path = _url_path(url, field)
        if container_root is None:
            raise IngestionError(
                f"{field} is a file:// URL, and this emulator has no container root: start it "
                "with --container-root DIR, or container_root=DIR in Python, to allow the "
                "directories below DIR.")
        root = os.path.realpath(container_root)
        self._folder = os.path.realpath(path)
        if not _is_inside(self._folder, root):
            raise IngestionError(
                f"{field} {shown(path)} is not below the emulator's container root.")
        if not os.path.isdir(self._folder):
            raise IngestionError(
                f"Container not found: {field} {shown(path)} is not an existing directory.")
        try:
            top = handles.open_root(root)
            try:
                with handles.inside(top, _steps(self._folder, root)) as place:
                    self._place = os.dup(place) if isinstance(place, int) else place
            finally:
                handles.close(top)
        except OSError as error:
            raise _failed(f"{field} {shown(path)} cannot be opened", error) from None

    def names(self, limit: int, prefix: str = "") -> list[str]:
        found: list[str] = []
        start = prefix.rpartition("/")[0]
        todo: list[tuple[str, ...]] = [tuple(start.split("/")) if start else ()]
        for _ in range(_MAX_FOLDERS):
            if not todo or len(found) >= limit:
                break
            parts = todo.pop()
            try:
                with handles.inside(self._place, parts) as place:
                    folders, files = handles.listed(place)
            except OSError:
                continue
            found += filter(lambda name: name.startswith(prefix),
                            ("/".join((*parts, name)) for name in files))
            todo += [(*parts, name) for name in reversed(folders)]
        return found[:limit]

    def chunks(self, name: str, limit: int) -> Iterator[bytes]:
        handle = self._open(name)
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "something else"
            raise NotAFile(f"{shown(name)} is not a regular file but {kind}.")
        with open(handle, "rb", buffering=0) as file:
            if status.st_size > limit:
                raise too_large(name, status.st_size, limit)
            taken = 0
            while True:
                try:
                    chunk = file.read(CHUNK)
                except OSError as error:
                    raise _failed(f"The file {shown(name)} cannot be read", error) from None
                if not chunk:
                    return
                taken += len(chunk)
                if taken > limit:  # it grows while it is read
                    raise too_large(name, taken, limit)
                yield chunk

    def write(self, name: str, source: BinaryIO, size: int) -> None:
        *folders, last = check_name(name, "The output name").split("/")
        folders = self._resolved(folders, name)
        draft = f".{secrets.token_hex(12)}.tmp"
        try:
            with handles.inside(self._place, folders, create=True) as place:
                # It is new, so no link is followed; and replacing a link replaces the link itself.
                handle = handles.create_file(place, draft)
                (old, fd), (new, _) = handles.at(place, draft), handles.at(place, last)
                try:
                    with open(handle, "wb") as file:
                        for chunk in iter(lambda: source.read(CHUNK), b""):
                            file.write(chunk)
                    os.replace(old, new, src_dir_fd=fd, dst_dir_fd=fd)
                except BaseException:
                    os.unlink(old, dir_fd=fd)
                    raise
        except OSError as error:
            what = f"The file {shown(name)} cannot be written to the container of {self._field}"
            if os.path.isdir(os.path.join(self._folder, *folders, last)):
                raise IngestionError(f"{what}: a directory has this name.") from None
            raise _failed(what, error) from None

    def close(self) -> None:
        place, self._place = self._place, self._folder
        handles.close(place)

    def _open(self, name: str) -> int:
        if os.name == "nt" and ":" in name:
            raise FileRefused(f"The file name {shown(name)} holds a colon.")
        *folders, last = self._resolved(check_name(name, "The file name").split("/"), name) or [""]
        if not last:
            raise NotAFile(f"{shown(name)} is not a regular file but a directory.")
        try:
            with handles.inside(self._place, folders) as place:
                return handles.open_file(place, last)
        except (FileNotFoundError, NotADirectoryError):
            raise MissingFile(f"The file {shown(name)} is not in the container.") from None
        except OSError as error:
            if os.path.isdir(os.path.join(self._folder, *folders, last)):
                raise NotAFile(f"{shown(name)} is not a regular file but a directory.") from None
            if error.errno in (errno.ENAMETOOLONG, errno.EINVAL):  # no file can have such a name
                raise MissingFile(f"The file {shown(name)} is not in the container.") from None
            raise _failed(f"The file {shown(name)} cannot be read", error) from None

    def _resolved(self, parts: Sequence[str], name: str) -> list[str]:
        """Return the steps from the container to what a name means, links followed."""
        resolved = os.path.realpath(os.path.join(self._folder, *parts))
        if not _is_inside(resolved, self._folder):
            raise NotAFile(f"{shown(name)} is a link that leads out of the container.")
        return _steps(resolved, self._folder)


def _steps(path: str, root: str) -> list[str]:
    return [] if path == root else os.path.relpath(path, root).split(os.sep)
