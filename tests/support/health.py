"""What health checks are asked about, made up: rows that were read, and a daemon that is well."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from storysync.jobs.health_look import Seen
from storysync.jobs.live import Live
from storysync.store.job_rows import LastRun

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
WELL = Live(
    watcher_alive=True, cookie_age_s=3.0, scheduler_alive=True, main_age_s=0.1, dirty=0, overflows=0,
    restarts=0, polled=0, paused=False, waits_for_database=False, started_at="2026-03-01T08:00:00+00:00",
)  # fmt: skip


def but(**given: Any) -> Live:
    """The daemon that is well, but for this."""
    return msgspec.structs.replace(WELL, **given)


def seen(**given: Any) -> Seen:
    """What an empty database shows, but for what is given."""
    nothing: dict[str, Any] = {
        "roots": (), "jobs": {}, "incidents": (), "broken": 0, "backed_up_at": None, "tried": None,
        "lasts": {},
    }  # fmt: skip
    return Seen(**{**nothing, **given})


def run(
    name: str, state: Any = "good", *, ago: timedelta = timedelta(), failures: int = 0, message: str = ""
) -> dict[str, LastRun]:
    """The last run of a job, which took no time; as `Seen.jobs` has it."""
    at = NOON - ago
    last = LastRun(name, "timer", at, at, state, message, at if state == "good" else None, failures)
    return {name: last}
