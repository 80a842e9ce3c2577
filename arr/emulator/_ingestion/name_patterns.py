"""Patterns for the names of materials: JavaScript's, and none that runs for hours."""

from __future__ import annotations

import re

from .refusals import IngestionError, shown

MAX_NAME = 256  # characters of a name, for a pattern to be tried on it

_MAX_PATTERN = 1000
_MAX_EFFORT = 27  # binary logarithm of the ways to be tried on one name: about a second


def compile_name(text: str, where: str) -> "re.Pattern[str]":
    """Compile a pattern of JavaScript; what could run for hours is refused unread."""
    if len(text) > _MAX_PATTERN:
        raise IngestionError(f"{where} is a pattern of more than {_MAX_PATTERN} characters.")
    if effort(text) > _MAX_EFFORT:
        raise IngestionError(
            f"{where} is the pattern {shown(text)}, which may take very long to match: use at most "
            "three of * and +, and none on a group that holds another or an |.")
    try:
        return re.compile(text.replace("(?<", "(?P<").replace("(?P<=", "(?<=").replace(
            "(?P<!", "(?<!"), re.ASCII)
    except (re.error, RecursionError, OverflowError) as error:
        raise IngestionError(
            f"{where} is not a valid pattern: {shown(text)}: {shown(str(error))}.") from None


def effort(pattern: str) -> float:
    """Return the binary logarithm of the ways in which a pattern may be tried, from above."""
    total = 0.0
    groups: "list[bool]" = []  # whether each open group holds a choice
    index = 0
    while index < len(pattern):
        mark = pattern[index]
        index += 2 if mark == "\\" else 1
        choice = 0
        if mark == "[":
            end = pattern.find("]", index + 1)
            index = len(pattern) if end < 0 else end + 1
        elif mark == "(":
            groups.append(False)
            index += pattern.startswith("?", index)
        elif mark == ")" and groups:
            if groups.pop() and pattern[index:index + 1] in ("*", "+", "{"):
                return float("inf")
        elif mark in "*+" or (mark == "{" and "," in pattern[index:].partition("}")[0]):
            choice = 8  # names have up to 256 characters
            index += pattern.startswith("?", index)
        elif mark == "?" or (mark == "|" and groups):
            choice = 1
        if choice:
            total += choice
            groups = [True] * len(groups)
    return total
