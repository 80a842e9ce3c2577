"""Conversions of 2020, as the scripts of that year send them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from arr.emulator import Emulator
from arr.emulator._service.storage import Storage
from arr.emulator._web.conversions import names_of

from ...support.emulator import LIMIT, Client, Client2021, Clock, good_ingest

MODEL = Path(__file__).parents[3] / "samples" / "models" / "robot"


def body(**more: Any) -> dict[str, Any]:
    """Return the body that the script of November 2020 writes."""
    return {
        "input": {"storageAccountName": "st", "blobContainerName": "in", "folderPath": "cars/",
                  "inputAssetPath": "robot.gltf", **more.get("source", {})},
        "output": {"storageAccountName": "st", "blobContainerName": "out", "folderPath": "",
                   "outputAssetFileName": "", **more.get("target", {})}}


WITH_SAS = body(source={"containerReadListSas": "?sv=1&sig=SECRET"},
                target={"containerWriteSas": "sv=2&sig=SECRET"})


def test_a_model_of_a_linked_account_is_converted(tmp_path: Path, clock: Clock) -> None:
    shutil.copytree(MODEL, tmp_path / "st" / "in" / "cars")
    (tmp_path / "st" / "in" / "cars" / "ConversionSettings.json").write_text('{"scaling": 2}')
    (tmp_path / "st" / "out").mkdir()
    with Emulator(clock=clock, container_root=tmp_path) as emulator, Client(emulator) as client:
        begun = client.call("POST", "/conversions/create/", body())
        assert begun.status == 200 and list(begun.json()) == ["conversionId"]
        path = "/conversions/" + begun.json()["conversionId"]
        assert client.call("GET", path).json() in (
            {"status": "Created", "error": None}, {"status": "Running", "error": None})
        assert emulator.wait_ingestions(LIMIT)
        clock.advance(1)
        assert client.call("GET", path.upper()).json() == {
            "status": "Success", "error": None, "convertedAsset": {
                "storageAccountName": "st", "blobContainerName": "out",
                "assetFilePath": "robot.arrAsset"}}
        failed = client.call("POST", "/conversion/create", body(source={"folderPath": ""}))
        assert emulator.wait_ingestions(LIMIT)
        clock.advance(1)
        found = client.call("GET", "/conversions/" + failed.json()["conversionId"]).json()
        assert found["status"] == "Failure" and list(found["error"]) == ["message"]
        assert "robot.gltf" in found["error"]["message"]
    info = json.loads((tmp_path / "st" / "out" / "robot.info.json").read_text())
    assert info["conversionSettings"]["scaling"] == 2


def test_a_conversion_with_sas_reaches_the_blobs_of_the_account(clock: Clock) -> None:
    seen: list[tuple[str, ...]] = []

    def ingest(*arguments: str, **keywords: Any) -> Any:
        seen.append((*arguments, keywords["layout"], keywords["input_prefix"]))
        return good_ingest(*arguments, container_root=None, allowed_hosts=(),
                           report=keywords["report"])

    with Emulator(clock=clock, ingest=ingest) as emulator, Client(emulator) as client:
        begun = client.call("POST", "/conversions/createWithSharedAccessSignature", WITH_SAS)
        assert begun.status == 200
        assert emulator.wait_ingestions(LIMIT)
        assert "SECRET" not in json.dumps(emulator.state()) + json.dumps(emulator.requests())
    assert seen == [("robot.gltf", "https://st.blob.core.windows.net/in?sv=1&sig=SECRET",
                     "https://st.blob.core.windows.net/out?sv=2&sig=SECRET", "2020", "cars/")]


def test_names_of_members_have_any_case_and_more_of_them_are_ignored(client: Client) -> None:
    given = {"INPUT": {**{name.lower(): value for name, value in WITH_SAS["input"].items()},
                       "storageAccountname": "st"},
             "output": WITH_SAS["output"], "AdditionalParameter": {"x": 1}}
    assert client.call("POST", "/conversions/createWithSharedAccessSignature", given).status == 200


def test_an_account_that_is_not_linked_is_403(client: Client) -> None:
    answer = client.call("POST", "/conversions/create", body())
    assert answer.status == 403
    assert answer.json()["error"].startswith("Unable to start conversion: ")


@pytest.mark.parametrize("side, name, value", [
    ("source", "storageAccountName", ""), ("source", "storageAccountName", "../x"),
    ("source", "storageAccountName", "st.blob.core.windows.net"),
    ("target", "blobContainerName", None), ("target", "blobContainerName", ".."),
    ("target", "blobContainerName", "a/b"), ("source", "blobContainerName", 5),
    ("source", "inputAssetPath", ""), ("source", "containerReadListSas", ""),
    ("target", "containerWriteSas", None), ("source", "folderPath", 1),
    ("target", "outputAssetFileName", "box.ezArchive"), ("source", "inputAssetPath", "x" * 9000),
])
def test_a_bad_member_is_400_and_named(
        client: Client, side: str, name: str, value: object) -> None:
    given = json.loads(json.dumps(WITH_SAS))
    given["input" if side == "source" else "output"][name] = value
    answer = client.call("POST", "/conversions/createWithSharedAccessSignature", given)
    assert answer.status == 400 and answer.json()["error"].startswith(name)
    assert answer.json()["error"].endswith(" is missing.") is (value in ("", None))


@pytest.mark.parametrize("side, more", [
    ("source", {"folderPath": "../st/in/cars"}),
    ("source", {"inputAssetPath": "../cars/robot.gltf"}),
    ("target", {"folderPath": "../../out"}), ("target", {"folderPath": "/out"})])
def test_no_path_leads_out_of_its_container(
        tmp_path: Path, clock: Clock, side: str, more: dict[str, str]) -> None:
    shutil.copytree(MODEL, tmp_path / "st" / "in" / "cars")
    (tmp_path / "st" / "out").mkdir()
    with Emulator(clock=clock, container_root=tmp_path) as emulator, Client(emulator) as client:
        begun = client.call("POST", "/conversions/create", body(**{side: more})).json()
        assert emulator.wait_ingestions(LIMIT)
        clock.advance(1)
        found = client.call("GET", "/conversions/" + begun["conversionId"]).json()
    assert found["status"] == "Failure", found
    assert not list((tmp_path / "st" / "out").iterdir())


@pytest.mark.parametrize("given", [b"", b"[]", {"input": {}}, {"input": 1, "output": {}}, {}])
def test_a_bad_body_is_400(client: Client, given: object) -> None:
    assert client.call("POST", "/conversions/create", given).status == 400


def test_an_unknown_conversion_is_404(client: Client) -> None:
    answer = client.call("GET", "/conversions/11111111-2222-4333-8444-555555555555")
    assert answer.status == 404 and isinstance(answer.json()["error"], str)


def test_a_list_has_pages_of_fifty_and_a_token_for_the_next(
        client: Client, newer: Client2021, emulator: Emulator, clock: Clock) -> None:
    made = [client.call("POST", "/conversions/createWithSharedAccessSignature",
                        WITH_SAS).json()["conversionId"] for _ in range(50)]
    assert client.call("GET", "/conversions").json()["nextLink"] is None
    made.append(client.call("POST", "/conversions/createWithSharedAccessSignature",
                            WITH_SAS).json()["conversionId"])
    assert emulator.wait_ingestions(LIMIT)
    clock.advance(1)
    first = client.call("GET", "/conversions").json()
    assert list(first) == ["conversions", "nextLink"]
    assert list(first["conversions"][0]) == ["conversionId", "status", "error", "convertedAsset"]
    second = client.call("GET", "/conversions?skiptoken=" + first["nextLink"]).json()
    assert second["nextLink"] is None
    assert [each["conversionId"] for each in first["conversions"] + second["conversions"]] == made
    assert client.call("GET", "/conversions?skiptoken=x").status == 400
    shown = newer.call("GET", "/conversions/" + made[0]).json()
    assert shown["output"] == {
        "outputAssetUri": "https://st.blob.core.windows.net/out/robot.arrAsset"}
    assert shown["settings"]["inputLocation"]["blobPrefix"] == "cars/"


def test_a_conversion_of_2021_is_seen_in_2020(
        client: Client, newer: Client2021, emulator: Emulator, clock: Clock) -> None:
    newer.call("PUT", "/conversions/Mine", {"settings": {
        "inputLocation": {"storageContainerUri": "https://st.blob.core.windows.net/in-put",
                          "storageContainerReadListSas": "?a", "relativeInputAssetPath": "a/b.fbx"},
        "outputLocation": {"storageContainerUri": "https://st.blob.core.windows.net/out",
                           "storageContainerWriteSas": "?b", "blobPrefix": "x"}}})
    assert emulator.wait_ingestions(LIMIT)
    clock.advance(1)
    assert client.call("GET", "/conversions/Mine").json()["convertedAsset"] == {
        "storageAccountName": "st", "blobContainerName": "out", "assetFilePath": "x/b.arrAsset"}
    assert client.call("GET", "/conversions/mine").status == 404


def test_a_session_of_the_scripts_has_all_their_members(client: Client, clock: Clock) -> None:
    made = client.call("POST", "/sessions/create/", {"maxLeaseTime": "4:0:0", "size": "standard",
                                                     "models": []})
    clock.advance(3)
    found = client.call("GET", f"/sessions/{made.json()['sessionId']}/properties/").json()
    assert found["sessionSize"] == "standard" and found["sessionStatus"] == "Ready"
    assert set(found["connectionProperties"]) == {"arrInspectorPort", "handshakePort"}
    listed = client.call("GET", "/sessions/").json()["sessions"][0]
    assert set(listed) >= {"message", "sessionElapsedTime", "sessionHostname", "sessionId",
                           "sessionMaxLeaseTime", "sessionSize", "sessionStatus"}


# -- where the containers of an account lie ----------------------------------------------------

def test_a_rule_says_where_the_containers_lie(tmp_path: Path) -> None:
    root = tmp_path / "a {account} b"
    assert Storage(None, None).url("st", "c") == "https://st.blob.core.windows.net/c"
    assert Storage(None, root).url("st", "c") == root.as_uri() + "/st/c"
    assert Storage("http://127.0.0.1:10000/{account}/{container}", root).url("st", "c") == (
        "http://127.0.0.1:10000/st/c")
    assert Storage("FILE:///srv/{account}/{container}", None).url("st", "c") == "file:///srv/st/c"


@pytest.mark.parametrize("rule", [
    "", "http://a/{account}", "http://a/{container}", "ftp://a/{account}/{container}",
    "http://a/{account}/{account}/{container}", "{account}/{container}"])
def test_a_rule_without_places_is_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="{account}"):
        Emulator(storage_url=rule)
    with pytest.raises(TypeError, match="storage_url must be a str"):
        Emulator(storage_url=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("url, names", [
    ("https://st.blob.core.windows.net/out?sig=x", ("st", "out")),
    ("https://st.blob.core.windows.net/out/", ("st", "out")),
    ("http://127.0.0.1:10000/devstoreaccount1/out", ("devstoreaccount1", "out")),
    ("http://localhost:10000/devstoreaccount1/out", ("devstoreaccount1", "out")),
    ("http://[::1]:10000/devstoreaccount1/out", ("devstoreaccount1", "out")),
    ("file:///root/st/out", ("st", "out")), ("file:///out", ("", "out"))])
def test_the_names_of_a_container_are_read_from_its_url(url: str, names: tuple[str, str]) -> None:
    assert names_of(url) == names
