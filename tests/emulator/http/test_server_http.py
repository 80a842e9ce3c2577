"""Hostile and clumsy HTTP: a clear answer or a closed connection, never 500, never a hang."""

from __future__ import annotations

import logging
import re
import socket
from typing import Iterator

import pytest

from arr.emulator import Emulator
from arr.emulator._http.server import Server
from arr.emulator._http.wire import MAX_BODY, Wire

from ...support.emulator import LIMIT, Client, raw, read_all

HOST = b"Host: localhost\r\n"
GET = b"GET /_emulator/clock HTTP/1.1\r\n" + HOST


@pytest.fixture(autouse=True)
def no_errors_in_the_log(caplog: pytest.LogCaptureFixture,
                         capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert "Traceback" not in capfd.readouterr().err


def status(data: bytes) -> int:
    assert data.startswith(b"HTTP/1.1 "), data[:100]
    return int(data[9:12])


@pytest.mark.parametrize("request_bytes, expected", [
    (b"\r\n\r\n" + GET + b"Connection: close\r\n\r\n", 200),
    (b"GET http://127.0.0.1/_emulator/clock HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n",
     200),
    (b"GET /_emulator/clock HTTP/1.0\r\n\r\n", 200),
    (b"GET /_emulator/clock HTTP/1.1\r\n\r\n", 400),
    (b"GET /_emulator/clock\r\n\r\n", 400),
    (b"GET  /_emulator/clock HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /_emulator/clock HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    (b"GET /_emulator/clock FTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /\xc3\xa9 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /%ff%fe HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /\x00 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"G\x7fT / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    (b"GET /" + b"a" * 70_000, 414),
    (GET + b"X: " + b"y" * 70_000, 431),
    (GET + b"X: y\r\n" * 120 + b"\r\n", 431),
    (GET + b"X: y\r\n" * 20_000, 431),
    (GET + b"no colon\r\n\r\n", 400),
    (GET + b"Bad Name: x\r\n\r\n", 400),
    (GET + b" folded: x\r\n\r\n", 400),
    (GET + b"X: a\rb\r\n\r\n", 400),
    (GET + b"X: a\nY: b\r\n\r\n", 400),
    (GET + HOST + b"\r\n", 400),
    (GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    (GET + b"Content-Length: -1\r\n\r\n", 400),
    (GET + b"Content-Length: +1\r\n\r\na", 400),
    (GET + b"Content-Length: 1_0\r\n\r\na", 400),
    (GET + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", 413),
    (GET + b"Content-Length: %d\r\n\r\n" % (MAX_BODY + 1), 413),
    (GET + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (GET + b"Transfer-Encoding: gzip\r\n\r\n", 501),
    (GET + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 400),
    (GET + b"Transfer-Encoding: chunked\r\n\r\n-5\r\n", 400),
    (GET + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", 400),
    (GET + b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n", 413),
    (GET + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 5000, 400),
    (GET + b"Transfer-Encoding: chunked\r\n\r\n0\r\n" + b"T: x\r\n" * 200, 431),
    (GET + b"Expect: 200-maybe\r\nContent-Length: 1\r\n\r\na", 417),
    (b"GET /_emulator/clock HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 421),
    *((b"GET /_emulator/clock HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host, 421)
      for host in (b"[::1].evil.com", b"evil.com/.localhost", b"localhost:80.evil.com", b"[::1",
                   b"evil.com?.localhost", b"evil.com#.localhost", b"a@localhost",
                   b"localhost:80:80", b"[::1]x", b"localhost,evil.com", b":80", b"[]")),
    *((b"GET /_emulator/clock HTTP/1.1\r\nHost: %b\r\nConnection: close\r\n\r\n" % host, 200)
      for host in (b"LocalHost", b"localhost:1", b"[::1]:1", b"[::1]", b"a.localhost:8080",
                   b"localhost:")),
    (b"GET /.. HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 404),
    (b"GET //_emulator/clock HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 404),
    (b"BREW / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 405),
    (b"OPTIONS / HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n", 405),
])
def test_every_request_gets_its_answer(emulator: Emulator, request_bytes: bytes,
                                       expected: int) -> None:
    data = raw(emulator, request_bytes)
    assert status(data) == expected
    assert b"\r\nMS-CV: " in data and len(re.findall(rb"HTTP/1.1 \d", data)) == 1


def test_an_unread_body_is_never_the_next_request(emulator: Emulator) -> None:
    inner = GET + b"\r\n"
    for path in (b"/", b"/nowhere", b"/v1/accounts/x/sessions/create"):
        length = b"Content-Length: %d\r\n\r\n" % len(inner)
        data = raw(emulator, b"POST " + path + b" HTTP/1.1\r\n" + HOST + length + inner
                   + GET + b"Connection: close\r\n\r\n")
        assert data.count(b"HTTP/1.1 ") == 2 and data.count(b'{"time"') == 1


def test_pipelined_requests_are_answered_in_order(emulator: Emulator) -> None:
    data = raw(emulator, b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n" + GET
               + b"Connection: close\r\n\r\n")
    assert data.index(b" 404 ") < data.index(b" 200 ")


def test_a_chunked_body_is_read(client: Client) -> None:
    body = iter([b'{"maxLeaseTime":"1:', b'0:0","size":"small"}'])
    client.connection.request(
        "POST", client.prefix + "/sessions/create", body=body, encode_chunked=True,
        headers={"Authorization": "Bearer " + client.token, "Transfer-Encoding": "chunked"})
    reply = client.connection.getresponse()
    assert reply.status == 202 and reply.read()
    assert client.call("GET", "/sessions").status == 200


def test_expect_100_continue_is_answered_before_the_body(client: Client) -> None:
    body = b'{"maxLeaseTime":"1:0:0","size":"small"}'
    head = (f"POST {client.prefix}/sessions/create HTTP/1.1\r\nHost: localhost\r\nAuthorization: "
            f"Bearer {client.token}\r\nExpect: 100-continue\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n").encode()
    with socket.create_connection(("127.0.0.1", client.port), LIMIT) as connection:
        connection.sendall(head)
        assert connection.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert status(read_all(connection)) == 202


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(emulator: Emulator) -> None:
    data = raw(emulator, b"POST / HTTP/1.1\r\n" + HOST + b"Expect: 100-continue\r\n"
               b"Content-Length: 99999999\r\n\r\n")
    assert status(data) == 413


def test_a_client_that_sends_too_much_still_reads_the_refusal(client: Client) -> None:
    answer = client.call("POST", "/sessions/create", b" " * (MAX_BODY + 1))
    assert answer.status == 413 and answer.headers["Connection"] == "close"
    assert client.call("POST", "/sessions/create", b" " * MAX_BODY).status == 400


def test_a_client_that_sends_very_much_is_not_reset_while_it_sends(emulator: Emulator) -> None:
    head = b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % (12 * MAX_BODY)
    assert status(raw(emulator, head + bytes(12 * MAX_BODY))) == 413


def test_a_wrong_verb_says_which_are_right(client: Client) -> None:
    for method, path, allow in (("POST", "/sessions", {"GET", "HEAD"}),
                                ("PUT", "/sessions/x", {"PATCH", "DELETE"}),
                                ("DELETE", "/models/x/status", {"GET", "HEAD"})):
        answer = client.call(method, path)
        assert answer.status == 405
        assert {name.strip() for name in answer.headers["Allow"].split(",")} == allow


def test_every_reply_is_one_write(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    send = Wire.send

    def count(self: Wire, data: bytes) -> None:
        written.append(data)
        send(self, data)

    monkeypatch.setattr(Wire, "send", count)
    client.token
    client.create()
    client.call("GET", "/sessions")
    client.call("GET", "/nowhere")
    assert len(written) == 4 and all(data.startswith(b"HTTP/1.1 ") for data in written)


def test_the_backlog_takes_more_than_sixty_four_clients() -> None:
    assert Server.request_queue_size > 64


def test_head_is_get_without_the_body(client: Client) -> None:
    answer = client.call("HEAD", "/sessions")
    assert (answer.status, answer.headers["Content-Length"], answer.body) == (200, "15", b"")
    assert client.call("HEAD", "/sessions/x").status == 405
    assert client.call("GET", "/sessions").status == 200


def test_a_get_may_carry_a_body(client: Client) -> None:
    assert client.call("GET", "/sessions", b"whatever").status == 200
    assert client.call("GET", "/sessions").status == 200


def test_a_slow_client_is_answered_408_and_dropped() -> None:
    with Emulator(request_timeout=0.05) as emulator:
        assert status(raw(emulator, b"GET / HT")) == 408
        assert status(raw(emulator, GET + b"Content-Length: 5\r\n\r\nab")) == 408


def test_a_client_that_drips_bytes_has_one_deadline() -> None:
    with Emulator(request_timeout=0.1) as emulator:
        port = int(emulator.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), LIMIT) as connection:
            connection.settimeout(0.001)
            data = b""
            for _ in range(5000):  # a byte each millisecond, for longer than the deadline
                try:
                    connection.sendall(b"x")
                    data = connection.recv(1000)
                except socket.timeout:
                    continue
                except ConnectionError:
                    break
                break
            else:
                pytest.fail("still reading")
        assert not data or status(data) == 408


def test_an_idle_connection_is_closed_without_a_word() -> None:
    with Emulator(idle_timeout=0.05) as emulator:
        assert raw(emulator, b"") == b""


def test_a_client_that_leaves_costs_nothing(emulator: Emulator, client: Client) -> None:
    for data in (b"", b"GET", GET, GET + b"Content-Length: 5\r\n\r\nab",
                 GET + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"):
        assert raw(emulator, data, finish=True) == b""
    assert client.call("GET", "/sessions").status == 200


def test_no_line_break_and_no_secret_of_a_client_reaches_the_log(
        client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="arr.emulator")
    client.call("GET", "/sessions/a%0d%0aFORGED/properties?sig=SECRET&sv=1",
                headers={"User-Agent": "x\x1b[31m"})
    client.call("GET", f"/sessions/{client.token}/properties")
    client.send("GET", "/nowhere?token=SECRET")
    client.send("GET", "/" + client.token)
    assert caplog.records
    for record in caplog.records:
        text = record.getMessage()
        assert "\n" not in text and "\r" not in text and "\x1b" not in text
        assert "SECRET" not in text and client.token not in text
        assert client.account_key not in text and client.token[60:100] not in text
