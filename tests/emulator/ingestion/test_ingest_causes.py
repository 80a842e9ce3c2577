"""The cause of each failure of an ingestion, by which the later eras choose their codes."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import tempfile
from pathlib import Path
from typing import Any, Callable, List, Optional

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from arr.emulator._ingestion import refusals
from arr.emulator._ingestion.archive import ArchiveError
from arr.emulator._ingestion.containers import INPUT_SIDE, OUTPUT_SIDE, handles
from arr.emulator._ingestion.containers.base import Container
from arr.emulator._ingestion.containers.sides import SidedContainer
from arr.emulator._ingestion.layouts import LAYOUT_2020
from arr.emulator._ingestion.pipeline import IngestionError, ingest
from arr.emulator._ingestion.refusals import (
    ASSET, INPUT, INPUT_ACCESS, INTERNAL, MODEL, OUTPUT, OUTPUT_ACCESS, MissingFile,
)

from ...support.blob_storage import HOSTS, SAS, Storage, blob, status
from ...support.models import triangle

LONG = "n" * 300  # longer than any file system takes


def failure(root: Path, *, model: str = "m.gltf", content: Any = None,
            source: Optional[str] = None, target: Optional[str] = None,
            **options: Any) -> IngestionError:
    """Ingest a model that is well, but for what is given, and return the error."""
    for folder in ("in", "out"):
        (root / folder).mkdir(exist_ok=True)
    data = json.dumps(triangle()).encode() if content is None else content
    (root / "in" / "m.gltf").write_bytes(data)
    with pytest.raises(IngestionError) as caught:
        ingest(model, (root / "in").as_uri() if source is None else source,
               (root / "out").as_uri() if target is None else target, container_root=root,
               allowed_hosts=HOSTS, report=lambda progress, text: None, **options)
    return caught.value


# -- the model -------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [
    b"", b"{", b'{"asset": {"version": "3.0"}}',
    json.dumps(triangle(buffers=[{"byteLength": 42, "uri": "gone.bin"}])).encode(),
    json.dumps(triangle(buffers=[{"byteLength": 42, "uri": "../gone.bin"}])).encode(),
    json.dumps(triangle(buffers=[{"byteLength": 42, "uri": LONG}])).encode(),
    b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"])
def test_a_broken_model_is_the_cause(tmp_path: Path, content: bytes) -> None:
    assert failure(tmp_path, content=content).cause == MODEL


def test_a_settings_file_that_is_wrong_is_of_the_model(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "ModelIngestionSettings.json").write_bytes(b"[]")
    assert failure(tmp_path).cause == MODEL


@pytest.mark.parametrize("model", [
    "gone.gltf", "gone/m.gltf", "sub", "", "../m.gltf", f"{LONG}.gltf", "a\0.gltf"])
def test_a_model_that_is_not_in_the_container_is_told_apart(tmp_path: Path, model: str) -> None:
    (tmp_path / "in" / "sub").mkdir(parents=True)
    assert failure(tmp_path, model=model).cause == ASSET


def test_a_model_above_the_limit_is_of_the_model(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arr.emulator._ingestion.files.MAX_MODEL_BYTES", 10)
    error = failure(tmp_path)
    assert "too large" in str(error) and error.cause == MODEL


# -- the containers --------------------------------------------------------------------------


@pytest.mark.parametrize("url, access", [
    ("", False), ("models", False), ("a b", False), ("ftp://host/x", False),
    ("file:///etc", False), ("file://host/x", False), ("https://example.com/c?" + SAS, False),
    ("https://a.blob.core.windows.net/", False), ("http://a.blob.core.windows.net/c", False),
    ("https://a.blob.core.windows.net/c?no-sas!", True)])
def test_a_url_that_is_not_used_is_of_its_side(tmp_path: Path, url: str, access: bool) -> None:
    assert failure(tmp_path, source=url).cause == (INPUT_ACCESS if access else INPUT)
    assert failure(tmp_path, target=url).cause == (OUTPUT_ACCESS if access else OUTPUT)


def test_a_directory_that_is_not_there_is_of_its_side(tmp_path: Path) -> None:
    gone = (tmp_path / "gone").as_uri()
    assert failure(tmp_path, source=gone).cause == INPUT
    assert failure(tmp_path, target=gone).cause == OUTPUT


@pytest.mark.parametrize("prefix", ["..", "/x", "a//b"])
def test_a_folder_that_leads_elsewhere_is_of_its_side(tmp_path: Path, prefix: str) -> None:
    assert failure(tmp_path, input_prefix=prefix).cause == INPUT
    assert failure(tmp_path, output_prefix=prefix).cause == OUTPUT


@pytest.mark.skipif(not os.path.isdir("/dev/fd"), reason="needs a list of open files")
def test_a_container_with_a_wrong_folder_is_closed(tmp_path: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(5):
        failure(tmp_path, input_prefix="..")
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("name", ["../x.arrAsset", "sub"])
def test_an_output_that_cannot_be_is_of_the_output(tmp_path: Path, name: str) -> None:
    (tmp_path / "out" / "sub").mkdir(parents=True)
    assert failure(tmp_path, output_name=name).cause == OUTPUT


@pytest.mark.parametrize("function, number, cause", [
    ("open_file", errno.EACCES, INPUT_ACCESS), ("open_file", errno.EIO, INPUT),
    ("create_file", errno.EACCES, OUTPUT_ACCESS), ("create_file", errno.ENOSPC, OUTPUT),
    ("open_root", errno.EPERM, INPUT_ACCESS)])
def test_what_the_system_refuses_is_of_its_side(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: str, number: int,
        cause: str) -> None:
    def refuse(*_: Any) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(handles, function, refuse)
    assert failure(tmp_path).cause == cause


@pytest.mark.parametrize("room", [0, 1])
def test_a_full_disk_here_is_neither_the_model_nor_a_container(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """The first temporary file is that of the model, the second that of the archive."""
    made: List[io.BytesIO] = []

    class Full(io.BytesIO):
        def __init__(self, max_size: int) -> None:
            super().__init__()
            self._has_room = len(made) < room
            made.append(self)

        def write(self, data: Any, /) -> int:
            if not self._has_room:
                raise OSError(errno.ENOSPC, "full")
            return super().write(data)

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", Full)
    error = failure(tmp_path, layout=LAYOUT_2020)
    assert "temporary file" in str(error) and error.cause == INTERNAL
    assert os.listdir(tmp_path / "out") == []  # no report that the model is not valid


@pytest.mark.parametrize("options, reported", [
    ({"content": b""}, True), ({"model": "gone.gltf"}, True), ({"output_name": "sub"}, False)])
def test_only_of_the_model_a_report_is_written(
        tmp_path: Path, options: "dict[str, Any]", reported: bool) -> None:
    (tmp_path / "out" / "sub").mkdir(parents=True)
    failure(tmp_path, layout=LAYOUT_2020, **options)
    assert any(name.endswith(".result.json") for name in os.listdir(tmp_path / "out")) == reported


# -- Blob containers -------------------------------------------------------------------------


def lists(container: Container) -> None:
    container.names(10)


def reads(container: Container) -> None:
    list(container.chunks("m", 100))


def writes(container: Container) -> None:
    container.write("m", io.BytesIO(b"x"), 1)


def cut(request: Request) -> Response:
    return Response(b"", 200)


@pytest.mark.parametrize("answer, access", [
    (status(403, "AuthenticationFailed"), True),
    (status(403, "AuthorizationPermissionMismatch"), True),
    (status(403, "Novel"), True), (status(401, "NoAuthenticationInformation"), True),
    (status(400, "InvalidAuthenticationInfo"), True),
    (status(409, "PublicAccessNotPermitted"), True),
    (status(404, "ContainerNotFound"), False), (status(404, "ResourceNotFound"), False),
    (status(400, "InvalidUri"), False), (status(503, "ServerBusy"), False),
    (status(302), False), (status(412), False), (cut, False)])
def test_what_the_storage_refuses_is_of_its_side(
        httpserver: HTTPServer, answer: Callable[[Request], Response], access: bool) -> None:
    for act, side in ((lists, INPUT_SIDE), (reads, INPUT_SIDE), (writes, OUTPUT_SIDE)):
        container = SidedContainer(Storage(httpserver).answers(answer), side)
        with pytest.raises(IngestionError) as caught:
            act(container)
        assert caught.value.cause == (side.access if access else side.container)


def test_a_private_container_without_a_sas_is_no_access(httpserver: HTTPServer) -> None:
    answer = status(404, "ResourceNotFound")
    container = SidedContainer(Storage(httpserver).answers(answer, sas="comp=list"), INPUT_SIDE)
    with pytest.raises(IngestionError, match="the URL has no SAS .status 404") as caught:
        lists(container)
    assert caught.value.cause == INPUT_ACCESS


def test_a_storage_that_is_not_reached_is_of_its_side(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("arr.emulator._ingestion.containers.blob_requests._TRIES", 1)
    url = f"http://127.0.0.1:9/container?{SAS}"
    assert failure(tmp_path, source=url).cause == INPUT
    assert failure(tmp_path, target=url).cause == OUTPUT


def test_a_missing_blob_is_not_of_the_container(httpserver: HTTPServer) -> None:
    container = SidedContainer(Storage(httpserver).answers(status(404, "BlobNotFound")), INPUT_SIDE)
    with pytest.raises(MissingFile) as caught:
        reads(container)
    assert caught.value.cause == MODEL


def test_a_blob_that_is_too_large_is_not_of_the_container(httpserver: HTTPServer) -> None:
    container = SidedContainer(Storage(httpserver).answers(blob(bytes(101))), INPUT_SIDE)
    with pytest.raises(IngestionError, match="too large") as caught:
        reads(container)
    assert caught.value.cause == MODEL


def test_a_missing_model_among_blobs_is_told_apart(
        tmp_path: Path, httpserver: HTTPServer) -> None:
    page = b"<EnumerationResults><Blobs/><NextMarker/></EnumerationResults>"
    Storage(httpserver).answers(status(200, body=page), status(404, "BlobNotFound"))
    url = f"http://127.0.0.1:{httpserver.port}/account/container?{SAS}"
    error = failure(tmp_path, model="m", source=url)
    assert "Model not found" in str(error) and error.cause == ASSET


# -- texts -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value, text", [
    ({"a": 1}, "an object"), ([1], "a list"), (None, "null"), (True, "true"), (1.5, "1.5"),
    ("a\n", r"'a\n'"), ("x" * 118, f"'{'x' * 118}'"), ("x" * 119, f"'{'x' * 116}..."),
    ("x" * 5000, f"'{'x' * 116}..."), (10 ** 119, str(10 ** 119)), (10 ** 120, f"1{'0' * 116}...")])
def test_a_value_is_shown_in_120_characters(value: object, text: str) -> None:
    assert refusals.shown(value) == text


@pytest.mark.parametrize("size, text", [
    (0, "0 bytes"), (1 << 20, "1.0 MiB"), ((1 << 20) - 1, "1,048,575 bytes"),
    (2000 << 20, "2,000.0 MiB"), (3 << 19, "1.5 MiB")])
def test_a_size_is_told_in_bytes_or_mebibytes(size: int, text: str) -> None:
    assert refusals.size_text(size) == text


# -- the error -------------------------------------------------------------------------------


def errors() -> "list[type[IngestionError]]":
    found = [IngestionError]
    for kind in found:
        found += kind.__subclasses__()
    return [kind for kind in found if kind.__module__.startswith("arr.")]


@pytest.mark.parametrize("kind", errors())
def test_a_cause_survives_pickles_in_every_kind(kind: "type[IngestionError]") -> None:
    assert {refusals.MissingFile, ArchiveError} < set(errors())
    for error in (kind("text"), kind("text", cause=OUTPUT)):
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is kind
        assert (str(copy), copy.args, copy.cause) == ("text", ("text",), error.cause)
    assert (kind("text").cause, kind("text", cause=OUTPUT).cause) == (MODEL, OUTPUT)


def test_a_subclass_with_a_constructor_of_its_own_has_a_cause() -> None:
    class Own(IngestionError):
        def __init__(self) -> None:
            pass

    assert Own().cause == MODEL and str(IngestionError()) == ""
