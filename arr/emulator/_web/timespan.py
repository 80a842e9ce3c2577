"""Reads and writes lease times: ``[d.]h:m:s`` in requests, ``[d.]hh:mm:ss`` in replies."""

from __future__ import annotations

import re

# .NET's TimeSpan, which the service used, ends here.
_MAX_SECONDS = 10_675_199 * 86_400
_FORM = re.compile(r"(?:([0-9]{1,8})\.)?([0-9]{1,10}):([0-9]{1,2}):([0-9]{1,2})")


def parse_timespan(text: object) -> int:
    """Return the seconds of a time such as ``4:0:0`` or ``1.02:00:00``; raise ValueError else."""
    match = _FORM.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise ValueError("must be a time of the form [d.]h:m:s, such as '4:0:0'")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    if minutes > 59 or seconds > 59:
        raise ValueError("has more than 59 minutes or seconds")
    if hours > 23:
        # .NET reads '25:00:00' as 25 days. What the service did with it, nobody can know.
        raise ValueError("has more than 23 hours: write days in front, as in "
                         f"'{days + hours // 24}.{hours % 24}:{minutes}:{seconds}'")
    total = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    if total > _MAX_SECONDS:
        raise ValueError("is longer than 10675199 days")
    return total


def format_timespan(seconds: float) -> str:
    """Return whole seconds as ``hh:mm:ss``, with days in front when there are any."""
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    if hours < 24:
        return f"{hours:02}:{minute:02}:{second:02}"
    days, hour = divmod(hours, 24)
    return f"{days}.{hour:02}:{minute:02}:{second:02}"
