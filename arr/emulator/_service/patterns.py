"""Patterns: which requests a fault or a hold is meant for.

A pattern names routes by the last segments of their path, without regard to case:
``properties``, ``sessions/create``, ``models/*/status``, ``sessions/*``. ``*`` alone means every
route, and a leading ``/`` ties the pattern to the whole path. One that fits no route would never
strike, so a test that relied on it would prove nothing: it is refused.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Iterable

from .._arguments import text

_LONGEST = 100  # characters of a pattern that a message quotes


class Pattern:
    """A method and the last segments of a path, each of which may be ``*``."""

    __slots__ = ("method", "path", "_segments", "_whole")

    def __init__(self, method: object, path: object) -> None:
        self.method = text("method", method).upper() or "*"
        self.path = text("path", path) or "*"
        self._whole = self.path.startswith("/")
        self._segments = tuple(part for part in self.path.lower().split("/") if part)
        if not self._segments or not (self.path + self.method).isprintable():
            raise ValueError(f"{path!r} names no route; take the end of a path, or '*'")

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    def matches(self, method: str, segments: tuple[str, ...]) -> bool:
        """Say whether a request is meant."""
        end = self._end_of(segments)
        return self.method in ("*", method) and (self._is_any or end is not None and all(
            want in ("*", given.lower()) for want, given in zip(self._segments, end)))

    def fits(self, method: str, parts: tuple[str, ...], words: frozenset[str]) -> bool:
        """Say whether requests of a route can be meant; ``words`` are the fixed ones of all routes,
        which are no ids."""
        if self.method not in ("*", method) and (self.method, method) != ("HEAD", "GET"):
            return False
        named = self._is_any
        for want, part in zip(self._segments, self._end_of(parts) or ()):
            if want in words:
                if want != part:
                    return False
                named = True
            elif want != "*" and (part[0] != "{" or want[0] == "{"):
                return False
        return named

    @property
    def _is_any(self) -> bool:
        return self._segments == ("*",) and not self._whole

    def _end_of(self, path: tuple[str, ...]) -> tuple[str, ...] | None:
        """Return the segments of a path that ours are about; None if it has not as many."""
        extra = len(path) - len(self._segments)
        return None if extra < 0 or (extra and self._whole) else path[extra:]


class Patterns:
    """Makes the patterns that fit the routes of a service."""

    def __init__(self, routes: Iterable[tuple[str, str]]) -> None:
        self._routes = [(method, tuple(path.lower().split("/"))) for method, path in routes]
        self._words = frozenset(
            part for _, parts in self._routes for part in parts if part[0] != "{")

    def parse(self, method: object, path: object) -> Pattern:
        """Return a pattern; ValueError with the near ones if it fits no route."""
        pattern = Pattern(method, path)
        if not any(pattern.fits(verb, parts, self._words) for verb, parts in self._routes):
            raise ValueError(f"no route fits {str(pattern)[:_LONGEST]!r}; near ones are "
                             + ", ".join(self._near(str(pattern)[:_LONGEST].lower())))
        return pattern

    def _near(self, asked: str) -> list[str]:
        likeness: dict[str, float] = {}
        for method, parts in self._routes:
            # Without the account, which all have; and what one may have meant: each of its ends.
            own = ["*" if part[0] == "{" else part for part in parts]
            own = own[next((i for i, part in enumerate(parts) if part[0] == "{"), -1) + 1:]
            ends = (f"{method} {'/'.join(own[i:])}".lower() for i in range(len(own)))
            likeness[f"{method} {'/'.join(own)}"] = max(
                SequenceMatcher(None, asked, end).ratio() for end in ends)
        return sorted(likeness, key=lambda shown: -likeness[shown])[:3]
