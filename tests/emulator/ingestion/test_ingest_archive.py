"""The ezArchive: what is in it, that its bytes do not vary, and hostile ones."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest

from arr.emulator._ingestion.archive import ArchiveError, read_archive
from arr.emulator._ingestion.refusals import IngestionError

from ...support.models import Json, floats, run, triangle


def made(root: Path) -> bytes:
    run(root, {"m.gltf": triangle(images=[{"uri": "é.png"}]), "é.png": b"picture"})
    return (root / "out" / "m.ezArchive").read_bytes()


def test_the_archive_holds_the_model_and_its_files(tmp_path: Path) -> None:
    with read_archive(made(tmp_path)) as archive:
        assert archive.model == "m.gltf"
        assert [file.name for file in archive.files] == ["m.gltf", "é.png"]
        assert archive.read("é.png") == b"picture"
        assert archive.summary["triangles"] == 1
        assert archive.settings["scaling"] == 1.0


def test_a_path_bytes_and_a_file_are_read_alike(tmp_path: Path) -> None:
    data = made(tmp_path)
    path = tmp_path / "out" / "m.ezArchive"
    with open(path, "rb") as file:
        for source in (path, str(path), data, file):
            with read_archive(source) as archive:
                assert archive.read("m.gltf")
        assert not file.closed


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    assert made(tmp_path / "a") == made(tmp_path / "b")


def test_the_bytes_are_the_same_on_every_python_and_system(tmp_path: Path) -> None:
    digest = hashlib.sha256(made(tmp_path)).hexdigest()
    assert digest == (
        "7fb5b3a4c6da7f2c8306649541c31e7271e7361547327b52005e1e855f9b78cc")


def test_the_summary_names_the_archive_as_written(tmp_path: Path) -> None:
    summary = run(tmp_path, {"a/b/model.v2.gltf": triangle()})
    data = (tmp_path / "out" / "model.v2.ezArchive").read_bytes()
    assert summary.archive == "model.v2.ezArchive"
    assert summary.archive_size == len(data)
    assert summary.archive_sha256 == hashlib.sha256(data).hexdigest()


def test_a_model_without_an_ending_keeps_its_name(tmp_path: Path) -> None:
    assert run(tmp_path, {".m": triangle()}).archive == ".m.ezArchive"


def test_any_zip_tool_opens_the_archive(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(made(tmp_path))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "files/m.gltf", "files/é.png"]


def test_a_name_that_is_not_in_the_archive_is_a_key_error(tmp_path: Path) -> None:
    with read_archive(made(tmp_path)) as archive:
        with pytest.raises(KeyError):
            archive.read("../m.gltf")


def manifest(files: List[Json], **changes: Any) -> bytes:
    return json.dumps({"format": "arr.emulator/ezArchive", "formatVersion": 1, "model": "m",
                       "summary": {}, "settings": {}, "files": files, **changes}).encode()


def entry(name: str = "m", data: bytes = b"x", **changes: Any) -> Json:
    return {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest(), **changes}


def packed(members: List[Tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", compression) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return target.getvalue()


def test_the_least_archive_is_read() -> None:
    with read_archive(packed([("manifest.json", manifest([entry()])), ("files/m", b"x")])) as a:
        assert a.read("m") == b"x"


@pytest.mark.parametrize("members, reason", [
    ([], "no manifest.json"),
    ([("manifest.json", b"{}")], "another format"),
    ([("manifest.json", b"[]")], "must be a JSON object"),
    ([("manifest.json", b"{")], "not valid JSON"),
    ([("manifest.json", manifest([], formatVersion=2))], "of version 2"),
    ([("manifest.json", manifest([]))], "the manifest names is not in the archive"),
    ([("manifest.json", manifest([entry()]))], "not in the archive as a whole"),
    ([("manifest.json", manifest([entry(size=2)])), ("files/m", b"x")], "as a whole"),
    ([("manifest.json", manifest([entry(sha256="0")])), ("files/m", b"x")], "a SHA-256 digest"),
    ([("manifest.json", manifest([entry(), entry()])), ("files/m", b"x")], "as a whole"),
    ([("manifest.json", manifest([entry()])), ("files/m", b"x"), ("files/n", b"")],
     "holds 'files/n', which its manifest does not name"),
    ([("manifest.json", manifest([entry("../m")])), ("files/../m", b"x")], 'the part "." or'),
    ([("manifest.json", manifest([entry()])), ("/etc/passwd", b"x")], "is absolute"),
    ([("manifest.json", manifest([entry()])), ("a\\b", b"x")], "backslash"),
    ([("manifest.json", manifest([entry("C:m")])), ("files/C:m", b"x")], "is absolute"),
    ([("manifest.json", manifest([entry()])), ("files/", b"")], "empty part"),
    ([("manifest.json", manifest([entry()], summary=[])), ("files/m", b"x")], "summary must be"),
    ([("manifest.json", manifest([entry()], model=3)), ("files/m", b"x")], "model must be"),
])
def test_a_hostile_archive_is_refused(members: List[Tuple[str, bytes]], reason: str) -> None:
    with pytest.raises(ArchiveError, match=reason):
        read_archive(packed(members))


def test_a_compressed_member_is_refused_unread() -> None:
    data = packed([("manifest.json", manifest([entry()])), ("files/m", bytes(10 ** 6))],
                  zipfile.ZIP_DEFLATED)
    with pytest.raises(ArchiveError, match="is compressed or encrypted"):
        read_archive(data)


MANIFEST = len(manifest([entry()]))
LEAST = packed([("manifest.json", manifest([entry()])), ("files/m", b"x")])


@pytest.mark.parametrize("changes, reason", [
    ({8: 1}, "The member 'files/m' is compressed or encrypted"),  # flags, method, two sizes
    ({8: 8}, "is compressed or encrypted"), ({10: 8}, "is compressed or encrypted"),
    ({20: 2}, "is compressed or encrypted"), ({24: 2}, "is compressed or encrypted"),
    ({20: 200, 24: 200}, "A member of the archive reaches beyond its end"),
    ({42: (29 + MANIFEST) & 255, 43: (29 + MANIFEST) >> 8}, "The members of the archive overlap"),
    ({42: 0, 43: 0}, "The members of the archive overlap")])
def test_a_directory_of_members_that_says_else_is_refused(
        changes: Dict[int, int], reason: str) -> None:
    data = bytearray(LEAST)
    last = data.rindex(b"PK\x01\x02")
    for place, number in changes.items():
        data[last + place] = number
    with pytest.raises(ArchiveError, match=reason):
        read_archive(bytes(data))


@pytest.mark.parametrize("limit, least", [("_MAX_MEMBERS", 2), ("_MAX_MANIFEST", MANIFEST)])
def test_a_limit_may_be_reached(
        monkeypatch: pytest.MonkeyPatch, limit: str, least: int) -> None:
    monkeypatch.setattr(f"arr.emulator._ingestion.archive.{limit}", least)
    read_archive(LEAST).close()
    monkeypatch.setattr(f"arr.emulator._ingestion.archive.{limit}", least - 1)
    with pytest.raises(ArchiveError, match="has more than 1 members|it has no manifest.json"):
        read_archive(LEAST)


def test_a_file_beyond_the_first_zip_format_is_written_in_the_later_one(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 100)
    run(tmp_path, {"m.gltf": triangle()})
    with read_archive(tmp_path / "out" / "m.ezArchive") as archive:
        assert len(archive.read("m.gltf")) > 100


def test_an_archive_says_what_it_is() -> None:
    with read_archive(LEAST) as archive:
        assert repr(archive) == "<Archive of m, 1 files>"


def test_changed_content_is_found_by_its_digest(tmp_path: Path) -> None:
    files: Dict[str, Any] = {"m.gltf": triangle(
        buffers=[{"uri": "m.bin", "byteLength": 42}]), "m.bin": floats([(0,) * 3]) + bytes(30)}
    run(tmp_path, files)
    data = (tmp_path / "out" / "m.ezArchive").read_bytes()
    place = data.index(b"PK\x03\x04", 10) + 30 + len("files/m.bin")
    changed = data[:place] + b"\x01" + data[place + 1:]
    with read_archive(changed) as archive:
        with pytest.raises(ArchiveError):
            archive.read("m.bin")


def test_what_is_no_zip_file_is_refused(tmp_path: Path) -> None:
    for data in (b"", b"PK", b"hello" * 100, made(tmp_path)[:-30]):
        with pytest.raises(ArchiveError, match="not an ezArchive or is damaged"):
            read_archive(data)


def test_an_archive_error_is_a_value_error_with_a_reason() -> None:
    assert issubclass(ArchiveError, ValueError) and issubclass(ArchiveError, IngestionError)


def test_a_file_that_is_not_there_is_the_usual_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "gone")
