"""The places on the wire."""

from __future__ import annotations

from typing import Any, Callable, List

from arr._http.in_flight import Gate

from ..support.threads import fast_switching, rounds, together


def job(name: str) -> Callable[[], object]:
    return lambda: name


def test_places_are_given_out_and_then_handed_on_in_order() -> None:
    gate = Gate(2)
    a, b, c, d = map(job, "abcd")
    assert gate.enter(a) and gate.enter(b)
    assert not gate.enter(c) and not gate.enter(d)
    assert gate.leave(b) is c
    assert gate.leave(a) is d
    assert gate.enter(c) and gate.enter(d), "they have the places that were kept for them"
    assert gate.leave(c) is None and gate.leave(d) is None
    assert gate.enter(a) and gate.enter(b) and not gate.enter(c)


def test_place_on_its_way_to_a_job_cannot_be_taken_by_another() -> None:
    gate = Gate(1)
    a, b, c = map(job, "abc")
    assert gate.enter(a) and not gate.enter(b)
    assert gate.leave(a) is b
    assert not gate.enter(c)
    assert gate.enter(b)


def test_a_job_that_will_not_come_hands_its_place_on_exactly_once() -> None:
    gate = Gate(1)
    a, b, c = map(job, "abc")
    assert gate.enter(a) and not gate.enter(b) and not gate.enter(c)
    assert gate.leave(a) is b
    assert gate.leave(b) is c
    assert gate.leave(b) is None, "it has left already"
    assert gate.enter(c) and not gate.enter(a)
    assert gate.leave(a) is None, "it waited, and does no more"
    assert gate.leave(c) is None and gate._free == 1


def test_a_job_that_waits_no_more_gives_nobody_a_place() -> None:
    gate = Gate(1)
    a, b, c = map(job, "abc")
    assert gate.enter(a) and not gate.enter(b) and not gate.enter(c)
    assert gate.leave(b) is None
    assert gate.leave(a) is c and gate.enter(c)
    assert not gate.enter(c), "it has come for its place"


def test_after_ctrl_c_every_job_that_was_not_told_of_its_place_is_returned() -> None:
    gate = Gate(2)
    a, b, c, d, e = map(job, "abcde")
    assert gate.enter(a) and gate.enter(b)
    assert not gate.enter(c) and not gate.enter(d) and not gate.enter(e)
    gate._forget(a)  # where Ctrl-C may strike in leave
    assert gate.recover(b) == [c, d]
    assert gate.recover(b) == [c, d] and gate.enter(c)
    assert gate.recover(c) == [d, e]
    assert gate.leave(d) is None and gate.recover(a) == [e]


def test_a_job_that_is_run_twice_at_once_enters_once() -> None:
    gate = Gate(2)
    a = job("a")
    assert gate.enter(a) and not gate.enter(a)
    assert gate.leave(a) is None and gate._free == 2


def test_gate_that_was_opened_wide_lets_everybody_pass_and_returns_those_who_waited() -> None:
    gate = Gate(1)
    a, b, c, d = map(job, "abcd")
    assert gate.enter(a) and not gate.enter(b) and not gate.enter(c)
    assert gate.open_wide() == [b, c]
    assert gate.enter(b) and gate.enter(c) and gate.enter(d)
    for each in (a, b, c, d):
        assert gate.leave(each) is None


def test_never_more_inside_than_places_and_none_is_lost() -> None:
    with fast_switching():
        for _ in rounds(0.2):
            gate = Gate(3)
            inside: List[Any] = []
            most: List[int] = []
            served: List[Any] = []

            def serve(me: Any) -> None:
                if not gate.enter(me):
                    return
                inside.append(me)
                most.append(len(inside))
                served.append(me)
                inside.remove(me)
                following = gate.leave(me)
                if following is not None:
                    serve(following)

            jobs = [[job(f"{index}.{step}") for step in range(5)] for index in range(4)]
            together(4, lambda index: [serve(each) for each in jobs[index]])  # type: ignore
            assert len(served) == 20 and max(most) <= 3
            assert gate._free == 3 and not gate._waiting and not gate._granted
