"""Requests and replies as objects: dates, hosts, queries, and a reply's bytes."""

from __future__ import annotations

import pytest

from arr.emulator._http.messages import (
    HttpError, Reply, Request, host_name, http_date, query_values,
)


SAFE = "X-Content-Type-Options: nosniff\r\n"


@pytest.mark.parametrize("seconds, text", [
    (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (1_576_000_000, "Tue, 10 Dec 2019 17:46:40 GMT"),
    (951_827_696.9, "Tue, 29 Feb 2000 12:34:56 GMT"), (1e9 + 3, "Sun, 09 Sep 2001 01:46:43 GMT")])
def test_a_date_is_english(seconds: float, text: str) -> None:
    assert http_date(seconds) == text


@pytest.mark.parametrize("reply, text", [
    (Reply(200), "200 OK\r\nContent-Length: 0\r\n" + SAFE + "\r\n"),
    (Reply(200, b"{}", "a/b", (("C", "d"), ("E", "f"))),
     "200 OK\r\nContent-Length: 2\r\nContent-Type: a/b\r\n" + SAFE +
     "C: d\r\nE: f\r\n\r\n{}"),
    (Reply(204, b"no"), "204 No Content\r\n" + SAFE + "\r\n"),
    (Reply(304, b"no", close=True), "304 Not Modified\r\n" + SAFE + "Connection: close\r\n\r\n"),
    (Reply(399), "399 Unknown\r\nContent-Length: 0\r\n" + SAFE + "\r\n"),
])
def test_a_reply_is_written(reply: Reply, text: str) -> None:
    whole = "HTTP/1.1 " + text
    assert reply.encode().decode() == whole and reply.damage == ""
    assert reply.encode(head_only=True).decode() == whole.partition("\r\n\r\n")[0] + "\r\n\r\n"


@pytest.mark.parametrize("target, segments, query", [
    ("/", (), ""), ("/a/b//?c?d", ("a", "b"), "c?d"), ("//a", ("", "a"), ""),
    ("/a%2Fb/%c3%a9", ("a/b", "\u00e9"), ""), ("/a+b?%ff", ("a+b",), "%ff")])
def test_a_path_is_cut_then_decoded(target: str, segments: tuple[str, ...], query: str) -> None:
    request = Request("GET", target, {}, True)
    assert (request.segments, request.query, request.host) == (segments, query, "")


@pytest.mark.parametrize("keep", [True, False])
def test_a_request_has_what_it_came_with(keep: bool) -> None:
    request = Request("PUT", "/a?b", {"c": "d"}, keep)
    assert (request.method, request.target, request.headers) == ("PUT", "/a?b", {"c": "d"})
    assert (request.keep_alive, request.secure, request.body) == (keep, False, b"")
    assert HttpError(400, "a", (("B", "c"),)).headers == (("B", "c"),)


def test_a_path_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(HttpError, match="path is not UTF-8") as caught:
        Request("GET", "/a/%ff", {}, True)
    assert caught.value.status == 400


@pytest.mark.parametrize("host, name", [
    ("A.b:80", "a.b"), ("[FE80::1%eth0]:65535", "fe80::1%eth0"), ("a:123456", ""), ("a b", "")])
def test_a_host_has_a_name(host: str, name: str) -> None:
    assert host_name(host) == Request("GET", "/", {"host": host}, True).host == name


def test_a_query_has_its_first_values() -> None:
    assert query_values("a=1&a=2&b=&c=%20+") == {"a": "1", "b": "", "c": "  "}
    assert query_values(b"a=%C3%A9") == {"a": "\u00e9"}
    assert len(query_values("&".join(f"a{i}=1" for i in range(20)))) == 20
    for bad in (b"\xff", "&".join(f"a{i}=1" for i in range(21))):
        with pytest.raises(HttpError) as caught:
            query_values(bad)
        assert caught.value.status == 400 and str(caught.value).startswith("The form")
