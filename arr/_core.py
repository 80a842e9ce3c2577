"""What a frontend, its sessions and its calls share: connections, tokens, places, waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._account import Account
from ._http.in_flight import Gate, Watch
from ._http.tokens import Tokens
from ._results import ARRResult, CallFailed
from ._runtime.at_exit import at_exit
from ._runtime.events import logger
from ._runtime.workers import Clock, Job, Runner, workers

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future


class ExecutorRunner:
    """Runs jobs on an executor of the caller's; what it refuses runs, or ends, on our workers."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def submit(self, job: Job) -> None:
        try:
            future = self._executor.submit(job)
        except Exception as error:
            logger.debug("arr: the executor refused a job: %s", type(error).__name__)
            self._refused(job)
        else:
            future.add_done_callback(lambda done: self._done(job, done))

    def _done(self, job: Job, future: Future[object]) -> None:
        if future.cancelled() or future.exception() is not None:
            self._refused(job)

    def _refused(self, job: Job) -> None:
        workers.submit(getattr(job, "refused", job))


class Core:
    """What a frontend, its sessions and its jobs share; it goes when the last of them lets go."""

    def __init__(self, account: Account, executor: Executor | None,
                 timeout: tuple[float, float], max_calls: int, exit_seconds: float,
                 clock: Clock) -> None:
        # Here, because importing requests takes long; and no later, because a call that a signal
        # handler makes must not meet a module that is half imported: so as_task's is loaded too.
        from ._http.transport import Transport
        from ._runtime import future  # noqa: F401

        self.account = account
        self.base_url = f"{account.service_url}/v1/accounts/{account.id}"
        self.clock = clock
        self.runner: Runner = workers if executor is None else ExecutorRunner(executor)
        self.operation_seconds = timeout[0] + 2 * timeout[1]
        self.exit_seconds = exit_seconds
        self.gate = Gate(max_calls)
        self.watch = Watch(clock)
        self.transport = Transport((account.sts_url, account.service_url), timeout, max_calls)
        self.tokens = Tokens(account, self.transport, clock, self.watch, self.runner,
                             self.operation_seconds)
        self.resting: dict[Job, None] = {}  # calls between two tries
        self.waits: dict[Any, None] = {}  # the pollers of pending waits
        self.generation = workers.generation
        at_exit(self)

    def check_open(self) -> None:
        """Raise CallFailed where no call may begin any more."""
        if self.generation is not workers.generation:
            raise CallFailed(ARRResult.AlreadyDeinitialized, "this frontend was made before "
                             "os.fork; make a new one in the child")
        if workers.closing:
            raise CallFailed(ARRResult.Cancelled, "the process ends")

    def rest(self, call: Job, seconds: float) -> None:
        """Let a call try again later; it holds neither a thread nor a place meanwhile."""
        self.resting[call] = None
        self.clock.call_at(self.clock.monotonic() + seconds, lambda: self._wake(call))
        if workers.closing:
            self._wake(call)

    def _wake(self, call: Job) -> None:
        try:
            del self.resting[call]
        except KeyError:
            return  # another thread wakes it
        self.runner.submit(call)

    def leave_place(self, call: Job) -> None:
        """Give a place back; it goes straight to the call that waits longest."""
        waiting = self.gate.leave(call)
        if waiting is not None:
            self.runner.submit(waiting)

    def close_at_exit(self) -> None:
        """Give up all calls but those that change something and have left, and stop calls."""
        for job in self.gate.open_wide():
            workers.submit(job)
        for call in list(self.resting):
            self._wake(call)
        for poller in list(self.waits):
            poller.cancel()
        for flight, owner in self.watch.current():
            if owner is None:
                flight.cut(ARRResult.Cancelled)
            else:
                owner.give_up(flight)
