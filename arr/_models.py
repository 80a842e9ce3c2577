"""What goes into calls and what comes out: parameter and property classes, and their wire forms."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any, Callable, Dict, Mapping, Protocol, Type, TypeVar, cast

from ._fields import Alias, Fields, FrozenFields
from ._results import (
    ARRIngestionSessionStatus, ARRRenderingSessionStatus, ARRRenderingSessionVmSize, ARRResult,
    CallFailed,
)

V = TypeVar("V")
E = TypeVar("E", ARRIngestionSessionStatus, ARRRenderingSessionStatus)
Json = Mapping[str, Any]

_UINT32 = 0xFFFFFFFF


def invalid(detail: str) -> CallFailed:
    """Return the failure of a call whose arguments are refused before anything is sent."""
    return CallFailed(ARRResult.InvalidParam, detail)


def malformed(detail: str) -> CallFailed:
    """Return the failure of a call whose reply is not what the protocol says."""
    return CallFailed(ARRResult.ProtocolError, detail)


# -- arguments: a wrong type is a TypeError at the call, a wrong value an InvalidParam result ------

def checked_text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    value = value.strip()
    if not value:
        raise invalid(f"{name} is empty")
    if _has_control(value):
        raise invalid(f"{name} holds control characters")
    return value


def _has_half(text: str) -> bool:
    """Tell whether a text holds a lone surrogate: half a character, which nobody can print."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def _has_control(text: str) -> bool:
    # Asked for one by one only if there is one of these, or something else that does not print.
    return not text.isprintable() and (_has_half(text) or any(
        character < " " or "\x7f" <= character <= "\x9f" for character in text))


def checked_id(name: str, value: object) -> str:
    text = checked_text(name, value)
    if text in (".", ".."):
        raise invalid(f"{name} is no id")
    return text


def _checked_url(name: str, value: object) -> str:
    text = checked_text(name, value)
    scheme, colon, rest = text.partition("://")
    if not colon or not scheme.isalnum() or not rest.strip("/"):
        raise invalid(f"{name} is not a full URL (a container's SAS URL, or file:// for the local "
                      "service)")
    return text


def _lease(hours: object, minutes: object) -> str:
    """Return a lease as the service reads it: 1:30:00, or 1.2:00:00 from a day on."""
    total = 0
    for name, value, unit in (("hours", hours, 60), ("minutes", minutes, 1)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"max_lease_time_{name} must be an int, not {type(value).__name__}")
        if not 0 <= value <= _UINT32:
            raise invalid(f"max_lease_time_{name} must be from 0 to {_UINT32}")
        total += value * unit
    if total == 0:
        raise invalid("the lease is zero: max_lease_time_hours or max_lease_time_minutes must be "
                      "at least 1")
    rest, minute = divmod(total, 60)
    day, hour = divmod(rest, 24)
    return (f"{day}." if day else "") + f"{hour}:{minute:02}:00"


class Params(Protocol):
    """The parameters of a call."""

    def to_wire(self) -> Json: ...


def encoded(params: Params) -> bytes:
    """Return the JSON of a call's parameters; CallFailed for values that are refused."""
    import json  # late, like everything that a bare import of the package does not need

    return json.dumps(params.to_wire()).encode("ascii")


class IngestAssetParams(Fields):
    """A model to ingest: its path in the input container, and the URLs of both containers.

    Source: "Start asset ingestion".
    """

    __slots__ = ("model_name", "model_url", "asset_container_url")

    ModelName = Alias[str]("model_name")
    ModelUrl = Alias[str]("model_url")
    AssetContainerUrl = Alias[str]("asset_container_url")

    def __init__(self, model_name: str, model_url: str, asset_container_url: str) -> None:
        self.model_name = model_name
        self.model_url = model_url
        self.asset_container_url = asset_container_url

    def _shown(self, field: str) -> str:
        text = getattr(self, field)
        if isinstance(text, str) and "?" in text:  # what follows is the container's signature
            text = text.partition("?")[0] + "?***"
        return repr(text)

    def to_wire(self) -> Json:
        return {
            "modelName": checked_text("model_name", self.model_name),
            "modelUrl": _checked_url("model_url", self.model_url),
            "assetContainerUrl": _checked_url("asset_container_url", self.asset_container_url),
        }


class _LeaseParams(Fields):
    __slots__ = ()

    max_lease_time_hours: int
    max_lease_time_minutes: int

    MaxLeaseTimeHours = Alias[int]("max_lease_time_hours")
    MaxLeaseTimeMinutes = Alias[int]("max_lease_time_minutes")


class CreateRenderingSessionParams(_LeaseParams):
    """A session to create: the size of its machine and its lease in hours and minutes.

    Source: "Create rendering session".
    """

    __slots__ = ("vm_size", "max_lease_time_hours", "max_lease_time_minutes")

    VmSize = Alias[ARRRenderingSessionVmSize]("vm_size")

    def __init__(self, vm_size: ARRRenderingSessionVmSize, max_lease_time_hours: int,
                 max_lease_time_minutes: int = 0) -> None:
        self.vm_size = vm_size
        self.max_lease_time_hours = max_lease_time_hours
        self.max_lease_time_minutes = max_lease_time_minutes

    def to_wire(self) -> Json:
        if not isinstance(self.vm_size, ARRRenderingSessionVmSize):
            raise TypeError("vm_size must be a member of ARRRenderingSessionVmSize, not "
                            f"{type(self.vm_size).__name__}")
        if self.vm_size is ARRRenderingSessionVmSize.None_:
            raise invalid("vm_size is None_: choose a size")
        return {
            "maxLeaseTime": _lease(self.max_lease_time_hours, self.max_lease_time_minutes),
            "models": [],
            "size": self.vm_size.value,
        }


class UpdateRenderingSessionParams(_LeaseParams):
    """The new total lease of a session, counted from its start; not an increment.

    Source: "Update rendering session".
    """

    __slots__ = ("max_lease_time_hours", "max_lease_time_minutes")

    def __init__(self, max_lease_time_hours: int, max_lease_time_minutes: int = 0) -> None:
        self.max_lease_time_hours = max_lease_time_hours
        self.max_lease_time_minutes = max_lease_time_minutes

    def to_wire(self) -> Json:
        return {"maxLeaseTime": _lease(self.max_lease_time_hours, self.max_lease_time_minutes)}


# -- replies: anything but the documented shape is a ProtocolError --------------------------------

def _object(name: str, value: object) -> Dict[str, Any]:
    if not isinstance(value, dict):
        raise malformed(f"{name} is not a JSON object")
    return value


def _text(json: Json, name: str) -> str:
    value = json.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise malformed(f"{name} is not text")
    if not value.isascii() and _has_half(value):
        raise malformed(f"{name} holds half a character, which nobody can print")
    return value


def _id(json: Json, name: str) -> str:
    value = _text(json, name)
    if not value or value in (".", "..") or _has_control(value):
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


def _member(enum: Type[E], text: str) -> E:
    """Return the member of that name in any case, else Unknown: newer words must not break us."""
    return cast(E, _MEMBERS[enum].get(text.lower(), enum(0)))


_MEMBERS: Dict[Any, Dict[str, Any]] = {
    enum: {member.name.lower(): member for member in enum}
    for enum in (ARRIngestionSessionStatus, ARRRenderingSessionStatus)
}
# The documented client has no "stopping"; from the caller's side the session is gone.
_MEMBERS[ARRRenderingSessionStatus]["stopping"] = ARRRenderingSessionStatus.Stopped
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
            status=_member(ARRRenderingSessionStatus, _text(json, "sessionStatus")),
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
    return _member(ARRIngestionSessionStatus, _text(json, "status"))


def id_from_wire(name: str) -> Callable[[object], str]:
    """Return the decoder of a reply that is one id."""
    def decode(reply: object) -> str:
        return _id(_object("the reply", reply), name)
    return decode
