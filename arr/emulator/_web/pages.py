"""Handlers of the pages: the dashboard at ``/``, and an inspector for each session."""

from __future__ import annotations

import base64
import os
import re
from functools import lru_cache

from .._http.messages import HttpError, Reply, query_values
from .._service.tokens import bearer, visitor
from .call import NO_STORE, Call, json_reply, no_session

_HTML = "text/html; charset=utf-8"
_PLACE = re.compile(r"\{\{([a-z]+)\}\}")
_FILE = re.compile(r"\{\{> ([a-z.]+)\}\}\n")


@lru_cache(maxsize=None)
def _template(name: str) -> str:
    """Return a file of this folder, ``{{> name}}`` replaced by that file: a page is one reply."""
    with open(os.path.join(os.path.dirname(__file__), name), encoding="utf-8") as file:
        return _FILE.sub(lambda match: _template(match.group(1)), file.read())


def page(name: str, status: int = 200, forms: str = "'none'", **values: str) -> Reply:
    """Return a page of this folder with ``{{name}}`` replaced by escaped values.

    Scripts and styles run by a nonce only, so that no text can become a script; nothing is loaded
    from elsewhere, forms are posted to ``forms`` only, and no other page may frame this one.
    """
    from html import escape  # late: 4 % of the start

    nonce = base64.b64encode(os.urandom(12)).decode("ascii")
    values["nonce"] = nonce
    text = _PLACE.sub(lambda match: escape(values[match.group(1)]), _template(name))
    policy = (f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
              f"connect-src 'self'; img-src data:; base-uri 'none'; form-action {forms}; "
              "frame-ancestors 'none'")
    return Reply(status, text.encode("utf-8"), _HTML, NO_STORE + (
        ("Content-Security-Policy", policy), ("Referrer-Policy", "no-referrer"),
        ("X-Frame-Options", "DENY")))


def state_page(call: Call) -> Reply:
    """Show all sessions, ingestions and recent requests."""
    # It opens the inspectors, which have origins of their own: at the port of this page, which a
    # container or a tunnel may have made another one than the emulator's.
    return page("state.html", forms="http://*.localhost:* https://*.localhost:*",
                key=call.service.state.public_key())


def inspector_hint(call: Call) -> Reply:
    """Say how to come here with a token."""
    return page("message.html", 401, title="ArrInspector", text=(
        f"This is the inspector of session {call.params['id']}: call "
        "connect_to_arr_inspector_async() on the session and open the file whose path it returns."))


def inspector(call: Call) -> Reply:
    """Show one session; the token comes in a posted form and never stands in a URL."""
    token = query_values(call.request.body).get("token", "")
    try:
        session_id = _check(call, token)
    except HttpError as error:
        return page("message.html", error.status, title="ArrInspector", text=str(error))
    return page("inspector.html", session=session_id, token=token)


def inspector_data(call: Call) -> Reply:
    """Return what the inspector page shows; the token comes in the Authorization header."""
    _check(call, bearer(call.request.headers.get("authorization", "")))
    shown = call.service.state.inspect(call.params["id"])
    if shown is None:
        raise no_session()
    return json_reply(shown, headers=NO_STORE)


def _check(call: Call, token: str) -> str:
    """Return the id of the session whose inspector a token opens; raise HttpError 401 or 404."""
    service, guid = call.service, call.params["id"]
    account_id = service.tokens.account_of(token, service.clock.time()) if token else None
    if account_id is None:
        raise HttpError(401, "The token is missing, forged or expired. Call "
                             "connect_to_arr_inspector_async() again and open the new file, or "
                             "come from the emulator's own page.")
    owner = service.state.owner_at(guid)
    if owner is None or account_id not in (owner[0], visitor(guid)):
        raise no_session()
    return owner[1]
