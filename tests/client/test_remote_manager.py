"""RemoteManager from several threads: the events come in the order of what happened."""

from __future__ import annotations

import gc
import logging
import weakref
from typing import Iterator, List, Optional

import pytest

from arr import ARRConnectionStatus, ARRResult, AzureFrontend, LogLevel
from arr._remote_manager import _RemoteManager

from ..support.rig import static_account
from ..support.threads import ScriptedLink, fast_switching, rounds, together

Connected, Disconnected = ARRConnectionStatus.Connected, ARRConnectionStatus.Disconnected
Connecting = ARRConnectionStatus.Connecting


@pytest.fixture
def frontend() -> Iterator[AzureFrontend]:
    with AzureFrontend(static_account("http://127.0.0.1:9")) as frontend:
        yield frontend


@pytest.fixture
def manager() -> _RemoteManager:
    return _RemoteManager()


def recorded(manager: _RemoteManager) -> List[ARRConnectionStatus]:
    seen: List[ARRConnectionStatus] = []
    manager.connection_status_changed += lambda status, result: seen.append(status)
    return seen


def test_a_disconnect_in_the_middle_of_connect_is_the_last_event(
        manager: _RemoteManager, frontend: AzureFrontend) -> None:
    seen = recorded(manager)
    results: List[ARRResult] = []
    manager._latest.next = ScriptedLink([], [lambda: results.append(manager.disconnect())])
    assert manager.connect("host", frontend) == ARRResult.Success
    assert results == [ARRResult.Success]
    assert not manager.is_connected
    manager.update()
    assert seen == [Connecting, Connected, Disconnected]


def test_of_two_that_connect_at_once_one_is_already_connected(
        manager: _RemoteManager, frontend: AzureFrontend) -> None:
    seen = recorded(manager)
    results: List[ARRResult] = []
    manager._latest.next = ScriptedLink(
        [lambda: results.append(manager.connect("b", frontend))], [])
    assert manager.connect("a", frontend) == ARRResult.AlreadyConnected
    assert results == [ARRResult.Success]
    manager.update()
    assert seen == [Connecting, Connected]


def test_events_are_raised_once_and_a_handler_may_change_the_connection(
        manager: _RemoteManager, frontend: AzureFrontend) -> None:
    seen: List[ARRConnectionStatus] = []

    def handler(status: ARRConnectionStatus, result: ARRResult) -> None:
        seen.append(status)
        if status is Connecting:
            manager.update()  # raises the next one, which then is not raised again
        if status is Connected and len(seen) < 4:
            manager.disconnect()
            manager.connect("b", frontend)

    manager.connection_status_changed += handler
    manager.connect("a", frontend)
    manager.update()
    assert seen == [Connecting, Connected]
    manager.update()
    assert seen == [Connecting, Connected, Disconnected, Connecting, Connected]
    manager.update()
    assert len(seen) == 5


def test_shutdown_forgets_the_events_and_the_frontend(manager: _RemoteManager) -> None:
    seen = recorded(manager)
    frontend = AzureFrontend(static_account("http://127.0.0.1:9"))
    gone = weakref.ref(frontend)
    manager.connect("host", frontend)
    del frontend
    gc.collect()
    assert gone() is not None, "it is kept until disconnect"
    manager.shutdown_manager()
    gc.collect()
    assert gone() is None
    manager.update()
    assert seen == [] and manager.connection_status is Disconnected


@pytest.mark.parametrize("level, number", [
    (LogLevel.Error, logging.ERROR), (LogLevel.Warning, logging.WARNING),
    (LogLevel.Information, logging.INFO), (LogLevel.Info, logging.INFO),
    (LogLevel.Debug, logging.DEBUG), (LogLevel.None_, None)])
def test_a_message_is_a_line_of_the_log_of_its_level(
        manager: _RemoteManager, caplog: pytest.LogCaptureFixture, level: LogLevel,
        number: Optional[int]) -> None:
    with caplog.at_level(logging.DEBUG, "arr"):
        manager.log_message(level, "100 % done: %s")
    assert caplog.record_tuples == (
        [] if number is None else [("arr", number, "100 % done: %s")])


def test_the_manager_shows_its_status(manager: _RemoteManager, frontend: AzureFrontend) -> None:
    assert repr(manager) == "<RemoteManager Disconnected>"
    manager.connect("host", frontend)
    assert repr(manager) == "<RemoteManager Connected>"


def test_what_was_raised_is_not_remembered(
        manager: _RemoteManager, frontend: AzureFrontend) -> None:
    for _ in range(1000):
        manager.connect("host", frontend)
        manager.disconnect()
    manager.update()
    assert manager._raised is manager._latest and not manager._latest.next


def test_many_threads_see_one_connection_and_ordered_events(
        manager: _RemoteManager, frontend: AzureFrontend) -> None:
    seen = recorded(manager)
    done: List[int] = []

    def work(index: int) -> None:
        for _ in rounds(0.5):
            if manager.connect("host", frontend) == ARRResult.Success:
                done.append(1)
            if manager.disconnect() == ARRResult.Success:
                done.append(-1)

    with fast_switching():
        together(4, work)
    manager.disconnect()
    manager.update()
    assert len(done) > 100
    assert len(seen) % 3 == 0
    assert seen == [Connecting, Connected, Disconnected] * (len(seen) // 3)
