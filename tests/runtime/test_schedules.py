"""All schedules of a few threads with one preemption, some with two, and some random ones.

What failed here is found again by its plan: ``run(scenario, plan)`` within ``scheduled()``. Many
more by hand: ``python -m tests.schedules --count 500000 --seed 7``.
"""

from __future__ import annotations

import weakref
from typing import Any

import pytest

from arr._http.in_flight import Gate
from arr._runtime.events import discard

from ..support import scenarios, scenarios_calls, schedules
from ..support.schedules import Deadlock, Lock, Make, Scenario, explore, run, scheduled


@pytest.mark.parametrize("make", scenarios.SCENARIOS + scenarios_calls.SCENARIOS,
                         ids=lambda make: make.__name__)
def test_holds_in_every_schedule(make: Make) -> None:
    assert explore(make, preemptions=1, extra=60) > 100


@pytest.mark.parametrize("make", [scenarios.takers_while_the_holder_completes,
                                  scenarios.rivals_complete],
                         ids=lambda make: make.__name__)
def test_holds_in_every_schedule_with_two_preemptions(make: Make) -> None:
    assert explore(make, preemptions=2, of=2) > 300


@pytest.mark.parametrize("make", [scenarios.futures_of_one_operation,
                                  scenarios.subscribe_while_it_completes,
                                  scenarios.takers_while_the_holder_completes],
                         ids=lambda make: make.__name__)
def test_holds_between_single_instructions(make: Make) -> None:
    assert explore(make, preemptions=1, of=3, opcodes=True) > 60


# -- the scheduler finds what is broken --------------------------------------------------------

class _ListSlot:
    """The slot as it was: claims in a list, and the first one on a copy of it has the slot."""

    def __init__(self) -> None:
        self._claims: list[Any] = []

    def take(self, operation: Any) -> bool:
        mine = weakref.ref(operation)
        while True:
            self._claims.append(mine)
            holder = self._holder()
            if holder is operation:
                return True
            discard(self._claims, mine)
            if holder is not None and not holder.is_completed:
                return False

    def _holder(self) -> Any:
        for claim in self._claims.copy():
            operation = claim()
            if operation is not None and not operation.is_completed:
                return operation
            discard(self._claims, claim)
        return None


def test_two_takers_that_refuse_each_other_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trap 22."""
    monkeypatch.setattr(scenarios, "Slot", _ListSlot)
    monkeypatch.setattr(schedules, "TRACED", {_ListSlot.take.__code__.co_filename})
    with pytest.raises(AssertionError, match="refused with nothing in flight"):
        explore(scenarios.takers_while_the_holder_completes, extra=20_000)


def test_a_look_before_a_step_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(slot: Any, operation: Any) -> bool:
        if slot.holder is None or slot.holder.is_completed:
            slot.holder = operation
            return True
        return False

    monkeypatch.setattr(scenarios, "Slot", type("Slot", (), {"take": take, "holder": None}))
    monkeypatch.setattr(schedules, "TRACED", schedules.TRACED | {take.__code__.co_filename})
    with pytest.raises(AssertionError, match="two hold the slot"):
        explore(scenarios.slot_from_hand_to_hand, preemptions=2)


def test_a_deadlock_is_found() -> None:
    def locks() -> Scenario:
        first, second = Lock(), Lock()
        gates = [Gate(1), Gate(1)]  # whose lines are where the threads change

        def hold(a: Lock, b: Lock, gate: Gate) -> None:
            with a:
                gate.enter(print)
                with b:
                    pass

        return Scenario([lambda: hold(first, second, gates[0]),
                         lambda: hold(second, first, gates[1])], bool)

    with pytest.raises(AssertionError) as failure:
        explore(locks)
    assert isinstance(failure.value.__cause__, Deadlock)


def test_the_same_plan_gives_the_same_run() -> None:
    with scheduled():
        found = {tuple(run(scenarios_calls.jobs_and_workers, [(0, 3), (2, 5), (1, 4)]))
                 for _ in range(5)}
    assert len(found) == 1
