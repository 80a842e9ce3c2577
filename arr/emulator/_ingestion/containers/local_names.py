"""Connects to names below ``localhost`` without asking DNS, which often does not know them."""

from __future__ import annotations

import socket
from typing import Any, cast
from urllib.parse import urlsplit, urlunsplit

import requests
import requests.adapters

_ADDRESSES = ("127.0.0.1", "::1")
_SECONDS = 2.0


class LocalAdapter(requests.adapters.HTTPAdapter):
    """Sends requests for one name to this machine; the server sees the name, TLS checks it."""

    def __init__(self, host: str, scheme: str) -> None:
        # The pools of plain connections do not take these.
        self._names: Any = {"server_hostname": host, "assert_hostname": host} \
            if scheme == "https" else {}
        self._address = ""
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False,
                         **options: Any) -> None:
        cast(Any, super()).init_poolmanager(connections, maxsize, block, **self._names, **options)

    def send(self, request: requests.PreparedRequest, *arguments: Any,
             **options: Any) -> requests.Response:
        """Send a request to the address that listens."""
        parts = urlsplit(str(request.url))
        request.headers["Host"] = parts.netloc
        default = 443 if parts.scheme == "https" else 80
        self._address = self._address or _listening(parts.port or default)
        address = f"[{self._address}]" if ":" in self._address else self._address
        request.url = urlunsplit(parts._replace(netloc=f"{address}:{parts.port or default}"))
        return super().send(request, *arguments, **options)


def _listening(port: int) -> str:
    for address in _ADDRESSES:
        try:
            socket.create_connection((address, port), _SECONDS).close()
            return address
        except OSError:
            continue
    return _ADDRESSES[0]
