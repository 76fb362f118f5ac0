from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, nullcontext
from datetime import timedelta
from pathlib import Path

import pytest

from storysync import faults
from storysync.errors import ForeignDatabase, Locked, NotFound, StoreError, StorysyncError, UsageError
from storysync.jobs import restore
from storysync.jobs.backup_files import find
from storysync.store.archive import BackupDamaged
from storysync.store.database import Database
from storysync.store.engines.sqlite_database import SqliteDatabase
from storysync.store.incidents import open_incidents
from support import faulty
from support.damage import Kept, destroy_page, root_page
from support.forms import Form, only

POINTS = [name for name in faults.POINTS if name.startswith("restore.")]


@pytest.fixture
def kept(form: Form, database: Database, tmp_path: Path) -> Iterator[Kept]:
    """One story in the database, and a backup of that; then it changes, and another one comes."""
    kept = Kept(database, tmp_path / "demo", project="demo" if form.name == "sqlite-per-project" else "")
    kept.write("A-1", "todo")
    kept.sync()
    kept.back_up()
    kept.write("A-1", "done")
    kept.write("A-2", "todo")
    kept.sync()
    yield kept


def restored(kept: Kept, name: str | None = None) -> restore.RestoreReport:
    chosen = restore.choose(kept.database, kept.settings, name=name, project=kept.project)
    return restore.restore(kept.database, kept.settings, chosen, project=kept.project)


def test_the_database_is_as_it_was_when_the_backup_was_made(kept: Kept) -> None:
    restored(kept)
    assert kept.statuses() == {"A-1": "todo"}
    kept.sync(reread=True)
    assert kept.statuses() == {"A-1": "done", "A-2": "todo"}
    kept.must_equal()


def test_an_incident_says_so_until_it_is_acknowledged(kept: Kept) -> None:
    report = restored(kept)
    with kept.database.reader() as reader:
        (incident,) = open_incidents(reader)
    assert incident.kind == "restored"
    assert report.backup in incident.message and report.aside in incident.message


def test_numbers_that_were_given_out_are_not_given_out_again(kept: Kept) -> None:
    seq, uid = kept.rows("SELECT max(seq) AS seq, max(identity) AS uid FROM changes")[0].values()
    restored(kept)
    kept.sync(reread=True)
    new = kept.rows("SELECT seq, identity FROM changes WHERE story_id = 'A-2'")[0]
    assert new["seq"] > seq and new["identity"] > uid


def test_what_the_present_database_has_more_is_told(kept: Kept) -> None:
    chosen = restore.choose(kept.database, kept.settings, project=kept.project)
    present = restore.look_at_present(kept.database, chosen)
    assert (present.state, present.rows["stories"], chosen.rows["stories"]) == ("there", 2, 1)
    assert present.rows["changes"] > chosen.rows["changes"]


def test_a_time_picks_the_last_backup_made_until_then(kept: Kept) -> None:
    first = restore.choose(kept.database, kept.settings, project=kept.project)
    kept.back_up()
    newest = restore.choose(kept.database, kept.settings, project=kept.project)
    at = newest.created_at - timedelta(microseconds=1)
    picked = restore.choose(kept.database, kept.settings, at=at, project=kept.project)
    assert picked.name == first.name != newest.name
    with pytest.raises(NotFound):
        before = first.created_at - timedelta(microseconds=1)
        restore.choose(kept.database, kept.settings, at=before, project=kept.project)


def test_a_damaged_backup_is_refused_and_nothing_changes(kept: Kept) -> None:
    chosen = restore.choose(kept.database, kept.settings, project=kept.project)
    data = bytearray(chosen.data.read_bytes())
    data[len(data) // 2] ^= 0x10
    chosen.data.write_bytes(bytes(data))
    with pytest.raises(BackupDamaged):
        restore.restore(kept.database, kept.settings, chosen, project=kept.project)
    assert kept.statuses() == {"A-1": "done", "A-2": "todo"}
    with pytest.raises(BackupDamaged):  # it is known now
        restore.choose(kept.database, kept.settings, name=chosen.name, project=kept.project)
    with pytest.raises(NotFound):
        restore.choose(kept.database, kept.settings, project=kept.project)


def test_a_backup_of_another_project_is_refused(kept: Kept) -> None:
    chosen = restore.choose(kept.database, kept.settings, project=kept.project)
    with pytest.raises(UsageError, match="not of the database of project other"):
        restore.choose(kept.database, kept.settings, name=str(chosen.path), project="other")


@pytest.mark.parametrize("point", POINTS)
def test_a_restore_that_fails_at_any_step_leaves_all_of_one_database(kept: Kept, point: str) -> None:
    passed = kept.database.file is not None or point not in ("restore.before-aside", "restore.after-aside")
    fails = pytest.raises((StorysyncError, OSError)) if passed else nullcontext()  # a server has no such step
    with faults.armed(f"{point}=raise:OSError"), fails:
        restored(kept)
    done = point == "restore.after-swap" or not passed
    assert kept.statuses() == ({"A-1": "todo"} if done else {"A-1": "done", "A-2": "todo"})
    if kept.database.file is not None and not done:
        assert kept.kept_aside("aside") == []
        assert not kept.file.with_name(kept.file.name + ".fresh").exists()
    kept.sync(reread=True)
    kept.must_equal()


def test_it_is_restored_beside_while_the_database_is_in_use(kept: Kept, tmp_path: Path) -> None:
    chosen = restore.choose(kept.database, kept.settings, project=kept.project)
    target = (
        str(tmp_path / "copy.db") if kept.database.file else f"copy_{tmp_path.parent.name.replace('-', '_')}"
    )
    with kept.database.lock(), kept.database.open() as store:
        url = restore.extract(kept.database, kept.settings, chosen, target)
        with pytest.raises(UsageError):
            restore.extract(kept.database, kept.settings, chosen, target)
        with store.snapshot() as tx:
            assert tx.row("SELECT count(*) FROM stories") == (2,)
    assert "copy" in url


# -- a file of SQLite --------------------------------------------------------------------------------


@only("sqlite")
def test_a_running_daemon_is_not_disturbed(kept: Kept) -> None:
    with kept.database.lock(), pytest.raises(Locked) as caught:
        restored(kept)
    assert "storysync run" in caught.value.hint
    assert len(kept.statuses()) == 2


def leave_log(kept: Kept) -> None:
    """As after the kill of a process whose last transaction is in the log only."""
    left = kept.file.with_name("left.db")
    ends = ("", "-wal")
    with kept.database.open() as store:
        with store.writing() as tx:
            tx.execute("UPDATE stories SET title = 'only in the log'")
        for end in ends:
            left.with_name(left.name + end).write_bytes(
                kept.file.with_name(kept.file.name + end).read_bytes()
            )
    for end in ends:
        left.with_name(left.name + end).rename(kept.file.with_name(kept.file.name + end))
    assert b"only in the log" not in kept.file.read_bytes()


@only("sqlite")
def test_the_former_database_lies_beside_whole_with_what_its_log_held(kept: Kept) -> None:
    leave_log(kept)
    report = restored(kept)
    with closing(sqlite3.connect(report.aside)) as aside:
        assert aside.execute("SELECT DISTINCT title FROM stories").fetchall() == [("only in the log",)]
        assert aside.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert {row["title"] for row in kept.rows("SELECT title FROM stories")} == {"Story A-1"}


@only("sqlite")
def test_a_kill_just_before_the_swap_leaves_the_database_with_what_its_log_held(kept: Kept) -> None:
    leave_log(kept)
    words = ("backup", "restore", "--yes", "--database", kept.database.url)
    assert faulty.run("restore.before-swap=kill", *words).returncode == faulty.KILLED
    assert {row["title"] for row in kept.rows("SELECT title FROM stories")} == {"only in the log"}
    assert faulty.run("", *words).returncode == 0
    kept.must_equal()
    assert not kept.file.with_name(kept.file.name + ".fresh").exists()


@only("sqlite")
def test_a_stale_log_is_never_replayed_into_what_is_restored(kept: Kept) -> None:
    """Row 30 of the fault matrix, with a database that is too damaged for its log to be merged."""
    kept.fill(60)
    kept.sync()
    wal = kept.file.with_name(kept.file.name + "-wal")
    with kept.database.open() as store:
        with store.writing() as tx:
            tx.execute("UPDATE stories SET title = 'stale', body = 'stale'")
        stale = wal.read_bytes()
    assert len(stale) > 4096
    kept.file.write_bytes(b"not a database at all" * 1000)
    wal.write_bytes(stale)
    report = restored(kept)
    assert not wal.exists() or wal.stat().st_size == 0 or wal.read_bytes()[:32] != stale[:32]
    assert kept.statuses() == {"A-1": "todo"}
    assert kept.database.findings(thorough=True) == ((), ())
    assert Path(report.aside + "-wal").read_bytes() == stale


@only("sqlite")
def test_another_program_that_reads_is_waited_for_and_then_named(kept: Kept) -> None:
    from storysync.settings import SqliteSettings
    from storysync.store.database import Engines, database_at

    hasty = database_at(kept.database.url, Engines(SqliteSettings(timeout=0.1)))
    with closing(sqlite3.connect(kept.file, isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM stories").fetchone()
        kept.write("A-3")
        kept.sync()
        chosen = restore.choose(hasty, kept.settings)
        with pytest.raises(StoreError, match="another program is using the database"):
            restore.restore(hasty, kept.settings, chosen)
        other.execute("ROLLBACK")
    assert len(kept.statuses()) == 3
    assert kept.kept_aside("aside") == []


@only("sqlite")
def test_who_has_the_former_database_open_does_not_harm_the_new_one(kept: Kept) -> None:
    """SQLite removes the log by its name when the last connection ends; not one that is no longer its own."""
    other = sqlite3.connect(kept.file, isolation_level=None)
    other.execute("SELECT count(*) FROM stories").fetchone()
    restored(kept)
    with kept.database.open() as store:
        with store.writing() as tx:
            tx.execute("UPDATE stories SET title = 'new'")
        other.execute("UPDATE stories SET title = 'old'")
        other.close()
        assert kept.file.with_name(kept.file.name + "-wal").stat().st_size > 0
    assert {row["title"] for row in kept.rows("SELECT title FROM stories")} == {"new"}
    assert kept.database.findings(thorough=True) == ((), ())


@only("sqlite")
def test_a_database_that_is_not_there_or_damaged_is_no_obstacle(kept: Kept) -> None:
    destroy_page(kept.file, root_page(kept.file, "stories"))
    assert restored(kept).aside
    assert kept.statuses() == {"A-1": "todo"}
    kept.file.unlink()
    assert restored(kept).aside == ""
    assert kept.statuses() == {"A-1": "todo"}


@only("sqlite")
def test_a_database_of_another_program_is_left_alone(kept: Kept) -> None:
    chosen = restore.choose(kept.database, kept.settings)
    kept.file.unlink()
    with closing(sqlite3.connect(kept.file)) as other:
        other.execute("CREATE TABLE theirs (a)")
    before = kept.file.read_bytes()
    with pytest.raises(ForeignDatabase):
        restore.restore(kept.database, kept.settings, chosen)
    assert kept.file.read_bytes() == before


@only("sqlite")
def test_a_file_system_without_hard_links_keeps_a_copy(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    report = restored(kept)
    with closing(sqlite3.connect(report.aside)) as aside:
        assert aside.execute("SELECT count(*) FROM stories").fetchone() == (2,)
    assert kept.statuses() == {"A-1": "todo"}


@only("sqlite")
def test_two_restores_in_one_second_keep_both_former_databases(kept: Kept) -> None:
    chosen = restore.choose(kept.database, kept.settings)
    places = {restore.restore(kept.database, kept.settings, chosen, now=kept.clock).aside for _ in range(3)}
    assert len(places) == 3 and all(Path(place).exists() for place in places)


@only("sqlite")
def test_a_link_to_the_database_stays_a_link(kept: Kept, tmp_path: Path) -> None:
    real = tmp_path / "elsewhere" / "real.db"
    real.parent.mkdir()
    kept.file.rename(real)
    kept.file.symlink_to(real)
    report = restored(kept)
    assert kept.file.is_symlink() and Path(report.aside).parent == real.parent
    assert kept.statuses() == {"A-1": "todo"}


@only("sqlite")
def test_an_older_schema_is_brought_to_the_newest(kept: Kept) -> None:
    from storysync.store import migrate

    name = find(kept.file.parent / "backups", kept.back_up().name).name
    with kept.database.lock():
        migrate.downgrade(kept.database, "0001")
    older = kept.back_up().name
    report = restored(kept, older)
    assert report.migrated_from == "0001"
    assert kept.statuses() == {"A-1": "done", "A-2": "todo"}
    assert restored(kept, name).migrated_from == ""


@only("sqlite")
def test_a_restore_that_is_cut_off_after_the_swap_has_told_why_and_counts_on(kept: Kept) -> None:
    last = kept.rows("SELECT max(seq) AS last FROM changes")[0]["last"]
    with faults.armed("restore.after-swap=raise:OSError"), pytest.raises((StorysyncError, OSError)):
        restored(kept)
    with kept.database.reader() as reader:
        (told,) = open_incidents(reader)
    assert told.kind == "restored" and str(kept.kept_aside("aside")[0]) in told.message
    kept.sync(reread=True)
    assert kept.rows("SELECT min(seq) AS first FROM changes WHERE story_id = 'A-2'")[0]["first"] > last


@only("sqlite")
def test_a_backup_whose_schema_cannot_be_brought_to_the_newest_leaves_the_database(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = kept.statuses()

    def fail(*args: object, **named: object) -> None:
        raise StoreError("the migration failed and nothing was changed")

    monkeypatch.setattr(SqliteDatabase, "open", fail)
    with pytest.raises(StoreError, match="the migration failed"):
        restored(kept)
    monkeypatch.undo()
    assert kept.statuses() == before and kept.kept_aside("aside") == []
    assert not kept.file.with_name(kept.file.name + ".fresh").exists()
