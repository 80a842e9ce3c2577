"""The C++ names of the API, for ``from arr.cpp import *``; nothing here but names.

C++ calls take their callback as the last argument; every method of the package does too.
"""

from ._account import AzureFrontendAccountInfo, SessionLocation
from ._frontend import AzureFrontend
from ._models import RRRenderingSessionProperties as RRRenderingSessionCProperties
from ._params import (
    CreateRenderingSessionParams as CreateRenderingSessionCInfo,
    IngestAssetParams as IngestAssetCInfo,
    UpdateRenderingSessionParams as UpdateRenderingSessionCInfo,
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
    RRSessionGeneralContext as RRSessionGeneralCContext,
)
from ._runtime.operation import IAsync
from ._session import AzureSession as RenderingSession

__all__ = [
    "ARRConnectionStatus",
    "ARRIngestionSessionStatus",
    "ARRRenderingSessionStatus",
    "ARRRenderingSessionVmSize",
    "ARRResult",
    "ARR_SUCCEEDED",
    "AzureFrontend",
    "AzureFrontendAccountInfo",
    "CreateRenderingSessionCInfo",
    "IAsync",
    "IngestAssetCInfo",
    "LogLevel",
    "RRException",
    "RRRenderingSessionCProperties",
    "RRSessionException",
    "RRSessionGeneralCContext",
    "RemoteManager",
    "RenderingSession",
    "ResultToString",
    "SessionLocation",
    "UpdateRenderingSessionCInfo",
]


def ARR_SUCCEEDED(error: ARRResult) -> bool:
    """Tell whether a result is Success, as the C++ macro does."""
    return error == ARRResult.Success


def ResultToString(error: ARRResult) -> str:
    """Return the bare name of a result, as the C++ function does."""
    return str(error)
