"""The names of the package: exports, both spellings, enums, and what an import costs."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from typing import Any, Dict, List, Tuple

import pytest

import arr
import arr.cpp
import arr.testing
from arr import (
    ARRConnectionStatus, ARRIngestionSessionStatus, ARRRenderingSessionStatus,
    ARRRenderingSessionVmSize, ARRResult, AzureFrontend, AzureFrontendAccountInfo, AzureSession,
    CreateRenderingSessionParams, IAsync, IngestAssetParams, LogLevel, RemoteManager,
    RRException, RRRenderingSessionProperties, RRSessionException, RRSessionGeneralContext,
    SessionLocation, UpdateRenderingSessionParams,
)
from arr._fields import Alias

from ..support.threads import ROOT

# -- exports ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", [arr, arr.cpp], ids=["arr", "arr.cpp"])
def test_exports_are_sorted_and_exist(module: Any) -> None:
    assert module.__all__ == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name)


def test_everything_public_in_the_package_is_exported() -> None:
    public = {name for name, value in vars(arr).items()
              if not name.startswith("_") and not inspect.ismodule(value)}
    assert public == set(arr.__all__) - {"__version__"}


@pytest.mark.parametrize("module", ["arr", "arr.cpp"])
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
    for name in set(cpp.__all__) & set(arr.__all__):
        assert getattr(cpp, name) is getattr(arr, name)


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
    context = RRSessionGeneralContext(ARRResult.Fail, 500, "why")
    error = RRSessionException(context)
    assert isinstance(error, RRException)
    assert error.context is error.Context is context
    assert error.error_code is error.ErrorCode is ARRResult.Fail


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


def test_import_loads_neither_requests_nor_tls_nor_asyncio() -> None:
    program = ("import sys; before = set(sys.modules); import arr; "
               "print(*sorted(set(sys.modules) - before))")
    loaded = subprocess.run([sys.executable, "-c", program], cwd=str(ROOT), check=True, timeout=30,
                            capture_output=True, text=True).stdout.split()
    assert not {"requests", "urllib3", "ssl", "_ssl", "asyncio", "http.client"} & set(loaded)
    assert len(loaded) <= 100, len(loaded)


def test_import_starts_no_thread() -> None:
    program = ("import threading, arr, arr.cpp, arr.testing; "
               "print([thread.name for thread in threading.enumerate()])")
    assert subprocess.run([sys.executable, "-c", program], cwd=str(ROOT), check=True, timeout=30,
                          capture_output=True, text=True).stdout.split() == ["['MainThread']"]
