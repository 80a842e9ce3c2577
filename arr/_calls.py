"""One call, from the caller's thread to the handlers.

The caller's thread only checks arguments, takes the session's slot and submits a job. All else
happens in the job, on a worker, in this order: place on the wire, token, send, decode, give the
place back, store and publish the outcome, run the handlers.
"""

from __future__ import annotations

import itertools
from typing import Any, Callable, NamedTuple, Optional, Protocol, TypeVar, cast

from ._core import Core
from ._http.in_flight import Flight
from ._http.replies import (
    Reply, advice, clean, error_text, failure_context, new_correlation, parse_json,
    parse_retry_after, scrub,
)
from ._http.tokens import USER_AGENT, Token
from ._params import Params, encoded
from ._results import ARRResult, CallFailed, RRSessionGeneralContext, result_of_http
from ._routes import Route
from ._runtime.events import Entry, Subscription, logger, subscription
from ._runtime.operation import IAsync
from ._runtime.slots import Slot
from ._runtime.workers import Job, workers

BACKOFF = (0.1, 0.3)  # seconds before the second and the third try of a GET or DELETE
RETRIED_CODES = (502, 503, 504)
SHORT = 30  # characters of a correlation vector; no secret is as short
_sent_numbers = itertools.count(1)

Callback = Optional[Callable[..., object]]
O = TypeVar("O", bound=IAsync[Any])  # noqa: E741


class Owner(Protocol):
    """The object that a call was made on."""

    def _adopt(self, core: Core, route: Route, value: Any, sent: int) -> tuple[Any, Job | None]:
        """Return the operation's value, and what to do just before it is published."""


def start_call(core: Core, route: Route, owner: Owner, target: Callable[[], str],
               params: Params | None, callback: Callback, slot: Slot | None = None,
               job: type[Call] | None = None,
               submit: Callable[[Job], object] | None = None) -> IAsync[Any]:
    """Begin a call and return its operation; what cannot begin comes back completed.

    ``target`` returns the id that the call is about, or raises CallFailed for a bad one.
    ``submit`` takes the job in place of the runner.
    """
    # In a forked child nothing runs what is given to the parent's executor.
    same_process = core.generation is workers.generation
    operation: IAsync[Any] = IAsync(core.runner if same_process else workers)
    add_callback(operation, route, callback)
    call: Call | None = None
    try:
        core.check_open()
        body = None if params is None else encoded(params)
        call = (job or Call)(core, route, target(), body, owner, operation)
        if slot is not None and not slot.take(operation):
            raise CallFailed(ARRResult.AlreadyExists, "a call of this kind is still running "
                             "on this session object; wait for its completed event")
        (submit or core.runner.submit)(call)
    except CallFailed as failure:
        return refuse(operation, route.name, failure)
    except BaseException:
        # Ctrl-C: the caller never gets the operation, but the traceback may keep it alive, and
        # with it the slot. Completed, it holds no slot, and a job that has not begun will not.
        if call is None or call.flight is None:
            refuse(operation, route.name, CallFailed(ARRResult.Cancelled, "interrupted"))
        raise
    return operation


class CppCallback(Entry):
    """A callback of the C++ shape: it gets what the C++ lambda of that call gets."""

    __slots__ = ("entry", "arguments")

    def __init__(self, entry: Subscription,
                 arguments: Callable[[IAsync[Any]], tuple[object, ...]]) -> None:
        self.entry = entry
        self.arguments = arguments

    def deliver(self, *operation: object) -> None:
        self.entry.deliver(*self.arguments(cast("IAsync[Any]", operation[0])))


def add_callback(operation: IAsync[Any], route: Route, callback: Callback) -> None:
    """Subscribe a callback of the C++ shape, before any other handler."""
    if callback is None:
        return
    if not callable(callback):
        raise TypeError(f"{route.name} takes a callable as its last argument, not "
                        f"{type(callback).__name__}")
    operation._queue.append(CppCallback(subscription(callback), route.cpp_arguments))


def refuse(operation: O, name: str, failure: CallFailed) -> O:
    """Complete an operation that never began; its handlers run on a worker all the same."""
    operation._complete(failure_context(name, failure))
    if operation._queue:
        operation._runner.submit(operation._drain)
    return operation


def refuse_disposed(operation: O, route: Route, callback: Callback, what: str) -> O:
    """Complete the operation of a call on a disposed object."""
    add_callback(operation, route, callback)
    return refuse(operation, route.name, CallFailed(ARRResult.AlreadyDeinitialized,
                                                    f"the {what} was disposed"))


class Answer(NamedTuple):
    context: RRSessionGeneralContext
    value: Any
    store: Job | None


class Call:
    """The job of one call. Run by a worker, perhaps several times: once for each try."""

    __slots__ = ("core", "route", "target", "body", "owner", "operation", "flight")

    def __init__(self, core: Core, route: Route, target: str, body: bytes | None,
                 owner: Owner, operation: IAsync[Any]) -> None:
        self.core = core
        self.route = route
        self.target = target
        self.body = body
        self.owner = owner
        self.operation = operation
        self.flight: Flight | None = None

    def __call__(self) -> None:
        # Only the winner delivers: at the end of the process, the hook that completed the operation
        # meanwhile has its own delivery waited for, and not this one.
        if self._try():
            self.operation._drain()

    def _try(self) -> bool:
        """Try the call once; tell whether that has completed the operation."""
        core = self.core
        try:
            if not core.gate.enter(self):
                return False  # the next call that leaves submits this one again
            answer = self._fly()
            # Before the outcome shows: a handler may block, and must not block the wire with it.
            # And before the rest: the next try may begin at any moment, and needs a place.
            core.leave_place(self)
            if isinstance(answer, float):
                core.rest(self, answer)
                return False
        except BaseException:  # Ctrl-C on the main thread, where a caller's executor may run calls
            for call in core.gate.recover(self):
                core.runner.submit(call)
            self.refused()
            raise
        return answer is not None and self.operation._complete(*answer)

    # -- what the end of the process asks ------------------------------------------------------

    @property
    def delivering(self) -> bool:
        """True while only handlers are left to run."""
        return self.operation.is_completed

    @property
    def abandoned(self) -> bool:
        """True when another thread has completed the operation; the end does not wait for this."""
        return self.flight is not None and self.flight.abandoned

    def give_up(self, flight: Flight) -> None:
        """Complete as Cancelled, unless the request may have changed something, or must."""
        method = self.route.method
        if method == "DELETE":
            return
        if not flight.cut(ARRResult.Cancelled, unless_launched=method in ("POST", "PATCH")):
            return
        if self.operation._complete(failure_context(self.route.name, _cancelled())):
            flight.abandoned = True
            workers.submit(self.operation._drain)

    @property
    def send_at_exit(self) -> Callable[[float], None] | None:
        """How to send it on the thread of the exit hook; None for all but stop calls."""
        return self._send_at_exit if self.route.method == "DELETE" else None

    def _send_at_exit(self, end: float) -> None:
        if self.operation.is_completed:
            return
        flight = self.flight = self.flight or self._new_flight()
        timer = workers.call_at(end, _Cut(flight))
        logger.warning("arr: %s is sent by the exit hook, because the system gives no more "
                       "threads; its handlers do not run unless a worker becomes free",
                       self.route.name)
        if self._try():
            workers.submit(self.operation._drain)
        timer.cancel()

    def refused(self) -> None:
        """Complete as Cancelled, on a worker, because the executor did not run the call."""
        self.core.leave_place(self)
        failure = CallFailed(ARRResult.Cancelled, "the executor refused, cancelled or failed it")
        self.operation._complete(failure_context(self.route.name, failure))
        workers.submit(self.operation._drain)

    # -- one try -------------------------------------------------------------------------------

    def _fly(self) -> Answer | float | None:
        """Return the answer, or the seconds to rest before another try; None if it has one."""
        core = self.core
        if self.operation.is_completed:
            return None  # its caller was interrupted, or this is the second run after a Ctrl-C
        flight = self.flight = self.flight or self._new_flight()
        try:
            core.watch.add(flight, self)
            # Registered first: at the end, either the hook sees the flight or this sees the end.
            if workers.closing and self.route.method != "DELETE":
                raise _cancelled()
            return self._send(flight)
        except CallFailed as failure:
            if self._may_retry(flight, failure):
                flight.tries += 1
                return BACKOFF[flight.tries - 1]
            return self._failed(flight, failure)
        except Exception as error:
            from traceback import format_exception

            # As text, because an exception may hold a header, and some log handlers show locals.
            text = "".join(format_exception(type(error), error, error.__traceback__))
            logger.error("arr: %s failed unexpectedly\n%s", self.route.name,
                         scrub(text, self._secrets()))
            return self._failed(flight, CallFailed(
                ARRResult.Fail, "an error inside the package, see the log of arr"))
        finally:
            core.watch.remove(flight)

    def _new_flight(self) -> Flight:
        return Flight(self.core.clock.monotonic() + self.core.operation_seconds)

    def _may_retry(self, flight: Flight, failure: CallFailed) -> bool:
        # What has not left may be sent later, whatever it is: then the token service failed.
        return (failure.retryable and (self.route.retryable or not flight.launched)
                and flight.tries < len(BACKOFF) and not workers.closing
                and self.core.clock.monotonic() + BACKOFF[flight.tries] < flight.deadline)

    def _failed(self, flight: Flight, failure: CallFailed) -> Answer:
        if flight.unsure and not self.route.retryable:
            failure.detail += "; it is not known whether the service has carried it out"
        return Answer(failure_context(self.route.name, failure, flight.correlation), None, None)

    def _send(self, flight: Flight) -> Answer:
        tokens = self.core.tokens
        token, cached = tokens.get(flight)
        flight.launch()
        reply = self._request(flight, token)
        if reply.status == 401 and cached and tokens.renewable:
            token = tokens.renew(flight, token)
            reply = self._request(flight, token)
        return self._read(flight, token, reply)

    def _request(self, flight: Flight, token: Token) -> Reply:
        flight.sent = next(_sent_numbers)
        flight.correlation = new_correlation() + ".0"
        headers = {
            "Authorization": f"Bearer {token.text}",
            "MS-CV": flight.correlation,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": USER_AGENT,
        }
        if self.route.method in ("POST", "PATCH"):
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = str(len(self.body or b""))
        url = self.core.base_url + self.route.url_path(self.target)
        try:
            reply = self.core.transport.send(flight, self.route.method, url, headers, self.body)
        except CallFailed:
            flight.unsure = flight.unsure or flight.written
            raise
        flight.unsure = flight.unsure or reply.status in RETRIED_CODES
        return reply

    def _read(self, flight: Flight, token: Token, reply: Reply) -> Answer:
        route, code = self.route, reply.status
        correlation = self._correlation(reply, token)
        result = result_of_http(code, route.not_found)
        if code == 404 and route.method == "DELETE" and flight.unsure:
            result = ARRResult.Success  # an earlier try has done it, and its reply was lost
        if result != ARRResult.Success:
            raise CallFailed(
                result, advice(result, code, scrub(error_text(reply.body),
                                                   [token.text] + self._secrets())), code=code,
                retryable=route.retryable and code in RETRIED_CODES, correlation=correlation,
                retry_after=parse_retry_after(reply.headers, self.core.clock.time()))
        value: Any = ARRResult.Success
        if route.decode is not None:
            try:
                value = route.decode(parse_json(reply.body, "the reply"))
            except CallFailed as failure:
                failure.code, failure.correlation = code, correlation
                raise
        value, store = self.owner._adopt(self.core, route, value, flight.sent)
        context = RRSessionGeneralContext(ARRResult.Success, code, "", flight.correlation,
                                          correlation, None)
        return Answer(context, value, store)

    def _correlation(self, reply: Reply, token: Token) -> str:
        text = reply.headers.get("MS-CV") or ""
        if len(text) > SHORT:
            text = scrub(text, [token.text] + self._secrets())
        return clean(text)

    def _secrets(self) -> list[str]:
        secrets = self.core.tokens.secrets()
        if self.body and b"?" in self.body:  # the signatures of containers
            import json
            from urllib.parse import parse_qs

            for text in json.loads(self.body).values():
                query = text.partition("?")[2] if isinstance(text, str) else ""
                secrets += [query] + parse_qs(query).get("sig", [])
                secrets += [part[4:] for part in query.split("&") if part.startswith("sig=")]
        return secrets


class _Cut:
    """Ends a flight that the exit hook flies, when its time is over."""

    harmless = True  # so it runs on the timer thread; a worker is just what cannot be had

    def __init__(self, flight: Flight) -> None:
        self._flight = flight

    def __call__(self) -> None:
        self._flight.cut(ARRResult.Cancelled)


def _cancelled() -> CallFailed:
    return CallFailed(ARRResult.Cancelled, "given up because the process ends")
