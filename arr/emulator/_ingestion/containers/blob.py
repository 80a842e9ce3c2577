"""Reads and writes Azure Blob containers by SAS URL, through the Blob REST API.

The SAS is a secret: it goes into requests and nowhere else, not into reasons, logs or reprs.
"""

from __future__ import annotations

import base64
import secrets
import time
from typing import BinaryIO, Callable, Iterator, Sequence
from urllib.parse import quote
from xml.sax.saxutils import escape

from ..refusals import IngestionError, MissingFile, shown
from .base import check_name, too_large
from .blob_listing import read_page
from .blob_requests import BlobClient, Reply
from .sas_url import parse_blob_url

# A blob up to this size is written by one request, a larger one in blocks of this size, of which
# a blob may have 50,000.
BLOCK = 8 << 20

_MAX_PAGES = 100
_MAX_PAGE_BYTES = 8 << 20
_PAGE = 1000  # names; a page of the largest allowed names stays below the limit above
_CHUNK = 1 << 18


class BlobContainer:
    """A blob container; ``sleep`` and ``clock`` are for tests of retries and deadlines."""

    def __init__(self, url: str, field: str, allowed_hosts: Sequence[str], *,
                 sleep: Callable[[float], None] = time.sleep,
                 clock: Callable[[], float] = time.monotonic) -> None:
        self._url = parse_blob_url(url, field, allowed_hosts)
        self._http = BlobClient(self._url, sleep=sleep, clock=clock)

    def __repr__(self) -> str:
        return f"<BlobContainer {self._url.shown}>"

    def close(self) -> None:
        self._http.close()

    def names(self, limit: int, prefix: str = "") -> list[str]:
        found: list[str] = []
        marker = ""
        for _ in range(_MAX_PAGES):  # a page may be empty and still have a next one
            query = f"restype=container&comp=list&maxresults={min(limit, _PAGE)}"
            if prefix:
                query += f"&prefix={quote(prefix, safe='')}"
            if marker:
                query += f"&marker={quote(marker, safe='')}"
            with self._http.send("GET", "", query, "list") as reply:
                page = read_page(reply.body(_MAX_PAGE_BYTES))
            found += page.names
            marker = page.marker
            if not marker or len(found) >= limit:
                break
        return found[:limit]

    def chunks(self, name: str, limit: int) -> Iterator[bytes]:
        path = "/" + quote(check_name(name, "The file name"), safe="/~")
        size: int | None = None
        offset, failures, tag = 0, 0, ""
        while size is None or offset < size:
            # A connection that broke is taken up where it broke, of the same version of the blob.
            headers = {"Range": f"bytes={offset}-", "If-Match": tag} if offset else {}
            try:
                reply = self._http.send("GET", path, "", "read", headers)
            except MissingFile:
                raise MissingFile(f"The blob {shown(name)} is not in the container.") from None
            with reply:
                size, tag = self._checked(reply, name, offset, size, tag)
                if size > limit:
                    raise too_large(name, size, limit)
                begin = offset
                for chunk in reply.chunks(size - offset, _CHUNK):
                    offset += len(chunk)
                    yield chunk
            if offset < size:
                failures = 0 if offset > begin else failures + 1
                self._http.wait(failures, f"reading the blob {shown(name)}")

    @staticmethod
    def _checked(reply: Reply, name: str, offset: int, size: int | None,
                 tag: str) -> "tuple[int, str]":
        length = reply.length()
        found = reply.header("ETag")
        if length is None or not found:
            raise IngestionError(
                f"The answer to reading the blob {shown(name)} has no length or no ETag.")
        whole = offset + length
        if reply.status != (206 if offset else 200) or (size is not None and whole != size) \
                or (tag and found != tag):
            raise IngestionError(f"The blob {shown(name)} was changed while it was read.")
        return whole, found

    def write(self, name: str, source: BinaryIO, size: int) -> None:
        path = "/" + quote(check_name(name, "The output name"), safe="/~")
        headers = {"Content-Type": "application/octet-stream"}
        if size <= BLOCK:
            headers["x-ms-blob-type"] = "BlockBlob"
            self._put(path, "", source.read(size), headers)
            return
        # Until the list is put, readers see the old blob. The prefix keeps apart the blocks of
        # two writers of one blob.
        prefix = secrets.token_hex(8)
        blocks: list[str] = []
        for data in iter(lambda: source.read(BLOCK), b""):
            block = base64.b64encode(f"{prefix}{len(blocks):08}".encode()).decode()
            blocks.append(block)
            self._put(path, f"comp=block&blockid={quote(block, safe='')}", data, headers)
        text = '<?xml version="1.0" encoding="utf-8"?><BlockList>' + "".join(
            f"<Latest>{escape(block)}</Latest>" for block in blocks) + "</BlockList>"
        self._put(path, "comp=blocklist", text.encode(),
                  {"Content-Type": "application/xml",
                   "x-ms-blob-content-type": headers["Content-Type"]})

    def _put(self, path: str, query: str, data: bytes, headers: "dict[str, str]") -> None:
        with self._http.send("PUT", path, query, "write", headers, data) as reply:
            if reply.status != 201:
                raise IngestionError(
                    f"The storage answered a write with the status {reply.status}, not 201.")
