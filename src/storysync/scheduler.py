"""When periodic work is due: APScheduler with a memory store, set up anew at every start.

What lasts is the last success in the database. So a daemon that restarts more often than an interval still
does the work when it is overdue, and one that slept does it once. APScheduler's thread only starts runs
(`scheduler_runs`), each in a thread of its own; that it moves is told by a job of its own, the beat.

APScheduler plans by the clock on the wall, which people and NTP set. Here a job is due by a clock that
nobody sets; when the two part, every plan is made anew.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

import structlog
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from storysync import faults
from storysync.scheduler_runs import SOON_S, Ended, Job, Note, Result, Runs

__all__ = ["SOON_S", "Clock", "Ended", "Job", "Result", "Scheduler", "first_run"]

BEAT_S = 5.0
STEP_S = 2.0  # so far may the wall clock move against the other one between two beats before it counts
RETRY_S = 300.0
STOP_S = 2.0
_BEAT = "beat"

log = structlog.get_logger()


class Clock(NamedTuple):
    wall: Callable[[], datetime]
    """In UTC; it may be set at any time."""
    steady: Callable[[], float]
    """In seconds. Nobody sets it, and it goes on while the machine sleeps."""


CLOCK = Clock(lambda: datetime.now(UTC), lambda: time.clock_gettime(time.CLOCK_BOOTTIME))


def first_run(
    last_success_at: datetime | None, every_s: float, now: datetime, soon_s: float = SOON_S
) -> datetime:
    """One interval after the last success, or soon when that is past. A success in the future is ignored:

    the clock was set back since.
    """
    soon = now + timedelta(seconds=min(soon_s, every_s))
    if last_success_at is None or last_success_at > now:
        return soon
    return max(soon, last_success_at + timedelta(seconds=every_s))


class Scheduler:
    """Runs jobs from `start` to `stop`; `run` also before and after that."""

    def __init__(
        self, jobs: Iterable[Job], note: Note, *, clock: Clock = CLOCK, beat_s: float = BEAT_S
    ) -> None:
        """`note` is told of each run that has ended, see `scheduler_runs.Runs`."""
        self._clock = clock
        self._beat_s = beat_s
        self._jobs = {job.name: job for job in jobs}
        self._runs = Runs(self._jobs.values(), note, self._run_ended, clock.wall, clock.steady)
        self._failures = dict.fromkeys(self._jobs, 0)
        self._due: dict[str, float] = {}  # by the steady clock
        self._unplanned: set[str] = set()  # what APScheduler must still hear of
        self._beat_at: float | None = None
        self._offset = self._apart()
        self._scheduler = _Scheduler(
            self._look,
            beat_s,
            timezone=UTC,
            daemon=True,
            executors={"default": DebugExecutor()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        now = clock.wall()
        for job in self._jobs.values():
            first = first_run(job.last_success_at, job.every_s, now, job.soon_s)
            self._plan(job.name, partial(self._begin, job), job.every_s, first)
        self._plan(_BEAT, self._beat, beat_s, now)

    def start(self) -> None:
        self._beat_at = self._clock.steady()
        self._scheduler.start()

    def stop(self) -> None:
        """Ends soon; what hangs, a job or APScheduler itself, is left behind in its daemon thread."""
        if self._scheduler.running:
            ending = threading.Thread(target=self._scheduler.shutdown, args=(False,), daemon=True)
            ending.start()
            ending.join(STOP_S)

    def take_over(self, before: Scheduler) -> None:
        """Go on with the runs of another one that starts none any more. Called before the start."""
        self._runs.take_over(before._runs)

    def run(self, name: str, trigger: str) -> Future[Ended]:
        """Run a job now, or join the run that is under way. Raises KeyError for a job that there is not."""
        return self._runs.begin(name, trigger)

    def names(self) -> list[str]:
        return list(self._jobs)

    def running(self) -> dict[str, datetime]:
        """Job -> since when it runs."""
        return self._runs.running()

    def next_runs(self) -> dict[str, datetime]:
        """Job -> when it runs next. Never waits for APScheduler, which may hang."""
        wall, steady = self._clock.wall(), self._clock.steady()
        return {name: wall + timedelta(seconds=self._due[name] - steady) for name in self._jobs}

    def age_s(self) -> float | None:
        """Seconds since APScheduler last moved; None before the start."""
        return None if self._beat_at is None else max(0.0, self._clock.steady() - self._beat_at)

    def look(self) -> None:
        """What APScheduler's thread does each time it wakes, for tests that have a clock of their own."""
        self._scheduler._process_jobs()

    def _plan(self, name: str, work: Callable[[], object], every_s: float, first: datetime) -> None:
        def next_s() -> float:
            """Until it is due; one interval as long as it is overdue, for it is begun at once."""
            left_s = self._due[name] - self._clock.steady()
            return left_s if left_s > 0 else every_s

        self._due[name] = self._clock.steady() + (first - self._clock.wall()).total_seconds()
        self._scheduler.add_job(work, _Every(next_s), id=name, next_run_time=first)

    def _begin(self, job: Job) -> None:
        self._due[job.name] = self._clock.steady() + job.every_s + random.uniform(0, job.jitter_s)
        self._runs.begin(job.name, "timer")

    def _beat(self) -> None:
        self._due[_BEAT] = self._clock.steady() + self._beat_s
        faults.point("scheduler.beat")
        self._beat_at = self._clock.steady()

    def _look(self) -> None:
        """Called by APScheduler's thread before it looks at what is due."""
        self._runs.give_up_late()
        apart = self._apart()
        if abs(apart - self._offset) > STEP_S:
            log.warning("clock.stepped", seconds=round(apart - self._offset, 1))
            self._unplanned.update(self._due)
        self._offset = apart
        while self._unplanned:
            name = self._unplanned.pop()
            at = self._clock.wall() + timedelta(seconds=self._due[name] - self._clock.steady())
            self._scheduler.modify_job(name, next_run_time=at)

    def _apart(self) -> float:
        return self._clock.wall().timestamp() - self._clock.steady()

    def _run_ended(self, ended: Ended) -> None:
        """The next run counts from this one; after a failure it comes sooner, at first."""
        job = self._jobs[ended.name]
        self._failures[job.name] = 0 if ended.state == "good" else self._failures[job.name] + 1
        failures = min(self._failures[job.name], 20)
        retry_s = RETRY_S * 2 ** (failures - 1) if failures else job.every_s
        wait_s = min(job.every_s, retry_s) + random.uniform(0, job.jitter_s)
        self._due[job.name] = self._clock.steady() + wait_s
        self._unplanned.add(job.name)
        if self._scheduler.running:
            self._scheduler.wakeup()


class _Scheduler(BackgroundScheduler):  # type: ignore[misc]  # APScheduler carries no types
    """Looks at least once a beat: after a step of the clock what it waits for may be hours away."""

    def __init__(self, before: Callable[[], None], beat_s: float, **options: Any) -> None:
        self._before = before
        self._beat_s = beat_s
        super().__init__(**options)

    def _process_jobs(self) -> float:
        self._before()
        wait_s: float | None = super()._process_jobs()
        return self._beat_s if wait_s is None else min(wait_s, self._beat_s)


class _Every(BaseTrigger):  # type: ignore[misc]
    """So many seconds from now, however many intervals were missed."""

    def __init__(self, next_s: Callable[[], float]) -> None:
        self._next_s = next_s

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        return now + timedelta(seconds=self._next_s())
