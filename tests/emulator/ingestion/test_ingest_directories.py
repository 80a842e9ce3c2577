"""Directories as containers: what is below the root is reached, and nothing else."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from arr.emulator._ingestion.refusals import IngestionError, MissingFile, NoAccess, NotAFile
from arr.emulator._ingestion.containers import handles, open_container
from arr.emulator._ingestion.containers.base import Container, check_name

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX files")


def container(root: Path, folder: str = "") -> Container:
    return open_container((root / folder).as_uri(), "modelUrl", container_root=root,
                          allowed_hosts=())


def read(root: Path, name: str, limit: int = 100) -> bytes:
    return b"".join(container(root).chunks(name, limit))


def test_without_a_container_root_the_option_is_named(tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match="--container-root DIR"):
        open_container(tmp_path.as_uri(), "modelUrl", container_root=None, allowed_hosts=())


def open_handles() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc")
def test_a_container_leaves_no_descriptor_open(tmp_path: Path) -> None:
    (tmp_path / "root" / "sub" / "deep").mkdir(parents=True)
    (tmp_path / "root" / "sub" / "file").write_bytes(b"x" * 50)
    (tmp_path / "root" / "out").symlink_to(tmp_path)
    before = open_handles()
    there = container(tmp_path / "root")
    held = open_handles()
    assert b"".join(there.chunks("sub/file", 100)) == b"x" * 50
    assert there.names(10) == ["sub/file"]
    there.write("new/a/file", io.BytesIO(b"y"), 1)
    for name, limit in (("sub/file", 10), ("sub", 10), ("gone/x", 10), ("out/x", 10)):
        with pytest.raises(IngestionError):
            list(there.chunks(name, limit))
    with pytest.raises(IngestionError):
        there.write("sub/deep", io.BytesIO(b"y"), 1)
    with pytest.raises(IngestionError):
        there.write("sub/file/x", io.BytesIO(b"y"), 1)
    started = there.chunks("sub/file", 100)
    next(started)
    started.close()  # type: ignore[attr-defined]
    assert open_handles() == held == before + 1
    there.close()
    there.close()
    for url in ("gone", "sub/file"):
        with pytest.raises(IngestionError):
            container(tmp_path / "root", url)
    assert open_handles() == before
    assert sorted(os.listdir(tmp_path / "root" / "sub")) == ["deep", "file"]


@posix
@pytest.mark.parametrize("by_handle", [handles.BY_HANDLE, False])
def test_folders_are_read_and_written_in_both_ways(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_handle: bool) -> None:
    monkeypatch.setattr(handles, "BY_HANDLE", by_handle)
    (tmp_path / "elsewhere" / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere" / "secret").write_bytes(b"x")
    here = tmp_path / "root"
    here.mkdir()
    there = container(here)
    (here / "folder").symlink_to(tmp_path / "elsewhere")
    (here / "loop").symlink_to("loop")
    there.write("a/b/c", io.BytesIO(b"y"), 1)
    assert b"".join(there.chunks("a/b/c", 10)) == b"y"
    assert there.names(10) == ["loop", "a/b/c"]
    there.close()


@pytest.mark.parametrize("error, kind, reason", [
    (PermissionError(errno.EACCES, "x"), NoAccess, "the emulator has no permission"),
    (PermissionError(errno.EPERM, "x"), NoAccess, "the emulator has no permission"),
    (OSError(errno.EIO, "Input/Output ERROR"), IngestionError, "read: input/output error."),
    (OSError(), IngestionError, "read: oserror.")])
def test_a_file_that_cannot_be_read_says_why(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, kind: type[Exception],
        reason: str) -> None:
    def fail(*_: object) -> int:
        raise error

    monkeypatch.setattr(handles, "open_file", fail)
    with pytest.raises(IngestionError) as caught:
        read(tmp_path, "m")
    assert type(caught.value) is kind and reason in str(caught.value)


def test_a_directory_that_cannot_be_opened_as_a_file_is_told(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise PermissionError(errno.EACCES, "as Windows says")

    (tmp_path / "sub").mkdir()
    monkeypatch.setattr(handles, "open_file", fail)
    with pytest.raises(NotAFile, match="'sub' is not a regular file but a directory"):
        read(tmp_path, "sub")


def test_names_are_sorted_and_limited(tmp_path: Path) -> None:
    for name in ("b", "a", "sub"):
        path = tmp_path / name
        path.write_bytes(b"") if name != "sub" else path.mkdir()
    (tmp_path / "sub" / "c").write_bytes(b"")
    assert container(tmp_path).names(10) == ["a", "b", "sub/c"]
    assert container(tmp_path).names(2) == ["a", "b"]


def test_percent_encoded_names_are_decoded_once(tmp_path: Path) -> None:
    (tmp_path / "a b%20é").mkdir()
    (tmp_path / "a b%20é" / "m").write_bytes(b"x")
    assert b"".join(container(tmp_path, "a b%20é").chunks("m", 1)) == b"x"


@pytest.mark.parametrize("url, reason", [
    ("", "is empty"),
    ("models", "must be a file:// URL"),
    ("ftp://host/x", "must be a file:// URL"),
    ("file:relative", "not absolute|no drive"),
    ("file://host/share", "names the host 'host'"),
    ("file:////host/share", "not below|names the host|no drive"),
    ("file:///root/../etc", r'holds "\.\."'),
    ("file:///root/%2e%2e/etc", r'holds "\.\."'),
    ("file:///a%2fb", "encoded slash"),
    ("file:///a%5cb", "encoded slash"),
    ("file:///a\\b", "backslash"),
    ("file:///a%00b", "control character"),
    ("file:///a\nb", "control characters"),
    ("file:///a%0ab", "control character"),
    ("file:///%ff", "not UTF-8"),
    ("file:///a?sv=1", "takes no"),
    ("file:///a#b", "takes no"),
    ("file://[", "not a valid URL"),
    ("file:///", "not below the emulator's container root|no drive"),
    ("file:///etc", "not below the emulator's container root|no drive"),
])
def test_a_url_that_is_no_directory_below_the_root_is_refused(
        tmp_path: Path, url: str, reason: str) -> None:
    with pytest.raises(IngestionError, match=reason):
        open_container(url, "modelUrl", container_root=tmp_path, allowed_hosts=())


def test_a_directory_beside_the_root_with_its_name_as_prefix_is_refused(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root2").mkdir()
    with pytest.raises(IngestionError, match="not below"):
        open_container((tmp_path / "root2").as_uri(), "modelUrl",
                       container_root=tmp_path / "root", allowed_hosts=())


def test_a_directory_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(IngestionError, match="Container not found: modelUrl.*gone"):
        container(tmp_path, "gone")


@pytest.mark.parametrize("name", [
    "", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/.", "a\\b", "..\\x", "C:/x", "c:x",
    "a\0b", "a\nb", "\ud800", "a" * 1025])
def test_a_name_that_could_lead_elsewhere_is_refused(name: str) -> None:
    with pytest.raises(IngestionError, match="modelName"):
        check_name(name, "modelName")


def test_a_name_may_have_1024_characters() -> None:
    assert check_name("a" * 1024, "modelName") == "a" * 1024


def test_a_missing_file_is_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for name in ("gone", "gone/deeper", "file/deeper", "n" * 300):
        with pytest.raises(MissingFile):
            read(tmp_path, name)


def test_a_directory_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(IngestionError, match="not a regular file but a directory"):
        read(tmp_path, "sub")


def test_a_file_above_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(101))
    assert read(tmp_path, "big", limit=101) == bytes(101)
    with pytest.raises(IngestionError, match="too large: it has 101 bytes, and 100 bytes"):
        read(tmp_path, "big")


def test_a_file_is_refused_before_it_is_read_or_when_it_grows(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arr.emulator._ingestion.containers.directory.CHUNK", 4)
    (tmp_path / "file").write_bytes(bytes(10))
    with pytest.raises(IngestionError, match="it has 10 bytes, and 6 bytes may still be read"):
        next(container(tmp_path).chunks("file", 6))
    (tmp_path / "file").write_bytes(bytes(4))
    chunks = container(tmp_path).chunks("file", 6)
    assert next(chunks) == bytes(4)
    with open(tmp_path / "file", "ab") as file:
        file.write(bytes(4))
    with pytest.raises(IngestionError, match="it has 8 bytes, and 6 bytes may still be read"):
        next(chunks)


@posix
def test_a_name_may_hold_a_colon(tmp_path: Path) -> None:
    (tmp_path / "ab:c").write_bytes(b"x")
    assert read(tmp_path, "ab:c") == b"x"


@posix
def test_a_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    getattr(os, "mkfifo")(tmp_path / "pipe")
    with pytest.raises(IngestionError, match="not a regular file"):
        read(tmp_path, "pipe")
    with pytest.raises(MissingFile):
        read(tmp_path, "pipe/x")


@posix
@pytest.mark.parametrize("name", ["link", "folder/secret"])
def test_a_link_out_of_the_container_is_refused(tmp_path: Path, name: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    with pytest.raises(IngestionError, match="leads out of the container"):
        read(root, name)


@posix
def test_a_container_that_is_a_link_out_of_the_root_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(tmp_path)
    with pytest.raises(IngestionError, match="not below"):
        container(root, "link")


@posix
def test_a_link_inside_the_container_is_followed(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    assert read(tmp_path, "link") == b"x"


@posix
def test_a_link_to_the_container_itself_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "self").symlink_to(tmp_path)
    with pytest.raises(NotAFile, match="'self' is not a regular file but a directory"):
        read(tmp_path, "self")


@posix
def test_a_circle_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(IngestionError):
        read(tmp_path, "a")


@posix
def test_a_planted_link_is_replaced_and_its_target_left_alone(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "precious").write_bytes(b"precious")
    (root / "out").symlink_to(tmp_path / "precious")
    container(root).write("out", io.BytesIO(b"new"), 3)
    assert (tmp_path / "precious").read_bytes() == b"precious"
    assert not (root / "out").is_symlink() and (root / "out").read_bytes() == b"new"


@posix
def test_the_written_file_has_ordinary_permissions(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        container(tmp_path).write("out", io.BytesIO(b"x"), 1)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o644


def test_a_draft_takes_the_place_of_no_file(tmp_path: Path) -> None:
    place = handles.open_root(str(tmp_path))
    os.close(handles.create_file(place, "draft"))
    with pytest.raises(FileExistsError):
        handles.create_file(place, "draft")
    handles.close(place)


def test_a_directory_in_the_way_of_the_output_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(IngestionError, match="a directory has this name"):
        container(tmp_path).write("out", io.BytesIO(b"x"), 1)
    assert os.listdir(tmp_path) == ["out"]


def test_a_write_that_fails_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: "int | None" = -1, /) -> bytes:
            raise RuntimeError("source broke")

    (tmp_path / "out").write_bytes(b"old")
    with pytest.raises(RuntimeError):
        container(tmp_path).write("out", Broken(), 1)
    assert os.listdir(tmp_path) == ["out"] and (tmp_path / "out").read_bytes() == b"old"


@posix
@pytest.mark.parametrize("name", ["folder/file", "folder/inner/file"])
def test_a_folder_that_becomes_a_link_after_the_look_leads_nowhere(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "folder" / "inner", outside / "inner"):
        folder.mkdir(parents=True)
    for folder in (outside, outside / "inner"):
        (folder / "file").write_bytes(b"secret")
        (root / "folder" / (folder / "file").relative_to(outside)).write_bytes(b"mine")
    box = container(root)
    looked = os.path.realpath

    def look_then_swap(path: Any, **options: Any) -> Any:
        found = looked(path, **options)
        (root / "folder").rename(root / "old")
        (root / "folder").symlink_to(outside)
        monkeypatch.setattr(os.path, "realpath", looked)
        return found

    monkeypatch.setattr(os.path, "realpath", look_then_swap)
    with pytest.raises(IngestionError):
        list(box.chunks(name, 100))
    (root / "folder").unlink()
    (root / "old").rename(root / "folder")
    monkeypatch.setattr(os.path, "realpath", look_then_swap)
    with pytest.raises(IngestionError):
        box.write(name, io.BytesIO(b"new"), 3)
    assert (outside / "file").read_bytes() == b"secret"
    assert sorted(os.listdir(outside)) == ["file", "inner"]
    box.close()


@posix
def test_a_container_that_becomes_a_link_stays_what_it_was(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "box").mkdir(parents=True)
    (root / "box" / "file").write_bytes(b"mine")
    (tmp_path / "file").write_bytes(b"secret")
    box = container(root, "box")
    (root / "box").rename(root / "old")
    (root / "box").symlink_to(tmp_path)
    assert box.names(10) == ["file"]
    with pytest.raises(IngestionError):
        list(box.chunks("file", 100))
    box.close()


@posix
def test_no_descriptor_stays_open(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "file").write_bytes(b"x")
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        box = container(tmp_path)
        box.names(10)
        assert list(box.chunks("sub/file", 10)) == [b"x"]
        box.write("new/deep/file", io.BytesIO(b"y"), 1)
        for wrong in ("gone/file", "sub", "sub/file/deeper"):
            with pytest.raises(IngestionError):
                list(box.chunks(wrong, 10))
        with pytest.raises(IngestionError):
            box.write("sub/file/deeper", io.BytesIO(b"y"), 1)
        box.close()
    assert len(os.listdir("/dev/fd")) == before


def test_names_below_a_folder_are_listed(tmp_path: Path) -> None:
    for name in ("a/x", "ab/y", "z"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    box = container(tmp_path)
    assert box.names(10, "a/") == ["a/x"]
    assert box.names(10, "gone/") == []
    box.close()
