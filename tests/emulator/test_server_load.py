"""Two thousand sessions and sixty-four clients: nothing refused, nothing lost, nothing slow."""

from __future__ import annotations

import statistics
import threading

from arr.emulator import Emulator

from .support import Client, Clock


def median(emulator: Emulator, route: str) -> float:
    """Return the milliseconds that the service took, without the network."""
    return statistics.median(float(record["milliseconds"]) for record in emulator.requests()
                             if record["route"] == route)


def test_two_thousand_sessions_are_listed_and_read_in_under_five_milliseconds(
        emulator: Emulator, client: Client, clock: Clock) -> None:
    made = [client.create() for _ in range(2000)]
    clock.advance(100)
    for session_id in made[::50]:
        assert len(client.call("GET", "/sessions").json()["sessions"]) == 2000
        assert client.status(session_id) == "Ready"
    assert median(emulator, "get_current_rendering_sessions") < 5
    assert median(emulator, "get_rendering_session_properties") < 5


def test_sixty_four_clients_at_once_are_all_answered(emulator: Emulator, client: Client,
                                                     clock: Clock) -> None:
    made = [client.create() for _ in range(64)]
    clock.advance(100)
    begun = threading.Barrier(64)
    answers: list[int] = []
    failures: list[BaseException] = []

    def work(session_id: str) -> None:
        path = f"/sessions/{session_id}"
        try:
            with Client(emulator) as mine:
                begun.wait(25)
                for number in range(10):
                    assert mine.properties(session_id)["sessionId"] == session_id
                    lease = {"maxLeaseTime": f"{5 + number}:0:0"}
                    answers.append(mine.call("PATCH", path, lease).status)
                assert mine.properties(session_id)["sessionMaxLeaseTime"] == "14:00:00"
                answers.append(mine.call("DELETE", path).status)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(session_id,)) for session_id in made]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(25)
    assert failures == [] and answers.count(200) == 640 and answers.count(204) == 64
    assert client.call("GET", "/sessions").json() == {"sessions": []}
