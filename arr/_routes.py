"""The calls: one row each, with everything that tells it from the others.

Paths stand below ``/v1/accounts/{account}``; the id that a call is about fills the braces. Source:
the REST articles that the front-end document links to, December 2019.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Tuple

from ._models import (
    RRRenderingSessionProperties, id_from_wire, ingestion_status_from_wire, sessions_from_wire,
)
from ._results import ARRResult

if TYPE_CHECKING:
    from ._runtime.operation import IAsync

CppArguments = Callable[["IAsync[Any]"], Tuple[object, ...]]


def _context_and_value(operation: IAsync[Any]) -> tuple[object, ...]:
    done = operation.is_ran_to_completion
    return operation.context, operation.result if done else None


def _context_and_list(operation: IAsync[Any]) -> tuple[object, ...]:
    sessions = operation.result if operation.is_ran_to_completion else []
    return operation.context, sessions, len(sessions)


def _context_only(operation: IAsync[Any]) -> tuple[object, ...]:
    return (operation.context,)


def _result_and_value(operation: IAsync[Any]) -> tuple[object, ...]:
    done = operation.is_ran_to_completion
    return operation.status, operation.result if done else None


class Route(NamedTuple):
    """One call: how it is sent, what its reply means, what its C++ callback gets."""

    name: str  # as in messages for people
    method: str  # empty: the call has no request of its own
    path: str
    decode: Callable[[object], object] | None  # None: no body, and the value is Success
    not_found: ARRResult
    cpp_arguments: CppArguments
    status_field: str = ""  # where the reply has the word that a wait looks at

    @property
    def retryable(self) -> bool:
        """A second create is a second bill: only what changes nothing twice is sent again."""
        return self.method in ("GET", "DELETE")

    def url_path(self, target: str) -> str:
        """Return the path for the id of a session or an ingestion; "" where there is none."""
        from urllib.parse import quote

        return self.path.format(quote(target, safe=""))


START_ASSET_INGESTION = Route(
    "StartAssetIngestionAsync", "POST", "/models/create",
    id_from_wire("modelId"), ARRResult.Fail, _context_and_value)

GET_INGESTION_STATUS = Route(
    "GetIngestionStatusAsync", "GET", "/models/{}/status",
    ingestion_status_from_wire, ARRResult.InvalidId, _context_and_value, "status")

CREATE_RENDERING_SESSION = Route(
    "CreateRenderingSessionAsync", "POST", "/sessions/create",
    id_from_wire("sessionId"), ARRResult.Fail, _context_and_value)

GET_CURRENT_RENDERING_SESSIONS = Route(
    "GetCurrentRenderingSessionsAsync", "GET", "/sessions",
    sessions_from_wire, ARRResult.Fail, _context_and_list)

GET_RENDERING_SESSION_PROPERTIES = Route(
    "GetRenderingSessionPropertiesAsync", "GET", "/sessions/{}/properties",
    RRRenderingSessionProperties.from_wire, ARRResult.SessionNotFound, _context_and_value,
    "sessionStatus")

UPDATE_RENDERING_SESSION = Route(
    "UpdateRenderingSessionAsync", "PATCH", "/sessions/{}",
    None, ARRResult.SessionNotFound, _context_only)

STOP_RENDERING_SESSION = Route(
    "StopRenderingSessionAsync", "DELETE", "/sessions/{}",
    None, ARRResult.SessionNotFound, _context_only)

CONNECT_TO_ARR_INSPECTOR = Route(
    "ConnectToArrInspectorAsync", "", "",
    None, ARRResult.SessionNotFound, _result_and_value)

ROUTES = (
    START_ASSET_INGESTION, GET_INGESTION_STATUS, CREATE_RENDERING_SESSION,
    GET_CURRENT_RENDERING_SESSIONS, GET_RENDERING_SESSION_PROPERTIES, UPDATE_RENDERING_SESSION,
    STOP_RENDERING_SESSION, CONNECT_TO_ARR_INSPECTOR,
)
