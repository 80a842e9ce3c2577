"""What keeps web pages out: which Host is answered, and who may change something."""

from __future__ import annotations

import pytest

from arr.emulator._http.guard import check_change, check_host
from arr.emulator._http.messages import HttpError, Request


def host_status(host: str | None, bound: str, allow_remote: bool) -> int:
    try:
        check_host(Request("GET", "/", {} if host is None else {"host": host}, True), bound,
                   allow_remote)
    except HttpError as error:
        return error.status
    return 200


@pytest.mark.parametrize("host, local, remote", [
    ("localhost:80", 200, 200), ("a.localhost", 200, 200), ("127.1.2.3", 200, 200),
    ("bound.example", 200, 200), ("192.0.2.1", 421, 200), ("[2001:db8::1]:1", 421, 200),
    ("evil.example", 421, 421), ("", 421, 421), ("a b", 421, 421), (None, 200, 200)])
def test_only_names_of_this_machine_and_addresses_are_answered(
        host: str | None, local: int, remote: int) -> None:
    assert host_status(host, "bound.example", False) == local
    assert host_status(host, "bound.example", True) == remote


@pytest.mark.parametrize("method, secure, headers, status", [
    ("DELETE", False, {}, 200), ("DELETE", False, {"origin": "http://a:1"}, 200),
    ("DELETE", False, {"origin": "HTTP://A:1"}, 200),
    ("DELETE", True, {"origin": "http://a:1"}, 403),
    ("DELETE", True, {"origin": "https://a:1"}, 200), ("DELETE", False, {"origin": "null"}, 403),
    ("DELETE", False, {"origin": ""}, 403), ("DELETE", False, {"origin": "http://a"}, 403),
    ("POST", False, {}, 415), ("POST", False, {"content-type": "text/plain"}, 415),
    ("POST", False, {"content-type": " Application/JSON ; charset=utf-8"}, 200),
    ("POST", False, {"content-type": "text/plain; application/json"}, 415),
    ("POST", False, {"content-type": "application/json", "origin": "http://b:1"}, 403)])
def test_a_change_comes_from_a_page_of_ones_own_or_from_no_page(
        method: str, secure: bool, headers: dict[str, str], status: int) -> None:
    request = Request(method, "/", {"host": "A:1", **headers}, True)
    request.secure = secure
    if status == 200:
        check_change(request)
    else:
        with pytest.raises(HttpError) as caught:
            check_change(request)
        assert caught.value.status == status
