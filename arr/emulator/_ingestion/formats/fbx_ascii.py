"""ASCII FBX files, read token by token: strings and comments are respected, blocks must close."""

from __future__ import annotations

import re
from typing import Iterator

from ..refusals import IngestionError, shown
from ..spool import CHUNK, Span, Spool
from .fbx_scene import FbxScene

_TITLE = re.compile(rb"^[ \t]*;[ \t]*FBX[ \t]+(\d{1,2})\.(\d)\.(\d)\s+project file", re.MULTILINE)
_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?(?:\s|;[^\r\n]*(?=[\r\n]))*FBXHeaderExtension[ \t]*:")
_HEAD = 1 << 20  # of comments and blank lines before the first record
_MAX_WORD = 1024
_MAX_TEXT = 4096
_MAX_VALUES = 8
_DEPTH = 3
_MAX_NESTING = 1000

# Numbers in rows are one token: they are most of a file. So is a run of white space.
_TOKEN = re.compile(rb"""
    (?P<space> \s+ )
  | (?P<row> (?: [-+.\w]+ , [ \t\r\n]* )+ )
  | (?P<name> [A-Za-z_][^\s"{};:,\x00]* [ \t]* : )
  | (?P<word> [^\s"{};:,\x00-\x1f]+ )
  | (?P<mark> ["{};,] )
""", re.VERBOSE)

_QUOTE = re.compile(b'"')
_LINE = re.compile(rb"[\r\n]")

# What stands before the next token: nothing open, a record's name, a value, a comma.
_NOTHING, _NAME, _VALUE, _COMMA = range(4)


def ascii_head(spool: Spool, file: Span) -> bytes | None:
    """Return the beginning of an ASCII FBX file, or None for another one."""
    size = min(4096, file.size)
    while True:
        head = spool.read(file.part(0, size))
        if _TITLE.search(head) or _FIRST.match(head):
            return head
        if size >= min(_HEAD, file.size) or not _only_comments(head):
            return None
        size = min(2 * size, _HEAD, file.size)


def _only_comments(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    return not text or text.startswith(b";")


def title_version(head: bytes) -> int:
    """Return the version in the comment at the top, or 0."""
    match = _TITLE.search(head)
    return int(b"%b%b%b0" % match.groups()) if match else 0


def read_ascii(spool: Spool, file: Span, scene: FbxScene) -> None:
    """Read all records of a file."""
    _Reader(scene).run(_tokens(spool, file, scene.name))


def _tokens(spool: Spool, file: Span, name: str) -> Iterator[tuple[str, bytes]]:
    """Yield kinds and texts; a string is cut to what is looked at, a comment left out."""
    data, offset = b"", 0
    place = 3 if spool.read(file.part(0, min(3, file.size))) == b"\xef\xbb\xbf" else 0
    ends: bytes | None = None  # what the string or comment, in which the window ended, ends with
    text = b""
    while True:
        more = spool.read(file.part(offset, min(CHUNK, file.size - offset)))
        data, place, offset = data[place:] + more, place if not offset else 0, offset + len(more)
        last = offset >= file.size
        while place < len(data):
            if ends is not None:
                end = _end(data, place, ends)
                if data.find(0, place, end) >= 0:
                    raise _foreign(name, b"\0", offset - len(data) + data.find(0, place))
                text += data[place:min(end, place + max(0, _MAX_TEXT - len(text)))]
                place = end + 1
                if end == len(data):
                    place = end
                    break
                if ends == b'"':
                    yield "string", text
                ends, text = None, b""
                continue
            match = _TOKEN.match(data, place)
            if match is None:
                raise _foreign(name, data[place:place + 1], offset - len(data) + place)
            kind = str(match.lastgroup)
            if match.end() == len(data) and not last and kind not in ("mark", "space"):
                if len(data) - place > _MAX_WORD and kind != "row":
                    raise IngestionError(f"{shown(name)} holds a word of more than {_MAX_WORD} "
                                         "characters: it is no ASCII FBX file.")
                if kind == "row":
                    yield kind, b""
                    place = match.end()
                break
            place = match.end()
            if kind == "mark" and match[0] in b'";':
                ends = b'"' if match[0] == b'"' else b"\n"
            elif kind != "space":
                yield kind if kind != "mark" else match[0].decode(), (
                    b"" if kind == "row" else match[0])
        if last:
            break
    if ends == b'"':
        raise IngestionError(f"{shown(name)} is truncated inside a string.")


def _foreign(name: str, byte: bytes, offset: int) -> IngestionError:
    return IngestionError(f"{shown(name)} is damaged: the byte {byte!r} at offset {offset:,} is "
                          "none of an ASCII FBX file.")


def _end(data: bytes, place: int, ends: bytes) -> int:
    """Return where a string or comment ends, or the length of the data."""
    match = (_QUOTE if ends == b'"' else _LINE).search(data, place)
    return match.start() if match else len(data)


class _Reader:

    def __init__(self, scene: FbxScene) -> None:
        self._scene = scene
        self._path: list[str] = []  # of the open blocks
        self._name = ""
        self._values: list[object] = []
        self._state = _NOTHING

    def run(self, tokens: Iterator[tuple[str, bytes]]) -> None:
        name = shown(self._scene.name)
        for kind, text in tokens:
            if kind in ("word", "string", "row"):
                self._value(kind, text)
            elif kind == "name":
                self._close()
                self._name, self._state = text[:-1].strip().decode("latin-1"), _NAME
            elif kind == ",":
                if self._state == _NOTHING:
                    raise self._damaged("a comma")
                self._state = _COMMA
            elif kind == "{":
                if self._state not in (_NAME, _VALUE):
                    raise self._damaged("a block without a name")
                opened = self._name
                self._close()
                self._path.append(opened)
                if len(self._path) > _MAX_NESTING:
                    raise IngestionError(f"The blocks of {name} are nested too deeply.")
            else:
                self._close()
                if not self._path:
                    raise self._damaged("a brace that closes nothing")
                self._path.pop()
        if self._state in (_NAME, _COMMA):
            raise IngestionError(f"{name} is truncated behind {shown(self._name)}.")
        self._close()
        if self._path:
            raise IngestionError(
                f"{name} is truncated: the block of {shown(self._path[-1])} does not close.")

    def _value(self, kind: str, text: bytes) -> None:
        if self._state == _NOTHING or (self._state == _VALUE):
            raise self._damaged(shown(text[:40].decode("latin-1")) if text else "a row of numbers")
        if kind != "row" and len(self._values) < _MAX_VALUES:
            value = text.decode("utf-8", "replace")
            self._values.append(value.replace("&quot;", '"') if kind == "string" else value)
        self._state = _COMMA if kind == "row" else _VALUE

    def _close(self) -> None:
        """Hand on the record whose name and values were read."""
        if self._state != _NOTHING and len(self._path) < _DEPTH:
            self._scene.record([*self._path, self._name], self._values)
        self._values = []
        self._state = _NOTHING

    def _damaged(self, what: str) -> IngestionError:
        before = f"behind {self._name}" if self._name else "at its beginning"
        return IngestionError(
            f"{shown(self._scene.name)} is damaged or truncated: {what} stands {before}, where a "
            "record should begin.")
