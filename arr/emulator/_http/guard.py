"""Protects the emulator from web pages: checks the headers Host and Origin.

A page on the internet can make a browser send requests to this machine. A foreign Host header
means that a name of that page was pointed here (DNS rebinding); a foreign Origin on a request that
changes something means that the page itself sent it.
"""

from __future__ import annotations

from .._arguments import is_address, is_loopback
from .messages import HttpError, Request


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
    own = ("https://" if request.secure else "http://") + request.headers.get("host", "")
    if origin is not None and origin.lower() != own.lower():
        raise HttpError(403, "Pages of another origin may not change the emulator.")
    if request.method == "POST":
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise HttpError(415, "Send 'Content-Type: application/json'.")
