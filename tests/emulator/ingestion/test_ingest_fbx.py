"""FBX, binary and ASCII: whole files are told from cut, damaged and hollow ones."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path
from typing import Any, Callable, List

import pytest

from arr.emulator._ingestion.archive import read_archive
from arr.emulator._ingestion.formats import fbx_ascii, fbx_binary
from arr.emulator._ingestion.formats.fbx import describe_fbx
from arr.emulator._ingestion.spool import Spool

from ...support.fbx_files import (
    Packed, Record, ascii_file, binary, material, refused, scene, texture,
)
from ...support.models import run

ASCII = ascii_file(scene())


def old_header(data: bytes, version: int) -> bytes:
    return data[:23] + struct.pack("<I", version) + data[27:]


@pytest.mark.parametrize("data, name", [
    (binary(scene(), 7100), "FBX 7.1 binary"), (binary(scene(), 7400), "FBX 7.4 binary"),
    (binary(scene(), 7500), "FBX 7.5 binary"), (binary(scene(), 7700), "FBX 7.7 binary"),
    (binary(scene(), 7400, big=True), "FBX 7.4 binary"),
    (binary(scene(), 7500, big=True), "FBX 7.5 binary"),
    (binary(scene(), 7400, footer=False), "FBX 7.4 binary"),
    (ASCII, "FBX 7.4 ASCII"),
    (ASCII.replace(b"FBXVersion", b"x"), "FBX 7.4 ASCII"),
    (ascii_file(scene(), title=""), "FBX 7.4 ASCII"),
    (b"\xef\xbb\xbf" + ascii_file(scene(), title=""), "FBX 7.4 ASCII"),
    (ASCII.replace(b"\n", b"\r\n"), "FBX 7.4 ASCII"),
    (b"; a comment with \" and { in it\n" * 5000 + ascii_file(scene(), title=""), "FBX 7.4 ASCII"),
    (ASCII + b"; the last line has no end", "FBX 7.4 ASCII"),
])
def test_fbx_is_recognised_with_its_version(tmp_path: Path, data: bytes, name: str) -> None:
    assert run(tmp_path, {"m.fbx": data}).info.format == name


@pytest.mark.parametrize("data", [binary(scene()), ASCII])
def test_fbx_is_copied_and_its_records_are_counted(tmp_path: Path, data: bytes) -> None:
    info = run(tmp_path, {"m.fbx": data}).info
    assert (info.triangles, info.box) == (None, None)
    assert (info.generator, info.meshes, info.nodes, info.materials) == ("a test", 1, 1, 0)
    with read_archive(tmp_path / "out" / "m.ezArchive") as archive:
        assert archive.read("m.fbx") == data


def test_fbx_settings_turn_gamma_to_linear(tmp_path: Path) -> None:
    settings = run(tmp_path, {"m.fbx": binary(scene())}).settings
    assert settings["gammaToLinearMaterial"] is settings["gammaToLinearVertex"] is True


@pytest.mark.parametrize("data", [
    binary(scene(), 6100), binary(scene(), 7000), ASCII.replace(b"7400", b"6100"),
    ASCII.replace(b"7.4.0", b"6.1.0").replace(b"FBXVersion", b"x")])
def test_fbx_before_2011_is_refused(tmp_path: Path, data: bytes) -> None:
    assert "FBX 2011" in refused(data)


@pytest.mark.parametrize("data", [
    binary([]), binary(scene()[:1]), ASCII[:ASCII.index(b"\n")] + b"\n; nothing more\n",
    ascii_file(scene()[:1])])
def test_a_file_without_objects_has_nothing_in_it(data: bytes) -> None:
    assert refused(data) == "There is nothing in 'm.fbx': the FBX file has no Objects."


@pytest.mark.parametrize("make", [
    lambda: binary(scene(material("A"))), lambda: binary(scene(material("A")), 7500),
    lambda: ASCII.rstrip()], ids=["7.4", "7.5", "ascii"])
def test_a_file_cut_off_anywhere_is_refused(make: Callable[[], bytes]) -> None:
    data = make()
    # A file that ends with the empty record has only lost a footer, which not all have.
    whole = data.find(bytes(range(16)))
    for size in range(30, len(data)):
        if size != whole:
            assert refused(data[:size]), size


@pytest.mark.parametrize("make", [
    lambda: binary(scene(material("A"))), lambda: binary(scene(), 7500), lambda: ASCII],
    ids=["7.4", "7.5", "ascii"])
def test_a_file_zeroed_over_the_beginning_of_a_record_is_refused(
        make: Callable[[], bytes]) -> None:
    data = make()
    for name in (b"Objects", b"Vertices", b"Model", b"Connections", b"Definitions"):
        at = data.index(name) - 20
        assert refused(data[:at] + bytes(40) + data[at + 40:]), name


def test_a_packed_array_that_was_overwritten_is_found() -> None:
    data = binary(scene())
    at = data.index(b"\x78\x9c") + 10
    assert "does not unpack" in refused(data[:at] + bytes(8) + data[at + 8:])


def test_a_packed_array_longer_than_it_says_is_not_unpacked_further(
        monkeypatch: pytest.MonkeyPatch) -> None:
    data = binary(scene(Record("Geometry", (Packed([0.0] * 400_000),))))
    at = data.index(struct.pack("<II", 400_000, 1))
    assert "does not unpack" in refused(data[:at] + struct.pack("<I", 9) + data[at + 4:])
    monkeypatch.setattr(fbx_binary, "_MAX_INFLATED", 1000)
    assert "unpack to more than 1,000 bytes" in refused(data)


@pytest.mark.parametrize("data, reason", [
    (binary(scene())[:24], "truncated inside its FBX header"),
    (binary(scene())[:27] + b"\x01\0\0\0" + bytes(20), "byte 27 ends before its values do"),
    (binary(scene())[:27] + bytes(4) + b"\x01" + bytes(20), "says that it ends at byte 0"),
    (binary(scene())[:27] + b"\xff\xff\xff\xff" + bytes(20), "ends at byte 4,294,967,295"),
    (binary(scene()) + bytes(9), "end mark is missing"),
    (binary(scene()).replace(b"S\x06\0\0\0a test", b"Q\x06\0\0\0a test"), "unknown kind 'Q'"),
    (binary(scene()) + bytes(900), "is the last one, but"),
    (ascii_file([Record("FBXHeaderExtension"), *scene()[2:]], title=""), "FBXVersion is missing"),
    (ASCII.replace(b'"a test"', b'"a test'),
     "truncated inside a string|where a record should|is none of"),
    (ASCII + b'"never closed', "truncated inside a string"),
    (ASCII + b"}", "a brace that closes nothing"),
    (ASCII + b"{}", "a block without a name"),
    (ASCII + b"\x01", "is none of an ASCII FBX file"),
    (ASCII + b"Takes:", "truncated behind 'Takes'"),
    (ASCII + b"x" * 5_000_000, "a word of more than"),
    (ASCII + b"a:{" * 2000, "nested too deeply"),
])
def test_damaged_fbx_says_where(data: bytes, reason: str) -> None:
    assert any(part in refused(data) for part in reason.split("|"))


def test_objects_without_the_connections_behind_them_are_a_cut_file() -> None:
    assert "not the Connections" in refused(ascii_file(scene()[:-1]))
    assert "not the Connections" in refused(binary(scene()[:-1]))


@pytest.mark.parametrize("make", [binary, ascii_file])
def test_windows_end_anywhere(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make(scene(material("A" * 50), texture("a;b{c.png")))
    formats = []
    for size in (32, 37, 64, 100, 1 << 20):
        monkeypatch.setattr(fbx_ascii, "CHUNK", size)
        monkeypatch.setattr(fbx_binary, "CHUNK", size)
        found: List[object] = []
        with Spool() as spool:
            info = describe_fbx(spool, spool.add("m", [data]).span, "m",
                                lambda paths, where: found.append(paths))
        formats.append((info, found))
    assert all(each == formats[0] for each in formats)
    assert formats[0][1] == [("a;b{c.png",)]
    assert [each.name for each in formats[0][0].material_list] == ["A" * 50]


@pytest.mark.parametrize("make", [binary, ascii_file])
def test_materials_are_listed_and_textures_found(tmp_path: Path, make: Any) -> None:
    data = make(scene(material("Red"), material("Blue"),
                      texture("..\\Art\\red.png", "C:\\Art\\red.png"),
                      texture("", "D:/elsewhere/gone.png")))
    summary = run(tmp_path, {"sub/m.fbx": data, "sub/Art/red.png": b"png"})
    assert [file.name for file in summary.files] == ["sub/Art/red.png", "sub/m.fbx"]
    assert [each.name for each in summary.info.material_list] == ["Red", "Blue"]
    assert len(summary.warnings) == 1 and "gone.png" in summary.warnings[0]


def test_a_texture_inside_the_file_is_not_looked_for(tmp_path: Path) -> None:
    video = Record("Video", (3, "V\0\x01Video", "Clip"), (
        Record("RelativeFilename", ("a.png",)), Record("Content", (b"png",))))
    summary = run(tmp_path, {"m.fbx": binary(scene(texture("a.png"), video))})
    assert not summary.warnings


def test_what_is_read_of_a_record() -> None:
    names = [f"{letter}" for letter in "abcdefghi"]
    data = binary([*scene()[:1], Record("Creator", ("x" * 5000, 1, 2.5, *names)),
                   *scene(material(""), Record("Material", (1, "M" * 30)))[2:]])
    with Spool() as spool:
        info = describe_fbx(spool, spool.add("m", [data]).span, "m")
    assert info.generator == "x" * 200
    assert [each.name for each in info.material_list] == ["", "M" * 30]


def test_a_packed_array_that_was_cut_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    compress = zlib.compress
    monkeypatch.setattr("tests.support.fbx_files.zlib.compress", lambda raw: compress(raw)[:-6])
    assert "does not unpack" in refused(binary(scene()))


def test_no_more_of_a_string_is_kept_than_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    data = b'; FBX 7.4.0 project file\nA: "' + b"x" * 9_000 + b'", "' + b"y" * 4_097 + b'", "z"\n'
    for size in (100, 5_000, 1 << 20):
        monkeypatch.setattr(fbx_ascii, "CHUNK", size)
        with Spool() as spool:
            tokens = list(fbx_ascii._tokens(spool, spool.add("m", [data]).span, "m"))
        texts = [text for kind, text in tokens if kind == "string"]
        assert texts == [b"x" * 4_096, b"y" * 4_096, b"z"]


def test_a_packed_array_may_come_in_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = Spool.chunks
    for values in ([0.0] * 4_999 + [1.5], [random.Random(1).random() for _ in range(200)]):
        data = binary(scene(Record("Geometry", (Packed(values),))))
        for size in (1, 7, 8, 64, 1000):
            monkeypatch.setattr(fbx_binary, "CHUNK", size)
            for step in (1, 3, 1 << 20):
                monkeypatch.setattr(
                    Spool, "chunks", lambda self, span, step=step: chunks(self, span, step))
                with Spool() as spool:
                    assert describe_fbx(spool, spool.add("m", [data]).span, "m").meshes == 2


def test_more_materials_than_documented_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arr.emulator._ingestion.formats.fbx_scene.MAX_MATERIALS", 2)
    assert "more than 2 objects of the kind Material" in refused(
        binary(scene(*map(material, "ABC"))))


def test_random_cuts_with_zeros_never_pass_as_whole() -> None:
    data = ascii_file(scene(material("A"), texture("a.png")))
    chance = random.Random(5)
    for _ in range(200):
        at = chance.randrange(40, len(data) - 8)
        assert refused(data[:at] + bytes(4) + data[at + 4:])
