"""The daemon's periodic jobs: each only asks the main loop, but for the health check itself."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from storysync.adapters.inbox import Request
from storysync.jobs.backup import last_good_at
from storysync.jobs.health import last_checked_at
from storysync.scheduler import Job, Scheduler

if TYPE_CHECKING:
    from storysync.daemon import Daemon

MAINTAIN_S = 86_400.0  # a year's partition is made a year ahead
JITTER_SHARE = 0.1  # so that several daemons on one disk do not scan in step


def make_scheduler(daemon: Daemon) -> Scheduler:
    """Jobs due by the last successes in the database. The full scan at start counts as one."""
    settings = daemon.settings
    now = datetime.now(UTC)
    backed_up_at, checked_at = _last_runs(daemon)
    reconcile_s = settings.watch.reconcile_minutes * 60
    jobs = [
        Job("reconcile", reconcile_s, lambda: _reconcile(daemon), now, jitter_s=reconcile_s * JITTER_SHARE),
        Job("health", settings.health.every_minutes * 60, lambda: _check_health(daemon), checked_at),
    ]
    if any(store.database.file is None for store in daemon.stores.opened()):  # made ready at start
        jobs.append(Job("maintain", MAINTAIN_S, lambda: _maintain(daemon), now))
    # A database of a server is backed up where it is.
    if any(store.database.file is not None for store in daemon.stores.opened()):
        every_s = settings.backup.every_minutes * 60
        jobs.append(Job("backup", every_s, lambda: _back_up(daemon), backed_up_at))
    return Scheduler(jobs, now)


def _last_runs(daemon: Daemon) -> tuple[datetime | None, datetime | None]:
    """When the databases were last backed up and checked; None when it was never done for one of them."""
    backups: list[datetime | None] = []
    checks: list[datetime | None] = []
    for store in daemon.stores.opened():
        with store.reading() as reader:
            backups.append(last_good_at(reader))
            checks.append(last_checked_at(reader))
    return _earliest(backups), _earliest(checks)


def _earliest(moments: list[datetime | None]) -> datetime | None:
    known = [moment for moment in moments if moment is not None]
    return min(known) if known and len(known) == len(moments) else None


def _reconcile(daemon: Daemon) -> None:
    for keeper in daemon.keepers.values():
        daemon.scan(keeper, "timer")


def _maintain(daemon: Daemon) -> None:
    daemon.inbox.put(Request("maintain"), unless_waiting=True)


def _back_up(daemon: Daemon) -> None:
    daemon.inbox.put(Request("timed_backup"), unless_waiting=True)


def _check_health(daemon: Daemon) -> None:
    """Run here, so that a main loop that hangs is noticed, but noted by the one writer."""
    report = daemon.answers.check_health()
    daemon.inbox.put(Request("record_health", {"report": report}), unless_waiting=True)
