"""Requests and replies of the service, as its documents of December 2019 show them.

One table for both sides. The client's request for a named call must equal a row's method, path,
headers and body, and must decode the row's reply. The emulator, asked a row's request, must give
a reply of the same status, headers and shape. Neither side's code is used here.

In paths, headers and texts, `{A}`, `{KEY}`, `{TOKEN}`, `{S}`, `{M}` and `{C}` stand for account
id, account key, access token, session id, model id and conversion id; `fill` puts them in.
"""

from __future__ import annotations

import re
from typing import Any, Mapping, NamedTuple, Optional

# What stands for the placeholders when a row is shown to the client.
SAMPLE = {
    "A": "0b3c1d52-7a1e-4f5e-9a70-6c2f1f0a1b2c",
    "KEY": "c2VjcmV0LWtleS1mb3ItdGVzdHM=",
    # Header {"alg":"RS256"}, payload {"exp":2147483647}, no real signature.
    "TOKEN": "eyJhbGciOiJSUzI1NiJ9.eyJleHAiOjIxNDc0ODM2NDd9.c2lnbmF0dXJl",
    "S": "7c0a4f7e-7b1c-44a8-8d4f-0d6f8f3f9a11",
    "M": "e1c2b7a0-54d9-4f0c-9b60-1de7a4c6b0aa",
    "C": "5f0f4a51-3a53-4b51-8a52-6f0c1f6d7a10",
}

GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TIMESPAN = r"([0-9]+\.)?[0-9]{2}:[0-9]{2}:[0-9]{2}"

# A field or header that differs from run to run must match its pattern instead of the sample.
PATTERNS = {
    "AccessToken": r"[A-Za-z0-9_-]+\.[A-Za-z0-9]+\.[A-Za-z0-9_-]+",
    "Date": r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
    "Location": r"accounts/" + GUID + r"/sessions/" + GUID,
    "MS-CV": r"[A-Za-z0-9+/]{22}\.[0-9]+",
    "arrInspectorPort": r"[0-9]{1,5}",
    "conversionId": GUID,
    "creationTime": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,7})?"
                    r"(Z|\+00:00)",
    "handshakePort": r"[0-9]{1,5}",
    "hostname": r"[0-9a-f-]{36}\.[a-z0-9.-]+",
    "message": r".+",
    "modelId": GUID,
    "sessionElapsedTime": TIMESPAN,
    "sessionHostname": r"[0-9a-f-]{36}\.[a-z0-9.-]+",
    "sessionId": GUID,
}


class Row(NamedTuple):
    """One request with its reply."""

    name: str
    call: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: Optional[Mapping[str, Any]]
    status: int
    reply_headers: Mapping[str, str]
    reply_body: Optional[Mapping[str, Any]]
    given: str = "account"  # what must be there before: see GIVEN
    absent: tuple[str, ...] = ()  # headers that the reply must not have
    raw: Optional[bytes] = None  # sent in place of the body, when it is not plain JSON
    client: bool = True  # whether the client sends exactly this


# Every `given`, with what it means.
GIVEN = {
    "account": "the account exists",
    "starting": "session {S} is Starting, size small, lease 04:00:00",
    "ready": "session {S} is Ready, size small, lease 04:00:00",
    "stopped": "session {S} was stopped while it was Ready",
    "running": "model {M} is being ingested",
    "succeeded": "model {M} has been ingested",
    "failed": "model {M} could not be ingested",
}

_KEY = {"Authorization": "Bearer {A}:{KEY}"}
_READ = {"Authorization": "Bearer {TOKEN}"}
_WRITE = {"Authorization": "Bearer {TOKEN}", "Content-Type": "application/json"}
_VECTOR = {"MS-CV": "dGhpcyBpcyBhIHNhbXBsZQ.0", "Date": "Wed, 11 Dec 2019 10:00:00 GMT"}
_JSON = {**_VECTOR, "Content-Type": "application/json; charset=utf-8"}
_FRESH = {**_JSON, "Cache-Control": "no-store,no-cache", "Pragma": "no-cache"}
_TOKEN_REPLY = {**_FRESH, "X-Content-Type-Options": "nosniff"}

_V1 = "/v1/accounts/{A}"
_CREATED = {"sessionId": "{S}"}
_LOCATION = {"Content-Length": "52", "Location": "accounts/{A}/sessions/{S}"}
_PORTS = {"arrInspectorPort": 55010, "handshakePort": 49700}
_NO_PORTS = {"arrInspectorPort": 0, "handshakePort": 0}
_HOST = "5d0e7c2a-1f7b-4c55-9f0e-3a54b3f1c9d2.remoterenderingvm.westus2.mixedreality.azure.com"


def _session(status: str, *, elapsed: str = "00:00:00", ready: bool = False) -> dict[str, Any]:
    return {
        "message": None,
        "sessionElapsedTime": elapsed,
        "sessionHostname": _HOST if ready else None,
        "sessionId": "{S}",
        "sessionMaxLeaseTime": "04:00:00",
        "sessionSize": "small",
        "sessionStatus": status,
        "connectionProperties": _PORTS if ready else _NO_PORTS,
    }


_READY = _session("Ready", elapsed="00:02:41", ready=True)
_MODEL = {
    "modelName": "box.gltf",
    "modelUrl": "https://st.blob.core.windows.net/arrinput?sv=2019-02-02&sr=c&sp=rl&sig=c2ln",
    "assetContainerUrl":
        "https://st.blob.core.windows.net/arroutput?sv=2019-02-02&sr=c&sp=w&sig=c2ln",
}

ROWS = (
    # 3 Secure Token Service
    Row("token", "token", "GET", "/accounts/{A}/token", _KEY, None,
        200, _TOKEN_REPLY, {"AccessToken": "{TOKEN}"}),
    Row("token, path of the SDKs", "token", "GET",
        "/Accounts/{A}/token?api-version=2019-02-28-preview", _KEY, None,
        200, _TOKEN_REPLY, {"AccessToken": "{TOKEN}"}, client=False),
    Row("token, wrong key", "token", "GET", "/accounts/{A}/token",
        {"Authorization": "Bearer {A}:bm90LXRoZS1rZXk="}, None,
        401, {**_VECTOR, "Content-Length": "0", "X-Content-Type-Options": "nosniff"}, None,
        absent=("WWW-Authenticate", "Content-Type"), client=False),

    # 5 ingestion
    Row("ingest", "start_asset_ingestion", "POST", _V1 + "/models/create", _WRITE, _MODEL,
        200, _JSON, {"modelId": "{M}"}),
    Row("model running", "get_ingestion_status", "GET", _V1 + "/models/{M}/status", _READ, None,
        200, _JSON, {"status": "Running"}, "running"),
    Row("model done", "get_ingestion_status", "GET", _V1 + "/models/{M}/status", _READ, None,
        200, _JSON, {"status": "Success"}, "succeeded"),
    Row("model failed", "get_ingestion_status", "GET", _V1 + "/models/{M}/status", _READ, None,
        200, _JSON, {"status": "Failure"}, "failed"),

    # 4.1 create
    Row("create", "create_rendering_session", "POST", _V1 + "/sessions/create", _WRITE,
        {"maxLeaseTime": "4:00:00", "models": [], "size": "small"},
        202, {**_JSON, **_LOCATION}, _CREATED),
    Row("create, as documented in single quotes", "create_rendering_session", "POST",
        _V1 + "/sessions/create", _WRITE, None, 202, {**_JSON, **_LOCATION}, _CREATED,
        raw=b"{'maxLeaseTime': '4:0:0', 'models': [], 'size':'small'}", client=False),
    Row("create, as the scripts do", "create_rendering_session", "POST",
        _V1 + "/sessions/create/", _WRITE, {"maxLeaseTime": "1:00:00", "size": "Standard"},
        202, {**_JSON, **_LOCATION}, _CREATED, client=False),

    # 4.2 properties
    Row("properties, starting", "get_rendering_session_properties", "GET",
        _V1 + "/sessions/{S}/properties", _READ, None,
        200, _FRESH, _session("Starting"), "starting"),
    Row("properties, ready", "get_rendering_session_properties", "GET",
        _V1 + "/sessions/{S}/properties", _READ, None, 200, _FRESH, _READY, "ready"),
    Row("properties, stopped", "get_rendering_session_properties", "GET",
        _V1 + "/sessions/{S}/properties", _READ, None,
        200, _FRESH, _session("Stopped", elapsed="00:02:41"), "stopped"),
    Row("properties, as the scripts do", "get_rendering_session_properties", "GET",
        _V1 + "/sessions/{S}/properties/", _WRITE, None, 200, _FRESH, _READY, "ready",
        client=False),

    # 4.3 list
    Row("list, empty", "get_current_rendering_sessions", "GET", _V1 + "/sessions", _READ, None,
        200, {**_FRESH, "Content-Length": "15"}, {"sessions": []}),
    Row("list", "get_current_rendering_sessions", "GET", _V1 + "/sessions", _READ, None,
        200, _FRESH, {"sessions": [_READY]}, "ready"),
    Row("list, as the scripts do", "get_current_rendering_sessions", "GET", _V1 + "/sessions/",
        _WRITE, None, 200, _FRESH, {"sessions": [_READY]}, "ready", client=False),
    Row("list, stopped sessions are left out", "get_current_rendering_sessions", "GET",
        _V1 + "/sessions", _READ, None, 200, _FRESH, {"sessions": []}, "stopped"),

    # 4.4 extend
    Row("extend", "update_rendering_session", "PATCH", _V1 + "/sessions/{S}", _WRITE,
        {"maxLeaseTime": "5:00:00"}, 200, {**_VECTOR, "Content-Length": "0"}, None, "ready",
        ("Content-Type",)),
    Row("extend, as documented in single quotes", "update_rendering_session", "PATCH",
        _V1 + "/sessions/{S}", _WRITE, None, 200, {**_VECTOR, "Content-Length": "0"}, None,
        "ready", ("Content-Type",), raw=b"{'maxLeaseTime' : '5:0:0'}", client=False),

    # 4.5 stop
    Row("stop", "stop_rendering_session", "DELETE", _V1 + "/sessions/{S}", _READ, None,
        204, _VECTOR, None, "ready", ("Content-Type", "Content-Length")),
    Row("stop, a second time", "stop_rendering_session", "DELETE", _V1 + "/sessions/{S}", _READ,
        None, 204, _VECTOR, None, "stopped", ("Content-Type", "Content-Length")),
)


def fill(value: Any, values: Mapping[str, str] = SAMPLE) -> Any:
    """Return a copy with the placeholders of every text replaced."""
    if isinstance(value, str):
        return re.sub(r"\{([A-Z]+)\}", lambda match: values[match.group(1)], value)
    if isinstance(value, Mapping):
        return {name: fill(item, values) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [fill(item, values) for item in value]
    return value


def differences(name: str, sample: Any, found: Any) -> list[str]:
    """Return in words how a value differs in shape from a row's sample; an empty list is good."""
    if isinstance(sample, Mapping):
        if not isinstance(found, Mapping) or list(sample) != list(found):
            return [f"{name}: fields {list(sample)} expected, not {found!r}"]
        return [line for key in sample for line in differences(key, sample[key], found[key])]
    if isinstance(sample, (list, tuple)):
        if not isinstance(found, list) or len(sample) != len(found):
            return [f"{name}: {len(sample)} items expected, not {found!r}"]
        return [line for want, item in zip(sample, found)
                for line in differences(name, want, item)]
    if type(sample) is not type(found):
        return [f"{name}: {type(sample).__name__} expected, not {found!r}"]
    pattern = PATTERNS.get(name) if sample else None
    if pattern is None:
        return [] if sample == found else [f"{name}: {sample!r} expected, not {found!r}"]
    if re.fullmatch(pattern, str(found)):
        return []
    return [f"{name}: {found!r} does not match {pattern}"]
