"""What every store does, whichever database it is in."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from storysync.errors import ForeignDatabase, RowRefused, SchemaAhead, SchemaBehind, StoreError
from storysync.settings import PostgresSettings, SqliteSettings
from storysync.store import migrate
from storysync.store.database import Database, Engines, database_at
from support.forms import Form

PROJECT = "INSERT INTO projects (id, name) VALUES ('x', 'x')"


def patient(database: Database, seconds: float) -> Database:
    """The same one, asked by a program that waits so long for others."""
    engines = Engines(
        SqliteSettings(timeout=seconds), PostgresSettings(lock_timeout_s=seconds), database.engines.state_dir
    )
    return database_at(database.url, engines)


@contextmanager
def another_writer(database: Database, seconds: float) -> Iterator[None]:
    """Someone who has begun to write, and ends after so long."""
    began = threading.Event()

    def write() -> None:
        with database.open() as store, store.writing():
            began.set()
            time.sleep(seconds)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        assert began.wait(10)
        yield
    finally:
        thread.join()


def test_a_reader_cannot_write(database: Database) -> None:
    with database.reader() as reader, pytest.raises(StoreError, match="query failed"):
        reader.rows(PROJECT)


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    with database.open() as store:
        with pytest.raises(ValueError, match="stop"), store.writing() as tx:
            tx.execute(PROJECT)
            raise ValueError("stop")
        with store.reading() as reader:
            assert reader.rows("SELECT * FROM projects") == []


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO projects (id, name, status) VALUES ('x', 'x', 'nonsense')",
        "INSERT INTO roots (project_id, real_path) VALUES ('none', '/x')",
        "INSERT INTO projects (id, name) VALUES ('x', NULL)",
        "INSERT INTO projects (id, name) VALUES ('known', 'x')",
    ],
)
def test_a_row_that_breaks_a_constraint_is_refused_and_nothing_is_written(
    database: Database, statement: str
) -> None:
    with database.open() as store:
        with store.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('known', 'x')")
        with pytest.raises(RowRefused), store.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('y', 'y')")
            tx.execute(statement)
        with store.snapshot() as tx:
            assert tx.rows("SELECT id FROM projects") == [("known",)]


def test_a_reader_sees_the_state_before_until_the_commit(database: Database) -> None:
    with database.open() as store, store.reading() as reader:
        with store.writing() as tx:
            tx.execute(PROJECT)
            assert reader.rows("SELECT id FROM projects") == []
        assert reader.rows("SELECT id FROM projects") == [{"id": "x"}]


def test_a_snapshot_is_one_state_for_every_question_in_it(database: Database) -> None:
    with database.open() as store, ExitStack() as open_:
        reader = open_.enter_context(open_.enter_context(database.reader()).snapshot())
        tx = open_.enter_context(database.read_only())
        for ask in (reader.rows, tx.rows):
            assert ask("SELECT id FROM projects") == []
        with store.writing() as writing:
            writing.execute(PROJECT)
        for ask in (reader.rows, tx.rows):
            assert ask("SELECT id FROM projects") == []


def test_another_writer_is_waited_for(database: Database) -> None:
    with patient(database, 10).open() as store, another_writer(database, 0.3):
        with store.writing() as tx:
            tx.execute(PROJECT)
        with store.snapshot() as tx:
            assert tx.rows("SELECT id FROM projects") == [("x",)]


def test_another_writer_who_takes_too_long_is_an_error(database: Database) -> None:
    with patient(database, 0.1).open() as store:
        late = pytest.raises(StoreError, match=r"locked|another writer")
        with another_writer(database, 1), late, store.writing():
            pass
        with store.writing() as tx:
            tx.execute(PROJECT)


def test_a_missing_database_is_not_made_by_reading(form: Form, tmp_path: Path) -> None:
    database = form.empty(tmp_path)
    assert not database.exists()
    with pytest.raises(StoreError, match="there is no database"):
        database.reader()
    with pytest.raises(StoreError, match="there is no database"), database.read_only():
        pass
    assert not database.exists()
    assert list(tmp_path.iterdir()) == []


def test_the_database_of_another_program_is_refused(form: Form, tmp_path: Path) -> None:
    database = form.empty(tmp_path)
    form.execute(database, "CREATE TABLE theirs (x INTEGER)")
    for use in (database.open, database.reader):
        with pytest.raises(ForeignDatabase, match="another program"):
            use()
    assert form.relations(database) == {"theirs": "table"}


def test_a_newer_and_an_older_schema_are_refused(form: Form, database: Database, tmp_path: Path) -> None:
    form.execute(database, "UPDATE storysync_version SET version_num = '9999'")
    for use in (database.open, database.reader):
        with pytest.raises(SchemaAhead, match="9999"):
            use()
    with pytest.raises(SchemaBehind):
        form.empty(tmp_path / "other").open(auto_migrate=False)


def test_new_uids_are_never_given_out_again(database: Database) -> None:
    with database.open() as store:
        with store.writing() as tx:
            tx.execute(PROJECT)
            first = list(tx.new_uids(3))
            sql = "INSERT INTO identities (uid, project_id, path) VALUES (?, 'x', ?)"
            tx.executemany(sql, [(uid, f"{uid}.md") for uid in first])
            tx.execute("DELETE FROM identities")
        with store.writing() as tx:
            second = list(tx.new_uids(2))
    assert first == sorted(first) and second == sorted(second)
    assert max(first) < min(second)


@pytest.mark.parametrize("python", [None, "/nowhere/python"])
def test_migrating_runs_nothing_of_the_current_folder_and_needs_no_other_process(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str | None
) -> None:
    here = tmp_path / "here"
    here.mkdir()
    (here / "sqlalchemy.py").write_text("open('executed', 'w').close()\n")
    monkeypatch.chdir(here)
    migrate.downgrade(database, "base")  # a database that is behind
    if python:
        monkeypatch.setattr(sys, "executable", python)
    with database.open() as store, store.reading() as reader:
        assert reader.rows("SELECT COUNT(*) AS n FROM stories") == [{"n": 0}]
    assert not (here / "executed").exists()
