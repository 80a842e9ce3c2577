"""A material of a model: its name, and what the model says of it in the words of ARR."""

from __future__ import annotations

from typing import Any, NamedTuple


class Material(NamedTuple):
    """One material; a map is the path of its picture, left out when it lies in the model."""

    name: str
    values: dict[str, Any] = {}
