"""The stock Azure SDK for Python lives its whole life against the emulator, sync and aio."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

from arr.emulator import Emulator
from arr.emulator._http.certificates import Files
from arr.emulator._ingestion import refusals

from ...support.emulator import Client2021, Clock, good_ingest
from ...support.threads import ROOT
from .stock import MODEL, AioStock, Stock, load, with_key

pytestmark = pytest.mark.filterwarnings("default")  # the SDK's own are not ours to mend

BLOB = "https://st.blob.core.windows.net/"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    shutil.copytree(MODEL, tmp_path / "in")
    (tmp_path / "in" / "broken.gltf").write_text("{}")
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def emulator(root: Path) -> Iterator[Emulator]:
    with Emulator(startup_seconds=0.05, ingestion_seconds=0.05, container_root=root) as emulator:
        yield emulator


@pytest.fixture(params=[Stock, AioStock], ids=["sync", "aio"])
def stock(request: pytest.FixtureRequest, emulator: Emulator) -> Iterator[Stock]:
    client: Stock = request.param(emulator)
    yield client
    client.close()


def error_of(stock: Stock, kind: str = "HttpResponseError") -> Any:
    return pytest.raises(getattr(load("azure.core.exceptions"), kind))


# -- sessions ----------------------------------------------------------------------------------

def live(stock: Stock, session_id: str) -> None:
    """Take a session through all that a client can do with it."""
    session = stock.result(stock.begin(session_id, "Premium", 15))
    assert (session.id, session.status, session.size) == (session_id, "Ready", "Premium")
    assert session.hostname.endswith(".localhost") and session.arr_inspector_port
    assert session.handshake_port and session.teraflops == 8.1 and session.error is None
    assert (session.lease_time_minutes, session.elapsed_time_minutes) == (15, 0)
    assert session.created_on.tzinfo is not None
    assert stock.update(session_id, 20).lease_time_minutes == 20
    assert stock.get(session_id).lease_time_minutes == 20
    assert [each.id for each in stock.sessions()] == [session_id]
    assert stock.stop(session_id) is None
    assert stock.get(session_id).status == "Stopped" and stock.get(session_id).hostname is None
    assert stock.sessions() == []


def test_a_session_lives_its_life(stock: Stock) -> None:
    live(stock, "Demo-1")


def test_the_same_id_again_is_the_same_session_and_others_are_refused(stock: Stock) -> None:
    first = stock.result(stock.begin("a"))
    assert stock.result(stock.begin("a")).created_on == first.created_on
    for size, minutes in (("Premium", 10), ("Standard", 11)):
        with error_of(stock, "ResourceExistsError") as caught:
            stock.begin("a", size, minutes)
        assert caught.value.status_code == 409
        assert caught.value.model.error.code == "Conflict"


@pytest.mark.parametrize("size, minutes, words", [
    ("Standard", -4, ("lease", "negative")), ("Tiny", 10, ("size", "tiny")),
    ("Standard", 1441, ("1440",))])
def test_a_bad_session_is_refused_in_words(
        stock: Stock, size: str, minutes: int, words: tuple[str, ...]) -> None:
    with error_of(stock) as caught:
        stock.begin("a", size, minutes)
    assert (caught.value.status_code, caught.value.error.code) == (400, "BadRequest")
    assert all(word in caught.value.error.message.lower() for word in words)


def test_an_unknown_id_a_bad_one_and_a_shorter_lease_are_told_apart(stock: Stock) -> None:
    for call, more in ((stock.get, ()), (stock.stop, ()), (stock.update, (5,)),
                       (stock.conversion, ())):
        with error_of(stock, "ResourceNotFoundError"):
            call("nobody", *more)
    with error_of(stock) as caught:
        stock.get("a.b")
    assert caught.value.status_code == 400
    stock.result(stock.begin("a"))
    with error_of(stock) as caught:
        stock.update("a", 10)
    assert caught.value.status_code == 422
    assert caught.value.model.error.code == "UnprocessableEntity"


def test_a_session_without_capacity_fails_its_poller_with_a_code(
        emulator: Emulator, stock: Stock) -> None:
    emulator.set_capacity({"standard": 0})
    poller = stock.begin("a")
    with error_of(stock) as caught:
        stock.result(poller)
    assert caught.value.error.code == "NoCapacity"
    assert stock.get("a").status == "Error"


def test_a_poller_goes_on_from_its_token(emulator: Emulator, stock: Stock) -> None:
    token = stock.begin("a").continuation_token()
    again = stock.wait(stock.client.get_rendering_session_poller(continuation_token=token))
    assert stock.result(again).status == "Ready"


def test_a_session_of_the_stock_client_is_seen_in_2019_and_back(
        emulator: Emulator, stock: Stock) -> None:
    with Client2021(emulator) as plain:
        stock.result(stock.begin("Mine"))
        older = f"/v1/accounts/{plain.account_id}/sessions"
        bearer = {"Authorization": "Bearer " + plain.token}
        assert [each["sessionId"] for each in plain.send(
            "GET", older, headers=bearer).json()["sessions"]] == ["Mine"]
        made = plain.send("POST", older + "/create", b"{'maxLeaseTime':'0:9:0','size':'big'}",
                          bearer).json()["sessionId"]
    found = stock.get(made)
    assert (found.size, found.lease_time_minutes) == ("Premium", 9)


# -- conversions -------------------------------------------------------------------------------

def test_a_conversion_succeeds_and_its_files_are_there(root: Path, stock: Stock) -> None:
    source, target = (root / "in").as_uri(), (root / "out").as_uri()
    poller = stock.convert("run-7", source, target)
    token = poller.continuation_token()
    done = stock.result(poller)
    assert (done.id, done.status, done.error) == ("run-7", "Succeeded", None)
    assert done.output.asset_uri == target + "/robot.arrAsset"
    assert done.settings.output_settings.output_asset_filename == "robot.arrAsset"
    assert {"robot.arrAsset", "robot.info.json"} <= {
        file.name for file in (root / "out").iterdir()}
    again = stock.wait(stock.client.get_asset_conversion_poller(continuation_token=token))
    assert stock.result(again).status == "Succeeded"
    assert stock.result(stock.convert("run-7", source, target)).created_on == done.created_on
    with error_of(stock, "ResourceExistsError"):
        stock.convert("run-7", source, target, "other.gltf")
    assert [each.id for each in stock.conversions()] == ["run-7"]


@pytest.mark.parametrize("model, code, word", [
    ("broken.gltf", "ConversionProcessFailed", "Invalid input provided"),
    ("gone.gltf", "InputContainerError", "Could not find the asset file in the storage account")])
def test_a_model_that_fails_fails_the_poller_with_a_code(
        root: Path, stock: Stock, model: str, code: str, word: str) -> None:
    poller = stock.convert("a", (root / "in").as_uri(), (root / "out").as_uri(), model)
    with error_of(stock) as caught:
        stock.result(poller)
    assert caught.value.error.code == code and word in caught.value.error.message
    failed = stock.wait(stock.client.get_asset_conversion_poller(conversion_id="a"))
    assert stock.result(failed).status == "Failed"


@pytest.mark.parametrize("kind", [Stock, AioStock], ids=["sync", "aio"])
@pytest.mark.parametrize("cause, code", [
    (refusals.INPUT_ACCESS, "InputContainerAccessDenied"),
    (refusals.OUTPUT_ACCESS, "OutputContainerAccessDenied"),
    (refusals.INTERNAL, "InternalServerError")])
def test_each_code_of_a_failure_is_read(kind: type[Stock], cause: str, code: str) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise refusals.IngestionError("No.", cause=cause)

    with Emulator(ingestion_seconds=0, ingest=refuse) as emulator:
        stock = kind(emulator)
        with error_of(stock) as caught:
            stock.result(stock.convert("a", BLOB + "abc", BLOB + "abc", read="?a", write="?b"))
        assert caught.value.error.code == code
        stock.close()


def test_containers_are_checked_at_once(stock: Stock) -> None:
    with error_of(stock) as caught:
        stock.convert("a", BLOB + "abc", BLOB + "abc")
    assert caught.value.status_code == 403
    assert caught.value.error.code == "DelegatedResourceAccessError"
    assert "storage" in caught.value.error.message and "permissions" in caught.value.error.message
    with error_of(stock) as caught:
        stock.convert("a", BLOB + "foo--bar", BLOB + "abc", read="?a", write="?b")
    assert caught.value.error.code == "ValidationError"
    assert caught.value.error.details
    assert "BlobContainerInvalidHyphens" in caught.value.error.message


@pytest.mark.parametrize("kind", [Stock, AioStock], ids=["sync", "aio"])
def test_more_than_fifty_conversions_come_in_pages(kind: type[Stock]) -> None:
    with Emulator(clock=Clock(), ingest=good_ingest) as emulator, Client2021(emulator) as plain:
        for number in range(120):
            made = plain.call("PUT", f"/conversions/c{number}", {"settings": {
                "inputLocation": {"storageContainerUri": BLOB + "abc",
                                  "storageContainerReadListSas": "?a",
                                  "relativeInputAssetPath": "m.fbx"},
                "outputLocation": {"storageContainerUri": BLOB + "abc",
                                   "storageContainerWriteSas": "?b"}}})
            assert made.status == 201
        stock = kind(emulator)
        assert [each.id for each in stock.conversions()] == [f"c{n}" for n in range(120)]
        stock.close()
        asked = [each for each in emulator.requests() if each["route"] == "list_asset_conversions"]
        assert len(asked) == 3


# -- trouble on the way ------------------------------------------------------------------------

@pytest.mark.parametrize("kind", [Stock, AioStock], ids=["sync", "aio"])
@pytest.mark.parametrize("status, retry_after", [(429, 0), (503, None), (500, None)])
def test_trouble_on_the_way_is_retried(kind: type[Stock], status: int, retry_after: Any) -> None:
    # The machine starts after the second PUT, whose reply would end the poller otherwise.
    with Emulator(startup_seconds=3600) as emulator:
        acted = emulator.add_fault("PUT", "sessions/*", status=status, retry_after=retry_after,
                                   after=True, times=1)
        read = emulator.add_fault("GET", "sessions/*", status=status, retry_after=retry_after,
                                  times=2)
        stock = kind(emulator)
        poller = stock.begin("a")
        emulator.advance(3600)
        assert stock.result(poller).status == "Ready"
        assert (acted.fired, read.fired) == (1, 2)
        assert len(stock.sessions()) == 1
        stock.close()


def test_an_error_that_lasts_keeps_its_status(emulator: Emulator, stock: Stock) -> None:
    for status in (500, 503, 418, 404):
        fault = emulator.add_fault("GET", "sessions/*", status=status)
        with error_of(stock) as caught:
            stock.get("a")
        assert caught.value.status_code == status
        fault.remove()


def test_a_token_that_has_ended_is_401(emulator: Emulator, stock: Stock) -> None:
    assert stock.sessions() == []
    emulator.advance(90_000)
    with error_of(stock) as caught:
        stock.sessions()
    assert caught.value.status_code == 401


# -- https, and a key in place of a token ------------------------------------------------------

@pytest.fixture
def secure(tls_files: Files, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls_files.authority))
    with Emulator(startup_seconds=0.05, certificate=tls_files.certificate,
                  private_key=tls_files.private_key) as emulator:
        yield emulator


def test_over_https_with_a_key(secure: Emulator) -> None:
    stock = with_key(Stock, secure, secure.account_key)
    live(stock, "Demo-1")
    stock.close()
    wrong = with_key(Stock, secure, "bm90LXRoZS1rZXk=")
    with error_of(wrong, "ClientAuthenticationError") as caught:
        wrong.get("a")
    assert "Unauthorized" in str(caught.value)
    wrong.close()


def test_the_sample_with_this_sdk_tells_its_story(tls_files: Files, tmp_path: Path) -> None:
    load(Stock.package)  # tls_files: there is an openssl
    done = subprocess.run(
        [sys.executable, str(ROOT / "samples" / "stock_sdk.py")], cwd=tmp_path, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        ["converted", "Succeeded"], ["session", "robot-show"], ["extended", "20"],
        ["list", "robot-show"], ["stopped", "Stopped"]]


def test_over_https_with_a_key_and_aio(tls_files: Files) -> None:
    load("aiohttp")
    load(AioStock.package)
    done = subprocess.run(
        [sys.executable, "-m", "tests.emulator.judges.aio_life", str(tls_files.certificate),
         str(tls_files.private_key)], cwd=ROOT, timeout=30,
        env={**os.environ, "SSL_CERT_FILE": str(tls_files.authority)}, capture_output=True,
        text=True)
    assert (done.returncode, done.stdout) == (0, "lived\n"), done.stderr
