"""``data:`` URIs, decoded strictly."""

from __future__ import annotations

import binascii
import re
from typing import Iterator
from urllib.parse import unquote_to_bytes

from ..refusals import IngestionError, MAX_ESCAPED_BYTES, shown, size_text

_PIECE = 1 << 22  # characters, a multiple of four
_OTHER = re.compile(r"[^A-Za-z0-9+/]")
_ESCAPED = re.compile("%(2B|2F|3D)", re.IGNORECASE)


def decode_data_uri(uri: str, where: str) -> Iterator[bytes]:
    """Yield the bytes in a ``data:`` URI, piece by piece: one may be as large as a file."""
    start = uri.find(",") + 1
    if not start:
        raise IngestionError(f"{where} is a data: URI without a comma.")
    if not uri[:start].lower().endswith(";base64,"):
        if len(uri) - start > MAX_ESCAPED_BYTES:
            raise IngestionError(
                f"{where} is a data: URI of {size_text(len(uri) - start)} that is not base64.")
        yield unquote_to_bytes(uri[start:])
        return
    if "%" in uri:
        uri, start = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), uri[start:]), 0
    tail = uri[max(start, len(uri) - 2):]
    padding = len(tail) - len(tail.rstrip("="))
    end = len(uri) - padding
    for at in range(start, end, _PIECE):
        yield _decoded(uri[at:min(at + _PIECE, end)], where)
    length = end - start
    if padding != -length % 4:
        raise IngestionError(
            f"{where} is not valid base64: {-length % 4} of = would have to end it, not "
            f"{padding}.")


def _decoded(text: str, where: str) -> bytes:
    try:
        data = binascii.a2b_base64(text + "=" * (-len(text) % 4))
    except ValueError:
        data = b""
    # The decoder of the library skips what it does not know; what is left then is too short.
    if len(data) < (len(text) * 3 + 3) // 4 - (len(text) % 4 > 1):
        other = _OTHER.search(text)
        if other is None:
            raise IngestionError(f"{where} is not valid base64: one character too many ends it.")
        raise IngestionError(
            f"{where} is not valid base64: it holds {shown(other[0])}, and base64 consists of "
            "letters, digits, + and /, with = at the end only.")
    return data
