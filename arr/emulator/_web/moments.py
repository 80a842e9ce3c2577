"""Writes points in time as the service of 2021 did: ``2022-02-02T00:25:03.1308115``, in UTC."""

from __future__ import annotations

import time

_FIRST, _END = -62_135_596_800.0, 253_402_300_799.0  # the years 1 to 9999


def format_moment(seconds: float) -> str:
    """Return seconds since the epoch without a zone, with the microseconds a float has."""
    if not _FIRST <= seconds < _END:
        seconds = 0.0  # a clock outside of the calendar
    whole = int(seconds)
    whole, micro = divmod(whole * 10**6 + round((seconds - whole) * 10**6), 10**6)
    year, month, day, hour, minute, second = time.gmtime(whole)[:6]
    decimals = f".{micro:06}".rstrip("0") if micro else ""
    return f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{decimals}"
