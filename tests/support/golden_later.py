"""Requests and replies of 2020 and of api-version 2021-01-01, in the form of ``golden``.

Only the emulator is held against them: the client of this package speaks December 2019. `{C}` is
the id of a conversion of 2020; ids of 2021 are the caller's own and stand here as they are.
"""

from __future__ import annotations

from typing import Any

from .golden import Row

# Every `given` of these rows, with what it means.
GIVEN = {
    "account": "the account exists",
    "begun": "session demo-1 of 2021 is Starting, Standard, 15 minutes",
    "up": "session demo-1 of 2021 is Ready, for 161 seconds",
    "over": "session demo-1 of 2021 was stopped while it was Ready",
    "converting": "conversion run-7 of 2021 is at work",
    "converted": "conversion run-7 of 2021 has succeeded",
    "unconverted": "conversion run-7 of 2021 has failed",
    "scripted": "conversion {C} of 2020 is at work",
    "script done": "conversion {C} of 2020 has succeeded",
    "script failed": "conversion {C} of 2020 has failed",
}

_READ = {"Authorization": "Bearer {TOKEN}", "Accept": "application/json"}
_WRITE = {**_READ, "Content-Type": "application/json"}
_EVERY = {
    "MS-CV": "dGhpcyBpcyBhIHNhbXBsZQ.0", "X-Content-Type-Options": "nosniff",
    "api-supported-versions": "2021-01-01-preview, 2021-01-01, 2021-08-01-preview"}
_JSON = {**_EVERY, "Content-Type": "application/json; charset=utf-8"}
_FRESH = {**_JSON, "Cache-Control": "no-store, no-cache", "Pragma": "no-cache"}
_STALE = ("Cache-Control", "Location", "Operation-Location", "ETag", "Server", "x-mrc-cv")
_V = "?api-version=2021-01-01"
_SESSIONS, _CONVERSIONS = "/accounts/{A}/sessions", "/accounts/{A}/conversions"
_SESSION, _RUN = _SESSIONS + "/demo-1" + _V, _CONVERSIONS + "/run-7" + _V

_SIZE = {"maxLeaseTimeMinutes": 15, "size": "Standard"}
_TIME = "2021-05-04T10:00:00.25+00:00"
_STARTING = {"id": "demo-1", "creationTime": _TIME, "elapsedTimeMinutes": 0, **_SIZE,
             "status": "Starting"}
_READY = {"id": "demo-1", "creationTime": _TIME, "arrInspectorPort": 50901,
          "handshakePort": 50900, "elapsedTimeMinutes": 2,
          "hostname": "8237-1a2b.remoterendering.vm.eastus.mixedreality.azure.com", **_SIZE,
          "status": "Ready", "teraflops": 8.1}
_STOPPED = {"id": "demo-1", "creationTime": _TIME, "elapsedTimeMinutes": 2, **_SIZE,
            "status": "Stopped", "teraflops": 8.1}

_SETTINGS = {
    "inputLocation": {"storageContainerUri": "https://st.blob.core.windows.net/in-put",
                      "blobPrefix": "cars/", "relativeInputAssetPath": "red/box.fbx"},
    "outputLocation": {"storageContainerUri": "https://st.blob.core.windows.net/out",
                       "outputAssetFilename": "box.arrAsset"}}
ASKED: dict[str, Any] = {"settings": {
    "inputLocation": {"storageContainerUri": "https://st.blob.core.windows.net/in-put",
                      "storageContainerReadListSas": "?sv=1", "blobPrefix": "cars",
                      "relativeInputAssetPath": "red/box.fbx"},
    "outputLocation": {"storageContainerUri": "https://st.blob.core.windows.net/out",
                       "storageContainerWriteSas": "?sv=2"}}}


def _run(status: str, **more: Any) -> dict[str, Any]:
    return {"id": "run-7", "creationTime": "2021-05-04T10:00:00.1234567Z", "settings": _SETTINGS,
            **{"error": None, **more}, "status": status}


_SUCCEEDED = {"id": "run-7", "creationTime": "2021-05-04T10:00:00.1234567Z", "settings": _SETTINGS,
              "output": {"outputAssetUri": "https://st.blob.core.windows.net/out/box.arrAsset"},
              "error": None, "status": "Succeeded"}


def _error(code: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": "what was wrong"}}


SCRIPT = {
    "input": {"storageAccountName": "st", "blobContainerName": "in", "folderPath": "cars/",
              "inputAssetPath": "box.fbx", "containerReadListSas": "?sv=1"},
    "output": {"storageAccountName": "st", "blobContainerName": "out", "folderPath": "",
               "outputAssetFileName": "", "containerWriteSas": "?sv=2"}}
_V1 = "/v1/accounts/{A}/conversions"
_V1_JSON = {"Content-Type": "application/json; charset=utf-8"}

ROWS = (
    # 5 sessions of 2021-01-01
    Row("2021 create", "begin_rendering_session", "PUT", _SESSION, _WRITE, _SIZE,
        201, _JSON, _STARTING, absent=_STALE),
    Row("2021 create again", "begin_rendering_session", "PUT", _SESSION, _WRITE, _SIZE,
        200, _JSON, _READY, "up", _STALE),
    Row("2021 create, other settings", "begin_rendering_session", "PUT", _SESSION, _WRITE,
        {**_SIZE, "size": "Premium"}, 409, _JSON, _error("Conflict"), "begun"),
    Row("2021 create, negative lease", "begin_rendering_session", "PUT", _SESSION, _WRITE,
        {**_SIZE, "maxLeaseTimeMinutes": -4}, 400, _JSON, _error("BadRequest")),
    Row("2021 get, starting", "get_rendering_session", "GET", _SESSION, _READ, None,
        200, _FRESH, _STARTING, "begun"),
    Row("2021 get, ready", "get_rendering_session", "GET", _SESSION, _READ, None,
        200, _FRESH, _READY, "up"),
    Row("2021 get, stopped", "get_rendering_session", "GET", _SESSION, _READ, None,
        200, _FRESH, _STOPPED, "over"),
    Row("2021 get, unknown", "get_rendering_session", "GET", _SESSION, _READ, None,
        404, _JSON, _error("NotFound")),
    Row("2021 get, no token", "get_rendering_session", "GET", _SESSION, {}, None,
        401, {**_EVERY, "WWW-Authenticate": 'Bearer error="invalid_token"',
              "Content-Length": "0"}, None, "up", ("Content-Type",)),
    Row("2021 get, no api-version", "get_rendering_session", "GET", _SESSIONS + "/demo-1", _READ,
        None, 400, _JSON, _error("ApiVersionUnspecified"), "up"),
    Row("2021 extend", "extend_rendering_session", "PATCH", _SESSION, _WRITE,
        {"maxLeaseTimeMinutes": 20}, 200, _JSON, {**_READY, "maxLeaseTimeMinutes": 20}, "up",
        _STALE),
    Row("2021 extend, not longer", "extend_rendering_session", "PATCH", _SESSION, _WRITE,
        {"maxLeaseTimeMinutes": 15}, 422, _JSON, _error("UnprocessableEntity"), "up"),
    Row("2021 stop", "end_rendering_session", "POST", _SESSIONS + "/demo-1/:stop" + _V,
        {**_READ, "Content-Length": "0"}, None, 204, _EVERY, None, "up",
        (*_STALE, "Content-Type", "Content-Length")),
    Row("2021 list", "list_rendering_sessions", "GET", _SESSIONS + _V, _READ, None,
        200, _FRESH, {"sessions": [_READY]}, "up"),
    Row("2021 list, the stopped is left out", "list_rendering_sessions", "GET", _SESSIONS + _V,
        _READ, None, 200, _FRESH, {"sessions": []}, "over"),

    # 6 conversions of 2021-01-01
    Row("2021 convert", "begin_asset_conversion", "PUT", _RUN, _WRITE, ASKED,
        201, _JSON, _run("NotStarted"), absent=_STALE),
    Row("2021 convert again", "begin_asset_conversion", "PUT", _RUN, _WRITE, ASKED,
        200, _JSON, _SUCCEEDED, "converted", _STALE),
    Row("2021 conversion running", "get_asset_conversion", "GET", _RUN, _READ, None,
        200, _FRESH, _run("Running"), "converting"),
    Row("2021 conversion done", "get_asset_conversion", "GET", _RUN, _READ, None,
        200, _FRESH, _SUCCEEDED, "converted"),
    Row("2021 conversion failed", "get_asset_conversion", "GET", _RUN, _READ, None,
        200, _FRESH, _run("Failed", **_error("InternalServerError")), "unconverted"),
    Row("2021 conversions", "list_asset_conversions", "GET", _CONVERSIONS + _V, _READ, None,
        200, _JSON, {"conversions": [_SUCCEEDED], "@nextLink": None}, "converted", _STALE),

    # 8 conversions of 2020
    Row("2020 convert", "convert_with_sas", "POST", _V1 + "/createWithSharedAccessSignature",
        _WRITE, SCRIPT, 200, _V1_JSON, {"conversionId": "{C}"}),
    Row("2020 convert, not linked", "convert", "POST", _V1 + "/create", _WRITE, SCRIPT,
        403, _V1_JSON, {"error": "Unable to start conversion: no storage account is linked to "
                                 "this account. Take createWithSharedAccessSignature, or start "
                                 "the emulator with --container-root."}),
    Row("2020 conversion running", "get_conversion_status", "GET", _V1 + "/{C}", _READ, None,
        200, _V1_JSON, {"status": "Running", "error": None}, "scripted"),
    Row("2020 conversion done", "get_conversion_status", "GET", _V1 + "/{C}", _READ, None,
        200, _V1_JSON, {"status": "Success", "error": None, "convertedAsset": {
            "storageAccountName": "st", "blobContainerName": "out",
            "assetFilePath": "box.arrAsset"}}, "script done"),
    Row("2020 conversion failed", "get_conversion_status", "GET", _V1 + "/{C}", _READ, None,
        200, _V1_JSON, {"status": "Failure", "error": {"message": "why"}}, "script failed"),
    Row("2020 conversions", "get_conversions", "GET", _V1 + "?skiptoken=0", _READ, None,
        200, _V1_JSON, {"conversions": [{"conversionId": "{C}", "status": "Running",
                                         "error": None}], "nextLink": None}, "scripted"),
)
