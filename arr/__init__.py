"""The Azure Remote Rendering client API of December 2019, for Python.

Calls return at once with an ``IAsync``; its ``completed`` event is raised on a background thread.

    arr.cpp             the C++ names
    arr.unity           ARRServiceUnity, and the start-up names of Unity programs
    arr.testing         a manual executor and a fake clock; arr.pytest_plugin has fixtures
    arr.emulator        a local service to run against; it imports nothing of the client
    _frontend _session  what users call; _remote_manager: the runtime's stub
    _calls _polling     one call, one wait from beginning to end; _core: what calls share
    _routes _params     one row for each call; what goes into it; _models: replies; _account: hosts
    _http/              one request out, one checked reply in; tokens
    _runtime/           threads, timers, events, operations, the end of the process
    _results _fields    enums, errors, data with two spellings
"""

from ._account import AzureFrontendAccountInfo, SessionLocation
from ._frontend import AzureFrontend
from ._models import RRRenderingSessionProperties
from ._params import (
    CreateRenderingSessionParams,
    IngestAssetParams,
    UpdateRenderingSessionParams,
)
from ._remote_manager import RemoteManager
from ._results import (
    ARRConnectionStatus,
    ARRIngestionSessionStatus,
    ARRRenderingSessionStatus,
    ARRRenderingSessionVmSize,
    ARRResult,
    LogLevel,
    RRException,
    RRSessionException,
    RRSessionGeneralContext,
)
from ._runtime.dispatcher import Dispatcher
from ._runtime.events import Event as Event  # noqa: F401 - no star: it hid threading.Event
from ._runtime.operation import IAsync
from ._session import AzureSession
from ._version import __version__

__all__ = [
    "ARRConnectionStatus",
    "ARRIngestionSessionStatus",
    "ARRRenderingSessionStatus",
    "ARRRenderingSessionVmSize",
    "ARRResult",
    "AzureFrontend",
    "AzureFrontendAccountInfo",
    "AzureSession",
    "CreateRenderingSessionParams",
    "Dispatcher",
    "IAsync",
    "IngestAssetParams",
    "LogLevel",
    "RRException",
    "RRRenderingSessionProperties",
    "RRSessionException",
    "RRSessionGeneralContext",
    "RemoteManager",
    "SessionLocation",
    "UpdateRenderingSessionParams",
    "__version__",
]
