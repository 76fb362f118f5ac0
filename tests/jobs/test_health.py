"""All checks together: a database that is well, and what becomes of the report when one is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from storysync.core import instants
from storysync.jobs import health, health_bounds
from storysync.jobs.backup import make_backup
from storysync.jobs.health import HealthReport, check_all, last_checked_at, of_project, record
from storysync.settings import BackupSettings, HealthSettings
from storysync.store import job_rows
from storysync.store.database import Database, database_at
from storysync.store.job_rows import JobRun
from storysync.store.store import Store
from support import postgres
from support.forms import Form, only
from support.health import NOON, WELL, but

ROOT = Path(__file__).resolve().parents[2]
BACKUPS = BackupSettings(pg_bin=str(postgres.newest_programs()))


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    """A database with one project; synced, backed up and looked through at noon."""
    with database.open() as opened:
        with opened.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('demo', 'demo')")
            tx.execute(
                "INSERT INTO roots (project_id, real_path, state, last_full_scan_at)"
                " VALUES ('demo', '/x', 'live', ?)",
                (instants.to_text(NOON),),
            )
            job_rows.note(tx, JobRun("integrity", "timer", NOON, NOON, "good", ""))
        yield opened


@pytest.fixture
def backed_up(store: Store) -> Store:
    made = make_backup(store.database, BACKUPS, trigger="test", now=lambda: NOON)
    assert made.state == "good", made.message
    return store


def check(store: Store, *, after: timedelta = timedelta(minutes=1), **given: Any) -> HealthReport:
    given = {"live": WELL, "health": HealthSettings(min_free_mb=0), "backups": BACKUPS, **given}
    settings = given.pop("health")
    return check_all({"": store.database}, settings, now=NOON + after, **given)


def states(report: HealthReport) -> dict[str, str]:
    return {one.name: one.state for one in report.checks}


def found(report: HealthReport, name: str) -> tuple[str, str]:
    (one,) = [check for check in report.checks if check.name == name]
    return one.state, one.reason


def test_all_is_well(backed_up: Store) -> None:
    report = check(backed_up)
    assert {one.name: one.reason for one in report.checks if one.state != "ok"} == {}
    assert (report.state, report.readable) == ("ok", True)
    names = [one.name.partition(":")[0] for one in report.checks]
    expected = [name for name in health.NAMES if name != "wal" or backed_up.database.file is not None]
    assert sorted(names) == sorted(expected)
    assert all(one.reason and "\n" not in one.reason and one.latency_ms >= 0 for one in report.checks)


@only("sqlite")
def test_the_report_is_as_bad_as_its_worst_check(backed_up: Store) -> None:
    assert check(backed_up, live=but(paused=True)).state == "warn"
    assert check(backed_up, live=but(watcher_alive=False, paused=True)).state == "fail"


@only("sqlite")
def test_without_a_daemon_what_only_it_knows_is_a_warning(backed_up: Store) -> None:
    report = check(backed_up, live=None)
    assert {name for name, state in states(report).items() if state != "ok"} == set(health.OF_DAEMON)
    assert report.state == "warn"


@only("sqlite")
@pytest.mark.parametrize(
    ("name", "limit"), [("sync:demo", timedelta(minutes=30)), ("backup", timedelta(hours=26))]
)
def test_it_alarms_on_the_age_of_the_last_success(backed_up: Store, name: str, limit: timedelta) -> None:
    slack = timedelta(seconds=5)  # a backup is dated by its begin
    assert found(check(backed_up, after=limit - slack), name)[0] == "ok"
    assert found(check(backed_up, after=limit + slack), name)[0] == "fail"


@only("sqlite")
def test_settings_say_what_is_too_little_and_too_old(backed_up: Store) -> None:
    assert found(check(backed_up, health=HealthSettings(min_free_mb=1 << 40)), "disk")[0] == "fail"
    strict = HealthSettings(min_free_mb=0, max_sync_age_minutes=0.5, integrity_hours=0.005)
    report = check(backed_up, health=strict)
    assert (found(report, "sync:demo")[0], found(report, "integrity")[0]) == ("fail", "warn")
    assert found(check(backed_up, backups=BackupSettings(verify_hours=0.005)), "restore")[0] == "warn"


def test_a_new_database_says_what_to_do(database: Database) -> None:
    with database.open() as store:
        report = check(store)
    assert found(report, "sync") == ("warn", "there is no project yet; run `storysync sync PATH`")
    assert {found(report, name)[0] for name in ("integrity", "backup", "restore")} == {"warn"}
    assert report.state == "warn"


@only("sqlite")
def test_backups_are_judged_by_the_files_that_are_there(backed_up: Store) -> None:
    (manifest,) = (Path(backed_up.database.base).parent / "backups").glob("*.json")
    data = manifest.with_name(manifest.stem + ".db.zst")
    data.write_bytes(data.read_bytes()[:-1])
    report = check(backed_up)
    assert found(report, "backup")[0] == "fail"
    assert found(report, "restore") == (
        "fail",
        f"no backup is known to restore; damaged: {manifest.stem}",
    )
    for file in (data, manifest):
        file.unlink()
    assert found(check(backed_up), "backup")[0] == "warn"


@only("sqlite")
def test_a_damaged_database_fails_and_its_backups_are_still_judged(backed_up: Store) -> None:
    backed_up.close()
    assert backed_up.database.file is not None
    data = bytearray(backed_up.database.file.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 200] = b"\xff" * 200
    backed_up.database.file.write_bytes(data)
    report = check(backed_up)
    assert (report.state, report.readable) == ("fail", False)
    assert found(report, "database")[0] == "fail"
    assert found(report, "files") == ("warn", "unknown: the database cannot be asked")
    assert {found(report, name)[0] for name in ("backup", "restore", "disk")} == {"ok"}


def test_a_missing_database_fails_without_an_exception(tmp_path: Path) -> None:
    none = database_at(f"sqlite:///{tmp_path}/none.db")
    report = check_all({"": none}, HealthSettings(), live=None, backups=BackupSettings())
    assert (report.state, report.readable) == ("fail", False)
    told = f"there is no database at {tmp_path}/none.db; run `storysync sync PATH` first"
    assert found(report, "database") == ("fail", told)
    assert not list(tmp_path.iterdir())


def test_a_server_that_is_away_fails_without_an_exception(tmp_path: Path) -> None:
    away = database_at(f"postgresql://me:hidden@/db?host={tmp_path}")
    report = check_all({"": away}, HealthSettings(), live=WELL, backups=BackupSettings())
    state, reason = found(report, "database")
    assert (report.readable, state) == (False, "fail") and "is the server running" in reason
    assert not any("hidden" in one.reason for one in report.checks)


@only("sqlite")
def test_a_disk_that_hangs_does_not_hold_up_the_others(
    backed_up: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = Event()
    monkeypatch.setattr(health_bounds, "LIMIT_S", 0.2)
    monkeypatch.setattr(health, "backups_in", lambda *given: back.wait() or [])
    report = check(backed_up)
    assert found(report, "backup")[1].startswith("no answer within 0.2 s")
    assert found(report, "restore")[0] == "fail"
    assert {found(report, name)[0] for name in ("database", "files", "incidents")} == {"ok"}
    back.set()
    for thread in list(health_bounds._hanging.values()):
        thread.join()


@only("sqlite")
def test_each_project_with_its_own_database_has_its_own_checks(tmp_path: Path, form: Form) -> None:
    given = {name: form.migrated(tmp_path / name) for name in ("one", "two")}
    gone = {**given, "gone": form.empty(tmp_path / "gone")}
    report = check_all(gone, HealthSettings(), live=WELL, backups=BackupSettings(), now=NOON)
    names = [one.name for one in report.checks]
    assert len(names) == len(set(names))
    assert {"database:one", "backup:two", "sync:two", "database:gone", "watcher"} <= set(names)
    assert (found(report, "database:gone")[0], report.readable) == ("fail", True)
    own = of_project(report, "one")
    assert {one.name.partition(":")[2] for one in own.checks} == {"", "one"}
    assert of_project(report, "") == report


@only("sqlite")
def test_it_writes_nothing(backed_up: Store) -> None:
    def everything() -> dict[Path, bytes]:
        folder = Path(backed_up.database.base).parent
        return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    before = everything()
    check(backed_up)
    after = everything()
    shm = backed_up.database.base.with_name(backed_up.database.base.name + "-shm")  # marks of readers
    before.pop(shm, None), after.pop(shm, None)
    assert after == before


def test_checks_are_noted_and_old_ones_dropped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "KEPT_ROWS", 20)
    for minute in range(4):
        record(store, check(store, after=timedelta(minutes=minute)))
    with store.reading() as reader:
        rows = reader.rows("SELECT checked_at, name, state FROM health_checks ORDER BY id")
        assert last_checked_at(reader) == NOON + timedelta(minutes=3)
    assert len(rows) == 20
    assert rows[-1] == {"checked_at": "2026-03-01T12:03:00.000000Z", "name": "restore", "state": "warn"}


def test_the_page_explains_every_check() -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    table = page.partition("## Checks")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)[^|]*` \|(.*)$", table, re.M)
    assert [name for name, _ in rows] == list(health.NAMES)
    assert all(row.count("|") == 3 for _, row in rows), "it warns, it fails, what to do"
