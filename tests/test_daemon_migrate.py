"""`storysync run` on a database of an older schema: backed up, migrated, noted, told; or left alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from storysync.app import App
from storysync.jobs.backup_files import backups_in
from storysync.jobs.before_migration import MIGRATION_S
from storysync.store.database import Database, database_at
from storysync.store.revisions import HEAD
from support import older


@pytest.fixture
def old(tmp_path: Path, samples: App) -> Database:
    database = database_at(f"sqlite:///{tmp_path}/state/s.db")
    older.old(database, samples)
    return database


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    """What the service manager hears."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        yield manager


def started(tmp_path: Path, **environ: str) -> subprocess.Popen[bytes]:
    folder = tmp_path / "demo"
    folder.mkdir(exist_ok=True)
    (folder / "A-1.md").write_text("---\nid: A-1\n---\n\n# One\n")
    env = os.environ | {
        "STORYSYNC_DATABASE__URL": f"sqlite:///{tmp_path}/state/s.db",
        "NOTIFY_SOCKET": str(tmp_path / "notify"),
        **environ,
    }
    with (tmp_path / "log").open("w") as log:
        command = [sys.executable, "-m", "storysync", "run", str(folder)]
        return subprocess.Popen(command, env=env, stderr=log, stdout=log)


def messages(manager: socket.socket, last: str, daemon: subprocess.Popen[bytes]) -> list[str]:
    """All that is heard up to a message that begins like that."""
    manager.settimeout(0.2)
    until = time.monotonic() + 60
    heard: list[str] = []
    while not (heard and heard[-1].startswith(last)):
        assert time.monotonic() < until and daemon.poll() is None, heard
        with suppress(TimeoutError):
            heard.append(manager.recv(4096).decode())
    return heard


def test_it_asks_for_time_backs_up_migrates_and_says_so(
    old: Database, told: socket.socket, tmp_path: Path
) -> None:
    before = older.held_by(old)
    daemon = started(tmp_path)
    try:
        heard = messages(told, "READY=1", daemon)
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=60) == 0, (tmp_path / "log").read_text()
    asked = [one.partition("=")[2] for one in heard if one.startswith("EXTEND_TIMEOUT_USEC=")]
    assert max(map(int, asked)) > MIGRATION_S * 1_000_000, "for the backup as well"
    (backup,) = backups_in(tmp_path / "state" / "backups")
    assert (backup.state, backup.trigger, backup.schema_version) == ("good", "migration", older.OLDEST)
    log = (tmp_path / "log").read_text()
    assert log.index(f'migration.began message="made the backup {backup.name} of ') < log.index(
        "daemon.started"
    )
    assert old.revision() == HEAD
    after = older.held_by(old)
    assert {row[0] for row in after["stories"]} >= {row[0] for row in before["stories"]}


def test_without_a_backup_it_does_not_start_and_nothing_changes(
    old: Database, told: socket.socket, tmp_path: Path
) -> None:
    before = older.held_by(old)
    (tmp_path / "in-the-way").touch()
    daemon = started(tmp_path, STORYSYNC_BACKUP__DIRECTORY=str(tmp_path / "in-the-way"))
    assert daemon.wait(timeout=60) == 5
    log = (tmp_path / "log").read_text()
    assert "stays 0001, since the backup before it failed" in log
    assert "backup.before_migration=false" in log
    assert (old.revision(), older.held_by(old)) == (older.OLDEST, before)


def test_with_auto_migrate_off_it_says_what_to_run(
    old: Database, told: socket.socket, tmp_path: Path
) -> None:
    daemon = started(tmp_path, STORYSYNC_DATABASE__AUTO_MIGRATE="false")
    assert daemon.wait(timeout=60) == 5
    assert "run `storysync db upgrade`" in (tmp_path / "log").read_text()
    assert old.revision() == older.OLDEST
    assert not (tmp_path / "state" / "backups").exists()
