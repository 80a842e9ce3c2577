"""Starting and stopping: the port, the connections and the threads."""

from __future__ import annotations

import errno
import http.client
import logging
import socket
import sys
import threading
import time
from typing import Any

import pytest

from arr.emulator import Emulator
from arr.emulator._http import server as _server

from ...support.emulator import LIMIT, Client


def test_a_busy_port_is_an_oserror_at_once(emulator: Emulator, client: Client) -> None:
    with pytest.raises(OSError):
        Emulator(port=client.port).start()
    assert client.call("GET", "/sessions").status == 200


@pytest.mark.alone
def test_stopping_takes_less_time_than_eight_first_calls_and_is_idempotent() -> None:
    times, calls = [], []
    for _ in range(5):
        emulator = Emulator().start()
        began = time.perf_counter()
        clients = [Client(emulator) for _ in range(8)]
        assert all(each.call("GET", "/sessions").status == 200 for each in clients)
        calls.append(time.perf_counter() - began)
        began = time.perf_counter()
        emulator.stop()
        times.append(time.perf_counter() - began)
        emulator.stop()
        for each in clients:
            each.connection.close()
    assert sorted(times)[2] < sorted(calls)[2], (times, calls)  # a polling stop takes 0.5 s


def test_kept_connections_are_closed_and_a_new_server_answers_for_itself() -> None:
    old = Emulator(account_key="old").start()
    client = Client(old)
    assert client.call("GET", "/sessions").status == 200
    old.stop()
    with Emulator(port=client.port, account_key="new") as new:
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            client.send("GET", "/_emulator/state")
        client.connection.close()
        key = f"Bearer {new.account_id}:new"
        path = f"/accounts/{new.account_id}/token"
        assert client.send("GET", path, headers={"Authorization": key}).status == 200
    client.connection.close()


def test_no_thread_is_left_after_stop() -> None:
    before = set(threading.enumerate())
    emulator = Emulator().start()
    clients = [Client(emulator) for _ in range(16)]
    for each in clients:
        each.token
    begun = set(threading.enumerate()) - before
    assert len(begun) == 17 and all(thread.daemon for thread in begun)  # none keeps a process
    emulator.stop()
    for thread in begun:
        thread.join(LIMIT)
        assert not thread.is_alive()
    for each in clients:
        each.connection.close()


def test_stop_returns_when_its_threads_have_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both threads dawdle a moment, to be found at work by a stop that does not wait."""
    found: list[object] = []
    Server = _server.Server
    real = (Server.get_request, Server.shutdown_request, Server.server_close)
    closing, gone = threading.Event(), threading.Event()

    def get_request(self: _server.Server) -> Any:
        accepted = real[0](self)
        if self.stopping:
            closing.wait(0.02)
        return accepted

    def shutdown_request(self: _server.Server, request: Any) -> None:
        gone.wait(0.02)
        real[1](self, request)

    def server_close(self: _server.Server) -> None:
        assert self._acceptor is not None
        found.append(self._acceptor.is_alive())
        closing.set()
        real[2](self)

    monkeypatch.setattr(Server, "get_request", get_request)
    monkeypatch.setattr(Server, "shutdown_request", shutdown_request)
    monkeypatch.setattr(Server, "server_close", server_close)
    monkeypatch.setattr(_server, "_STOP_SECONDS", LIMIT)
    emulator = Emulator().start()
    server = emulator._server
    with Client(emulator) as client:
        assert server is not None and client.call("GET", "/sessions").status == 200
        emulator.stop()
        found.append(set(server._open))
        gone.set()
    assert found == [False, set()]


@pytest.mark.skipif(sys.platform != "linux", reason="shutting down wakes accept on Linux only")
def test_stop_ends_the_accepting_though_nothing_can_connect(
        emulator: Emulator, monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture) -> None:
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    server = emulator._server
    monkeypatch.setattr(socket, "create_connection", refuse)
    emulator.stop()
    assert server is not None and server._acceptor is not None
    assert not server._acceptor.is_alive()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_a_connection_that_comes_with_the_stop_is_closed(emulator: Emulator) -> None:
    server = emulator._server
    emulator.stop()
    near, far = socket.socketpair()
    with near, far:
        assert server is not None
        server.process_request(near, ("127.0.0.1", 1))
        assert near.fileno() < 0 and far.recv(1) == b"" and not server._open


def test_a_reply_waits_for_no_acknowledgement(emulator: Emulator, client: Client) -> None:
    assert client.call("GET", "/sessions").status == 200
    assert emulator._server is not None
    (connection,) = emulator._server._open
    assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("error, level, line", [
    (RuntimeError("a bug"), logging.ERROR, "a connection failed"),
    (BrokenPipeError(), logging.DEBUG, "a client went away")])
def test_an_error_costs_one_connection_and_only_a_bug_is_logged_with_its_traceback(
        error: Exception, level: int, line: str, emulator: Emulator, client: Client,
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    def broken(request: Any) -> Any:
        raise error

    caplog.set_level(level, "arr.emulator")
    assert client.call("GET", "/sessions").status == 200
    monkeypatch.setattr(emulator._server, "answer", broken)
    with pytest.raises(http.client.RemoteDisconnected):
        client.call("GET", "/sessions")
    monkeypatch.undo()
    client.connection.close()
    assert client.call("GET", "/sessions").status == 200
    (record,) = [record for record in caplog.records if record.getMessage() == line]
    assert record.levelno == level and bool(record.exc_info) == (level == logging.ERROR)


def test_nothing_answers_after_stop(emulator: Emulator, client: Client) -> None:
    emulator.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", client.port), LIMIT)


def test_stop_before_start_and_a_second_start() -> None:
    emulator = Emulator()
    emulator.stop()
    with pytest.raises(RuntimeError):
        emulator.url
    with emulator:
        with pytest.raises(RuntimeError):
            emulator.start()
    assert "127.0.0.1" in repr(emulator)


def test_an_interrupt_inside_start_leaves_nothing_running(
        monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(threading.enumerate())

    class Interrupted(threading.Thread):
        def start(self) -> None:
            super().start()
            raise KeyboardInterrupt

    emulator = Emulator()
    with monkeypatch.context() as patch:
        patch.setattr(threading, "Thread", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            emulator.start()
    for thread in set(threading.enumerate()) - before:
        thread.join(LIMIT)
        assert not thread.is_alive()
    with emulator, Client(emulator) as client:
        assert client.call("GET", "/sessions").status == 200


def test_stopping_while_clients_connect_hangs_nobody() -> None:
    for _ in range(10):
        emulator = Emulator().start()
        port = int(emulator.url.rpartition(":")[2])
        begun = threading.Barrier(5)

        def knock() -> None:
            begun.wait(LIMIT)
            try:
                while True:
                    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
                    connection.request("GET", "/_emulator/clock")
                    connection.getresponse().read()
                    connection.close()
            except (OSError, http.client.HTTPException):
                connection.close()

        threads = [threading.Thread(target=knock) for _ in range(4)]
        for thread in threads:
            thread.start()
        begun.wait(LIMIT)
        emulator.stop()
        for thread in threads:
            thread.join(LIMIT)
            assert not thread.is_alive()


@pytest.mark.skipif(sys.platform == "darwin", reason="::1 may be missing")
def test_ipv6_loopback_works() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 on this machine")
    emulator = Emulator(host="::1").start()
    with_brackets = emulator.url
    try:
        assert with_brackets.startswith("http://[::1]:")
        connection = http.client.HTTPConnection("::1", int(with_brackets.rpartition(":")[2]),
                                                timeout=LIMIT)
        connection.request("GET", "/_emulator/clock")
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        emulator.stop()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "127.0.0.1.evil.example",
                                  "example.com", "", "127.1"])
def test_only_loopback_is_bound_unless_told_otherwise(host: str) -> None:
    with pytest.raises(ValueError, match="allow_remote"):
        Emulator(host=host)


def test_sixty_four_clients_at_once_on_two_thousand_sessions(emulator: Emulator) -> None:
    begun = threading.Barrier(64)
    made: list[str] = []
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with Client(emulator) as client:
                begun.wait(LIMIT)
                mine = [client.create() for _ in range(32)]
                made.extend(mine)
                assert client.status(mine[-1]) == "Starting"
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(25)
    assert failures == [] and len(set(made)) == 2048
    with Client(emulator) as client:
        listed = client.call("GET", "/sessions").json()["sessions"]
    assert {session["sessionId"] for session in listed} == set(made)


def test_out_of_descriptors_is_said_once_a_minute(
        monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """The clock of the server moves by 20 s with each look at it, so the first line and the
    fourth are due."""
    now = [0.0]
    enough = threading.Event()
    failures = []

    class Time:
        @staticmethod
        def monotonic() -> float:
            now[0] += 20.0
            return now[0]

    def get_request(self: Any) -> Any:
        failures.append(1)
        if len(failures) > 4:
            enough.set()
            return real(self)
        raise OSError(errno.EMFILE, "Too many open files")

    real = _server.Server.get_request
    monkeypatch.setattr(_server, "time", Time)
    monkeypatch.setattr(_server.Server, "get_request", get_request)
    with caplog.at_level(logging.WARNING, "arr.emulator"), Emulator():
        assert enough.wait(LIMIT)
    lines = [record for record in caplog.records if "could be accepted" in record.message]
    assert len(lines) == 2 and all(record.exc_info for record in lines)


def test_without_a_thread_a_connection_is_closed_and_that_is_said_once_a_minute(
        client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name == "arr-emulator-connection":
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", client.port), LIMIT) as connection:
            assert connection.recv(1) == b""
    monkeypatch.undo()
    assert client.call("GET", "/sessions").status == 200
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING
            ] == ["a connection was refused; said once a minute at most"]
