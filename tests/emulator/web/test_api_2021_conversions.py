"""Conversions of api-version 2021-01-01."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from threading import Event
from typing import Any, Iterator, Optional

import pytest

from arr.emulator import Emulator
from arr.emulator._ingestion import refusals
from arr.emulator._service.ingestions import Work
from arr.emulator._web.conversions import Place

from ...support.emulator import LIMIT, Client, Client2021, Clock, good_ingest
from ...support.threads import fast_switching, together

MODEL = Path(__file__).parents[3] / "samples" / "models" / "robot"
BLOB = "https://st.blob.core.windows.net/"


def settings(source: str, target: str, model: str = "robot.gltf", *, read: str = "",
             write: str = "", **more: Optional[str]) -> dict[str, Any]:
    """Return the body of a PUT; ``more`` are members of either location."""
    into = {name: value for name, value in more.items() if name.startswith("output")}
    return {"settings": {
        "inputLocation": {
            "storageContainerUri": source, "relativeInputAssetPath": model,
            **({"storageContainerReadListSas": read} if read else {}),
            **({"blobPrefix": more["folder"]} if "folder" in more else {})},
        "outputLocation": {
            "storageContainerUri": target,
            **({"storageContainerWriteSas": write} if write else {}),
            **({"blobPrefix": more["target_folder"]} if "target_folder" in more else {}),
            **into}}}


BLOBS = settings(BLOB + "in-put", BLOB + "out", "red/box.fbx", read="?sv=1&sig=SECRET",
                 write="?sv=2&sig=SECRET")


def refused(answer: Any, status: int, code: str) -> str:
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (status, code), answer.body
    return str(error["message"])


class Refusing:
    """A pipeline that fails with a cause."""

    def __init__(self, cause: str) -> None:
        self.cause = cause

    def __call__(self, *_: Any, **__: Any) -> Any:
        if not self.cause:
            raise RuntimeError("SECRET")
        raise refusals.IngestionError("It does not fit.", cause=self.cause)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    shutil.copytree(MODEL, tmp_path / "in" / "cars")
    (tmp_path / "out").mkdir()
    return tmp_path


@pytest.fixture
def local(root: Path, clock: Clock) -> Iterator[Emulator]:
    with Emulator(clock=clock, container_root=root) as emulator:
        yield emulator


def test_a_conversion_goes_through_its_life(clock: Clock) -> None:
    begin, begun = Event(), Event()

    def held(*arguments: Any, **keywords: Any) -> Any:
        begun.set()
        assert begin.wait(LIMIT)
        return good_ingest(*arguments, container_root=None, allowed_hosts=(),
                           report=keywords["report"])

    with Emulator(clock=clock, ingest=held) as emulator, Client2021(emulator) as newer:
        made = newer.call("PUT", "/conversions/run-7", BLOBS)
        expected = {
            "id": "run-7", "creationTime": "2019-12-10T17:46:40Z",
            "settings": {
                "inputLocation": {"storageContainerUri": BLOB + "in-put",
                                  "relativeInputAssetPath": "red/box.fbx"},
                "outputLocation": {"storageContainerUri": BLOB + "out",
                                   "outputAssetFilename": "box.arrAsset"}},
            "error": None, "status": "NotStarted"}
        assert made.status == 201 and made.json() == expected
        assert list(made.json()) == list(expected)
        assert "Cache-Control" not in made.headers
        assert begun.wait(LIMIT)
        running = newer.call("GET", "/conversions/run-7")
        assert running.json() == {**expected, "status": "Running"}
        assert running.headers["Cache-Control"] == "no-store, no-cache"
        begin.set()
        assert emulator.wait_ingestions(LIMIT)
        assert newer.call("GET", "/conversions/run-7").json()["status"] == "Running"
        clock.advance(1)
        done = newer.call("GET", "/conversions/run-7").json()
        assert done == {**expected, "status": "Succeeded",
                        "output": {"outputAssetUri": BLOB + "out/box.arrAsset"}}
        assert list(done)[-3:] == ["output", "error", "status"]
        assert "SECRET" not in json.dumps(emulator.state()) + json.dumps(emulator.requests())


def test_a_model_in_directories_is_converted_with_its_files(
        root: Path, local: Emulator, clock: Clock) -> None:
    body = settings((root / "in").as_uri(), (root / "out").as_uri(), folder="cars",
                    target_folder="done/", outputAssetFilename="bot.arrAsset")
    with Client2021(local) as newer:
        made = newer.call("PUT", "/conversions/a", body).json()["settings"]
        assert made["inputLocation"]["blobPrefix"] == "cars/"
        assert made["outputLocation"]["blobPrefix"] == "done/"
        assert local.wait_ingestions(LIMIT)
        clock.advance(1)
        done = newer.call("GET", "/conversions/a").json()
    assert done["status"] == "Succeeded" and done["error"] is None
    assert done["output"]["outputAssetUri"] == (root / "out").as_uri() + "/done/bot.arrAsset"
    assert sorted(file.name for file in (root / "out" / "done").iterdir()) == [
        "bot.arrAsset", "robot.info.json"]


def test_a_broken_model_fails_and_says_why_beside_the_output(
        root: Path, local: Emulator, clock: Clock) -> None:
    (root / "in" / "broken.gltf").write_text("{}")
    with Client2021(local) as newer:
        for name, code in (("broken", "ConversionProcessFailed"), ("gone", "InputContainerError")):
            newer.call("PUT", "/conversions/" + name, settings(
                (root / "in").as_uri(), (root / "out").as_uri(), name + ".gltf"))
            assert local.wait_ingestions(LIMIT)
            clock.advance(1)
            failed = newer.call("GET", "/conversions/" + name).json()
            assert failed["status"] == "Failed" and "output" not in failed
            assert failed["error"]["code"] == code
    assert "Could not find the asset file in the storage account" in failed["error"]["message"]
    report = json.loads((root / "out" / "broken.result.json").read_text())
    assert (report["error"], report["title"]) == ("2007", "The input asset is not valid.")


@pytest.mark.parametrize("cause, code", [
    (refusals.MODEL, "ConversionProcessFailed"), (refusals.ASSET, "InputContainerError"),
    (refusals.INPUT_ACCESS, "InputContainerAccessDenied"),
    (refusals.OUTPUT_ACCESS, "OutputContainerAccessDenied"),
    (refusals.INPUT, "InputContainerError"), (refusals.OUTPUT, "OutputContainerError"),
    (refusals.INTERNAL, "InternalServerError"), ("", "InternalServerError")])
def test_each_failure_has_its_code(clock: Clock, cause: str, code: str) -> None:
    with Emulator(clock=clock, ingest=Refusing(cause)) as emulator, Client2021(emulator) as newer:
        newer.call("PUT", "/conversions/a", BLOBS)
        assert emulator.wait_ingestions(LIMIT)
        clock.advance(1)
        failed = newer.call("GET", "/conversions/a").json()
        assert failed["status"] == "Failed" and failed["error"]["code"] == code
        assert list(failed["error"]) == ["code", "message"]
        assert "SECRET" not in failed["error"]["message"]


def test_the_same_again_is_the_same_conversion_and_another_is_a_conflict(
        emulator: Emulator, newer: Client2021, clock: Clock) -> None:
    assert newer.call("PUT", "/conversions/a", BLOBS).status == 201
    assert emulator.wait_ingestions(LIMIT)
    clock.advance(1)
    fresh = settings(BLOB + "in-put/", BLOB + "out", "red/box.fbx", read="?sv=8", write="sv=9",
                     outputAssetFilename="box.arrAsset")
    again = newer.call("PUT", "/conversions/a", fresh)
    assert (again.status, again.json()["status"]) == (200, "Succeeded")
    assert len(emulator.state()["ingestions"]) == 1
    for other in (settings(BLOB + "in-put", BLOB + "out", "red/box.glb", read="?a", write="?b"),
                  settings(BLOB + "in-put", BLOB + "out", "red/box.fbx", read="?a", write="?b",
                           folder="x")):
        refused(newer.call("PUT", "/conversions/a", other), 409, "Conflict")
    assert newer.call("PUT", "/conversions/A", BLOBS).status == 201
    clock.advance(30 * 86_400 + 1)
    newer.forget_token()
    assert newer.call("GET", "/conversions/a").status == 404
    assert newer.call("GET", "/conversions").json()["conversions"] == []
    assert newer.call("PUT", "/conversions/a", BLOBS).status == 201


def test_a_container_without_sas_is_403(newer: Client2021) -> None:
    for body in (settings(BLOB + "in-put", BLOB + "out", read="?sv=1"),
                 settings(BLOB + "in-put", BLOB + "out", write="?sv=1"),
                 settings(BLOB + "in-put", BLOB + "out")):
        text = refused(newer.call("PUT", "/conversions/a", body), 403,
                       "DelegatedResourceAccessError")
        assert "storage" in text and "permissions" in text
    assert newer.call("GET", "/conversions").json() == {"conversions": [], "@nextLink": None}


@pytest.mark.parametrize("url, codes", [
    (BLOB + "ab", ["BlobContainerInvalidLength"]), (BLOB, ["StorageContainerUriInvalid"]),
    (BLOB + "x" * 64, ["BlobContainerInvalidLength"]),
    (BLOB + "Upper", ["BlobContainerInvalidCharacters"]),
    (BLOB + "a--b", ["BlobContainerInvalidHyphens"]),
    (BLOB + "-abc", ["BlobContainerInvalidHyphens"]),
    (BLOB + "abc-", ["BlobContainerInvalidHyphens"]),
    (BLOB + "_-", ["BlobContainerInvalidLength", "BlobContainerInvalidCharacters",
                   "BlobContainerInvalidHyphens"]),
    ("arrinput", ["StorageContainerUriInvalid"]), (BLOB[:-1], ["StorageContainerUriInvalid"]),
    (BLOB + "abc?sv=1", ["StorageContainerUriInvalid"]),
    ("https://a:b@c/abc", ["StorageContainerUriInvalid"]),
    ("ftp://a/abc", ["StorageContainerUriInvalid"]),
])
@pytest.mark.parametrize("where", ["inputLocation", "outputLocation"])
def test_a_bad_container_is_400_with_errors_in_errors(
        newer: Client2021, url: str, codes: list[str], where: str) -> None:
    body = settings(BLOB + "in-put", BLOB + "out", read="?a", write="?b")
    body["settings"][where]["storageContainerUri"] = url
    answer = newer.call("PUT", "/conversions/a", body)
    message = refused(answer, 400, "ValidationError")
    assert message.startswith("Input validation failed at 'settings' property.")
    found, targets = answer.json()["error"], []
    while "details" in found and len(found["details"]) == 1 and "target" in found["details"][0]:
        found = found["details"][0]
        targets.append(found["target"])
    assert targets == [where, "storageContainerUri", "BlobContainerName"]
    assert [each["code"] for each in found["details"]] == codes
    assert all(code in message for code in codes)


@pytest.mark.parametrize("path, value", [
    (("settings",), None), (("settings",), []), (("settings", "inputLocation"), None),
    (("settings", "outputLocation"), "x"),
    (("settings", "inputLocation", "storageContainerUri"), 1),
    (("settings", "inputLocation", "storageContainerUri"), None),
    (("settings", "outputLocation", "storageContainerUri"), ""),
    (("settings", "inputLocation", "relativeInputAssetPath"), None),
    (("settings", "inputLocation", "relativeInputAssetPath"), "x" * 9000),
    (("settings", "inputLocation", "relativeInputAssetPath"), "a\nb"),
    (("settings", "inputLocation", "blobPrefix"), 3),
    (("settings", "inputLocation", "storageContainerReadListSas"), ["?sv"]),
    (("settings", "outputLocation", "outputAssetFilename"), "box.ezArchive"),
    (("settings", "outputLocation", "outputAssetFilename"), ".arrAsset"),
    (("settings", "outputLocation", "outputAssetFilename"), "a/b.arrAsset"),
])
def test_a_bad_member_is_400_and_named(
        newer: Client2021, path: tuple[str, ...], value: object) -> None:
    body = json.loads(json.dumps(BLOBS))
    found = body
    for name in path[:-1]:
        found = found[name]
    found[path[-1]] = value
    message = refused(newer.call("PUT", "/conversions/a", body), 400, "BadRequest")
    assert message.startswith(path[-1])
    assert message.endswith(" is missing.") is (value in ("", None))
    assert newer.call("GET", "/conversions").json()["conversions"] == []


def test_an_absent_member_may_be_null_too(newer: Client2021) -> None:
    body = json.loads(json.dumps(BLOBS))
    body["settings"]["inputLocation"]["blobPrefix"] = None
    body["settings"]["outputLocation"]["outputAssetFilename"] = None
    assert newer.call("PUT", "/conversions/a", body).status == 201


def test_the_longest_texts_are_good(newer: Client2021) -> None:
    for length, status in ((8192, 201), (8193, 400)):
        body = settings(BLOB + "abc", BLOB + "x" * 63, "m" * length, read="?a", write="?b")
        assert newer.call("PUT", "/conversions/a", body).status == status
    assert newer.call("GET", "/conversions?api-version=2021-01-01&skiptoken="
                      + "9" * 18).json()["conversions"] == []


def test_a_bad_or_unknown_id_is_refused(newer: Client2021) -> None:
    refused(newer.call("PUT", "/conversions/a.b", BLOBS), 400, "BadRequest")
    refused(newer.call("GET", "/conversions/a.b"), 400, "BadRequest")
    refused(newer.call("GET", "/conversions/a"), 404, "NotFound")
    refused(newer.call("GET", "/conversions/a?x=1"), 400, "ApiVersionUnspecified")
    refused(newer.call("DELETE", "/conversions/a"), 405, "MethodNotAllowed")


def test_more_than_fifty_come_in_pages_that_a_link_leads_to(
        emulator: Emulator, newer: Client2021, clock: Clock) -> None:
    emulator.add_account("other", "key")
    with Client2021(emulator, "other", "key") as other:
        for number in range(101):
            clock.advance(0.25)
            newer.call("PUT", f"/conversions/c{number}", BLOBS)
            if number % 10 == 0:
                other.call("PUT", f"/conversions/c{number}", BLOBS)
        assert len(other.call("GET", "/conversions").json()["conversions"]) == 11
    found, link, pages = [], "/conversions?api-version=2021-01-01-preview", 0
    while link:
        answer = newer.call("GET", link)
        assert "Cache-Control" not in answer.headers
        page = answer.json()
        assert list(page) == ["conversions", "@nextLink"]
        found += page["conversions"]
        pages += 1
        link = page["@nextLink"]
        if link:
            base = emulator.url + newer.prefix
            assert link.startswith(base + "/conversions?api-version=2021-01-01-preview&skiptoken=")
            link = link[len(base):]
    assert pages == 3 and [each["id"] for each in found] == [f"c{n}" for n in range(101)]
    times = [each["creationTime"] for each in found]
    assert len(set(times)) == 101


@pytest.mark.parametrize("token", ["", "x", "-1", "1.5", "9" * 19, "%C2%B2"])
def test_a_forged_skiptoken_is_400(newer: Client2021, token: str) -> None:
    answer = newer.call("GET", "/conversions?api-version=2021-01-01&skiptoken=" + token)
    if token:
        refused(answer, 400, "BadRequest")
    else:
        assert answer.status == 200


# -- eras in one service -----------------------------------------------------------------------

def test_a_model_of_2019_is_a_conversion_of_2021(
        emulator: Emulator, client: Client, newer: Client2021, clock: Clock) -> None:
    model_id = client.call("POST", "/models/create", {
        "modelName": "cars/box.fbx",
        "modelUrl": BLOB.replace("//", "//user:SECRET@") + "in-put?sig=SECRET",
        "assetContainerUrl": BLOB + "out?sig=SECRET"}).json()["modelId"]
    assert emulator.wait_ingestions(LIMIT)
    clock.advance(1)
    found = newer.call("GET", "/conversions/" + model_id.upper()).json()
    assert (found["id"], found["status"]) == (model_id, "Succeeded")
    assert found["settings"]["inputLocation"] == {
        "storageContainerUri": BLOB + "in-put", "relativeInputAssetPath": "cars/box.fbx"}
    assert found["output"] == {"outputAssetUri": BLOB + "out/box.ezArchive"}
    assert newer.call("GET", "/conversions").json()["conversions"] == [found]


def test_no_repr_has_a_sas() -> None:
    assert "SECRET" not in repr(Place("https://a/b", "sig=SECRET", ""))
    work = Work("m", "https://a/b?sig=SECRET", "https://a/c?sig=SECRET")
    assert "SECRET" not in repr(work) and "m" in repr(work)


def test_a_conversion_of_2021_is_a_model_of_2019(
        emulator: Emulator, client: Client, newer: Client2021, clock: Clock) -> None:
    newer.call("PUT", "/conversions/Mine", BLOBS)
    assert client.call("GET", "/models/Mine/status").json() == {"status": "Running"}
    assert client.call("GET", "/models/mine/status").status == 404
    assert emulator.wait_ingestions(LIMIT)
    clock.advance(1)
    assert client.call("GET", "/models/Mine/status").json() == {"status": "Success"}


def test_of_many_puts_at_once_one_creates(emulator: Emulator) -> None:
    """The look for the id and the new entry are one step under the state's lock."""
    answers: list[tuple[str, int]] = []
    clients = [Client2021(emulator) for _ in range(8)]
    for client in clients:
        client.token  # asked for before, so that what races is the PUT

    def put(index: int) -> None:
        for path, body in (("/sessions/a", {"maxLeaseTimeMinutes": 1, "size": "Premium"}),
                           ("/conversions/a", BLOBS)):
            answers.append((path, clients[index].call("PUT", path, body).status))

    with fast_switching():
        together(len(clients), put)
    for client in clients:
        client.connection.close()
    for path in ("/sessions/a", "/conversions/a"):
        assert sorted(status for each, status in answers if each == path) == [200] * 7 + [201]
    state = emulator.state()
    assert len(state["sessions"]) == len(state["ingestions"]) == 1
