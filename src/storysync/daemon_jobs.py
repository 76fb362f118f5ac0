"""The daemon's periodic jobs: what each needs to be run, and what is noted of its runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import TimeoutError as NoAnswer
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

import structlog

from storysync.adapters.inbox import Request
from storysync.daemon_intervals import deadlines, intervals
from storysync.daemon_work import WORK
from storysync.errors import DatabaseAway, StorysyncError
from storysync.scheduler import BEAT_S, Ended, Job, Scheduler
from storysync.store import job_rows

if TYPE_CHECKING:
    from storysync.daemon import Daemon

JITTER_SHARE = 0.1  # so that several daemons on one disk do not scan in step
NOTE_WAIT_S = 10.0  # the longest that the end of a run waits until the main loop has noted it
_SOON_S = {"integrity": 8.0, "maintain": 10.0, "prune": 15.0, "verify": 20.0, "reread": 25.0}
_EVEN = ("health", "reconcile")  # so often that each run is worth no line at the level of `info`

log = structlog.get_logger()


def make_scheduler(daemon: Daemon, watchdog_s: float) -> Scheduler:
    """Jobs due by the last successes in the databases. The full scan at start counts as a reconcile.

    APScheduler beats several times in `watchdog_s`.
    """
    settings, now = daemon.settings, datetime.now(UTC)
    every = intervals(settings)
    limits = deadlines(settings, len(daemon.databases.named(daemon.keepers)))
    succeeded = {**last_successes(daemon), "reconcile": now}
    jobs = [
        Job(
            name, every[name], partial(WORK[name], daemon), succeeded[name],
            jitter_s=every[name] * JITTER_SHARE if name == "reconcile" else 0.0,
            deadline_s=limits[name], soon_s=_SOON_S.get(name, 5.0),
        )
        for name in job_rows.NAMES
    ]  # fmt: skip
    return Scheduler(jobs, partial(note_run, daemon), beat_s=min(BEAT_S, watchdog_s / 4))


def last_successes(daemon: Daemon) -> dict[str, datetime | None]:
    """When each job last ended well in all databases that are open; None when it never did in one of them."""
    found: dict[str, list[datetime | None]] = {name: [] for name in job_rows.NAMES}
    for store in daemon.stores.opened():
        try:
            with store.reading() as reader:
                runs = job_rows.last_runs(reader)
        except StorysyncError as error:
            log.warning("jobs.unknown", database=store.database.place, error=str(error))
            continue
        for name, moments in found.items():
            moments.append(runs[name].succeeded_at if name in runs else None)
    return {name: _earliest(moments) for name, moments in found.items()}


def _earliest(moments: list[datetime | None]) -> datetime | None:
    known = [moment for moment in moments if moment is not None]
    return min(known) if known and len(known) == len(moments) else None


def note_run(daemon: Daemon, ended: Ended, wait: bool) -> None:
    """Log the run and have the main loop note it in each database."""
    _log(ended)
    try:
        reply = daemon.put(Request("note_run", {"runs": _rows(daemon, ended)}))
        if wait:
            reply.result(NOTE_WAIT_S)
    except NoAnswer:
        log.warning("job.unnoted", job=ended.name, error="the main loop is busy; it is noted later")
    except StorysyncError as error:
        log.warning("job.unnoted", job=ended.name, error=str(error))


def _rows(daemon: Daemon, ended: Ended) -> dict[str, job_rows.JobRun]:
    """Name of the database -> what is noted there."""
    rows = {}
    for name in daemon.databases.named(daemon.keepers):
        state, message = ended.state, ended.message
        if state == "failed" and ended.result.failed:
            state = "failed" if name in ended.result.failed else "good"
            message = ended.result.failed.get(name, ended.result.message)
        rows[name] = job_rows.JobRun(
            ended.name, ended.trigger, ended.started_at, ended.finished_at, state, message
        )
    return rows


def _log(ended: Ended) -> None:
    told = {"job": ended.name, "trigger": ended.trigger, "s": round(ended.seconds, 2)}
    if ended.state == "good":
        write: Callable[..., object] = log.debug if ended.name in _EVEN else log.info
        write("job.done", **told, **({"message": ended.message} if ended.message else {}))
    elif isinstance(ended.error, DatabaseAway):
        log.debug("job.failed", **told, error=ended.message)  # the outage has been told
    else:
        unexpected = ended.error if not isinstance(ended.error, StorysyncError | OSError) else None
        event = "job.late" if ended.state == "late" else "job.failed"
        log.error(event, **told, error=ended.message, exc_info=unexpected)
