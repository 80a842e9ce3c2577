"""Checks who calls: the token route of all versions, access tokens, throttling."""

from __future__ import annotations

from .._http.messages import HttpError, Reply
from .._service.state import Account
from .._service.tokens import bearer, key_matches
from .call import NO_STORE, Call, json_reply
from .eras import era_of


def token(call: Call) -> Reply:
    """Exchange ``Bearer <account id>:<account key>`` for an access token."""
    service = call.service
    account = service.state.account(call.params["account"])
    if account is None:
        raise HttpError(401, "there is no such account")
    _check_credential(bearer(call.request.headers.get("authorization", "")), account,
                      service.accept_authentication_token)
    call.account_id = account.id
    throttle(call)
    issued = service.tokens.issue(account.id, service.clock.time())
    return json_reply({"AccessToken": issued}, headers=NO_STORE)


def _check_credential(given: str, account: Account, accept_authentication_token: bool) -> None:
    """Check what the caller of the token route has sent; raise HttpError(401)."""
    account_id, colon, key = given.partition(":")
    if not given:
        raise HttpError(
            401, "the header 'Authorization: Bearer <account id>:<account key>' is missing")
    if not colon:
        # An Azure AD token: not yet supported in December 2019.
        if not accept_authentication_token:
            raise HttpError(401, "authentication tokens are not supported; start the emulator "
                                 "with accept_authentication_token to allow them")
    elif account_id.lower() != account.id.lower():
        raise HttpError(401, "the account id of the header is not the one of the path")
    elif not key_matches(key, account.key):
        raise HttpError(401, "the account key is wrong")


def authenticate(call: Call) -> None:
    """Check the access token of a call; raise HttpError(401)."""
    service = call.service
    given = bearer(call.request.headers.get("authorization", ""))
    if not given:
        raise HttpError(401, "the header 'Authorization: Bearer <access token>' is missing")
    account_id = service.tokens.account_of(given, service.clock.time())
    if account_id is None or service.state.account(account_id) is None:
        raise HttpError(401, "the access token is forged or has expired; ask for a new one")
    if account_id.lower() != call.params["account"].lower():
        raise HttpError(era_of(call.request.segments).foreign_token,
                        "the access token belongs to another account")
    call.account_id = account_id
    throttle(call)


def throttle(call: Call) -> None:
    """Count a call against its account's limit; raise HttpError(429)."""
    seconds = call.service.throttle.excess(call.account_id)
    if seconds:
        raise HttpError(429, "too many requests in this minute", (("Retry-After", str(seconds)),))
