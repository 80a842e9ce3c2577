"""os.fork and multiprocessing."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any, Tuple

import pytest

from ..support.threads import LIMIT, Service, run_script

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

# What a child does; the parent says what it said. 3.12 and later warn of fork with threads.
_FORK = """
    import warnings
    warnings.simplefilter("ignore")
    # Its thread does not come along, and a child that stops it, as every exit does, would hang.
    faulthandler.cancel_dump_traceback_later()
    signal.alarm(20)
    def in_child(work):
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                signal.alarm(15)
                work()
                code = 0
            except BaseException as error:
                say("child failed", repr(error))
            finally:
                os._exit(code)
        return lambda: os.waitpid(child, 0)[1]
"""


@needs_fork
def test_child_can_use_a_new_frontend_and_the_old_one_refuses(service: Service) -> None:
    said = run_script(_FORK + """
    front = frontend()
    session = front.open_rendering_session("a")
    assert front.get_current_rendering_sessions_async().wait(10)
    def work():
        old = front.get_current_rendering_sessions_async()
        seen = queue.SimpleQueue()
        old.completed += lambda done: seen.put(threading.current_thread().name)
        say("old", old.status, seen.get(timeout=10).startswith("arr-worker-"))
        say("old session", session.stop_rendering_session_async().status)
        new = frontend()
        say("new", new.get_current_rendering_sessions_async().get(10))
        names = {thread.name for thread in threading.enumerate()}
        say("threads", {name.rstrip("0123456789") for name in names})
    done = in_child(work)
    say("exit", done())
    say("parent", front.get_current_rendering_sessions_async().get(10))
    """, service.url)
    assert said == [
        "old AlreadyDeinitialized True", "old session AlreadyDeinitialized", "new []",
        said[3], "exit 0", "parent []"]
    assert eval(said[3][len("threads "):]) == {"MainThread", "arr-timer", "arr-worker-"}


@needs_fork
def test_fork_with_calls_in_flight_disturbs_neither_side(service: Service) -> None:
    service.held = {"PATCH"}
    said = run_script(_FORK + """
    front = frontend()
    sessions = [front.open_rendering_session(str(n)) for n in range(10)]
    operations = [session.update_rendering_session_async(UpdateRenderingSessionParams(1))
                  for session in sessions]
    while len(front._core.watch.current()) < 10:
        threading.Event().wait(0.001)
    def work():
        new = frontend()
        say(new.open_rendering_session("0").get_rendering_session_properties_async().get(10)
            .status)
        say([session.update_rendering_session_async(UpdateRenderingSessionParams(1)).status
             for session in sessions[:2]])
    done = in_child(work)
    say(done())
    front.open_rendering_session("x").stop_rendering_session_async().wait(10)
    say(all(operation.wait(10) and operation.status == ARRResult.Success
            for operation in operations))
    """, _releasing(service))
    assert said == ["Ready", "[<ARRResult.AlreadyDeinitialized: 9>, "
                    "<ARRResult.AlreadyDeinitialized: 9>]", "0", "True"]


def _releasing(service: Service) -> str:
    import threading

    def watch() -> None:
        while service.arrived.get(timeout=LIMIT)[0] != "DELETE":
            pass
        service.release()

    threading.Thread(target=watch, daemon=True).start()
    return service.url


@needs_fork
def test_forks_while_threads_are_in_the_middle_of_everything_do_not_hang_the_child(
        service: Service) -> None:
    said = run_script(_FORK + """
    front = frontend()
    sys.setswitchinterval(1e-5)
    going = True
    def busy():
        session = front.open_rendering_session("a")
        while going:
            operation = session.get_rendering_session_properties_async()
            operation.completed += repr
            operation.as_task().result(10)
    threads = [threading.Thread(target=busy, daemon=True) for _ in range(4)]
    for thread in threads: thread.start()
    def work():
        new = frontend()
        operation = new.get_current_rendering_sessions_async()
        operation.completed += repr
        assert operation.as_task().result(10) == []
    codes = [in_child(work)() for _ in range(15)]
    going = False
    for thread in threads: thread.join(10)
    say(codes == [0] * 15, any(thread.is_alive() for thread in threads))
    """, service.url)
    assert said == ["True False"]


@needs_fork
def test_operation_completed_before_the_fork_takes_late_handlers_in_the_child(
        service: Service) -> None:
    """Also when a delivery was under way, or due, in the parent as it forked."""
    said = run_script(_FORK + """
    front = frontend()
    operation = front.get_current_rendering_sessions_async()
    assert operation.wait(10)
    due = front.get_current_rendering_sessions_async()
    assert due.wait(10)
    entered, release = threading.Event(), threading.Event()
    def handler(done):
        entered.set()
        release.wait(10)
    operation.completed += handler
    assert entered.wait(10)
    from arr._runtime.operation import _due
    _due[due] = workers.generation  # submitted, and not begun when the fork comes
    def work():
        for each in (operation, due):
            seen = queue.SimpleQueue()
            each.completed += lambda done: seen.put(done.result)
            say(seen.get(timeout=10), each.wait(10), each.as_task().result(10))
    say(in_child(work)())
    release.set()
    """, service.url)
    assert said == ["[] True []", "[] True []", "0"]


@needs_fork
def test_child_that_exits_normally_runs_its_own_exit_hook_only(service: Service) -> None:
    service.held = {"GET"}
    said = run_script(_FORK + """
    front = frontend()
    operation = front.get_current_rendering_sessions_async()
    while not front._core.watch.current():
        threading.Event().wait(0.001)
    front._core.gate._lock.acquire()  # as a worker may hold it in that instant
    if os.fork() == 0:
        signal.alarm(15)
        new = frontend()
        new.get_current_rendering_sessions_async().completed += (
            lambda done: say("child", done.status))
        while not new._core.watch.current():
            threading.Event().wait(0.001)
        sys.exit(0)
    front._core.gate._lock.release()
    say("exit", os.wait()[1])
    say("parent", operation.status)
    """, service.url)
    assert said == ["child Cancelled", "exit 0", "parent InProgress"]


def _spawned(url: str, results: Any) -> None:
    """Run in a spawned child; must be importable there."""
    from arr import AzureFrontend, AzureFrontendAccountInfo, SessionLocation

    account = AzureFrontendAccountInfo(url, "0b3c1d52-7a1e-4f5e-9a70-6c2f1f0a1b2c",
                                       access_token="token", location=SessionLocation.ignore)
    frontend = AzureFrontend(account)
    results.put(frontend.get_current_rendering_sessions_async().get(LIMIT))


def test_multiprocessing_spawn_works(service: Service) -> None:
    context = multiprocessing.get_context("spawn")
    results: Any = context.Queue()
    process = context.Process(target=_spawned, args=(service.url, results), daemon=True)
    process.start()
    found: Tuple[Any, ...] = (results.get(timeout=LIMIT),)
    process.join(LIMIT)
    assert found == ([],) and process.exitcode == 0
    results.close()
    results.join_thread()


def test_a_call_imports_nothing_once_the_frontend_is_built(service: Service) -> None:
    """A fork in the middle of an import leaves its lock taken in the child, for ever."""
    (line,) = run_script("""
    front = frontend()
    session = front.open_rendering_session("a")
    before = set(sys.modules)
    for operation in (front.get_current_rendering_sessions_async(),
                      session.get_rendering_session_properties_async(),
                      session.update_rendering_session_async(UpdateRenderingSessionParams(2)),
                      session.stop_rendering_session_async()):
        operation.completed += repr
        assert operation.as_task().result(10) is not None
    say(sorted(set(sys.modules) - before))
    """, service.url)
    assert line == "[]"
