"""Opens containers: where models are read from and archives are written to.

A container is a directory below the emulator's container root (``file://`` URL) or an Azure Blob
container (SAS URL). Names in a container have forward slashes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from ..refusals import IngestionError
from .base import CONTROL, Container
from .directory import DirectoryContainer
from .folder import FolderContainer
from .sides import INPUT_SIDE, OUTPUT_SIDE, Side, SidedContainer

__all__ = ["INPUT_SIDE", "OUTPUT_SIDE", "open_container"]


def open_container(url: str, field: str, *, container_root: Path | None,
                   allowed_hosts: Sequence[str], prefix: str = "",
                   prefix_field: str = "", side: Side = INPUT_SIDE) -> Container:
    """Return the container of a URL, or a folder in it; the fields are the request's names."""
    with side.blamed():
        container = _whole(url, field, container_root, allowed_hosts)
        try:
            folder = FolderContainer(container, prefix, prefix_field or field) if prefix \
                else container
        except IngestionError:
            container.close()
            raise
    return SidedContainer(folder, side)


def _whole(url: str, field: str, container_root: Path | None,
           allowed_hosts: Sequence[str]) -> Container:
    if not isinstance(url, str) or not url:
        raise IngestionError(f"{field} is empty: give the URL of a container.")
    if CONTROL.search(url) or " " in url:
        raise IngestionError(f"{field} holds white space or control characters.")
    scheme = url.partition(":")[0].lower()
    if scheme == "file":
        return DirectoryContainer(url, field, container_root)
    if scheme in ("http", "https"):
        from .blob import BlobContainer  # requests is loaded only where blobs are used
        return BlobContainer(url, field, allowed_hosts)
    raise IngestionError(
        f"{field} must be a file:// URL of a directory or the https:// SAS URL of a blob "
        "container.")
