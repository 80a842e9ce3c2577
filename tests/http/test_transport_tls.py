"""TLS and proxies: certificates are always checked, and a proxy never sees a token."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any, Iterator, List

import pytest

from arr import ARRIngestionSessionStatus, ARRResult, AzureFrontend
from arr._account import Account
from arr._http.transport import Transport
from arr.emulator import Emulator

from ..support.fault_server import (
    LIMIT, FaultServer, Gone, Request, Wire, kept, raw, reply, script,
)
from ..support.rig import (
    ACCESS_TOKEN, CASE, CASES, KEY, Rig, finish, good, static_account,
)

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
HERE = Path(__file__).parent


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


class Certificates:
    """An authority, and certificates of it for this address and for another name.

    The expired one is a file, with an authority of its own: some versions of openssl make none.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.authority = str(directory / "ca.pem")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", "/CN=test authority", "-addext",
                "keyUsage=critical,keyCertSign,cRLSign", "-keyout", str(directory / "ca.key"),
                "-out", self.authority)
        self.right = self._leaf("right", "IP:127.0.0.1,DNS:localhost")
        self.wrong_name = self._leaf("wrong", "DNS:example.com")
        self.expired = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.expired.load_cert_chain(str(HERE / "expired.pem"))
        own = directory / "own.pem"
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                "-keyout", str(directory / "own.key"), "-out", str(own))
        self.self_signed = self._context("own")
        self.trusted = str(directory / "trusted.pem")
        Path(self.trusted).write_text(
            Path(self.authority).read_text("ascii")
            + (HERE / "expired_authority.pem").read_text("ascii"), "ascii")

    def _leaf(self, name: str, alternatives: str) -> ssl.SSLContext:
        directory = self.directory
        request, extensions = directory / f"{name}.csr", directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\nbasicConstraints=CA:FALSE\n"
                              "authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                "/CN=leaf", "-keyout", str(directory / f"{name}.key"), "-out", str(request))
        openssl("x509", "-req", "-in", str(request), "-CA", self.authority, "-CAkey",
                str(directory / "ca.key"), "-CAcreateserial", "-days", "2", "-extfile",
                str(extensions), "-out", str(directory / f"{name}.pem"))
        return self._context(name)

    def _context(self, name: str) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(self.directory / f"{name}.pem"),
                                str(self.directory / f"{name}.key"))
        return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def trusting(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", certificates.trusted)
    return certificates


def test_a_certificate_of_a_trusted_authority_is_accepted(trusting: Certificates) -> None:
    with Rig(good, tls=trusting.right) as rig:
        for case in CASES:
            assert rig.run(case).result == ARRResult.Success
        assert rig.server.connections == 1


@pytest.mark.parametrize("size", [10, 9_000, 100_000])
def test_bytes_behind_a_reply_are_not_the_next_calls_reply(
        trusting: Certificates, size: int) -> None:
    """Trap 20: they wait inside the TLS object, where a look at the socket does not see them."""
    evil = reply({"status": "Failure", "x": "y" * size})
    with Rig(script(kept(reply({"status": "Running"}) + evil), good), tls=trusting.right) as rig:
        assert rig.run(CASE["ingestion"]).result == ARRResult.Success
        operation = rig.begin(CASE["ingestion"])
        rig.settle(operation)
        assert operation.result == ARRIngestionSessionStatus.Running
        assert [request.connection for request in rig.server.requests] == [1, 2]


@pytest.mark.parametrize("kind", ["self_signed", "wrong_name", "expired"])
def test_a_wrong_certificate_is_refused_before_anything_is_sent(
        kind: str, trusting: Certificates) -> None:
    with Rig(good, tls=getattr(trusting, kind)) as rig:
        for case in CASES:
            context = rig.run(case)
            assert context.result == ARRResult.NoServerCertificate
            assert "the certificate of 127.0.0.1:" in context.error_message
        assert rig.server.requests == [] and rig.rests == 0


def test_the_expired_certificate_is_wrong_in_nothing_else(certificates: Certificates) -> None:
    client = ssl.create_default_context(cafile=certificates.trusted)
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname="127.0.0.1")
    far = certificates.expired.wrap_bio(to_server, to_client, server_side=True)
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        for side in (near, far, near):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                pass
    assert refused.value.verify_code == 10  # X509_V_ERR_CERT_HAS_EXPIRED


def test_an_unknown_authority_is_refused(certificates: Certificates) -> None:
    with Rig(good, tls=certificates.right) as rig:
        assert rig.run(CASE["list"]).result == ARRResult.NoServerCertificate
        assert rig.server.requests == []


def test_the_authorities_are_those_of_the_environment_at_construction(
        trusting: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with Rig(good, tls=trusting.right) as rig:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "another"))
        assert rig.run(CASE["list"]).result == ARRResult.Success
    for content in (None, "no certificate"):
        if content:
            (tmp_path / "another").write_text(content)
        with Rig(good, tls=trusting.right) as rig:
            context = rig.run(CASE["list"])
            assert context.result == ARRResult.NoServerCertificate
            assert "REQUESTS_CA_BUNDLE" in context.error_message


def test_the_authorities_may_lie_in_a_directory(
        certificates: Certificates, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path))
    for name, result in (("", ARRResult.NoServerCertificate), ("0", ARRResult.Success)):
        if name:
            hashed = subprocess.run(
                ["openssl", "x509", "-hash", "-noout", "-in", certificates.authority],
                check=True, capture_output=True, text=True, timeout=60).stdout.strip()
            shutil.copy(certificates.authority, tmp_path / f"{hashed}.{name}")
        with Rig(good, tls=certificates.right) as rig:
            assert rig.run(CASE["list"]).result == result


def test_the_authorities_are_loaded_once(
        trusting: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    loads: List[Any] = []
    real = ssl.SSLContext.load_verify_locations

    def counting(self: ssl.SSLContext, *args: Any, **kwargs: Any) -> None:
        loads.append(args)
        real(self, *args, **kwargs)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", counting)
    closing = raw(reply({"sessions": []}, 200, "Connection: close"))
    with FaultServer(closing, tls=trusting.right) as server:
        frontend = AzureFrontend(static_account(server.url))
        for _ in range(3):
            operation = frontend.get_current_rendering_sessions_async()
            assert finish(operation).result == ARRResult.Success
        assert server.connections == 3 and len(loads) == 1


def test_plain_text_on_the_tls_port_is_no_connection(trusting: Certificates) -> None:
    def connected(wire: Wire) -> None:
        wire.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        wire.fin()

    with FaultServer(good, connected=connected) as server:
        frontend = AzureFrontend(static_account(server.url.replace("http:", "https:")))
        context = finish(frontend.get_current_rendering_sessions_async())
        assert context.result == ARRResult.NoConnection
        assert "may speak http, not https" in context.error_message


def test_the_deadline_cuts_a_tls_handshake_that_drips(trusting: Certificates) -> None:
    rigs: List[Rig] = []
    gone: List[bool] = []

    def connected(wire: Wire) -> None:
        wire.drip(b"\x16\x03\x03\x40\x00\x02\x00")
        rigs[0].clock.advance(100)
        try:
            wire.until_gone()
        except Gone:  # and not the end of the server's own patience
            gone.append(True)

    with FaultServer(good, connected=connected) as server, Rig(good) as rig:
        rigs.append(rig)
        rig.frontend = AzureFrontend(
            static_account(server.url.replace("http:", "https:")), executor=rig.executor,
            clock=rig.clock, timeout=(25, 10))  # longer than the server's own patience
        for case in ("list", "create"):
            assert rig.run(CASE[case]).result == ARRResult.Timeout
    assert gone == [True, True]


def test_the_deadline_cuts_a_reply_that_drips_over_tls(trusting: Certificates) -> None:
    rigs: List[Rig] = []

    def answer(wire: Wire, request: Request) -> None:
        wire.drip(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{", 0.001)
        rigs[0].clock.advance(100)
        wire.until_gone()

    with Rig(answer, tls=trusting.right) as rig:
        rigs.append(rig)
        for case in CASES:
            assert rig.run(case).result == ARRResult.Timeout


# -- proxies --------------------------------------------------------------------------------------

class Proxy:
    """A CONNECT proxy: reads one request, and leads every tunnel to one port of this machine."""

    def __init__(self, port: int, reply: bytes = b"HTTP/1.1 200 OK\r\n\r\n") -> None:
        self.heads: List[bytes] = []
        self._target = port
        self._reply = reply
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:proxy-password@127.0.0.1:{self._listener.getsockname()[1]}"
        self._sockets: List[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        client.settimeout(LIMIT)
        self._sockets.append(client)
        try:
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(65536)
            self.heads.append(head)
            client.sendall(self._reply)
            if b" 200 " not in self._reply:
                client.close()
                return
            server = socket.create_connection(("127.0.0.1", self._target), LIMIT)
            self._sockets.append(server)
            threading.Thread(target=self._pump, args=(server, client), daemon=True).start()
            self._pump(client, server)
        except OSError:
            client.close()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                sink.sendall(data)
        except OSError:
            pass
        for each in (source, sink):
            each.close()

    def close(self) -> None:
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for each in self._sockets:
            try:
                each.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            each.close()


PROXY_NAMES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy",
               "NO_PROXY", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in PROXY_NAMES:
        monkeypatch.delenv(name, raising=False)
    yield


def test_calls_to_this_machine_go_through_no_proxy(
        trusting: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy(1)
    for name in PROXY_NAMES[:6]:
        monkeypatch.setenv(name, proxy.url)
    for tls in (None, trusting.right):
        with Rig(good, tls=tls) as rig:
            assert rig.run(CASE["list"]).result == ARRResult.Success
    assert proxy.heads == []
    proxy.close()


def through_proxy(url: str, monkeypatch: pytest.MonkeyPatch, proxy: Proxy) -> AzureFrontend:
    """A frontend for this port by a name that is not this machine's, so that the proxy is used."""
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    return AzureFrontend(static_account("https://far.example:" + url.rpartition(":")[2]))


def test_through_a_proxy_the_certificate_is_checked_against_the_host(
        trusting: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultServer(good, tls=trusting.right) as server:
        proxy = Proxy(server.port)
        frontend = through_proxy(server.url, monkeypatch, proxy)
        context = finish(frontend.get_current_rendering_sessions_async())
        assert context.result == ARRResult.NoServerCertificate
        assert server.requests == []
        assert proxy.heads[0].startswith(b"CONNECT far.example:")
        assert ACCESS_TOKEN.encode() not in b"".join(proxy.heads)
        assert "proxy-password" not in context.error_message
        proxy.close()


def test_through_a_proxy_a_right_certificate_is_accepted(
        certificates: Certificates, trusting: Certificates,
        monkeypatch: pytest.MonkeyPatch) -> None:
    far = certificates._leaf("far", "DNS:far.example")
    with FaultServer(good, tls=far) as server:
        proxy = Proxy(server.port)
        frontend = through_proxy(server.url, monkeypatch, proxy)
        for _ in range(3):
            context = finish(frontend.get_current_rendering_sessions_async())
            assert context.result == ARRResult.Success, context
        assert len(proxy.heads) == 1 and b"Proxy-Authorization: Basic" in proxy.heads[0].replace(
            b"proxy-authorization: ", b"Proxy-Authorization: ")
        assert server.requests[0].path.startswith("/v1/")
        frontend.dispose()
        proxy.close()


def test_a_proxy_that_refuses_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = Proxy(1, b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
    frontend = through_proxy("x:443", monkeypatch, proxy)
    context = finish(frontend.get_current_rendering_sessions_async())
    assert context.result == ARRResult.NoConnection
    assert "proxy-password" not in repr(context)
    proxy.close()


@pytest.mark.parametrize("text", ["http://[", "gopher://x:1", "://", "http://", "http://a..b:1"])
def test_a_proxy_that_cannot_be_used_fails_calls_and_not_the_program(
        text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", text)
    frontend = AzureFrontend(static_account("https://far.invalid:1"), timeout=(0.2, 0.2))
    context = finish(frontend.get_current_rendering_sessions_async())
    assert context.result == ARRResult.NoConnection
    expected = ("the name far.invalid:1 is not known" if text == "http://a..b:1" else
                "the proxy in HTTPS_PROXY or ALL_PROXY cannot be used to reach https://far.invalid")
    assert expected in context.error_message


def test_the_proxies_are_read_once_and_no_proxy_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "sts.westus2.mixedreality.azure.com")
    from arr import AzureFrontendAccountInfo

    account = Account(AzureFrontendAccountInfo(account_id="x", account_key=KEY))
    transport = Transport((account.sts_url, account.service_url), (5, 30), 4)
    assert dict(transport._adapter._proxies) == {
        account.sts_url: None, account.service_url: "http://proxy.example:3128"}


def test_https_to_a_plain_port_says_what_the_other_side_may_speak(trusting: Certificates) -> None:
    with Emulator() as emulator:
        account = static_account(emulator.url.replace("http:", "https:"))
        context = finish(AzureFrontend(account).get_current_rendering_sessions_async())
    assert context.result == ARRResult.NoConnection
    assert "the other side may speak http, not https" in context.error_message
