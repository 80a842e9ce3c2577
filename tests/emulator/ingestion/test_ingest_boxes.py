"""The mathematics of boxes, each rule against the plain way to say the same thing."""

from __future__ import annotations

import itertools
import math
from typing import Any, List, Tuple

import pytest

from arr.emulator._ingestion.formats import boxes
from arr.emulator._ingestion.refusals import IngestionError
from arr.emulator._ingestion.strict_json import Fields

Point = Tuple[float, ...]

BOX = ((-1., 2., -4.), (3., 5., 7.))
A: boxes.Matrix = (2., 3., 5., 0., -7., 11., 13., 0., 17., -19., 23., 0., 29., 31., 37., 1.)
B: boxes.Matrix = (1., -2., 4., 0., 8., 3., -6., 0., 9., 12., 5., 0., -10., 14., 15., 1.)


def moved(matrix: boxes.Matrix, point: Point) -> Point:
    """Return the point as glTF's columns say it."""
    return tuple(sum(matrix[4 * column + row] * part for column, part in enumerate((*point, 1.)))
                 for row in range(3))


def cross(a: Point, b: Point) -> Point:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def turned(turn: Point, point: Point) -> Point:
    """Return the point turned by a quaternion, by Rodrigues' formula."""
    length = math.hypot(*turn)
    *axis, real = (part / length for part in turn)
    once = cross((*axis,), point)
    twice = cross((*axis,), once)
    return tuple(part + 2 * real * a + 2 * b for part, a, b in zip(point, once, twice))


def placed(**parts: List[float]) -> boxes.Matrix:
    return boxes.local_matrix(Fields(parts, "nodes[0]"))


def test_a_node_is_scaled_then_turned_then_moved() -> None:
    turn: Point = (1., 2., -3., 4.)  # normalised by us
    matrix = placed(scale=[2, 3, 5], rotation=[*turn], translation=[7, 11, 13])
    for point in itertools.product((-1., 2.), (3., -4.), (5., 6.)):
        scaled = (2 * point[0], 3 * point[1], 5 * point[2])
        expected = [a + b for a, b in zip(turned(turn, scaled), (7, 11, 13))]
        assert moved(matrix, point) == pytest.approx(expected)
    assert matrix[3::4] == (0., 0., 0., 1.)


def test_parts_that_are_missing_do_nothing() -> None:
    assert placed() is boxes.IDENTITY and moved(boxes.IDENTITY, (2, 3, 5)) == (2, 3, 5)
    assert boxes.IDENTITY[3::4] == (0, 0, 0, 1)
    assert placed(translation=[1, 2, 3]) == (*boxes.IDENTITY[:12], 1, 2, 3, 1)
    assert moved(placed(scale=[2, 3, 5]), (1, 1, 1)) == (2, 3, 5)
    assert moved(placed(rotation=[0, 0, 0, 1]), (7, 8, 9)) == (7, 8, 9)


@pytest.mark.parametrize("turn", [[0, 0, 0, 0], [1e200, 1e200, 0, 0]])
def test_a_rotation_without_a_length_is_refused(turn: List[float]) -> None:
    with pytest.raises(IngestionError, match="unit quaternion"):
        placed(rotation=turn)


@pytest.mark.parametrize("index", [3, 7, 11, 15])
def test_a_matrix_with_another_last_row_is_refused(index: int) -> None:
    matrix: List[Any] = [*A]
    assert placed(matrix=matrix) == A
    matrix[index] = 2
    with pytest.raises(IngestionError, match="last row"):
        placed(matrix=matrix)


def test_a_product_applies_its_second_factor_first() -> None:
    point = (2., -3., 5.)
    product = boxes.multiply(A, B)
    assert moved(product, point) == moved(A, moved(B, point))
    assert product[3::4] == (0., 0., 0., 1.)
    assert boxes.multiply(A, boxes.IDENTITY) is A


def test_a_transformed_box_goes_around_its_eight_corners() -> None:
    corners = [moved(A, corner) for corner in itertools.product(*zip(*BOX))]
    assert boxes.transform(BOX, A) == boxes.union((corner, corner) for corner in corners)


def test_a_union_goes_around_all() -> None:
    assert boxes.union([BOX, ((-2., 3., 0.), (0., 9., 1.))]) == ((-2, 2, -4), (3, 9, 7))
    assert boxes.union([]) is None


@pytest.mark.parametrize("axis, expected", [
    (("default", "default", "default"), ((-2, 4, -8), (6, 10, 14))),
    (("+x", "+z", "-y"), ((-2, -8, -10), (6, 14, -4))),
    (("-z", "+x", "+y"), ((-14, -2, 4), (8, 6, 10)))])
def test_axes_are_changed_before_the_scale(axis: Point, expected: boxes.Box) -> None:
    assert boxes.configure(BOX, axis, 2., False) == expected  # type: ignore[arg-type]


def test_a_centred_box_keeps_its_size() -> None:
    assert boxes.configure(BOX, ("+y", "+x", "+z"), 2., True) == ((-3, -4, -11), (3, 4, 11))


def test_the_offset_leads_to_the_origin() -> None:
    assert boxes.offset_to_centre(BOX) == [-1, -3.5, -1.5]
    assert boxes.offset_to_centre(((1e308,) * 3, (1.5e308,) * 3))[0] == -1.25e308


def test_no_zero_is_negative() -> None:
    flat = ((0., 0., 0.), (0., 0., 0.))
    corners = (*boxes.configure(flat, ("-x", "-y", "-z"), 1., False),
               *boxes.configure(flat, ("-x", "-y", "-z"), 1., True), boxes.offset_to_centre(flat))
    parts = [part for corner in corners for part in corner]
    assert {math.copysign(1, part) for part in parts} == {1.}


@pytest.mark.parametrize("corner", range(6))
def test_every_part_of_a_box_must_be_finite(corner: int) -> None:
    parts = [0.] * 6
    assert boxes.is_finite((tuple(parts[:3]), tuple(parts[3:])))
    parts[corner] = math.inf
    assert not boxes.is_finite((tuple(parts[:3]), tuple(parts[3:])))
