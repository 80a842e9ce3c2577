"""Reads JSON files of models strictly and within limits, and checks the types of fields."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Iterator, NoReturn

from .refusals import IngestionError, shown, size_text

MAX_JSON_BYTES = 256 << 20  # a glTF file with embedded buffers is one JSON text
MAX_JSON_VALUES = 6_000_000  # each costs about 60 bytes of memory, at worst
_LARGEST = sys.float_info.max
MAX_JSON_OBJECTS = 1_500_000  # and lists; these cost some hundred bytes


def refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is not a JSON number")


def bounded_int(text: str) -> int:
    # Converting digits takes quadratic time, and nothing here is longer than a 64-bit number.
    if len(text) > 20:
        raise ValueError("a number has too many digits")
    return int(text)


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shown(key)} appears twice in one object")
        found[key] = value
    return found


def check_counts(objects: int, values: int, what: str) -> None:
    """Refuse a text that would take too much memory once parsed."""
    if objects > MAX_JSON_OBJECTS:
        raise IngestionError(
            f"{what} holds more than {MAX_JSON_OBJECTS:,} JSON objects and lists.")
    if values > MAX_JSON_VALUES:
        raise IngestionError(f"{what} holds more than {MAX_JSON_VALUES:,} JSON values.")


def load_json(data: bytes, what: str, *, unique: bool = False) -> Any:
    """Parse JSON strictly and within the limits; ``what`` names the text in the reasons."""
    if len(data) > MAX_JSON_BYTES:
        raise IngestionError(
            f"{what} has {size_text(len(data))} of JSON; {size_text(MAX_JSON_BYTES)} is the limit.")
    # Counted before parsing, since parsing is what allocates.
    objects = data.count(b"{") + data.count(b"[")
    check_counts(objects, objects + data.count(b","), what)
    hook: Callable[[list[tuple[str, object]]], object] | None
    hook = _unique_keys if unique else None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise IngestionError(
            f"{what} is not UTF-8 text: invalid byte at offset {error.start}.") from None
    try:
        return json.loads(text, parse_constant=refuse_constant, parse_int=bounded_int,
                          object_pairs_hook=hook)
    except RecursionError:
        raise IngestionError(f"{what} is nested too deeply to be read.") from None
    except ValueError as error:
        raise IngestionError(f"{what} is not valid JSON: {error}.") from None


class Fields:
    """A JSON object whose values are read with their types checked."""

    __slots__ = ("data", "where")

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, dict):
            raise IngestionError(f"{where} must be a JSON object, not {shown(data)}.")
        self.data: dict[str, Any] = data
        self.where = where

    def __contains__(self, key: str) -> bool:
        return key in self.data

    def bad(self, key: str, expected: str) -> IngestionError:
        """Return the error that says what a value should have been."""
        found = f"not {shown(self.data[key])}" if key in self.data else "but it is missing"
        return IngestionError(f"{self.where}.{key} must be {expected}, {found}.")

    def integer(self, key: str, default: int | None = None, *, low: int = 0,
                high: int = 1 << 53) -> int:
        """Return an integer between two limits; without a default it must be there."""
        if key not in self.data and default is not None:
            return default
        value = self.data.get(key)
        # Some exporters write 4.0 where the schema says integer, and a schema takes it as one.
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            top = "" if high == 1 << 53 else f" and {high}"
            raise self.bad(key, f"an integer {'between' if top else 'from'} {low}{top}")
        return value

    def numbers(self, key: str, count: int) -> tuple[float, ...] | None:
        """Return a list of so many finite numbers, or None when the key is absent."""
        if key not in self.data:
            return None
        values = self.data[key]
        if not isinstance(values, list) or len(values) != count:
            raise self.bad(key, f"a list of {count} numbers")
        for value in values:
            if isinstance(value, bool) or not isinstance(value, (int, float)) \
                    or not abs(value) <= _LARGEST:
                raise IngestionError(
                    f"{self.where}.{key} must hold finite numbers only, not {shown(value)}.")
        return tuple(map(float, values))

    def text(self, key: str, default: str | None = None) -> str:
        """Return a string; without a default it must be there."""
        value = self.data.get(key, default)
        if not isinstance(value, str):
            raise self.bad(key, "a string")
        return value

    def flag(self, key: str) -> bool:
        """Return a boolean that is false when absent."""
        value = self.data.get(key, False)
        if not isinstance(value, bool):
            raise self.bad(key, "true or false")
        return value

    def array(self, key: str) -> list[Any]:
        """Return a list, empty when absent."""
        value = self.data.get(key, [])
        if not isinstance(value, list):
            raise self.bad(key, "a list")
        return value

    def child(self, key: str) -> Fields | None:
        """Return the object under a key, or None when absent."""
        if key not in self.data:
            return None
        return Fields(self.data[key], f"{self.where}.{key}")

    def children(self, key: str) -> Iterator[Fields]:
        """Yield the objects of the list under a key."""
        for index, value in enumerate(self.array(key)):
            yield Fields(value, f"{self.where}.{key}[{index}]")
