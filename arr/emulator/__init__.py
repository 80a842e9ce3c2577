"""A local Azure Remote Rendering service: the protocols of December 2019, 2020 and 2021-01-01.

    with Emulator(port=0) as emulator:
        print(emulator.url, emulator.account_id, emulator.account_key)

or ``python -m arr.emulator`` in a terminal. It imports nothing from the client. Its folders, from
the bottom up; a file imports from its own folder and from those above it in this list:

    _clock, _arguments    the time; checks of values from outside
    _http/                sockets, HTTP and the lenient JSON of requests
    _ingestion/           models: settings, checks, the archive
        formats/          glTF, GLB and FBX files
        containers/       Azure Blob containers and directories
    _service/             state and commands: sessions, ingestions, tokens, throttling, faults
    _web/                 routes, their handlers (one api_ file for each version), the pages
    _emulator, _cli       the public class and the command line
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from ._clock import Clock, SystemClock
from ._emulator import DEFAULT_ALLOWED_HOSTS, Emulator
from ._service.faults import Fault, Hold
from ._service.state import DEFAULT_ACCOUNT_ID, DEFAULT_ACCOUNT_KEY

if TYPE_CHECKING:
    from os import PathLike

    from ._ingestion.archive import Archive

__all__ = [
    "Clock",
    "DEFAULT_ACCOUNT_ID",
    "DEFAULT_ACCOUNT_KEY",
    "DEFAULT_ALLOWED_HOSTS",
    "Emulator",
    "Fault",
    "Hold",
    "SystemClock",
    "read_archive",
]


def read_archive(source: str | PathLike[str] | bytes | BinaryIO) -> Archive:
    """Open an ezArchive that an ingestion wrote: a path, the bytes, or a seekable binary file.

    A ValueError says what is wrong with it. The module ``_ingestion/archive.py`` documents the
    format.
    """
    from ._ingestion.archive import Archive  # late: 35 % of the start

    return Archive(source)
