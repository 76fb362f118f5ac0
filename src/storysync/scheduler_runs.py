"""Runs of jobs: each in a thread of its own, never two of one job at once, given up after a deadline.

A thread that hangs cannot be ended. It is left behind: another run may begin, and what it brings in the end
counts no more.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import structlog

from storysync.errors import StorysyncError

SOON_S = 5.0
MOST_LEFT_BEHIND = 3  # threads of one job that hang; more would fill the process with them

log = structlog.get_logger()


@dataclass(frozen=True)
class Result:
    """What a run has brought."""

    data: dict[str, Any] = field(default_factory=dict)
    """For whoever asked for the run."""
    message: str = ""
    failed: Mapping[str, str] = field(default_factory=dict)
    """Name of a database, as in `Databases.named` -> why the job failed there."""


@dataclass(frozen=True, slots=True)
class Job:
    """`work` runs every `every_s`, give or take `jitter_s`, counted from the last success."""

    name: str
    every_s: float
    work: Callable[[str], Result]
    """Told what asked: `timer`, `command`, `signal`, `damage` or `return`. Raises if it failed everywhere."""
    last_success_at: datetime | None
    jitter_s: float = 0.0
    deadline_s: float = 1800.0
    soon_s: float = SOON_S
    """How long after the start it runs when it is overdue."""


@dataclass(frozen=True)
class Ended:
    """A run that is over, or given up (`late`)."""

    name: str
    trigger: str
    started_at: datetime
    finished_at: datetime
    seconds: float
    state: Literal["good", "failed", "late"]
    message: str
    result: Result = Result()
    error: Exception | None = None
    """What `work` raised."""


Note = Callable[[Ended, bool], None]
"""Told of each run that is over, before those who wait for it are; may wait only when the flag is set."""


@dataclass(eq=False)
class _Run:
    job: Job
    trigger: str
    started_at: datetime
    began: float
    future: Future[Ended] = field(default_factory=Future)
    over: bool = False


class Runs:
    """Thread-safe."""

    def __init__(
        self,
        jobs: Iterable[Job],
        note: Note,
        ended: Callable[[Ended], None],
        wall: Callable[[], datetime],
        steady: Callable[[], float],
    ) -> None:
        """`ended` is told after `note`, just before the next run may begin."""
        self._jobs = {job.name: job for job in jobs}
        self._note = note
        self._ended = ended
        self._wall = wall
        self._steady = steady
        self._lock = threading.Lock()
        self._running: dict[str, _Run] = {}
        self._left_behind = dict.fromkeys(self._jobs, 0)

    def take_over(self, before: Runs) -> None:
        """Go on with the runs of another one: they are joined, given up late, and told of here."""
        self._lock, self._running, self._left_behind = before._lock, before._running, before._left_behind
        before._ended = self._ended

    def begin(self, name: str, trigger: str) -> Future[Ended]:
        """Start a run, or join the one that is under way. Raises KeyError for a job that there is not."""
        job = self._jobs[name]
        with self._lock:
            if name in self._running:
                return self._running[name].future
            run = self._running[name] = _Run(job, trigger, self._wall(), self._steady())
            hang = self._left_behind[name] >= MOST_LEFT_BEHIND
        work = self._refuse if hang else self._carry_out
        try:
            threading.Thread(target=work, args=(run,), name=f"job-{name}", daemon=True).start()
        except RuntimeError as error:  # there are as many as the system allows
            with self._lock:
                run.over = True
            told = f"no thread for it: {error}"
            self._finish(run, self._end_of(run, "failed", told, error=StorysyncError(told)), wait=False)
        return run.future

    def running(self) -> dict[str, datetime]:
        """Job -> since when it runs."""
        with self._lock:
            return {name: run.started_at for name, run in self._running.items()}

    def give_up_late(self) -> None:
        """End for the others what has run longer than its deadline. Never waits."""
        now = self._steady()
        with self._lock:
            late = [
                run for run in self._running.values() if not run.over and now - run.began > run.job.deadline_s
            ]
            for run in late:
                run.over = True
                self._left_behind[run.job.name] += 1
        for run in late:
            told = f"not ended after {run.job.deadline_s / 60:g} minutes, and given up"
            self._finish(run, self._end_of(run, "late", told), wait=False)

    def _carry_out(self, run: _Run) -> None:
        try:
            result = run.job.work(run.trigger)
            told = "; ".join(dict.fromkeys(result.failed.values())) or result.message
            ended = self._end_of(run, "failed" if result.failed else "good", told, result)
        except Exception as error:  # noqa: BLE001 - no job may end the daemon; it is logged and noted
            ended = self._end_of(run, "failed", str(error) or type(error).__name__, error=error)
        with self._lock:
            late, run.over = run.over, True
            self._left_behind[run.job.name] -= late
        if late:
            log.warning("job.returned", job=ended.name, s=round(ended.seconds, 1), error=ended.message)
        else:
            self._finish(run, ended, wait=True)

    def _refuse(self, run: _Run) -> None:
        with self._lock:
            run.over = True
        told = f"{MOST_LEFT_BEHIND} earlier runs of it hang; restart storysync"
        self._finish(run, self._end_of(run, "failed", told, error=StorysyncError(told)), wait=True)

    def _end_of(
        self,
        run: _Run,
        state: Literal["good", "failed", "late"],
        message: str,
        result: Result = Result(),
        error: Exception | None = None,
    ) -> Ended:
        seconds = self._steady() - run.began
        return Ended(
            run.job.name, run.trigger, run.started_at, self._wall(), seconds, state, message, result, error
        )

    def _finish(self, run: _Run, ended: Ended, *, wait: bool) -> None:
        try:
            self._note(ended, wait)
        finally:
            self._ended(ended)
            with self._lock:
                self._running.pop(run.job.name, None)
            run.future.set_result(ended)
