"""What comes out of calls: property classes, and the replies on the wire."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Callable

from ._fields import Alias, FrozenFields
from ._params import (  # noqa: F401 - pickles of 0.1.0 look for the parameter classes here
    CreateRenderingSessionParams as CreateRenderingSessionParams,
    IngestAssetParams as IngestAssetParams, Json,
    UpdateRenderingSessionParams as UpdateRenderingSessionParams, has_control, has_half,
)
from ._results import (
    ARRIngestionSessionStatus, ARRRenderingSessionStatus, ARRRenderingSessionVmSize, ARRResult,
    CallFailed,
)


# Anything but the documented shape is a ProtocolError.

def malformed(detail: str) -> CallFailed:
    """Return the failure of a call whose reply is not what the protocol says."""
    return CallFailed(ARRResult.ProtocolError, detail)


def _object(name: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise malformed(f"{name} is not a JSON object")
    return value


def _text(json: Json, name: str) -> str:
    value = json.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise malformed(f"{name} is not text")
    if not value.isascii() and has_half(value):
        raise malformed(f"{name} holds half a character, which nobody can print")
    return value


def _id(json: Json, name: str) -> str:
    value = _text(json, name)
    if not value or value in (".", "..") or has_control(value):
        raise malformed(f"{name} is missing or no id")
    return value


def _port(json: Json, name: str) -> int:
    value = json.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65535:
        raise malformed(f"{name} is not a port")
    return value


_TIMESPAN = re.compile(
    r"(?:(\d{1,8})\.)?(\d{1,9}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,7}))?\Z", re.ASCII)


def _timespan(json: Json, name: str) -> timedelta:
    """Read ``[d.]hh:mm:ss[.fffffff]``, as .NET writes a TimeSpan; absent is zero."""
    text = _text(json, name)
    if not text:
        return timedelta(0)
    match = _TIMESPAN.match(text)
    if match is None:
        raise malformed(f"{name} is not a time span")
    day, hour, minute, second, fraction = match.groups()
    return timedelta(days=int(day or 0), hours=int(hour), minutes=int(minute), seconds=int(second),
                     microseconds=int((fraction or "").ljust(7, "0")[:6]))


# The words of a status, in lower case, of every era of the service. Any other word is Unknown: it
# fails no call, but it ends a wait.
_INGESTION_WORDS = {
    "created": ARRIngestionSessionStatus.Created,
    "notstarted": ARRIngestionSessionStatus.Created,
    "running": ARRIngestionSessionStatus.Running,
    "success": ARRIngestionSessionStatus.Success,
    "succeeded": ARRIngestionSessionStatus.Success,
    "failure": ARRIngestionSessionStatus.Failure,
    "failed": ARRIngestionSessionStatus.Failure,
    "aborted": ARRIngestionSessionStatus.Aborted,
    "cancelled": ARRIngestionSessionStatus.Aborted,
    "canceled": ARRIngestionSessionStatus.Aborted,
}
_SESSION_WORDS = {
    "starting": ARRRenderingSessionStatus.Starting,
    "ready": ARRRenderingSessionStatus.Ready,
    "stopping": ARRRenderingSessionStatus.Stopped,  # no member of its own: the session is gone
    "stopped": ARRRenderingSessionStatus.Stopped,
    "expired": ARRRenderingSessionStatus.Expired,
    "error": ARRRenderingSessionStatus.Error,
}
_SIZES = {size.value: size for size in ARRRenderingSessionVmSize}


class RRRenderingSessionProperties(FrozenFields):
    """What the service last said of a session; texts are never None, ports are 0 when absent."""

    __slots__ = ("id", "status", "size", "size_string", "hostname", "message", "elapsed_time",
                 "max_lease", "arr_inspector_port", "handshake_port")

    id: str
    status: ARRRenderingSessionStatus
    size: ARRRenderingSessionVmSize
    size_string: str
    hostname: str
    message: str
    elapsed_time: timedelta
    max_lease: timedelta
    arr_inspector_port: int
    handshake_port: int

    Id = Alias[str]("id")
    Status = Alias[ARRRenderingSessionStatus]("status")
    Size = Alias[ARRRenderingSessionVmSize]("size")
    SizeString = Alias[str]("size_string")
    Hostname = Alias[str]("hostname")
    HostName = Alias[str]("hostname")
    Message = Alias[str]("message")
    ElapsedTime = Alias[timedelta]("elapsed_time")
    MaxLease = Alias[timedelta]("max_lease")
    ArrInspectorPort = Alias[int]("arr_inspector_port")
    HandshakePort = Alias[int]("handshake_port")

    def __init__(self, id: str = "",
                 status: ARRRenderingSessionStatus = ARRRenderingSessionStatus.Unknown,
                 size: ARRRenderingSessionVmSize = ARRRenderingSessionVmSize.None_,
                 size_string: str = "", hostname: str = "", message: str = "",
                 elapsed_time: timedelta = timedelta(0), max_lease: timedelta = timedelta(0),
                 arr_inspector_port: int = 0, handshake_port: int = 0) -> None:
        self._fill(id, status, size, size_string, hostname, message, elapsed_time, max_lease,
                   arr_inspector_port, handshake_port)

    @classmethod
    def from_wire(cls, reply: object) -> RRRenderingSessionProperties:
        json = _object("the reply", reply)
        ports = json.get("connectionProperties")
        ports = {} if ports is None else _object("connectionProperties", ports)
        size = _text(json, "sessionSize")
        return cls(
            id=_id(json, "sessionId"),
            status=_SESSION_WORDS.get(_text(json, "sessionStatus").lower(),
                                      ARRRenderingSessionStatus.Unknown),
            size=_SIZES.get(size.lower(), ARRRenderingSessionVmSize.None_),
            size_string=size,
            hostname=_text(json, "sessionHostname"),
            message=_text(json, "message"),
            elapsed_time=_timespan(json, "sessionElapsedTime"),
            max_lease=_timespan(json, "sessionMaxLeaseTime"),
            arr_inspector_port=_port(ports, "arrInspectorPort"),
            handshake_port=_port(ports, "handshakePort"),
        )


def sessions_from_wire(reply: object) -> list[RRRenderingSessionProperties]:
    sessions = _object("the reply", reply).get("sessions")
    if not isinstance(sessions, list):
        raise malformed("sessions is not a list")
    return [RRRenderingSessionProperties.from_wire(session) for session in sessions]


def ingestion_status_from_wire(reply: object) -> ARRIngestionSessionStatus:
    json = _object("the reply", reply)
    if "status" not in json or json["status"] is None:
        raise malformed("status is missing")
    return _INGESTION_WORDS.get(_text(json, "status").lower(), ARRIngestionSessionStatus.Unknown)


def id_from_wire(name: str) -> Callable[[object], str]:
    """Return the decoder of a reply that is one id."""
    def decode(reply: object) -> str:
        return _id(_object("the reply", reply), name)
    return decode
