"""One port, plain and TLS: the same service, limits and damage on both."""

from __future__ import annotations

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest

from arr.emulator import Emulator
from arr.emulator._http import server as server_module
from arr.emulator._http.certificates import Files
from arr.emulator._http.server import Server
from arr.emulator._http.tls import server_context

from ...support.emulator import LIMIT, Client, raw, read_all
from ...support.tls import TlsClient, trusting

ROOT = Path(__file__).parents[3]
GET = b"GET /_emulator/clock HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


def test_one_port_answers_both(tls_emulator: Emulator, tls_client: TlsClient) -> None:
    assert tls_emulator.url == f"http://127.0.0.1:{tls_client.port}"
    assert tls_emulator.https_url == f"https://127.0.0.1:{tls_client.port}"
    session_id = tls_client.create()
    with Client(tls_emulator) as plain:
        assert plain.status(session_id) == "Starting"
        assert tls_client.status(session_id) == "Starting"


def test_without_a_certificate_there_is_no_https(emulator: Emulator) -> None:
    with pytest.raises(RuntimeError, match="certificate"):
        emulator.https_url
    with socket.create_connection(("127.0.0.1", int(emulator.url.rpartition(":")[2])),
                                  LIMIT) as connection, pytest.raises(OSError):
        ssl.create_default_context().wrap_socket(connection, server_hostname="localhost")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_the_certificate_is_good_for_this_machine(tls_client: TlsClient, name: str,
                                                  version: ssl.TLSVersion) -> None:
    tls_client.context.minimum_version = tls_client.context.maximum_version = version
    with tls_client.connect(name) as connection:
        assert connection.version() == version.name.replace("_", ".")
        connection.sendall(LAST)
        assert read_all(connection).startswith(b"HTTP/1.1 200 OK\r\n")


def test_the_protocol_is_agreed_upon_and_a_connection_shakes_hands_once(
        tls_client: TlsClient, tls_files: Files) -> None:
    tls_client.context.set_alpn_protocols(["h2", "http/1.1"])
    with tls_client.connect() as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"
    context = server_context(tls_files.certificate, tls_files.private_key)
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_pipelined_requests_and_records_of_one_byte(tls_client: TlsClient) -> None:
    with tls_client.connect() as connection:
        for at in range(len(GET)):
            connection.sendall(GET[at:at + 1])
        connection.sendall(GET + GET + LAST)
        assert read_all(connection).count(b"HTTP/1.1 200 OK\r\n") == 4


def test_who_has_said_all_is_answered_all(tls_client: TlsClient) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = tls_client.context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", tls_client.port), LIMIT) as connection:
        while True:
            try:
                client.do_handshake()
                break
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(65_536))
        client.write(GET + GET)
        with pytest.raises(ssl.SSLWantReadError):
            client.unwrap()  # the farewell comes with the requests, the socket stays open
        connection.sendall(outgoing.read())
        incoming.write(read_all(connection))
    replies = b""
    with pytest.raises(ssl.SSLZeroReturnError):  # the server says farewell, too
        while True:
            replies += client.read(65_536)
    assert replies.count(b"HTTP/1.1 200 OK\r\n") == 2


def test_a_body_of_many_records_and_a_reply_of_many(tls_emulator: Emulator,
                                                    tls_client: TlsClient) -> None:
    # Larger than what is read from the socket at once, and than any record.
    answer = tls_client.call("POST", "/sessions/create", json.dumps({
        "maxLeaseTime": "4:0:0", "size": "small", "models": ["m" * 1000] * 200}).encode())
    assert answer.status == 202
    for _ in range(300):
        tls_client.create()
    assert len(tls_client.call("GET", "/sessions").json()["sessions"]) == 301


def test_a_client_is_told_to_go_on(tls_client: TlsClient) -> None:
    head = (b"POST /_emulator/clock HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n"
            b"Content-Type: application/json\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
    with tls_client.connect() as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b'{"advance":5}')
        assert read_all(connection).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_refused_request_is_answered_and_ended_in_order(tls_client: TlsClient) -> None:
    with tls_client.connect() as connection:
        connection.sendall(b"nonsense\r\n\r\n" + b"x" * 100_000)
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")  # and no error at its end


@pytest.mark.skipif(sys.version_info < (3, 10), reason="the older ssl does not tell the two ends")
def test_a_truncated_reply_ends_without_a_farewell(tls_emulator: Emulator,
                                                   tls_client: TlsClient) -> None:
    path, token = f"{tls_client.prefix}/sessions", tls_client.token
    tls_emulator.add_fault(path="sessions", truncate=True)
    with tls_client.connect() as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
                           f"Authorization: Bearer {token}\r\n\r\n".encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 OK\r\n")
        with pytest.raises(ssl.SSLEOFError):
            connection.recv(65_536)


def test_a_reset_is_a_reset(tls_emulator: Emulator, tls_client: TlsClient) -> None:
    assert tls_client.token
    tls_emulator.add_fault(path="sessions", reset=True)
    with pytest.raises(ConnectionResetError) as caught:
        tls_client.call("GET", "/sessions")
    assert caught.type is ConnectionResetError  # a connection closed in order is another kind


# clients that misbehave

def hello(context: ssl.SSLContext) -> bytes:
    """Return how a client begins."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def all_closed(server: Server | None) -> None:
    """Wait until the threads of all connections have let go."""
    assert server is not None
    found = server
    with found._changed:
        assert found._changed.wait_for(lambda: not found._open, LIMIT)


@pytest.fixture
def hasty(tls_files: Files) -> Iterator[Emulator]:
    with Emulator(certificate=tls_files.certificate, private_key=tls_files.private_key,
                  request_timeout=1.0) as emulator:
        yield emulator


@pytest.mark.parametrize("first, word", [
    (0, "no request within 1 s"), (1, "no TLS handshake within 1 s"),
    (100, "no TLS handshake within 1 s"), (None, "no TLS handshake within 1 s")])
def test_who_falls_silent_in_the_handshake_is_cut(
        hasty: Emulator, tls_files: Files, caplog: pytest.LogCaptureFixture, first: int | None,
        word: str) -> None:
    caplog.set_level("INFO", "arr.emulator")
    raw(hasty, hello(trusting(tls_files.authority))[:first])
    assert [record.getMessage() for record in caplog.records] == [
        f"a connection was closed: {word}"]


def test_who_drips_the_handshake_is_cut(hasty: Emulator, tls_files: Files,
                                        caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "arr.emulator")
    port = int(hasty.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), LIMIT) as connection:
        connection.settimeout(0.02)
        for byte in hello(trusting(tls_files.authority))[:200]:  # 4 s, if it were let
            try:
                connection.sendall(bytes([byte]))
                if not connection.recv(1):
                    break
            except socket.timeout:
                continue
            except ConnectionError:
                break
        else:
            pytest.fail("it was not cut")
    assert [record.getMessage() for record in caplog.records] == [
        "a connection was closed: no TLS handshake within 1 s"]


def test_who_says_nothing_after_the_handshake_is_cut(
        hasty: Emulator, tls_files: Files, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "arr.emulator")
    with TlsClient(hasty, tls_files.authority) as client, client.connect() as connection:
        assert read_all(connection) == b""
    assert [record.getMessage() for record in caplog.records] == [
        "a connection was closed: no request within 1 s"]


def test_a_slow_request_is_answered_408(hasty: Emulator, tls_files: Files) -> None:
    with TlsClient(hasty, tls_files.authority) as client, client.connect() as connection:
        connection.sendall(GET[:-2])
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("data", [b"\x16" * 600, b"\x16\x03\x01\x00\x05hello",
                                  b"\x16\x03\x01\xff\xff" + b"\0" * 70_000])
def test_garbage_is_one_readable_line(tls_emulator: Emulator, data: bytes,
                                      caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "arr.emulator")
    try:
        assert b"HTTP" not in raw(tls_emulator, data)
    except ConnectionError:
        pass  # cut while it was still sending
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("a connection was closed: it does not speak TLS as it must (")
    assert line.isprintable() and len(line) < 200


def test_a_client_without_trust_is_explained(tls_emulator: Emulator, tls_client: TlsClient,
                                             caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "arr.emulator")
    tls_client.context = ssl.create_default_context()
    server = tls_emulator._server
    with pytest.raises(ssl.SSLCertVerificationError):
        tls_client.connect()
    all_closed(server)
    (line,) = [record.getMessage() for record in caplog.records]
    assert "does not trust the certificate" in line and "unknown ca" in line


@pytest.fixture
def descriptors() -> Iterator[None]:
    """Allow as many as both ends of 500 connections need."""
    resource = pytest.importorskip("resource", reason="limits of POSIX")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4096)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("descriptors")
def test_five_hundred_bad_clients_do_not_stop_a_call(tls_emulator: Emulator,
                                                     tls_client: TlsClient) -> None:
    begin = hello(tls_client.context)
    bad = []
    try:
        for number in range(500):
            connection = socket.create_connection(("127.0.0.1", tls_client.port), LIMIT)
            bad.append(connection)
            connection.sendall((b"", b"\x16garbage", begin[:1], begin)[number % 4])
        assert tls_client.status(tls_client.create()) == "Starting"
        with Client(tls_emulator) as plain:
            assert plain.call("GET", "/sessions").status == 200
    finally:
        for connection in bad:
            connection.close()


# who may speak plain http, and which page may change something

def test_plain_http_is_for_this_machine_only(tls_emulator: Emulator, tls_client: TlsClient,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "is_loopback", lambda host: False)
    reply = raw(tls_emulator, GET)
    assert reply.startswith(b"HTTP/1.1 403 ") and b"https://" in reply
    assert tls_client.call("GET", "/sessions").status == 200


def test_this_machine_is_known_on_a_socket_of_both_families(tls_files: Files) -> None:
    try:
        emulator = Emulator(host="::", allow_remote=True, certificate=tls_files.certificate,
                            private_key=tls_files.private_key).start()
    except OSError:
        pytest.skip("no IPv6 on this machine")
    try:
        with Client(emulator) as plain:  # its peer is ::ffff:127.0.0.1
            assert plain.call("GET", "/sessions").status == 200
    finally:
        emulator.stop()


@pytest.mark.parametrize("own, other", [("https", "http"), ("http", "https")])
def test_the_origin_must_have_the_scheme_of_the_connection(
        tls_emulator: Emulator, tls_client: TlsClient, own: str, other: str) -> None:
    client = tls_client if own == "https" else Client(tls_emulator)
    for scheme, status in ((own, 200), (other, 403)):
        answer = client.send("POST", "/_emulator/clock", b'{"advance": 1}', {
            "Content-Type": "application/json",
            "Origin": f"{scheme}://127.0.0.1:{client.port}"})
        assert answer.status == status
    client.connection.close()


# starting, stopping, forking

def test_stopping_ends_open_connections_and_handshakes(tls_files: Files) -> None:
    emulator = Emulator(certificate=tls_files.certificate,
                        private_key=tls_files.private_key).start()
    with TlsClient(emulator, tls_files.authority) as client:
        assert client.call("GET", "/sessions").status == 200
        begun = socket.create_connection(("127.0.0.1", client.port), LIMIT)
        begun.settimeout(LIMIT)
        begun.sendall(hello(client.context))
        assert begun.recv(5)[0] == 0x16  # the server's turn of the handshake has come
        server = emulator._server
        emulator.stop()
        while begun.recv(65_536):
            pass
        begun.close()
        all_closed(server)
        with pytest.raises((OSError, http.client.HTTPException)):
            client.call("GET", "/sessions")


def test_started_again_it_speaks_tls_again(tls_emulator: Emulator, tls_client: TlsClient) -> None:
    tls_emulator.stop()
    tls_emulator.start()
    with tls_client.connect() as connection:
        connection.sendall(LAST)
        assert read_all(connection).startswith(b"HTTP/1.1 200 OK\r\n")


FORK = """
import os, sys, warnings
from pathlib import Path
warnings.simplefilter("ignore", DeprecationWarning)
from arr.emulator import Emulator
from tests.support.tls import TlsClient

authority, certificate, key = sys.argv[1:]
with Emulator(certificate=certificate, private_key=key) as emulator:
    with TlsClient(emulator, Path(authority)) as client:
        assert client.call("GET", "/sessions").status == 200
        child = os.fork()
        if child == 0:
            emulator.stop()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        print(client.call("GET", "/sessions").status)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_a_forked_child_leaves_the_connections_alone(tls_files: Files) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORK, str(tls_files.authority), str(tls_files.certificate),
         str(tls_files.private_key)], cwd=ROOT, timeout=25, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "200\n", "")


CLIENT = """
import sys
from arr import *
account = AzureFrontendAccountInfo(*sys.argv[1:], location=SessionLocation.ignore)
with AzureFrontend(account) as frontend:
    begun = frontend.get_current_rendering_sessions_async()
    begun.wait(10)
    print(begun.status.name, begun.context.error_message)
"""


@pytest.mark.parametrize("trusts", [True, False])
def test_our_own_client_comes_over_https(tls_emulator: Emulator, tls_files: Files,
                                         trusts: bool) -> None:
    environment = dict(os.environ)
    environment.pop("REQUESTS_CA_BUNDLE", None)
    environment.pop("CURL_CA_BUNDLE", None)
    if trusts:
        environment["REQUESTS_CA_BUNDLE"] = str(tls_files.authority)
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, tls_emulator.https_url, tls_emulator.account_id,
         tls_emulator.account_key], cwd=ROOT, timeout=40, capture_output=True, text=True,
        env=environment)
    assert done.returncode == 0, done.stderr
    assert ("Success" in done.stdout) == trusts, done.stdout
