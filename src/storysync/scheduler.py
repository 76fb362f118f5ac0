"""When periodic work is due: APScheduler with a memory store, set up anew at every start.

What lasts is the last success in the database. So a daemon that restarts more often than an interval still
does the work when it is overdue, and one that slept does it once. Every run has a thread of its own, so no
job that hangs can silence another, or keep the process from ending.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.executors.base import BaseExecutor, run_job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.interval import IntervalTrigger

SOON_S = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """`work` runs every `every_s`, give or take `jitter_s`, counted from the last success."""

    name: str
    every_s: float
    work: Callable[[], None]
    last_success_at: datetime | None
    jitter_s: float = 0.0


def first_run(last_success_at: datetime | None, every_s: float, now: datetime) -> datetime:
    """One interval after the last success, or soon when that is past. A success in the future is ignored:

    the clock was set back since.
    """
    soon = now + timedelta(seconds=min(SOON_S, every_s))
    if last_success_at is None or last_success_at > now:
        return soon
    return max(soon, last_success_at + timedelta(seconds=every_s))


class Scheduler:
    """Runs jobs from `start` to `stop`."""

    def __init__(self, jobs: Iterable[Job], now: datetime) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            daemon=True,
            executors={"default": _ThreadPerRun()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        for job in jobs:
            self._scheduler.add_job(
                job.work,
                IntervalTrigger(seconds=job.every_s, jitter=job.jitter_s or None, timezone=UTC),
                id=job.name,
                next_run_time=first_run(job.last_success_at, job.every_s, now),
            )

    def start(self) -> None:
        self._scheduler.start()

    def stop(self) -> None:
        """Ends at once; a job that hangs is left behind in its daemon thread."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)

    def next_runs(self) -> dict[str, datetime]:
        """Job -> when it runs next."""
        return {job.id: job.next_run_time for job in self._scheduler.get_jobs() if job.next_run_time}


class _ThreadPerRun(BaseExecutor):  # type: ignore[misc]  # APScheduler carries no types
    """APScheduler's own pool is joined when the interpreter ends, so a hung job would keep it from ending."""

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        def run() -> None:
            events = run_job(job, job._jobstore_alias, run_times, self._logger.name)  # catches and logs all
            self._run_job_success(job.id, events)

        threading.Thread(target=run, name=f"job-{job.id}", daemon=True).start()
