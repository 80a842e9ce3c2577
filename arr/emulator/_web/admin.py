"""Handlers of the routes under ``/_emulator/``: the same commands as the methods of Emulator."""

from __future__ import annotations

from typing import Any

from .._arguments import text
from .._http.messages import HttpError, Reply
from .._service.faults import Fault
from .._service.tokens import visitor
from .call import NO_STORE, Call, json_reply

# How much of each list fits a page that is read by a person and drawn every second.
OVERVIEW_LIMIT = 100


def state(call: Call) -> Reply:
    """Return a snapshot of everything."""
    return json_reply(call.service.snapshot())


def overview(call: Call) -> Reply:
    """Return what the page shows: the newest of everything, with counts of the rest."""
    return json_reply(call.service.overview(OVERVIEW_LIMIT), headers=NO_STORE)


def requests(call: Call) -> Reply:
    """Return the last requests of the service."""
    return json_reply({"requests": call.service.journal.snapshot()})


def reset(call: Call) -> Reply:
    """Forget everything but the accounts."""
    _only(call, ())
    call.service.reset()
    return json_reply({})


def clock(call: Call) -> Reply:
    """Return the time."""
    return json_reply({"time": call.service.clock.time()})


def advance(call: Call) -> Reply:
    """Move the clock forward: ``{"advance": seconds}``."""
    call.service.advance(_only(call, ("advance",)).get("advance"))
    return clock(call)


def capacity(call: Call) -> Reply:
    """Set the capacity: ``{"capacity": 2}``, ``{"capacity": {"small": 2}}`` or null for none."""
    call.service.state.set_capacity(_only(call, ("capacity",), needed="capacity")["capacity"])
    return json_reply({})


def throttle(call: Call) -> Reply:
    """Set the throttle: ``{"per_minute": 10}``, or null for none."""
    call.service.throttle.set(_only(call, ("per_minute",), needed="per_minute")["per_minute"])
    return json_reply({})


def faults(call: Call) -> Reply:
    """Return the faults."""
    return json_reply({"faults": call.service.faults.snapshot()})


def add_fault(call: Call) -> Reply:
    """Add a fault; the fields are the arguments of ``Emulator.add_fault``."""
    return json_reply(call.service.faults.add(**_only(call, Fault.FIELDS)).as_dict())


def clear_faults(call: Call) -> Reply:
    """Take all faults away and release all held replies."""
    call.service.faults.clear()
    return json_reply({})


def remove_fault(call: Call) -> Reply:
    """Take one fault away."""
    _only(call, ())
    if not call.service.faults.remove_id(call.params["id"]):
        raise HttpError(404, "There is no fault of that id.")
    return json_reply({})


def fail_session(call: Call) -> Reply:
    """End a session in Error: ``{"message": text}``."""
    message = text("message", _only(call, ("message",)).get("message", ""))
    if not call.service.state.fail(call.params["id"], message):
        raise _no_live_session()
    return json_reply({})


def stop_session(call: Call) -> Reply:
    """Stop a session, as its owner would."""
    _only(call, ())
    if not call.service.state.end(call.params["id"]):
        raise _no_live_session()
    return json_reply({})


def extend_session(call: Call) -> Reply:
    """Make a lease longer: ``{"minutes": 30}`` adds to it; return the new total."""
    minutes = _only(call, ("minutes",), needed="minutes")["minutes"]
    lease = call.service.state.lengthen(call.params["id"], minutes)
    if lease is None:
        raise _no_live_session()
    return json_reply({"lease_seconds": lease})


def open_inspector(call: Call) -> Reply:
    """Return what opens the inspector of a session, named by its GUID: host name and ticket.

    Other pages can neither ask this (``check_change``) nor read the answer.
    """
    _only(call, ())
    service, guid = call.service, call.params["id"]
    if service.state.owner_at(guid) is None:
        raise HttpError(404, "There is no session of that GUID.")
    return json_reply({"hostname": guid + ".localhost",
                       "token": service.tokens.issue(visitor(guid), service.clock.time())},
                      headers=NO_STORE)


def _no_live_session() -> HttpError:
    return HttpError(404, "There is no live session of that id.")


def _only(call: Call, names: tuple[str, ...], needed: str = "") -> dict[str, Any]:
    """Return the fields of the body, refusing names that are not known."""
    fields = call.fields() if call.request.body else {}
    unknown = sorted(set(fields) - set(names))
    if unknown:
        raise HttpError(400, f"Unknown field {unknown[0]!r}; known are: {', '.join(names)}.")
    if needed and needed not in fields:
        raise HttpError(400, f"The field {needed} is missing.")
    return fields
