"""``data:`` URIs, decoded strictly."""

from __future__ import annotations

import binascii
import re
from urllib.parse import unquote_to_bytes

from ..refusals import IngestionError, MAX_ESCAPED_BYTES, shown, size_text

_OTHER = re.compile(r"[^A-Za-z0-9+/]")
_ESCAPED = re.compile("%(2B|2F|3D)", re.IGNORECASE)


def decode_data_uri(uri: str, where: str) -> bytes:
    """Return the bytes in a ``data:`` URI."""
    head, comma, body = uri.partition(",")
    if not comma:
        raise IngestionError(f"{where} is a data: URI without a comma.")
    if not head[-7:].lower() == ";base64":
        if len(body) > MAX_ESCAPED_BYTES:
            raise IngestionError(
                f"{where} is a data: URI of {size_text(len(body))} that is not base64.")
        return unquote_to_bytes(body)
    if "%" in body:
        body = _ESCAPED.sub(lambda match: chr(int(match[1], 16)), body)
    text = body[:-2] + body[-2:].rstrip("=")
    # The decoder of the library skips what it does not know.
    other = _OTHER.search(text)
    if other:
        raise IngestionError(
            f"{where} is not valid base64: it holds {shown(other[0])}, and base64 consists of "
            "letters, digits, + and /, with = at the end only.")
    padding = len(body) - len(text)
    if len(text) % 4 == 1:
        raise IngestionError(
            f"{where} is not valid base64: {len(text):,} characters stand for no whole number of "
            "bytes.")
    if padding != -len(text) % 4:
        raise IngestionError(
            f"{where} is not valid base64: {-len(text) % 4} of = would have to end it, not "
            f"{padding}.")
    return binascii.a2b_base64(body)
