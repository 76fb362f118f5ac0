"""How a SQLite file gets its schema: by migrations, or at once by a script that equals them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command

from storysync.errors import ForeignDatabase, StoreError
from storysync.settings import SqliteSettings
from storysync.store import migrate, tables
from storysync.store.database import database_at
from storysync.store.engines import sqlite
from storysync.store.revisions import HEAD
from storysync.store.store import Store
from support import pages


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


def names(path: Path, kind: str) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT name FROM sqlite_master WHERE type = ? AND name NOT LIKE 'sqlite_%'"
        return {row[0] for row in connection.execute(sql, (kind,))}


def test_a_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    path.write_text("dear diary, " * 100)
    with pytest.raises(ForeignDatabase):
        migrate.upgrade(database_at(url_of(path)))
    assert path.read_text() == "dear diary, " * 100


def test_foreign_keys_are_whole_after_a_migration(tmp_path: Path) -> None:
    migrate.upgrade(database_at(url_of(tmp_path / "a.db")))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert SqliteSettings().timeout > 0


def test_the_script_of_the_schema_is_what_the_migrations_make() -> None:
    assert sqlite.schema_script() == pages.schema_script(), "run `make docs`"


def test_a_database_of_the_script_equals_one_of_the_migrations(tmp_path: Path) -> None:
    migrate.upgrade(database_at(url_of(tmp_path / "migrated.db")))
    database_at(url_of(tmp_path / "script.db")).open().close()
    with Store.scratch(SqliteSettings()) as scratch, scratch.snapshot() as tx:
        described = [describe(tmp_path / name) for name in ("migrated.db", "script.db")]
        in_scratch = set(tx.rows(_MASTER)), tx.rows("SELECT version_num FROM storysync_version")
    assert described[0] == described[1]
    assert described[0][:2] == in_scratch
    assert described[0][1:] == ([(HEAD,)], (tables.APPLICATION_ID,), (0,))
    migrate.upgrade(database_at(url_of(tmp_path / "script.db")))  # nothing to do
    command.check(migrate._config(database_at(url_of(tmp_path / "script.db"))))


_MASTER = "SELECT type, name, tbl_name, sql FROM sqlite_master"


def describe(path: Path) -> tuple[set[tuple[str, ...]], list[tuple[str]], tuple[int], tuple[int]]:
    """(all of sqlite_master, revisions, application_id, user_version)."""
    with closing(sqlite3.connect(path)) as database:
        return (
            set(database.execute(_MASTER)),
            database.execute("SELECT version_num FROM storysync_version").fetchall(),
            database.execute("PRAGMA application_id").fetchone(),
            database.execute("PRAGMA user_version").fetchone(),
        )


def test_a_new_database_is_made_without_alembic_and_without_another_process(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys\nsubprocess.Popen = None\n"
        "from storysync.store.database import database_at\n"
        f"database_at({url_of(tmp_path / 'a.db')!r}).open().close()\n"
        "assert not {'alembic', 'sqlalchemy'} & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert database_at(url_of(tmp_path / "a.db")).revision() == HEAD


def test_a_schema_that_cannot_be_made_whole_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "broken.sql"
    script.write_text("CREATE TABLE one (x)\n;\nCREATE TABLE one (x)\n;\n")
    monkeypatch.setattr(sqlite, "SCHEMA_FILE", script)
    with pytest.raises(StoreError, match="already exists"):
        database_at(url_of(tmp_path / "a.db")).open()
    assert names(tmp_path / "a.db", "table") == set()


def test_a_database_that_is_made_while_it_is_looked_at_is_ours(tmp_path: Path) -> None:
    class Slow(sqlite3.Connection):
        """Another process makes the schema after the first question."""

        def execute(self, *arguments):  # type: ignore[no-untyped-def]
            answer = super().execute(*arguments).fetchall()
            if not (tmp_path / "made").exists():
                (tmp_path / "made").touch()
                database_at(url_of(tmp_path / "a.db")).open().close()
            return Answer(answer)

    (tmp_path / "a.db").touch()
    with closing(sqlite3.connect(tmp_path / "a.db", factory=Slow)) as connection:
        sqlite.refuse_foreign(connection, tmp_path / "a.db")
    assert database_at(url_of(tmp_path / "a.db")).revision() == HEAD


class Answer:
    """The rows of a statement that is over."""

    def __init__(self, rows: list[tuple[object, ...]]) -> None:
        self.rows = rows

    def fetchone(self) -> tuple[object, ...]:
        return self.rows[0]
