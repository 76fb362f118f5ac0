"""Rows 28 and 29 of the fault matrix, and what must never be taken for damage."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from storysync import faults
from storysync.errors import Damaged, ForeignDatabase, Locked, StoreError
from storysync.jobs.backup_files import backups_in
from storysync.jobs.recover import RecoveryReport, damage_of, recover, recover_if_damaged
from storysync.settings import SqliteSettings
from storysync.store.database import Database, Engines, database_at
from storysync.store.engines import sqlite_integrity
from storysync.store.incidents import Incident, acknowledge, open_incidents
from support.damage import Kept, destroy_page, root_page
from support.forms import Form, only

POINTS = [name for name in faults.POINTS if name.startswith(("restore.", "recover."))]


def _page_of_stories(file: Path) -> None:
    destroy_page(file, root_page(file, "stories"))


def _first_page(file: Path) -> None:
    destroy_page(file, 1)


def _magic(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.write(b"XXXXXXXXXXXXXXXX")


def _half(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(file.stat().st_size // 2)


def _nothing(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(0)


def _zeros(file: Path) -> None:
    file.write_bytes(bytes(file.stat().st_size))


DAMAGES: list[Callable[[Path], None]] = [_page_of_stories, _first_page, _magic, _half, _nothing, _zeros]


@pytest.fixture
def kept(form: Form, database: Database, tmp_path: Path) -> Kept:
    """Some stories, two backups, and a story that came after them."""
    kept = Kept(database, tmp_path / "demo", project="demo" if form.name == "sqlite-per-project" else "")
    kept.fill(30)
    kept.sync()
    kept.back_up()
    kept.write("A-1", "todo")
    kept.sync()
    kept.back_up()
    kept.write("A-2", "todo")
    kept.sync()
    return kept


def recovered(kept: Kept) -> RecoveryReport | None:
    return recover_if_damaged(kept.database, kept.settings, project=kept.project)


def backups(kept: Kept) -> list[Path]:
    """Their data, newest first."""
    return [one.data for one in backups_in(kept.file.parent / "backups", kept.database.place)]


def test_a_sound_database_is_left_alone(kept: Kept) -> None:
    assert damage_of(kept.database, kept.settings, project=kept.project) == ""
    assert recovered(kept) is None
    assert "A-2" in kept.statuses()


@only("postgresql")
def test_a_server_is_not_ours_to_mend(kept: Kept) -> None:
    with pytest.raises(StoreError, match="its server is not ours to mend"):
        recover(kept.database, kept.settings, found="missing chunk")


@only("sqlite")
@pytest.mark.parametrize("damage", DAMAGES, ids=lambda one: one.__name__)
def test_a_damaged_database_gives_way_to_the_newest_backup(
    kept: Kept, damage: Callable[[Path], None]
) -> None:
    damage(kept.file)
    bytes_of_it = kept.file.read_bytes()
    report = recovered(kept)
    assert report is not None and report.passed_over == ()
    (aside,) = kept.kept_aside("damaged")
    assert (str(aside), aside.read_bytes()) == (report.aside, bytes_of_it)
    assert "A-1" in kept.statuses() and "A-2" not in kept.statuses()
    with kept.database.reader() as reader:
        (incident,) = open_incidents(reader)
    assert (incident.kind, incident.message) == ("recovered", report.message)
    assert all(word in report.message for word in (report.backup, report.aside, report.found))
    kept.sync(reread=True)
    kept.must_equal()
    assert recovered(kept) is None


@only("sqlite-per-project")
def test_a_project_has_its_own_backups(kept: Kept) -> None:
    _half(kept.file)
    report = recovered(kept)
    assert report is not None and report.project == "demo" and report.backup
    assert "A-1" in kept.statuses()


@only("sqlite")
def test_numbers_that_were_given_out_after_the_backup_are_not_given_out_again(kept: Kept) -> None:
    last = kept.rows("SELECT max(seq) AS seq FROM changes")[0]["seq"]
    _half(kept.file)
    assert recovered(kept) is not None
    kept.sync(reread=True)
    assert kept.rows("SELECT seq FROM changes WHERE story_id = 'A-2'")[0]["seq"] > last


@only("sqlite")
def test_a_backup_that_is_damaged_too_is_passed_over(kept: Kept) -> None:
    newest, older = backups(kept)
    data = bytearray(newest.read_bytes())
    data[len(data) // 2] ^= 1
    newest.write_bytes(bytes(data))
    _half(kept.file)
    report = recovered(kept)
    assert report is not None and older.name.startswith(report.backup)
    (passed,) = report.passed_over
    assert passed.startswith(newest.name.partition(".")[0])
    assert passed in report.message
    kept.sync(reread=True)
    kept.must_equal()


@only("sqlite")
def test_without_any_backup_an_empty_one_is_begun_and_the_damaged_one_kept(kept: Kept) -> None:
    for file in backups(kept):
        file.unlink()
    _half(kept.file)
    report = recovered(kept)
    assert report is not None and (report.backup, report.created_at) == ("", None)
    assert kept.statuses() == {} and Path(report.aside).exists()
    kept.sync(reread=True)
    kept.must_equal()


def noted(kept: Kept) -> list[Incident]:
    with kept.database.reader() as reader:
        return open_incidents(reader)


@only("sqlite")
def test_an_incident_ends_when_it_is_acknowledged(kept: Kept) -> None:
    _half(kept.file)
    assert recovered(kept) is not None
    with kept.database.open() as store, store.writing() as tx:
        assert acknowledge(tx, kept.clock) == 1
        assert acknowledge(tx, kept.clock) == 0
    with kept.database.reader() as reader:
        assert open_incidents(reader) == []


@only("sqlite")
def test_damage_that_shows_when_something_is_written_has_its_own_error(kept: Kept) -> None:
    _page_of_stories(kept.file)
    with pytest.raises(Damaged), kept.database.open() as store, store.writing() as tx:
        tx.execute("UPDATE stories SET title = 'x'")


# -- what is no damage -------------------------------------------------------------------------------


def untouched(kept: Kept, database: Database) -> None:
    before = kept.file.stat().st_ino
    assert damage_of(database, kept.settings) == ""
    assert recover_if_damaged(database, kept.settings) is None
    assert kept.file.stat().st_ino == before and kept.kept_aside("damaged") == []


@only("sqlite")
def test_a_lock_is_no_damage(kept: Kept) -> None:
    hasty = database_at(kept.database.url, Engines(SqliteSettings(timeout=0.05)))
    with closing(sqlite3.connect(kept.file, isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = DELETE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="locked"):
            hasty.findings(thorough=False)
        untouched(kept, hasty)


@only("sqlite")
@pytest.mark.parametrize(
    "name", ["SQLITE_IOERR_READ", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_PERM", "SQLITE_NOMEM"]
)
def test_a_failing_disk_or_a_missing_right_is_no_damage(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    from storysync.store.engines import sqlite

    def fail(path: Path, settings: SqliteSettings) -> sqlite3.Connection:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorname = name
        raise error

    monkeypatch.setattr(sqlite, "open_read_only", fail)
    untouched(kept, kept.database)


def _failing(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    """The disk of a file gives an error in the middle of it: SQLite calls that malformed, as here."""
    _half(file)

    def fail(read: Path) -> None:
        if read == file:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(sqlite_integrity, "read_through", fail)


@only("sqlite")
@pytest.mark.parametrize("thorough", [False, True])
def test_a_disk_that_fails_while_it_is_read_is_no_damage(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, thorough: bool
) -> None:
    _failing(monkeypatch, kept.file)
    with pytest.raises(StoreError, match="fails: Input/output error") as refused:
        kept.database.findings(thorough=thorough)
    assert not isinstance(refused.value, Damaged)
    untouched(kept, kept.database)


@only("sqlite")
def test_damage_that_shows_only_once_is_none(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = kept.file.read_bytes()
    _half(kept.file)
    monkeypatch.setattr(sqlite_integrity, "read_through", lambda file: kept.file.write_bytes(sound))
    assert kept.database.findings(thorough=True).damage == ()


@only("sqlite")
@pytest.mark.parametrize("end", [".json", ".db.zst"])
def test_a_backup_that_cannot_be_reached_is_not_passed_over(kept: Kept, end: str) -> None:
    """A loop of links stands for a failing device, since root may read everything."""
    file = backups(kept)[0].with_suffix("").with_suffix(end)
    content = file.read_bytes()
    file.unlink()
    file.symlink_to(file.name)
    _half(kept.file)
    with pytest.raises(StoreError, match="cannot be tried now"):
        recovered(kept)
    assert kept.kept_aside("damaged") == []
    file.unlink()
    file.write_bytes(content)
    report = recovered(kept)
    assert report is not None and (report.backup, report.passed_over) == (file.name.partition(".")[0], ())


@only("sqlite")
def test_every_backup_that_was_not_restored_is_told(kept: Kept) -> None:
    newest, older = backups(kept)
    newest.unlink()
    _half(kept.file)
    report = recovered(kept)
    assert report is not None and older.name.startswith(report.backup)
    (passed,) = report.passed_over
    assert passed.startswith(newest.name.partition(".")[0]) and "is not there" in passed


@only("sqlite")
def test_a_file_of_another_program_or_of_nobody_is_not_replaced(kept: Kept, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs" / "x.db"
    theirs.parent.mkdir()
    with closing(sqlite3.connect(theirs)) as other:
        other.execute("CREATE TABLE theirs (a)")
    noise = theirs.with_name("noise.db")
    noise.write_bytes(os.urandom(8192))
    empty = theirs.with_name("empty.db")
    empty.touch()
    for file in (theirs, noise, empty):
        before = file.read_bytes()
        database = database_at(f"sqlite:///{file}")
        assert recover_if_damaged(database, kept.settings) is None
        assert file.read_bytes() == before
    with pytest.raises(ForeignDatabase):
        database_at(f"sqlite:///{noise}").open()


@only("sqlite")
def test_a_database_that_is_not_there_is_not_made(kept: Kept) -> None:
    kept.file.unlink()
    assert recovered(kept) is None
    assert not kept.file.exists()


@only("sqlite")
def test_another_process_that_holds_the_lock_recovers_it_itself(kept: Kept) -> None:
    _half(kept.file)
    with kept.database.lock(), pytest.raises(Locked):
        recovered(kept)
    assert kept.kept_aside("damaged") == []


@only("sqlite")
def test_a_backup_that_cannot_be_tried_now_is_no_reason_to_begin_anew(kept: Kept) -> None:
    _half(kept.file)
    before = kept.file.read_bytes()
    with faults.armed("restore.before-swap=enospc"), pytest.raises(StoreError, match="is full"):
        recovered(kept)
    assert kept.file.read_bytes() == before and kept.kept_aside("damaged") == []
    assert recovered(kept) is not None


@only("sqlite")
@pytest.mark.parametrize("point", POINTS)
def test_a_recovery_that_is_cut_off_is_done_again(kept: Kept, point: str) -> None:
    _half(kept.file)
    with faults.armed(f"{point}=raise:KeyError"), pytest.raises(KeyError):
        recovered(kept)
    report = recovered(kept)
    assert (report is None) == (point == "restore.after-swap")
    (told,) = noted(kept)
    assert told.kind == "recovered" and str(kept.kept_aside("damaged")[0]) in told.message
    kept.sync(reread=True)
    kept.must_equal()
