"""What makes a call on a kept-alive connection cheap, and that it costs nothing in safety."""

from __future__ import annotations

import random
from typing import Any

import pytest

from arr import ARRResult, AzureFrontend
from arr._http.connections import POOLS
from arr._http.replies import new_correlation

from ..support.fault_server import FaultServer, Request, Wire, script
from ..support.rig import CASE, Rig, finish, good, static_account


def test_a_used_connection_waits_as_long_for_a_reply_as_a_new_one() -> None:
    def silence(wire: Wire, request: Request) -> None:
        wire.until_gone()

    with FaultServer(script(good, good, silence)) as server:
        # To connect may take longer than any test; only the time-out for reading can end this.
        frontend = AzureFrontend(static_account(server.url), timeout=(60, 0.1))
        for expected in (ARRResult.Success, ARRResult.Success, ARRResult.Timeout):
            context = finish(CASE["update"].make(frontend, frontend.open_rendering_session("s")))
            assert context.result == expected
        assert server.connections == 1


@pytest.mark.parametrize("scheme", sorted(POOLS))
@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\rb"])
def test_a_header_of_two_lines_is_refused(scheme: str, value: str) -> None:
    connection: Any = POOLS[scheme].ConnectionCls("127.0.0.1", 9)
    connection.putrequest("GET", "/")
    connection.putheader("Plain", "value")
    with pytest.raises(ValueError):
        connection.putheader("Authorization", value)


def test_headers_arrive_as_they_were_given() -> None:
    with Rig(good) as rig:
        rig.run(CASE["update"])
        headers = rig.server.requests[0].headers
        assert headers["host"] == rig.server.url.partition("//")[2]
        assert headers["content-type"] == "application/json"
        assert headers["authorization"].startswith("Bearer ey")
        assert headers["accept-encoding"] == "identity"


def test_correlation_vectors_neither_follow_nor_disturb_the_programs_random_numbers() -> None:
    random.seed(1)
    expected = [random.random() for _ in range(3)]
    seen = set()
    for _ in range(3):
        random.seed(1)
        seen |= {new_correlation() for _ in range(100)}
        assert [random.random() for _ in range(3)] == expected
    assert len(seen) == 300
    assert all(len(text) == 22 for text in seen)
