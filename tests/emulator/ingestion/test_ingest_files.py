"""The files of a model: asked for once, within limits, named when missing; what is told."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO, Dict, Iterator, List, Sequence, Tuple

import pytest

from arr.emulator._ingestion.files import ModelFiles
from arr.emulator._ingestion.pipeline import ingest
from arr.emulator._ingestion.refusals import FileRefused, IngestionError, MissingFile
from arr.emulator._ingestion.spool import Spool

from ...support.models import run, triangle

FILES = "arr.emulator._ingestion.files"


class Box:
    """A container that keeps what it is asked for."""

    def __init__(self, files: Dict[str, bytes]) -> None:
        self.files = files
        self.asked: List[Tuple[str, int]] = []

    def chunks(self, name: str, limit: int) -> Iterator[bytes]:
        self.asked.append((name, limit))
        if name not in self.files:
            raise MissingFile(f"{name} is missing")
        if len(self.files[name]) > limit:
            raise FileRefused(f"{name} is too large")
        yield self.files[name]

    def names(self, limit: int, prefix: str = "") -> List[str]:
        return sorted(self.files)

    def write(self, name: str, source: BinaryIO, size: int) -> None:
        raise AssertionError

    def close(self) -> None:
        pass


class Case:
    """The files of a model around a container, and what was told meanwhile."""

    def __init__(self, spool: Spool, *names: str, model: str = "m",
                 listed: "Sequence[str] | None" = None) -> None:
        self.box = Box({name: name.encode() for name in names})
        self.told: List[str] = []
        self.files = ModelFiles(model, self.box, self.box.names(9) if listed is None else listed,
                                spool, self.told.append)

    def asked(self) -> List[str]:
        return [name for name, _ in self.box.asked]


@pytest.fixture
def spool() -> Iterator[Spool]:
    with Spool() as spool:
        yield spool


def test_a_spool_keeps_files_apart(spool: Spool) -> None:
    first, second = spool.add("a", [b"ab", b"", b"c"]), spool.add("b", iter([b"defg"]))
    third = spool.add("c", [])
    assert (first.name, first.span, second.span, third.span) == ("a", (0, 3), (3, 4), (7, 0))
    assert first.sha256 == hashlib.sha256(b"abc").hexdigest() and spool.size == 7
    assert spool.read(first.span) == b"abc" and spool.read(second.span.part(1, 2)) == b"ef"
    assert list(spool.chunks(first.span, 2)) == [b"ab", b"c"]
    assert list(spool.chunks(second.span, 2)) == [b"de", b"fg"]
    assert list(spool.chunks(third.span)) == []


def test_a_file_is_asked_for_once(spool: Spool) -> None:
    case = Case(spool, "m", "a.bin", "t.png")
    case.files.model_file()
    for _ in range(2):
        assert spool.read(case.files.fetch("a.bin", "it")) == b"a.bin"
        assert spool.read(case.files.fetch("./x/../a.bin", "it")) == b"a.bin"
        assert case.files.beside("a.bin", "it") == "a.bin" and case.files.has("t.png")
        assert case.files.picture(["x/t.png"], "it") == "t.png"
        assert case.files.read("t.png") == b"t.png"
    assert case.asked() == ["m", "a.bin", "t.png", "x/t.png"]
    assert case.told == ["reading a.bin", "reading t.png", "reading x/t.png"]
    assert [file.name for file in case.files.stored()] == ["a.bin", "m", "t.png"]


def test_a_picture_that_is_missing_is_asked_for_once(spool: Spool) -> None:
    case = Case(spool, "m")
    for path in ("a/t.png", "b/t.png", "a/t.png"):
        assert case.files.picture([path], "it") is None
    assert case.asked() == ["a/t.png", "t.png", "b/t.png"]
    assert len(case.files.warnings) == 3
    assert case.files.picture([], "it") is None
    assert case.files.warnings[3] == (
        "it names the picture without a path, which is not in the input container; the model "
        "goes without it.")


def test_the_looks_for_missing_pictures_are_limited(
        spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{FILES}._MAX_LOOKS", 1)
    case = Case(spool, "m", "t.png", "u.png")
    assert case.files.picture(["gone.png"], "it") is None
    assert case.files.picture(["u.png"], "it") is None
    case.files.fetch("t.png", "it")
    assert case.files.picture(["x/t.png"], "it") == "t.png"
    assert case.asked() == ["gone.png", "t.png"]


@pytest.mark.parametrize("paths, found", [
    (["a\0/t.png"], "t.png"), (["gone.png", "t.png"], "t.png"), (["x%2Ft.png"], "t.png"),
    (["t.png", "u.png"], "t.png")])
def test_the_first_path_that_is_a_file_counts(
        spool: Spool, paths: List[str], found: str) -> None:
    case = Case(spool, "m", "t.png", "u.png")
    assert case.files.picture(paths, "it", uri=True) == found and not case.files.warnings


def test_only_the_path_of_a_uri_is_unquoted(spool: Spool) -> None:
    assert Case(spool, "x/t.png").files.picture(["x%2Ft.png"], "it", uri=True) == "x/t.png"
    assert Case(spool, "x/t.png").files.picture(["x%2Ft.png"], "it") is None


def test_a_model_has_a_limit_of_files(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{FILES}.MAX_FILES", 2)
    case = Case(spool, "m", "a", "b")
    case.files.model_file()
    case.files.fetch("a", "it")
    case.files.fetch("a", "it")
    for act in (case.files.fetch, case.files.beside):
        with pytest.raises(IngestionError, match="refers to more than 2 files"):
            act("b", "it")
    with pytest.raises(IngestionError, match="refers to more than 2 files"):
        case.files.has("b")


def test_all_files_share_one_limit_of_bytes(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{FILES}.MAX_MODEL_BYTES", 6)
    case = Case(spool, "m", "abcd", "e", "f")
    case.files.model_file()
    for name in ("abcd", "e"):
        case.files.fetch(name, "it")
    with pytest.raises(IngestionError, match="f is too large"):
        case.files.fetch("f", "it")
    assert case.box.asked == [("m", 6), ("abcd", 5), ("e", 1), ("f", 0)]


def test_a_small_file_beside_the_model_has_its_own_limit(spool: Spool) -> None:
    case = Case(spool, "d/m", "d/s.json", model="d/m")
    assert case.files.small("s.json", 8) == b"d/s.json"
    assert case.files.small("gone.json", 8) is None
    assert case.box.asked == [("d/s.json", 8), ("d/gone.json", 8)] and not case.files.stored()


def test_a_file_that_was_listed_and_is_gone_is_told_apart_from_a_near_one(spool: Spool) -> None:
    case = Case(spool, listed=["a.bin", "b", "A.bin", "a.bin "])
    with pytest.raises(IngestionError) as caught:
        case.files.fetch("a.bin", "it")
    assert str(caught.value) == (
        "it names the file 'a.bin', which is not in the input container. 'A.bin' is there: names "
        "differ in capitals.")


def test_an_empty_container_is_told(spool: Spool) -> None:
    with pytest.raises(IngestionError) as caught:
        Case(spool).files.model_file()
    assert str(caught.value) == (
        "Model not found: 'm' is not in the input container, which is empty.")


def test_a_missing_model_is_answered_with_some_names_that_are_there(tmp_path: Path) -> None:
    files = {f"m{i}": b"x" for i in range(12)}
    with pytest.raises(IngestionError, match="Model not found: 'gone'.*'m0', 'm1'.* and 4 more"):
        run(tmp_path, {**files}, model="gone")


@pytest.mark.parametrize("count, text", [
    (1, "which has 'a'."), (8, "which has 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'."),
    (9, "which has 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h' and 1 more."),
    (10, "'h' and 2+ more.")])
def test_at_most_eight_names_are_told(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, text: str) -> None:
    for module in ("files", "pipeline"):
        monkeypatch.setattr(f"arr.emulator._ingestion.{module}.LISTED", 10)
    with pytest.raises(IngestionError) as caught:
        run(tmp_path, {name: b"x" for name in "abcdefghijk"[:count]}, model="gone")
    assert str(caught.value).endswith(text)


def test_progress_rises_to_one_with_texts(tmp_path: Path) -> None:
    run(tmp_path, {"m.gltf": triangle(buffers=[{"byteLength": 42, "uri": "m.bin"}]),
                   "m.bin": bytes(42)})
    seen: List[object] = []
    done = ingest("m.gltf", (tmp_path / "in").as_uri(), (tmp_path / "out").as_uri(),
                  container_root=tmp_path, allowed_hosts=(),
                  report=lambda progress, text: seen.append((progress, text)))
    assert seen == [
        (0.0, "opening the containers"), (0.05, "listing the input container"),
        (0.1, "reading m.gltf"), (0.3, "checking m.gltf"), (0.3, "reading m.bin"),
        (0.6, "packing 2 files"), (0.8, f"writing m.ezArchive, {done.archive_size:,} bytes"),
        (1.0, "wrote m.ezArchive")]


def test_what_report_raises_ends_the_work(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def report(progress: float, text: str) -> None:
        raise Stop

    with pytest.raises(Stop):
        ingest("m", tmp_path.as_uri(), tmp_path.as_uri(), container_root=tmp_path,
               allowed_hosts=(), report=report)
