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
from typing import BinaryIO, Iterator
from urllib.parse import unquote_to_bytes, urlsplit

from ..refusals import IngestionError, MissingFile, shown
from ..spool import CHUNK
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


def _because(error: OSError) -> str:
    if error.errno in (errno.EACCES, errno.EPERM):
        return "the emulator has no permission"
    return (error.strerror or type(error).__name__).lower()


class DirectoryContainer:
    """A directory below the container root, seen as a container."""

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

    def names(self, limit: int) -> list[str]:
        found: list[str] = []
        for visited, (folder, folders, files) in enumerate(os.walk(self._folder)):
            if visited >= _MAX_FOLDERS:
                break
            folders.sort()
            for name in sorted(files):
                path = os.path.join(folder, name)
                found.append(os.path.relpath(path, self._folder).replace(os.sep, "/"))
                if len(found) >= limit:
                    return found
        return found

    def chunks(self, name: str, limit: int) -> Iterator[bytes]:
        path = self._resolve(name)
        try:
            # O_NONBLOCK: opening a pipe must not wait for a writer. The final part is resolved
            # already, so a link there was planted since: O_NOFOLLOW refuses it.
            handle = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0)
                             | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
                             | getattr(os, "O_CLOEXEC", 0))
        except (FileNotFoundError, NotADirectoryError):
            raise MissingFile(f"The file {shown(name)} is not in the container.") from None
        except OSError as error:
            if os.path.isdir(path):
                raise IngestionError(
                    f"{shown(name)} is not a regular file but a directory.") from None
            raise IngestionError(
                f"The file {shown(name)} cannot be read: {_because(error)}.") from None
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            os.close(handle)
            kind = "a directory" if stat.S_ISDIR(status.st_mode) else "something else"
            raise IngestionError(f"{shown(name)} is not a regular file but {kind}.")
        with open(handle, "rb", buffering=0) as file:
            if status.st_size > limit:
                raise too_large(name, status.st_size, limit)
            taken = 0
            while True:
                try:
                    chunk = file.read(CHUNK)
                except OSError as error:
                    raise IngestionError(
                        f"The file {shown(name)} cannot be read: {_because(error)}.") from None
                if not chunk:
                    return
                taken += len(chunk)
                if taken > limit:  # it grows while it is read
                    raise too_large(name, taken, limit)
                yield chunk

    def write(self, name: str, source: BinaryIO, size: int) -> None:
        target = os.path.join(self._folder, *check_name(name, "The output name").split("/"))
        if not _is_inside(os.path.realpath(os.path.dirname(target)), self._folder):
            raise IngestionError(f"{shown(name)} leads out of the container.")
        draft = os.path.join(os.path.dirname(target), f".{secrets.token_hex(12)}.tmp")
        try:
            # O_EXCL never follows a link, and replacing a link replaces the link itself.
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL
                             | getattr(os, "O_BINARY", 0), 0o666)
            try:
                with open(handle, "wb") as file:
                    for chunk in iter(lambda: source.read(CHUNK), b""):
                        file.write(chunk)
                os.replace(draft, target)
            except BaseException:
                os.unlink(draft)
                raise
        except OSError as error:
            reason = "a directory has this name" if os.path.isdir(target) else _because(error)
            raise IngestionError(
                f"The file {shown(name)} cannot be written to the container of {self._field}: "
                f"{reason}.") from None

    def close(self) -> None:
        pass

    def _resolve(self, name: str) -> str:
        path = os.path.join(self._folder, *check_name(name, "The file name").split("/"))
        if os.name == "nt" and ":" in name:
            raise IngestionError(f"The file name {shown(name)} holds a colon.")
        resolved = os.path.realpath(path)
        if not _is_inside(resolved, self._folder):
            raise IngestionError(
                f"{shown(name)} is a link that leads out of the container.")
        return resolved
