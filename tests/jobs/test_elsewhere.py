"""Backups and trials in a process of their own: its answer, its deadline, and its end with whoever asked."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from storysync.jobs.backup_files import backups_in
from storysync.jobs.elsewhere import backup_elsewhere, verify_elsewhere
from storysync.settings import BackupSettings
from storysync.store.database import Database, Engines, database_at
from support.faulty import environ

WAIT_S = 30.0


@pytest.fixture
def database(tmp_path: Path) -> Database:
    found = database_at(f"sqlite:///{tmp_path / 's.db'}", Engines(group_readable=True))
    found.open().close()
    return found


@pytest.fixture
def folder(database: Database) -> Path:
    return database.base.parent / "backups"


def arm(monkeypatch: pytest.MonkeyPatch, faults: str) -> None:
    """In processes that are started from now on."""
    for name, value in environ(faults).items():
        monkeypatch.setenv(name, value)


def test_it_answers_as_if_it_were_done_here(database: Database, folder: Path) -> None:
    report = backup_elsewhere(database, BackupSettings(level=9), trigger="timer")
    (one,) = backups_in(folder, database.place)
    assert (report.state, report.file, report.trigger) == ("good", one.data, "timer")
    assert (report.verified_at, report.digest) == (one.verified_at, one.sha256)
    assert one.data.stat().st_mode & 0o777 == 0o640, "it was told the settings of the database"
    told = verify_elsewhere(database, BackupSettings())
    assert (told.state, told.name, told.file) == ("good", one.name, one.data)
    assert verify_elsewhere(database, BackupSettings(), name=one.name).state == "good"


def test_a_failure_is_a_report(database: Database, tmp_path: Path) -> None:
    told = verify_elsewhere(database, BackupSettings())
    assert told.state == "failed" and "there is no backup of" in told.message
    (tmp_path / "file").write_text("")
    settings = BackupSettings(directory=str(tmp_path / "file" / "b"))
    report = backup_elsewhere(database, settings, trigger="timer")
    assert report.state == "failed" and "Not a directory" in report.message


def test_a_process_that_is_killed_is_a_failure_that_says_so(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm(monkeypatch, "backup.after-copy=kill")
    report = backup_elsewhere(database, BackupSettings(), trigger="timer")
    assert (report.state, report.message) == ("failed", "its process was ended by signal 9")
    arm(monkeypatch, "backup.after-copy=raise:ZeroDivisionError")
    report = backup_elsewhere(database, BackupSettings(), trigger="timer")
    assert report.state == "failed" and "ended with 1: ZeroDivisionError: injected" in report.message
    assert backups_in(folder) == []


def test_one_that_takes_too_long_is_given_up_and_gone(
    database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm(monkeypatch, "backup.after-copy=hang")
    report = backup_elsewhere(database, BackupSettings(deadline_minutes=0.02), trigger="timer")
    assert (report.state, report.message) == ("failed", "it was given up after 0.02 minutes")
    arm(monkeypatch, "")
    assert backup_elsewhere(database, BackupSettings(), trigger="timer").state == "good", "the lock is free"
    assert len([name for name in os.listdir(folder) if name != ".lock"]) == 2


ASK = """
import sys
from storysync.jobs.elsewhere import backup_elsewhere
from storysync.settings import BackupSettings
from storysync.store.database import database_at
backup_elsewhere(database_at(sys.argv[1]), BackupSettings(), trigger="timer")
"""


def test_it_ends_with_whoever_asked(database: Database, folder: Path) -> None:
    env = {**os.environ, **environ("backup.after-copy=hang")}
    asking = subprocess.Popen([sys.executable, "-c", ASK, database.url], env=env)
    try:
        child = _wait_for(lambda: _holder(folder / ".lock"))
        assert child != asking.pid
    finally:
        asking.kill()
        asking.wait()
    _wait_for(lambda: not _is_alive(child))
    report = backup_elsewhere(database, BackupSettings(), trigger="timer")
    assert report.state == "good"


def _wait_for(asked: Callable[[], int]) -> int:
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        if found := asked():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not happen")


def _holder(lock: Path) -> int:
    with suppress(OSError, ValueError):
        return int(lock.read_text())
    return 0


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
