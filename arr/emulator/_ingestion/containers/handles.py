"""Folders by handle: each step is opened in the one before, so that no link planted on the way
leads anywhere. Where the system cannot (Windows), folders are paths."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Iterator, Sequence, Union

Place = Union[int, str]  # a handle, or a path

BY_HANDLE = {os.open, os.mkdir, os.unlink} <= os.supports_dir_fd \
    and os.scandir in os.supports_fd and hasattr(os, "O_NOFOLLOW")

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
_FILE = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) \
    | getattr(os, "O_NOFOLLOW", 0)
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def open_root(path: str) -> Place:
    """Return a place for a folder whose path is trusted; ``close`` lets go of it."""
    return os.open(path, _FOLDER) if BY_HANDLE else path


def close(place: Place) -> None:
    if isinstance(place, int):
        os.close(place)


@contextmanager
def inside(place: Place, parts: Sequence[str], *, create: bool = False) -> Iterator[Place]:
    """Open a folder below a place step by step; OSError when one is a link or not there."""
    held = os.dup(place) if isinstance(place, int) else place
    try:
        for part in parts:
            if create:
                _make(held, part)
            step = _step(held, part)
            close(held)
            held = step
        yield held
    finally:
        close(held)


def _step(place: Place, part: str) -> Place:
    if not isinstance(place, int):
        return os.path.join(place, part)
    return os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=place)


def _make(place: Place, part: str) -> None:
    name, handle = at(place, part)
    try:
        os.mkdir(name, dir_fd=handle)
    except FileExistsError:
        pass


def at(place: Place, name: str) -> tuple[str, int | None]:
    """Return a name in a place as path and ``dir_fd`` for a function of ``os``."""
    return (name, place) if isinstance(place, int) else (os.path.join(place, name), None)


def open_file(place: Place, name: str) -> int:
    """Open a file to read it. A pipe is not waited for, a link not followed."""
    path, handle = at(place, name)
    return os.open(path, _FILE, dir_fd=handle)


def create_file(place: Place, name: str) -> int:
    """Make a file that was not there."""
    path, handle = at(place, name)
    return os.open(path, _NEW, 0o666, dir_fd=handle)


def listed(place: Place) -> tuple[list[str], list[str]]:
    """Return the names of the folders and of the files in a place; links to folders are neither."""
    folders, files = [], []
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.name)
            elif not _leads_to_folder(entry):
                files.append(entry.name)
    return sorted(folders), sorted(files)


def _leads_to_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False
