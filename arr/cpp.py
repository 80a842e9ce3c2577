"""The C++ names of the API, for ``from arr.cpp import *``; nothing here but names.

C++ calls take their callback as the last argument; every method of the package does too.
"""

from ._account import AzureFrontendAccountInfo, SessionLocation
from ._frontend import AzureFrontend
from ._models import (
    CreateRenderingSessionParams as CreateRenderingSessionCInfo,
    IngestAssetParams as IngestAssetCInfo,
    RRRenderingSessionProperties as RRRenderingSessionCProperties,
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
    RRSessionGeneralContext as RRSessionGeneralCContext,
)
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
    "IngestAssetCInfo",
    "LogLevel",
    "RRRenderingSessionCProperties",
    "RRSessionGeneralCContext",
    "RemoteManager",
    "RenderingSession",
    "SessionLocation",
    "UpdateRenderingSessionCInfo",
]


def ARR_SUCCEEDED(error: ARRResult) -> bool:
    """Tell whether a result is Success, as the C++ macro does."""
    return error == ARRResult.Success
