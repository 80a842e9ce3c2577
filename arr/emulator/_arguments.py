"""Checks values from outside: types and bounds of arguments, and which hosts are this machine."""

from __future__ import annotations

import re
import socket

_PATTERN = re.compile(r"(?:\*\.)?[A-Za-z0-9._-]+|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
# Nothing but labels in front: "evil.com/.localhost" is no name.
_LOCALHOST = re.compile(r"(?:[a-z0-9_-]+\.)*localhost")


def must_be(name: str, kind: str, value: object) -> TypeError:
    """Return the error of a value of another type."""
    return TypeError(f"{name} must be {kind}, not {type(value).__name__}")


def text(name: str, value: object) -> str:
    """Return a str; raise TypeError for anything else."""
    if not isinstance(value, str):
        raise must_be(name, "a str", value)
    return value


def flag(name: str, value: object) -> bool:
    """Return a bool; raise TypeError for anything else."""
    if not isinstance(value, bool):
        raise must_be(name, "a bool", value)
    return value


def whole(name: str, value: object, least: int, most: int) -> int:
    """Return an int within bounds; raise TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise must_be(name, "an int", value)
    if not least <= value <= most:
        raise ValueError(f"{name} must be between {least} and {most}")
    return value


def whole_or_none(name: str, value: object, least: int, most: int) -> int | None:
    """Return an int within bounds, or None; raise TypeError or ValueError."""
    return None if value is None else whole(name, value, least, most)


def number(name: str, value: object, least: float, most: float) -> float:
    """Return an int or float within bounds as a float; raise TypeError or ValueError."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise must_be(name, "a number", value)
    if not least <= value <= most:
        raise ValueError(f"{name} must be between {least:g} and {most:g}")
    return float(value)


def host_patterns(name: str, value: object) -> tuple[str, ...]:
    """Return names of hosts, each perhaps with ``*.`` in front; raise TypeError or ValueError."""
    if isinstance(value, str) or not isinstance(value, (list, tuple, set, frozenset)):
        raise must_be(name, "a list of host names", value)
    for host in value:
        if not _PATTERN.fullmatch(text(name, host)):
            raise ValueError(f"{name} must hold host names such as 'example.com' or "
                             f"'*.example.com', without scheme, port and path, not {host!r:.80}")
    return tuple(value)


def is_loopback(host: str) -> bool:
    """Say whether a name or an address, without brackets, always means this machine.

    Nothing is looked up. Addresses count in their full form only: some programs read ``127.1`` and
    ``0177.0.0.1`` as this machine, others do not.
    """
    host = host.lower()
    if _LOCALHOST.fullmatch(host):
        return True
    if ":" in host:
        return _packed(socket.AF_INET6, host) == b"\0" * 15 + b"\1"
    return _packed(socket.AF_INET, host)[:1] == b"\x7f"


def is_address(host: str) -> bool:
    """Say whether it is an IP address in its full form."""
    return _packed(socket.AF_INET6 if ":" in host else socket.AF_INET, host) != b""


def _packed(family: int, host: str) -> bytes:
    """Return the bytes of an address, none for anything else."""
    try:
        return socket.inet_pton(family, host)
    except (OSError, ValueError, UnicodeError):
        return b""
