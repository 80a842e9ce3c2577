"""Checks of numbers and flags that come from callers and from the admin routes."""

from __future__ import annotations


def flag(name: str, value: object) -> bool:
    """Return a truth value; raise TypeError for anything else."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} is true or false")
    return value


def whole(name: str, value: object, least: int, most: int) -> int | None:
    """Return a whole number within bounds, or None; raise TypeError or ValueError."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} is a whole number")
    if not least <= value <= most:
        raise ValueError(f"{name} lies between {least} and {most}")
    return value


def number(name: str, value: object, least: float, most: float) -> float:
    """Return a number within bounds; raise TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} is a number")
    if not least <= value <= most:
        raise ValueError(f"{name} lies between {least:g} and {most:g}")
    return float(value)
