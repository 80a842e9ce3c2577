"""Checks of what comes from outside: types, bounds, and which hosts mean this machine."""

from __future__ import annotations

import errno
from typing import Any

import pytest

from arr._account import is_loopback as client_is_loopback
from arr.emulator import DEFAULT_ALLOWED_HOSTS, Emulator, _emulator
from arr.emulator._arguments import is_address, is_loopback
from arr.emulator._emulator import default_hosts
from arr.emulator._http.guard import check_host
from arr.emulator._http.messages import HttpError, Request
from arr.emulator._ingestion.containers.sas_url import parse_blob_url
from arr.emulator._ingestion.refusals import IngestionError


@pytest.mark.parametrize("options, text", [
    ({"host": 1}, "host must be a str, not int"), ({"host": None}, "host must be a str"),
    ({"port": "80"}, "port must be an int, not str"),
    ({"port": True}, "port must be an int, not bool"),
    ({"port": None}, "port must be an int, not NoneType"),
    ({"ingestion_workers": None}, "ingestion_workers must be an int, not NoneType"),
    ({"startup_seconds": "3"}, "startup_seconds must be a number, not str"),
    ({"accept_authentication_token": 1}, "accept_authentication_token must be a bool, not int"),
    ({"account_id": 7}, "account_id must be a str, not int"),
    ({"allowed_hosts": "localhost"}, "allowed_hosts must be a list of host names, not str"),
    ({"allowed_hosts": {"a": 1}}, "allowed_hosts must be a list of host names, not dict"),
    ({"allowed_hosts": 5}, "allowed_hosts must be a list of host names, not int"),
    ({"allowed_hosts": [5]}, "allowed_hosts must be a str, not int"),
    ({"account_key": b"x"}, "account_key must be a str, not bytes"),
    ({"capacity": 1.5}, "capacity of small must be an int, not float")])
def test_a_value_of_another_type_is_a_type_error(options: Any, text: str) -> None:
    with pytest.raises(TypeError, match=text):
        Emulator(**options)


@pytest.mark.parametrize("options, text", [
    ({"port": 65_536}, "port must be between 0 and 65535"),
    ({"request_timeout": 0}, "request_timeout must be between 0.001 and 86400"),
    ({"startup_seconds": float("nan")}, "startup_seconds must be between 0 and 1e"),
    ({"account_id": "a/b"}, "account_id must be"), ({"account_key": "a b"}, "account_key must be"),
    ({"account_key": ""}, "account_key must be"),
    ({"capacity": {"huge": 1}}, "capacity must be given for the sizes small, big")])
def test_a_value_out_of_bounds_is_a_value_error(options: Any, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Emulator(**options)


@pytest.mark.parametrize("name, least, most", [
    ("port", 0, 65_535), ("idle_timeout", 0.001, 86_400), ("request_timeout", 0.001, 86_400),
    ("startup_seconds", 0, 1e9), ("ingestion_seconds", 0, 1e9), ("token_seconds", 0, 1e9),
    ("ingestion_workers", 1, 64)])
def test_numbers_of_an_emulator_have_bounds(name: str, least: float, most: float) -> None:
    step = 1 if isinstance(most, int) and isinstance(least, int) else 0.0005
    for value in (least, most):
        assert Emulator(**{name: value})  # type: ignore[arg-type]
    for value in (least - step, most + step):
        with pytest.raises(ValueError, match=f"{name} must be between"):
            Emulator(**{name: value})  # type: ignore[arg-type]


def test_commands_say_what_a_value_must_be(emulator: Emulator) -> None:
    with pytest.raises(TypeError, match="minutes must be an int, not NoneType"):
        emulator.extend_session("x", None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="times must be an int, not NoneType"):
        emulator.hold(times=None)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="body must be a str, not bytes"):
        emulator.add_fault(body=b"x")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="path must be a str, not int"):
        emulator.add_fault(path=1, status=500)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="retry_after must be a number of seconds or a str, not"):
        emulator.add_fault(retry_after=[])  # type: ignore[arg-type]
    assert emulator.state()["faults"] == []


# Without brackets, as both halves take a host out of a URL.
THIS_MACHINE = ["localhost", "LOCALHOST", "LocalHost", "127.0.0.1", "127.0.0.2", "127.255.255.255",
                "::1", "0:0:0:0:0:0:0:1", "0000::0001"]
ANOTHER = ["", "[::1]", "localhost.", "127.0.0.1.", "localhost.evil.com", "127.0.0.1.evil.com",
           "evil-localhost", "localhost.localdomain", "ip6-localhost", "127.1", "127.0.1",
           "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "127.0.0.256", "128.0.0.1",
           "0.0.0.0", "10.0.0.1", "192.168.0.1", "::", "::2", "1::1", "::ffff:127.0.0.1",
           "::127.0.0.1", "fe80::1", "127.0.0.1:80", "127.0.0.1 ", " localhost", "127.0.0.1\n",
           "evil.com/.localhost", "evil.com#.localhost", ".localhost", "a..localhost",
           "127.0.0.1\0", "localhost\0", "\uff11\uff12\uff17.0.0.1", "example.com"]
TABLE = [(host, True) for host in THIS_MACHINE] + [(host, False) for host in ANOTHER]


@pytest.mark.parametrize("host, loopback", TABLE)
def test_the_emulator_and_the_client_agree_on_this_machine(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback and client_is_loopback(host) is loopback


@pytest.mark.parametrize("host", ["x.localhost", "X.LocalHost", "a.b.localhost"])
def test_names_below_localhost_are_this_machine_to_the_emulator_only(host: str) -> None:
    """Browsers know them; the client would have to look them up, and does not send a key there."""
    assert is_loopback(host) and not client_is_loopback(host)


@pytest.mark.parametrize("host, address", [
    ("192.0.2.1", True), ("0.0.0.0", True), ("::", True), ("2001:db8::1", True),
    ("192.0.2", False), ("192.0.2.256", False), ("example.com", False), ("a::b::c", False),
    ("", False), (":", False), ("[::1]", False)])
def test_an_address_is_one_in_its_full_form(host: str, address: bool) -> None:
    assert is_address(host) is address


@pytest.mark.parametrize("options, words", [
    ({"container_root": "/nope"}, "container_root must be a directory that exists"),
    ({"container_root": ""}, "container_root must be a directory that exists"),
    ({"allowed_hosts": ["https://a.example/x"]}, "without scheme, port and path"),
    ({"allowed_hosts": [""]}, "allowed_hosts must hold host names")])
def test_a_root_or_host_that_cannot_be_is_refused_at_once(
        options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Emulator(**options)


def test_an_emulator_shows_where_it_listens() -> None:
    emulator = Emulator()
    assert repr(emulator) == "<Emulator not started>"
    with emulator:
        assert repr(emulator) == f"<Emulator {emulator.url}>"


def test_a_busy_port_is_named_by_the_same_error() -> None:
    with Emulator() as first:
        port = int(first.url.rpartition(":")[2])
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1 port {port}") as caught:
            Emulator(port=port).start()
    assert caught.value.errno == errno.EADDRINUSE


@pytest.mark.parametrize("error, said", [
    (OSError(5, "it broke"), "it broke"), (OSError("odd"), "odd")])
def test_why_it_cannot_listen_is_said_in_words(
        monkeypatch: pytest.MonkeyPatch, error: OSError, said: str) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(_emulator, "Server", refuse)
    with pytest.raises(OSError) as caught:
        Emulator(port=7).start()
    assert caught.value.strerror == "cannot listen on 127.0.0.1 port 7: " + said
    assert caught.value.errno == error.errno


@pytest.mark.parametrize("host", [
    "[::1].evil.com", "[::1]evil.com", "[::1", "localhost:80:80", "localhost:x",
    "evil.com/.localhost", "evil.com/.localhost:8080", "[localhost]"])
def test_a_host_header_that_is_no_host_is_refused(host: str) -> None:
    for allow_remote in (False, True):
        with pytest.raises(HttpError):
            check_host(Request("GET", "/", {"host": host}, True), "127.0.0.1", allow_remote)


@pytest.mark.parametrize("host, loopback", [
    row for row in TABLE if row[0].isprintable() and row[0].isascii() and row[0].strip() == row[0]
    and row[0] not in ("", "[::1]", "127.0.0.1:80")])
def test_the_guard_and_the_blob_containers_follow_it(host: str, loopback: bool) -> None:
    bracketed = f"[{host}]" if ":" in host else host
    request = Request("GET", "/", {"host": f"{bracketed}:8080"}, True)
    if loopback:
        check_host(request, "127.0.0.1", False)
        assert parse_blob_url(f"http://{bracketed}/c", "modelUrl", [host]).is_loopback
        return
    with pytest.raises(HttpError):
        check_host(request, "127.0.0.1", False)
    with pytest.raises(IngestionError):
        parse_blob_url(f"http://{bracketed}/c", "modelUrl", [host])


def test_who_may_call_from_elsewhere_does_not_reach_this_machine_through_containers() -> None:
    assert default_hosts(False) == DEFAULT_ALLOWED_HOSTS
    assert default_hosts(True) == ("*.blob.core.windows.net",)
    for options, hosts in (({}, ("*.blob.core.windows.net",)),
                           ({"allowed_hosts": ("localhost",)}, ("localhost",))):
        emulator = Emulator(allow_remote=True, **options)  # type: ignore[arg-type]
        assert emulator._pool._allowed_hosts == hosts
