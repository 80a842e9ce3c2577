"""Mutated replies, seeded: see tests/fuzz.py, which does the same at length by hand."""

from __future__ import annotations

import pytest

from .. import fuzz

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("route", fuzz.ROUTES)
def test_no_mutated_reply_hangs_a_call_or_leaves_its_result_undefined(route: str) -> None:
    report = fuzz.run(route, 2_000, seed=20191211)
    assert report.operations == 2_000
    assert report.clean, (str(report), report.undefined[:3])
    assert len(report.results) >= 3, "the mutations do not reach far"


def test_the_same_seed_makes_the_same_replies() -> None:
    import random

    first, second = ([fuzz.mutate({"a": [1, {"b": "c"}]}, 200, random.Random(5))
                      for _ in range(3)] for _ in range(2))
    assert first == second
