"""Times of leases: hours, minutes and seconds to their last, and days in front."""

from __future__ import annotations

import pytest

from arr.emulator._web.timespan import format_timespan, parse_timespan


@pytest.mark.parametrize("text, seconds", [
    ("4:0:0", 14_400), ("0:0:1", 1), ("04:05:06", 14_706), ("1.2:0:0", 93_600), ("0:0:0", 0),
    ("23:59:59", 86_399), ("0.0:59:0", 3_540), ("0000000001:0:0", 3_600),
    ("10675199.0:0:0", 922_337_193_600)])
def test_a_timespan_is_read(text: str, seconds: int) -> None:
    assert parse_timespan(text) == seconds


@pytest.mark.parametrize("text, reason", [
    ("0:60:0", "more than 59 minutes or seconds"), ("0:0:60", "more than 59 minutes or seconds"),
    ("10675199.0:0:1", "longer than 10675199 days"), ("99999999.0:0:0", "longer than 10675199"),
    ("123456789.0:0:0", "of the form"), ("00000000001:0:0", "of the form"),
    ("0:000:0", "of the form"), ("0:0", "of the form"), ("-1:0:0", "of the form"),
    ("1:0:0.5", "of the form"), (" 1:0:0", "of the form"), ("\u0661:0:0", "of the form"),
    (4, "of the form"), (None, "of the form")])
def test_what_is_no_timespan_is_refused(text: object, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_timespan(text)


@pytest.mark.parametrize("text, written", [
    ("24:0:0", "1.0:0:0"), ("25:00:00", "1.1:0:0"), ("1.26:3:4", "2.2:3:4")])
def test_more_than_23_hours_are_refused_and_the_text_says_how_to_write_them(
        text: str, written: str) -> None:
    with pytest.raises(ValueError, match=f"as in '{written}'"):
        parse_timespan(text)


@pytest.mark.parametrize("seconds, text", [
    (0, "00:00:00"), (59.99, "00:00:59"), (60, "00:01:00"), (3_600, "01:00:00"),
    (86_399, "23:59:59"), (86_400, "1.00:00:00"), (93_784, "1.02:03:04"), (864_000, "10.00:00:00")])
def test_a_timespan_is_written(seconds: float, text: str) -> None:
    assert format_timespan(seconds) == text
