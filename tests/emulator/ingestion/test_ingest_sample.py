"""The sample model: it is what its script makes, and it can be ingested."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Dict, List, Tuple

from arr.emulator._ingestion.pipeline import Report, Summary, ingest

SAMPLES = Path(__file__).parents[3] / "samples"
ROBOT = SAMPLES / "models" / "robot"


def made() -> Dict[str, bytes]:
    return dict(runpy.run_path(str(SAMPLES / "make_model.py"))["make_model"]())


def ingested(root: Path, report: Report = lambda progress, text: None) -> Summary:
    (root / "in").mkdir()
    (root / "out").mkdir()
    for name, data in made().items():
        (root / "in" / name).write_bytes(data)
    return ingest("robot.gltf", (root / "in").as_uri(), (root / "out").as_uri(),
                  container_root=root, allowed_hosts=(), report=report)


def test_the_script_makes_the_committed_bytes() -> None:
    assert made() == {path.name: path.read_bytes() for path in ROBOT.iterdir()}


def test_the_script_writes_its_files_to_a_folder(tmp_path: Path) -> None:
    runpy.run_path(str(SAMPLES / "make_model.py"))["main"](tmp_path / "new")
    assert {path.name for path in (tmp_path / "new").iterdir()} == set(made())


def test_the_sample_is_small() -> None:
    assert sum(path.stat().st_size for path in ROBOT.iterdir()) < 200_000


def test_the_sample_is_ingested_with_its_settings(tmp_path: Path) -> None:
    told: List[Tuple[float, str]] = []
    summary = ingested(tmp_path, lambda progress, text: told.append((progress, text)))
    assert [(progress, text.split()[0]) for progress, text in told if "robot.bin" not in text] == [
        (0.0, "opening"), (0.05, "listing"), (0.1, "reading"), (0.3, "checking"), (0.6, "packing"),
        (0.8, "writing"), (1.0, "wrote")]
    assert (0.3, "reading robot.bin") in told
    assert summary.settings["scaling"] == 1.5 and summary.settings["recenterToOrigin"] is True
    assert (summary.info.meshes, summary.info.materials, summary.info.nodes) == (9, 4, 20)
    assert summary.info.instances == 19
    assert summary.info.triangles is not None and 500 < summary.info.triangles < 5000
    assert summary.box is not None
    size = [high - low for low, high in zip(*summary.box)]
    assert 2.0 < size[1] < 2.6 and size[2] < size[0] < size[1]
