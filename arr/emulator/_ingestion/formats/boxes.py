"""Computes bounding boxes: node transforms of glTF, scaling, axes and centring of settings.

A node contributes the box of the eight transformed corners of its mesh's box, as engines do:
tight for turns by 90 degrees, somewhat larger than the mesh for others.
"""

from __future__ import annotations

import math
from typing import Iterable, Sequence

from ..refusals import IngestionError
from ..strict_json import Fields

Box = tuple[tuple[float, ...], tuple[float, ...]]  # lowest and highest corner
Matrix = tuple[float, ...]  # of four columns, as glTF writes it

IDENTITY: Matrix = (1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1., 0., 0., 0., 0., 1.)

_PLACING = frozenset(("matrix", "translation", "rotation", "scale"))


def local_matrix(node: Fields) -> Matrix:
    """Return the matrix of a node, from its matrix or from its parts."""
    if _PLACING.isdisjoint(node.data):
        return IDENTITY
    matrix = node.numbers("matrix", 16)
    if matrix is not None:
        if matrix[3::4] != (0., 0., 0., 1.):
            raise IngestionError(f"{node.where}.matrix must be affine: its last row is 0 0 0 1.")
        return matrix
    move = node.numbers("translation", 3) or (0., 0., 0.)
    turn = node.numbers("rotation", 4) or (0., 0., 0., 1.)
    scale = node.numbers("scale", 3) or (1., 1., 1.)
    length = math.sqrt(sum(part * part for part in turn))
    if not 0 < length < math.inf:
        raise IngestionError(f"{node.where}.rotation must be a unit quaternion.")
    x, y, z, w = (part / length for part in turn)
    a, b, c = scale
    return (a * (1 - 2 * (y * y + z * z)), a * 2 * (x * y + z * w), a * 2 * (x * z - y * w), 0.,
            b * 2 * (x * y - z * w), b * (1 - 2 * (x * x + z * z)), b * 2 * (y * z + x * w), 0.,
            c * 2 * (x * z + y * w), c * 2 * (y * z - x * w), c * (1 - 2 * (x * x + y * y)), 0.,
            move[0], move[1], move[2], 1.)


def multiply(a: Matrix, b: Matrix) -> Matrix:
    """Return the affine matrix that applies ``b`` first and ``a`` after it."""
    if b is IDENTITY:
        return a
    parts = []
    for column in (0, 4, 8, 12):
        x, y, z, w = b[column:column + 4]
        parts += [a[0] * x + a[4] * y + a[8] * z + a[12] * w,
                  a[1] * x + a[5] * y + a[9] * z + a[13] * w,
                  a[2] * x + a[6] * y + a[10] * z + a[14] * w, w]
    return tuple(parts)


def transform(box: Box, matrix: Matrix) -> Box:
    """Return the box around a transformed box."""
    low, high = [], []
    for row in range(3):
        least = most = matrix[12 + row]
        for column in range(3):
            factor = matrix[4 * column + row]
            ends = factor * box[0][column], factor * box[1][column]
            least += min(ends)
            most += max(ends)
        low.append(least)
        high.append(most)
    return tuple(low), tuple(high)


def union(boxes: Iterable[Box]) -> Box | None:
    """Return the box around boxes, or None when there are none."""
    lows, highs = [], []
    for low, high in boxes:
        lows.append(low)
        highs.append(high)
    if not lows:
        return None
    return tuple(map(min, zip(*lows))), tuple(map(max, zip(*highs)))


def configure(box: Box, axis: Sequence[str], scaling: float, recenter: bool) -> Box:
    """Return what the settings make of a box: axes first, then the scale, then the centre.

    Entry i of ``axis`` says which direction of the source becomes axis i of the result, so that
    ["+x", "+z", "-y"] sets a model upright whose z axis points up.
    """
    low, high = [], []
    for index, name in enumerate(axis):
        source = index if name == "default" else "xyz".index(name[1])
        factor = -scaling if name.startswith("-") else scaling
        ends = sorted((factor * box[0][source], factor * box[1][source]))
        if recenter:
            half = (ends[1] - ends[0]) / 2
            ends = [-half, half]
        low.append(ends[0] + 0.)  # + 0. makes 0. of -0.
        high.append(ends[1] + 0.)
    return tuple(low), tuple(high)


def offset_to_centre(box: Box) -> Sequence[float]:
    """Return what moves the centre of a box to the origin."""
    return [-(low / 2 + high / 2) + 0. for low, high in zip(*box)]


def is_finite(box: Box) -> bool:
    """Tell whether all corners of a box are finite."""
    return all(map(math.isfinite, box[0] + box[1]))
