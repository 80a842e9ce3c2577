"""What the eras after 2019 share: members of a conversion, names of containers, outputs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple, TypeVar

from .._http.messages import HttpError, query_values
from .._service.ingestions import Work, bare
from .call import Call

if TYPE_CHECKING:
    from .._service.state import IngestionWriter

T = TypeVar("T")

_PAGE = 50  # conversions of a list

_LONGEST = 8_192

ENDING = ".arrAsset"

_BLOB_HOST = re.compile(r"https?://([a-z0-9]+)\.[^/]*/(?:.*/)?([^/]+)", re.IGNORECASE)
_PATH = re.compile(r"[a-z]+://(?:.*/)?([^/]+)/([^/]+)", re.IGNORECASE)
_ADDRESS = re.compile(r"(?:.*\.)?(?:localhost|[0-9.]+|\[[0-9a-f:.]+\])(?::[0-9]+)?")


class Place(NamedTuple):
    """A container, the SAS for it, and a folder in it."""

    url: str
    sas: str
    folder: str

    def __repr__(self) -> str:
        return f"<Place {self.url!r} {self.folder!r}>"

    @property
    def full_url(self) -> str:
        """The URL with its SAS, as the pipeline takes it. It is a secret."""
        return f"{self.url}?{self.sas}" if self.sas else self.url


def lowered(value: object, name: str) -> dict[str, Any]:
    """Return an object of the body with its names in lower case; raise HttpError(400)."""
    if not isinstance(value, dict):
        raise HttpError(400, f"{name} must be an object." if value is not None
                        else f"{name} is missing.")
    return {key.lower(): item for key, item in value.items()}


def member(fields: Mapping[str, Any], name: str, *, needed: bool = False) -> str:
    """Return a text of an object, empty when it is absent or null; raise HttpError(400)."""
    value = fields.get(name.lower())
    if value is None or value == "":
        if needed:
            raise HttpError(400, f"{name} is missing.")
        return ""
    if not isinstance(value, str):
        raise HttpError(400, f"{name} must be a string.")
    if len(value) > _LONGEST:
        raise HttpError(400, f"{name} is longer than {_LONGEST} characters.")
    if not value.isprintable():
        raise HttpError(400, f"{name} has a character that cannot be printed.")
    return value


def folder(fields: Mapping[str, Any], name: str) -> str:
    """Return a folder of a container, with a slash behind it unless it is empty."""
    given = member(fields, name)
    return given if not given or given.endswith("/") else given + "/"


def page_of(call: Call, write: IngestionWriter[T]) -> tuple[list[T], int]:
    """Return the page that a list's skip token asks for, and the next token, 0 for none."""
    token = query_values(call.request.query).get("skiptoken") or "0"
    if not (token.isascii() and token.isdigit() and len(token) <= 18):
        raise HttpError(400, "The skiptoken is none that this service has made.")
    return call.service.state.page_ingestions(call.account_id, int(token), _PAGE, write)


def is_directory(url: str) -> bool:
    """Say whether a container is a directory, which needs no SAS."""
    return url.lower().startswith("file:")


def output_name(fields: Mapping[str, Any], name: str, model: str) -> str:
    """Return the name of the archive, that of the model when none is given."""
    given = member(fields, name)
    if not given:
        return default_output(model, "2020")
    if not given.endswith(ENDING) or given == ENDING or "/" in given or "\\" in given:
        raise HttpError(400, f"{name} must be a file's name that ends in {ENDING}.")
    return given


def default_output(model: str, layout: str) -> str:
    """Return the name of the archive of a model in an era."""
    from .._ingestion.layouts import LAYOUTS, stem_of  # late: the start needs none of it

    return stem_of(model) + LAYOUTS[layout].archive_ending


def archive_of(work: Work) -> str:
    """Return the name of a model's archive in its folder."""
    return work.output_name or default_output(work.model_name, work.layout)


def names_of(url: str) -> tuple[str, str]:
    """Return the storage account and the container of a URL, as well as they can be told."""
    url = bare(url)
    host = url.partition("://")[2].partition("/")[0]
    match = None if _ADDRESS.fullmatch(host) else _BLOB_HOST.fullmatch(url)
    match = match or _PATH.fullmatch(url)
    return (match[1], match[2]) if match else ("", url.rpartition("/")[2])
