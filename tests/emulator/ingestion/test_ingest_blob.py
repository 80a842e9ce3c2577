"""Blob containers against a storage that fails, lies or is hostile."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from typing import Callable, Iterator, List

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from arr.emulator._ingestion.containers import blob as _blob
from arr.emulator._ingestion.containers import blob_requests as _blob_http
from arr.emulator._ingestion.containers.blob import BlobContainer
from arr.emulator._ingestion.containers.folder import FolderContainer
from arr.emulator._ingestion.containers.blob_listing import read_page
from arr.emulator._ingestion.refusals import IngestionError, MissingFile

from ...support.blob_storage import HOSTS, SAS, Storage, blob, status


@pytest.fixture
def storage(httpserver: HTTPServer) -> Iterator[Storage]:
    yield Storage(httpserver)


def read(container: BlobContainer, limit: int = 1 << 20) -> bytes:
    return b"".join(container.chunks("m", limit))


# -- retries ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_a_passing_fault_is_tried_again_with_growing_pauses(storage: Storage, code: int) -> None:
    assert read(storage.answers(status(code), status(code), blob(b"data"))) == b"data"
    assert storage.slept == [0.5, 1.0]


def test_a_lasting_fault_ends_after_four_tries(storage: Storage) -> None:
    with pytest.raises(IngestionError, match=r"refused to read .*\(status 503, ServerBusy\)"):
        read(storage.answers(status(503, "ServerBusy")))
    assert len(storage.requests) == 4


def test_an_unreachable_host_is_named_after_four_tries() -> None:
    slept: List[float] = []
    container = BlobContainer(f"http://127.0.0.1:9/container?{SAS}", "modelUrl", HOSTS,
                              sleep=slept.append)
    with pytest.raises(IngestionError, match="127.0.0.1 cannot be reached, in 4 tries") as caught:
        container.names(1)
    assert slept == [0.5, 1.0, 2.0] and "TopSecret" not in str(caught.value)


def test_a_broken_transfer_is_taken_up_where_it_broke(storage: Storage) -> None:
    container = storage.answers(
        blob(b"0123456789", send=4), blob(b"456789", code=206, send=3), blob(b"789", code=206))
    assert read(container) == b"0123456789"
    assert [request.headers.get("Range") for request in storage.requests] == [
        None, "bytes=4-", "bytes=7-"]
    assert storage.requests[1].headers["If-Match"] == '"1"'


@pytest.mark.parametrize("second", [
    blob(b"456789", code=206, tag="2"), blob(b"4567890", code=206), blob(b"0123456789"),
    status(412, "ConditionNotMet")])
def test_a_blob_that_changes_between_two_tries_is_refused(
        storage: Storage, second: Callable[[Request], Response]) -> None:
    with pytest.raises(IngestionError, match="was changed while it was read"):
        read(storage.answers(blob(b"0123456789", send=4), second))


def test_a_transfer_that_breaks_again_and_again_is_given_up(storage: Storage) -> None:
    with pytest.raises(IngestionError, match="broke 4 times in a row"):
        read(storage.answers(blob(b"0123456789", send=0)))


def test_a_storage_that_drips_is_given_up_at_the_deadline(storage: Storage) -> None:
    def late(request: Request) -> Response:
        storage.now += 1000
        return blob(b"0123456789", send=2)(request)

    def later(request: Request) -> Response:
        storage.now += 1000
        return blob(b"23456789", code=206, send=2)(request)

    with pytest.raises(IngestionError, match="too slow: 30 minutes"):
        read(storage.answers(late, later))


# -- reasons ---------------------------------------------------------------------------------


@pytest.mark.parametrize("code, error, reason", [
    (403, "AuthenticationFailed", "the signature of the SAS is wrong"),
    (403, "AuthorizationPermissionMismatch", "the SAS gives no read permission"),
    (403, "AuthorizationProtocolMismatch", "the SAS allows https only"),
    (403, "AuthorizationSourceIPMismatch", "not for the address of this machine"),
    (403, "Novel", "does not accept the SAS"),
    (404, "ContainerNotFound", "Container not found: the container of modelUrl"),
    (400, "InvalidUri", "status 400, InvalidUri"),
    (400, "", r"The storage refused to read in the container .* \(status 400\)"),
    (300, "", "redirect"), (302, "", "redirect"), (307, "", "redirect"), (399, "", "redirect"),
])
def test_a_refusal_says_why(storage: Storage, code: int, error: str, reason: str) -> None:
    with pytest.raises(IngestionError, match=reason) as caught:
        read(storage.answers(status(code, error)))
    assert len(storage.requests) == 1 and "TopSecret" not in str(caught.value)


def test_a_redirect_is_not_followed(storage: Storage) -> None:
    def redirect(request: Request) -> Response:
        return Response(b"", 302, {"Location": request.url.replace("/m?", "?")})

    with pytest.raises(IngestionError, match="A redirect from"):
        read(storage.answers(redirect, blob(b"elsewhere")))
    assert len(storage.requests) == 1


@pytest.mark.parametrize("permissions", ["", "l", "wl"])
def test_a_sas_that_does_not_let_read_says_so(storage: Storage, permissions: str) -> None:
    with pytest.raises(IngestionError, match="the SAS gives no read permission"):
        read(storage.answers(status(403, "AuthenticationFailed"), sas=f"sp={permissions}&sig=x"))


def test_expiry_by_the_clock_of_the_storage_is_told(storage: Storage) -> None:
    body = (b"<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>Signature not "
            b"valid in the specified time frame</AuthenticationErrorDetail></Error>")
    with pytest.raises(IngestionError, match="expired, or is not valid yet"):
        read(storage.answers(status(403, body=body)))


def test_a_missing_blob_is_told_apart(storage: Storage) -> None:
    with pytest.raises(MissingFile):
        read(storage.answers(status(404, "BlobNotFound")))


def test_an_error_code_of_the_storage_is_shown_only_when_it_is_a_word(storage: Storage) -> None:
    with pytest.raises(IngestionError) as caught:
        read(storage.answers(status(400, "<script>")))
    assert "script" not in str(caught.value)


def test_an_endless_error_text_is_cut(storage: Storage) -> None:
    with pytest.raises(IngestionError, match="status 400"):
        read(storage.answers(status(400, body=bytes(1 << 21))))


def test_an_answer_without_a_length_is_refused(storage: Storage) -> None:
    def answer(request: Request) -> Response:
        return Response(iter([b"data"]), 200, {"ETag": '"1"'})

    with pytest.raises(IngestionError, match="no length or no ETag"):
        read(storage.answers(answer))


def test_an_encoding_of_the_storage_is_left_alone(storage: Storage) -> None:
    def answer(request: Request) -> Response:
        return Response(b"data", 200, {"ETag": '"1"', "Content-Encoding": "gzip"})

    assert read(storage.answers(answer)) == b"data"


def test_a_list_that_is_cut_short_is_refused(storage: Storage) -> None:
    with pytest.raises(IngestionError, match="was cut short"):
        storage.answers(blob(page("<a/>"), send=9)).names(10)


def test_a_blob_above_the_limit_is_not_read(storage: Storage) -> None:
    with pytest.raises(IngestionError, match="too large"):
        read(storage.answers(blob(bytes(100))), limit=99)
    assert read(storage.answers(blob(bytes(100))), limit=100) == bytes(100)


def test_a_write_that_is_not_confirmed_is_an_error(storage: Storage) -> None:
    with pytest.raises(IngestionError, match="the status 200, not 201"):
        storage.answers(status(200)).write("m", io.BytesIO(b"x"), 1)


# -- writing ---------------------------------------------------------------------------------


def test_a_small_blob_is_one_request(storage: Storage) -> None:
    storage.answers(status(201)).write("m", io.BytesIO(b"data"), 4)
    assert storage.bodies == [b"data"]
    assert storage.requests[0].headers["x-ms-blob-type"] == "BlockBlob"
    assert storage.requests[0].headers["x-ms-version"] == "2019-12-12"


def test_a_blob_of_the_size_of_a_block_is_one_request(
        storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blob, "BLOCK", 4)
    storage.answers(status(201)).write("m", io.BytesIO(b"data"), 4)
    assert storage.bodies == [b"data"]


def test_a_large_blob_is_put_block_by_block(
        storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blob, "BLOCK", 4)
    storage.answers(status(201)).write("m", io.BytesIO(b"0123456789"), 10)
    assert storage.bodies[:3] == [b"0123", b"4567", b"89"]
    ids = [request.args["blockid"] for request in storage.requests[:3]]
    assert len(set(ids)) == 3 and len({len(id) for id in ids}) == 1
    listed = "".join(f"<Latest>{id}</Latest>" for id in ids)
    assert f"<BlockList>{listed}</BlockList>".encode() in storage.bodies[3]


def test_a_block_is_sent_again_whole(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blob, "BLOCK", 4)
    storage.answers(status(201), status(500), status(201)).write("m", io.BytesIO(b"012345"), 6)
    assert storage.bodies[:3] == [b"0123", b"45", b"45"]


# -- secrets and surroundings ----------------------------------------------------------------


def test_netrc_and_proxies_of_the_environment_do_not_reach_loopback(
        storage: Storage, monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as file:
        file.write("machine 127.0.0.1 login user password secret\n")
    monkeypatch.setenv("NETRC", netrc)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert read(storage.answers(blob(b"data"))) == b"data"
    assert "Authorization" not in storage.requests[0].headers


def test_cookies_are_not_kept(storage: Storage) -> None:
    def answer(request: Request) -> Response:
        return Response(b"", 201, {"Set-Cookie": "a=b; Path=/"})

    container = storage.answers(answer)
    container.write("m", io.BytesIO(b"x"), 1)
    container.write("m", io.BytesIO(b"x"), 1)
    assert "Cookie" not in storage.requests[1].headers


def test_no_signature_is_logged(storage: Storage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    read(storage.answers(status(500), blob(b"data")))
    # The test's own server logs as well; it is not the one to keep the secret.
    text = "".join(record.getMessage() for record in caplog.records
                   if not record.name.startswith("werkzeug"))
    assert "GET /account/container/m?" in text and "TopSecret" not in text


def test_no_signature_is_in_a_repr(storage: Storage) -> None:
    container = storage.answers(status(500))
    assert "TopSecret" not in repr(container) + repr(container._url) + str(container._url)


def test_requests_is_imported_for_blobs_only() -> None:
    code = ("import sys, arr.emulator._ingestion.pipeline; assert 'requests' not in sys.modules; "
            "import arr.emulator._ingestion.containers.blob; assert 'requests' in sys.modules")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr.decode()


# -- lists -----------------------------------------------------------------------------------


def page(body: str) -> bytes:
    return f'<?xml version="1.0" encoding="utf-8"?>{body}'.encode()


def test_names_and_the_marker_are_read_from_a_page() -> None:
    found = read_page(b"\xef\xbb\xbf" + page(
        "<EnumerationResults><Blobs><Blob><Name>a&amp;b</Name><Properties><Name>no</Name>"
        '</Properties></Blob><Blob><Name Encoded="true">%EF%BF%BE</Name></Blob></Blobs>'
        "<NextMarker>next</NextMarker></EnumerationResults>"))
    assert found == (["a&b", "\ufffe"], "next")


@pytest.mark.parametrize("data, reason", [
    (page('<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>'), "declarations"),
    (page('<!DOCTYPE x SYSTEM "file:///etc/passwd"><x/>'), "declarations"),
    ('<!DOCTYPE x><x/>'.encode("utf-16"), "not valid XML"),
    (page("<a>"), "not valid XML"), (b"", "not valid XML"), (b"\xff", "not valid XML"),
    (page("<a>&b;</a>"), "not valid XML"),
])
def test_a_hostile_list_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(IngestionError, match=reason):
        read_page(data)


def test_deeply_nested_lists_are_survived() -> None:
    assert read_page(page("<a>" * 100000 + "</a>" * 100000)).names == []


def test_a_list_above_the_limit_is_refused(
        storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blob, "_MAX_PAGE_BYTES", 1000)
    with pytest.raises(IngestionError, match="larger than 1,000 bytes"):
        storage.answers(status(200, body=bytes(2000))).names(10)


def test_a_list_may_be_as_large_as_the_limit(
        storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    body = page("<a/>")
    monkeypatch.setattr(_blob, "_MAX_PAGE_BYTES", len(body))
    assert storage.answers(status(200, body=body)).names(10) == []


def test_a_list_that_never_ends_is_left(storage: Storage) -> None:
    body = page("<EnumerationResults><NextMarker>again</NextMarker></EnumerationResults>")
    assert storage.answers(status(200, body=body)).names(10) == []
    assert len(storage.requests) == 100


def test_the_log_filter_leaves_other_records_alone() -> None:
    record = logging.LogRecord("x", 10, "f", 1, "%s %d", ("text", 3), None)
    _blob_http._HideSignatures().filter(record)
    assert record.args == ("text", 3)


def test_the_marker_of_a_page_may_stand_anywhere_in_it() -> None:
    found = read_page(b"<EnumerationResults><NextMarker>next</NextMarker><Blobs><Blob>"
                      b"<Name>a</Name></Blob></Blobs><Prefix>a</Prefix></EnumerationResults>")
    assert (found.names, found.marker) == (["a"], "next")


def test_only_what_begins_with_a_prefix_is_listed(storage: Storage) -> None:
    page = (b"<EnumerationResults><Blobs><Blob><Name>a b/m</Name></Blob></Blobs><NextMarker/>"
            b"</EnumerationResults>")
    box = storage.answers(lambda request: Response(page, 200))
    assert box.names(10, "a b/") == ["a b/m"]
    assert storage.requests[0].args["prefix"] == "a b/"
    assert FolderContainer(box, "a b", "modelUrl").names(10) == ["m"]
