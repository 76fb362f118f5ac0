"""The rows of `jobs`: the last run of each periodic job, and when it last ended well."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from storysync.core import instants
from storysync.store.reader import Reader
from storysync.store.tx import Tx

NAMES = ("reconcile", "health", "backup", "verify", "prune", "integrity", "maintain", "reread")
"""Every periodic job: full scans; health checks; backups; an older one restored on trial; old ones removed;
the database looked through for damage; its log merged; every file read whatever its change key."""

State = Literal["good", "failed", "late"]


@dataclass(frozen=True)
class JobRun:
    """One run of a job that has ended, or that was given up after its deadline."""

    name: str
    trigger: str
    started_at: datetime
    finished_at: datetime
    state: State
    message: str


@dataclass(frozen=True)
class LastRun(JobRun):
    succeeded_at: datetime | None
    failures: int
    """How many runs in a row have not ended well."""


def note(tx: Tx, run: JobRun) -> None:
    """Put the run in the place of the one before."""
    good = run.state == "good"
    finished_at = instants.to_text(run.finished_at)
    tx.execute(
        "INSERT INTO jobs (name, trigger, started_at, finished_at, succeeded_at, state, message, failures)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO UPDATE SET trigger = excluded.trigger,"
        " started_at = excluded.started_at, finished_at = excluded.finished_at,"
        " succeeded_at = COALESCE(excluded.succeeded_at, jobs.succeeded_at), state = excluded.state,"
        " message = excluded.message,"
        " failures = CASE WHEN excluded.failures = 0 THEN 0 ELSE jobs.failures + 1 END",
        (
            run.name, run.trigger, instants.to_text(run.started_at), finished_at,
            finished_at if good else None, run.state, run.message, 0 if good else 1,
        ),
    )  # fmt: skip


def last_runs(reader: Reader) -> dict[str, LastRun]:
    """By the name of the job; one that never ran is not there."""
    rows = reader.rows(
        "SELECT name, trigger, started_at, finished_at, succeeded_at, state, message, failures FROM jobs"
    )
    return {
        row["name"]: LastRun(
            row["name"], row["trigger"], instants.from_text(row["started_at"]),
            instants.from_text(row["finished_at"]), row["state"], row["message"],
            instants.from_text(row["succeeded_at"]) if row["succeeded_at"] else None, row["failures"],
        )
        for row in rows
    }  # fmt: skip
