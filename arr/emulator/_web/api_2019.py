"""The routes of the service: tokens, models and sessions.

What the documents leave open is decided here: models/create answers 200; a missing or bad field
is 400, a lease that is not larger is 422 (as in 2021), so is a PATCH of an ended session; an
unknown session or model is 404; stopping an ended session is 204; `Location` names the session.
"""

from __future__ import annotations

from typing import Any

from .call import JSON, NO_STORE, Call, json_reply
from .._http.messages import HttpError, Reply
from .._service.sessions import SIZES
from .._service.tokens import bearer, key_matches
from .timespan import parse_timespan

_MAX_TEXT = 8_192


def token(call: Call) -> Reply:
    """Exchange `Bearer <account id>:<account key>` for an access token."""
    service = call.service
    account = service.state.account(call.params["account"])
    given = bearer(call.request.headers.get("authorization", ""))
    account_id, colon, key = given.partition(":")
    if account is None:
        reason = "there is no such account"
    elif not given:
        reason = "the header 'Authorization: Bearer <account id>:<account key>' is missing"
    elif not colon:
        # An Azure AD token: not yet supported in December 2019.
        reason = "" if service.accept_authentication_token else (
            "authentication tokens are not supported; start the emulator with "
            "accept_authentication_token to allow them")
    elif account_id.lower() != account.id.lower():
        reason = "the account id of the header is not the one of the path"
    else:
        reason = "" if key_matches(key, account.key) else "the account key is wrong"
    if account is None or reason:
        raise HttpError(401, reason)
    call.account_id = account.id
    throttle(call)
    issued = service.tokens.issue(account.id, service.clock.time())
    return json_reply({"AccessToken": issued}, headers=NO_STORE)


def authenticate(call: Call) -> None:
    """Check the access token of a call; raise HttpError(401)."""
    service = call.service
    given = bearer(call.request.headers.get("authorization", ""))
    if not given:
        raise HttpError(401, "the header 'Authorization: Bearer <access token>' is missing")
    account_id = service.tokens.account_of(given, service.clock.time())
    if account_id is None:
        raise HttpError(401, "the access token is forged or has expired; ask for a new one")
    if account_id.lower() != call.params["account"].lower():
        raise HttpError(401, "the access token belongs to another account")
    call.account_id = account_id
    throttle(call)


def throttle(call: Call) -> None:
    """Count a call against its account's limit; raise HttpError(429)."""
    seconds = call.service.throttle.excess(call.account_id)
    if seconds:
        raise HttpError(429, "too many requests in this minute", (("Retry-After", str(seconds)),))


def create_model(call: Call) -> Reply:
    """Begin to ingest a model."""
    fields = call.fields()
    texts = []
    for name in ("modelName", "modelUrl", "assetContainerUrl"):
        value = fields.get(name.lower())
        if not isinstance(value, str) or not value.strip():
            raise HttpError(400, f"{name} must be a text that is not empty.")
        if len(value) > _MAX_TEXT:
            raise HttpError(400, f"{name} is longer than {_MAX_TEXT} characters.")
        texts.append(value)
    model_id = call.service.state.create_ingestion(call.account_id, *texts)
    return json_reply({"modelId": model_id})


def model_status(call: Call) -> Reply:
    """Say how far an ingestion is."""
    status = call.service.state.ingestion_status(call.account_id, call.params["id"])
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
    found = call.service.state.properties(call.account_id, call.params["id"])
    if found is None:
        raise _no_session()
    return Reply(200, found.encode("ascii"), JSON, NO_STORE)


def list_sessions(call: Call) -> Reply:
    """Return the sessions that are Starting or Ready."""
    sessions = call.service.state.live_sessions(call.account_id)
    body = '{"sessions":[' + ",".join(sessions) + "]}"
    return Reply(200, body.encode("ascii"), JSON, NO_STORE)


def update_session(call: Call) -> Reply:
    """Set a new total lease; the reply is empty."""
    lease = _lease(call.fields())
    refusal = call.service.state.extend(call.account_id, call.params["id"], lease)
    if refusal is None:
        raise _no_session()
    if refusal:
        raise HttpError(422, refusal)
    return Reply(200)


def stop_session(call: Call) -> Reply:
    """Stop a session."""
    if not call.service.state.stop(call.account_id, call.params["id"]):
        raise _no_session()
    return Reply(204)


def _lease(fields: dict[str, Any]) -> int:
    try:
        return parse_timespan(fields.get("maxleasetime"))
    except ValueError as error:
        raise HttpError(400, f"maxLeaseTime {error}.") from None


def _no_session() -> HttpError:
    return HttpError(404, "This account has no session of that id.")
