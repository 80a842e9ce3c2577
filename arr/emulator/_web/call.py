"""``Call``, what a handler of a route is given, and the JSON replies that it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable

from .._http.lenient_json import dumps, loads
from .._http.messages import HttpError, Reply, Request

if TYPE_CHECKING:
    from .._service.journal import Record
    from .._service.service import Service

JSON = "application/json; charset=utf-8"
NO_STORE = (("Cache-Control", "no-store,no-cache"), ("Pragma", "no-cache"))


class Call:
    """A request that has found its route."""

    __slots__ = ("service", "request", "params", "record", "account_id")

    def __init__(self, service: Service, request: Request, params: dict[str, str],
                 record: Record | None) -> None:
        self.service = service
        self.request = request
        self.params = params
        self.record = record
        self.account_id = ""  # set when the caller has proved who it is

    def fields(self) -> dict[str, Any]:
        """Return the body's JSON object with names in lower case, as the service compared them."""
        try:
            value = loads(self.request.body)
        except ValueError as error:
            raise HttpError(400, f"{error}.".replace("the body", "The body")) from None
        if not isinstance(value, dict):
            raise HttpError(400, "The body must be a JSON object.")
        return {name.lower(): item for name, item in value.items()}


def no_session() -> HttpError:
    """Return the refusal of an id that no session of the account has, the same in all eras."""
    return HttpError(404, "This account has no session of that id.")


Handler = Callable[[Call], Reply]


def json_reply(value: object, status: int = 200,
               headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Return a reply with a JSON body."""
    return Reply(status, dumps(value), JSON, headers)
