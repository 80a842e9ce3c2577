"""The scenes of glTF: which nodes they show, where those place meshes, how deep they lie."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Dict, List

import pytest

from arr.emulator._ingestion.pipeline import IngestionError

from ...support.models import Json, bounds, floats, positions, run, triangle


def refusal(root: Path, model: Any) -> str:
    with pytest.raises(IngestionError) as caught:
        run(root, {"m.gltf": model})
    return str(caught.value)


def test_a_mesh_shown_twice_is_drawn_twice_and_held_once(tmp_path: Path) -> None:
    nodes = [{"mesh": 0}, {"mesh": 0, "translation": [10, 0, 0]}]
    summary = run(tmp_path, {"m": triangle(nodes=nodes, scenes=[{"nodes": [0, 1]}])})
    assert (summary.info.triangles, summary.info.drawn_triangles) == (1, 2)
    assert (summary.info.vertices, summary.info.instances) == (3, 2)
    assert bounds(summary) == ([0, 0, -1], [12, 3, 0])


def test_nodes_outside_the_scene_do_not_count_for_the_bounds(tmp_path: Path) -> None:
    nodes = [{"mesh": 0}, {"mesh": 0, "translation": [99, 0, 0]}]
    assert bounds(run(tmp_path, {"m": triangle(nodes=nodes)})) == ([0, 0, -1], [2, 3, 0])


def test_node_parts_apply_scale_then_rotation_then_translation(tmp_path: Path) -> None:
    half = math.sqrt(0.5)
    nodes = [{"children": [1], "translation": [0, 0, 5]},
             {"mesh": 0, "scale": [2, 1, 1], "rotation": [0, 0, half, half],
              "translation": [1, 0, 0]}]
    low, high = bounds(run(tmp_path, {"m": triangle(nodes=nodes)}))
    assert low == pytest.approx([-2, 0, 4]) and high == pytest.approx([1, 4, 5])


def test_a_node_matrix_is_read_by_columns(tmp_path: Path) -> None:
    matrix = [0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 7, 0, 0, 1]
    nodes = [{"mesh": 0, "matrix": matrix}]
    assert bounds(run(tmp_path, {"m": triangle(nodes=nodes)})) == ([4, 0, -1], [7, 2, 0])


@pytest.mark.parametrize("far", [1.5e308, -1.5e308])
@pytest.mark.parametrize("axis", range(3))
@pytest.mark.parametrize("rest", [{}, {"scale": [1, 1, 1]}])
def test_a_model_that_is_infinitely_far_away_is_refused(
        tmp_path: Path, far: float, axis: int, rest: Json) -> None:
    move = [far if axis == i else 0 for i in range(3)]
    nodes = [{"children": [1], "translation": move}, {"mesh": 0, "translation": move, **rest}]
    for more in ([], [{"mesh": 0}]):
        model = triangle(nodes=nodes + more, scenes=[{"nodes": [0, 2][:1 + len(more)]}])
        assert "no finite bounding box" in refusal(tmp_path, model)


def test_a_place_that_is_no_number_is_refused_whatever_follows(tmp_path: Path) -> None:
    nodes: List[Json] = [{"children": [1], "scale": [1e300, 1, 1]},
                         {"children": [2], "scale": [1e300, 1, 1]},
                         {"mesh": 0, "rotation": [0, 0, 1, 1]}, {"mesh": 0}]
    for roots in ([0], [0, 3], [3, 0]):
        model = triangle(nodes=nodes, scenes=[{"nodes": roots}])
        assert "no finite bounding box" in refusal(tmp_path, model)


@pytest.mark.parametrize("axis", range(3))
def test_a_flat_model_has_bounds(tmp_path: Path, axis: int) -> None:
    rows = [[i, i, i] for i in range(2)]
    for row in rows:
        row[axis] = 5
    model = positions(floats(rows), {"bufferView": 0, "componentType": 5126, "count": 2})
    assert bounds(run(tmp_path, {"m": model})) == (rows[0], rows[1])


def test_a_long_circle_of_nodes_is_refused(tmp_path: Path) -> None:
    nodes: List[Dict[str, Any]] = [{"children": [(i + 1) % 5000]} for i in range(5000)]
    assert "circle" in refusal(tmp_path, triangle(nodes=[*nodes, {}], scenes=[{"nodes": [5000]}]))


def test_a_child_that_is_not_there_is_named_by_its_place(tmp_path: Path) -> None:
    nodes = [{"children": [1]}, {}, {"mesh": 0, "children": [3, 9]}, {}]
    reason = refusal(tmp_path, triangle(nodes=nodes, scenes=[{"nodes": [0, 2]}]))
    assert "nodes[2].children[1] refers to nodes[9], but nodes has 4 entries" in reason


@pytest.mark.parametrize("nodes, reason", [
    ([{"children": [2]}, {"children": [2]}, {"mesh": 0}],
     "nodes[2] has two parents, nodes[0] and nodes[1]; the"),
    ([{"children": [1, 1]}, {}], "nodes[1] has two parents, nodes[0] and nodes[0]; the"),
    ([{}, {"children": [2]}, {"children": [1]}], "in a circle"),
    ([{"children": [1]}, {"children": [2]}, {"children": [3, 0]}, {}], "in a circle"),
    ([{"children": [1]}, {"children": [2]}, {"children": [3, 1]}, {}],
     "nodes[1] has two parents, nodes[0] and nodes[2]; the"),
    ([{}, {"children": [0]}], "scenes[0].nodes lists nodes[0], which is the child"),
])
def test_nodes_that_are_no_trees_are_refused(
        tmp_path: Path, nodes: List[Json], reason: str) -> None:
    assert reason in refusal(tmp_path, triangle(nodes=nodes))


@pytest.mark.parametrize("nodes, depth", [
    ([{}], 1), ([{}, {}], 1), ([{"children": [1, 2]}, {}, {}], 2),
    ([{"children": [1, 2]}, {"children": [3]}, {"children": [4]}, {}, {"children": [5]}, {}], 4),
    ([{"children": [1, 5]}, {"children": [2]}, {"children": [3]}, {"children": [4]}, {}, {}], 5),
    ([{}, {"children": [2]}, {"children": [3]}, {"mesh": 0}], 1),
])
def test_the_depth_is_that_of_the_deepest_node_shown(
        tmp_path: Path, nodes: List[Json], depth: int) -> None:
    assert run(tmp_path, {"m": triangle(nodes=nodes)}).info.depth == depth


@pytest.mark.parametrize("matrices", range(32))
def test_what_places_a_node_places_those_below_it_and_no_others(
        tmp_path: Path, matrices: int) -> None:
    nodes: List[Json] = [{"children": [1, 3]}, {"children": [2]}, {"mesh": 0},
                         {"mesh": 0, "children": [4]}, {"mesh": 0}]
    moves = [(1000, 1, 0), (100, 2, 0), (10, 3, -4), (0, 8, 0), (-5, 0, 7)]
    for i, (node, move) in enumerate(zip(nodes, moves)):
        if matrices >> i & 1:
            node["matrix"] = [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, *move, 1]
        else:
            node["translation"] = move
    summary = run(tmp_path, {"m": triangle(nodes=nodes)})
    assert bounds(summary) == ([995, 6, -5], [1112, 12, 7])
    assert (summary.info.instances, summary.info.drawn_triangles) == (3, 3)


@pytest.mark.parametrize("model, low", [
    ({"scene": 0}, 0), ({"scene": 1}, 5), ({"scene": None}, 0), ({"scenes": None}, 0),
    ({"scenes": None, "nodes": [{"children": [1], "translation": [9, 0, 0]}, {"mesh": 0}]}, 9),
    ({"scenes": None, "nodes": [{"children": [1]}, {}, {"mesh": 0, "translation": [7, 0, 0]}]}, 7)])
def test_the_named_scene_is_shown_or_the_first_or_all(
        tmp_path: Path, model: Json, low: int) -> None:
    nodes: List[Json] = [{"mesh": 0}, {"mesh": 0, "translation": [5, 0, 0]}]
    scenes = [{"nodes": [0], "name": "one", "extras": {"a": []}}, {"nodes": [1]}]
    whole = triangle(**{"nodes": nodes, "scenes": scenes, "scene": None, **model})
    high = 7 if whole.get("scenes") is None and low == 0 else low + 2
    assert bounds(run(tmp_path, {"m": whole})) == ([low, 0, -1], [high, 3, 0])


def test_nothing_hides_what_follows_it(tmp_path: Path) -> None:
    seen = {"attributes": {"POSITION": 0}, "indices": 1}
    model = triangle(
        nodes=[{}, {"mesh": 0}, {"mesh": 1}, {"mesh": 2}], scenes=[{"nodes": [0, 1, 2, 3]}],
        meshes=[{}, {"primitives": [{}]}, {"primitives": [{"attributes": {"NORMAL": 0}}, seen, seen,
                                                          {**seen, "mode": 0}]}])
    info = run(tmp_path, {"m": model}).info
    assert info.box == ((0, 0, -1), (2, 3, 0))
    assert (info.instances, info.meshes, info.primitives, info.vertices) == (3, 3, 5, 3)
    assert (info.triangles, info.drawn_triangles) == (2, 2)
    assert (info.fewest_triangles, info.most_triangles) == (0, 2)


@pytest.mark.parametrize("roots", [[1], [0, 1], [1, 0]])
def test_a_scene_lists_no_child(tmp_path: Path, roots: List[int]) -> None:
    nodes = [{"children": [1]}, {"mesh": 0}]
    assert "scenes[0].nodes lists nodes[1], which is the child of another node" in refusal(
        tmp_path, triangle(nodes=nodes, scenes=[{"nodes": roots}]))


def test_a_model_that_shows_nothing_has_no_bounds(tmp_path: Path) -> None:
    info = run(tmp_path, {"m": {"asset": {"version": "2.0"}}}).info
    assert (info.box, info.depth, info.meshes, info.fewest_triangles, info.most_triangles) == (
        None, 0, 0, None, None)


def test_a_mesh_has_the_box_around_all_its_primitives(tmp_path: Path) -> None:
    data = floats([(1, 5, 2), (3, -4, 0), (0, 0, 9)])
    model = positions(data, {"bufferView": 0, "componentType": 5126, "count": 1})
    model["accessors"] = [{**model["accessors"][0], "byteOffset": 12 * i} for i in range(3)]
    model["meshes"] = [{"primitives": [{"attributes": {"POSITION": i}} for i in range(3)]}]
    assert bounds(run(tmp_path, {"m": model})) == ([0, -4, 0], [3, 5, 9])


@pytest.mark.parametrize("cameras, reason", [
    ([5, 5, 5], "nodes[0].camera refers to cameras[5], but cameras has 1 entries"),
    ([0, 1, 1], "nodes[1].camera refers to cameras[1], but"),
    ([5, 6, 5], "nodes[1].camera refers to cameras[6], but")])
def test_the_first_of_the_highest_references_is_named(
        tmp_path: Path, cameras: List[int], reason: str) -> None:
    nodes = [{"camera": camera} for camera in cameras]
    assert reason in refusal(tmp_path, triangle(nodes=nodes, cameras=[{}]))


def test_a_deep_tree_of_nodes_is_walked(tmp_path: Path) -> None:
    nodes: List[Dict[str, Any]] = [
        {"children": [i + 1], "translation": [1, 0, 0]} for i in range(20000)]
    summary = run(tmp_path, {"m": triangle(nodes=[*nodes, {"mesh": 0}])})
    assert bounds(summary) == ([20000, 0, -1], [20002, 3, 0])
