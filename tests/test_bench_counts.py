"""The exact figures of the benchmarks, as tests: modules, bytes, connections, token requests."""

from __future__ import annotations

import pytest

from .bench import counts


def test_the_import_is_light() -> None:
    modules, heavy = counts.modules_of_import()
    assert heavy == []
    assert modules <= 100  # 70 to 75 on CPython 3.9 to 3.13, 94 on 3.14 and 3.15; 25 are ours


def test_a_pending_call_with_a_handler_takes_at_most_300_bytes(
        monkeypatch: pytest.MonkeyPatch) -> None:
    # Under the plugin each handler is marked with its test, which no program pays for.
    monkeypatch.setattr("arr._runtime.events.watches", [])
    assert counts.bytes_per_pending() <= 300


@pytest.mark.parametrize("token_seconds, calls", [(86400, 64), (240, 100), (-10, 64)])
def test_calls_at_once_ask_the_token_service_once(token_seconds: float, calls: int) -> None:
    assert counts.sts_requests(token_seconds, calls) == 1


def test_bursts_open_no_more_connections_than_calls_in_flight() -> None:
    assert counts.connections_of_bursts(bursts=5, size=64) <= 64
