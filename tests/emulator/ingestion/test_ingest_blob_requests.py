"""Requests to a blob container: what they carry, when they are given up, what refusals say."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, Callable, Dict, Iterator, List

import pytest
import requests
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from arr.emulator._ingestion.containers import blob as _blob
from arr.emulator._ingestion.containers.blob import BlobContainer
from arr.emulator._ingestion.containers.blob_requests import Reply
from arr.emulator._ingestion.refusals import IngestionError, MissingFile, NoAccess

from ...support.blob_storage import HOSTS, SAS, Storage, blob, status


@pytest.fixture
def storage(httpserver: HTTPServer) -> Iterator[Storage]:
    yield Storage(httpserver)


def read(container: BlobContainer, limit: int = 1 << 20) -> bytes:
    return b"".join(container.chunks("m", limit))


def lists(container: BlobContainer) -> object:
    return container.names(10)


def writes(container: BlobContainer) -> None:
    container.write("m", io.BytesIO(b"x"), 1)


ACTS: Dict[str, Callable[[BlobContainer], object]] = {
    "list": lists, "read": read, "write": writes}


def refusal(act: Callable[[BlobContainer], object], container: BlobContainer) -> str:
    with pytest.raises(IngestionError) as caught:
        act(container)
    return str(caught.value)


# -- what requests carry ---------------------------------------------------------------------


def page(marker: str, *names: str) -> Callable[[Request], Response]:
    blobs = "".join(f"<Blob><Name>{name}</Name></Blob>" for name in names)
    return status(200, body=(f"<EnumerationResults><Blobs>{blobs}</Blobs><NextMarker>{marker}"
                             "</NextMarker></EnumerationResults>").encode())


@pytest.mark.parametrize("limit, names, asked", [
    (1, ["a"], 1), (2, ["a", "b"], 1), (3, ["a", "b", "c"], 3), (4, ["a", "b", "c"], 3)])
def test_pages_are_asked_for_until_there_are_enough_names(
        storage: Storage, limit: int, names: List[str], asked: int) -> None:
    container = storage.answers(page("x/1", "a", "b"), page("y"), page("", "c"))
    assert container.names(limit) == names
    assert [request.args.get("marker") for request in storage.requests] == [
        None, "x/1", "y"][:asked]
    assert {request.args["maxresults"] for request in storage.requests} == {str(limit)}


def test_a_page_has_at_most_1000_names(storage: Storage) -> None:
    storage.answers(page("")).names(5000)
    assert dict(storage.requests[0].args.items()) == {
        "restype": "container", "comp": "list", "maxresults": "1000", "sv": "2019-12-12",
        "sp": "rlw", "sig": "TopSecret+abc="}


def test_a_list_of_blocks_has_the_type_of_the_blob(
        storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blob, "BLOCK", 4)
    storage.answers(status(201)).write("m", io.BytesIO(b"01234567"), 8)
    assert len(storage.requests) == 3
    assert storage.requests[2].headers["x-ms-blob-content-type"] == "application/octet-stream"
    assert storage.requests[2].headers["Content-Type"] == "application/xml"
    assert "x-ms-blob-type" not in storage.requests[0].headers


class Sent(Exception):
    """Carries what would have been sent."""


@pytest.mark.parametrize("url, proxies, verify", [
    ("https://a.blob.core.windows.net/c", {"https": "http://proxy:1"}, "ca.pem"),
    ("https://127.0.0.1:10000/a/c", {}, True)])
def test_proxies_and_authorities_of_the_environment_are_for_other_machines(
        monkeypatch: pytest.MonkeyPatch, url: str, proxies: Dict[str, str],
        verify: object) -> None:
    def send(session: requests.Session, *_: Any, **__: Any) -> None:
        raise Sent({key: value for key, value in session.proxies.items() if key != "no"},
                   session.verify, session.trust_env)

    for name in ("HTTP_PROXY", "http_proxy", "https_proxy", "NO_PROXY", "no_proxy", "ALL_PROXY",
                 "all_proxy", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy:1")
    monkeypatch.setattr(requests.Session, "request", send)
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv("CURL_CA_BUNDLE", "other.pem")
        monkeypatch.setenv(name, "ca.pem")
        with pytest.raises(Sent) as caught:
            lists(BlobContainer(f"{url}?{SAS}", "modelUrl", HOSTS))
        assert caught.value.args == (proxies, verify, False)
    for name in ("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name)
    with pytest.raises(Sent) as caught:
        lists(BlobContainer(f"{url}?{SAS}", "modelUrl", HOSTS))
    assert caught.value.args == (proxies, True, False)


def test_a_closed_container_has_closed_its_connections(
        storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: List[object] = []
    container = storage.answers(status(200))
    monkeypatch.setattr(requests.Session, "close", lambda session: closed.append(session))
    container.close()
    assert len(closed) == 1


# -- when they are given up ------------------------------------------------------------------


def test_a_transfer_that_goes_on_may_break_more_often(storage: Storage) -> None:
    stuck = [blob(b"ab", send=0)] * 3
    later = [blob(b"b", code=206, send=0)] * 3
    assert read(storage.answers(*stuck, blob(b"ab", send=1), *later, blob(b"b", code=206))) == b"ab"
    assert storage.slept == [0.5, 1.0, 2.0, 0.25, 0.5, 1.0, 2.0]


def test_pauses_grow_up_to_the_last_try(storage: Storage) -> None:
    assert "status 503" in refusal(read, storage.answers(status(503)))
    assert storage.slept == [0.5, 1.0, 2.0]


@pytest.mark.parametrize("passed, late", [(1800.0, False), (1800.5, True)])
def test_half_an_hour_is_enough_for_a_container(
        storage: Storage, passed: float, late: bool) -> None:
    container = storage.answers(blob(b"data"))
    storage.now = passed
    if late:
        assert "127.0.0.1 is too slow: 30 minutes were not enough." in refusal(read, container)
    else:
        assert read(container) == b"data"


@pytest.mark.parametrize("error, tries, reason", [
    (requests.exceptions.SSLError(), 1,
     "The TLS certificate of the storage host 127.0.0.1 is not trusted."),
    (requests.exceptions.ReadTimeout(), 4,
     "The storage host 127.0.0.1 did not answer in time, in 4 tries."),
    (requests.exceptions.ConnectionError(), 4,
     "The storage host 127.0.0.1 cannot be reached, in 4 tries."),
    (OSError(), 4, "The storage host 127.0.0.1 cannot be reached, in 4 tries.")])
def test_a_request_that_fails_says_why(
        storage: Storage, monkeypatch: pytest.MonkeyPatch, error: Exception, tries: int,
        reason: str) -> None:
    sent: List[object] = []

    def fail(session: requests.Session, *_: Any, **__: Any) -> None:
        sent.append(session)
        raise error

    monkeypatch.setattr(requests.Session, "request", fail)
    assert refusal(read, storage.answers(status(200))) == reason
    assert len(sent) == tries


def test_no_more_of_an_answer_is_read_than_is_wanted() -> None:
    class Endless:
        def __init__(self) -> None:
            self.asked: List[int] = []

        def read(self, size: int, decode_content: bool) -> bytes:
            self.asked.append(size)
            return b"x" * size

    raw = Endless()
    answer: Any = SimpleNamespace(raw=raw, status_code=200, headers={})
    reply = Reply(answer, lambda: None)
    assert list(reply.chunks(10, 4)) == [b"xxxx", b"xxxx", b"xx"] and raw.asked == [4, 4, 2]
    raw.asked.clear()
    with pytest.raises(IngestionError, match="larger than 5 bytes"):
        reply.body(5)
    assert raw.asked == [6]


# -- what refusals say -----------------------------------------------------------------------


WRONG = "the signature of the SAS is wrong, or it is of another container: make a new one, and " \
    "copy it whole"


@pytest.mark.parametrize("sas, code, reason", [
    ("sig=x", "AuthenticationFailed", WRONG),
    ("sig=x", "AuthorizationFailure",
     WRONG + "; or the firewall of the account keeps this machine out"),
    ("sig=x", "", "the storage does not accept the SAS"),
    ("se=2000-01-02T03:04:05Z&sig=x", "", "the SAS expired at 2000-01-02 03:04:05 UTC"),
    ("se=2000-01-02T03:04Z&sig=x", "", "the SAS expired at 2000-01-02 03:04:00 UTC"),
    ("se=2000-01-02&sig=x", "", "the SAS expired at 2000-01-02 00:00:00 UTC"),
    ("se=2000-01-02T03:04:05.5Z&sig=x", "", "the SAS expired at 2000-01-02 03:04:05 UTC"),
    ("st=2999-01-02&sig=x", "", "the SAS is valid from 2999-01-02 00:00:00 UTC only"),
    ("st=2000-01-02&se=2999-01-02&sig=x", "", "the storage does not accept the SAS"),
    ("se=x&st=&sig=x", "", "the storage does not accept the SAS"),
    ("sv=1", "AuthenticationFailed", "the URL has no SAS")])
def test_a_sas_that_is_not_accepted_says_why(
        storage: Storage, sas: str, code: str, reason: str) -> None:
    with pytest.raises(NoAccess) as caught:
        read(storage.answers(status(403, code), sas=sas))
    suffix = f"(status 403{', ' + code if code else ''})."
    assert str(caught.value) == (
        f"No access to read in the container of modelUrl, http://127.0.0.1:{storage.server.port}"
        f"/account/container: {reason} {suffix}")


@pytest.mark.parametrize("what, letters, missing", [
    ("list", "l", "rwc"), ("read", "r", "lwc"), ("write", "wc", "lr"), ("write", "w", "lr"),
    ("write", "c", "lr")])
def test_a_permission_that_a_sas_lacks_is_named(
        storage: Storage, what: str, letters: str, missing: str) -> None:
    act = ACTS[what]
    answer = status(403, "AuthenticationFailed")
    reason = f"the SAS gives no {what} permission"
    lacking = refusal(act, storage.answers(answer, sas=f"sp={missing}&sig=x"))
    assert reason in lacking and (f"No access to {what} the" in lacking) is (what == "list")
    server: Any = storage.server  # older versions of pytest-httpserver have no types
    server.clear()
    assert WRONG in refusal(act, storage.answers(answer, sas=f"sp={letters}&sig=x"))


@pytest.mark.parametrize("act, missing", [(lists, False), (read, True), (writes, False)])
def test_only_reading_tells_a_missing_blob(
        storage: Storage, act: Callable[[BlobContainer], object], missing: bool) -> None:
    with pytest.raises(IngestionError) as caught:
        act(storage.answers(status(404)))
    assert isinstance(caught.value, MissingFile) is missing
    assert str(caught.value).startswith("Container not found:") is not missing


@pytest.mark.parametrize("header, body, shown", [
    ("InvalidUri", b"<Error><Code>Other</Code></Error>", "(status 400, InvalidUri)."),
    ("", b"<Error><Code>InvalidUri</Code></Error>", "(status 400, InvalidUri)."),
    ("not a word", b"<Error><Code>InvalidUri</Code></Error>", "(status 400, InvalidUri)."),
    ("A" * 64, b"", f"(status 400, {'A' * 64})."), ("A" * 65, b"", "(status 400)."),
    ("", b"<Code>" + b"A" * 65 + b"</Code>", "(status 400)."), ("", b"", "(status 400).")])
def test_the_code_of_an_error_is_that_of_its_header_or_its_text(
        storage: Storage, header: str, body: bytes, shown: str) -> None:
    assert refusal(read, storage.answers(status(400, header, body))).endswith(
        f"/account/container {shown}")


@pytest.mark.parametrize("tag, code, reason", [
    ('"1"', 206, "was changed while it was read"), ("", 200, "has no length or no ETag")])
def test_an_answer_that_does_not_fit_the_first_request_is_refused(
        storage: Storage, tag: str, code: int, reason: str) -> None:
    def answer(request: Request) -> Response:
        return Response(b"data", code, {"ETag": tag} if tag else {})

    assert reason in refusal(read, storage.answers(answer))


def test_an_empty_blob_is_one_request(storage: Storage) -> None:
    assert read(storage.answers(blob(b"")), limit=0) == b"" and len(storage.requests) == 1
