"""Parses and checks SAS URLs of blob containers."""

from __future__ import annotations

import re
from typing import NamedTuple, Sequence
from urllib.parse import parse_qsl

from ..._arguments import is_loopback
from ..refusals import IngestionError, NoAccess, shown

# Written out rather than left to a URL parser, so that what is checked is what is connected to.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9.-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"/(?P<path>[^?#]*)(?:\?(?P<query>[!-~]*))?", re.IGNORECASE | re.ASCII)
_PART = re.compile(r"[a-z0-9](?:-?[a-z0-9])*|\$root|\$web", re.ASCII)
_SAS_KEY = re.compile(r"[a-z]{1,8}", re.ASCII)
# Parameters of a request that a pasted URL may carry; the requests here bring their own.
_NOT_SAS = ("restype", "comp", "marker", "prefix", "include", "snapshot", "timeout")


class BlobUrl(NamedTuple):
    """A container's URL: ``base`` without a query, and the SAS, which is a secret."""

    field: str
    base: str
    host: str
    is_loopback: bool
    sas: str

    def __repr__(self) -> str:
        return f"BlobUrl({self.base!r})"

    @property
    def shown(self) -> str:
        """The URL as it may be shown to people."""
        return self.base

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of the SAS by name."""
        return dict(parse_qsl(self.sas, keep_blank_values=True))


def parse_blob_url(url: str, field: str, allowed_hosts: Sequence[str]) -> BlobUrl:
    """Return the parts of a SAS URL, or say why the emulator does not use it."""
    match = _URL.fullmatch(url)
    if match is None:
        raise IngestionError(
            f"{field} is not the SAS URL of a blob container, like "
            "https://<account>.blob.core.windows.net/<container>?<SAS>.")
    host = match["host"].lower()
    bare = host.strip("[]")
    if not _allowed(bare, allowed_hosts):
        raise IngestionError(
            f"{field} names the host {shown(bare)}, which this emulator may not contact; allowed "
            f"are {', '.join(allowed_hosts) or 'none'}. Start it with --allow-host to add one.")
    scheme = match["scheme"].lower()
    loopback = is_loopback(bare)
    if scheme == "http" and not loopback:
        raise IngestionError(
            f"{field} must be an https:// URL: a SAS is a secret, and plain http is for storage "
            "on this machine only.")
    if match["port"] and not 0 < int(match["port"]) < 65536:
        raise IngestionError(f"{field} has the port {match['port']}, which does not exist.")
    parts = match["path"].rstrip("/").split("/")
    small = [part.lower() for part in parts]
    if small != parts and _are_names(small):
        raise IngestionError(
            f"{field} has capitals in /{shown('/'.join(parts))[1:-1]}; the names of containers "
            f"have none: write /{'/'.join(small)}.")
    if not _are_names(parts):
        raise IngestionError(
            f"{field} must name a container, /<container> or /<account>/<container>, and no blob "
            "in it.")
    pieces = [piece for piece in (match["query"] or "").split("&")
              if piece and piece.partition("=")[0] not in _NOT_SAS]
    if not all(_SAS_KEY.fullmatch(piece.partition("=")[0]) for piece in pieces):
        raise NoAccess(f"{field} has a query that is not a SAS.")
    port = f":{int(match['port'])}" if match["port"] else ""
    return BlobUrl(field, f"{scheme}://{host}{port}/{'/'.join(parts)}", bare, loopback,
                   "&".join(pieces))


def _are_names(parts: Sequence[str]) -> bool:
    """Tell whether these can be a container's name, or an account's and a container's."""
    return 1 <= len(parts) <= 2 and all(
        len(part) <= 63 and _PART.fullmatch(part) for part in parts)


def _allowed(host: str, patterns: Sequence[str]) -> bool:
    """Compare a host with names and patterns; ``*.`` stands for one or more labels."""
    if host.endswith(".") or ".." in host or host.startswith((".", "-")):
        return False
    for pattern in patterns:
        pattern = pattern.lower()
        if host == pattern or (pattern.startswith("*.") and host.endswith(pattern[1:])):
            return True
    return False
