"""Which era of the protocol a path belongs to, and how that era refuses a request.

Until 2020 an error was a text; since 2021 it is an object with a code. The stock SDK for Python
loses the status of an error of the wrong shape, so paths that do not exist, and faults on purpose,
have the shape of their era as well.
"""

from __future__ import annotations

from typing import Callable, Mapping, NamedTuple

from .._http.messages import HttpError, Reply
from .call import json_reply

# 401 and 429 had no body in any recording or description, of either era.
_BARE = (401, 429)

_CODES = {
    400: "BadRequest", 403: "Forbidden", 404: "NotFound", 405: "MethodNotAllowed",
    409: "Conflict", 411: "LengthRequired", 413: "PayloadTooLarge", 415: "UnsupportedMediaType",
    422: "UnprocessableEntity", 501: "NotImplemented", 503: "ServiceUnavailable"}


class CodedError(HttpError):
    """A refusal with a code of its own; ``details`` are errors in it, as they are written."""

    def __init__(self, status: int, code: str, text: str,
                 details: tuple[Mapping[str, object], ...] = ()) -> None:
        super().__init__(status, text)
        self.code = code
        self.details = details


def _refuse_v1(error: HttpError) -> Reply:
    if error.status in _BARE:
        return Reply(error.status, headers=error.headers)
    return json_reply({"error": str(error)}, error.status, error.headers)


def _refuse_2021(error: HttpError) -> Reply:
    if error.status in _BARE:
        return Reply(error.status, headers=error.headers if error.status == 429 else (
            *error.headers, ("WWW-Authenticate", 'Bearer error="invalid_token"')))
    code, details = _CODES.get(error.status, "InternalServerError"), {}
    if isinstance(error, CodedError):
        code = error.code
        details = {"details": error.details} if error.details else {}
    # What is unused is left out: the stock SDK for JavaScript cannot read a null.
    return json_reply({"error": {"code": code, "message": str(error), **details}},
                      error.status, error.headers)


class Era(NamedTuple):
    """What all replies of an era have in common."""

    refuse: Callable[[HttpError], Reply]
    headers: tuple[tuple[str, str], ...]
    # Where a token of another account is shown.
    foreign_token: int


V1 = Era(_refuse_v1, (), 401)
OF_2021 = Era(_refuse_2021, (
    ("api-supported-versions", "2021-01-01-preview, 2021-01-01, 2021-08-01-preview"),), 403)


def era_of(segments: tuple[str, ...]) -> Era:
    """Return the era of a path. The token route and the emulator's own have the older form."""
    if not segments or segments[0].lower() != "accounts":
        return V1
    return V1 if len(segments) == 3 and segments[2].lower() == "token" else OF_2021
