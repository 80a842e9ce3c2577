"""The Azure Remote Rendering client API of December 2019, for Python.

Calls return at once with an ``IAsync``; its ``completed`` event is raised on a background thread.
``arr.cpp`` has the C++ names, ``arr.emulator`` a local service to run against, ``arr.testing`` a
manual executor and a fake clock.
"""

from ._account import AzureFrontendAccountInfo, SessionLocation
from ._frontend import AzureFrontend
from ._models import (
    CreateRenderingSessionParams,
    IngestAssetParams,
    RRRenderingSessionProperties,
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
from ._runtime.events import Event
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
    "Event",
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
