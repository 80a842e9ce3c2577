"""Fixtures for pytest, there as soon as the package is installed: ``arr_emulator``,
``arr_frontend``, ``arr_clock``. Whoever does not use them pays for no server and no thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Iterator, Optional

import pytest

if TYPE_CHECKING:
    from . import AzureFrontend
    from .emulator import Emulator
    from .testing import FakeClock


__all__ = ["arr_clock", "arr_emulator", "arr_frontend"]


@pytest.fixture
def arr_clock() -> FakeClock:
    """A clock that stands still until ``arr_clock.advance(seconds)``.

    A test that asks for it has its emulator and its frontend run on it; one that does not, has
    them run on real time.
    """
    from .testing import FakeClock

    return FakeClock()


def _clock_of(request: pytest.FixtureRequest) -> Optional[FakeClock]:
    if "arr_clock" not in request.fixturenames:
        return None
    clock: FakeClock = request.getfixturevalue("arr_clock")
    return clock


@pytest.fixture
def arr_emulator(request: pytest.FixtureRequest) -> Iterator[Emulator]:
    """A local service on a free port, where sessions are ready at once; fresh for each test."""
    from .emulator import Emulator

    with Emulator(port=0, startup_seconds=0, ingestion_seconds=0,
                  clock=_clock_of(request)) as emulator:
        yield emulator


@pytest.fixture
def arr_frontend(request: pytest.FixtureRequest, arr_emulator: Emulator) -> Iterator[AzureFrontend]:
    """A frontend for the account of ``arr_emulator``."""
    from . import AzureFrontend, AzureFrontendAccountInfo, SessionLocation

    account = AzureFrontendAccountInfo(arr_emulator.url, arr_emulator.account_id,
                                       arr_emulator.account_key, location=SessionLocation.ignore)
    with AzureFrontend(account, clock=_clock_of(request)) as frontend:
        yield frontend
