"""Protection from web pages: which Host and which Origin may talk to the emulator.

A page on the internet can make a browser send requests to this machine. A foreign Host header
means that a name of that page was pointed here (DNS rebinding); a foreign Origin on a request that
changes something means that the page itself sent it.
"""

from __future__ import annotations

import socket

from .messages import HttpError, Request


def is_loopback(host: str) -> bool:
    """Say whether a name or address can only mean this machine. Nothing is looked up."""
    if host in ("localhost", "::1") or host.endswith(".localhost"):
        return True
    return is_address(host) and ":" not in host and host.startswith("127.")


def is_address(host: str) -> bool:
    """Say whether it is an IP address in its plain form."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError, UnicodeError):
        return False
    return True


def check_host(request: Request, bound: str, allow_remote: bool) -> None:
    """Refuse a Host that is neither this machine nor, for remote clients, an address."""
    host = request.host
    # An address in Host never comes from rebinding: that needs a name.
    if is_loopback(host) or host == bound or (allow_remote and is_address(host)):
        return
    # HTTP/1.0 may come without a Host; no browser speaks it.
    if not host and "host" not in request.headers:
        return
    raise HttpError(421, "This emulator answers to localhost only; use its address as printed.")


def check_change(request: Request) -> None:
    """Refuse what a foreign page could have sent: a foreign Origin, or a body that is not JSON."""
    origin = request.headers.get("origin")
    if origin is not None and origin.lower() != "http://" + request.headers.get("host", "").lower():
        raise HttpError(403, "Pages of another origin may not change the emulator.")
    if request.method == "POST":
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HttpError(415, "Send 'Content-Type: application/json'.")
