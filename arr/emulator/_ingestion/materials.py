"""The materials file that lies beside an archive: one object for each material of the model."""

from __future__ import annotations

from typing import Any, Sequence

from .formats.material import Material


def material_entries(materials: Sequence[Material], *, unlit: bool) -> list[dict[str, Any]]:
    """Return the materials in the form of an override file, in the order of the model."""
    return [{"name": material.name, **material.values, **({"unlit": True} if unlit else {})}
            for material in materials]
