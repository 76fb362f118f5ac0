"""Backups that lie with those of others, and files that cannot be reached now."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storysync.errors import StoreError
from storysync.jobs.backup import make_backup
from storysync.jobs.backup_files import Manifest, backups_in, newest_verified
from storysync.jobs.backup_prune import prune
from storysync.jobs.backup_verify import VerifiedBackup, verify
from storysync.settings import BackupSettings
from storysync.store.archive import BackupDamaged
from storysync.store.database import Database, database_at
from storysync.store.engines import sqlite_archive

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Database:
    """It has one backup."""
    database = database_at(f"sqlite:///{tmp_path / 's.db'}")
    with database.open() as store, store.writing() as tx:
        tx.execute("INSERT INTO projects (id, name, settings) VALUES ('p', 'P', '{}')")
    assert make_backup(database, BackupSettings(), trigger="test", now=lambda: NOON).state == "good"
    return database


@pytest.fixture
def folder(database: Database) -> Path:
    return database.base.parent / "backups"


def the_one(folder: Path) -> Manifest:
    (one,) = backups_in(folder)
    return one


def verified(database: Database) -> VerifiedBackup:
    return verify(database, BackupSettings())


def test_a_directory_that_two_databases_share_keeps_them_apart(database: Database, tmp_path: Path) -> None:
    """Both have the same name, and the directory lies beside one of them."""
    other = database_at(f"sqlite:///{tmp_path / 'other' / database.base.name}")
    other.base.parent.mkdir()
    shutil.copy(database.base, other.base)
    shared = BackupSettings(directory=str(tmp_path / "backups"), hourly=1, daily=0, weekly=0, monthly=0)
    (own,) = backups_in(tmp_path / "backups", database.place)
    first, second = NOON + timedelta(days=1), NOON + timedelta(days=2)
    assert make_backup(other, shared, trigger="test", now=lambda: first).state == "good"
    theirs = make_backup(other, shared, trigger="test", now=lambda: second)
    assert [one.name for one in backups_in(tmp_path / "backups", database.place)] == [own.name]
    assert [one.name for one in backups_in(tmp_path / "backups", other.place)] == [theirs.name]
    assert prune(database, shared, now=NOON + timedelta(days=9)) == ()


def test_the_newest_is_the_one_made_last_whatever_the_clock_said(database: Database, folder: Path) -> None:
    """The clock was a year ahead for a while, and was put right; then it was an hour behind."""
    for moved in (timedelta(days=365), timedelta(hours=2), timedelta(hours=1)):
        at = NOON + moved
        assert make_backup(database, BackupSettings(), trigger="test", now=lambda at=at: at).state == "good"
    dates = [NOON + timedelta(hours=1), NOON + timedelta(hours=2), NOON + timedelta(days=365), NOON]
    assert [one.created_at for one in backups_in(folder, database.place)] == dates
    found = newest_verified(folder, database.place)
    assert found is not None and found.created_at == dates[0]
    hourly = BackupSettings(hourly=1, daily=0, weekly=0, monthly=0)
    assert found.name not in prune(database, hourly, now=NOON + timedelta(days=9))
    later = NOON + timedelta(hours=3)
    assert make_backup(database, hourly, trigger="migration", now=lambda: later).state == "good"
    last = backups_in(folder, database.place)[0]
    assert last.created_at == later
    last.path.write_bytes(b"damaged")  # which does not make another one the newest
    assert backups_in(folder, database.place)[0].name == last.name


@pytest.mark.parametrize("end", [".json", ".db.zst"])
def test_what_cannot_be_reached_now_is_not_called_damaged(database: Database, folder: Path, end: str) -> None:
    """A loop of links stands for a failing device, since root may read everything."""
    file = folder / f"{the_one(folder).name}{end}"
    content = file.read_bytes()
    file.unlink()
    file.symlink_to(file.name)
    assert verified(database).state == "failed"
    file.unlink()
    file.write_bytes(content)
    assert the_one(folder).state == verified(database).state == "good"


def test_a_trial_for_which_the_system_has_no_means_proves_no_damage(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused, sqlite_archive._opened(tmp_path):  # a folder is not opened
        pass
    assert not isinstance(refused.value, BackupDamaged)


def test_prune_does_not_call_what_is_no_folder_an_empty_one(database: Database, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((OSError, StoreError)):
        prune(database, BackupSettings(directory=str(tmp_path / "file")))
