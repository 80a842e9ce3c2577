"""Files that override the materials of a model: read by a schema, and applied."""

from __future__ import annotations

import time
from typing import Any, Dict, NamedTuple, Sequence

from .checks import GENERATED, Check
from .name_patterns import MAX_NAME, compile_name
from .refusals import IngestionError, shown
from .strict_json import load_json

Entry = Dict[str, Any]
_SECONDS = 10.0  # for all patterns on all materials


class OverrideSchema(NamedTuple):
    """The members that an entry may have, and whether its name may be a pattern."""

    members: dict[str, Check]
    patterns: bool


def parse_overrides(data: bytes, name: str, schema: OverrideSchema) -> list[Entry]:
    """Return the entries of an override file, each member checked."""
    what = shown(name)
    parsed = load_json(data, what, unique=True)
    if not isinstance(parsed, list):
        raise IngestionError(
            f"{what} must hold a list of objects, one for each material, not {shown(parsed)}.")
    for index, entry in enumerate(parsed):
        where = f"{what}[{index}]"
        if not isinstance(entry, dict):
            raise IngestionError(f"{where} must be an object, not {shown(entry)}.")
        if "name" not in entry:
            raise IngestionError(f'{where} must have a "name": that of the material it is for.')
        _check_members(entry, schema.members, where)
        if entry.get("nameMatching") == "regex":
            compile_name(entry["name"], f"{where}.name")
    return parsed


def _check_members(entry: Entry, members: dict[str, Check], where: str) -> None:
    for key, value in entry.items():
        if key not in members:
            raise IngestionError(
                f"{where} has the unknown member {shown(key)}; the known ones are "
                f"{', '.join(members)}.")
        expected = members[key](value)
        if expected:
            raise IngestionError(f"{where}.{key} must be {expected}, not {shown(value)}.")


def apply_overrides(materials: Sequence[Entry], entries: Sequence[Entry],
                    schema: OverrideSchema) -> "tuple[list[Entry], int, list[str]]":
    """Return the materials as overridden, how many were, and the names that none of them has."""
    chosen = _first_match if schema.patterns else _all_exact
    used: "set[int]" = set()
    changed, count = [], 0
    for material, found in zip(materials, chosen(materials, entries)):
        used.update(found)
        count += bool(found)
        changed.append(_merged(material, [entries[index] for index in found]))
    unused = [entry["name"] for index, entry in enumerate(entries) if index not in used]
    return changed, count, unused


def _merged(material: Entry, entries: Sequence[Entry]) -> Entry:
    result = dict(material)
    for entry in entries:
        for key, value in entry.items():
            if key == "ignoreTextureMaps":
                for kind in value:
                    result.pop(kind[0].lower() + kind[1:], None)
            elif key == "albedoColor" and isinstance(value, dict):
                result[key] = {**result.get(key, {}), **value}
            elif key not in ("name", "nameMatching") and value != GENERATED:
                result[key] = value
    return result


def _all_exact(materials: Sequence[Entry], entries: Sequence[Entry]) -> "list[list[int]]":
    places: "dict[str, list[int]]" = {}
    for index, entry in enumerate(entries):
        places.setdefault(entry["name"], []).append(index)
    return [places.get(material["name"], []) for material in materials]


def _first_match(materials: Sequence[Entry], entries: Sequence[Entry]) -> "list[list[int]]":
    """At most one entry applies: an exact one, else the first pattern that fits the whole name."""
    exact: "dict[str, int]" = {}
    patterns = []
    for index, entry in enumerate(entries):
        if entry.get("nameMatching") == "regex":
            patterns.append((index, compile_name(entry["name"], "name")))
        else:
            exact.setdefault(entry["name"], index)
    end = time.monotonic() + _SECONDS
    known: "dict[str, list[int]]" = {}
    for material in materials:
        name = material["name"]
        if name not in known:
            if time.monotonic() > end:
                raise IngestionError(
                    "The patterns of the material overrides take too long to match.")
            known[name] = [exact[name]] if name in exact else [
                index for index, pattern in patterns
                if len(name) <= MAX_NAME and pattern.fullmatch(name)][:1]
    return [known[material["name"]] for material in materials]
