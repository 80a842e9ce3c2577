"""Reads JSON as the service did, with single quotes and bare names, and writes strict JSON.

The documented requests are single-quoted, so the strict parser of the standard library will not
do alone. Here each token is written anew as strict JSON has it; ``json.loads`` reads the whole.
"""

from __future__ import annotations

import json
import re
from typing import Any

_MAX_DEPTH = 32
_MAX_NUMBER = 64
_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
        ([{}\[\],:])
      | ("[^"\\]*(?:\\.[^"\\]*)*")
      | '([^'\\]*(?:\\.[^'\\]*)*)'
      | ([A-Za-z0-9_$+.\-]+)([ \t\r\n]*:)?
      | \Z
    )""",
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"true|false|null|-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_QUOTES = re.compile(r"""\\.|\"""", re.DOTALL)


def dumps(value: object) -> bytes:
    """Return compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode("ascii")


def loads(body: bytes) -> Any:
    """Return the value of lenient JSON; raise ValueError that says what is wrong and where."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the body is not UTF-8 (byte {error.start})") from None
    strict = " ".join(_strict(text))
    try:
        value = json.loads(strict, strict=False)
    except json.JSONDecodeError as error:
        what = error.msg[0].lower() + error.msg[1:]
        where = strict[:error.pos].count(" ") + 1
        raise ValueError(f"the body is not JSON: {what} at its token {where}") from None
    if "\\u" in strict:
        try:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:  # it could neither be logged nor sent back
            raise ValueError("the body is not JSON: half a character in a text") from None
    return value


def _strict(text: str) -> list[str]:
    """Return the tokens of a text as strict JSON has them; a comma before a closing mark goes."""
    tokens: list[str] = []
    at = depth = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"the body is not JSON: something unreadable at character {at}")
        at = match.end()
        mark, double, single, word, colon = match.groups()
        if mark is not None:
            depth += (mark in "{[") - (mark in "}]")
            if depth > _MAX_DEPTH:
                raise ValueError(f"the body is not JSON: more than {_MAX_DEPTH} levels")
            if mark in "}]" and tokens[-1:] == [","] and tokens[-2:-1] not in (["{"], ["["]):
                tokens.pop()
            tokens.append(mark)
        elif double is not None:
            tokens.append(double)
        elif single is not None:
            # The same text in double quotes: \' loses its mark, a bare " gets one.
            tokens.append('"' + _QUOTES.sub(_swap, single) + '"')
        elif word is not None:
            tokens += [f'"{word}"', ":"] if colon else [_checked(word)]
    return tokens


def _checked(word: str) -> str:
    if len(word) > _MAX_NUMBER or not _WORD.fullmatch(word):
        raise ValueError(f"the body is not JSON: {word[:20]!r} is no number, true, false or null")
    return word


def _swap(match: re.Match[str]) -> str:
    text = match.group()
    return {"\\'": "'", '"': '\\"'}.get(text, text)
