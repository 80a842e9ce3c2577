"""What the bodies of create, update and models/create may be, and how they are refused."""

from __future__ import annotations

import re

import pytest

from arr.emulator._http.lenient_json import loads

from ...support.emulator import Client

GOOD = b'{"maxLeaseTime":"1:0:0","size":"small"}'


@pytest.mark.parametrize("text, value", [
    (b"{'a': 'b'}", {"a": "b"}),
    (b"""{'a"b': 'it\\'s "so"', "c'd": "x\\"y'z"}""", {'a"b': 'it\'s "so"', "c'd": 'x"y\'z'}),
    (b"{a: 1, b: [1, -2.5e1, true, false, null, {}, []],}",
     {"a": 1, "b": [1, -25.0, True, False, None, {}, []]}),
    (b'\xef\xbb\xbf {"a":"\\u00e9\\ud83d\\ude00\xc3\xa9"} \r\n', {"a": "\xe9\U0001f600\xe9"}),
    (b"'\\\\'", "\\"),
    (b'"line\nbreak"', "line\nbreak"),
])
def test_lenient_json_is_read(text: bytes, value: object) -> None:
    assert loads(text) == value


@pytest.mark.parametrize("text", [
    b"", b"  ", b"{", b"}", b"{'a'}", b"{'a':}", b"{'a':1", b"{'a':1 'b':2}", b"[1", b"[,]",
    b"{,}", b"'a", b'"a', b"'a\\'", b"{}{}", b"{} x", b"NaN", b"Infinity", b"-Infinity", b"1e",
    b"01", b"+1", b"0x10", b"9" * 65, b"[" * 100_000, b"{'a':" * 100_000, b"\xff\xfe", b"\xc3",
    b'"\\ud800"', b"'\\u12'", b'"\\x"', b"__import__('os')", b"()", b"{'a': (1)}", b"\x00",
    b"1 1", b"undefined",
])
def test_bad_json_is_refused_with_a_reason(text: bytes) -> None:
    with pytest.raises(ValueError) as caught:
        loads(text)
    assert str(caught.value).startswith("the body is not")
    assert len(str(caught.value)) < 200


def test_a_large_body_of_small_values_is_read_whole() -> None:
    assert loads(b"[" + b"0," * 200_000 + b"0]") == [0] * 200_001
    assert len(loads(b'"' + b"\\n" * 400_000 + b'"')) == 400_000


@pytest.mark.parametrize("body", [
    b"", b"{}", b"[]", b"null", b"'x'", b"{", b"\xff", b"[" * 100_000, b"NaN",
    b'{"maxLeaseTime":"1:0:0"}', b'{"size":"small"}',
    b'{"maxLeaseTime":4,"size":"small"}', b'{"maxLeaseTime":null,"size":"small"}',
    b'{"maxLeaseTime":"","size":"small"}', b'{"maxLeaseTime":"4","size":"small"}',
    b'{"maxLeaseTime":"0:0:0","size":"small"}', b'{"maxLeaseTime":"-1:0:0","size":"small"}',
    b'{"maxLeaseTime":"1:60:0","size":"small"}', b'{"maxLeaseTime":"1:0:0:0","size":"small"}',
    b'{"maxLeaseTime":"9999999999:0:0","size":"small"}',
    b'{"maxLeaseTime":"99999999.0:0:0","size":"small"}',
    b'{"maxLeaseTime":"\xd9\xa1:0:0","size":"small"}',
    b'{"maxLeaseTime":"1:0:0","size":"tiny"}', b'{"maxLeaseTime":"1:0:0","size":1}',
    b'{"maxLeaseTime":"1:0:0","size":""}', b'{"maxLeaseTime":"1:0:0","size":["small"]}',
    b'{"maxLeaseTime":"1:0:0","size":"small","models":"x"}',
    b'{"maxLeaseTime":"1:0:0","size":"small","models":[1]}',
])
def test_a_bad_create_is_400_and_says_why(client: Client, body: bytes) -> None:
    answer = client.call("POST", "/sessions/create", body)
    assert answer.status == 400, answer.body
    assert re.fullmatch("(size|models|maxLeaseTime|The body) .*[.]", answer.json()["error"])
    assert answer.headers["MS-CV"]
    assert client.call("GET", "/sessions").json() == {"sessions": []}


@pytest.mark.parametrize("body", [
    GOOD, GOOD.replace(b'"', b"'"), b'{"MaxLeaseTime":"1.2:3:4","SIZE":"Big"}',
    b'{"maxLeaseTime":"1:0:0","size":"small","models":null,"AdditionalParameter":{"x":[1]}}',
    b'{"maxLeaseTime":"1:0:0","size":"small","models":["https://a/b?sig=c"]}',
])
def test_a_good_create_is_accepted_in_all_its_forms(client: Client, body: bytes) -> None:
    assert client.call("POST", "/sessions/create", body).status == 202


@pytest.mark.parametrize("body", [b"", b"{}", b"'", b'{"maxLeaseTime":5}', b'{"maxLeaseTime":"x"}'])
def test_a_bad_update_is_400(client: Client, body: bytes) -> None:
    session_id = client.create()
    assert client.call("PATCH", "/sessions/" + session_id, body).status == 400


@pytest.mark.parametrize("name", ["modelName", "modelUrl", "assetContainerUrl"])
@pytest.mark.parametrize("value", [None, "", "  ", 1, ["x"], "x" * 9000])
def test_a_bad_model_is_400_and_names_the_field(client: Client, name: str, value: object) -> None:
    body: dict[str, object] = {"modelName": "m", "modelUrl": "u", "assetContainerUrl": "a"}
    body[name] = value
    answer = client.call("POST", "/models/create", body)
    assert answer.status == 400 and name in answer.json()["error"]
    body[name] = "x" * 8192
    assert client.call("POST", "/models/create", body).status == 200
    body[name] = "x" * 8193
    answer = client.call("POST", "/models/create", body)
    assert answer.status == 400
    assert answer.json()["error"] == name + " is longer than 8192 characters."
