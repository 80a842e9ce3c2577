"""What goes into calls: parameter classes, and the checks of arguments.

A wrong type is a TypeError at the call, a wrong or empty value an InvalidParam result.
"""

from __future__ import annotations

from typing import Any, Mapping, NoReturn, Protocol

from ._fields import UNSET, Alias, Fields
from ._results import ARRRenderingSessionVmSize, ARRResult, CallFailed

Json = Mapping[str, Any]

_UINT32 = 0xFFFFFFFF


def invalid(detail: str) -> CallFailed:
    """Return the failure of a call whose arguments are refused before anything is sent."""
    return CallFailed(ARRResult.InvalidParam, detail)


def checked_text(name: str, value: object, *, blanks: bool = False) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if not value.strip():
        raise invalid(f"{name} is empty")
    if not blanks:
        value = value.strip()
    if has_control(value):
        raise invalid(f"{name} holds control characters")
    return value


def has_half(text: str) -> bool:
    """Tell whether a text holds a lone surrogate: half a character, which nobody can print."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def has_control(text: str) -> bool:
    # Asked for one by one only if there is one of these, or something else that does not print.
    return not text.isprintable() and (has_half(text) or any(
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

    Arguments also by the names of the fields, as in ``ModelName=``. Source: "Start asset
    ingestion".
    """

    __slots__ = ("model_name", "model_url", "asset_container_url")

    ModelName = Alias[str]("model_name")
    ModelUrl = Alias[str]("model_url")
    AssetContainerUrl = Alias[str]("asset_container_url")

    model_name: str
    model_url: str
    asset_container_url: str

    def __init__(self, model_name: str = UNSET, model_url: str = UNSET,
                 asset_container_url: str = UNSET, *, ModelName: str = UNSET,
                 ModelUrl: str = UNSET, AssetContainerUrl: str = UNSET,
                 **misspelt: NoReturn) -> None:
        self._initialize(misspelt, ModelName=(model_name, ModelName, ""),
                         ModelUrl=(model_url, ModelUrl, ""),
                         AssetContainerUrl=(asset_container_url, AssetContainerUrl, ""))

    def _shown(self, field: str) -> str:
        text = getattr(self, field)
        if isinstance(text, str) and "?" in text:  # what follows is the container's signature
            text = text.partition("?")[0] + "?***"
        return repr(text)

    def to_wire(self) -> Json:
        return {
            "modelName": checked_text("model_name", self.model_name, blanks=True),
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

    Arguments also by the names of the fields, as in ``VmSize=``. Source: "Create rendering
    session".
    """

    __slots__ = ("vm_size", "max_lease_time_hours", "max_lease_time_minutes")

    VmSize = Alias[ARRRenderingSessionVmSize]("vm_size")

    vm_size: ARRRenderingSessionVmSize

    def __init__(self, vm_size: ARRRenderingSessionVmSize = UNSET,
                 max_lease_time_hours: int = UNSET, max_lease_time_minutes: int = UNSET, *,
                 VmSize: ARRRenderingSessionVmSize = UNSET, MaxLeaseTimeHours: int = UNSET,
                 MaxLeaseTimeMinutes: int = UNSET, **misspelt: NoReturn) -> None:
        self._initialize(
            misspelt, VmSize=(vm_size, VmSize, ARRRenderingSessionVmSize.None_),
            MaxLeaseTimeHours=(max_lease_time_hours, MaxLeaseTimeHours, 0),
            MaxLeaseTimeMinutes=(max_lease_time_minutes, MaxLeaseTimeMinutes, 0))

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

    Arguments also by the names of the fields, as in ``MaxLeaseTimeHours=``. Source: "Update
    rendering session".
    """

    __slots__ = ("max_lease_time_hours", "max_lease_time_minutes")

    def __init__(self, max_lease_time_hours: int = UNSET, max_lease_time_minutes: int = UNSET, *,
                 MaxLeaseTimeHours: int = UNSET, MaxLeaseTimeMinutes: int = UNSET,
                 **misspelt: NoReturn) -> None:
        self._initialize(
            misspelt, MaxLeaseTimeHours=(max_lease_time_hours, MaxLeaseTimeHours, 0),
            MaxLeaseTimeMinutes=(max_lease_time_minutes, MaxLeaseTimeMinutes, 0))

    def to_wire(self) -> Json:
        return {"maxLeaseTime": _lease(self.max_lease_time_hours, self.max_lease_time_minutes)}
