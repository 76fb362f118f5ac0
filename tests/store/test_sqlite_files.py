"""What only a SQLite file has: permissions, pragmas, names, garbage in it, and the scratch database."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest

from storysync.errors import RowRefused, StoreError, UsageError
from storysync.settings import SqliteSettings
from storysync.store import migrate
from storysync.store.database import Engines, database_at
from storysync.store.engines import sqlite
from storysync.store.store import Store

SETTINGS = SqliteSettings(timeout=0.2)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "a.db"
    migrate.upgrade(database_at(f"sqlite:///{path}"))
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
        database_at(url_of(path), Engines(SETTINGS)).open().close()
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


@pytest.mark.parametrize("content", [b"not a database at all" * 100, b"\x00" * 4096])
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.db"
    path.write_bytes(content)
    with pytest.raises(StoreError):
        database_at(url_of(path), Engines(SETTINGS)).open()
    assert path.read_bytes() == content


def test_a_folder_cannot_be_the_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot"):
        database_at(url_of(tmp_path), Engines(SETTINGS)).open()


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
    with database_at(url).open() as store, store.reading() as reader:
        assert store.database.file == path
        assert reader.rows("SELECT COUNT(*) AS n FROM stories") == [{"n": 0}]
        with database_at(url).read_only() as live:
            assert live.rows("SELECT COUNT(*) FROM stories") == [(0,)]


def test_a_new_database_waits_for_whoever_reads_it_before_it_becomes_wal(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    reading = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    reading.execute("PRAGMA application_id = 1398034258")
    reading.execute("BEGIN")
    reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
    ended = threading.Timer(0.1, reading.close)
    ended.start()
    with closing(sqlite.connect_writer(path, SqliteSettings(timeout=10))) as writer:
        assert writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    ended.join()


def test_a_new_database_that_stays_in_use_is_told_in_time(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as reading:
        reading.execute("PRAGMA application_id = 1398034258")
        reading.execute("BEGIN")
        reading.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with pytest.raises(StoreError, match="database is locked"):
            sqlite.connect_writer(path, SETTINGS)
