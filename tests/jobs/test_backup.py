"""Making a backup: what it holds, where it lies, and what is written about it."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storysync import faults
from storysync.jobs.backup import BackupReport, backup_directory, last_good_at, make_backup, note
from storysync.jobs.backup_files import backups_in
from storysync.settings import BackupSettings
from storysync.store import migrate
from storysync.store.archive import facts_in
from storysync.store.database import Database, Engines, database_at
from storysync.store.engines import sqlite_archive
from storysync.store.store import Store
from support import postgres
from support.forms import Form

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


# -- what it is --------------------------------------------------------------------------------------------


def test_a_backup_is_a_private_file_and_its_manifest(store: Store, folder: Path) -> None:
    add_project(store, "demo")
    report = back_up(store.database)
    assert (report.state, report.name, report.message) == ("good", NAME, "")
    assert report.file == folder / f"{NAME}.db.zst"
    assert files(folder) == [f"{NAME}.db.zst", f"{NAME}.json"]
    for name in os.listdir(folder):
        assert stat.S_IMODE((folder / name).stat().st_mode) == 0o600, name
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert report.digest == hashlib.sha256(report.file.read_bytes()).hexdigest()
    assert report.size == report.file.stat().st_size
    told = json.loads((folder / f"{NAME}.json").read_bytes())
    assert told["rows"]["projects"] == 1
    assert set(told["rows"]) == set(told["digests"])
    assert (told["database"], told["schema_version"]) == (store.database.place, store.database.revision())
    assert (told["engine"], told["trigger"], told["state"]) == ("sqlite", "test", "good")


def test_it_holds_what_the_database_holds(store: Store, tmp_path: Path) -> None:
    add_project(store, "demo")
    copy = extracted(store.database, back_up(store.database), tmp_path / "copy.db")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    with store.database.read_any() as live, database_at(f"sqlite:///{copy}").read_any() as copied:
        assert facts_in(copied) == facts_in(live)


def test_with_a_group_its_members_may_read_it(tmp_path: Path) -> None:
    database = database_at(f"sqlite:///{tmp_path}/state/s.db", Engines(group_readable=True))
    database.open().close()
    assert back_up(database).state == "good"
    folder = tmp_path / "state" / "backups"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750
    assert {stat.S_IMODE((folder / name).stat().st_mode) for name in files(folder)} == {0o640}


def test_it_is_noted_by_who_may_write(store: Store) -> None:
    report = back_up(store.database)
    note(store, report)
    with store.reading() as reader:
        (row,) = reader.rows("SELECT * FROM backups")
        assert last_good_at(reader) == NOON
    assert (row["state"], row["trigger"], row["message"]) == ("good", "test", "")
    assert (row["file"], row["size"], row["digest"]) == (str(report.file), report.size, report.digest)
    assert row["finished_at"] == row["verified_at"] == "2026-03-01T12:00:00.000000Z"


def test_what_a_writer_has_not_checkpointed_yet_is_in_the_backup(store: Store, tmp_path: Path) -> None:
    add_project(store, "only-in-the-wal")
    assert store.database.base.with_name("s.db-wal").stat().st_size > 0
    copy = extracted(store.database, back_up(store.database), tmp_path / "copy.db")
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM projects").fetchone() == (1,)


def test_a_busy_writer_does_not_keep_it_from_ending(store: Store) -> None:
    stop = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(store.database.base, timeout=30)) as other:
            number = 0
            while not stop.wait(0.001):
                number += 1
                other.execute("INSERT INTO projects (id, name) VALUES (?, 'x')", (f"p{number}",))
                other.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [back_up(store.database, NOON + timedelta(seconds=number)) for number in range(5)]
    finally:
        stop.set()
        writer.join()
    assert [report.state for report in made] == ["good"] * 5


def test_what_is_written_while_it_is_copied_is_not_in_it(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are counted in the state that is copied, or the two would differ under any writer."""
    counted = sqlite_archive._counted

    def counted_and_written(tx: Any) -> dict[str, int]:
        rows = counted(tx)
        add_project(store, "later")
        return rows

    add_project(store, "before")
    monkeypatch.setattr(sqlite_archive, "_counted", counted_and_written)
    report = back_up(store.database)
    assert report.state == "good", report.message
    (one,) = backups_in(tmp_path / "state" / "backups")
    assert one.rows["projects"] == 1
    with store.reading() as reader:
        assert len(reader.rows("SELECT id FROM projects")) == 2


def test_a_database_of_an_older_schema_is_backed_up_as_it_is(store: Store, tmp_path: Path) -> None:
    """It is made before a migration."""
    add_project(store, "demo")
    store.close()
    migrate.downgrade(store.database, "0001")
    report = back_up(store.database, trigger="migration")
    assert report.state == "good", report.message
    (one,) = backups_in(tmp_path / "state" / "backups")
    assert one.schema_version == "0001"
    assert "jobs" not in one.rows and one.rows["projects"] == 1
    copy = database_at(f"sqlite:///{extracted(store.database, report, tmp_path / 'copy.db')}")
    assert copy.revision() == "0001"


def test_tables_and_texts_of_other_programs_are_in_it_too(store: Store, tmp_path: Path) -> None:
    with closing(sqlite3.connect(store.database.base)) as other:
        other.execute('CREATE TABLE "my ""table" (a, "b ""c")')
        other.execute("""INSERT INTO "my ""table" VALUES (CAST(x'ff00fe' AS TEXT), 'x')""")
        other.commit()
    report = back_up(store.database)
    assert report.state == "good", report.message
    (one,) = backups_in(tmp_path / "state" / "backups")
    assert one.rows['my "table'] == 1 and len(one.digests['my "table']) == 64
    copy = extracted(store.database, report, tmp_path / "copy.db")
    with closing(sqlite3.connect(copy)) as connection:
        found = connection.execute('SELECT CAST(a AS BLOB), "b ""c" FROM "my ""table"').fetchall()
    assert found == [(b"\xff\x00\xfe", "x")]


def test_every_form_of_the_database_can_be_backed_up(form: Form, database: Database, tmp_path: Path) -> None:
    with database.open() as opened:
        add_project(opened, "demo")
    programs = str(postgres.newest_programs())
    report = back_up(database, directory=str(tmp_path / "own"), pg_bin=programs)
    assert report.state == "good", report.message
    (one,) = backups_in(tmp_path / "own", database.place)
    assert one.rows["projects"] == 1 and one.state == "good"
    assert one.database == database.place


# -- where it lies -----------------------------------------------------------------------------------------


def test_two_in_one_second_have_two_names(store: Store, folder: Path) -> None:
    names = [back_up(store.database).name for _ in range(3)]
    assert names == [NAME, f"{NAME}-2", f"{NAME}-3"]
    assert [one.name for one in backups_in(folder)] == names[::-1]


def test_a_directory_of_its_own(store: Store, tmp_path: Path) -> None:
    report = back_up(store.database, directory=str(tmp_path / "elsewhere" / "deep"))
    assert report.file == tmp_path / "elsewhere" / "deep" / f"{NAME}.db.zst"


def test_a_project_with_its_own_database_has_its_own_folder(tmp_path: Path) -> None:
    database = database_at(f"sqlite:///{tmp_path}/projects/demo/s.db")
    beside = tmp_path / "projects" / "demo" / "backups"
    assert backup_directory(database, BackupSettings(), "demo") == beside
    given = BackupSettings(directory=str(tmp_path / "b"))
    assert backup_directory(database, given, "demo") == tmp_path / "b" / "demo"
    assert backup_directory(database, given) == tmp_path / "b"
    flat = database_at(f"sqlite:///{tmp_path}/demo.db")
    assert backup_directory(flat, BackupSettings(), "demo") == tmp_path / "backups" / "demo"


def test_two_databases_may_share_a_directory(store: Store, tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    settings: dict[str, Any] = {
        "directory": str(shared), "hourly": 1, "daily": 0, "weekly": 0, "monthly": 0,
    }  # fmt: skip
    with database_at(f"sqlite:///{tmp_path}/other/s.db").open() as other:
        theirs = back_up(other.database, NOON - timedelta(days=1), **settings)
        for hour in range(0, 9, 2):
            ours = back_up(store.database, NOON + timedelta(hours=hour), **settings)
        assert [one.name for one in backups_in(shared, other.database.place)] == [theirs.name]
    assert ours.pruned == ("storysync-20260301T180000Z",)
    assert [one.name for one in backups_in(shared, store.database.place)] == [ours.name]
    assert len(backups_in(shared)) == 2


def test_files_of_others_are_left_alone(store: Store, folder: Path) -> None:
    folder.mkdir()
    others = [
        "notes.txt", "storysync-old.db", "storysync-20200101T000000Z.db.bak", "x.partial", "notes.json",
        "storysync-20200101T000000Z.db.zst", "storysync-20200102T000000Z.dump", "storysync-1.json.partial",
    ]  # fmt: skip
    for name in others:
        (folder / name).write_text("mine")
    (folder / "storysync-20200101T000000Z.db.d").mkdir()
    for hour in range(0, 9, 3):
        back_up(store.database, NOON + timedelta(hours=hour), hourly=1, daily=0, weekly=0, monthly=0)
    assert set(others) < set(os.listdir(folder))
    assert len(backups_in(folder)) == 1


def test_what_killed_attempts_left_is_removed_by_the_next(store: Store, folder: Path) -> None:
    folder.mkdir()
    half = "storysync-20260101T000000Z"
    ends = (
        ".db.zst.partial", ".db.zst.partial.raw", ".db.zst.partial.raw-journal", ".db.zst.partial.scratch",
        ".db.zst.scratch", ".dump.partial", ".db.zst", ".json.partial",
    )  # fmt: skip
    for end in ends:
        (folder / f"{half}{end}").write_bytes(b"half")
    back_up(store.database)
    assert files(folder) == [f"{NAME}.db.zst", f"{NAME}.json"]


def test_a_manifest_that_is_being_changed_keeps_its_data(store: Store, folder: Path) -> None:
    back_up(store.database)
    (folder / f"{NAME}.json.partial").write_bytes(b"half")  # whoever changed it was killed
    back_up(store.database, NOON + timedelta(minutes=1))
    assert [one.state for one in backups_in(folder)] == ["good", "good"]
    assert len(files(folder)) == 4
