"""Parses the XML reply that lists the blobs of a container."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote
from xml.etree.ElementTree import ParseError, XMLParser

from ..refusals import IngestionError


class Page(NamedTuple):
    """Names of one page, and the marker of the next one, empty on the last."""

    names: list[str]
    marker: str


class _Reader:
    """Takes the names out as they are parsed, so that no tree is built."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.marker = ""
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._path.append(tag)
        self._text.clear()
        self._encoded = attributes.get("Encoded") == "true"

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, tag: str) -> None:
        text = "".join(self._text)
        if self._path == ["EnumerationResults", "Blobs", "Blob", "Name"]:
            self.names.append(unquote(text) if self._encoded else text)
        elif self._path == ["EnumerationResults", "NextMarker"]:
            self.marker = text.strip()
        self._path.pop()

    def close(self) -> None:
        pass


def read_page(data: bytes) -> Page:
    """Parse one page of a list; declarations, and so entities, are refused unread."""
    reader = _Reader()
    try:
        text = data.decode("utf-8-sig")
        if "<!" in text:
            raise IngestionError(
                "The list of the container is refused: its XML holds declarations.")
        parser = XMLParser(target=reader)
        parser.feed(text)
        parser.close()
    except (UnicodeError, ParseError, ValueError):
        raise IngestionError("The list of the container is not valid XML.") from None
    return Page(reader.names, reader.marker)
