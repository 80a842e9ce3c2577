"""Handlers of the sessions of api-version 2021-01-01, and how it writes a session.

What the documents leave open is decided here: a bad id is 400; a lease that is no whole number is
400 on PUT and 422 on PATCH; 1440 itself is too long for PATCH; PATCH of an ended session is 422
and its stop 204; a repeated PUT is compared with the values of the first, not with a lease that
was made longer; minutes are rounded down.
"""

from __future__ import annotations

import json
import re
from typing import Any

from .._http.messages import HttpError, Reply
from .._service.sessions import ERROR, LIVE, READY, RENAMED, LeaseRefused, Session
from .._service.state import IdTaken
from .call import JSON, Call, no_session
from .moments import format_moment
from .versions import versioned

_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")
_LONGEST = 1440  # minutes
_SIZES = ("standard", "premium")

NO_STORE = (("Cache-Control", "no-store, no-cache"), ("Pragma", "no-cache"))

# Nothing listens there: rendering itself is not emulated.
_HANDSHAKE_PORT = 50051
_TERAFLOPS = "8.1"  # the only figure that was recorded


def conflict() -> HttpError:
    """Return the refusal of an id that something else has."""
    return HttpError(409, "A resource already exists under the given ID.")


def checked_id(call: Call) -> str:
    """Return the id of the path; raise HttpError(400) for one that no client may choose."""
    given = call.params["id"]
    if not _ID.fullmatch(given):
        raise HttpError(400, "The id must have 1 to 256 characters, each one of A-Z, a-z, 0-9, "
                             "'-' and '_'.")
    return given


@versioned
def put_session(call: Call) -> Reply:
    """Create a session under the id of the path; the same once more is the same session."""
    session_id, fields = checked_id(call), call.fields()
    size = fields.get("size")
    if not isinstance(size, str) or size.lower() not in _SIZES:
        raise HttpError(400, f"Can't specify this VM size: {str(size):.40}" if "size" in fields
                        else "The size is missing; it is Standard or Premium.")
    minutes = _minutes(fields, 400)
    if minutes < 0:
        raise HttpError(400, "The maxLeaseTimeMinutes value cannot be negative.")
    if minutes > _LONGEST:
        raise HttpError(400, f"The maxLeaseTimeMinutes value cannot be above {_LONGEST}.")
    assert call.record is not None
    try:
        new, text = call.service.state.put_session(
            call.account_id, session_id, size.lower(), minutes * 60, call.record, write)
    except IdTaken:
        raise conflict() from None
    return Reply(201 if new else 200, text.encode("ascii"), JSON)


@versioned
def get_session(call: Call) -> Reply:
    """Return one session."""
    return Reply(200, _written(call), JSON, NO_STORE)


@versioned
def list_sessions(call: Call) -> Reply:
    """Return the sessions that are Starting or Ready."""
    sessions = call.service.state.view_live(call.account_id, write)
    body = '{"sessions":[' + ",".join(sessions) + "]}"
    return Reply(200, body.encode("ascii"), JSON, NO_STORE)


@versioned
def update_session(call: Call) -> Reply:
    """Set a new total lease and return the session."""
    session_id, minutes = checked_id(call), _minutes(call.fields(), 422)
    if minutes >= _LONGEST:
        raise HttpError(422, f"The new lease has to be shorter than {_LONGEST} minutes.")
    try:
        call.service.state.extend(call.account_id, session_id, minutes * 60)
    except LeaseRefused as refused:
        raise HttpError(422, _why(refused)) from None
    return Reply(200, _written(call), JSON)


@versioned
def stop_session(call: Call) -> Reply:
    """Stop a session."""
    if not call.service.state.stop(call.account_id, checked_id(call)):
        raise no_session()
    return Reply(204)


def _written(call: Call) -> bytes:
    found = call.service.state.view(call.account_id, checked_id(call), write)
    if found is None:
        raise no_session()
    return found.encode("ascii")


def _minutes(fields: dict[str, Any], status: int) -> int:
    minutes = fields.get("maxleasetimeminutes")
    if isinstance(minutes, bool) or not isinstance(minutes, int):
        raise HttpError(status, "The maxLeaseTimeMinutes value must be a whole number."
                        if "maxleasetimeminutes" in fields else
                        "The maxLeaseTimeMinutes value is missing.")
    return minutes


def _why(refused: LeaseRefused) -> str:
    if refused.status not in LIVE:
        return f"The session is {refused.status}; its lease cannot be extended any more."
    return f"The new lease has to be longer than {refused.lease // 60} minutes."


# -- a session as this era writes it -------------------------------------------------------------

def write(session: Session, now: float, inspector_port: int) -> str:
    """Return a session as JSON, with the service's members in its order; absent ones left out."""
    status, end, message = session.state(now)
    if status == READY:
        return _write_ready(session, now, inspector_port)
    error = ""
    if status == ERROR:
        code = "NoCapacity" if session.doomed else "InternalServerError"
        error = ',"error":' + json.dumps({"code": code, "message": message or
                                          "The session failed."})
    ready = end is not None and session.ready_at <= end and not session.doomed
    return (_head(session) + _middle(session.elapsed(now)) + _tail(session, status)
            + (f',"teraflops":{_TERAFLOPS}' if ready else "") + error + "}")


def _write_ready(session: Session, now: float, inspector_port: int) -> str:
    # As in the older era: all but the elapsed time is kept.
    kept = session.kept.get("2021")
    if kept is None:
        kept = session.kept["2021"] = (
            _head(session) + (
                f'"arrInspectorPort":{inspector_port},"handshakePort":{_HANDSHAKE_PORT},'),
            f'"hostname":"{session.hostname()}",' + _tail(session, READY)
            + f',"teraflops":{_TERAFLOPS}}}')
    head, tail = kept
    return f"{head}{_middle(now - session.ready_at)}{tail}"


def _head(session: Session) -> str:
    return f'{{"id":"{session.id}","creationTime":"{format_moment(session.created)}+00:00",'


def _middle(elapsed: float) -> str:
    return f'"elapsedTimeMinutes":{int(elapsed // 60)},'


def _tail(session: Session, status: str) -> str:
    size = RENAMED.get(session.size, session.size).capitalize()
    return (f'"maxLeaseTimeMinutes":{session.lease // 60},"size":"{size}","status":"{status}"')
