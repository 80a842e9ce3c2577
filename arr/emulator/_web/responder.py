"""``Responder``: turns each request into a reply, and records it in the journal."""

from __future__ import annotations

import base64
import logging
import math
import os
import re
import time

from .._http.guard import check_change, check_host
from .._http.messages import HttpError, Reply, Request, http_date
from .._service.journal import Record, clean
from .._service.service import Service
from .access import authenticate
from .call import Call
from .eras import V1, Era, era_of
from .routes import INSPECTOR, OWN, SERVICE, Route, find

_log = logging.getLogger("arr.emulator")

_SESSION_HOST = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.localhost")


class Responder:
    """Turns a request into a reply; what the service knows is behind it, the sockets before it."""

    def __init__(self, service: Service, *, host: str, allow_remote: bool) -> None:
        self._service = service
        self._host = host
        self._allow_remote = allow_remote
        self._date = (math.nan, "")

    def answer(self, request: Request) -> Reply:
        """Answer one request; never raises."""
        began = time.perf_counter()
        record: Record | None = None
        era = era_of(request.segments)
        try:
            check_host(request, self._host, self._allow_remote)
            session_host = _SESSION_HOST.fullmatch(request.host)
            try:
                route, params = find(request.method, request.segments,
                                     inspector=session_host is not None)
            except HttpError:
                # Shown among the requests too: a client whose paths are wrong is what one looks
                # for there.
                if request.segments[:1] in (("v1",), ("accounts",)):
                    record = self._open(request)
                raise
            if session_host is not None:
                params["id"] = session_host[1]
            if route.kind in (OWN, INSPECTOR):
                reply = self._own(route, Call(self._service, request, params, None))
            else:
                record = self._open(request, route.name, route.era)
                reply = self._serve(route, Call(self._service, request, params, record), record,
                                    era)
        except HttpError as error:
            reply = era.refuse(error)
            self._explain(record, error)
        except Exception:
            _log.error("internal error in the emulator", exc_info=True)
            reply = era.refuse(HttpError(500, "Internal error; see the log of the emulator."))
        reply.headers += era.headers
        return self._finish(reply, request, record, began)

    def refuse(self, error: HttpError) -> Reply:
        """Answer something that was no complete request."""
        reply = V1.refuse(error)
        self._stamp(reply)
        _log.info("refused: %d %s", error.status, clean(str(error), 200))
        return reply

    def _open(self, request: Request, route: str = "", era: str = "") -> Record:
        return self._service.journal.open(
            self._service.clock.time(), request.method, request.target, route,
            request.headers.get("user-agent", ""), era)

    def _own(self, route: Route, call: Call) -> Reply:
        if route.kind == OWN and route.method != "GET":
            check_change(call.request)
        if route.kind == INSPECTOR or route.method == "GET":
            return route.handler(call)
        try:
            return route.handler(call)
        except (TypeError, ValueError) as error:  # a value that the command does not take
            raise HttpError(400, f"{error}.") from None

    def _serve(self, route: Route, call: Call, record: Record, era: Era) -> Reply:
        method, segments = call.request.method, call.request.segments
        if "sessions/{id}" in route.path:
            # Whatever comes of it: refused calls and faults are what one looks for.
            self._service.state.note(call.params["account"], call.params["id"], record)
        fault = self._service.faults.pick(method, segments)
        hold = self._service.faults.pick_hold(method, segments)
        if fault is not None:
            record.fault = fault.id
            record.reason = f"fault {fault.id}"
            if fault.delay:
                self._service.faults.delay(fault.delay)
        try:
            reply = Reply(200)
            if fault is None or not fault.replaces:
                if route.kind == SERVICE:
                    authenticate(call)
                reply = route.handler(call)
        except HttpError as error:
            reply = era.refuse(error)
            self._explain(record, error)
        record.account_id = call.account_id
        if fault is not None:
            reply = fault.spoil(reply, era.refuse)
        if hold is not None:
            self._service.faults.block(hold)
        return reply

    def _explain(self, record: Record | None, error: HttpError) -> None:
        if record is not None:
            record.reason = "; ".join(filter(None, (record.reason, clean(str(error), 200))))

    def _finish(self, reply: Reply, request: Request, record: Record | None,
                began: float) -> Reply:
        vector = self._stamp(reply)
        milliseconds = (time.perf_counter() - began) * 1000.0
        if record is not None:
            # Before the reply leaves: a client that has the reply finds it in requests().
            record.milliseconds = round(milliseconds, 3)
            record.status = 0 if reply.damage == "reset" else reply.status
            record.ms_cv = vector
            now, failed = time.monotonic(), reply.status >= 400 or bool(reply.damage)
            self._service.meter.add(now, record.milliseconds, failed)
            if record.meter is not None:
                record.meter.add(now, record.milliseconds, failed)
        # The emulator's own pages ask again and again; their requests are not worth a line.
        level = logging.DEBUG if record is None and reply.status < 400 else logging.INFO
        if _log.isEnabledFor(level):  # else the texts are made for nothing: 9 % of a GET
            _log.log(level, "%s %s %s %.1f ms%s", clean(request.method, 20),
                     clean(request.target, 300),
                     "reset" if reply.damage == "reset" else reply.status, milliseconds,
                     f" ({record.reason})" if record is not None and record.reason else "")
        return reply

    def _stamp(self, reply: Reply) -> str:
        """Add the headers of every reply; return the correlation vector."""
        vector = base64.b64encode(os.urandom(17))[:22].decode("ascii") + ".0"
        now = self._service.clock.time() // 1
        second, date = self._date
        if second != now:  # once a second: 5 % of a GET
            try:
                date = http_date(now)
            except (ArithmeticError, ValueError, OSError):
                date = "Thu, 01 Jan 1970 00:00:00 GMT"  # a clock outside of the calendar
            self._date = (now, date)  # one tuple, so that no thread sees half of it
        reply.headers += (("Date", date), ("MS-CV", vector))
        return vector
