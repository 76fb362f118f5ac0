from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storysync.errors import StoreError
from storysync.jobs import backup as job
from storysync.jobs.backup import BackupReport, backup, last_good_at
from storysync.settings import BackupSettings
from storysync.store.database import database_at
from storysync.store.engines import sqlite_backup
from storysync.store.store import Store

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NAME = "storysync-20260301T120000Z.db"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with database_at(f"sqlite:///{tmp_path}/state/s.db").open() as opened:
        yield opened


def back_up(store: Store, at: datetime = NOON, **settings: Any) -> BackupReport:
    return backup(store, BackupSettings(**settings), trigger="test", now=lambda: at)


def rows(store: Store) -> list[dict[str, Any]]:
    with store.reading() as reader:
        return reader.rows("SELECT * FROM backups ORDER BY id")


def add_project(store: Store, name: str) -> None:
    with store.writing() as tx:
        tx.execute("INSERT INTO projects (id, name) VALUES (?, ?)", (name, name))


def test_a_backup_is_a_whole_database_in_one_private_file(store: Store) -> None:
    add_project(store, "demo")
    report = back_up(store)
    assert report.state == "good"
    assert report.file == store.database.file.parent / "backups" / NAME
    assert os.listdir(report.file.parent) == [NAME]
    assert report.file.stat().st_mode & 0o777 == 0o600
    assert report.file.parent.stat().st_mode & 0o777 == 0o700
    assert report.digest == hashlib.sha256(report.file.read_bytes()).hexdigest()
    assert report.size == report.file.stat().st_size
    with closing(sqlite3.connect(f"file:{report.file}?immutable=1", uri=True)) as copy:
        assert copy.execute("SELECT id FROM projects").fetchall() == [("demo",)]
        assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_it_is_noted(store: Store) -> None:
    report = back_up(store)
    (row,) = rows(store)
    assert (row["state"], row["trigger"], row["message"]) == ("good", "test", "")
    assert (row["file"], row["size"], row["digest"]) == (str(report.file), report.size, report.digest)
    assert row["finished_at"] == row["verified_at"] == "2026-03-01T12:00:00.000000Z"
    with store.reading() as reader:
        assert last_good_at(reader) == NOON


def test_what_a_writer_has_not_checkpointed_yet_is_in_the_backup(store: Store) -> None:
    add_project(store, "only-in-the-wal")
    assert store.database.file.with_name("s.db-wal").stat().st_size > 0
    report = back_up(store)
    assert report.file is not None
    with closing(sqlite3.connect(report.file)) as copy:
        assert copy.execute("SELECT count(*) FROM projects").fetchone() == (1,)


def test_a_busy_writer_does_not_keep_it_from_ending(store: Store) -> None:
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(store.database.file, timeout=30)) as other:
            number = 0
            while not stop.wait(0.001):
                number += 1
                other.execute("INSERT INTO projects (id, name) VALUES (?, 'x')", (f"p{number}",))
                other.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        states = [back_up(store, NOON + timedelta(seconds=number)).state for number in range(5)]
    finally:
        stop.set()
        writer.join()
    assert states == ["good"] * 5


def test_two_in_one_second_have_two_names(store: Store) -> None:
    first, second = back_up(store), back_up(store)
    assert first.file is not None
    assert second.file is not None
    assert second.file.name == "storysync-20260301T120000Z-2.db"
    assert first.file.exists()


def test_only_the_newest_are_kept(store: Store) -> None:
    reports = [back_up(store, NOON + timedelta(hours=hour), keep=3) for hour in range(5)]
    left = sorted(os.listdir(store.database.file.parent / "backups"))
    assert left == [report.file.name for report in reports[2:] if report.file]
    assert reports[-1].pruned == ("storysync-20260301T130000Z.db",)


def test_the_one_just_made_is_kept_even_if_the_clock_was_set_back(store: Store) -> None:
    future = back_up(store, NOON + timedelta(days=400), keep=1)
    now = back_up(store, NOON, keep=1)
    assert now.file is not None
    assert os.listdir(now.file.parent) == [NAME]
    assert future.file is not None
    assert now.pruned == (future.file.name,)


def test_files_of_others_are_left_alone(store: Store) -> None:
    directory = store.database.file.parent / "backups"
    directory.mkdir()
    others = ["notes.txt", "storysync-old.db", "storysync-20200101T000000Z.db.bak", "x.partial"]
    for name in others:
        (directory / name).write_text("mine")
    (directory / "storysync-20200101T000000Z.db.d").mkdir()
    for hour in range(3):
        back_up(store, NOON + timedelta(hours=hour), keep=1)
    assert set(others) < set(os.listdir(directory))


def test_two_databases_may_share_a_directory(store: Store, tmp_path: Path) -> None:
    shared = str(tmp_path / "shared")
    with database_at(f"sqlite:///{tmp_path}/other/s.db").open() as other:
        theirs = back_up(other, NOON - timedelta(days=1), directory=shared, keep=1)
        for hour in range(3):
            ours = back_up(store, NOON + timedelta(hours=hour), directory=shared, keep=1)
    assert theirs.file is not None
    assert ours.file is not None
    assert set(os.listdir(shared)) == {theirs.file.name, ours.file.name}


def test_what_a_killed_attempt_left_is_removed_by_the_next(store: Store) -> None:
    directory = store.database.file.parent / "backups"
    directory.mkdir()
    for suffix in (".partial", ".partial-journal"):
        (directory / f"storysync-20260101T000000Z.db{suffix}").write_bytes(b"half")
    back_up(store)
    assert os.listdir(directory) == [NAME]


def test_a_directory_of_its_own(store: Store, tmp_path: Path) -> None:
    report = back_up(store, directory=str(tmp_path / "elsewhere" / "deep"))
    assert report.file == tmp_path / "elsewhere" / "deep" / NAME


def test_a_directory_that_cannot_be_made_fails_and_is_noted(store: Store, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    report = back_up(store, directory=str(tmp_path / "file" / "backups"))
    assert (report.state, report.file) == ("failed", None)
    assert "Not a directory" in report.message
    assert [row["state"] for row in rows(store)] == ["failed"]


def test_a_failure_leaves_older_backups_and_nothing_else(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = back_up(store, keep=1)
    monkeypatch.setattr(sqlite_backup, "_finding", lambda reading, stories: "page 7 is never used")
    for hour in range(1, 4):
        report = back_up(store, NOON + timedelta(hours=hour), keep=1)
        assert report.state == "failed"
        assert "page 7 is never used" in report.message
    assert good.file is not None
    assert os.listdir(good.file.parent) == [NAME]
    with store.reading() as reader:
        assert last_good_at(reader) == NOON


@pytest.mark.parametrize("point", ["rename", "fsync", "digest", "flush"])
def test_a_full_disk_at_any_step_leaves_no_file(
    store: Store, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    targets: dict[str, tuple[Any, str]] = {
        "rename": (Path, "rename"),
        "fsync": (os, "fsync"),
        "digest": (hashlib, "file_digest"),
        "flush": (job, "_flush_directory"),
    }
    monkeypatch.setattr(*targets[point], full)
    report = back_up(store)
    monkeypatch.undo()
    assert (report.state, report.file) == ("failed", None)
    assert "No space left on device" in report.message
    assert os.listdir(store.database.file.parent / "backups") == []


FULL_DISK = """
set -e
mount -t tmpfs -o size=128k none "$1"
exec "$2" "$3" "$1" "$4"
"""
BACK_UP = """
import sys
from storysync.jobs import backup as job
from storysync.jobs.backup import backup
from storysync.settings import BackupSettings
from storysync.store.database import database_at
import os
with database_at(sys.argv[2]).open() as store:
    report = backup(store, BackupSettings(directory=sys.argv[1]), trigger="test")
    print(report.state, os.listdir(sys.argv[1]), report.message)
"""


def test_a_really_full_disk(store: Store, tmp_path: Path) -> None:
    if subprocess.run(["unshare", "-Urm", "true"], capture_output=True).returncode:
        pytest.skip("no user namespaces here")
    script = tmp_path / "back_up.py"
    script.write_text(BACK_UP)
    (tmp_path / "disk").mkdir()
    done = subprocess.run(
        [
            "unshare",
            "-Urm",
            "sh",
            "-c",
            FULL_DISK,
            "sh",
            tmp_path / "disk",
            sys.executable,
            script,
            store.database.url,
        ],
        capture_output=True,
        text=True,
    )
    assert done.stdout.startswith("failed [] "), done.stderr
    assert "full" in done.stdout


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (lambda file: file.write_bytes(b""), "mark"),
        (lambda file: file.write_bytes(b"not a database at all" * 100), "not a"),
        (lambda file: os.truncate(file, file.stat().st_size // 2), "malformed|not usable"),
        (lambda file: _sql(file, "PRAGMA application_id = 1"), "mark"),
        (lambda file: _sql(file, "INSERT INTO story_labels VALUES (99, 'x')"), "missing row"),
    ],
)
def test_a_copy_that_is_not_whole_is_refused(store: Store, tmp_path: Path, damage: Any, finding: str) -> None:
    copy = tmp_path / "copy.db"
    report = back_up(store)
    assert report.file is not None
    shutil.copy(report.file, copy)
    sqlite_backup.verify_copy(copy, 0)
    damage(copy)
    with pytest.raises(StoreError, match=finding):
        sqlite_backup.verify_copy(copy, 0)


def test_a_copy_with_another_number_of_stories_is_refused(store: Store) -> None:
    report = back_up(store)
    assert report.file is not None
    with pytest.raises(StoreError, match="0 stories instead of 1"):
        sqlite_backup.verify_copy(report.file, 1)


def _sql(file: Path, statement: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement)
        connection.commit()
