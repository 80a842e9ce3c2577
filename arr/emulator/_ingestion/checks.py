"""Checks of JSON values: each returns what the value must be, or nothing when it is that."""

from __future__ import annotations

import math
from typing import Callable

from .refusals import shown

Check = Callable[[object], str]

GENERATED = "<generated>"  # stands for what the ingestion finds out itself


def is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def text(value: object) -> str:
    return "" if isinstance(value, str) else "a string"


def flag(value: object) -> str:
    return "" if isinstance(value, bool) else "true or false"


def number(value: object) -> str:
    return "" if is_number(value) else "a number"


def or_generated(check: Check) -> Check:
    def checked(value: object) -> str:
        expected = check(value)
        return f'{expected} or "{GENERATED}"' if expected and value != GENERATED else ""
    return checked


def one_of(*names: str) -> Check:
    expected = " or ".join(f'"{name}"' for name in names)
    return lambda value: "" if isinstance(value, str) and value in names else expected


def numbers(required: str, optional: str = "", *, alone: str = "") -> Check:
    """Check an object of numbers; ``alone`` is a member that may stand without the required."""
    expected = f"an object with the numbers {', '.join(required)}" + (
        f" and, if wanted, {optional}" if optional else "") + (
        f", or only {alone}" if alone else "")

    def checked(value: object) -> str:
        good = isinstance(value, dict) and set(value) <= set(required + optional) \
            and (set(required) <= set(value) or set(value) == set(alone or "\0")) \
            and all(map(is_number, value.values()))
        return "" if good else expected
    return checked


def object_of(members: dict[str, Check]) -> Check:
    def checked(value: object) -> str:
        if not isinstance(value, dict):
            return "an object"
        for key, item in value.items():
            if key not in members:
                return f"an object of {', '.join(members)} (not {shown(key)})"
            expected = members[key](item)
            if expected:
                return f"an object whose {key} is {expected}"
        return ""
    return checked


def list_of(*names: str) -> Check:
    def checked(value: object) -> str:
        good = isinstance(value, list) and all(isinstance(item, str) and item in names
                                               for item in value)
        return "" if good else f"a list of {', '.join(names)}"
    return checked


def each(names: str, check: Check) -> dict[str, Check]:
    return dict.fromkeys(names.split(), check)
