"""JSON as the service took it: what is read, and what is refused with which reason."""

from __future__ import annotations

from typing import Any

import pytest

from arr.emulator._http.lenient_json import dumps, loads


@pytest.mark.parametrize("text, value", [
    ("{'a': 'b'}", {"a": "b"}), ("{a: 1, $b_1.c-d: 2}", {"a": 1, "$b_1.c-d": 2}),
    ("{1: 2}", {"1": 2}), ("{true : 1}", {"true": 1}), ('{"a":1,}', {"a": 1}), ("[1,2,]", [1, 2]),
    ("[[1,],]", [[1]]), ("[{},]", [{}]), ("[[],]", [[]]),
    ("'it\\'s \"so\"'", "it's \"so\""), ('"a\\"b\'c"', "a\"b'c"), ("'\\\\'", "\\"),
    ("'a\\nb'", "a\nb"), ("'\\u0041\\ud83d\\ude00'", "A\U0001f600"), ("'a\nb'", "a\nb"),
    ("-1.5e+3", -1500.0), ("0", 0), ("-0.25", -0.25), ("1E2", 100.0), (" true ", True),
    ("\ufeff null", None), ("'\u00e9'", "\u00e9"), ("1" * 64, int("1" * 64))])
def test_lenient_json_is_read(text: str, value: Any) -> None:
    assert loads(text.encode()) == value


@pytest.mark.parametrize("text, reason", [
    ("", "expecting value at its token 1"), ("[1 2]", "expecting ',' delimiter at its token 3"),
    ("{,}", "at its token 2"), ("[[,]]", "at its token 3"), ("[{,}]", "at its token 3"),
    ("[,]", "at its token 2"), ("[1,,2]", "at its token 4"),
    ("[1]]", "extra data at its token 4"), ("{'a'}", "at its token 3"),
    ("yes", "'yes' is no number"), ("01", "'01' is no number"), ("1.", "is no number"),
    ("+1", "is no number"), (".5", "is no number"), ("NaN", "is no number"),
    ("Infinity", "is no number"), ("1" * 65, "'" + "1" * 20 + "' is no number"),
    ("[1, #]", "something unreadable at character 3"), ("'a", "unreadable at character 0"),
    ("'\\ud800'", "half a character"), ("'\\x'", "invalid \\escape"),
    ("/*", "unreadable at character 0")])
def test_other_text_is_refused_with_its_place(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as caught:
        loads(text.encode())
    assert reason in str(caught.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(ValueError, match="not UTF-8 .byte 2"):
        loads(b"'a\xff'")


def test_32_levels_are_read_and_33_refused() -> None:
    text = b"[" * 32 + b"]" * 32
    assert dumps(loads(text)) == text
    assert loads(b"[" + b"[[]]," * 40 + b"]") == [[[]]] * 40  # levels are left again
    with pytest.raises(ValueError, match="more than 32 levels"):
        loads(b"{a:" * 33 + b"1" + b"}" * 33)


def test_compact_ascii_is_written() -> None:
    assert dumps({"a": ["\u00e9", 1]}) == b'{"a":["\\u00e9",1]}'
