"""Backups that fail: the older ones stay, nothing else is left, and the reason is told."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from storysync import faults
from storysync.errors import StoreError
from storysync.jobs import backup as job
from storysync.jobs import backup_files
from storysync.jobs.backup import BackupReport, make_backup, note
from storysync.jobs.backup_files import backups_in
from storysync.settings import BackupSettings
from storysync.store.archive import facts_in
from storysync.store.database import Database, database_at
from storysync.store.engines import sqlite_archive
from storysync.store.store import Store
from support.faulty import run
from support.spaces import USER_AND_MOUNTS, inside, need

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAME = "storysync-20260301T120000Z"
POINTS = [name for name in faults.POINTS if name.startswith("backup.")]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with database_at(f"sqlite:///{tmp_path}/state/s.db").open() as opened:
        yield opened


@pytest.fixture
def folder(store: Store) -> Path:
    return store.database.base.parent / "backups"


def back_up(database: Database, at: datetime = NOON, trigger: str = "test", **settings: Any) -> BackupReport:
    return make_backup(database, BackupSettings(**settings), trigger=trigger, now=lambda: at)


def files(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if name != ".lock")


def add_project(store: Store, name: str) -> None:
    with store.writing() as tx:
        tx.execute("INSERT INTO projects (id, name) VALUES (?, ?)", (name, name))


def extracted(database: Database, report: BackupReport, target: Path) -> Path:
    assert report.file is not None
    database.archive(BackupSettings()).extract(report.file, str(target))
    return target


def test_a_directory_that_cannot_be_made_is_a_failed_attempt(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    report = back_up(store.database, directory=str(tmp_path / "file" / "backups"))
    assert (report.state, report.file, report.name) == ("failed", None, "")
    assert "Not a directory" in report.message


def test_there_is_no_database(tmp_path: Path) -> None:
    report = back_up(database_at(f"sqlite:///{tmp_path}/s.db"))
    assert report.state == "failed"
    assert f"{tmp_path}/s.db" in report.message
    assert not (tmp_path / "s.db").exists()


SWAPPED = """
PRAGMA writable_schema = ON;
UPDATE sqlite_master SET rootpage = (SELECT rootpage FROM sqlite_master WHERE name = 'backlogs')
WHERE name = 'story_labels'
"""
ORPHAN = "INSERT INTO story_labels VALUES (99, 'x')"


@pytest.mark.parametrize(
    ("damage", "told"), [(SWAPPED, "is damaged"), (ORPHAN, "damaged, so nothing was made")]
)
def test_of_a_damaged_database_nothing_is_made(store: Store, folder: Path, damage: str, told: str) -> None:
    """Its backups are what it will be mended with."""
    good = back_up(store.database)
    store.close()
    with closing(sqlite3.connect(store.database.base)) as connection:
        connection.executescript(damage)
    report = back_up(store.database, NOON + timedelta(hours=2), hourly=1, daily=0, weekly=0, monthly=0)
    assert report.state == "failed" and told in report.message
    assert [one.name for one in backups_in(folder)] == [good.name]
    assert len(files(folder)) == 2


def test_too_little_space_is_told_with_both_numbers(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup_files.shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    report = back_up(store.database)
    assert report.state == "failed"
    assert "1.0 MB are free" in report.message and "MB are needed" in report.message
    assert files(folder) == []


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("action", ["enospc", "raise:StoreError"])
def test_a_failure_at_any_step_leaves_the_older_ones_and_nothing_else(
    store: Store, folder: Path, point: str, action: str
) -> None:
    good = back_up(store.database)
    before = files(folder)
    with faults.armed(f"{point}={action}"):
        report = back_up(store.database, NOON + timedelta(hours=2), hourly=1, daily=0, weekly=0, monthly=0)
    assert report.state == "failed"
    assert files(folder) == before
    assert [one.name for one in backups_in(folder)] == [good.name]


def test_a_trial_that_finds_another_content_is_a_failure(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def less(tx: Any) -> Any:
        facts = facts_in(tx)
        return type(facts)(facts.schema_version, {**facts.rows, "stories": 7}, facts.digests)

    monkeypatch.setattr(job, "facts_in", less)
    report = back_up(store.database)
    assert report.message == "restored on trial, stories has 7 rows instead of 0"
    assert files(folder) == []


def test_ten_failures_in_a_row_cost_no_backup(store: Store, folder: Path) -> None:
    good = back_up(store.database)
    for hour in range(2, 12):
        with faults.armed("backup.before-rename=enospc"):
            report = back_up(store.database, NOON + timedelta(hours=hour), hourly=1, daily=0)
        assert report.state == "failed"
        assert "is full" in report.message
    assert [one.name for one in backups_in(folder)] == [good.name]


def test_an_old_one_that_cannot_be_removed_is_told_and_the_new_one_counts(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied", "x")

    settings = {"hourly": 1, "daily": 0, "weekly": 0, "monthly": 0}
    back_up(store.database, **settings)
    monkeypatch.setattr(backup_files, "remove", refuse)
    report = back_up(store.database, NOON + timedelta(hours=3), **settings)
    assert (report.state, report.pruned) == ("good", ())
    assert "cannot remove an old backup" in report.message


def test_a_failed_attempt_that_cannot_be_noted_tells_of_both(store: Store, tmp_path: Path) -> None:
    report = back_up(database_at(f"sqlite:///{tmp_path}/none.db"))
    with (
        faults.armed("write.before-begin=raise:StoreError"),
        pytest.raises(StoreError, match="so did noting"),
    ):
        note(store, report)


FULL = """
import os, sys
from storysync.jobs.backup import make_backup
from storysync.jobs.backup_files import backups_in
from storysync.settings import BackupSettings
from storysync.store.database import database_at
from pathlib import Path
url, disk = sys.argv[1:]
database = database_at(url)
if os.environ.get("SPACE_UNKNOWN"):
    from storysync.store.engines.sqlite_archive import SqliteArchive
    SqliteArchive.needed_bytes = lambda self: 0
for number in range(int(os.environ["TIMES"])):
    report = make_backup(database, BackupSettings(directory=disk), trigger="test")
    print(report.state, len(backups_in(Path(disk))), len(os.listdir(disk)), report.message)
"""


@pytest.mark.parametrize("unknown", ["", "yes"])
def test_a_really_full_disk(store: Store, tmp_path: Path, unknown: str) -> None:
    """With the look at the space before, and, where others take it meanwhile, without."""
    need(USER_AND_MOUNTS, f"mount -t tmpfs -o size=1m none {tmp_path}")
    with store.writing() as tx:
        for number in range(30):
            tx.execute(
                "INSERT INTO projects (id, name) VALUES (?, ?)", (f"p{number}", os.urandom(9000).hex())
            )
    disk = tmp_path / "disk"
    disk.mkdir()
    script = tmp_path / "back_up.py"
    script.write_text(FULL)
    preparation = f"mount -t tmpfs -o size=400k none {disk}"
    command = [sys.executable, str(script), store.database.url, str(disk)]
    env = {**os.environ, "SPACE_UNKNOWN": unknown, "TIMES": "2"}
    done = subprocess.run(
        inside(USER_AND_MOUNTS, preparation, command), capture_output=True, text=True, env=env, timeout=60
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 2, done.stderr
    for line in lines:
        assert line.startswith("failed 0 1 "), line  # the lock alone
        assert ("is full" if unknown else "MB are needed") in line


def test_a_directory_that_may_only_be_read(store: Store, tmp_path: Path) -> None:
    need(USER_AND_MOUNTS, f"mount -t tmpfs -o ro none {tmp_path}")
    disk, script = tmp_path / "disk", tmp_path / "back_up.py"
    disk.mkdir()
    script.write_text(FULL)
    command = [sys.executable, str(script), store.database.url, str(disk)]
    done = subprocess.run(
        inside(USER_AND_MOUNTS, f"mount -t tmpfs -o ro none {disk}", command),
        capture_output=True, text=True, env={**os.environ, "TIMES": "1"}, timeout=60,
    )  # fmt: skip
    assert done.stdout.startswith("failed 0 0 ") and "Read-only file system" in done.stdout, done.stderr


@pytest.mark.parametrize("point", POINTS)
def test_one_that_is_killed_is_no_backup_and_the_next_one_cleans_up(
    store: Store, folder: Path, point: str
) -> None:
    older = back_up(store.database)
    data = (folder / f"{older.name}.db.zst").read_bytes()
    done = run(f"{point}=kill", "backup", "create", "--database", store.database.url)
    assert done.returncode == -9, done.stderr
    found = backups_in(folder)
    assert len(found) == (2 if point == "backup.after-rename" else 1)
    assert {one.state for one in found} == {"good"}
    assert (folder / f"{older.name}.db.zst").read_bytes() == data
    assert back_up(store.database, NOON + timedelta(minutes=1)).state == "good"
    assert len(files(folder)) == 2 * (len(found) + 1)


def test_copying_ends_when_another_program_holds_the_database_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(sqlite_archive.time, "monotonic", lambda: now[0])
    told: list[tuple[int, int]] = []
    progress = sqlite_archive._progress(lambda done, total: told.append((done, total)))
    progress(sqlite3.SQLITE_OK, 6, 10)
    for now[0] in (10.0, 29.0):
        progress(sqlite3.SQLITE_BUSY, 6, 10)
    progress(sqlite3.SQLITE_OK, 0, 10)
    now[0] = 58.0
    progress(sqlite3.SQLITE_LOCKED, 0, 10)
    assert told == [(4, 10), (10, 10)]
    now[0] = 60.0
    with pytest.raises(StoreError, match="locked by another program since 30 s"):
        progress(sqlite3.SQLITE_BUSY, 0, 10)
