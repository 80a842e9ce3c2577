"""Reads a large JSON text item by item, so that only one item is in memory at a time.

What is read by ``members`` and ``items`` is walked here; each ``value`` is parsed by the library.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from typing import Any, Iterator, NoReturn

from . import strict_json
from .refusals import IngestionError, shown, size_text
from .spool import CHUNK, Span, Spool

_SPACE = re.compile(r"[ \t\n\r]*")
_AHEAD = 1 << 16  # characters that a value usually fits into

# Where the library itself bounds the digits of a number, ours would only be slower.
_INT: Any = int if hasattr(sys, "get_int_max_str_digits") else strict_json.bounded_int


class JsonStream:
    """A cursor in a JSON text. Whatever is not JSON is an IngestionError."""

    def __init__(self, spool: Spool, span: Span, what: str) -> None:
        if span.size > strict_json.MAX_JSON_BYTES:
            raise IngestionError(
                f"{what} has {size_text(span.size)} of JSON; "
                f"{size_text(strict_json.MAX_JSON_BYTES)} is the limit.")
        self._spool = spool
        self._span = span
        self._what = what
        self._fed = 0  # bytes given to the decoder
        self._text = ""
        self._at = 0
        self._passed = 0  # characters before the text
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        decoder: Any = json.JSONDecoder(parse_constant=strict_json.refuse_constant, parse_int=_INT)
        self._scan = decoder.scan_once
        if spool.read(span.part(0, min(3, span.size))) == codecs.BOM_UTF8:
            self._fed = 3

    def peek(self) -> str:
        """Return the next character that is no white space, or nothing at the end."""
        while True:
            match = _SPACE.match(self._text, self._at)
            self._at = match.end() if match else self._at
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def members(self) -> Iterator[str]:
        """Walk an object: yield each key; the caller reads its value before the next one."""
        seen = set()
        for _ in self._walk("{", "}"):
            if self.peek() != '"':
                self._bad("a name in double quotes")
            key = self.value()
            if key in seen:
                raise IngestionError(
                    f"{self._what} is not valid JSON: the key {shown(key)} appears twice in one "
                    "object.")
            seen.add(key)
            if self.peek() != ":":
                self._bad("a colon")
            self._at += 1
            yield key

    def items(self) -> Iterator[None]:
        """Walk a list: yield for each item; the caller reads it before the next one."""
        return self._walk("[", "]")

    def _walk(self, begin: str, end: str) -> Iterator[None]:
        if self.peek() != begin:
            self._bad(begin)
        self._at += 1
        if self.peek() == end:
            self._at += 1
            return
        while True:
            yield
            mark = self.peek()
            self._at += 1
            if mark == end:
                return
            if mark != ",":
                self._at -= 1
                self._bad(f", or {end}")

    def rows(self) -> Iterator[Any]:
        """Yield the values of a list, which are usually small."""
        scan, space = self._scan, _SPACE.match
        for _ in self.items():
            # From here on as items() and value() do, without their calls: there are millions of
            # rows. Whatever is unusual is left to them.
            while True:
                text, at = self._text, self._at
                if len(text) - at < _AHEAD and self._more():
                    continue
                if text[at:at + 1] in " \t\r\n":
                    at = space(text, at).end()  # type: ignore[union-attr]
                try:
                    row, end = scan(text, at)
                    mark = text[end]
                except (StopIteration, ValueError, RecursionError, IndexError):
                    row = self.value()
                    break
                if mark == ",":
                    self._at = end + 1
                    yield row
                    continue
                if mark == "]":
                    self._at = end
                else:
                    row = self.value()
                break
            yield row

    def value(self) -> Any:
        """Parse the value at the cursor and step over it."""
        self.peek()
        while True:
            self._check_size()
            try:
                value, end = self._scan(self._text, self._at)
            except RecursionError:
                raise IngestionError(f"{self._what} is nested too deeply to be read.") from None
            except StopIteration:
                if not self._more(grow=True):
                    self._bad("a value")
            except ValueError as error:
                if not self._more(grow=True):
                    raise self._invalid(error) from None
            else:
                # A number could go on, as 1 or 1e+ does in 1e+3.
                if end < len(self._text) - 2 or not self._more():
                    self._at = end
                    return value

    def finish(self) -> None:
        """Refuse what follows the text."""
        if self.peek():
            self._bad("nothing more")

    def _more(self, *, grow: bool = False) -> bool:
        """Read on; ``grow`` by as much as there is, so that a long value is not parsed often."""
        size = min(max(CHUNK, 3 * (len(self._text) - self._at) if grow else 0),
                   self._span.size - self._fed)
        pending = len(self._decoder.getstate()[0])
        try:
            text = self._decoder.decode(
                self._spool.read(self._span.part(self._fed, size)), size == 0)
        except UnicodeDecodeError as error:
            raise IngestionError(
                f"{self._what} is not UTF-8 text: invalid byte at offset "
                f"{self._fed - pending + error.start}.") from None
        if not size:
            return False
        self._fed += size
        self._passed += self._at
        if self._at < len(self._text):
            text = self._text[self._at:] + text
        self._text, self._at = text, 0
        return True

    def _check_size(self) -> None:
        """Count before parsing, since parsing is what allocates."""
        text, at = self._text, self._at
        if len(text) - at <= min(strict_json.MAX_JSON_OBJECTS, strict_json.MAX_JSON_VALUES):
            return
        objects = text.count("{", at) + text.count("[", at)
        strict_json.check_counts(objects, objects + text.count(",", at), self._what)

    def _bad(self, expected: str) -> NoReturn:
        found = shown(self._text[self._at:self._at + 20]) if self.peek() else "its end"
        raise IngestionError(
            f"{self._what} is not valid JSON: {expected} expected at character "
            f"{self._passed + self._at:,}, not {found}.")

    def _invalid(self, error: ValueError) -> IngestionError:
        text = str(error)
        if isinstance(error, json.JSONDecodeError):
            text = f"{error.msg} at character {self._passed + error.pos:,}"
        elif "limit" in text:
            text = "a number has too many digits"
        return IngestionError(f"{self._what} is not valid JSON: {text}.")
