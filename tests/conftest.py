"""Fixtures for all tests, and a guard: no test may leave threads or operations behind."""

from __future__ import annotations

import logging
import tempfile
import threading
from typing import Iterator

import pytest

from arr._runtime import operation as _async

from .support.processes import pytest_addoption, pytest_runtestloop  # noqa: F401
from .support.threads import Service, until


def pytest_configure(config: pytest.Config) -> None:
    """Have the package's own plugin watch the package's own tests, from a checkout too; have the
    many programs that the tests start share compiled files, outside of this tree."""
    if not config.pluginmanager.hasplugin("arr"):  # the name of its entry point
        config.pluginmanager.import_plugin("arr.pytest_plugin")
    compiled, patch = tempfile.TemporaryDirectory(), pytest.MonkeyPatch()
    config.add_cleanup(compiled.cleanup)
    config.add_cleanup(patch.undo)
    patch.setenv("PYTHONPYCACHEPREFIX", compiled.name)
    patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail a test after which a thread holds the process up, or an operation is half done."""
    before = set(threading.enumerate())
    yield

    def left() -> object:
        threads = [thread for thread in threading.enumerate()
                   if thread not in before and not thread.daemon]
        return threads or _async._completing or _async._draining or _async._tasks

    try:
        until(lambda: not left())
    except AssertionError:
        pytest.fail(f"left behind: {left()}")


@pytest.fixture(autouse=True)
def same_log_levels_afterwards() -> Iterator[None]:
    """Undo what a test, or a command line that it calls, does to the process's logging."""
    loggers = [logging.getLogger(name) for name in
               ("", "arr", "arr.unity", "arr.emulator", "urllib3", "http.client", "requests")]
    before = [(logger, logger.level) for logger in loggers]
    yield
    for logger, level in before:
        logger.setLevel(level)


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        yield service
