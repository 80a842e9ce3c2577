"""Handlers of the routes of December 2019: models and sessions, and how a session is written.

What the documents leave open is decided here: models/create answers 200; a missing or bad field
is 400, a lease that is not larger is 422 (as in 2021), so is a PATCH of an ended session; an
unknown session or model is 404; stopping an ended session is 204; ``Location`` names the session.
"""

from __future__ import annotations

import json
from typing import Any

from .._http.messages import HttpError, Reply
from .._service.ingestions import Ingestion, Work
from .._service.sessions import EXPIRED, LIVE, READY, RENAMED, SIZES, LeaseRefused, Session
from .call import JSON, NO_STORE, Call, json_reply, no_session
from .timespan import format_timespan, parse_timespan

_MAX_TEXT = 8_192

# The port of the documents of 2020. Nothing listens there: `RemoteManager.connect` is a stub.
HANDSHAKE_PORT = 50051

_OLD_NAMES = {new: old for old, new in RENAMED.items()}

_READY_HEAD = '{"message":null,"sessionElapsedTime":"'


def create_model(call: Call) -> Reply:
    """Begin to ingest a model."""
    fields = call.fields()
    texts = []
    for name in ("modelName", "modelUrl", "assetContainerUrl"):
        value = fields.get(name.lower())
        if not isinstance(value, str) or not value.strip():
            raise HttpError(400, f"{name} must be a string that is not empty.")
        if len(value) > _MAX_TEXT:
            raise HttpError(400, f"{name} is longer than {_MAX_TEXT} characters.")
        texts.append(value)
    model, source, target = texts
    model_id = call.service.state.create_ingestion(call.account_id, Work(model, source, target))
    return json_reply({"modelId": model_id})


def model_status(call: Call) -> Reply:
    """Say how far an ingestion is."""
    status = call.service.state.view_ingestion(call.account_id, call.params["id"],
                                               Ingestion.status)
    if status is None:
        raise HttpError(404, "This account has no model of that id.")
    return json_reply({"status": status})


def create_session(call: Call) -> Reply:
    """Create a session."""
    fields = call.fields()
    size = fields.get("size")
    if not isinstance(size, str) or size.lower() not in SIZES:
        raise HttpError(400, f"size must be one of {', '.join(SIZES)}.")
    models = fields.get("models")
    if models is not None and not (
            isinstance(models, list) and all(isinstance(model, str) for model in models)):
        raise HttpError(400, "models must be a list of URLs.")
    lease = _lease(fields)
    if lease == 0:
        raise HttpError(400, "maxLeaseTime must be longer than zero.")
    assert call.record is not None
    session_id = call.service.state.create_session(
        call.account_id, size.lower(), lease, call.record)
    location = f"accounts/{call.account_id}/sessions/{session_id}"
    return json_reply({"sessionId": session_id}, 202, (("Location", location),))


def session_properties(call: Call) -> Reply:
    """Return one session."""
    found = call.service.state.view(call.account_id, call.params["id"], write)
    if found is None:
        raise no_session()
    return Reply(200, found.encode("ascii"), JSON, NO_STORE)


def list_sessions(call: Call) -> Reply:
    """Return the sessions that are Starting or Ready."""
    sessions = call.service.state.view_live(call.account_id, write)
    body = '{"sessions":[' + ",".join(sessions) + "]}"
    return Reply(200, body.encode("ascii"), JSON, NO_STORE)


def update_session(call: Call) -> Reply:
    """Set a new total lease; the reply is empty."""
    lease = _lease(call.fields())
    try:
        found = call.service.state.extend(call.account_id, call.params["id"], lease)
    except LeaseRefused as refused:
        raise HttpError(422, _why(refused)) from None
    if not found:
        raise no_session()
    return Reply(200)


def stop_session(call: Call) -> Reply:
    """Stop a session."""
    if not call.service.state.stop(call.account_id, call.params["id"]):
        raise no_session()
    return Reply(204)


def _lease(fields: dict[str, Any]) -> int:
    try:
        return parse_timespan(fields.get("maxleasetime"))
    except ValueError as error:
        raise HttpError(400, f"maxLeaseTime {error}.") from None


def _why(refused: LeaseRefused) -> str:
    if refused.status not in LIVE:
        return f"The session is {refused.status}; its lease cannot be extended any more."
    return ("maxLeaseTime is the new total and must be larger than the present "
            f"{format_timespan(refused.lease)}.")


# -- a session as this era writes it -------------------------------------------------------------

def write(session: Session, now: float, inspector_port: int) -> str:
    """Return a session's properties as JSON, with the service's fields in its order."""
    status, end, message = session.state(now)
    if status == READY:
        return _write_ready(session, now, inspector_port)
    elapsed = format_timespan(max(0.0, (now if end is None else end) - session.ready_at))
    if status == EXPIRED:
        message = ("The session has expired: its maximum lease time of "
                   f"{format_timespan(session.lease)} is over.")
    text = json.dumps(message) if message else "null"
    # Host name null and ports zero before and after Ready, as the service did until 2021.
    return f'{{"message":{text},"sessionElapsedTime":"{elapsed}",' + _tail(session, status)


def _write_ready(session: Session, now: float, inspector_port: int) -> str:
    # All but one field stay the same, and are kept: else a list of 100 takes 1.66 times as long.
    kept = session.kept.get("2019")
    if kept is None:
        kept = session.kept["2019"] = _tail(
            session, READY, f'"{session.hostname()}"', inspector_port, HANDSHAKE_PORT)
    return f'{_READY_HEAD}{format_timespan(now - session.ready_at)}",{kept}'


def _size(session: Session) -> str:
    """Return a size that programs of 2019 know, unless the session was made with another here."""
    return _OLD_NAMES[session.size] if session.named else session.size


def _tail(session: Session, status: str, quoted_hostname: str = "null", inspector_port: int = 0,
          handshake_port: int = 0) -> str:
    return (
        f'"sessionHostname":{quoted_hostname},'
        f'"sessionId":"{session.id}",'
        f'"sessionMaxLeaseTime":"{format_timespan(session.lease)}",'
        f'"sessionSize":"{_size(session)}",'
        f'"sessionStatus":"{status}",'
        f'"connectionProperties":{{"arrInspectorPort":{inspector_port},'
        f'"handshakePort":{handshake_port}}}}}')
