"""Checks the ``api-version`` that each request of the era of 2021 has to name."""

from __future__ import annotations

from functools import wraps

from .._http.messages import Reply, query_values
from .call import Call, Handler
from .eras import CodedError

# The preview has the same shapes; the scripts of 2021 to 2024 send it. The service announced
# 2021-08-01-preview too, whose shapes are not known.
VERSIONS = ("2021-01-01", "2021-01-01-preview")

_PLAIN = frozenset("api-version=" + version for version in VERSIONS)


def versioned(handler: Handler) -> Handler:
    """Return a handler that refuses another api-version, and a request without one."""
    @wraps(handler)
    def checked(call: Call) -> Reply:
        if call.request.query not in _PLAIN:  # reading any other query takes 10 % of a GET
            _check(call)
        return handler(call)
    return checked


def _check(call: Call) -> None:
    version = query_values(call.request.query).get("api-version")
    if version is None:
        raise CodedError(400, "ApiVersionUnspecified",
                         "An API version is required, but was not specified.")
    if version not in VERSIONS:
        raise CodedError(400, "UnsupportedApiVersion",
                         f"The API version {version[:40]!r} is not supported; take "
                         f"{' or '.join(VERSIONS)}.")
