"""The URLs of blob containers: what is accepted, what is a trick, where it leads."""

from __future__ import annotations

import socket
from typing import Any, Iterator, List

import pytest
import requests
import requests.adapters
from pytest_httpserver import HTTPServer

from arr.emulator._ingestion.containers import local_names as _local
from arr.emulator._ingestion.containers.blob import BlobContainer
from arr.emulator._ingestion.containers.sas_url import parse_blob_url
from arr.emulator._ingestion.refusals import IngestionError

from ...support.blob_storage import HOSTS, SAS, Storage, blob


@pytest.fixture
def storage(httpserver: HTTPServer) -> Iterator[Storage]:
    yield Storage(httpserver)


# -- URLs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [
    "https://account.blob.core.windows.net/container?" + SAS,
    "https://ACCOUNT.blob.core.windows.net:443/container/?" + SAS,
    "https://account.blob.core.windows.net/$root?" + SAS,
    f"https://account.blob.core.windows.net/{'c' * 63}?{SAS}",
    f"http://127.0.0.1:65535/{'a' * 63}/container?{SAS}",
    f"http://127.0.0.1:1/a/c?{SAS}",
    "http://127.0.0.1:10000/devstoreaccount1/container?" + SAS,
    "http://[::1]:10000/devstoreaccount1/container?" + SAS,
    "http://devstoreaccount1.blob.localhost:10000/container?" + SAS,
])
def test_a_container_url_is_accepted(url: str) -> None:
    found = parse_blob_url(url, "modelUrl", HOSTS)
    assert found.sas == SAS and found.parameters["sig"] == "TopSecret+abc="
    assert found.shown == found.base == url.replace("ACCOUNT", "account").partition("?")[0].rstrip(
        "/")
    assert found.is_loopback is (not url.startswith("https"))


def test_parameters_of_a_list_request_are_dropped() -> None:
    url = f"https://a.blob.core.windows.net/c?restype=container&comp=list&{SAS}"
    assert parse_blob_url(url, "modelUrl", HOSTS).sas == SAS


@pytest.mark.parametrize("host", [
    "example.com", "blob.core.windows.net.example.com", "xblob.core.windows.net",
    "blob.core.windows.net", ".blob.core.windows.net", "a.blob.core.windows.net.",
    "a..blob.core.windows.net", "-a.blob.core.windows.net",
    "127.0.0.1.example.com", "127.0.0.2", "127.1", "0x7f.0.0.1", "2130706433", "0.0.0.0",
    "[::ffff:127.0.0.1]", "169.254.169.254", "localhost.", "[::]",
])
def test_a_host_that_is_not_allowed_is_not_contacted(host: str) -> None:
    with pytest.raises(IngestionError, match="which this emulator may not contact"):
        parse_blob_url(f"https://{host}/c?{SAS}", "modelUrl", HOSTS)


@pytest.mark.parametrize("url, reason", [
    ("https://a.blob.core.windows.net@example.com/c", "is not the SAS URL"),
    ("https://user:pw@a.blob.core.windows.net/c", "is not the SAS URL"),
    ("https://example.com\\@a.blob.core.windows.net/c", "is not the SAS URL"),
    ("https://a.blob.core.windows.net#@example.com/c", "is not the SAS URL"),
    ("https:///c", "is not the SAS URL"),
    ("https://a.blob.core.windows.net", "is not the SAS URL"),
    ("https://a.blob.core.windows.net:x/c", "is not the SAS URL"),
    ("https://a.blob.core.windows.net:0/c", "the port 0"),
    ("https://a.blob.core.windows.net:65536/c", "the port 65536"),
    ("https://ä.blob.core.windows.net/c", "is not the SAS URL"),
    ("https://a.blob.core.windows.net/c?sig=ä", "is not the SAS URL"),
    ("https://a.blob.core.windows.net/", "must name a container"),
    ("https://a.blob.core.windows.net/c/b/d", "must name a container"),
    (f"https://a.blob.core.windows.net/{'c' * 64}", "must name a container"),
    ("https://a.blob.core.windows.net/../c", "must name a container"),
    ("https://a.blob.core.windows.net/c%2fd", "must name a container"),
    ("https://a.blob.core.windows.net/c?x!=1", "not a SAS"),
    ("https://a.blob.core.windows.net/Models", "has capitals in /Models; .* write /models"),
    ("http://127.0.0.1:1/account/myModels", "has capitals .* write /account/mymodels"),
    ("https://a.blob.core.windows.net/My_Models", "must name a container"),
    ("http://a.blob.core.windows.net/c", "must be an https:// URL"),
])
def test_a_url_with_a_trick_is_refused(url: str, reason: str) -> None:
    with pytest.raises(IngestionError, match=reason):
        parse_blob_url(url, "modelUrl", HOSTS)


def test_names_below_localhost_are_this_machine_without_dns(
        storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: List[object] = []
    look_up = socket.getaddrinfo

    def getaddrinfo(host: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(host)
        return look_up(host, *arguments, **options)

    storage.answers(blob(b"data"))
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    port = storage.server.port
    box = BlobContainer(f"http://account.blob.localhost:{port}/account/container?{SAS}", "modelUrl",
                        HOSTS)
    assert b"".join(box.chunks("m", 10)) == b"data"
    box.close()
    assert storage.requests[0].headers["Host"] == f"account.blob.localhost:{port}"
    assert set(asked) == {"127.0.0.1"}


@pytest.mark.parametrize("listening, found", [
    (["::1"], "::1"), (["127.0.0.1", "::1"], "127.0.0.1"), ([], "127.0.0.1")])
def test_a_name_below_localhost_may_listen_on_the_other_address(
        monkeypatch: pytest.MonkeyPatch, listening: List[str], found: str) -> None:
    class Connection:
        def close(self) -> None:
            pass

    def connect(address: Any, timeout: float) -> Connection:
        if address[0] not in listening:
            raise ConnectionRefusedError
        return Connection()

    monkeypatch.setattr(socket, "create_connection", connect)
    assert _local._listening(10000) == found


def test_a_refused_host_is_answered_with_the_allowed_ones() -> None:
    with pytest.raises(IngestionError, match=r"allowed are 127.0.0.1. .*--allow-host"):
        parse_blob_url(f"https://storage:10000/a/c?{SAS}", "modelUrl", ["127.0.0.1"])


@pytest.mark.parametrize("url, port, sent", [
    ("https://a.localhost/c?x=1", 443, "https://127.0.0.1:443/c?x=1"),
    ("http://a.localhost/c", 80, "http://127.0.0.1:80/c"),
    ("http://a.localhost:8080/c", 8080, "http://127.0.0.1:8080/c"),
    ("http://a.localhost/c", 80, "http://[::1]:80/c")])
def test_a_local_name_is_replaced_by_the_address_that_listens(
        monkeypatch: pytest.MonkeyPatch, url: str, port: int, sent: str) -> None:
    asked: List[int] = []

    def listening(asked_port: int) -> str:
        asked.append(asked_port)
        return "::1" if "[" in sent else "127.0.0.1"

    monkeypatch.setattr(_local, "_listening", listening)
    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", lambda self, request: request)
    adapter = _local.LocalAdapter("a.localhost", url.partition(":")[0])
    for _ in range(2):
        request: Any = adapter.send(requests.Request("GET", url).prepare())
        assert (request.url, request.headers["Host"]) == (sent, url.split("/")[2])
    assert asked == [port]


def test_tls_checks_the_local_name() -> None:
    for scheme, names in (("https", {"server_hostname": "a.localhost",
                                     "assert_hostname": "a.localhost"}), ("http", {})):
        pools: Any = _local.LocalAdapter("a.localhost", scheme).poolmanager
        assert {key: value for key, value in pools.connection_pool_kw.items()
                if key.endswith("_hostname")} == names
