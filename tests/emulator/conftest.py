"""One emulator on a clock of its own, and a client of its account."""

from __future__ import annotations

import shutil
from typing import Iterator

import pytest

from arr.emulator import Emulator
from arr.emulator._http.certificates import Files, self_signed

from ..support.browser import Browser
from ..support.displays import missing
from ..support.emulator import LIMIT, Client, Client2021, Clock, good_ingest
from ..support.tls import TlsClient


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


@pytest.fixture(scope="session")
def tls_files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """An authority and a certificate of our own, made once."""
    if shutil.which("openssl") is None:
        missing("there is no openssl (apt-get install openssl)")
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls_emulator(clock: Clock, tls_files: Files) -> Iterator[Emulator]:
    with Emulator(clock=clock, ingest=good_ingest, request_timeout=LIMIT,
                  certificate=tls_files.certificate, private_key=tls_files.private_key) as emulator:
        yield emulator


@pytest.fixture
def tls_client(tls_emulator: Emulator, tls_files: Files) -> Iterator[TlsClient]:
    with TlsClient(tls_emulator, tls_files.authority) as client:
        yield client


@pytest.fixture
def newer(emulator: Emulator) -> Iterator[Client2021]:
    with Client2021(emulator) as client:
        yield client
