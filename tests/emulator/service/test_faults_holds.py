"""Held replies: what makes a test of threads need no sleep."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Iterator

import pytest

from arr.emulator import Emulator

from ...support.emulator import LIMIT, Answer, Client


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def test_a_held_reply_waits_for_its_release(emulator: Emulator, client: Client,
                                            pool: ThreadPoolExecutor) -> None:
    session_id = client.create()
    with Client(emulator) as second:
        second.token
        held = emulator.hold("GET", "properties")
        reply = pool.submit(second.properties, session_id)
        assert held.wait_arrived(LIMIT)
        assert not reply.done()
        assert client.status(session_id) == "Starting"  # only one was to be held
        held.release()
        held.release()
        assert reply.result(LIMIT)["sessionStatus"] == "Starting"


def test_the_service_acts_when_the_request_arrives(emulator: Emulator, client: Client,
                                                   pool: ThreadPoolExecutor) -> None:
    session_id = client.create()
    with Client(emulator) as second:
        second.token
        with emulator.hold("GET", "properties") as held:
            old = pool.submit(second.status, session_id)
            assert held.wait_arrived(LIMIT)
            assert client.call("DELETE", "/sessions/" + session_id).status == 204
            assert client.status(session_id) == "Stopped"
        assert old.result(LIMIT) == "Starting"


def test_several_replies_are_held_and_released_at_once(emulator: Emulator,
                                                       pool: ThreadPoolExecutor) -> None:
    clients = [Client(emulator) for _ in range(4)]
    for each in clients:
        each.token
    held = emulator.hold("GET", "sessions", times=4)
    replies: list[Future[Answer]] = [pool.submit(each.call, "GET", "/sessions")
                                     for each in clients]
    assert held.wait_arrived(LIMIT, count=4)
    assert not any(reply.done() for reply in replies)
    held.release()
    assert [reply.result(LIMIT).status for reply in replies] == [200] * 4
    for each in clients:
        each.connection.close()


def test_waiting_for_a_request_that_does_not_come_ends(emulator: Emulator) -> None:
    assert not emulator.hold("GET", "properties").wait_arrived(0.01)


@pytest.mark.parametrize("end", ["clear_faults", "reset"])
def test_clearing_releases(emulator: Emulator, client: Client, pool: ThreadPoolExecutor,
                           end: str) -> None:
    client.token
    held = emulator.hold()
    reply = pool.submit(client.call, "GET", "/sessions")
    assert held.wait_arrived(LIMIT)
    getattr(emulator, end)()
    assert reply.result(LIMIT).status == 200


def test_stopping_releases(emulator: Emulator, client: Client, pool: ThreadPoolExecutor) -> None:
    client.token
    held = emulator.hold()
    reply = pool.submit(client.call, "GET", "/sessions")
    assert held.wait_arrived(LIMIT)
    emulator.stop()
    assert isinstance(reply.exception(LIMIT), OSError)
    for thread in threading.enumerate():
        if thread.name == "arr-emulator-connection":
            thread.join(LIMIT)
            assert not thread.is_alive()


def test_a_held_reply_can_be_a_fault_too(emulator: Emulator, client: Client,
                                         pool: ThreadPoolExecutor) -> None:
    client.token
    emulator.add_fault("GET", "sessions", status=503)
    held = emulator.hold("GET", "sessions")
    reply = pool.submit(client.call, "GET", "/sessions")
    assert held.wait_arrived(LIMIT)
    held.release()
    assert reply.result(LIMIT).status == 503
