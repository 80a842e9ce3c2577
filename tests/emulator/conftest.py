"""One emulator on a clock of its own, and a client of its account."""

from __future__ import annotations

from typing import Iterator

import pytest

from arr.emulator import Emulator

from ..support.browser import Browser
from ..support.emulator import Client, Clock, good_ingest


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def emulator(clock: Clock) -> Iterator[Emulator]:
    with Emulator(clock=clock, ingest=good_ingest) as emulator:
        yield emulator


@pytest.fixture
def client(emulator: Emulator) -> Iterator[Client]:
    with Client(emulator) as client:
        yield client


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with Browser() as browser:
        yield browser
