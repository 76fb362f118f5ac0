from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from storysync.errors import ForeignDatabase, RowRefused, SchemaAhead, SchemaBehind, StoreError, UsageError
from storysync.settings import SqliteSettings
from storysync.store import migrate
from storysync.store.engines import sqlite
from storysync.store.reader import open_reader
from storysync.store.store import Store, read_only

SETTINGS = SqliteSettings(timeout=0.2)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "a.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
def path(tmp_path: Path, template: Path) -> Path:
    return Path(shutil.copy(template, tmp_path / "a.db"))


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def test_a_new_database_is_private_and_migrated(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.db"
    old = os.umask(0)
    try:
        Store.open(url_of(path), SETTINGS).close()
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_every_connection_has_its_pragmas(path: Path) -> None:
    with closing(sqlite.connect_writer(path, SETTINGS)) as writer:
        pragma = {name: writer.execute(f"PRAGMA {name}").fetchone()[0] for name in (
            "journal_mode", "synchronous", "foreign_keys", "cache_size", "busy_timeout",
        )}  # fmt: skip
    assert pragma == {
        "journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "cache_size": -65536, "busy_timeout": 200,
    }  # fmt: skip
    with closing(sqlite.connect_reader(path, SETTINGS)) as reader:
        assert reader.execute("PRAGMA cache_size").fetchone()[0] == -8192
        assert reader.execute("PRAGMA query_only").fetchone()[0] == 1


def test_a_reader_cannot_write(path: Path) -> None:
    with open_reader(url_of(path), SETTINGS) as reader, pytest.raises(StoreError, match="query failed"):
        reader.rows("INSERT INTO projects (id, name) VALUES ('x', 'x')")


def test_a_transaction_is_all_or_nothing(path: Path) -> None:
    with Store.open(url_of(path), SETTINGS) as store:
        with pytest.raises(ValueError, match="stop"), store.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('x', 'x')")
            raise ValueError("stop")
        with store.reading() as reader:
            assert reader.rows("SELECT * FROM projects") == []


def test_a_failing_statement_is_a_store_error(path: Path) -> None:
    with (
        Store.open(url_of(path), SETTINGS) as store,
        pytest.raises(StoreError, match="CHECK"),
        store.writing() as tx,
    ):
        tx.execute("INSERT INTO projects (id, name, status) VALUES ('x', 'x', 'nonsense')")


def test_a_reader_sees_the_state_before_until_the_commit(path: Path) -> None:
    with Store.open(url_of(path), SETTINGS) as store, store.reading() as reader:
        with store.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('x', 'x')")
            assert reader.rows("SELECT id FROM projects") == []
        assert reader.rows("SELECT id FROM projects") == [{"id": "x"}]


def test_a_lock_of_another_process_is_waited_for(path: Path) -> None:
    with (
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other,
        Store.open(url_of(path), SqliteSettings(timeout=10)) as store,
    ):
        other.execute("BEGIN IMMEDIATE")
        releaser = threading.Thread(target=lambda: (time.sleep(0.3), other.execute("COMMIT")))
        releaser.start()
        with store.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('x', 'x')")
        releaser.join()


def test_a_lock_that_lasts_is_an_error(path: Path) -> None:
    with (
        Store.open(url_of(path), SETTINGS) as store,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked"), store.writing():
            pass


def test_a_missing_database_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        open_reader(url_of(tmp_path / "none.db"), SETTINGS)
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\x00" * 4096])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(StoreError):
        Store.open(url_of(path), SETTINGS)
    assert path.read_bytes() == content


def test_the_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(ForeignDatabase, match="another program"):
        Store.open(url_of(path), SETTINGS)
    with pytest.raises(ForeignDatabase):
        open_reader(url_of(path), SETTINGS)


def test_a_newer_and_an_older_schema_are_refused(path: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE storysync_version SET version_num = '9999'")
    with pytest.raises(SchemaAhead, match="9999"):
        Store.open(url_of(path), SETTINGS)
    with pytest.raises(SchemaBehind):
        Store.open(url_of(tmp_path / "new.db"), SETTINGS, auto_migrate=False)


def test_a_folder_cannot_be_the_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot"):
        Store.open(url_of(tmp_path), SETTINGS)


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite:///", "mysql://u:secret@host/db", "nonsense"])
def test_other_urls_are_refused_without_their_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        sqlite.path_of(url)
    assert "secret" not in str(caught.value)


def test_a_scratch_database_is_of_its_own_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Store.scratch(SETTINGS) as one, Store.scratch(SETTINGS) as other:
        with one.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('demo', 'Demo')")
        with pytest.raises(RowRefused), one.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('b', 'B')")
            tx.execute("INSERT INTO roots (project_id, real_path, state) VALUES ('none', '/', 'live')")
        with one.snapshot() as tx:
            assert tx.rows("SELECT id FROM projects") == [("demo",)]  # the refused transaction left nothing
        with other.snapshot() as tx:
            assert tx.rows("SELECT id FROM projects") == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["c#", "a%41", "q?x", "é"])
def test_a_folder_of_any_name_may_hold_the_database(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "x.db"
    path.parent.mkdir()
    url = sqlite.url_of(path)
    with Store.open(url, SqliteSettings()) as store, store.reading() as reader:
        assert store.path == path
        assert reader.rows("SELECT COUNT(*) AS n FROM stories") == [{"n": 0}]
        with read_only(url, SqliteSettings()) as live:
            assert live.rows("SELECT COUNT(*) FROM stories") == [(0,)]


@pytest.mark.parametrize("python", [None, "/nowhere/python"])
def test_migrating_runs_nothing_of_the_current_folder_and_needs_no_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: str | None
) -> None:
    (tmp_path / "sqlalchemy.py").write_text("open('executed', 'w').close()\n")
    monkeypatch.chdir(tmp_path)
    migrate.upgrade(url_of(tmp_path / "a.db"))
    migrate.downgrade(url_of(tmp_path / "a.db"), "base")  # a database that is behind
    if python:
        monkeypatch.setattr(sys, "executable", python)
    with Store.open(url_of(tmp_path / "a.db"), SETTINGS) as store, store.reading() as reader:
        assert reader.rows("SELECT COUNT(*) AS n FROM stories") == [{"n": 0}]
    assert not (tmp_path / "executed").exists()
