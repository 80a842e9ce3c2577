"""Ctrl-C in the middle of a call that begins: nothing is sent, and the slot is free again."""

from __future__ import annotations

from typing import Any, List

import pytest

from arr import ARRResult
from arr.testing import ManualExecutor

from ..support.threads import LIMIT, Service


class _Struck:
    """Ctrl-C strikes the submit of a job, before or after the job is in the queue."""

    def __init__(self, executor: ManualExecutor, after: bool) -> None:
        self.executor = executor
        self.after = after

    def submit(self, job: Any) -> None:
        if self.after:
            self.executor.submit(job)
        raise KeyboardInterrupt


@pytest.mark.parametrize("after", [False, True])
def test_an_interrupted_stop_is_not_sent_and_may_be_issued_again(
        service: Service, after: bool) -> None:
    executor = ManualExecutor()
    with service.frontend() as frontend:
        session = frontend.open_rendering_session("7c0a4f7e")
        core: Any = session._core
        runner, core.runner = core.runner, _Struck(executor, after)
        seen: List[ARRResult] = []
        try:
            session.stop_rendering_session_async(lambda context: seen.append(context.result))
        except KeyboardInterrupt as interrupt:  # whose traceback keeps the operation alive
            core.runner = runner
            again = session.stop_rendering_session_async()
            assert again.status != ARRResult.AlreadyExists, interrupt
        else:
            pytest.fail("not interrupted")
        executor.run_all()
        assert again.wait(LIMIT) and again.status == ARRResult.Success
        assert seen in ([], [ARRResult.Cancelled])
        service.expect("DELETE")
        assert service.arrived.empty(), "the interrupted call was sent too"
