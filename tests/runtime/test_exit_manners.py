"""The end of the process: exit codes, what is printed, disposed frontends, executors, waiters."""

from __future__ import annotations

from ..support.threads import Script, Service, run_script
from .test_exit_process import AT_ONCE, END, timed


def test_sys_exit_in_a_handler_ends_neither_worker_nor_process(service: Service) -> None:
    code, said, errors = Script("""
    import logging
    logging.getLogger("arr").addHandler(logging.NullHandler())
    front = frontend()
    operation = front.get_current_rendering_sessions_async()
    operation.completed += lambda done: sys.exit(3)
    operation.completed += lambda done: say("next handler")
    operation.wait(10)
    say(front.get_current_rendering_sessions_async().get(10))
    """, service.url).result()
    assert (code, said, errors) == (0, ["next handler", "[]"], "")


def test_ctrl_c_at_the_end_of_main_still_cancels_and_exits(service: Service) -> None:
    service.held = {"GET"}
    code, said, errors = Script("""
    front = frontend()
    front.get_current_rendering_sessions_async().completed += (
        lambda done: say(done.status))
    while not front._core.watch.current():
        threading.Event().wait(0.001)
    raise KeyboardInterrupt
    """, service.url).result()
    assert code != 0 and said == ["Cancelled"]
    assert errors.count("Traceback") == 1 and "KeyboardInterrupt" in errors


def test_sys_exit_with_calls_in_flight_keeps_its_code(service: Service) -> None:
    service.held = {"GET"}
    code, said, errors = Script("""
    front = frontend()
    for _ in range(100):
        front.get_current_rendering_sessions_async().completed += lambda done: say(done.status)
    sys.exit(7)
    """, service.url).result()
    assert (code, errors) == (7, "")
    assert said == ["Cancelled"] * 100


def test_waiting_thread_and_await_end_with_the_cancelled_call(service: Service) -> None:
    """A thread that is no daemon holds the end up by waiting: Python joins it before our hook."""
    service.held = {"GET"}
    script = Script("""
    front = frontend(exit_seconds=15)
    operation = front.get_current_rendering_sessions_async()
    daemon = threading.Thread(target=lambda: say(operation.wait(15), operation.status),
                              daemon=True)
    daemon.start()
    while not front._core.watch.current() or not operation._queue:
        threading.Event().wait(0.001)
    operation.completed += lambda done: threading.Event().wait(0.2)
    """ + END, service.url)
    said, seconds = timed(script)
    assert said == ["True Cancelled"] and seconds < AT_ONCE


def test_disposed_frontend_is_closed_down_all_the_same(service: Service) -> None:
    service.held = {"GET"}
    said, seconds = timed(Script("""
    with frontend(exit_seconds=15) as front:
        operation = front.get_current_rendering_sessions_async()
        core = front._core
    operation.completed += lambda done: say(done.status)
    while not core.watch.current():
        threading.Event().wait(0.001)
    del core, front, operation
    """ + END, service.url))
    assert said == ["Cancelled"] and seconds < AT_ONCE


def test_given_thread_pool_is_joined_by_python_first_and_the_process_ends(
        service: Service) -> None:
    """Documented: a caller's ThreadPoolExecutor voids the promise; calls there are finished."""
    service.held = {"GET"}
    script = Script("""
    from concurrent.futures import ThreadPoolExecutor
    executor = ThreadPoolExecutor(2)
    front = frontend(executor=executor)
    for _ in range(4):
        front.get_current_rendering_sessions_async().completed += lambda done: say(done.status)
    while len(front._core.watch.current()) < 2:
        threading.Event().wait(0.001)
    say("ready")
    """, service.url)
    service.expect("GET")
    service.expect("GET")
    script.wait_for("ready")
    service.release()
    said = script.finish()
    assert said[0] == "ready" and len(said) == 5
    assert set(said[1:]) <= {"Success", "Cancelled"}


def test_many_frontends_in_flight_share_one_second(service: Service) -> None:
    service.held = {"POST", "GET"}
    said, seconds = timed(Script("""
    fronts = [frontend() for _ in range(10)]
    for front in fronts:
        front.create_rendering_session_async(
            CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1))
        front.get_current_rendering_sessions_async().completed += lambda done: say(done.status)
    while sum(flight.launched for front in fronts
              for flight, _ in front._core.watch.current()) < 20:
        threading.Event().wait(0.001)
    """ + END, service.url))
    assert said == ["Cancelled"] * 10 and seconds < AT_ONCE


def test_nothing_of_the_package_is_printed_at_the_end() -> None:
    """Against a port that refuses: failures in flight, retries resting, no traceback anywhere."""
    assert run_script("""
    front = frontend()
    session = front.open_rendering_session("a")
    for _ in range(50):
        front.get_current_rendering_sessions_async()
    session.stop_rendering_session_async()
    """) == []
