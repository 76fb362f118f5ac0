"""Backups of a server's database as a job: whatever hinders them is a reason, and hinders nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from storysync.cli.main import main
from storysync.jobs.backup import make_backup
from storysync.jobs.backup_files import backup_directory, backups_in, is_of, newest_verified
from storysync.jobs.backup_verify import verify
from storysync.jobs.elsewhere import backup_elsewhere
from storysync.jobs.restore import choose, restore
from storysync.settings import BackupSettings
from storysync.store.database import Database, Engines, database_at
from storysync.store.engines import postgres_programs
from support import postgres

WITH = BackupSettings(pg_bin=str(postgres.newest_programs()))


@pytest.fixture
def database(postgres_url: str, stories: Path, tmp_path: Path) -> Database:
    (stories / "A-1.md").write_text("---\nid: A-1\ntitle: One\nstatus: todo\n---\n", encoding="utf-8")
    assert main(["sync", str(stories), "--database", postgres_url]) == 0
    return database_at(postgres_url, Engines(state_dir=tmp_path / "state"))


def test_backup_is_made_verified_and_restored(
    database: Database, stories: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = backup_elsewhere(database, WITH, trigger="command")
    assert (made.state, made.message) == ("good", "")
    assert made.file is not None and made.file.name == f"{made.name}.dump" and made.verified_at
    assert verify(database, WITH).state == "good"
    (stories / "A-2.md").write_text("---\nid: A-2\ntitle: Two\n---\n", encoding="utf-8")
    assert main(["sync", str(stories), "--database", database.url]) == 0
    done = restore(database, WITH, choose(database, WITH))
    assert done.backup == made.name and "_aside_" in done.aside
    with database.read_only() as tx:
        assert tx.rows("SELECT id FROM stories") == [("A-1",)]
        assert tx.rows("SELECT kind FROM incidents") == [("restored",)]
    assert main(["sync", str(stories), "--database", database.url]) == 0
    assert main(["verify", "--database", database.url]) == 0
    with database.read_only() as tx:  # uid 2 was given out before the restore
        assert tx.rows("SELECT uid FROM identities ORDER BY uid") == [(1,), (3,)]


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        (None, "there is no pg_dump with its pg_restore in PATH; backups of PostgreSQL 18 need them"),
        (str(postgres.older_programs()), "older than the server, PostgreSQL 18"),
    ],
    ids=["missing", "older"],
)
def test_programs_that_do_not_suit_fail_the_backup_and_not_the_sync(
    database: Database, stories: Path, folder: str | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(postgres_programs, "DEBIAN", Path("/nonexistent"))
    failed = make_backup(database, BackupSettings(pg_bin=folder), trigger="schedule")
    assert failed.state == "failed" and reason in failed.message and failed.file is None
    directory = backup_directory(database, WITH)
    assert [one.name for one in directory.iterdir() if one.name != ".lock"] == []
    assert main(["sync", str(stories), "--database", database.url]) == 0


def test_truncated_backup_is_damaged_and_not_counted(database: Database) -> None:
    made = make_backup(database, WITH, trigger="command")
    assert made.file is not None
    made.file.write_bytes(made.file.read_bytes()[:-1])
    assert verify(database, WITH, name=made.name).state == "damaged"
    assert newest_verified(backup_directory(database, WITH), database.place) is None


def test_owner_finds_the_backups_that_the_writer_has_made(database: Database) -> None:
    made = make_backup(database, WITH, trigger="command")
    (found,) = backups_in(backup_directory(database, WITH), database.place)
    assert found.name == made.name
    place = database.place.replace("postgres@", "owner@")
    assert is_of(found, place) and place != database.place
    assert not is_of(found, f"{place}x")
    assert is_of(msgspec.structs.replace(found, database=place.replace("owner@", "")), place)


def test_manifest_tells_no_password(database: Database) -> None:
    with_password = database_at(database.url.replace("postgres@", "postgres:s3cret@"), database.engines)
    made = make_backup(with_password, WITH, trigger="command")
    assert made.file is not None
    manifest = made.file.with_name(f"{made.name}.json").read_text(encoding="utf-8")
    assert "s3cret" not in manifest
    assert json.loads(manifest)["engine_version"].startswith("PostgreSQL 18.")
