"""The table of routes, and the search for the route of a request.

``{name}`` stands for one segment of a path; case and a trailing slash do not count.
"""

from __future__ import annotations

from typing import NamedTuple

from .._http.messages import HttpError
from . import access as _access
from . import admin as _admin
from . import api_2019 as _v1
from . import api_2020 as _2020
from . import api_2021_conversions as _conversions
from . import api_2021_sessions as _sessions
from . import pages as _pages
from .call import Handler

# Who may call: STS checks an account key, SERVICE an access token; OWN are the emulator's routes
# and pages, INSPECTOR those of a session's host name.
STS, SERVICE, OWN, INSPECTOR = "sts", "service", "own", "inspector"


class Route(NamedTuple):
    """A row: name for the journal, method, path, handler, who may call, and the era in words."""

    name: str
    method: str
    path: str
    handler: Handler
    kind: str
    era: str = ""


# The sessions of 2019 and 2020 have the same paths.
_BOTH, _LATEST = "v1", "2021-01-01"

_V1 = "v1/accounts/{account}/"
_2021 = "accounts/{account}/"

ROUTES = (
    Route("token", "GET", "accounts/{account}/token", _access.token, STS),
    Route("start_asset_ingestion", "POST", _V1 + "models/create", _v1.create_model, SERVICE,
          "2019-12"),
    Route("get_ingestion_status", "GET", _V1 + "models/{id}/status", _v1.model_status, SERVICE,
          "2019-12"),
    Route("create_rendering_session", "POST", _V1 + "sessions/create", _v1.create_session,
          SERVICE, _BOTH),
    Route("get_rendering_session_properties", "GET", _V1 + "sessions/{id}/properties",
          _v1.session_properties, SERVICE, _BOTH),
    Route("get_current_rendering_sessions", "GET", _V1 + "sessions", _v1.list_sessions, SERVICE,
          _BOTH),
    Route("update_rendering_session", "PATCH", _V1 + "sessions/{id}", _v1.update_session, SERVICE,
          _BOTH),
    Route("stop_rendering_session", "DELETE", _V1 + "sessions/{id}", _v1.stop_session, SERVICE,
          _BOTH),

    Route("convert", "POST", _V1 + "conversions/create", _2020.create, SERVICE, "2020"),
    # One page of the documentation of April 2020 wrote it so.
    Route("convert", "POST", _V1 + "conversion/create", _2020.create, SERVICE, "2020"),
    Route("convert_with_sas", "POST", _V1 + "conversions/createWithSharedAccessSignature",
          _2020.create_with_sas, SERVICE, "2020"),
    Route("get_conversion_status", "GET", _V1 + "conversions/{id}", _2020.get_conversion, SERVICE,
          "2020"),
    Route("get_conversions", "GET", _V1 + "conversions", _2020.list_conversions, SERVICE, "2020"),

    Route("begin_rendering_session", "PUT", _2021 + "sessions/{id}", _sessions.put_session,
          SERVICE, _LATEST),
    Route("get_rendering_session", "GET", _2021 + "sessions/{id}", _sessions.get_session, SERVICE,
          _LATEST),
    Route("extend_rendering_session", "PATCH", _2021 + "sessions/{id}", _sessions.update_session,
          SERVICE, _LATEST),
    Route("end_rendering_session", "POST", _2021 + "sessions/{id}/:stop", _sessions.stop_session,
          SERVICE, _LATEST),
    Route("list_rendering_sessions", "GET", _2021 + "sessions", _sessions.list_sessions, SERVICE,
          _LATEST),
    Route("begin_asset_conversion", "PUT", _2021 + "conversions/{id}",
          _conversions.put_conversion, SERVICE, _LATEST),
    Route("get_asset_conversion", "GET", _2021 + "conversions/{id}", _conversions.get_conversion,
          SERVICE, _LATEST),
    Route("list_asset_conversions", "GET", _2021 + "conversions", _conversions.list_conversions,
          SERVICE, _LATEST),

    Route("page", "GET", "", _pages.state_page, OWN),
    Route("state", "GET", "_emulator/state", _admin.state, OWN),
    Route("overview", "GET", "_emulator/overview", _admin.overview, OWN),
    Route("requests", "GET", "_emulator/requests", _admin.requests, OWN),
    Route("reset", "POST", "_emulator/reset", _admin.reset, OWN),
    Route("clock", "GET", "_emulator/clock", _admin.clock, OWN),
    Route("advance", "POST", "_emulator/clock", _admin.advance, OWN),
    Route("capacity", "POST", "_emulator/capacity", _admin.capacity, OWN),
    Route("throttle", "POST", "_emulator/throttle", _admin.throttle, OWN),
    Route("faults", "GET", "_emulator/faults", _admin.faults, OWN),
    Route("add_fault", "POST", "_emulator/faults", _admin.add_fault, OWN),
    Route("clear_faults", "DELETE", "_emulator/faults", _admin.clear_faults, OWN),
    Route("remove_fault", "DELETE", "_emulator/faults/{id}", _admin.remove_fault, OWN),
    Route("fail_session", "POST", "_emulator/sessions/{id}/fail", _admin.fail_session, OWN),
    Route("end_session", "POST", "_emulator/sessions/{id}/stop", _admin.stop_session, OWN),
    Route("extend_session", "POST", "_emulator/sessions/{id}/extend", _admin.extend_session, OWN),
    Route("open_inspector", "POST", "_emulator/sessions/{id}/inspector", _admin.open_inspector,
          OWN),

    Route("inspector_hint", "GET", "", _pages.inspector_hint, INSPECTOR),
    Route("inspector", "POST", "", _pages.inspector, INSPECTOR),
    Route("inspector_data", "GET", "inspector.json", _pages.inspector_data, INSPECTOR),
)

# What faults and holds may be meant for, of every era: method and path.
SERVED = tuple((route.method, route.path) for route in ROUTES
               if route.kind not in (OWN, INSPECTOR))


_PARTS = tuple((route, route.path.lower().split("/") if route.path else []) for route in ROUTES)


def find(method: str, segments: tuple[str, ...], *, inspector: bool,
         ) -> tuple[Route, dict[str, str]]:
    """Return the route of a request and its named segments; raise HttpError 404 or 405."""
    wanted = "GET" if method == "HEAD" else method
    allowed: list[str] = []
    for route, parts in _PARTS:
        if len(parts) != len(segments) or (route.kind == INSPECTOR) != inspector:
            continue
        params: dict[str, str] = {}
        for part, given in zip(parts, segments):
            if part[0] == "{":
                params[part[1:-1]] = given
            elif part != given.lower():
                break
        else:
            if route.method == wanted:
                return route, params
            allowed.append(route.method)
    if allowed:
        if "GET" in allowed:
            allowed.append("HEAD")
        raise HttpError(405, f"This path takes {' or '.join(allowed)}.",
                        (("Allow", ", ".join(allowed)),))
    raise HttpError(404, "There is no such path here.")
