"""A short run of tests/soak.py: counts in are counts out, and nothing grows."""

from __future__ import annotations

import pytest

from ..soak import ALLOWED, PLACES, Soak

pytestmark = pytest.mark.slow


def test_under_load_and_faults_every_operation_completes_once_and_nothing_grows() -> None:
    report = Soak(4_000, seed=20191211).run(60)
    assert not report.hung, str(report)
    assert report.completed == report.operations == 4_000
    assert report.handlers_run == report.handlers_added - report.handlers_removed
    assert report.miscounted == 0
    assert set(report.results) <= ALLOWED
    assert report.faults > 400
    # One more than places for a token; more for connections that the server still closes.
    assert report.peak_connections <= 2 * PLACES
    assert report.peak_threads <= 4 * PLACES
    assert max(report.descriptors) - min(report.descriptors) <= PLACES + 8
