"""Many waits at once: their CPU beside that of the Azure SDK's pollers at the same interval."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, List

from arr import AzureFrontend

from .counts import Rows
from .peer import Peer
from .stacks import AzureSdk, account, azure_client


def _cpu_per_poll(peer: Peer, seconds: float) -> float:
    """Return the CPU seconds of this process for each request that the server gets meanwhile."""
    polls, cpu = peer.counts()["requests"], time.process_time()
    threading.Event().wait(seconds)
    return (time.process_time() - cpu) / (peer.counts()["requests"] - polls)


def _measure(begin: Callable[[Peer], Callable[[], None]], waits: int, interval: float) -> float:
    with Peer() as peer:
        end = begin(peer)
        limit = time.monotonic() + 60
        while peer.counts()["requests"] < 2 * waits:  # threads and connections are there
            assert time.monotonic() < limit, "nobody polls"
            threading.Event().wait(interval / 10)
        found = _cpu_per_poll(peer, 3 * interval)
        peer.counts("ready")
        end()
    return found


def arr_waits(waits: int, interval: float) -> float:
    """Return the CPU seconds per poll of as many waits of ours."""
    def begin(peer: Peer) -> Callable[[], None]:
        frontend = AzureFrontend(account(peer.url))
        sessions = [frontend.open_rendering_session(f"session-{number}")
                    for number in range(waits)]
        pending = [session.wait_until_ready_async(interval=interval) for session in sessions]

        def end() -> None:
            for session in sessions:
                session.dispose()
            assert all(wait.wait(30) for wait in pending)
            frontend.dispose()

        return end

    return _measure(begin, waits, interval)


def sdk_waits(waits: int, interval: float) -> float:
    """Return the same of the Azure SDK's pollers, each of which is a thread."""
    def begin(peer: Peer) -> Callable[[], None]:
        client = azure_client(peer.url)
        pollers: List[Any] = [client.get_rendering_session_poller(
            session_id=f"session-{number}", polling_interval=interval)
            for number in range(waits)]

        def end() -> None:
            for poller in pollers:
                poller.wait(60)

        return end

    return _measure(begin, waits, interval)


def rows(quick: bool) -> Rows:
    waits, interval = (50, 1.0) if quick else (1000, 5.0)
    mine = arr_waits(waits, interval)
    found: Rows = [(f"us of CPU per poll, {waits:,} waits", round(mine * 1e6))]
    if AzureSdk.available():
        theirs = sdk_waits(waits, interval)
        found += [(f"us of CPU per poll, {waits:,} pollers of the Azure SDK", round(theirs * 1e6)),
                  ("CPU of a wait, to a poller of the Azure SDK (0.35)", mine / theirs)]
    return found
