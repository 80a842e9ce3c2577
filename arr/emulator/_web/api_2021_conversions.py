"""Handlers of the conversions of api-version 2021-01-01, and how it writes a conversion.

What the documents leave open is decided here: a SAS takes no part in what makes two requests the
same, so that a retry with a fresh one is a retry; bad names of containers are refused at once, as
the service did in 2023; a container without SAS is a directory or it is 403; a page has 50, and
its link continues after the last one that was shown.
"""

from __future__ import annotations

import re
from typing import Any, Mapping

from .._http.lenient_json import dumps
from .._http.messages import HttpError, Reply, query_values
from .._ingestion import refusals
from .._service.ingestions import FAILURE, SUCCESS, Ingestion, Work, bare
from .._service.state import IdTaken
from .api_2021_sessions import NO_STORE, checked_id, conflict
from .call import JSON, Call
from .conversions import (
    Place, archive_of, folder, is_directory, lowered, member, output_name, page_of)
from .eras import CodedError
from .moments import format_moment
from .versions import versioned

_STATES = {SUCCESS: "Succeeded", FAILURE: "Failed"}

_FAILURES = {
    refusals.MODEL: ("ConversionProcessFailed", "Invalid input provided."),
    refusals.ASSET: ("InputContainerError",
                     "Could not find the asset file in the storage account."),
    refusals.INPUT_ACCESS: ("InputContainerAccessDenied",
                            "Access to the input blob container was denied."),
    refusals.OUTPUT_ACCESS: ("OutputContainerAccessDenied",
                             "Access to the output blob container was denied."),
    refusals.INPUT: ("InputContainerError", "The input container cannot be used."),
    refusals.OUTPUT: ("OutputContainerError", "The output container cannot be used."),
}
_CRASH = "InternalServerError", "Unexpected internal server error encountered."


@versioned
def put_conversion(call: Call) -> Reply:
    """Start a conversion under the id of the path; the same once more is the same conversion."""
    conversion_id = checked_id(call)
    settings = lowered(call.fields().get("settings"), "settings")
    work = _work(lowered(settings.get("inputlocation"), "inputLocation"),
                 lowered(settings.get("outputlocation"), "outputLocation"))
    try:
        new, written = call.service.state.put_ingestion(
            call.account_id, conversion_id, work, write)
    except IdTaken:
        raise conflict() from None
    return Reply(201 if new else 200, dumps(written), JSON)


@versioned
def get_conversion(call: Call) -> Reply:
    """Return one conversion."""
    found = call.service.state.view_ingestion(call.account_id, checked_id(call), write)
    if found is None:
        raise HttpError(404, "This account has no conversion of that id.")
    return Reply(200, dumps(found), JSON, NO_STORE)


@versioned
def list_conversions(call: Call) -> Reply:
    """Return a page of all conversions, the oldest first."""
    page, more = page_of(call, write)
    link = _link(call, more) if more else None
    return Reply(200, dumps({"conversions": page, "@nextLink": link}), JSON)


def _link(call: Call, token: int) -> str:
    """Return the absolute URL of the next page: the SDK for Python asks for exactly this."""
    request = call.request
    scheme = "https" if request.secure else "http"
    host = request.headers.get("host") or f"localhost:{call.service.state.port}"
    version = query_values(request.query)["api-version"]
    return (f"{scheme}://{host}/accounts/{call.params['account']}/conversions"
            f"?api-version={version}&skiptoken={token}")


# -- what is asked for ---------------------------------------------------------------------------

def _work(source: Mapping[str, Any], target: Mapping[str, Any]) -> Work:
    read = _place(source, "inputLocation", "storageContainerReadListSas")
    model = member(source, "relativeInputAssetPath", needed=True)
    write_to = _place(target, "outputLocation", "storageContainerWriteSas")
    name = output_name(target, "outputAssetFilename", model)
    for place in (read, write_to):
        if not place.sas and not is_directory(place.url):
            raise CodedError(
                403, "DelegatedResourceAccessError",
                "Error accessing connected storage account due to insufficient permissions. "
                "No storage account is linked here: give a SAS, or the file:// URL of a "
                "directory.")
    return Work(model, read.full_url, write_to.full_url, "2021", read.folder, write_to.folder,
                name)


def _place(fields: Mapping[str, Any], location: str, sas_name: str) -> Place:
    url = member(fields, "storageContainerUri", needed=True).rstrip("/")
    found = _faults_of(url)
    if found:
        raise _invalid(location, found)
    return Place(url, member(fields, sas_name).lstrip("?"),
                 folder(fields, "blobPrefix"))


_URI = re.compile(r"https?://[^/?#@]+/(?:[^?#]*/)?([^/?#]*)|file://[^?#]*", re.IGNORECASE)


def _faults_of(url: str) -> dict[str, str]:
    """Return what is wrong with a container's URL: code and text of each fault."""
    match = _URI.fullmatch(url)
    if match is None:
        return {"StorageContainerUriInvalid": "It must be the URL of a blob container without a "
                                              "query, or the file:// URL of a directory."}
    faults: dict[str, str] = {}
    name = match[1]
    if name is None:
        return faults
    if not 3 <= len(name) <= 63:
        faults["BlobContainerInvalidLength"] = "The name must have 3 to 63 characters."
    if not re.fullmatch(r"[a-z0-9-]*", name):
        faults["BlobContainerInvalidCharacters"] = (
            "The name must have lower-case letters, digits and hyphens only.")
    if "--" in name or name[:1] == "-" or name[-1:] == "-":
        faults["BlobContainerInvalidHyphens"] = (
            "Each hyphen must stand between letters or digits.")
    return faults


def _invalid(location: str, faults: Mapping[str, str]) -> CodedError:
    """Return the refusal of a container's URL: errors in errors, the outermost names settings."""
    details: list[dict[str, object]] = [
        {"code": code, "message": text} for code, text in faults.items()]
    text = ""
    for name in ("BlobContainerName", "storageContainerUri", location, "settings"):
        text = (f"Input validation failed at '{name}' property. Found errors: "
                f"{', '.join(faults)}. Check inner errors for details.")
        if name != "settings":
            details = [{"code": "ValidationError", "message": text, "target": name,
                        "details": details}]
    return CodedError(400, "ValidationError", text, tuple(details))


# -- a conversion as this era writes it ----------------------------------------------------------

def write(ingestion: Ingestion, now: float) -> dict[str, Any]:
    """Return a conversion as JSON values, with the service's members in its order; no SAS."""
    work, status = ingestion.work, ingestion.status(now)
    error = None
    if status == FAILURE:
        code, text = _FAILURES.get(ingestion.cause, _CRASH)
        error = {"code": code, "message": f"{text} {ingestion.reason}".strip()}
    output_url, archive = bare(work.asset_container_url), archive_of(work)
    return {
        "id": ingestion.id,
        "creationTime": format_moment(ingestion.created) + "Z",
        "settings": {
            "inputLocation": {
                "storageContainerUri": bare(work.model_url),
                **({"blobPrefix": work.input_prefix} if work.input_prefix else {}),
                "relativeInputAssetPath": work.model_name},
            "outputLocation": {
                "storageContainerUri": output_url,
                **({"blobPrefix": work.output_prefix} if work.output_prefix else {}),
                "outputAssetFilename": archive}},
        **({"output": {"outputAssetUri": f"{output_url}/{work.output_prefix}{archive}"}}
           if status == SUCCESS else {}),
        "error": error,
        "status": _STATES.get(status) or ("Running" if ingestion.started else "NotStarted"),
    }
