"""The names of the package: exports, both spellings, enums, and what an import costs."""

from __future__ import annotations

import base64
import enum
import inspect
import pickle
import pkgutil
import re
import subprocess
import sys
import threading
import traceback
from datetime import timedelta
from typing import Any, Dict, List, Tuple

import pytest

import arr
import arr.cpp
import arr.emulator
import arr.pytest_plugin
import arr.testing
import arr.unity
from arr import (
    ARRConnectionStatus, ARRIngestionSessionStatus, ARRRenderingSessionStatus,
    ARRRenderingSessionVmSize, ARRResult, AzureFrontend, AzureFrontendAccountInfo, AzureSession,
    CreateRenderingSessionParams, IAsync, IngestAssetParams, LogLevel, RemoteManager,
    RRException, RRRenderingSessionProperties, RRSessionException, RRSessionGeneralContext,
    SessionLocation, UpdateRenderingSessionParams,
)
from arr._fields import Alias
from arr.unity import RemoteManagerUnity

from ..support.threads import ROOT

# -- exports ---------------------------------------------------------------------------------------


PUBLIC = (arr, arr.cpp, arr.emulator, arr.pytest_plugin, arr.testing, arr.unity)


def test_every_public_module_is_here() -> None:
    there = {each.name for each in pkgutil.iter_modules(arr.__path__)
             if not each.name.startswith("_")}
    assert {f"arr.{name}" for name in there} == {module.__name__ for module in PUBLIC} - {"arr"}


@pytest.mark.parametrize("module", PUBLIC, ids=lambda module: str(module.__name__))
def test_exports_are_sorted_and_exist(module: Any) -> None:
    assert module.__all__ == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name)


def test_everything_public_in_the_package_is_exported() -> None:
    public = {name for name, value in vars(arr).items()
              if not name.startswith("_") and not inspect.ismodule(value)}
    assert public - {"Event"} == set(arr.__all__) - {"__version__"}


def test_star_import_does_not_hide_threading_event_but_event_is_there() -> None:
    names: Dict[str, Any] = {}
    exec("from threading import Event\nfrom arr import *", names)
    assert names["Event"] is threading.Event
    assert hasattr(arr.Event, "_raise")


@pytest.mark.parametrize("module", ["arr", "arr.cpp", "arr.unity", "arr.testing"])
def test_star_import_gives_every_export(module: str) -> None:
    names: Dict[str, Any] = {}
    exec(f"from {module} import *", names)
    assert set(sys.modules[module].__all__) <= set(names)


def test_cpp_names_are_the_same_objects_under_their_cpp_spelling() -> None:
    from arr import cpp

    assert cpp.RenderingSession is AzureSession
    assert cpp.IngestAssetCInfo is IngestAssetParams
    assert cpp.CreateRenderingSessionCInfo is CreateRenderingSessionParams
    assert cpp.UpdateRenderingSessionCInfo is UpdateRenderingSessionParams
    assert cpp.RRRenderingSessionCProperties is RRRenderingSessionProperties
    assert cpp.RRSessionGeneralCContext is RRSessionGeneralContext
    assert cpp.ARR_SUCCEEDED(ARRResult.Success) and not cpp.ARR_SUCCEEDED(ARRResult.Fail)
    assert cpp.ResultToString(ARRResult.AlreadyExists) == "AlreadyExists"
    for name in set(cpp.__all__) & set(arr.__all__):
        assert getattr(cpp, name) is getattr(arr, name)
    # All that C++ shares with C#; what it has of its own stands above, Dispatcher is Python's.
    assert set(arr.__all__) - set(cpp.__all__) == {
        "AzureSession", "CreateRenderingSessionParams", "Dispatcher", "IngestAssetParams",
        "RRRenderingSessionProperties", "RRSessionGeneralContext", "UpdateRenderingSessionParams",
        "__version__"}


# -- two spellings ---------------------------------------------------------------------------------

# The names of the SDK, by class. A name of C# that is no plain case change of ours stands with it.
SDK: Dict[type, Tuple[str, ...]] = {
    AzureFrontend: (
        "StartAssetIngestionAsync", "GetIngestionStatusAsync", "CreateRenderingSessionAsync",
        "OpenRenderingSession", "GetRenderingSessionPropertiesAsync",
        "GetCurrentRenderingSessionsAsync", "AccountDomain", "Dispose"),
    AzureSession: (
        "GetRenderingSessionPropertiesAsync", "UpdateRenderingSessionAsync",
        "StopRenderingSessionAsync", "ConnectToArrInspectorAsync", "Hostname", "HostName=hostname",
        "Status", "Properties", "SessionUUID=session_uuid", "Frontend", "Dispose"),
    type(RemoteManager): (
        "Connect", "Disconnect", "IsConnected", "ConnectionStatus", "ConnectionStatusChanged",
        "InitializeManager", "ShutdownManager", "Update", "LogMessage",
        "UpdateRenderingSessionAsync"),
    type(RemoteManagerUnity): ("InitializeManager", "ShutdownManager", "IsConnected"),
    IAsync: (
        "Completed", "Status", "IsCompleted", "IsRanToCompletion", "IsFaulted", "Context",
        "Result", "Progress", "ProgressChanged", "AsTask"),
}
FIELDS: Dict[type, Tuple[str, ...]] = {
    AzureFrontendAccountInfo: (
        "AccountDomain", "AccountId", "AccountKey", "AuthenticationToken", "AccessToken",
        "Location"),
    IngestAssetParams: ("ModelName", "ModelUrl", "AssetContainerUrl"),
    CreateRenderingSessionParams: ("VmSize", "MaxLeaseTimeHours", "MaxLeaseTimeMinutes"),
    UpdateRenderingSessionParams: ("MaxLeaseTimeHours", "MaxLeaseTimeMinutes"),
    RRRenderingSessionProperties: (
        "Id", "Status", "Size", "SizeString", "Hostname", "HostName=hostname", "Message",
        "ElapsedTime", "MaxLease", "ArrInspectorPort", "HandshakePort"),
    RRSessionGeneralContext: (
        "Result", "HttpResponseCode", "ErrorMessage", "RequestCorrelationVector",
        "ResponseCorrelationVector", "RetryAfter"),
}


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def spellings(table: Dict[type, Tuple[str, ...]]) -> List[Tuple[type, str, str]]:
    found = []
    for owner, names in table.items():
        for name in names:
            sdk, _, ours = name.partition("=")
            found.append((owner, sdk, ours or snake(sdk)))
    return found


@pytest.mark.parametrize("owner, sdk, ours", spellings(SDK))
def test_sdk_spelling_is_the_same_object(owner: type, sdk: str, ours: str) -> None:
    assert inspect.getattr_static(owner, sdk) is inspect.getattr_static(owner, ours)
    assert inspect.getattr_static(owner, ours).__doc__


@pytest.mark.parametrize("owner, sdk, ours", spellings(FIELDS))
def test_sdk_spelling_of_a_field_reads_and_writes_the_field(
        owner: Any, sdk: str, ours: str) -> None:
    alias = inspect.getattr_static(owner, sdk)
    assert isinstance(alias, Alias) and alias.field == ours
    assert ours in owner.__slots__


@pytest.mark.parametrize("owner", [*SDK, *FIELDS], ids=lambda owner: str(owner.__name__))
def test_no_public_member_lacks_its_sdk_spelling(owner: Any) -> None:
    """Every snake_case method, property and field is reachable under a second name."""
    second = {ours for each, _, ours in spellings({**SDK, **FIELDS}) if each is owner}
    ours = {name for name in dir(owner) if name[0].islower()}
    python_only = {"wait", "get", "latest", "to_wire", "from_wire"}  # no such thing in C#
    waits = {name for name in ours if name.startswith("wait_")}
    assert ours - second - python_only - waits == set()
    for name in waits:
        assert inspect.getattr_static(owner, _pascal(name)) is inspect.getattr_static(owner, name)


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def test_session_location_is_also_the_nested_name() -> None:
    assert AzureFrontendAccountInfo.SessionLocation is SessionLocation


def test_misspelt_attribute_raises_and_makes_nothing() -> None:
    things: List[Any] = [
        AzureFrontendAccountInfo(), IngestAssetParams("a", "b", "c"),
        CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 1),
        UpdateRenderingSessionParams(1), RRRenderingSessionProperties(),
        RRSessionGeneralContext(ARRResult.Success)]
    for thing in things:
        with pytest.raises(AttributeError):
            thing.acount_key = "x"
        with pytest.raises(AttributeError):
            thing.AcountKey = "x"
        with pytest.raises(AttributeError):
            thing.acount_key


def test_exceptions_carry_their_fields_under_both_names() -> None:
    context = RRSessionGeneralContext(ARRResult.Fail, 500, "why", "sent", "came")
    error = RRSessionException(context)
    assert isinstance(error, RRException)
    assert error.context is error.Context is context
    assert error.error_code is error.ErrorCode is ARRResult.Fail
    assert error.message == error.Message == "why"
    assert error.RequestCorrelationVector == error.request_correlation_vector == "sent"
    assert error.ResponseCorrelationVector == error.response_correlation_vector == "came"
    misuse = RRException(ARRResult.NotInitialized, "call it first")
    assert misuse.Message == misuse.message == "call it first"
    assert misuse.RequestCorrelationVector == misuse.response_correlation_vector == ""


def test_exceptions_and_enums_say_where_they_live_for_users() -> None:
    """A traceback names arr.RRSessionException; and nothing but these is moved."""
    for name in arr.__all__:
        value = getattr(arr, name)
        if isinstance(value, type):
            moved = issubclass(value, (Exception, enum.Enum))
            assert (value.__module__ == "arr") is moved, name
    try:
        raise RRSessionException(RRSessionGeneralContext(ARRResult.Timeout, 0, "too late"))
    except RRSessionException:
        assert "\narr.RRSessionException: too late" in traceback.format_exc()


# Made by the package before its exceptions and enums said that they live in arr.
OLD_PICKLES = [
    (ARRResult.AlreadyExists, "gAJjYXJyLl9yZXN1bHRzCkFSUlJlc3VsdApxAE1aAoVxAVJxAi4="),
    (SessionLocation.ignore,
     "gAJjYXJyLl9hY2NvdW50ClNlc3Npb25Mb2NhdGlvbgpxAEsDhXEBUnECLg=="),
    (ARRRenderingSessionStatus.Ready,
     "gAJjYXJyLl9yZXN1bHRzCkFSUlJlbmRlcmluZ1Nlc3Npb25TdGF0dXMKcQBLAoVxAVJxAi4="),
    (ARRIngestionSessionStatus.Aborted,
     "gAJjYXJyLl9yZXN1bHRzCkFSUkluZ2VzdGlvblNlc3Npb25TdGF0dXMKcQBLA4VxAVJxAi4="),
    (ARRConnectionStatus.Connected,
     "gAJjYXJyLl9yZXN1bHRzCkFSUkNvbm5lY3Rpb25TdGF0dXMKcQBLAoVxAVJxAi4="),
    (LogLevel.Information, "gAJjYXJyLl9yZXN1bHRzCkxvZ0xldmVsCnEASwOFcQFScQIu"),
    (ARRRenderingSessionVmSize.Premium,
     "gAJjYXJyLl9yZXN1bHRzCkFSUlJlbmRlcmluZ1Nlc3Npb25WbVNpemUKcQBYBwAAAHByZW1pdW1xAYVxAlJxAy4="),
    (UpdateRenderingSessionParams(2, 5),
     "gAJjYXJyLl9tb2RlbHMKVXBkYXRlUmVuZGVyaW5nU2Vzc2lvblBhcmFtcwpxACmBcQFOfXECKFgUAAAAbWF4X2xlYXN"
     "lX3RpbWVfaG91cnNxA0sCWBYAAABtYXhfbGVhc2VfdGltZV9taW51dGVzcQRLBXWGcQViLg=="),
    (CreateRenderingSessionParams(ARRRenderingSessionVmSize.Small, 4, 30),
     "gAJjYXJyLl9tb2RlbHMKQ3JlYXRlUmVuZGVyaW5nU2Vzc2lvblBhcmFtcwpxACmBcQFOfXECKFgHAAAAdm1fc2l6ZXE"
     "DY2Fyci5fcmVzdWx0cwpBUlJSZW5kZXJpbmdTZXNzaW9uVm1TaXplCnEEWAUAAABzbWFsbHEFhXEGUnEHWBQAAABtYX"
     "hfbGVhc2VfdGltZV9ob3Vyc3EISwRYFgAAAG1heF9sZWFzZV90aW1lX21pbnV0ZXNxCUsedYZxCmIu"),
    (IngestAssetParams("a", "b", "c"),
     "gAJjYXJyLl9tb2RlbHMKSW5nZXN0QXNzZXRQYXJhbXMKcQApgXEBTn1xAihYCgAAAG1vZGVsX25hbWVxA1gBAAAAYXE"
     "EWAkAAABtb2RlbF91cmxxBVgBAAAAYnEGWBMAAABhc3NldF9jb250YWluZXJfdXJscQdYAQAAAGNxCHWGcQliLg=="),
    (AzureFrontendAccountInfo(account_id="id", location=SessionLocation.ppe),
     "gAJjYXJyLl9hY2NvdW50CkF6dXJlRnJvbnRlbmRBY2NvdW50SW5mbwpxACmBcQFOfXECKFgOAAAAYWNjb3VudF9kb21"
     "haW5xA1gWAAAAbWl4ZWRyZWFsaXR5LmF6dXJlLmNvbXEEWAoAAABhY2NvdW50X2lkcQVYAgAAAGlkcQZYCwAAAGFjY2"
     "91bnRfa2V5cQdYAAAAAHEIWBQAAABhdXRoZW50aWNhdGlvbl90b2tlbnEJaAhYDAAAAGFjY2Vzc190b2tlbnEKaAhYC"
     "AAAAGxvY2F0aW9ucQtjYXJyLl9hY2NvdW50ClNlc3Npb25Mb2NhdGlvbgpxDEsChXENUnEOdYZxD2Iu"),
    (RRRenderingSessionProperties(
        "id", ARRRenderingSessionStatus.Ready, ARRRenderingSessionVmSize.Big, "big", "host", "",
        timedelta(minutes=2), timedelta(hours=4), 55010, 49700),
     "gAJjYXJyLl9tb2RlbHMKUlJSZW5kZXJpbmdTZXNzaW9uUHJvcGVydGllcwpxAChYAgAAAGlkcQFjYXJyLl9yZXN1bHR"
     "zCkFSUlJlbmRlcmluZ1Nlc3Npb25TdGF0dXMKcQJLAoVxA1JxBGNhcnIuX3Jlc3VsdHMKQVJSUmVuZGVyaW5nU2Vzc2"
     "lvblZtU2l6ZQpxBVgDAAAAYmlncQaFcQdScQhoBlgEAAAAaG9zdHEJWAAAAABxCmNkYXRldGltZQp0aW1lZGVsdGEKc"
     "QtLAEt4SwCHcQxScQ1oC0sATUA4SwCHcQ5ScQ9N4tZNJMJ0cRBScREu"),
]


@pytest.mark.parametrize("value, text", OLD_PICKLES, ids=lambda value: type(value).__name__)
def test_old_and_new_pickles_load(value: object, text: str) -> None:
    assert pickle.loads(base64.b64decode(text)) == value
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("text, kind", [
    ("gAJjYXJyLl9yZXN1bHRzClJSU2Vzc2lvbkV4Y2VwdGlvbgpxAGNhcnIuX3Jlc3VsdHMKUlJTZXNzaW9uR2VuZXJhbENv"
     "bnRleHQKcQEoY2Fyci5fcmVzdWx0cwpBUlJSZXN1bHQKcQJNlQOFcQNScQRLAFgEAAAAbGF0ZXEFWAAAAABxBmgGTnR"
     "xB1JxCIVxCVJxCi4=", RRSessionException),
    ("gAJjYXJyLl9yZXN1bHRzClJSRXhjZXB0aW9uCnEAY2Fyci5fcmVzdWx0cwpBUlJSZXN1bHQKcQFLAYVxAlJxA1gBAAAA"
     "bXEEhnEFUnEGfXEHKFgKAAAAZXJyb3JfY29kZXEIaANYBwAAAG1lc3NhZ2VxCWgEdWIu", RRException)])
def test_old_and_new_pickles_of_exceptions_load(text: str, kind: type) -> None:
    error: Any = pickle.loads(base64.b64decode(text))
    again: Any = pickle.loads(pickle.dumps(error))
    for each in (error, again):
        assert type(each).__name__ == kind.__name__
        assert (each.ErrorCode, each.Message) in ((ARRResult.Timeout, "late"),
                                                  (ARRResult.Fail, "m"))
        assert getattr(each, "context", None) == getattr(error, "context", None)


# -- enums -----------------------------------------------------------------------------------------

RESULTS = dict(
    Success=0, Fail=1, Cancelled=2, InvalidParam=3, InvalidType=4, BufferTooSmall=5,
    NoConnection=6, ApiUnavailable=7, AlreadyInitialized=8, AlreadyDeinitialized=9,
    StringTooLong=10, IndexOutOfRange=11, InProgress=12, NotInitialized=13,
    StringNotValidUtf8=14, NotSupported=15, FileNotFound=300, InvalidVersion=301,
    IncompatibleVersion=302, FailedToOpenFile=303, FileDownloadFailed=304, ExceedsMemoryLimit=305,
    CannotWriteTargetFile=306, FileCorrupt=307, FileUploadFailed=308, UnsupportedFileProvider=309,
    InvalidId=600, InvalidParentId=601, AlreadyExists=602, CyclicReference=603, ObjectLocked=604,
    ObjectStatic=605, ComponentLimitReached=606, NoServerCertificate=900, HandshakePortBusy=901,
    HandshakeUnreachable=902, HandshakeConnectionFailed=903, AuthenticationFailed=904,
    RemotingVersionMismatch=905, IncompatibleTransportProtocols=906, HandshakeFailed=907,
    TransportPortBusy=908, TransportUnreachable=909, TransportConnectionFailed=910,
    ProtocolVersionMismatch=911, ProtocolError=912, VideoCodecNotAvailable=913,
    ConnectionLost=914, DeviceLost=915, DisconnectRequest=916, Timeout=917, AlreadyConnected=918,
    ArrVersionMismatch=919, HandshakeNetworkUnreachable=920, HandshakeConnectionRefused=921,
    VideoFormatNotAvailable=922, PeerDisconnectRequest=923, PeerDisconnectTimeout=924,
    SessionOpenTimeout=925, RemotingHandshakeTimeout=926, InternalError=927, InvalidToolId=1200,
    ManagerAlreadyCreated=1201, ManagerNotCreatedYet=1202, OtherSessionConnected=1203,
    BadStateTransition=1204, FailedToStartTool=1205, InsufficientSlots=1206,
    PrepareRenderNotCalled=1207, InvalidToken=1500, InvalidUrl=1501, SessionNotFound=1502,
    TooManyRequests=1503)


def test_results_have_the_numbers_of_the_sdk() -> None:
    assert {member.name: member.value for member in ARRResult} == RESULTS
    assert ARRResult["InvalidUri"] is ARRResult["InvalidUrl"]
    assert all(isinstance(member, int) and int(member) == member.value for member in ARRResult)


@pytest.mark.parametrize("enum, names", [
    (ARRIngestionSessionStatus, "Unknown Created Running Aborted Failure Success"),
    (ARRRenderingSessionStatus, "Unknown Starting Ready Stopped Expired Error"),
    (ARRConnectionStatus, "Disconnected Connecting Connected"),
    (SessionLocation, "westus2 westeurope ppe ignore"),
    (LogLevel, "None_ Error Warning Information Debug"),
])
def test_numbered_enums_count_from_zero(enum: Any, names: str) -> None:
    assert [member.name for member in enum] == names.split()
    assert [member.value for member in enum] == list(range(len(names.split())))


def test_sizes_are_four_distinct_texts() -> None:
    assert [size.value for size in ARRRenderingSessionVmSize] == [
        "", "small", "big", "standard", "premium"]
    assert LogLevel["Info"] is LogLevel["Information"]


@pytest.mark.parametrize("member, shown", [
    (ARRResult.AlreadyExists, "AlreadyExists"), (ARRResult.Success, "Success"),
    (ARRRenderingSessionVmSize.None_, "None"), (LogLevel.None_, "None"),
    (ARRRenderingSessionVmSize.Small, "Small"), (ARRRenderingSessionStatus.Ready, "Ready"),
    (ARRIngestionSessionStatus.Running, "Running"), (SessionLocation.westus2, "westus2"),
    (ARRConnectionStatus.Connected, "Connected"),
])
def test_member_prints_as_its_bare_name_however_it_is_printed(member: Any, shown: str) -> None:
    assert str(member) == shown
    assert f"{member}" == "{}".format(member) == "%s" % member == shown
    assert f"{member:>20}" == shown.rjust(20)
    assert repr(member).startswith(f"<{type(member).__name__}.{member.name}:")


def test_number_formats_print_the_number() -> None:
    assert f"{ARRResult.AlreadyExists:d}" == "602" == "%d" % ARRResult.AlreadyExists


# -- what an import costs --------------------------------------------------------------------------


def test_import_starts_no_thread() -> None:
    program = ("import threading, arr, arr.cpp, arr.testing; "
               "print([thread.name for thread in threading.enumerate()])")
    assert subprocess.run([sys.executable, "-c", program], cwd=str(ROOT), check=True, timeout=30,
                          capture_output=True, text=True).stdout.split() == ["['MainThread']"]
