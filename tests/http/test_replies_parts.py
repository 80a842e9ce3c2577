"""The parts of a reply as values: JSON, waits, and texts fit for a log."""

from __future__ import annotations

from typing import Any, Optional

import pytest

from arr import ARRResult
from arr._http.replies import (
    MAX_RETRY_AFTER, Reply, advice, clean, error_text, failure_context, parse_json,
    parse_retry_after, scrub,
)
from arr._results import CallFailed

NOW = 1_577_836_800.0  # Wed, 01 Jan 2020 00:00:00 GMT


def test_a_reply_shows_its_size_and_not_its_body() -> None:
    assert repr(Reply(200, {"A": "secret"}, b"secret")) == "<Reply 200, 6 bytes>"


@pytest.mark.parametrize("body, value", [
    (b'{"a": [1, "\xc3\xa9"]}', {"a": [1, "\u00e9"]}), (b"\xef\xbb\xbf[1]", [1]),
    (b" null ", None)])
def test_json_is_read_with_or_without_its_mark(body: bytes, value: Any) -> None:
    assert parse_json(body, "it") == value


@pytest.mark.parametrize("body", [
    b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf[1]", b"{'a': 1}", b"[NaN]", b"[-Infinity]",
    b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_a_protocol_error(body: bytes) -> None:
    with pytest.raises(CallFailed) as caught:
        parse_json(body, "it")
    assert (caught.value.result, caught.value.detail) == (
        ARRResult.ProtocolError, "it is not JSON")


@pytest.mark.parametrize("text, seconds", [
    (None, None), ("3600", 3600.0), ("3599", 3599.0), ("0000000000015", 15.0),
    ("9" * 60_000, MAX_RETRY_AFTER), ("Wed, 01 Jan 2020 00:59:59 GMT", 3599.0),
    ("Wed, 01 Jan 2020 01:00:01 GMT", 3600.0)])
def test_a_wait_is_an_hour_at_most(text: Optional[str], seconds: Optional[float]) -> None:
    assert parse_retry_after({} if text is None else {"Retry-After": text}, NOW) == seconds


@pytest.mark.parametrize("text, cleaned", [
    (None, ""), ("", ""), (" a\tb\r\n", "a b"), ("\u202ea\x1b[31m", "a [31m"),
    ("x" * 200, "x" * 200), ("x" * 201, "x" * 200)])
def test_a_servers_text_is_one_short_printable_line(text: Optional[str], cleaned: str) -> None:
    assert clean(text) == cleaned


def test_secrets_go_out_of_a_text() -> None:
    assert scrub("a key and a key", ["", "key"]) == "a *** and a ***"


@pytest.mark.parametrize("body, text", [
    (b'{"error": "a"}', "a"), (b'{"error": {"message": "a", "code": "b"}}', "a"),
    (b'{"error": {"code": "b"}}', ""), (b'{"error": 5}', ""), (b'["error"]', ""), (b"", "")])
def test_the_text_of_an_error_is_found(body: bytes, text: str) -> None:
    assert error_text(body) == text


@pytest.mark.parametrize("code, said, text", [
    (499, "", "an unexpected reply; check the account domain"),
    (500, "", "the service failed; try again later"),
    (500, " a\n", 'the service failed; try again later; the service says "a"')])
def test_an_error_code_is_explained(code: int, said: str, text: str) -> None:
    assert advice(ARRResult.Fail, code, said) == text


def test_a_message_tells_all_that_is_known() -> None:
    failure = CallFailed(ARRResult.TooManyRequests, "slower", code=429, correlation="cv",
                         retry_after=1.5)
    context = failure_context("Call", failure, "asked")
    assert context.error_message == (
        "Call: TooManyRequests (HTTP 429): slower; retry after 1.5 s; MS-CV cv")
    assert (context.request_correlation_vector, context.response_correlation_vector) == (
        "asked", "cv")
    assert (context.result, context.http_response_code, context.retry_after) == (
        ARRResult.TooManyRequests, 429, 1.5)
    failure = CallFailed(ARRResult.Timeout, "late", retry_after=0.0)
    assert failure_context("Call", failure).error_message == "Call: Timeout: late; retry after 0 s"
    assert failure_context("Call", CallFailed(ARRResult.Timeout, "late")).error_message == (
        "Call: Timeout: late")
