"""Blob containers, against Azurite.

Azurite is the npm package ``azurite``. The tests take the executable ``azurite-blob`` that
ARR_TEST_AZURITE names, or the one on PATH, and skip without one; with ARR_TEST_REQUIRE=1 a
missing one is a failure. ARR_TEST_REQUIRE_BLOB_CLIENT=1 says the same of azure-storage-blob.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import importlib
import io
import logging
import os
import shutil
import socket
import subprocess
import sys
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional
from urllib.parse import quote

import pytest
import requests

from arr import (
    ARRIngestionSessionStatus, AzureFrontend, AzureFrontendAccountInfo, IngestAssetParams,
    SessionLocation,
)
from arr.emulator import Emulator, read_archive
from arr.emulator._ingestion.containers import blob as _blob
from arr.emulator._ingestion.containers.blob import BlobContainer
from arr.emulator._ingestion.refusals import (
    ASSET, INPUT, INPUT_ACCESS, OUTPUT, OUTPUT_ACCESS, IngestionError, MissingFile,
)
from arr.emulator._ingestion.pipeline import Summary, ingest

from ...support.emulator import Client, Client2021

# Azurite's account and key are public; they are the same in every installation.
ACCOUNT = "devstoreaccount1"
KEY = ("Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq"
       "/K1SZFPTOtr/KBHBeksoGMGw==")
VERSION = "2019-12-12"
MODEL = Path(__file__).parents[3] / "samples" / "models" / "robot"
HOSTS = ("127.0.0.1", "*.blob.core.windows.net")


def sign(text: str) -> str:
    digest = hmac.new(base64.b64decode(KEY), text.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def moment(hours: float) -> str:
    return (datetime.now(timezone.utc) + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ")


def join(parameters: Dict[str, str]) -> str:
    return "&".join(f"{key}={quote(value, safe='')}" for key, value in parameters.items())


def service_sas(container: str, permissions: str, *, start: float = -1, end: float = 1) -> str:
    """Return the SAS of one container."""
    st, se = moment(start), moment(end)
    fields = [permissions, st, se, f"/blob/{ACCOUNT}/{container}", "", "", "", VERSION, "c",
              "", "", "", "", "", ""]
    return join({"sv": VERSION, "st": st, "se": se, "sr": "c", "sp": permissions,
                 "sig": sign("\n".join(fields))})


def account_sas(permissions: str, *, types: str = "sco", services: str = "b") -> str:
    """Return a SAS of the whole account."""
    st, se = moment(-1), moment(1)
    fields = [ACCOUNT, permissions, services, types, st, se, "", "", VERSION, ""]
    return join({"sv": VERSION, "ss": services, "srt": types, "sp": permissions, "st": st,
                 "se": se, "sig": sign("\n".join(fields))})


class Storage(NamedTuple):
    """A running Azurite."""

    base: str

    def url(self, container: str, sas: str) -> str:
        return f"{self.base}/{container}?{sas}"

    def request(self, method: str, path: str, query: str = "", data: bytes = b"",
                **headers: str) -> requests.Response:
        reply = requests.request(
            method, f"{self.base}/{path}?{query}{'&' if query else ''}{account_sas('rwdlacup')}",
            data=data, headers={"x-ms-version": VERSION, **headers}, timeout=20)
        assert reply.status_code < 300, reply.text
        return reply

    def create(self, container: str) -> None:
        self.request("PUT", container, "restype=container")

    def upload(self, container: str, name: str, data: bytes) -> None:
        self.request("PUT", f"{container}/{quote(name)}", data=data,
                     **{"x-ms-blob-type": "BlockBlob"})

    def download(self, container: str, name: str) -> bytes:
        return self.request("GET", f"{container}/{quote(name)}").content


def find_azurite() -> str:
    found = os.environ.get("ARR_TEST_AZURITE") or shutil.which("azurite-blob")
    if found and Path(found).exists():
        return found
    reason = ("no azurite-blob: run `npm install azurite` and set ARR_TEST_AZURITE to "
              "node_modules/.bin/azurite-blob")
    if os.environ.get("ARR_TEST_REQUIRE") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    command = find_azurite()
    port = free_port()
    process = subprocess.Popen(
        [command, "--inMemoryPersistence", "--skipApiVersionCheck", "--silent",
         "--disableTelemetry", "--blobHost", "127.0.0.1", "--blobPort", str(port)],
        cwd=tmp_path_factory.mktemp("azurite"), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        shell=sys.platform == "win32")
    lines: List[bytes] = []
    ready = threading.Event()

    def watch() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if b"successfully listens" in line or b"successfully listening" in line:
                ready.set()
        ready.set()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        assert ready.wait(30) and process.poll() is None, b"".join(lines).decode()
        storage = Storage(f"http://127.0.0.1:{port}/{ACCOUNT}")
        for container in ("arrinput", "arroutput", "empty"):
            storage.create(container)
        for path in MODEL.iterdir():
            storage.upload("arrinput", f"robots/{path.name}", path.read_bytes())
        yield storage
    finally:
        process.terminate()
        process.wait(10)
        watcher.join(10)
        if process.stdout is not None:
            process.stdout.close()


def open_blobs(storage: Storage, container: str, sas: str) -> BlobContainer:
    return BlobContainer(storage.url(container, sas), "modelUrl", HOSTS)


def run(storage: Storage, *, model: str = "robots/robot.gltf", source: Optional[str] = None,
        target: Optional[str] = None) -> Summary:
    return ingest(
        model, storage.url("arrinput", source or service_sas("arrinput", "rl")),
        storage.url("arroutput", target or service_sas("arroutput", "w")),
        container_root=None, allowed_hosts=HOSTS, report=lambda progress, text: None)


def test_a_model_in_blobs_is_ingested_and_its_archive_can_be_read(storage: Storage) -> None:
    summary = run(storage)
    data = storage.download("arroutput", "robot.ezArchive")
    assert hashlib.sha256(data).hexdigest() == summary.archive_sha256
    with read_archive(data) as archive:
        assert archive.read("robots/robot.bin") == (MODEL / "robot.bin").read_bytes()


def test_an_account_sas_works_as_well(storage: Storage) -> None:
    assert run(storage, source=account_sas("rl"), target=account_sas("w")).archive_size > 0


def public_client_sas(container: str, permissions: str) -> str:
    try:
        client = importlib.import_module("azure.storage.blob")
    except ImportError:
        if os.environ.get("ARR_TEST_REQUIRE_BLOB_CLIENT") == "1":
            pytest.fail("azure-storage-blob is not installed")
        pytest.skip("azure-storage-blob is not installed")
    return str(client.generate_container_sas(
        ACCOUNT, container, account_key=KEY,
        permission=client.ContainerSasPermissions.from_string(permissions),
        expiry=datetime.now(timezone.utc) + timedelta(hours=1)))


@pytest.mark.parametrize("sas", [service_sas, public_client_sas])
def test_a_model_in_blobs_is_ingested_through_the_client(
        storage: Storage, sas: Callable[[str, str], str]) -> None:
    with Emulator(ingestion_seconds=0) as emulator, AzureFrontend(AzureFrontendAccountInfo(
            emulator.url, emulator.account_id, emulator.account_key,
            location=SessionLocation.ignore)) as frontend:
        asset_id = frontend.start_asset_ingestion_async(IngestAssetParams(
            "robots/robot.gltf", storage.url("arrinput", sas("arrinput", "rl")),
            storage.url("arroutput", sas("arroutput", "w")))).get(30)
        wait = frontend.wait_for_ingestion_async(asset_id, deadline=30, interval=0.05)
        assert wait.get(30) == ARRIngestionSessionStatus.Success
    with read_archive(storage.download("arroutput", "robot.ezArchive")) as archive:
        assert archive.read("robots/robot.bin") == (MODEL / "robot.bin").read_bytes()


def test_conversions_of_2020_and_2021_read_and_write_blobs(storage: Storage) -> None:
    read, write = service_sas("arrinput", "rl"), service_sas("arroutput", "w")
    rule = storage.base.replace(ACCOUNT, "{account}") + "/{container}"
    with Emulator(ingestion_seconds=0, storage_url=rule) as emulator, \
            Client(emulator) as older, Client2021(emulator) as newer:
        begun = newer.call("PUT", "/conversions/a", {"settings": {
            "inputLocation": {"storageContainerUri": f"{storage.base}/arrinput",
                              "storageContainerReadListSas": "?" + read, "blobPrefix": "robots",
                              "relativeInputAssetPath": "robot.gltf"},
            "outputLocation": {"storageContainerUri": f"{storage.base}/arroutput",
                               "storageContainerWriteSas": "?" + write, "blobPrefix": "of-2021"}}})
        asked = older.call("POST", "/conversions/createWithSharedAccessSignature", {
            "input": {"storageAccountName": ACCOUNT, "blobContainerName": "arrinput",
                      "folderPath": "robots/", "inputAssetPath": "robot.gltf",
                      "containerReadListSas": "?" + read},
            "output": {"storageAccountName": ACCOUNT, "blobContainerName": "arroutput",
                       "folderPath": "of-2020/", "containerWriteSas": "?" + write}})
        assert (begun.status, asked.status) == (201, 200) and emulator.wait_ingestions(30)
        done = newer.call("GET", "/conversions/a").json()
        assert done["output"]["outputAssetUri"] == (
            f"{storage.base}/arroutput/of-2021/robot.arrAsset")
        converted = older.call("GET", "/conversions/" + asked.json()["conversionId"]).json()
        assert converted["convertedAsset"] == {
            "storageAccountName": ACCOUNT, "blobContainerName": "arroutput",
            "assetFilePath": "of-2020/robot.arrAsset"}
        wrong = newer.call("PUT", "/conversions/wrong", {"settings": {
            "inputLocation": {"storageContainerUri": f"{storage.base}/arrinput",
                              "storageContainerReadListSas": "?" + service_sas("arroutput", "rl"),
                              "relativeInputAssetPath": "robots/robot.gltf"},
            "outputLocation": {"storageContainerUri": f"{storage.base}/arroutput",
                               "storageContainerWriteSas": "?" + write}}})
        assert wrong.status == 201 and emulator.wait_ingestions(30)
        failed = newer.call("GET", "/conversions/wrong").json()
        assert failed["error"]["code"] == "InputContainerAccessDenied"
    for era in ("of-2020", "of-2021"):
        with read_archive(storage.download("arroutput", era + "/robot.arrAsset")) as archive:
            assert archive.read("robot.bin") == (MODEL / "robot.bin").read_bytes()


@pytest.mark.parametrize("make, reason", [
    (lambda: service_sas("arrinput", "r"), "no list permission"),
    (lambda: service_sas("arrinput", "l"), "no read permission"),
    (lambda: service_sas("arrinput", "rl", start=-3, end=-2), "the SAS expired at"),
    (lambda: service_sas("arrinput", "rl", start=2, end=3), "the SAS is valid from"),
    (lambda: service_sas("arroutput", "rl"), "signature of the SAS is wrong"),
    (lambda: service_sas("arrinput", "rl").rpartition("sig=")[0] + f"sig={'A' * 43}%3D",
     "signature of the SAS is wrong"),
    (lambda: account_sas("rl", services="q"), "not for the blob service"),
    (lambda: account_sas("rl", types="s"), "not for containers and the blobs"),
    (lambda: "restype=container&comp=list", "the URL has no SAS"),
])
def test_an_input_sas_that_does_not_fit_says_why(
        storage: Storage, make: Callable[[], str], reason: str) -> None:
    sas = make()
    with pytest.raises(IngestionError, match=reason) as caught:
        run(storage, source=sas)
    assert "modelUrl" in str(caught.value) and caught.value.cause == INPUT_ACCESS
    assert sas.rpartition("sig=")[2] not in str(caught.value)


def test_an_output_sas_without_write_permission_says_so(storage: Storage) -> None:
    with pytest.raises(IngestionError, match="assetContainerUrl.*no write permission") as caught:
        run(storage, target=service_sas("arroutput", "rl"))
    assert caught.value.cause == OUTPUT_ACCESS


def test_a_container_that_is_not_there_is_the_cause(storage: Storage) -> None:
    gone = storage.url("nowhere", service_sas("nowhere", "rlw"))
    there = storage.url("arrinput", service_sas("arrinput", "rlw"))
    for source, target, cause in ((gone, there, INPUT), (there, gone, OUTPUT)):
        with pytest.raises(IngestionError, match="Container not found") as caught:
            ingest("robots/robot.gltf", source, target, container_root=None, allowed_hosts=HOSTS,
                   report=lambda progress, text: None)
        assert caught.value.cause == cause


def test_a_container_that_is_not_there_is_named(storage: Storage) -> None:
    blobs = open_blobs(storage, "nowhere", service_sas("nowhere", "rl"))
    with pytest.raises(IngestionError, match="Container not found.*nowhere"):
        blobs.names(10)


def test_an_output_container_that_is_not_there_is_named(storage: Storage) -> None:
    blobs = open_blobs(storage, "nowhere", service_sas("nowhere", "rlw"))
    with pytest.raises(IngestionError, match="Container not found.*nowhere"):
        blobs.write("a", io.BytesIO(b"x"), 1)


def test_a_missing_model_is_answered_with_the_names_that_are_there(storage: Storage) -> None:
    with pytest.raises(IngestionError, match="Model not found.*robots/robot.gltf") as caught:
        run(storage, model="robots/rabbit.gltf")
    assert caught.value.cause == ASSET


def test_a_missing_blob_is_a_missing_file(storage: Storage) -> None:
    with pytest.raises(MissingFile):
        b"".join(open_blobs(storage, "empty", service_sas("empty", "rl")).chunks("a", 10))


def test_names_are_read_over_several_pages(
        storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blob, "_PAGE", 2)
    storage.create("pages")
    names = [f"{i}/&<é> %41+'.bin" for i in range(5)]
    for name in names:
        storage.upload("pages", name, b"x")
    blobs = open_blobs(storage, "pages", service_sas("pages", "rl"))
    assert blobs.names(100) == names
    assert blobs.names(3) == names[:3]
    assert [b"".join(blobs.chunks(name, 1)) for name in names] == [b"x"] * 5


def test_a_large_blob_is_written_in_blocks_and_read_back(
        storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blob, "BLOCK", 1 << 16)
    data = bytes(range(256)) * 1000
    blobs = open_blobs(storage, "empty", service_sas("empty", "rw"))
    blobs.write("large", io.BytesIO(data), len(data))
    assert b"".join(blobs.chunks("large", len(data))) == data
    reply = storage.request("GET", "empty/large", "comp=blocklist")
    assert reply.text.count("<Block>") == 4


def test_an_empty_blob_is_read_as_nothing(storage: Storage) -> None:
    storage.upload("empty", "nothing", b"")
    blobs = open_blobs(storage, "empty", service_sas("empty", "r"))
    assert b"".join(blobs.chunks("nothing", 10)) == b""


def test_a_blob_above_the_limit_is_refused_before_it_is_read(storage: Storage) -> None:
    storage.upload("empty", "big", bytes(1000))
    blobs = open_blobs(storage, "empty", service_sas("empty", "r"))
    with pytest.raises(IngestionError, match="too large"):
        b"".join(blobs.chunks("big", 999))


def test_no_signature_reaches_a_log_or_a_repr(
        storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sas = service_sas("arrinput", "rl")
    blobs = open_blobs(storage, "arrinput", sas)
    blobs.names(10)
    assert "comp=list" in caplog.text  # the request was logged
    assert sas.rpartition("sig=")[2] not in caplog.text + repr(blobs) + repr(blobs._url)
