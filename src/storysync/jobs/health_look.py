"""What the health checks read of a database: one state of it, in one look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from storysync.core import instants
from storysync.store import incidents, job_rows

if TYPE_CHECKING:
    from storysync.store.database import Database
    from storysync.store.incidents import Incident
    from storysync.store.job_rows import LastRun
    from storysync.store.reader import Reader

_ROOTS = "SELECT project_id, state, last_full_scan_at FROM roots ORDER BY project_id"
_BROKEN = "SELECT count(*) AS n FROM files WHERE state = 'broken'"
_GOOD = "SELECT max(finished_at) AS at FROM backups WHERE state = 'good'"
_TRIED = "SELECT state, message, finished_at AS at FROM backups ORDER BY id DESC LIMIT 1"
_LASTS = {
    "a sync": "SELECT finished_at AS at FROM syncs ORDER BY id DESC LIMIT 1",
    "a change": "SELECT at FROM changes ORDER BY seq DESC LIMIT 1",
}


@dataclass(frozen=True, slots=True)
class Root:
    project_id: str
    state: str
    scanned_at: datetime | None


@dataclass(frozen=True, slots=True)
class Tried:
    """A backup that was tried, as the table `backups` has it."""

    state: str
    message: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Seen:
    roots: tuple[Root, ...]
    jobs: dict[str, LastRun]
    incidents: tuple[Incident, ...]
    """Those that nobody has acknowledged, oldest first."""
    broken: int
    """Files that cannot be read."""
    backed_up_at: datetime | None
    tried: Tried | None
    """The newest attempt at a backup."""
    lasts: dict[str, datetime]
    """What was written last -> when, as the wall clock had it."""


def look(database: Database) -> Seen:
    """Raises StoreError and its kinds, as `Database.reader` does."""
    with database.reader() as reader, reader.snapshot():
        return look_at(reader)


def look_at(reader: Reader) -> Seen:
    """The same of one database that is open for reading. Raises StoreError."""
    roots = tuple(
        Root(row["project_id"], row["state"], _instant(row["last_full_scan_at"]))
        for row in reader.rows(_ROOTS)
    )
    jobs = job_rows.last_runs(reader)
    return Seen(
        roots=roots,
        jobs=jobs,
        incidents=tuple(incidents.open_incidents(reader)),
        broken=reader.rows(_BROKEN)[0]["n"],
        backed_up_at=_instant(reader.rows(_GOOD)[0]["at"]),
        tried=_tried(reader),
        lasts=_lasts(reader, roots, jobs),
    )


def _tried(reader: Reader) -> Tried | None:
    rows = reader.rows(_TRIED)
    return Tried(rows[0]["state"], rows[0]["message"], instants.from_text(rows[0]["at"])) if rows else None


def _lasts(reader: Reader, roots: tuple[Root, ...], jobs: dict[str, LastRun]) -> dict[str, datetime]:
    found = {
        name: instants.from_text(rows[0]["at"]) for name, sql in _LASTS.items() if (rows := reader.rows(sql))
    }
    found |= {f"the job {run.name}": run.finished_at for run in jobs.values()}
    return found | {f"the scan of {root.project_id}": root.scanned_at for root in roots if root.scanned_at}


def _instant(text: Any) -> datetime | None:
    return instants.from_text(text) if text else None
