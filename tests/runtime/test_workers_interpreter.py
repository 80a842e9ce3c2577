"""Interpreters in which calls could not complete: AzureFrontend says so, in words."""

from __future__ import annotations

import _thread
import contextlib
import sys

import pytest

from arr import AzureFrontend
from arr._runtime import interpreter
from arr._runtime.workers import Worker, Workers

from ..support.rig import static_account
from ..support.threads import Script

_INNER = """
import sys
sys.path[:0] = %r
import os
from arr import *
try:
    AzureFrontend(AzureFrontendAccountInfo("http://127.0.0.1:9", "0b3c1d52-7a1e-4f5e-9a70-"
        "6c2f1f0a1b2c", access_token="token", location=SessionLocation.ignore))
    os.write(1, b"made\\n")
except RuntimeError as error:
    os.write(1, f"{error}\\n".encode())
os.write(1, f"{'requests' in sys.modules}\\n".encode())
"""


def test_an_isolated_subinterpreter_is_told_in_words() -> None:
    """Its calls would be accepted, and never complete."""
    for name in ("_interpreters", "_xxsubinterpreters"):
        if name in sys.builtin_module_names or _found(name):
            break
    else:
        pytest.skip("this Python has no module for subinterpreters")
    code, said, errors = Script(f"""
    import {name} as interpreters
    inner = {_INNER!r} % sys.path
    interpreters.run_string(interpreters.create(), inner)
    """).result()
    assert (code, errors) == (0, "")
    text, loaded = said
    assert "isolated subinterpreter" in text and "main interpreter" in text
    assert loaded == "False", "extension modules may refuse such an interpreter less politely"


def _found(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None


def test_python_without_its_lock_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    with pytest.raises(RuntimeError, match="GIL.*-X gil=1"):
        AzureFrontend(static_account("http://127.0.0.1:9"))
    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: True)
    AzureFrontend(static_account("http://127.0.0.1:9"))


@pytest.mark.parametrize("allowed", [True, False])
def test_from_python_3_12_on_the_interpreter_says_whether_it_has_daemon_threads(
        monkeypatch: pytest.MonkeyPatch, allowed: bool) -> None:
    monkeypatch.setattr(_thread, "daemon_threads_allowed", lambda: allowed, raising=False)
    with contextlib.ExitStack() as stack:
        if not allowed:
            stack.enter_context(pytest.raises(RuntimeError, match="isolated subinterpreter"))
        interpreter.check_interpreter()


ISOLATED = "thread is not supported for isolated subinterpreters"


@pytest.mark.parametrize("words, workers, passes", [
    (ISOLATED, False, False),
    (ISOLATED, True, True),  # nobody asks: there are threads already
    # It may pass; calls wait for the next free worker then.
    ("can't start new thread", False, True), ("can't start new thread", True, True)])
def test_before_it_a_refused_thread_says_so_and_a_mere_lack_of_threads_does_not(
        monkeypatch: pytest.MonkeyPatch, words: str, workers: bool, passes: bool) -> None:
    def refuse(*args: object) -> None:
        raise RuntimeError(words)

    pool = Workers()
    if workers:
        pool._all.append(Worker(pool, 1))
    monkeypatch.setattr(interpreter, "workers", pool)
    monkeypatch.delattr(_thread, "daemon_threads_allowed", raising=False)
    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    with contextlib.ExitStack() as stack:
        if not passes:
            stack.enter_context(pytest.raises(RuntimeError, match="isolated subinterpreter"))
        interpreter.check_interpreter()


def test_before_it_the_thread_that_was_to_be_had_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "workers", Workers())
    monkeypatch.delattr(_thread, "daemon_threads_allowed", raising=False)
    interpreter.check_interpreter()
