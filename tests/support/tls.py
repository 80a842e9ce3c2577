"""Clients that speak TLS with an emulator and trust its authority only."""

from __future__ import annotations

import http.client
import socket
import ssl
from pathlib import Path

from arr.emulator import Emulator

from .emulator import LIMIT, Client


def trusting(authority: Path) -> ssl.SSLContext:
    """Return the context of a client that trusts this authority and no other."""
    return ssl.create_default_context(cafile=str(authority))


class TlsClient(Client):
    """The plain client of one account, over TLS."""

    def __init__(self, emulator: Emulator, authority: Path) -> None:
        super().__init__(emulator)
        self.context = trusting(authority)
        self.connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            "127.0.0.1", self.port, timeout=LIMIT, context=self.context)

    def __enter__(self) -> TlsClient:
        return self

    def connect(self, name: str = "127.0.0.1") -> ssl.SSLSocket:
        """Return a connection of its own; an end without a farewell is an error there."""
        plain = socket.create_connection(("127.0.0.1", self.port), LIMIT)
        try:
            return self.context.wrap_socket(plain, server_hostname=name,
                                            suppress_ragged_eofs=False)
        except BaseException:
            plain.close()
            raise
