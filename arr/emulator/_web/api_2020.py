"""Handlers of the conversions of 2020, and how that era writes them.

Sessions of 2020 are those of ``api_2019``, which answers with the later fields as well. What the
documents leave open is decided here: create answers 200; a storage account that is not linked is
403; the members of a list are those of one status, with the id in front.
"""

from __future__ import annotations

import re
from typing import Any, Mapping

from .._http.messages import HttpError, Reply
from .._service.ingestions import FAILURE, SUCCESS, Ingestion, Work
from .call import NO_STORE, Call, json_reply
from .conversions import (
    Place, archive_of, folder, is_directory, lowered, member, names_of, output_name, page_of)

_NAME = re.compile(r"[A-Za-z0-9$][A-Za-z0-9_-]{0,62}")


def create(call: Call) -> Reply:
    """Start a conversion between containers of a linked storage account."""
    work = _work(call)
    for url in (work.model_url, work.asset_container_url):
        if not is_directory(url):
            raise HttpError(403, "Unable to start conversion: no storage account is linked to this "
                                 "account. Take createWithSharedAccessSignature, or start the "
                                 "emulator with --container-root.")
    return _started(call, work)


def create_with_sas(call: Call) -> Reply:
    """Start a conversion between containers that are opened by a SAS each."""
    return _started(call, _work(call, "containerReadListSas", "containerWriteSas"))


def _started(call: Call, work: Work) -> Reply:
    return json_reply({
        "conversionId": call.service.state.create_ingestion(call.account_id, work)})


def get_conversion(call: Call) -> Reply:
    """Say how far a conversion is."""
    found = call.service.state.view_ingestion(call.account_id, call.params["id"], write)
    if found is None:
        raise HttpError(404, "This account has no conversion of that id.")
    return json_reply(found, headers=NO_STORE)


def list_conversions(call: Call) -> Reply:
    """Return a page of all conversions, the oldest first; its link is the token of the next."""
    page, more = page_of(call, _write_listed)
    return json_reply({"conversions": page, "nextLink": str(more) if more else None},
                      headers=NO_STORE)


def _work(call: Call, read_sas: str = "", write_sas: str = "") -> Work:
    fields = call.fields()
    source, target = (lowered(fields.get(name), name) for name in ("input", "output"))
    read = _place(call, source, _names(source, "input"), read_sas)
    model = member(source, "inputAssetPath", needed=True)
    named = _names(target, "output")
    write_to = _place(call, target, named, write_sas)
    name = output_name(target, "outputAssetFileName", model)
    return Work(model, read.full_url, write_to.full_url, "2020", read.folder, write_to.folder,
                name, named)


def _names(fields: Mapping[str, Any], where: str) -> tuple[str, str]:
    names = []
    for name in ("storageAccountName", "blobContainerName"):
        given = member(fields, name, needed=True)
        if not _NAME.fullmatch(given):
            raise HttpError(400, f"{name} of {where} must have 1 to 63 letters, digits, "
                                 "hyphens and underscores, and no domain.")
        names.append(given)
    return names[0], names[1]


def _place(call: Call, fields: Mapping[str, Any], names: tuple[str, str], sas_name: str) -> Place:
    sas = member(fields, sas_name, needed=True).lstrip("?") if sas_name else ""
    url = call.service.storage.url(*names)
    # A directory needs no SAS, and knows none.
    return Place(url, "" if is_directory(url) else sas, folder(fields, "folderPath"))


# -- a conversion as this era writes it ----------------------------------------------------------

def write(ingestion: Ingestion, now: float) -> dict[str, Any]:
    """Return the status of a conversion as JSON values."""
    work, status = ingestion.work, ingestion.status(now)
    if status == FAILURE:
        return {"status": "Failure", "error": {"message": ingestion.reason}}
    if status == SUCCESS:
        account, container = work.output_names or names_of(work.asset_container_url)
        return {"status": "Success", "error": None, "convertedAsset": {
            "storageAccountName": account, "blobContainerName": container,
            "assetFilePath": work.output_prefix + archive_of(work)}}
    return {"status": "Running" if ingestion.started else "Created", "error": None}


def _write_listed(ingestion: Ingestion, now: float) -> dict[str, Any]:
    return {"conversionId": ingestion.id, **write(ingestion, now)}
