"""FBX: recognised, version checked, taken as it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from arr.emulator._ingestion.archive import read_archive
from arr.emulator._ingestion.pipeline import IngestionError

from ...support.models import fbx, run

ASCII = b"; FBX 7.3.0 project file\n; ----\n\nFBXHeaderExtension:  {\n\tFBXVersion: 7300\n}\n"


@pytest.mark.parametrize("data, name", [
    (fbx(7100), "FBX 7.1 binary"), (fbx(7400), "FBX 7.4 binary"), (fbx(7500), "FBX 7.5 binary"),
    (fbx(7700, records=0), "FBX 7.7 binary"), (ASCII, "FBX 7.3 ASCII"),
    (ASCII.replace(b"FBXVersion", b"x"), "FBX 7.3 ASCII"),
    (ASCII.partition(b"\n\n")[2], "FBX 7.3 ASCII"),
    (ASCII.replace(b"\n", b"\r\n"), "FBX 7.3 ASCII"),
])
def test_fbx_is_recognised_with_its_version(tmp_path: Path, data: bytes, name: str) -> None:
    assert run(tmp_path, {"m.fbx": data}).info.format == name


def test_fbx_is_copied_and_not_counted(tmp_path: Path) -> None:
    summary = run(tmp_path, {"m.fbx": fbx(7400)})
    assert summary.info.triangles is None and summary.box is None
    with read_archive(tmp_path / "out" / "m.ezArchive") as archive:
        assert archive.read("m.fbx") == fbx(7400)


def test_fbx_settings_turn_gamma_to_linear(tmp_path: Path) -> None:
    settings = run(tmp_path, {"m.fbx": fbx(7400)}).settings
    assert settings["gammaToLinearMaterial"] is settings["gammaToLinearVertex"] is True


@pytest.mark.parametrize("data", [
    fbx(6100), fbx(7000), ASCII.replace(b"7300", b"6100"),
    ASCII.replace(b"7.3.0", b"6.1.0").replace(b"FBXVersion", b"x")])
def test_fbx_before_2011_is_refused(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(IngestionError, match="FBX 2011"):
        run(tmp_path, {"m.fbx": data})


@pytest.mark.parametrize("data, reason", [
    (fbx(7400)[:24], "truncated inside its FBX header"),
    (fbx(7400)[:40], "truncated"),
    (fbx(7400)[:-13], "truncated"),
    (fbx(7400)[:27] + b"\x01\0\0\0" + bytes(20), "ends before it begins"),
    (fbx(7400)[:27] + b"\xff\xff\xff\xff" + bytes(20), "a record ends at byte 4,294,967,295"),
    (b"FBXHeaderExtension:  {\n}\n", "FBXVersion is missing"),
])
def test_damaged_fbx_says_where(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(IngestionError, match=reason):
        run(tmp_path, {"m.fbx": data})
