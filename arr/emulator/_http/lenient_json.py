"""JSON as the service read it: single quotes and bare names are accepted, bad input is explained.

The documented requests are single-quoted, so the strict parser of the standard library will not
do. This one accepts a superset of JSON, without NaN and without unbounded nesting or numbers.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

_MAX_DEPTH = 32
_MAX_NUMBER = 64
_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
        ([{}\[\],:])
      | ("[^"\\]*(?:\\.[^"\\]*)*")
      | ('[^'\\]*(?:\\.[^'\\]*)*')
      | ([A-Za-z0-9_$+.\-]+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"[ \t\r\n]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
_QUOTES = re.compile(r"""\\.|\"""", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None}


def dumps(value: object) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def loads(body: bytes) -> Any:
    """Return the value of lenient JSON; raise ValueError that says what is wrong and where."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is not UTF-8 (byte {error.start})") from None
    parser = _Parser(text)
    value = parser.value(0)
    parser.end()
    return value


class _Parser:
    __slots__ = ("text", "at")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def fail(self, what: str) -> NoReturn:
        raise ValueError(f"the body is not JSON: {what} at character {self.at}")

    def end(self) -> None:
        match = _SPACE.match(self.text, self.at)
        if match is not None and match.end() < len(self.text):
            self.fail("more text after the end")

    def token(self) -> tuple[str, str]:
        """Return the next token's kind and text: punctuation is its own kind."""
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            space = _SPACE.match(self.text, self.at)
            if space is not None and space.end() == len(self.text):
                self.fail("it ends too early" if self.text.strip() else "it is empty")
            self.fail("something unreadable")
        self.at = match.end()
        mark, double, single, word = match.groups()
        if mark is not None:
            return mark, mark
        if double is not None:
            return "string", self.string(double)
        if single is not None:
            # The same text in double quotes: \' loses its mark, a bare " gets one.
            swapped = _QUOTES.sub(_swap, single[1:-1])
            return "string", self.string('"' + swapped + '"')
        return "word", word

    def string(self, quoted: str) -> str:
        if "\\" not in quoted:
            return quoted[1:-1]
        try:
            text = str(json.loads(quoted, strict=False))
            text.encode("utf-8")  # a lone surrogate could neither be logged nor sent back
        except ValueError:
            self.fail("a bad escape in the text that ends")
        return text

    def value(self, depth: int) -> Any:
        return self.read(*self.token(), depth)

    def read(self, kind: str, text: str, depth: int) -> Any:
        if kind == "string":
            return text
        if kind == "word":
            return self.word(text)
        if kind not in "{[":
            self.fail(f"an unexpected {text!r}")
        if depth >= _MAX_DEPTH:
            self.fail(f"more than {_MAX_DEPTH} levels")
        return self.object(depth + 1) if kind == "{" else self.array(depth + 1)

    def word(self, text: str) -> Any:
        if text in _WORDS:
            return _WORDS[text]
        match = _NUMBER.fullmatch(text) if len(text) <= _MAX_NUMBER else None
        if match is None:
            self.fail(f"{text[:20]!r} is no number, true, false or null")
        return float(text) if match.group(1) or match.group(2) else int(text)

    def array(self, depth: int) -> list[Any]:
        values: list[Any] = []
        kind, text = self.token()
        while kind != "]":
            values.append(self.read(kind, text, depth))
            kind, text = self.token()
            if kind == ",":
                kind, text = self.token()
            elif kind != "]":
                self.fail("a missing ',' or ']'")
        return values

    def object(self, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        kind, name = self.token()
        while kind != "}":
            if kind not in ("string", "word"):
                self.fail("a missing name")
            if self.token()[0] != ":":
                self.fail("a missing ':'")
            values[name] = self.value(depth)
            kind, name = self.token()
            if kind == ",":
                kind, name = self.token()
            elif kind != "}":
                self.fail("a missing ',' or '}'")
        return values


def _swap(match: re.Match[str]) -> str:
    text = match.group()
    return {"\\'": "'", '"': '\\"'}.get(text, text)
