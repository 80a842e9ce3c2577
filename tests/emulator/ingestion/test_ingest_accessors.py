"""Accessors of glTF: where their data lies and which values are found there, read either way."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any, List, Sequence, Tuple

import pytest

from arr.emulator._ingestion.formats import gltf_accessors, gltf_runs
from arr.emulator._ingestion.pipeline import IngestionError
from arr.emulator._ingestion.spool import Spool

from ...support.models import (
    CORNERS, Json, bounds, data_uri, floats, positions, run, triangle, triangle_1,
)

Bounds = Tuple[List[float], List[float]]


@pytest.fixture(params=[(256, 1 << 16), (0, 4)], ids=["at once", "in pieces"], autouse=True)
def pieces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read everything at once, or nothing: four elements at a time."""
    small, step = request.param
    monkeypatch.setattr(gltf_accessors, "_SMALL", small)
    monkeypatch.setattr(gltf_runs, "_STEP", step)


def refusal(root: Path, model: Any) -> str:
    with pytest.raises(IngestionError) as caught:
        run(root, {"m.gltf": model})
    return str(caught.value)


def around(rows: Sequence[Sequence[float]]) -> Bounds:
    return [min(column) for column in zip(*rows)], [max(column) for column in zip(*rows)]


# -- positions -------------------------------------------------------------------------------


def test_positions_are_measured_to_the_last(tmp_path: Path) -> None:
    rows = [(i, -i, 0) for i in range(11)]
    model = positions(floats(rows), {"bufferView": 0, "componentType": 5126, "count": 11})
    assert bounds(run(tmp_path, {"m": model})) == ([0, -10, 0], [10, 0, 0])


@pytest.mark.parametrize("stride", [0, 12, 13, 16, 31, 32, 252])
@pytest.mark.parametrize("count", [1, 2, 4, 5, 300])
@pytest.mark.parametrize("offset", [0, 12])
def test_what_lies_between_and_before_positions_is_passed_over(
        tmp_path: Path, stride: int, count: int, offset: int) -> None:
    gap = b"\x7f" * (stride - 12)
    data = b"\x7f" * offset + gap.join(struct.pack("<3f", i, -i, 7) for i in range(count))
    model = positions(data, {"bufferView": 0, "componentType": 5126, "count": count,
                             "byteOffset": offset},
                      views=[{"buffer": 0, "byteLength": len(data), "byteStride": stride}])
    assert bounds(run(tmp_path, {"m": model})) == ([0, 1 - count, 7], [count - 1, 0, 7])


@pytest.mark.parametrize("stride", [0, 12, 16, 255])
def test_gltf_1_has_the_stride_at_the_accessor(tmp_path: Path, stride: int) -> None:
    data = bytes(max(0, stride - 12)).join(floats([corner]) for corner in CORNERS)
    model = triangle_1(
        meshes={"mesh": {"primitives": [{"attributes": {"POSITION": "places"}, "mode": 0}]}},
        bufferViews={"v": {"buffer": "b", "byteOffset": 0, "byteStride": 4},
                     "i": {"buffer": "b", "byteOffset": 0}},
        buffers={"b": {"uri": data_uri(data)}})
    model["accessors"]["places"]["byteStride"] = stride
    assert bounds(run(tmp_path, {"m": model})) == ([1, 0, -1], [3, 3, 0])


@pytest.mark.parametrize("stride, reason", [
    (8, "accessors['places'] has elements of 12 bytes every 8 bytes"),
    (13, "accessors['places'] ends at byte 38 of a buffer view that has 36 bytes"),
    (256, "accessors['places'].byteStride must be an integer between 0 and 255, not 256"),
    (-1, "between 0 and 255, not -1")])
def test_a_stride_of_gltf_1_must_fit(tmp_path: Path, stride: int, reason: str) -> None:
    model = triangle_1()
    model["accessors"]["places"]["byteStride"] = stride
    assert reason in refusal(tmp_path, model)


@pytest.mark.parametrize("component, code, rows, fractions", [
    (5120, "b", [(-128, -127, 127), (-128, -64, 0)], ([-1, -1, 0], [-1, -64 / 127, 1])),
    (5121, "B", [(0, 51, 255), (0, 255, 200)], ([0, 51 / 255, 200 / 255], [0, 1, 1])),
    (5122, "h", [(-32768, 32767, 3), (-32768, -1, 4)],
     ([-1, -1 / 32767, 3 / 32767], [-1, 1, 4 / 32767])),
    (5123, "H", [(0, 65535, 2), (1, 65534, 3)],
     ([0, 65534 / 65535, 2 / 65535], [1 / 65535, 1, 3 / 65535])),
    (5126, "f", [(-2, 3, 0), (-2, 4, 0)], ([-2, 3, 0], [-2, 4, 0]))])
def test_integers_are_taken_as_they_are_or_normalised_as_fractions(
        tmp_path: Path, component: int, code: str, rows: Any, fractions: Bounds) -> None:
    data = b"".join(struct.pack(f"<3{code}", *row) for row in rows)
    accessor = {"bufferView": 0, "componentType": component, "count": 2}
    for normalised, expected in ((False, around(rows)), (True, fractions)):
        model = positions(data, {**accessor, "normalized": normalised})
        assert bounds(run(tmp_path, {"m": model})) == expected


def test_long_integers_are_no_positions(tmp_path: Path) -> None:
    model = positions(bytes(12), {"bufferView": 0, "componentType": 5125, "count": 1})
    assert "of an integer type that positions cannot have" in refusal(tmp_path, model)


@pytest.mark.parametrize("place", range(6))
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_position_that_is_not_finite_is_refused(
        tmp_path: Path, value: float, place: int) -> None:
    data = struct.pack("<6f", *[value if i == place else 0 for i in range(6)])
    model = positions(data, {"bufferView": 0, "componentType": 5126, "count": 2})
    assert "not finite" in refusal(tmp_path, model)


@pytest.mark.parametrize("far", [1.5 * 2.0 ** 127, -1.5 * 2.0 ** 127])
def test_positions_may_be_as_far_as_floats_go(tmp_path: Path, far: float) -> None:
    rows = [(far, far, far), (far, 0, far)]
    model = positions(floats(rows), {"bufferView": 0, "componentType": 5126, "count": 2})
    assert bounds(run(tmp_path, {"m": model})) == around(rows)


# -- sparse values ---------------------------------------------------------------------------


def sparse(rows: Sequence[Any], places: bytes, count: int, *, component: int = 5121,
           base: Sequence[Any] = CORNERS) -> Json:
    values, below = floats(rows), floats(base)
    model = positions(
        below + places + values, {"bufferView": 0, "componentType": 5126, "count": count},
        views=[{"buffer": 0, "byteLength": len(below)},
               {"buffer": 0, "byteOffset": len(below), "byteLength": len(places)},
               {"buffer": 0, "byteOffset": len(below + places), "byteLength": len(values)}])
    model["accessors"][0]["sparse"] = {
        "count": len(rows), "indices": {"bufferView": 1, "componentType": component},
        "values": {"bufferView": 2}}
    return model


@pytest.mark.parametrize("component, code", [(5121, "B"), (5123, "H"), (5125, "I")])
@pytest.mark.parametrize("places", [
    *([i] for i in range(11)), [0, 1], [3, 4], [2, 3, 5, 10], range(11)], ids=list)
def test_sparse_values_replace_those_at_their_places(
        tmp_path: Path, component: int, code: str, places: Sequence[int]) -> None:
    rows = [(99, -99, 99) if i in places else (i, -i, 0) for i in range(11)]
    values = [(10 + i, -10 - i, 1) for i in places]
    indices = struct.pack(f"<{len(places)}{code}", *places)
    model = sparse(values, indices, 11, component=component, base=rows)
    for i, value in zip(places, values):
        rows[i] = value
    assert bounds(run(tmp_path, {"m": model})) == around(rows)


@pytest.mark.parametrize("count, expected", [
    (3, ([0, 0, 0], [2, 2, 2])), (2, ([1, 1, 1], [2, 2, 2]))])
def test_sparse_values_replace_zeros_without_a_buffer_view(
        tmp_path: Path, count: int, expected: Bounds) -> None:
    model = sparse([(1, 1, 1), (2, 2, 2)], b"\0\x01\0\0", count)
    del model["accessors"][0]["bufferView"]
    assert bounds(run(tmp_path, {"m": model})) == expected


def test_sparse_parts_have_offsets(tmp_path: Path) -> None:
    model = sparse([(9, 9, 9), (1, 1, 1)], b"\0\0\0\x01", 3)
    parts = model["accessors"][0]["sparse"]
    parts["count"] = 1
    parts["indices"]["byteOffset"] = 3
    parts["values"]["byteOffset"] = 12
    assert bounds(run(tmp_path, {"m": model})) == ([0, 0, -1], [1, 3, 1])


@pytest.mark.parametrize("places", [[1, 1], [2, 1], [1, 3], [3, 4]])
def test_sparse_indices_must_rise_and_stay_inside(tmp_path: Path, places: List[int]) -> None:
    model = sparse([(1, 1, 1)] * 2, bytes(places), 3)
    assert "sparse.indices must rise and stay below 3" in refusal(tmp_path, model)


@pytest.mark.parametrize("part, change, reason", [
    ("indices", {"componentType": 5120}, "one of 5121, 5123, 5125, not 5120"),
    ("indices", {"componentType": 5122}, "one of 5121, 5123, 5125, not 5122"),
    ("indices", {"componentType": 5126}, "one of 5121, 5123, 5125, not 5126"),
    ("indices", {"componentType": 5123}, "accessors[0].sparse.indices ends at byte 4 of"),
    ("indices", {"byteOffset": 2}, "accessors[0].sparse.indices ends at byte 4 of"),
    ("indices", {"bufferView": None}, "indices.bufferView must be an index"),
    ("indices", ..., "accessors[0].sparse must have indices and values"),
    ("values", ..., "accessors[0].sparse must have indices and values"),
    ("values", {"byteOffset": 1}, "accessors[0].sparse.values ends at byte 25 of"),
    ("count", 0, "accessors[0].sparse.count must be an integer between 1 and 3, not 0"),
    ("count", 4, "between 1 and 3, not 4"),
])
@pytest.mark.parametrize("shown", [True, False])
def test_a_sparse_part_that_is_wrong_is_named(
        tmp_path: Path, part: str, change: Any, reason: str, shown: bool) -> None:
    model = sparse([(1, 1, 1)] * 2, b"\x01\x02", 3)
    parts = model["accessors"][0]["sparse"]
    if change is ...:
        del parts[part]
    elif isinstance(change, dict):
        parts[part].update(change)
    else:
        parts[part] = change
    if not shown:
        model["meshes"] = [{"primitives": []}]
    assert reason in refusal(tmp_path, model)


@pytest.mark.parametrize("part", ["indices", "values"])
def test_a_sparse_part_needs_a_buffer_view(tmp_path: Path, part: str) -> None:
    model = sparse([(1, 1, 1)], b"\x01", 3)
    del model["accessors"][0]["sparse"][part]["bufferView"]
    assert f"accessors[0].sparse.{part} names no bufferView" in refusal(tmp_path, model)


# -- indices ---------------------------------------------------------------------------------


def indexed(indices: bytes, component: int, count: int, vertices: int) -> Json:
    """Return a model of one primitive for each of two accessors of positions."""
    data = bytes(36) + indices
    return triangle(
        meshes=[{"primitives": [{"attributes": {"POSITION": i}, "indices": 2} for i in range(2)]}],
        accessors=[*({"bufferView": 0, "componentType": 5126, "count": total, "type": "VEC3"}
                     for total in (3, vertices)),
                   {"bufferView": 1, "componentType": component, "count": count, "type": "SCALAR"}],
        bufferViews=[{"buffer": 0, "byteLength": 36},
                     {"buffer": 0, "byteOffset": 36, "byteLength": len(indices)}],
        buffers=[{"byteLength": len(data), "uri": data_uri(data)}])


@pytest.mark.parametrize("component, code", [(5121, "B"), (5123, "H"), (5125, "I")])
@pytest.mark.parametrize("place", [0, 3, 4, 9, 11])
@pytest.mark.parametrize("highest", [0, 2])
def test_an_index_stays_below_the_vertices_of_each_primitive(
        tmp_path: Path, component: int, code: str, place: int, highest: int) -> None:
    indices = struct.pack(f"<12{code}", *[highest if i == place else 0 for i in range(12)])
    run(tmp_path, {"m": indexed(indices, component, 12, highest + 1)})
    if highest:
        reason = refusal(tmp_path, indexed(indices, component, 12, highest))
        assert ("meshes[0].primitives[1].indices hold the index 2, but there are 2 vertices"
                in reason)


def test_the_first_accessor_may_hold_indices(tmp_path: Path) -> None:
    model = triangle(meshes=[{"primitives": [{"attributes": {"POSITION": 1}, "indices": 0}]}])
    model["accessors"].reverse()
    assert run(tmp_path, {"m": model}).info.triangles == 1
    model["accessors"][0]["count"] = 2
    assert run(tmp_path, {"m": model}).info.triangles == 0


@pytest.mark.parametrize("component", [5120, 5122, 5126])
def test_indices_are_unsigned(tmp_path: Path, component: int) -> None:
    assert "SCALAR and of an unsigned type" in refusal(
        tmp_path, indexed(bytes(48), component, 12, 3))


@pytest.mark.parametrize("kind", ["VEC2", "VEC3", "MAT2"])
def test_indices_are_scalars(tmp_path: Path, kind: str) -> None:
    model = indexed(bytes(192), 5121, 12, 3)
    model["accessors"][2]["type"] = kind
    assert "SCALAR and of an unsigned type" in refusal(tmp_path, model)


# -- layout and sharing ----------------------------------------------------------------------


@pytest.mark.parametrize("offset, stride, count, least", [
    (0, 0, 3, 36), (4, 0, 3, 40), (0, 12, 1, 12), (0, 16, 3, 44), (8, 16, 3, 52), (0, 252, 1, 12),
    (0, 252, 2, 264)])
def test_accessors_that_nothing_shows_must_fit_too(
        tmp_path: Path, offset: int, stride: int, count: int, least: int) -> None:
    model = triangle()
    model["accessors"].append({"bufferView": 2, "componentType": 5126, "count": count,
                               "type": "VEC3", "byteOffset": offset})
    model["bufferViews"].append({"buffer": 1, "byteLength": least, "byteStride": stride})
    model["buffers"].append({"byteLength": 300, "uri": data_uri(bytes(300))})
    run(tmp_path, {"m": model})
    model["bufferViews"][2]["byteLength"] = least - 1
    assert f"accessors[2] ends at byte {least} of a buffer view that has {least - 1} bytes" \
        in refusal(tmp_path, model)
    model["bufferViews"][2].update(byteLength=300, byteStride=11)
    assert "accessors[2] has elements of 12 bytes every 11 bytes" in refusal(tmp_path, model)


@pytest.mark.parametrize("component, size", [
    (5120, 1), (5121, 1), (5122, 2), (5123, 2), (5125, 4), (5126, 4)])
@pytest.mark.parametrize("kind, numbers", [("SCALAR", 1), ("VEC2", 2), ("VEC3", 3), ("VEC4", 4)])
def test_elements_have_as_many_bytes_as_their_numbers(
        tmp_path: Path, component: int, size: int, kind: str, numbers: int) -> None:
    model, least = triangle(), 2 * size * numbers
    model["accessors"].append(
        {"bufferView": 2, "componentType": component, "count": 2, "type": kind})
    model["bufferViews"].append({"buffer": 1, "byteLength": least})
    model["buffers"].append({"byteLength": least, "uri": data_uri(bytes(least))})
    run(tmp_path, {"m": model})
    model["bufferViews"][2]["byteLength"] = least - 1
    assert f"accessors[2] ends at byte {least} of" in refusal(tmp_path, model)


SHARED = {"bufferView": 0, "componentType": 5120, "count": 3, "type": "VEC3"}


@pytest.mark.parametrize("change", [
    {"byteOffset": 3}, {"count": 2}, {"componentType": 5121}, {"componentType": 5122},
    {"normalized": True}, {"bufferView": 1}, {"bufferView": None},
    {"sparse": {"count": 1, "indices": {"bufferView": 2, "componentType": 5121},
                "values": {"bufferView": 2}}}], ids=str)
@pytest.mark.parametrize("remembered", [1, 100])
def test_accessors_that_differ_in_one_thing_are_told_apart(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Json, remembered: int) -> None:
    monkeypatch.setattr(gltf_accessors, "_REMEMBERED", remembered)
    data = struct.pack("<20b", *range(-3, 6), *range(40, 50), 2)
    other = {key: value for key, value in {**SHARED, **change}.items() if value is not None}

    def shown(*measured: int) -> Bounds:
        """Return the bounds of the last of the accessors, after those before it were measured."""
        model = triangle(
            accessors=[SHARED, other], nodes=[{"mesh": len(measured) - 1}],
            meshes=[{"primitives": [{"attributes": {"POSITION": i}}]} for i in measured],
            bufferViews=[{"buffer": 0, "byteLength": 18},
                         {"buffer": 0, "byteLength": 18, "byteOffset": 1},
                         {"buffer": 0, "byteLength": 3, "byteOffset": 17}],
            buffers=[{"byteLength": 20, "uri": data_uri(data)}])
        if "sparse" in change:
            model["accessors"][1]["sparse"]["indices"]["byteOffset"] = 2
        return bounds(run(tmp_path, {"m": model}))

    assert shown(0, 1) == shown(1, 1) == shown(1) != shown(0)
    assert shown(1, 0) == shown(0, 0) == shown(0)


@pytest.mark.parametrize("stride", [12, 16])
def test_accessors_that_read_the_same_bytes_without_end_are_refused(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stride: int) -> None:
    read, size = 16 * (10 * stride + 12), 10 * stride + 12 + 64
    model = triangle(
        accessors=[{"bufferView": 0, "componentType": 5126, "type": "VEC3", "count": 11,
                    "byteOffset": 4 * i} for i in range(16)],
        meshes=[{"primitives": [{"attributes": {"POSITION": i}, "mode": 0} for i in range(16)]}],
        bufferViews=[{"buffer": 0, "byteLength": size, "byteStride": stride}],
        buffers=[{"byteLength": size, "uri": data_uri(bytes(size))}])
    monkeypatch.setattr(gltf_runs, "_ALWAYS_READ", read - 8 * size)
    run(tmp_path, {"m": model})
    monkeypatch.setattr(gltf_runs, "_ALWAYS_READ", read - 8 * size - 1)
    assert "overlap so much" in refusal(tmp_path, model)


@pytest.mark.parametrize("block", [1, 7, 100])
def test_a_small_run_is_read_wherever_the_last_one_was(
        monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(gltf_runs, "_BLOCK", block)
    data = bytes(range(200))
    with Spool() as spool:
        spool.add("", [data])
        reader = gltf_runs.Reader(spool, len(data))
        for start in (50, 40, 57, 60, 150, 0, 50):
            for size in (1, 7, 10, 50):
                assert reader.block(start, size, "B").tobytes() == data[start:start + size]
