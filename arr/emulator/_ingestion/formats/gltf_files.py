"""The buffers, images and shaders of a glTF file: brought in as their rows are read."""

from __future__ import annotations

from array import array
from typing import Any

from ..files import ModelFiles
from ..refusals import IngestionError, size_text
from ..spool import Span
from ..strict_json import Fields
from .data_uri import decode_data_uri
from .gltf_references import Label, References

_BINARY = "buffers['binary_glTF']"  # the buffer in a GLB file of glTF 1.0


class Files:
    """Takes the rows of the three tables; ``chunk`` is the buffer of a GLB file."""

    def __init__(self, references: References, label: Label, files: ModelFiles, chunk: Span | None,
                 *, first: bool) -> None:
        self._label = label
        self._views = references["bufferViews"]
        self._files = files
        self._chunk = chunk
        self._first = first
        self._buffers: list[Span | None] = []  # None: without a URI
        self._lengths = array("q")
        self.pictures: list[str | None] = []  # None: in the model, or nowhere

    def add_buffer(self, row: Any) -> None:
        index = len(self._buffers)
        fields = Fields(row, self._label("buffers", index))
        chunk = self._chunk if (fields.where == _BINARY if self._first else
                                index == 0 and "uri" not in fields) else None
        span = chunk if chunk is not None else self._bytes(fields) if "uri" in fields else None
        length = -1
        if "byteLength" in fields or not self._first:
            length = fields.integer("byteLength")
        # glTF 1.0 files in the wild say 0 where they mean the whole buffer.
        self._lengths.append(-1 if self._first and length == 0 else length)
        self._buffers.append(span)
        if span is not None:
            self._checked(index)

    def buffers(self, used: "set[int]") -> "dict[int, Span]":
        """Return the buffers that are there.

        One without a URI that nothing refers to holds the place of bytes that nobody needs.
        """
        return {index: self._checked(index) for index, span in enumerate(self._buffers)
                if span is not None or index in used}

    def _checked(self, index: int) -> Span:
        span, length = self._buffers[index], self._lengths[index]
        where = self._label("buffers", index)
        if span is None:
            if index == 0 and not self._first:
                raise IngestionError(
                    f"{where} has no uri, so its bytes must follow in a GLB file, and none do.")
            raise IngestionError(f"{where} has no uri.")
        if length > span.size:
            raise IngestionError(
                f"{where} must have {size_text(length)}, but only {size_text(span.size)} are "
                "there: the file is truncated or another one.")
        return span if length < 0 else span.part(0, length)

    def add_image(self, row: Any) -> None:
        fields = Fields(row, self._label("images", len(self.pictures)))
        self.pictures.append(self._picture(fields))

    def _picture(self, fields: Fields) -> str | None:
        if self._is_embedded(fields, "images", len(self.pictures)):
            return None
        uri = fields.text("uri")
        if uri[:5].lower() == "data:":
            self._bytes(fields)
            return None
        return self._files.picture([uri], f"{fields.where}.uri", uri=True)

    def add_shader(self, row: Any, index: int) -> None:
        fields = Fields(row, self._label("shaders", index))
        if not self._is_embedded(fields, "shaders", index):
            self._bytes(fields)

    def _is_embedded(self, fields: Fields, table: str, index: int) -> bool:
        """Tell whether an image or a shader has its bytes in a buffer, or elsewhere unknown."""
        extensions = fields.child("extensions")
        path, holder = ".bufferView", fields
        if self._first:
            path = ".extensions.KHR_binary_glTF.bufferView"
            holder = (extensions.child("KHR_binary_glTF") if extensions else None) \
                or Fields({}, "")
        embedded = "bufferView" in holder or (self._first and extensions is not None
                                              and "KHR_binary_glTF" in extensions)
        if "bufferView" in holder:
            self._views.seen(holder.data["bufferView"], table, index, path)
        if not embedded and "uri" not in fields and extensions is None:
            raise IngestionError(f"{fields.where} has neither a uri nor a bufferView.")
        return embedded or "uri" not in fields

    def _bytes(self, fields: Fields) -> Span:
        uri = fields.text("uri")
        if uri[:5].lower() != "data:":
            return self._files.fetch(uri, f"{fields.where}.uri")
        return self._files.spool.add("", decode_data_uri(uri, f"{fields.where}.uri")).span
