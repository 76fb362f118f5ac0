"""What each periodic job does, in a thread of its own. What must be written, the main loop is asked to write.

Making a backup, restoring one on trial and looking a database through happen in processes of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from storysync.adapters.inbox import Request
from storysync.daemon_notes import plain
from storysync.errors import StorysyncError
from storysync.scheduler import Result

if TYPE_CHECKING:
    from storysync.daemon import Daemon
    from storysync.jobs.health import HealthReport
    from storysync.store.database import Database

log = structlog.get_logger()

_NEVER = datetime.min.replace(tzinfo=UTC)
Outcome = tuple[dict[str, Any], str]
"""What was done with one database, and why it failed there; '' when it did not."""


def _reconcile(daemon: Daemon, trigger: str) -> Result:
    """Scan every root whole. Asked for, it is done at once; on the timer it waits for its turn."""
    if trigger == "command":
        return Result(daemon.asked(Request("sync", {})))
    if daemon.paused:
        raise StorysyncError("the daemon is paused", hint="`storysync` does not scan until it is resumed")
    present = [keeper for keeper in daemon.keepers.values() if keeper.state != "lost"]
    lost = [keeper for keeper in daemon.keepers.values() if keeper.state == "lost"]
    asked_at = time.monotonic()
    for keeper in present:
        daemon.scan(keeper, "timer")
    give_up_at = asked_at + daemon.settings.jobs.deadline_minutes * 60
    late = daemon.waiting.wait([keeper.id for keeper in present], asked_at, give_up_at)
    if daemon.successor is not None:
        return Result()  # it has scanned all of them when it began
    failed = {daemon.name_of(keeper.id): f"{keeper.id}: {keeper.reason}" for keeper in lost}
    failed |= {daemon.name_of(one): f"{one}: no scan was complete in time" for one in late}
    return Result(failed=failed)


def _check_health(daemon: Daemon, trigger: str) -> Result:
    """Run here, so that it goes on while the main loop is busy, but noted by the one writer."""
    report = _checked(daemon)
    data = daemon.asked(Request("record_health", {"report": report}))
    if daemon.settings.health.textfile:
        _write_metrics(daemon, report, Path(daemon.settings.health.textfile))
    return Result(data, report.state)


def _checked(daemon: Daemon) -> HealthReport:
    """Of the daemon that runs now: one that gave way to it meanwhile has no watcher any more."""
    latest = daemon.latest()
    report = latest.answers.check_health()
    return report if latest.successor is None else _checked(latest)


def _write_metrics(daemon: Daemon, report: HealthReport, file: Path) -> None:
    from storysync.jobs.metrics import metrics_text, write_textfile

    databases = daemon.databases.named(daemon.keepers)
    text = metrics_text(
        databases, report, live=daemon.latest().answers.live(), backups=daemon.settings.backup
    )
    write_textfile(file, text)


def _back_up(daemon: Daemon, trigger: str) -> Result:
    """Every database, each in turn; whoever makes a backup removes the old ones that are due to go."""
    from storysync.jobs.elsewhere import backup_elsewhere

    def one(name: str, database: Database) -> Outcome:
        report = backup_elsewhere(database, daemon.settings.backup, trigger=trigger, project=name)
        data = daemon.asked(Request("note_backup", {"name": name, "report": report}))
        return data, "" if report.state == "good" else report.message

    with _alone(daemon):
        done, failed = _each(daemon, one)
    return Result(done.get("", {"backups": done}), _counted(done, "backup"), failed)


def _verify(daemon: Daemon, trigger: str) -> Result:
    """Restore on trial the backup that was not proven for the longest time, of each database."""
    from storysync.jobs.backup import backup_directory
    from storysync.jobs.backup_files import backups_in
    from storysync.jobs.elsewhere import verify_elsewhere

    def one(name: str, database: Database) -> Outcome:
        settings = daemon.settings.backup
        directory = backup_directory(database, settings, name)
        good = [backup for backup in backups_in(directory, database.place) if backup.state == "good"]
        if not good:
            return {}, ""
        oldest = min(good, key=lambda backup: backup.verified_at or _NEVER)
        verified = verify_elsewhere(database, settings, name=oldest.name, project=name)
        poor = "" if verified.state == "good" else f"{oldest.name}: {verified.message}"
        return {"name": oldest.name, "state": verified.state, "message": verified.message}, poor

    with _alone(daemon):
        done, failed = _each(daemon, one)
    names = [data["name"] for data in done.values() if data]
    told = ", ".join(f"{name} restores" for name in names) if not failed else ""
    return Result(done.get("", {"databases": done}), told or "there is no backup yet", failed)


def _prune(daemon: Daemon, trigger: str) -> Result:
    from storysync.jobs.backup_prune import prune

    def one(name: str, database: Database) -> Outcome:
        removed = prune(database, daemon.settings.backup, project=name, now=datetime.now(UTC))
        return {"removed": list(removed)}, ""

    with _alone(daemon):
        done, failed = _each(daemon, one)
    removed = sum(len(data["removed"]) for data in done.values())
    return Result(done.get("", {"databases": done}), f"{removed} removed", failed)


def _check_integrity(daemon: Daemon, trigger: str) -> Result:
    """A database that is damaged is recovered, and written by nobody meanwhile.

    Rows that nobody should have changed are put right by reading all files again.
    """
    from storysync.jobs.elsewhere import integrity_elsewhere

    def one(name: str, database: Database) -> Outcome:
        report = integrity_elsewhere(database, daemon.settings.jobs.deadline_minutes)
        data = {"state": report.state, "findings": list(report.findings)}
        if report.state == "ok":
            return data, ""
        if report.state == "different":
            log.warning("database.differs", project=name, findings="; ".join(report.findings))
            projects = [one for one in daemon.keepers if daemon.name_of(one) == name]
            daemon.asked(Request("sync", {"projects": projects, "reread": True}))
            return data, ""
        return {**data, **_recovered(daemon, name, database, "; ".join(report.findings))}, ""

    done, failed = _each(daemon, one, sound_only=False)
    return Result(done.get("", {"databases": done}), _states(done), failed)


def _recovered(daemon: Daemon, name: str, database: Database, why: str) -> dict[str, Any]:
    """Raises StorysyncError when there is no way; its projects then wait until somebody mends it."""
    from storysync.jobs.recover import recover

    log.error("database.damaged", project=name, error=why)
    daemon.asked(Request("stop_writing", {"name": name, "why": why}))
    report = recover(database, daemon.settings.backup, project=name, found=why)
    log.error("database.recovered", project=name, message=report.message)
    daemon.asked(Request("take_in", {"name": name}))
    return {"recovered": plain(report)}


def _maintain(daemon: Daemon, trigger: str) -> Result:
    answer = daemon.asked(Request("maintain", {}))
    return Result(failed=answer["failed"])


def _reread(daemon: Daemon, trigger: str) -> Result:
    """Read every file, root by root, so that a request of somebody else comes between."""
    failed: dict[str, str] = {}
    for keeper in list(daemon.keepers.values()):
        try:
            daemon.asked(Request("sync", {"projects": [keeper.id], "rehash": True}))
        except StorysyncError as error:
            failed[daemon.name_of(keeper.id)] = f"{keeper.id}: {error}"
    return Result(failed=failed)


WORK: Mapping[str, Callable[[Daemon, str], Result]] = {
    "reconcile": _reconcile,
    "health": _check_health,
    "backup": _back_up,
    "verify": _verify,
    "prune": _prune,
    "integrity": _check_integrity,
    "maintain": _maintain,
    "reread": _reread,
}


def _each(
    daemon: Daemon, work: Callable[[str, Database], Outcome], *, sound_only: bool = True
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Data and failures by the names of the databases; one that fails does not stop the others.

    With one database its error is raised, so that whoever asked hears its hint and exit code.
    """
    done: dict[str, dict[str, Any]] = {}
    failed: dict[str, str] = {}
    named = daemon.databases.named(daemon.keepers)
    for name, database in named.items():
        of = f"project {name}: " if name else ""
        try:
            if sound_only and name in daemon.damaged:
                raise StorysyncError(f"the database is damaged: {daemon.damaged[name]}")
            done[name], poor = work(name, database)
            failed |= {name: of + poor} if poor else {}
        except (StorysyncError, OSError) as error:
            if len(named) == 1:
                raise
            done[name] = {"state": "failed", "message": f"{of}{error}"}
            failed[name] = f"{of}{error}"
    return done, failed


@contextmanager
def _alone(daemon: Daemon) -> Iterator[None]:
    """One job at a time works on the backups."""
    wait_s = daemon.settings.backup.deadline_minutes * 60
    if not daemon.backups_lock.acquire(timeout=wait_s):
        raise StorysyncError(f"another job has worked on the backups for {wait_s / 60:g} minutes")
    try:
        yield
    finally:
        daemon.backups_lock.release()


def _counted(done: Mapping[str, object], what: str) -> str:
    return f"{len(done)} {what}{'' if len(done) == 1 else 's'}"


def _states(done: Mapping[str, Mapping[str, Any]]) -> str:
    states = {name: str(data.get("state", "")) for name, data in done.items()}
    return ", ".join(f"{name}: {state}" if name else state for name, state in states.items())
