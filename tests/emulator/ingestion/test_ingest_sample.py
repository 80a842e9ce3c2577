"""The sample model: it is what its script makes, and it can be ingested."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Dict

from arr.emulator._ingestion.pipeline import Summary, ingest

SAMPLES = Path(__file__).parents[3] / "samples"
ROBOT = SAMPLES / "models" / "robot"


def made() -> Dict[str, bytes]:
    return dict(runpy.run_path(str(SAMPLES / "make_model.py"))["make_model"]())


def ingested(root: Path) -> Summary:
    (root / "in").mkdir()
    (root / "out").mkdir()
    for name, data in made().items():
        (root / "in" / name).write_bytes(data)
    return ingest("robot.gltf", (root / "in").as_uri(), (root / "out").as_uri(),
                  container_root=root, allowed_hosts=(), report=lambda progress, text: None)


def test_the_script_makes_the_committed_bytes() -> None:
    assert made() == {path.name: path.read_bytes() for path in ROBOT.iterdir()}


def test_the_script_writes_its_files_to_a_folder(tmp_path: Path) -> None:
    runpy.run_path(str(SAMPLES / "make_model.py"))["main"](tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(made())


def test_the_sample_is_small() -> None:
    assert sum(path.stat().st_size for path in ROBOT.iterdir()) < 200_000


def test_the_sample_is_ingested_with_its_settings(tmp_path: Path) -> None:
    summary = ingested(tmp_path)
    assert summary.settings["scaling"] == 1.5 and summary.settings["recenterToOrigin"] is True
    assert (summary.info.meshes, summary.info.materials, summary.info.nodes) == (9, 4, 20)
    assert summary.info.instances == 19
    assert summary.info.triangles is not None and 500 < summary.info.triangles < 5000
    assert summary.box is not None
    size = [high - low for low, high in zip(*summary.box)]
    assert 2.0 < size[1] < 2.6 and size[2] < size[0] < size[1]
