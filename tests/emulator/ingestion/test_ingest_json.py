"""JSON and data: URIs at their edges: sizes, digits, the types of fields, windows that end."""

from __future__ import annotations

import json
from typing import Any, Callable

import pytest

from arr.emulator._ingestion import json_stream, strict_json
from arr.emulator._ingestion.formats import data_uri as _data_uri
from arr.emulator._ingestion.json_stream import JsonStream
from arr.emulator._ingestion.refusals import IngestionError
from arr.emulator._ingestion.spool import Spool
from arr.emulator._ingestion.strict_json import Fields, load_json


def refused(act: Callable[..., object], *arguments: Any, **options: Any) -> str:
    with pytest.raises(IngestionError) as caught:
        act(*arguments, **options)
    return str(caught.value)


def streamed(data: bytes) -> Any:
    """Return the value that a stream reads, alone in it."""
    with Spool() as spool:
        stream = JsonStream(spool, spool.add("", [data]).span, "It")
        value = stream.value()
        stream.finish()
        return value


# -- texts -----------------------------------------------------------------------------------


def test_a_number_has_at_most_20_digits() -> None:
    assert load_json(b"1" * 20, "It") == int("1" * 20)
    assert "too many digits" in refused(load_json, b"1" * 21, "It")


@pytest.mark.parametrize("load", [lambda data: load_json(data, "It"), streamed])
@pytest.mark.parametrize("data, limit, most, reason", [
    (b"[1, 2]", "MAX_JSON_BYTES", 6, "It has 6 bytes of JSON; 5 bytes is the limit."),
    (b'[{}, "x"]', "MAX_JSON_OBJECTS", 2, "It holds more than 1 JSON objects and lists."),
    (b'[{}, "x"]', "MAX_JSON_VALUES", 3, "It holds more than 2 JSON values."),
    (b"[[],[],1]", "MAX_JSON_VALUES", 5, "It holds more than 4 JSON values.")])
def test_a_text_may_reach_each_limit(
        monkeypatch: pytest.MonkeyPatch, load: Callable[[bytes], object], data: bytes, limit: str,
        most: int, reason: str) -> None:
    monkeypatch.setattr(strict_json, limit, most)
    assert load(data) == json.loads(data)
    monkeypatch.setattr(strict_json, limit, most - 1)
    assert refused(load, data) == reason


@pytest.mark.parametrize("load", [lambda data: load_json(data, "It"), streamed])
@pytest.mark.parametrize("data, reason", [
    (b"\xef\xbb\xbf[1]", ""), (b"\xef\xbb\xbf[\xff]", "It is not UTF-8 text: invalid byte at "),
    (b"[1,\xff]", "It is not UTF-8 text: invalid byte at offset 3."),
    (b"[" * 100_000, "It is nested too deeply to be read."),
    (b"[Infinity]", "It is not valid JSON: Infinity is not a JSON number."),
    (b"[1] 2", "It is not valid JSON: "), (b"\xef\xbb", "It is not UTF-8 text: "),
    (b"", "It is not valid JSON: ")])
def test_a_text_is_json_in_utf_8(
        load: Callable[[bytes], object], data: bytes, reason: str) -> None:
    if reason:
        assert refused(load, data).startswith(reason)
    else:
        assert load(data) == [1]


@pytest.mark.parametrize("size", range(1, 8))
@pytest.mark.parametrize("text", [
    "1", "-1", "1e5", "1e+5", "1E-57", "1.5", "-1.25e-300", "0.5e+0", "12345678", "[1e+5]",
    "[1.5e-5, 1e+10 ]", " true ", '"e+"', "[1,2e+3,-4]"])
def test_a_number_goes_on_in_the_next_window(
        monkeypatch: pytest.MonkeyPatch, size: int, text: str) -> None:
    monkeypatch.setattr(json_stream, "CHUNK", size)
    assert streamed(text.encode()) == json.loads(text)


# -- fields ----------------------------------------------------------------------------------


@pytest.mark.parametrize("value, low, high, reason", [
    (0, 0, 9, ""), (9, 0, 9, ""), (9.0, 0, 9, ""), (1 << 53, 0, 1 << 53, ""),
    (-1, 0, 9, "an integer between 0 and 9, not -1."),
    (10, 0, 9, "an integer between 0 and 9, not 10."),
    (0, 1, 1 << 53, "an integer from 1, not 0."),
    (1.5, 0, 9, "an integer between 0 and 9, not 1.5."),
    (True, 0, 9, "an integer between 0 and 9, not true."),
    ("1", 0, 9, "an integer between 0 and 9, not '1'."),
    ((1 << 53) + 1, 0, 1 << 53, "an integer from 0, not 9007199254740993.")])
def test_an_integer_lies_between_its_limits(
        value: object, low: int, high: int, reason: str) -> None:
    fields = Fields({"a": value}, "it")
    if reason:
        assert refused(fields.integer, "a", low=low, high=high) == f"it.a must be {reason}"
    else:
        assert repr(fields.integer("a", low=low, high=high)) == str(int(value))  # type: ignore


def test_what_is_missing_has_a_default_or_is_refused() -> None:
    fields = Fields({}, "it")
    assert fields.integer("a", 0) == 0 and fields.text("a", "") == "" and not fields.flag("a")
    assert fields.array("a") == [] and fields.child("a") is None and fields.numbers("a", 3) is None
    assert list(fields.children("a")) == [] and "a" not in fields
    assert refused(fields.integer, "a") == "it.a must be an integer from 0, but it is missing."
    assert refused(fields.text, "a") == "it.a must be a string, but it is missing."


@pytest.mark.parametrize("value, reason", [
    ([1, 2.5], ""), ([1], "must be a list of 2 numbers, not a list."),
    ([1, 2, 3], "must be a list of 2 numbers, not a list."),
    (3, "must be a list of 2 numbers, not 3."),
    ([1, True], "must hold finite numbers only, not true."),
    ([1, "2"], "must hold finite numbers only, not '2'."),
    ([float("nan"), 1], "must hold finite numbers only, not nan."),
    ([1, float("-inf")], "must hold finite numbers only, not -inf."),
    ([1, 1 << 1024], f"must hold finite numbers only, not {str(1 << 1024)[:117]}...."),
    ([1.7976931348623157e308, -1.7976931348623157e308], "")])
def test_a_list_of_numbers_is_finite_and_complete(value: Any, reason: str) -> None:
    fields = Fields({"a": value}, "it")
    if reason:
        assert refused(fields.numbers, "a", 2) == f"it.a {reason}"
    else:
        assert repr(fields.numbers("a", 2)) == repr(tuple(map(float, value)))


def test_the_place_of_a_field_is_told() -> None:
    fields = Fields({"a": {"b": [{}, 1]}, "c": 1}, "it")
    inner = fields.child("a")
    assert inner is not None and inner.where == "it.a"
    assert refused(lambda: list(inner.children("b"))) == "it.a.b[1] must be a JSON object, not 1."
    assert refused(fields.child, "c") == "it.c must be a JSON object, not 1."
    assert refused(fields.array, "c") == "it.c must be a list, not 1."
    assert refused(fields.flag, "c") == "it.c must be true or false, not 1."


# -- data: URIs ------------------------------------------------------------------------------


def decoded(uri: str) -> bytes:
    return b"".join(_data_uri.decode_data_uri(uri, "it"))


@pytest.mark.parametrize("uri, data", [
    ("data:,a%20b,c", b"a b,c"), ("data:,", b""), ("data:;base64,", b""),
    ("data:x/y;BASE64,YQ==", b"a"), ("data:;base64,YWI%3d", b"ab"), ("data:;base64,%2B%2f8=",
                                                                     b"\xfb\xff"),
    ("data:xbase64,YQ==", b"YQ==")])
def test_a_data_uri_is_decoded(uri: str, data: bytes) -> None:
    assert decoded(uri) == data


@pytest.mark.parametrize("uri, reason", [
    ("data:", "a data: URI without a comma."), ("data:;base64", "a data: URI without a comma."),
    ("data:;base64,Y", "not valid base64: one character too many ends it."),
    ("data:;base64,YQ=", "not valid base64: 2 of = would have to end it, not 1."),
    ("data:;base64,YQ", "not valid base64: 2 of = would have to end it, not 0."),
    ("data:;base64,YQ===", "not valid base64: it holds '=', and base64 consists of letters, "
     "digits, + and /, with = at the end only."),
    ("data:;base64,YWJj=", "not valid base64: 0 of = would have to end it, not 1."),
    ("data:;base64,YW,j", "not valid base64: it holds ',', and base64 consists of letters, "
     "digits, + and /, with = at the end only.")])
def test_a_data_uri_that_is_wrong_says_why(uri: str, reason: str) -> None:
    assert refused(decoded, uri) == f"it is {reason}"


def test_a_data_uri_with_escapes_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_data_uri, "MAX_ESCAPED_BYTES", 10)
    assert decoded("data:text/plain," + "x" * 10) == b"x" * 10
    assert refused(decoded, "data:text/plain," + "x" * 11) == (
        "it is a data: URI of 11 bytes that is not base64.")
