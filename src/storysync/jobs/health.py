"""Floor 3: whether the database can be trusted to match the files, as a list of small checks.

It alarms on the *age* of the last success, not only on errors: what stopped silently shows too. It needs
neither the daemon nor the right to write, so any process can ask. What only a daemon knows comes as `Live`;
without one it is a warning. Nothing here reads the whole database: the job `integrity` does so each day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from storysync.core import instants
from storysync.jobs import health_backups, health_checks, health_daemon
from storysync.jobs.backup_files import Manifest, backup_directory, backups_in
from storysync.jobs.health_bounds import checked, within
from storysync.jobs.health_look import Seen, look
from storysync.jobs.health_report import RANK, Check, Finding, HealthReport, State
from storysync.jobs.live import Answer
from storysync.settings import BackupSettings, HealthSettings
from storysync.store.database import Database
from storysync.store.reader import Reader
from storysync.store.store import Store

__all__ = ["NAMES", "Check", "HealthReport", "State", "check_all", "last_checked_at", "of_project", "record"]

OF_DAEMON = ("daemon", "watcher", "scheduler")
NAMES = (
    *OF_DAEMON, "database", "migrations", "integrity", "wal", "disk", "sync", "files", "backup", "restore",
    "clock", "incidents",
)  # fmt: skip
"""Every check, as docs/monitoring.md explains them. `sync` is there once for each project; where each
project has its own database, so is every other one that is not of the daemon."""
KEPT_ROWS = 6_000
"""More than a day of one database."""


def check_all(
    databases: Mapping[str, Database],
    health: HealthSettings,
    *,
    live: Answer,
    backups: BackupSettings,
    now: datetime | None = None,
) -> HealthReport:
    """All checks of these databases, by project; `''` names the one of all projects.

    `live` is what the daemon says of itself. Never raises for what is unhealthy: that is a failed check.
    With a database for each project the names are `database:PROJECT`, `backup:PROJECT` and so on.
    """
    at = now or datetime.now(UTC)
    looks = {project: _look(database) for project, database in databases.items()}
    seen = [one for one in looks.values() if isinstance(one, Seen)]
    checks = [
        checked("daemon", lambda: health_daemon.daemon(live)),
        checked("watcher", lambda: health_daemon.watcher(live)),
        checked("scheduler", lambda: health_daemon.scheduler(live, seen)),
    ]
    for project, database in databases.items():
        own = _of_database(database, project, looks[project], health, backups, at)
        checks += [replace(one, name=_named(one.name, project)) for one in own] if project else own
    worst = max((one.state for one in checks), key=RANK.__getitem__)
    return HealthReport(worst, at, bool(seen), tuple(checks))


def of_project(report: HealthReport, project_id: str) -> HealthReport:
    """The checks of one project's own database, and of all; every one for `''`."""
    own = [one for one in report.checks if not project_id or one.name.partition(":")[2] in ("", project_id)]
    return replace(report, checks=tuple(own))


def record(store: Store, report: HealthReport) -> None:
    """Note the checks in `health_checks`, of which the newest `KEPT_ROWS` are kept."""
    at = instants.to_text(report.checked_at)
    with store.writing() as tx:
        tx.executemany(
            "INSERT INTO health_checks (checked_at, name, state, reason, latency_ms) VALUES (?, ?, ?, ?, ?)",
            [(at, check.name, check.state, check.reason, check.latency_ms) for check in report.checks],
        )
        tx.execute(
            "DELETE FROM health_checks WHERE id <= (SELECT max(id) FROM health_checks) - ?", (KEPT_ROWS,)
        )


def last_checked_at(reader: Reader) -> datetime | None:
    row = reader.rows("SELECT max(checked_at) AS at FROM health_checks")[0]
    return instants.from_text(row["at"]) if row["at"] else None


def _named(check: str, project_id: str) -> str:
    return check if ":" in check else f"{check}:{project_id}"


def _look(database: Database) -> Seen | Exception:
    try:
        return within(f"rows {database.place}", lambda: look(database))
    except Exception as error:  # noqa: BLE001 - told by the check `database`
        return error


def _of_database(
    database: Database, project: str, looked: Seen | Exception, health: HealthSettings,
    backups: BackupSettings, at: datetime,
) -> list[Check]:  # fmt: skip
    seen, refusal = (looked, None) if isinstance(looked, Seen) else (None, looked)

    def bounded(name: str, work: Callable[[], Finding]) -> Check:
        return checked(name, lambda: within(f"{name} {database.place}", work))

    checks = [
        bounded("database", lambda: health_checks.database(database, refusal)),
        bounded("migrations", lambda: health_checks.migrations(database)),
    ]
    if database.file is not None:
        checks.append(bounded("wal", lambda: health_checks.wal(database)))
    directory = backup_directory(database, backups, project)
    places = {"beside the database": health_backups.state_folder(database), "for backups": directory}
    checks.append(bounded("disk", lambda: health_backups.disk(places, health.min_free_mb)))
    checks += _of_rows(seen, health, at)
    return checks + _of_backups(database, directory, seen, health, backups, at)


def _of_rows(seen: Seen | None, health: HealthSettings, at: datetime) -> list[Check]:
    if seen is None:
        names = ("integrity", "sync", "files", "clock", "incidents")
        return [checked(name, lambda: health_checks.UNREADABLE) for name in names]
    syncs = [
        checked(f"sync:{root.project_id}", partial(health_checks.sync, root, health, at))
        for root in seen.roots
    ] or [checked("sync", lambda: health_checks.NO_PROJECT)]
    return [
        checked("integrity", lambda: health_checks.integrity(seen, health, at)),
        *syncs,
        checked("files", lambda: health_checks.files(seen)),
        checked("clock", lambda: health_checks.clock(seen, at)),
        checked("incidents", lambda: health_checks.incidents(seen)),
    ]


def _of_backups(
    database: Database, directory: Path, seen: Seen | None, health: HealthSettings, backups: BackupSettings,
    at: datetime,
) -> list[Check]:  # fmt: skip
    listed: list[list[Manifest]] = []

    def backup() -> Finding:
        listed.append(within(f"backup {database.place}", lambda: backups_in(directory, database.place)))
        return health_backups.backup(listed[0], seen, health, at)

    def restore() -> Finding:
        if not listed:
            return "fail", "unknown: the directory of the backups cannot be read"
        return health_backups.restore(listed[0], backups, at)

    return [checked("backup", backup), checked("restore", restore)]
