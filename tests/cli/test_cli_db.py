"""`storysync db upgrade|downgrade|current|history`: what is told, what is refused, and the backup before."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cli.conftest import Run
from storysync.app import App
from storysync.cli import db
from storysync.store.database import Database, Engines, database_at
from storysync.store.lock import InstanceLock, lock_path
from storysync.store.revisions import HEAD
from support import older, postgres
from support.forms import Form, each_engine

INCIDENT = (
    "INSERT INTO incidents (at, kind, message) VALUES ('2026-03-01T12:00:00.000000Z', 'damaged', 'a page')"
)
BACKUPS = "SELECT trigger, state FROM backups"


@pytest.fixture
def url(here: Path, form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a place without a database, as everybody gives it."""
    url = form.empty(tmp_path / "place").url if form.name == "postgresql" else f"sqlite:///{tmp_path}/p/s.db"
    if form.name == "sqlite-per-project":
        url = f"sqlite:///{tmp_path}/p/{{project}}/s.db"
    monkeypatch.setenv("STORYSYNC_DATABASE__URL", url)
    if form.name == "postgresql":
        monkeypatch.setenv("STORYSYNC_BACKUP__PG_BIN", str(postgres.newest_programs()))
    monkeypatch.setenv("STORYSYNC_BACKUP__DIRECTORY", str(tmp_path / "backups"))
    return url


@pytest.fixture
def old(url: str, samples: App, tmp_path: Path) -> Database:
    """A database of the oldest revision with rows in every table; that of `demo`, where each has its own."""
    database = database_at(url.replace("{project}", "demo"), Engines(state_dir=tmp_path / "state"))
    older.old(database, samples)
    return database


def made(tmp_path: Path) -> list[Path]:
    """The manifests of backups, oldest first."""
    return sorted((tmp_path / "backups").rglob("*.json"))


def test_upgrade_backs_up_first_and_says_so(run: Run, old: Database, tmp_path: Path) -> None:
    before = older.held_by(old)
    done = run("db", "upgrade")
    assert (done.code, done.out) == (0, f"{old.place}: revision {HEAD}\n"), done.err
    (manifest,) = made(tmp_path)
    assert f"made the backup {manifest.stem} of {old.place} before its schema {older.OLDEST}" in done.err
    after = older.held_by(old)
    noted = after.pop("backups")
    assert len(noted) == len(before.pop("backups")) + 1 and "migration" in noted[-1]
    assert {table: after[table] for table in before} == before
    again = run("db", "upgrade")
    assert (again.code, again.err) == (0, "")
    assert made(tmp_path) == [manifest]


def test_a_sync_upgrades_after_a_backup(run: Run, old: Database, tmp_path: Path, here: Path) -> None:
    (here / "demo").mkdir()
    (here / "demo" / "A-1.md").write_text("---\nid: A-1\n---\n\n# One\n")
    done = run("sync", "demo")
    assert done.code == 0, done.err
    assert "made the backup storysync-" in done.err
    assert len(made(tmp_path)) == 1 and old.revision() == HEAD


@each_engine
def test_without_room_for_the_backup_nothing_is_upgraded(run: Run, old: Database, tmp_path: Path) -> None:
    before = older.held_by(old)
    (tmp_path / "backups").write_text("in the way")
    failed = run("db", "upgrade")
    failed.failed(5, "the backup before it failed", "backup.before_migration=false")
    assert (old.revision(), older.held_by(old)) == (older.OLDEST, before)


@each_engine
def test_the_backup_can_be_turned_off(
    run: Run, old: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYSYNC_BACKUP__BEFORE_MIGRATION", "false")
    assert run("db", "upgrade").err == ""
    assert made(tmp_path) == [] and old.revision() == HEAD


@each_engine
def test_with_auto_migrate_off_sync_refuses_and_db_upgrade_does_it(
    run: Run, old: Database, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYSYNC_DATABASE__AUTO_MIGRATE", "false")
    (here / "demo").mkdir()
    (here / "demo" / "A-1.md").write_text("# One\n")
    run("sync", "demo").failed(5, f"this storysync needs {HEAD}", "storysync db upgrade")
    assert old.revision() == older.OLDEST
    assert run("db", "upgrade").code == 0
    assert run("sync", "demo").code == 0


@each_engine
def test_downgrade_without_a_loss_needs_no_word(run: Run, old: Database, tmp_path: Path) -> None:
    run("db", "upgrade")
    done = run("db", "downgrade", older.OLDEST)
    assert (done.code, done.out) == (0, f"{old.place}: revision {older.OLDEST}\n"), done.err
    assert len(made(tmp_path)) == 2


@each_engine
def test_downgrade_that_drops_rows_says_which_and_wants_yes(run: Run, old: Database, tmp_path: Path) -> None:
    run("db", "upgrade")
    with older.writing(old) as tx:
        tx.execute(INCIDENT)
    before = older.held_by(old)
    run("db", "downgrade", older.OLDEST).failed(
        2, f"the downgrade of {old.place} to 0001 drops incidents (1 row)", "--yes"
    )
    run("db", "downgrade", older.OLDEST, "--json").failed(2, "incidents (1 row)")
    assert older.held_by(old) == before
    assert run("db", "downgrade", older.OLDEST, "--yes").code == 0
    assert old.revision() == older.OLDEST
    assert len(made(tmp_path)) == 2


@each_engine
def test_a_downgrade_that_does_not_go_down_is_refused(run: Run, old: Database) -> None:
    run("db", "downgrade", HEAD).failed(2, "which is older", f"storysync db upgrade {HEAD}")
    run("db", "upgrade")
    run("db", "upgrade", older.OLDEST).failed(2, f"is {HEAD} already", "storysync db downgrade 0001")
    for command in ("upgrade", "downgrade"):
        run("db", command, "nope").failed(2, "cannot migrate to 'nope': there is no such revision")
    nothing = run("db", "downgrade", HEAD)
    assert (nothing.code, nothing.err) == (0, "")


@each_engine
def test_history_says_what_each_does_and_which_is_current(run: Run, old: Database) -> None:
    lines = run("db", "history").out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [["0001", "current"], ["0002", "pending"]]
    run("db", "upgrade")
    lines = run("db", "history").out.splitlines()
    assert lines[0] == "REVISION  STATE    WHAT IT DOES"
    assert lines[1:] == [
        "0001      done     the first schema",
        "0002      current  the runs of jobs, and incidents",
    ]
    document = run("db", "history", "--json").data
    assert document["data"]["databases"] == [{"database": old.place, "revision": HEAD}]
    assert [one["revision"] for one in document["data"]["revisions"]] == ["0001", "0002"]


@each_engine
def test_history_as_sql_leads_from_where_the_database_is(run: Run, old: Database, form: Form) -> None:
    told = run("db", "history", "--sql").out
    assert told.startswith(f"-- {old.place}: from 0001 to {HEAD}. Run it whole")
    assert "CREATE TABLE incidents" in told and ("PRAGMA" in told) == (form.name != "postgresql")
    assert "DROP TABLE incidents" in run("db", "history", "--sql", f"{HEAD}:0001").out
    run("db", "upgrade")
    assert run("db", "history", "--sql").out == f"-- {old.place}: from {HEAD} to {HEAD}, nothing to do\n"


@each_engine
def test_what_history_cannot_print_is_a_usage_error(run: Run, old: Database) -> None:
    run("db", "history", "0001:0002").failed(2, "--sql")
    run("db", "history", "--sql", "0001").failed(2, "write it as 0001:0002")
    run("db", "history", "--sql", ":").failed(2, "write it as 0001:0002")
    run("db", "history", "--sql", "0001:7").failed(2, "there is no revision '7'")
    run("db", "history", "--sql", "--json").failed(2, "leave out one")


def test_history_needs_no_database(run: Run, url: str) -> None:
    assert [line.split()[1] for line in run("db", "history").out.splitlines()[1:]] == ["pending"] * 2


@each_engine
@pytest.mark.parametrize("command", [("upgrade",), ("downgrade", "base"), ("current",), ("history",)])
def test_a_newer_database_is_refused(run: Run, old: Database, command: tuple[str, ...]) -> None:
    with older.writing(old) as tx:
        tx.execute("UPDATE storysync_version SET version_num = '9999'")
    done = run("db", *command)
    if command[0] in ("current", "history"):
        assert done.code == 0
    else:
        done.failed(5, "9999", "newer than this storysync")
    assert old.revision() == "9999"


def test_what_is_no_database_of_ours_is_refused(run: Run, here: Path) -> None:
    with closing(sqlite3.connect(here / "other.db")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = (here / "other.db").read_bytes()
    for command in (("upgrade",), ("downgrade", "base", "--yes"), ("current",), ("history",)):
        run("db", *command, "--database", "other.db").failed(5, "database of another program")
    assert (here / "other.db").read_bytes() == before


# -- several at once, and a daemon --------------------------------------------------------------------------


@each_engine
def test_three_upgrades_at_once_all_end_well_after_one_backup(old: Database, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "storysync", "db", "upgrade"]
    running = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]
    told = [process.communicate(timeout=120) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0], told
    assert {out for out, _ in told} == {f"{old.place}: revision {HEAD}\n"}
    assert len(made(tmp_path)) == 1
    with old.read_any() as tx:
        assert tx.rows(BACKUPS).count(("migration", "good")) == 1


def test_an_upgrade_does_not_wait_for_a_daemon(
    run: Run, here: Path, samples: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = database_at(f"sqlite:///{here}/s.db")
    older.old(database, samples)
    monkeypatch.setattr(db, "WAIT_S", 3600.0)
    (here / "s.db.sock").touch()
    with InstanceLock(lock_path(here / "s.db")):
        for command in (("upgrade",), ("downgrade", "base", "--yes")):
            run("db", *command, "--database", "s.db").failed(6, "holds the lock")
    assert database.revision() == older.OLDEST


def test_an_upgrade_waits_for_another_one_and_gives_up(
    run: Run, here: Path, samples: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    older.old(database_at(f"sqlite:///{here}/s.db"), samples)
    monkeypatch.setattr(db, "WAIT_S", 0.1)
    with InstanceLock(lock_path(here / "s.db")):
        run("db", "upgrade", "--database", "s.db").failed(6, "holds the lock")
    assert run("db", "upgrade", "--database", "s.db").code == 0
