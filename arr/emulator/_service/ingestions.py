"""``Ingestion``, a record of one ingestion, and the daemon threads that run ingestions."""

from __future__ import annotations

import logging
import math
import re
import traceback
from collections import deque
from threading import Condition, Thread
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Protocol, Sequence

from .journal import clean, redact

if TYPE_CHECKING:
    from pathlib import Path

RUNNING, SUCCESS, FAILURE = "Running", "Success", "Failure"

INTERNAL = "internal"  # the cause of a crash; the others are those of IngestionError

_USER = re.compile(r"//[^/@]*@")

_log = logging.getLogger("arr.emulator")

Report = Callable[[float, str], None]


class Ingest(Protocol):
    """The pipeline: reads a model, checks it, writes the archive; raises when it cannot.

    Those of ``layout``, ``input_prefix``, ``output_prefix`` and ``output_name`` that an ingestion
    has in another way than 2019 are keyword arguments, too: strings.
    """

    def __call__(self, model_name: str, model_url: str, asset_container_url: str, *,
                 container_root: Path | None, allowed_hosts: Sequence[str],
                 report: Report) -> Any:
        """Run in the calling thread and return a summary with ``as_dict``."""


def default_ingest(model_name: str, model_url: str, asset_container_url: str, *,
                   container_root: Path | None, allowed_hosts: Sequence[str],
                   report: Report, layout: str = "2019", **places: str) -> Any:
    """Run the emulator's own pipeline, which is imported on first use."""
    from .._ingestion.layouts import LAYOUTS
    from .._ingestion.pipeline import ingest

    return ingest(model_name, model_url, asset_container_url, container_root=container_root,
                  allowed_hosts=allowed_hosts, report=report, layout=LAYOUTS[layout], **places)


def _cause_of_refusal(error: BaseException) -> str:
    """Return the cause that the pipeline names, empty for an error that it did not foresee."""
    from .._ingestion.pipeline import IngestionError

    return error.cause if isinstance(error, IngestionError) else ""


def bare(url: str) -> str:
    """Return a container's URL without its SAS, a password, and a slash at its end."""
    return _USER.sub("//", url.partition("?")[0].rstrip("/"))


class Work(NamedTuple):
    """What is asked for: a model, its containers with their SAS, and what an era adds to that."""

    model_name: str
    model_url: str
    asset_container_url: str
    layout: str = "2019"  # the era whose files lie around the model: 2019, 2020 or 2021
    input_prefix: str = ""  # folders of the containers
    output_prefix: str = ""
    output_name: str = ""  # of the archive; without one it is named after the model
    # Storage account and container of the output, where the caller named these and no URL.
    output_names: tuple[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Work {clean(self.model_name, 300)!r}>"  # the URLs hold secrets

    def added(self) -> dict[str, str]:
        """Return the arguments of the pipeline that 2019 did not have."""
        return {name: getattr(self, name) for name in _ADDED
                if getattr(self, name) != self._field_defaults[name]}

    def without_sas(self) -> Work:
        """Return it as two requests for the same are compared: a fresh SAS makes no difference."""
        return self._replace(model_url=bare(self.model_url),
                             asset_container_url=bare(self.asset_container_url))


_ADDED = ("layout", "input_prefix", "output_prefix", "output_name")


class Ingestion:
    """One ingestion. The pool's condition guards what the worker writes."""

    __slots__ = ("id", "named", "number", "account_id", "work", "created", "visible_at", "started",
                 "outcome", "progress", "text", "reason", "cause", "summary")

    def __init__(self, ingestion_id: str, account_id: str, work: Work, *, created: float,
                 visible_at: float, named: bool = False) -> None:
        self.id = ingestion_id
        self.named = named  # by its caller
        self.number = 0  # in the order of creation
        self.account_id = account_id
        self.work = work
        self.created = created
        self.visible_at = visible_at  # Running is shown until then, however quick the work was
        self.started = False  # a worker has taken it; without a thread to be had, none ever does
        self.outcome = RUNNING
        self.progress = 0.0
        self.text = "waiting"
        self.reason = ""
        self.cause = ""  # of a failure
        self.summary: dict[str, Any] | None = None

    def status(self, now: float) -> str:
        """Return Running, Success or Failure."""
        return self.outcome if now >= self.visible_at else RUNNING

    def snapshot(self, now: float) -> dict[str, Any]:
        """Return what the emulator's own pages show: URLs without their secrets."""
        status = self.status(now)
        over = status != RUNNING
        return {
            "id": self.id,
            "named": self.named,
            "account_id": self.account_id,
            "layout": self.work.layout,
            "model_name": clean(self.work.model_name, 300),
            "output_name": clean(self.work.output_name, 300),
            "model_url": clean(self.work.model_url, 300),
            "asset_container_url": clean(self.work.asset_container_url, 300),
            "created": self.created,
            "status": status,
            "progress": self.progress,
            "text": self.text,
            "reason": self.reason if over else "",
            "cause": self.cause if over else "",
            "summary": self.summary if over else None,
        }


class IngestionPool:
    """Runs ingestions on at most ``workers`` daemon threads, started when there is work."""

    def __init__(self, ingest: Ingest, *, workers: int, container_root: Path | None,
                 allowed_hosts: Sequence[str]) -> None:
        self._ingest = ingest
        self._workers = workers
        self._container_root = container_root
        self._allowed_hosts = tuple(allowed_hosts)
        self._changed = Condition()
        self._waiting: deque[Ingestion] = deque()
        self._threads = 0
        self._busy = 0

    def submit(self, ingestion: Ingestion) -> None:
        """Queue an ingestion."""
        with self._changed:
            self._waiting.append(ingestion)
            start = self._threads < self._workers
            if start:
                self._threads += 1
        if start:
            try:
                Thread(target=self._work, name="arr-emulator-ingest", daemon=True).start()
            except RuntimeError:
                # No thread to be had. Another worker takes it; with none left it must not hang.
                with self._changed:
                    self._threads -= 1
                    orphans = [] if self._threads else list(self._waiting)
                    if orphans:
                        self._waiting.clear()
                for orphan in orphans:
                    self._finish(orphan, FAILURE, "the emulator could not start a thread", None,
                                 INTERNAL)

    def wait_idle(self, timeout: float | None) -> bool:
        """Wait until no ingestion is queued or running; return False on time-out."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._busy, timeout)

    def forget_waiting(self) -> None:
        """Drop what has not begun."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()

    def _work(self) -> None:
        """Work until the queue is empty; threads do not linger."""
        while True:
            with self._changed:
                # Leaving and the count of threads change in one step: submit() either sees this
                # thread gone and starts another, or this thread sees the new ingestion.
                if not self._waiting:
                    self._threads -= 1
                    return
                ingestion = self._waiting.popleft()
                ingestion.started = True
                self._busy += 1
            try:
                self._run(ingestion)
            finally:
                with self._changed:
                    self._busy -= 1
                    self._changed.notify_all()

    def _run(self, ingestion: Ingestion) -> None:
        def report(progress: float, text: str) -> None:
            with self._changed:
                if math.isfinite(progress):
                    ingestion.progress = min(1.0, max(0.0, float(progress)))
                ingestion.text = clean(str(text), 300)

        work = ingestion.work
        # Whatever happens below, the ingestion must come to an end and the thread must survive.
        outcome, cause, reason, details = FAILURE, INTERNAL, "", None
        try:
            report(0.0, "reading")
            summary = self._ingest(
                work.model_name, work.model_url, work.asset_container_url,
                container_root=self._container_root, allowed_hosts=self._allowed_hosts,
                report=report, **work.added())
            details = dict(summary.as_dict())
            outcome, cause = SUCCESS, ""
        except BaseException as error:
            refused = _cause_of_refusal(error)
            if refused:
                cause = refused
                reason = clean(str(error)) or "no reason was given"
            else:
                _log.error("ingestion %s crashed\n%s", ingestion.id,
                           redact(traceback.format_exc()))
                reason = (f"internal error: {type(error).__name__}; "
                          "the traceback is in the emulator's log")
        finally:
            self._finish(ingestion, outcome, reason, details, cause)

    def _finish(self, ingestion: Ingestion, outcome: str, reason: str,
                summary: dict[str, Any] | None, cause: str) -> None:
        name = clean(ingestion.work.model_name, 200)
        if outcome == SUCCESS:
            _log.info("ingestion %s of %s succeeded", ingestion.id, name)
            for warning in (summary or {}).get("warnings", ()):
                _log.warning("ingestion %s of %s: %s", ingestion.id, name, clean(warning, 1000))
        else:
            _log.warning("ingestion %s of %s failed: %s", ingestion.id, name, reason)
        with self._changed:
            ingestion.reason = reason
            ingestion.cause = cause
            ingestion.summary = summary
            ingestion.text = reason or "done"
            if outcome == SUCCESS:
                ingestion.progress = 1.0
            ingestion.outcome = outcome
