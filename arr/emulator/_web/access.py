"""Who may call: the token route of all eras, the check of tokens, throttling."""

from __future__ import annotations

from .._http.messages import HttpError, Reply
from .._service.tokens import bearer, key_matches
from .call import NO_STORE, Call, json_reply


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
