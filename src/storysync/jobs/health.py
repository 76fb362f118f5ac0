"""Floor 3: whether the database can be trusted to match the files, as a list of small checks.

It alarms on the *age* of the last success, not only on errors: what stopped silently shows too. It needs
neither the daemon nor the right to write, so any process can ask. Without a daemon the watcher check is a
warning: nothing follows the files then.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Literal

from storysync.core import instants
from storysync.errors import StorysyncError
from storysync.jobs.backup import last_good_at
from storysync.settings import HealthSettings
from storysync.store.database import Database
from storysync.store.reader import Reader
from storysync.store.store import Store

KEPT_ROWS = 2_000
MOST_UNMERGED_MB = 64
"""Above this a reader holds the log of SQLite; it is cut to this size when none does."""
_WRITE_WAIT_S = 2.0

State = Literal["ok", "warn", "fail"]
_RANK: dict[str, int] = {"ok": 0, "warn": 1, "fail": 2}
_Finding = tuple[State, str]


@dataclass(frozen=True, slots=True)
class Check:
    name: str  # database, disk, watcher, sync:PROJECT, backup, files
    state: State
    reason: str  # in one line, also when ok
    latency_ms: float


@dataclass(frozen=True, slots=True)
class HealthReport:
    state: State  # the worst of the checks
    checked_at: datetime
    checks: tuple[Check, ...]


def check_health(
    database: Database,
    health: HealthSettings,
    *,
    watcher_alive: bool | None = None,
    now: datetime | None = None,
) -> HealthReport:
    """Run all checks. Never raises for an unhealthy database: that is a failed check.

    `watcher_alive` is what the daemon knows of its watcher; None: this is not the daemon.
    """
    at = now or datetime.now(UTC)
    checks = [_timed("database", lambda: _database(database))]
    file = database.file
    if file is not None:
        checks.append(_timed("disk", lambda: _disk(file, health.min_free_mb)))
    checks.append(_timed("watcher", lambda: _watcher(watcher_alive)))
    try:
        with database.reader() as reader:
            checks += _contents(reader, health, at, backed_up=file is not None)
    except StorysyncError as error:
        checks.append(Check("sync", "fail", f"unknown: {error}", 0.0))
    return HealthReport(max((check.state for check in checks), key=_RANK.__getitem__), at, tuple(checks))


def check_all(
    databases: Mapping[str, Database],
    health: HealthSettings,
    *,
    watcher_alive: bool | None = None,
    now: datetime | None = None,
) -> HealthReport:
    """All checks of several databases, by project; `''` names the one of all projects.

    With one for each project the names are `database:PROJECT`, `backup:PROJECT` and so on.
    """
    at = now or datetime.now(UTC)
    checks: list[Check] = []
    for name, database in databases.items():
        own = check_health(database, health, watcher_alive=watcher_alive, now=at).checks
        known = {check.name for check in checks}
        named = [check if not name else replace(check, name=_named(check.name, name)) for check in own]
        checks += [check for check in named if check.name not in known]
    return HealthReport(max((check.state for check in checks), key=_RANK.__getitem__), at, tuple(checks))


def _named(check: str, project_id: str) -> str:
    return check if check == "watcher" or ":" in check else f"{check}:{project_id}"


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


def _contents(reader: Reader, health: HealthSettings, at: datetime, *, backed_up: bool) -> list[Check]:
    roots = reader.rows("SELECT project_id, state, last_full_scan_at FROM roots ORDER BY project_id")
    syncs = [_timed(f"sync:{root['project_id']}", partial(_root, root, health, at)) for root in roots] or [
        Check("sync", "warn", "there is no project yet; run `storysync sync PATH`", 0.0)
    ]
    backups = [_timed("backup", lambda: _backup(reader, health, at))] if backed_up else []
    return [*syncs, *backups, _timed("files", lambda: _files(reader))]


def _timed(name: str, check: Callable[[], _Finding]) -> Check:
    started = time.perf_counter()
    try:
        state, reason = check()
    except (StorysyncError, OSError) as error:
        state, reason = "fail", str(error)
    return Check(name, state, reason, round((time.perf_counter() - started) * 1000, 3))


def _database(database: Database) -> _Finding:
    finding = database.damage()
    if finding:
        return "fail", f"damaged: {finding}"
    serious, obstacle = database.write_obstacle(_WRITE_WAIT_S)
    if obstacle:
        return ("fail" if serious else "warn"), f"sound, but it cannot be written: {obstacle}"
    unmerged_mb = database.unmerged_bytes() / (1 << 20)
    if unmerged_mb > MOST_UNMERGED_MB:
        told = f"sound, but {unmerged_mb:.0f} MB wait to be merged into its file"
        return "warn", f"{told}: a program has kept it open for reading since long ago; end that"
    return "ok", "sound, and writing is possible"


def _disk(path: Path, min_free_mb: int) -> _Finding:
    free_mb = shutil.disk_usage(path.parent).free // (1 << 20)
    if free_mb < min_free_mb:
        return "fail", f"{free_mb} MB free beside the database, less than {min_free_mb} MB"
    return "ok", f"{free_mb} MB free beside the database"


def _watcher(alive: bool | None) -> _Finding:
    if alive is None:
        return "warn", "no `storysync run` follows the files"
    return (
        ("ok", "following the files") if alive else ("fail", "the watcher is dead, or `storysync run` hangs")
    )


def _root(root: dict[str, str | None], health: HealthSettings, at: datetime) -> _Finding:
    if root["state"] == "lost":
        return "fail", "the folder of the project is not there; its rows are kept"
    last = root["last_full_scan_at"]
    if last is None:
        return "warn", "the first full scan is not finished"
    age = at - instants.from_text(last)
    if age > timedelta(minutes=health.max_sync_age_minutes):
        return "fail", f"the last full scan is {_spell(age)} old"
    state: State = "warn" if root["state"] == "degraded" else "ok"
    polled = "; changes are found by polling only" if state == "warn" else ""
    return state, f"the last full scan is {_spell(age)} old{polled}"


def _backup(reader: Reader, health: HealthSettings, at: datetime) -> _Finding:
    last = last_good_at(reader)
    if last is None:
        failed = reader.rows("SELECT message FROM backups ORDER BY id DESC LIMIT 1")
        return ("fail", f"no backup has succeeded yet: {failed[0]['message']}") if failed else (
            "warn", "there is no backup yet"
        )  # fmt: skip
    age = at - last
    old = age > timedelta(hours=health.max_backup_age_hours)
    return ("fail" if old else "ok"), f"the last good backup is {_spell(age)} old"


def _files(reader: Reader) -> _Finding:
    broken = reader.rows("SELECT count(*) AS n FROM files WHERE state = 'broken'")[0]["n"]
    if broken:
        return "warn", f"{broken} broken {'file' if broken == 1 else 'files'}; see `storysync check`"
    return "ok", "every file can be read"


def _spell(age: timedelta) -> str:
    seconds = max(0, int(age.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
