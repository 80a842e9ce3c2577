"""Mutated replies, seeded: see tests/fuzz.py, which does the same at length by hand."""

from __future__ import annotations

import multiprocessing
import os
import threading
import warnings
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, Dict, Iterator

import pytest

from .. import fuzz

pytestmark = pytest.mark.slow
Reports = Dict[str, "Future[fuzz.Report]"]


def _strict() -> None:
    """Be as strict as pytest: a warning is an error, and so is a thread that fails."""
    report = threading.excepthook

    def fail(args: Any) -> None:
        report(args)
        os._exit(1)

    threading.excepthook = fail
    warnings.simplefilter("error")


@pytest.fixture(scope="module")
def reports() -> Iterator[Reports]:
    """Run all routes, two at a time: each of them keeps one core busy."""
    pool = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"), initializer=_strict)
    try:
        yield {route: pool.submit(fuzz.run, route, 2_000, seed=20191211) for route in fuzz.ROUTES}
    finally:
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("route", fuzz.ROUTES)
def test_no_mutated_reply_hangs_a_call_or_leaves_its_result_undefined(
        route: str, reports: Reports) -> None:
    report = reports[route].result(timeout=60)
    assert report.operations == 2_000
    assert report.clean, (str(report), report.undefined[:3])
    assert len(report.results) >= 3, "the mutations do not reach far"


def test_the_same_seed_makes_the_same_replies() -> None:
    import random

    first, second = ([fuzz.mutate({"a": [1, {"b": "c"}]}, 200, random.Random(5))
                      for _ in range(3)] for _ in range(2))
    assert first == second
