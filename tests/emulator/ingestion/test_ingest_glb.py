"""Binary glTF: versions 1 and 2, and files that are cut short."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from arr.emulator._ingestion.pipeline import IngestionError

from ...support.models import (
    CORNERS, bounds, floats, glb, glb_1, glb_triangle, run, triangle, triangle_1,
)

JSON, BIN = 0x4E4F534A, 0x004E4942
DATA = floats(CORNERS) + struct.pack("<3H", 0, 1, 2)


def test_glb_2_is_read_with_its_buffer(tmp_path: Path) -> None:
    summary = run(tmp_path, {"m.glb": glb_triangle()})
    assert summary.info.format == "GLB 2.0"
    assert bounds(summary) == ([0, 0, -1], [2, 3, 0])


def test_glb_2_without_a_buffer_is_read(tmp_path: Path) -> None:
    assert run(tmp_path, {"m.glb": glb(triangle())}).info.triangles == 1


def test_glb_2_may_refer_to_files(tmp_path: Path) -> None:
    model = triangle(buffers=[{"byteLength": 42, "uri": "m.bin"}])
    summary = run(tmp_path, {"m.glb": glb(model), "m.bin": DATA})
    assert [file.name for file in summary.files] == ["m.bin", "m.glb"]


def test_chunks_of_extensions_are_passed_over(tmp_path: Path) -> None:
    data = with_chunk(glb_triangle(), 0x12345678, b"more")
    assert run(tmp_path, {"m.glb": data}).info.triangles == 1


def with_chunk(data: bytes, kind: int, content: bytes) -> bytes:
    """Return a GLB file with one more chunk at its end."""
    data += struct.pack("<II", len(content), kind) + content
    return data[:8] + struct.pack("<I", len(data)) + data[12:]


@pytest.mark.parametrize("first", [JSON, 0x12345678])
def test_the_buffer_is_the_second_chunk_or_none(tmp_path: Path, first: int) -> None:
    model = glb(triangle(buffers=[{"byteLength": 42}]))
    data = with_chunk(with_chunk(model, first, b"{}  "), BIN, DATA)
    with pytest.raises(IngestionError, match=r"buffers\[0\].* must have 42 bytes"):
        run(tmp_path, {"m.glb": data})


def test_what_follows_the_length_of_the_header_is_not_read(tmp_path: Path) -> None:
    assert run(tmp_path, {"m.glb": glb_triangle() + b"more"}).info.triangles == 1


@pytest.mark.parametrize("version", [1, 2])
def test_the_text_has_a_limit_and_the_buffer_has_not(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    model = b'{"asset": {"version": "%d.0"}}' % version + b" " * 10
    data = glb(model, bytes(100)) if version == 2 else glb_1(json.loads(model), bytes(100))
    size, = struct.unpack_from("<I", data, 12)
    monkeypatch.setattr("arr.emulator._ingestion.formats.glb.MAX_JSON_BYTES", size)
    assert run(tmp_path, {"m.glb": data}).info.triangles == 0
    monkeypatch.setattr("arr.emulator._ingestion.formats.glb.MAX_JSON_BYTES", size - 1)
    with pytest.raises(IngestionError, match=f"has {size} bytes of JSON; {size - 1} bytes is"):
        run(tmp_path, {"m.glb": data})


def test_glb_1_is_read_with_its_buffer(tmp_path: Path) -> None:
    model = triangle_1(buffers={"binary_glTF": {"byteLength": 42, "uri": "data:,"}},
                       extensionsUsed=["KHR_binary_glTF"])
    for view in model["bufferViews"].values():
        view["buffer"] = "binary_glTF"
    summary = run(tmp_path, {"m.glb": glb_1(model, DATA)})
    assert summary.info.format == "GLB 1.0"
    assert bounds(summary) == ([1, 0, -1], [3, 3, 0])
    model["buffers"]["binary_glTF"]["byteLength"] = 43
    with pytest.raises(IngestionError, match="must have 43 bytes, but only 42 bytes"):
        run(tmp_path, {"m.glb": glb_1(model, DATA)})


@pytest.mark.parametrize("name", ["old_binary_glTF", "binary_glTF2", "b"])
def test_only_one_buffer_of_glb_1_is_that_of_the_file(tmp_path: Path, name: str) -> None:
    model = triangle_1(buffers={name: triangle_1()["buffers"]["b"]})
    for view in model["bufferViews"].values():
        view["buffer"] = name
    assert bounds(run(tmp_path, {"m.glb": glb_1(model, bytes(42))})) == ([1, 0, -1], [3, 3, 0])


@pytest.mark.parametrize("size", [4, 11, 19, 20, 60, 200])
def test_a_truncated_file_says_so(tmp_path: Path, size: int) -> None:
    with pytest.raises(IngestionError, match="truncated"):
        run(tmp_path, {"m.glb": glb_triangle()[:size]})


def header(version: int, length: int, chunk: int, kind: int) -> bytes:
    return b"glTF" + struct.pack("<4I", version, length, chunk, kind)


@pytest.mark.parametrize("data, reason", [
    (header(3, 20, 0, 0), "GLB file of version 3"),
    (header(2, 19, 0, 0), "says 19 bytes"),
    (header(2, 20, 4, 0x4E4F534A), "JSON chunk says 4 bytes, but 0 bytes follow"),
    (header(2, 20, 0, 0x004E4942), "does not begin with a JSON chunk"),
    (header(2, 2 ** 32 - 1, 0, 0x4E4F534A), "truncated"),
    (header(2, 20, 2 ** 32 - 1, 0x4E4F534A), "truncated"),
    (header(2, 20, 0, 0x4E4F534A), "not valid JSON"),
    (header(2, 24, 0, 0x4E4F534A) + bytes(4), "inside a chunk header"),
    (header(1, 20, 0, 1), "content of kind 1"),
    (header(1, 20, 9, 0), "truncated"),
])
def test_a_header_that_does_not_fit_says_why(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(IngestionError, match=reason):
        run(tmp_path, {"m.glb": data})


def test_a_buffer_shorter_than_it_claims_is_refused(tmp_path: Path) -> None:
    model = triangle(buffers=[{"byteLength": 100}])
    with pytest.raises(IngestionError, match="must have 100 bytes, but only 44 bytes"):
        run(tmp_path, {"m.glb": glb(model, DATA)})


def test_a_missing_buffer_chunk_is_named(tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match=r"buffers\[0\].* must have 42 bytes, but only 0"):
        run(tmp_path, {"m.glb": glb(triangle(buffers=[{"byteLength": 42}]))})


def test_only_the_first_buffer_is_that_of_the_file(tmp_path: Path) -> None:
    model = triangle(buffers=[{"byteLength": 42, "uri": "m.bin"}, {"byteLength": 42}])
    model["bufferViews"][1]["buffer"] = 1
    with pytest.raises(IngestionError, match=r"buffers\[1\] has no uri\."):
        run(tmp_path, {"m.glb": glb(model, DATA), "m.bin": DATA})


def test_text_that_is_no_object_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match="The glTF file must be a JSON object, not a list"):
        run(tmp_path, {"m.glb": glb(b"[]")})


def test_gltf_1_in_glb_2_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match="GLB file of version 2 that holds glTF 1.0"):
        run(tmp_path, {"m.glb": glb(json.dumps(triangle_1()).encode())})
