"""Pictures and other files by name: where they are looked for, what a reason says of near ones."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from arr.emulator._ingestion.pipeline import IngestionError
from arr.emulator._ingestion.textures import candidates

from ...support.models import run, triangle


@pytest.mark.parametrize("stored, folder, names", [
    ("t.png", "", ["t.png"]),
    ("t.png", "a/b", ["a/b/t.png"]),
    ("../t.png", "a/b", ["a/t.png", "a/b/t.png"]),
    ("..\\Textures\\Mine\\t.png", "", ["Textures/Mine/t.png", "Mine/t.png", "t.png"]),
    ("..\\Textures\\t.png", "m", ["Textures/t.png", "m/Textures/t.png", "m/t.png"]),
    ("/x/y/t.png", "m", ["m/x/y/t.png", "m/y/t.png", "m/t.png"]),
    ("C:\\x\\t.png", "", ["x/t.png", "t.png"]),
    ("c:/x/t.png", "", ["x/t.png", "t.png"]),
    ("file:///C:/x/t.png", "", ["x/t.png", "t.png"]),
    ("file://host/x/t.png", "", ["x/t.png", "t.png"]),
    ("\\\\host\\x\\t.png", "", ["host/x/t.png", "x/t.png", "t.png"]),
    ("a/bc:d/t.png", "", ["a/bc:d/t.png", "bc:d/t.png", "t.png"]),
    ("./x/./t.png", "", ["x/t.png", "t.png"]),
    ("a/../t.png", "", ["t.png"]),
    ("../..", "m", []), ("", "m", []), ("..", "", []), ("/", "", []),
])
def test_the_longest_suffix_comes_first(stored: str, folder: str, names: list[str]) -> None:
    assert list(candidates(stored, folder)) == names


def test_no_path_has_more_suffixes_than_a_few() -> None:
    assert len(list(candidates("a/" * 2000 + "t.png", ""))) == 64


def test_a_picture_by_two_paths_is_one_file(tmp_path: Path) -> None:
    paths = ["t.png", "./t.png", "x/../t.png", "t.png"]
    summary = run(tmp_path, {
        "m.gltf": triangle(
            images=[{"uri": path} for path in paths],
            textures=[{"source": index} for index in range(4)],
            materials=[{"normalTexture": {"index": index}} for index in range(4)]),
        "t.png": b"png"})
    assert not summary.warnings and len(summary.files) == 2
    assert [each.values["normalMap"] for each in summary.info.material_list] == ["t.png"] * 4


@pytest.mark.parametrize("size, reason", [
    (4096, ""), (4097, "buffers[0].uri is longer than 4096 characters.")])
def test_a_uri_has_at_most_4096_characters(tmp_path: Path, size: int, reason: str) -> None:
    uri = "m.bin?".ljust(size, "x")
    files: Any = {"m.gltf": triangle(buffers=[{"byteLength": 42, "uri": uri}]),
                  "m.bin": bytes(42)}
    if reason:
        with pytest.raises(IngestionError) as caught:
            run(tmp_path, files)
        assert str(caught.value).endswith(reason)
    else:
        assert [file.name for file in run(tmp_path, files).files] == ["m.bin", "m.gltf"]


@pytest.mark.parametrize("uri, reason", [
    *((uri, f"must be relative to the model, inside the container, not {uri!r}.") for uri in (
        "http:m.bin", "http://host/m.bin", "//host/m.bin", "//host", "/m.bin", "C:m.bin")),
    *((uri, f"leads out of the container: {uri!r}.") for uri in (
        "../..", "../../m.bin", "a/../../../m.bin", "%2e%2e/../m.bin")),
    ("%ff", "is not a valid URI: '%ff'."), ("", "is empty: give the path of a file in the contain"),
    ("..m.bin", "names the file 'sub/..m.bin', which is not in the input container.")])
def test_a_file_that_a_model_needs_lies_in_the_container(
        tmp_path: Path, uri: str, reason: str) -> None:
    with pytest.raises(IngestionError) as caught:
        run(tmp_path, {"sub/m": triangle(buffers=[{"byteLength": 42, "uri": uri}])})
    assert f"buffers[0].uri {reason}" in str(caught.value)


def packed(root: Path, uri: str, *files: str) -> tuple[list[str], int]:
    summary = run(root, {"sub/m.gltf": triangle(images=[{"uri": uri}]),
                         **{name: b"png" for name in files}})
    return [file.name for file in summary.files if file.name != "sub/m.gltf"], len(summary.warnings)


@pytest.mark.parametrize("uri, files, found", [
    ("..\\Textures\\Mine\\t.png", ["sub/t.png", "sub/Mine/t.png"], "sub/Mine/t.png"),
    ("..\\Textures\\Mine\\t.png", ["sub/Textures/t.png", "sub/t.png"], "sub/t.png"),
    ("C:%5CArt%5Ct%20t.png", ["sub/t t.png"], "sub/t t.png"),
    ("file:///home/me/t.png", ["sub/me/t.png"], "sub/me/t.png"),
    ("../t.png", ["t.png"], "t.png"),
])
def test_a_picture_is_found_by_its_longest_suffix(
        tmp_path: Path, uri: str, files: list[str], found: str) -> None:
    assert packed(tmp_path, uri, *files) == ([found], 0)


@pytest.mark.parametrize("uri", [
    "gone.png", "../../../etc/passwd", "x" * 5000, "a%00b.png", "C:", "https://host/t.png", "",
    "%ff.png", "d"])
def test_a_picture_that_is_nowhere_is_a_warning(tmp_path: Path, uri: str) -> None:
    (tmp_path / "in" / "sub" / "d").mkdir(parents=True)
    assert packed(tmp_path, uri) == ([], 1)


def test_a_picture_that_was_never_fetched_is_a_warning(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"
    summary = run(tmp_path, {
        "m": triangle(images=[{"uri": "x/a.png"}]), "x/a.png": pointer, "a.png": b"of another"})
    assert len(summary.warnings) == 1 and "never fetched" in summary.warnings[0]
    assert [file.name for file in summary.files] == ["m"]


@pytest.mark.parametrize("content", [
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
    b"version https://hawser.github.com/spec/v1\r\noid sha256:0\r\nsize 9\r\n"])
def test_a_pointer_in_the_place_of_a_file_is_named(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(IngestionError, match="'m.glb' is .*never fetched"):
        run(tmp_path, {"m.glb": content})
    model = triangle(buffers=[{"byteLength": 42, "uri": "m.bin"}])
    with pytest.raises(IngestionError, match="'m.bin' is .*never fetched"):
        run(tmp_path, {"m.gltf": model, "m.bin": content})


COMPOSED = unicodedata.normalize("NFC", "é.gltf")
DECOMPOSED = unicodedata.normalize("NFD", "é.gltf")


@pytest.mark.parametrize("asked, there, reason", [
    (COMPOSED, DECOMPOSED, "its accents are decomposed (NFD), those of the name asked for comp"),
    (DECOMPOSED, COMPOSED, "its accents are composed (NFC), those of the name asked for decomp"),
    ("m.gltf", "m.gltf ", "'m.gltf ' is there: blanks at the ends are part of a name"),
    ("M.gltf", "m.gltf", "'m.gltf' is there: names differ in capitals"),
])
def test_a_name_that_looks_the_same_is_told_apart(
        tmp_path: Path, asked: str, there: str, reason: str) -> None:
    with pytest.raises(IngestionError) as caught:
        run(tmp_path, {there: triangle()}, model=asked)
    assert reason in str(caught.value)
    model: Any = triangle(buffers=[{"byteLength": 42, "uri": asked}])
    with pytest.raises(IngestionError) as caught:
        run(tmp_path, {"model": model})
    assert reason in str(caught.value)


def test_blanks_are_part_of_a_name(tmp_path: Path) -> None:
    assert run(tmp_path, {" m.gltf ": triangle()}).archive == " m.ezArchive"
