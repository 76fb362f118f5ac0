from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storysync.core import instants
from storysync.jobs import health
from storysync.jobs.backup import backup
from storysync.jobs.health import HealthReport, check_health, last_checked_at, record
from storysync.settings import BackupSettings, HealthSettings
from storysync.store.database import database_at
from storysync.store.store import Store

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A database with one project, synced and backed up at noon."""
    with database_at(f"sqlite:///{tmp_path}/s.db").open() as opened:
        with opened.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('demo', 'demo')")
            tx.execute(
                "INSERT INTO roots (project_id, real_path, state, last_full_scan_at)"
                " VALUES ('demo', '/x', 'live', ?)",
                (instants.to_text(NOON),),
            )
        backup(opened, BackupSettings(), trigger="test", now=lambda: NOON)
        yield opened


def check(store: Store, *, after: timedelta = timedelta(minutes=1), **given: Any) -> HealthReport:
    given = {"watcher_alive": True, "health": HealthSettings(min_free_mb=0), **given}
    settings = given.pop("health")
    return check_health(store.database, settings, now=NOON + after, **given)


def found(report: HealthReport, name: str) -> tuple[str, str]:
    (one,) = [check for check in report.checks if check.name == name]
    return one.state, one.reason


def test_all_is_well(store: Store) -> None:
    report = check(store)
    assert report.state == "ok"
    names = [one.name for one in report.checks]
    assert names == ["database", "disk", "watcher", "sync:demo", "backup", "files"]
    assert all(one.reason and one.latency_ms >= 0 for one in report.checks)


def test_the_report_is_as_bad_as_its_worst_check(store: Store) -> None:
    assert check(store, watcher_alive=None).state == "warn"
    assert check(store, watcher_alive=False).state == "fail"


def test_without_a_daemon_the_watcher_is_a_warning(store: Store) -> None:
    state, reason = found(check(store, watcher_alive=None), "watcher")
    assert state == "warn"
    assert "storysync run" in reason


@pytest.mark.parametrize(
    ("name", "limit"), [("sync:demo", timedelta(minutes=30)), ("backup", timedelta(hours=26))]
)
def test_it_alarms_on_the_age_of_the_last_success(store: Store, name: str, limit: timedelta) -> None:
    assert found(check(store, after=limit), name)[0] == "ok"
    assert found(check(store, after=limit + timedelta(seconds=1)), name)[0] == "fail"


def test_the_age_is_told_in_words(store: Store) -> None:
    assert (
        found(check(store, after=timedelta(seconds=90)), "sync:demo")[1] == "the last full scan is 90 s old"
    )
    assert found(check(store, after=timedelta(hours=50)), "backup")[1] == "the last good backup is 2 d old"


@pytest.mark.parametrize(("state", "expected"), [("lost", "fail"), ("degraded", "warn"), ("loading", "ok")])
def test_the_state_of_a_root(store: Store, state: str, expected: str) -> None:
    with store.writing() as tx:
        tx.execute("UPDATE roots SET state = ?", (state,))
    assert found(check(store), "sync:demo")[0] == expected


def test_a_first_scan_that_is_not_finished(store: Store) -> None:
    with store.writing() as tx:
        tx.execute("UPDATE roots SET last_full_scan_at = NULL")
    assert found(check(store), "sync:demo")[0] == "warn"


def test_no_backup_yet_is_a_warning(store: Store) -> None:
    with store.writing() as tx:
        tx.execute("DELETE FROM backups")
    assert found(check(store), "backup")[0] == "warn"


def test_backups_that_never_succeed_are_no_mere_warning(store: Store) -> None:
    with store.writing() as tx:
        tx.execute("UPDATE backups SET state = 'failed', message = 'the disk is full'")
    state, reason = found(check(store), "backup")
    assert state == "fail"
    assert reason == "no backup has succeeded yet: the disk is full"


def test_too_little_disk_space(store: Store) -> None:
    assert found(check(store, health=HealthSettings(min_free_mb=1 << 40)), "disk")[0] == "fail"


def test_broken_files_are_counted(store: Store) -> None:
    with store.writing() as tx:
        for name in ("a.md", "b.md"):
            tx.execute("INSERT INTO files (project_id, path, state) VALUES ('demo', ?, 'broken')", (name,))
    state, reason = found(check(store), "files")
    assert state == "warn"
    assert reason.startswith("2 broken files")


def test_another_process_that_writes_for_long_is_a_warning(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_WRITE_WAIT_S", 0.05)
    with closing(sqlite3.connect(store.database.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        state, reason = found(check(store), "database")
    assert state == "warn"
    assert "another process" in reason


def test_a_reader_that_stays_is_a_warning_when_the_log_has_grown(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "MOST_UNMERGED_MB", 1)
    assert found(check(store), "database")[0] == "ok"
    with store.database.reader() as reader, reader.snapshot():
        reader.rows("SELECT count(*) FROM stories")
        for number in range(30):
            with store.writing() as tx:
                tx.execute("UPDATE projects SET description = ?", (str(number) * 100_000,))
        state, reason = found(check(store), "database")
    assert state == "warn"
    assert "MB wait to be merged" in reason


def test_a_damaged_database_fails(store: Store) -> None:
    store.close()
    data = bytearray(store.database.file.read_bytes())
    for start in range(4096 * 3, len(data), 4096):
        data[start : start + 200] = b"\xff" * 200
    store.database.file.write_bytes(data)
    report = check(store)
    assert report.state == "fail"
    assert found(report, "database")[0] == "fail"


def test_a_missing_database_fails_without_an_exception(tmp_path: Path) -> None:
    report = check_health(database_at(f"sqlite:///{tmp_path}/none.db"), HealthSettings())
    assert report.state == "fail"
    assert "there is no database" in found(report, "database")[1]
    assert not list(tmp_path.iterdir())


def test_an_empty_database_says_what_to_do(tmp_path: Path) -> None:
    with database_at(f"sqlite:///{tmp_path}/s.db").open() as empty:
        assert "storysync sync" in found(check(empty), "sync")[1]


def test_checks_are_noted_and_old_ones_dropped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "KEPT_ROWS", 10)
    for minute in range(4):
        record(store, check(store, after=timedelta(minutes=minute)))
    with store.reading() as reader:
        rows = reader.rows("SELECT checked_at, name, state FROM health_checks ORDER BY id")
        assert last_checked_at(reader) == NOON + timedelta(minutes=3)
    assert len(rows) == 10
    assert rows[-1] == {"checked_at": "2026-03-01T12:03:00.000000Z", "name": "files", "state": "ok"}
