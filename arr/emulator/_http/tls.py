"""TLS for connections. Imported only when there is a certificate: ``ssl`` is slow to import."""

from __future__ import annotations

import ssl
from pathlib import Path

from .messages import TlsFailed

_RECORD = 16_384  # bytes in one TLS record, at most


class Tls:
    """TLS of one connection, without its socket: bytes of the wire go in, bytes for it come out.

    The socket stays a plain one: stop() may shut it down from another thread at any instant, a
    reset closes it, a forked child drops it, and every wait has the deadline of the wire.
    """

    __slots__ = ("_incoming", "_outgoing", "_tls", "ready", "ended")

    def __init__(self, context: ssl.SSLContext) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.ready = False  # the handshake is complete
        self.ended = False  # the client has said that nothing more comes

    def decrypt(self, data: bytes) -> bytes:
        """Take bytes of the wire; return all that they hold. outgoing() may have more to send."""
        self._incoming.write(data)
        plain = bytearray()
        try:
            if not self.ready:
                self._tls.do_handshake()
                self.ready = True
            # Nothing stays inside: an empty buffer of the wire means that nothing has come.
            while not self.ended:
                piece = self._tls.read(_RECORD)
                plain += piece
                self.ended = not piece
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            raise TlsFailed(_explain(error, self.ready)) from None
        return bytes(plain)

    def encrypt(self, data: bytes) -> bytes:
        """Return a text as bytes for the wire."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._tls.write(rest):]
        return self._outgoing.read()

    def outgoing(self) -> bytes:
        """Return what the protocol itself has to send: handshake, alerts."""
        return self._outgoing.read()

    def farewell(self) -> bytes:
        """Return the bytes that say that nothing more comes."""
        try:
            self._tls.unwrap()
        except ssl.SSLError:
            pass  # it wants the client's farewell as well, and nobody waits for that
        return self._outgoing.read()


def server_context(certificate: str | Path, private_key: str | Path) -> ssl.SSLContext:
    """Return the context of a server with this certificate and key; ValueError if they are bad."""
    for name, path in (("certificate", certificate), ("private_key", private_key)):
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            raise ValueError(f"{name} {path} cannot be read: {error.strerror}; give a PEM file"
                             ) from None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])

    def ask() -> str:  # without this OpenSSL would ask on the terminal, and wait
        raise ValueError(f"private_key {private_key} is encrypted; write it without a password: "
                         f"openssl pkey -in {private_key} -out plain.key")

    try:
        context.load_cert_chain(certificate, private_key, ask)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError(f"private_key {private_key} does not belong to certificate "
                             f"{certificate}; give the key that the certificate was made for"
                             ) from None
        raise ValueError(f"certificate {certificate} and private_key {private_key} cannot be used "
                         f"({_reason(error)}); both must be PEM files, the server's certificate "
                         "first in its file") from None
    return context


def _explain(error: ssl.SSLError, ready: bool) -> str:
    if "ALERT" in (error.reason or "") and not ready:
        return (f"the client ended the TLS handshake ({_reason(error)}); "
                "most likely it does not trust the certificate")
    return f"it does not speak TLS as it must ({_reason(error)})"


def _reason(error: ssl.SSLError) -> str:
    return (error.reason or "unknown reason").lower().replace("_", " ")
