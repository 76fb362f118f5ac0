"""The one writer of a database, and its transactions."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

from storysync.errors import RowRefused, SchemaBehind
from storysync.settings import SqliteSettings
from storysync.store.engines import sqlite
from storysync.store.reader import Reader, open_reader
from storysync.store.revisions import HEAD

Row = tuple[Any, ...]
_IN_LIMIT = 500  # values in one IN list; far below every engine's bound on parameters


class Tx:
    """An open transaction of the writer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement and return the number of rows that it changed."""
        return self._connection.execute(sql, params).rowcount

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        return self._connection.execute(sql, params).fetchall()

    def row(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        row: Row | None = self._connection.execute(sql, params).fetchone()
        return row

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        """The rows one by one, for results that are large."""
        return iter(self._connection.execute(sql, params))

    def columns(self, table: str) -> list[str]:
        """The names of a table's columns, in their order."""
        return [
            column[0] for column in self._connection.execute(f"SELECT * FROM {table} LIMIT 0").description
        ]

    def insert(self, sql: str, params: Sequence[Any]) -> int:
        """Insert one row and return the number that the database gave it."""
        rowid = self._connection.execute(sql, params).lastrowid
        assert rowid is not None
        return rowid

    def rows_in(self, sql: str, values: Iterable[Any], before: Sequence[Any] = ()) -> list[Row]:
        """Rows of a query whose `{marks}` stands for a list of values of any length."""
        listed = list(values)
        found: list[Row] = []
        for start in range(0, len(listed), _IN_LIMIT):
            part = listed[start : start + _IN_LIMIT]
            found += self.rows(sql.format(marks=",".join("?" * len(part))), [*before, *part])
        return found

    def next_uid(self) -> int:
        """The first uid never given out; the transaction holds the write lock, so a run of them is ours."""
        row = self.row("SELECT seq FROM sqlite_sequence WHERE name = 'identities'")
        return (row[0] if row else 0) + 1


class Store:
    """Opens, migrates and writes one database. Whoever opens it holds the instance lock (`store.lock`)."""

    def __init__(self, url: str, settings: SqliteSettings, connection: sqlite3.Connection) -> None:
        self.url = url
        self.path: Path = sqlite.path_of(url) if url else Path("(scratch)")
        self.settings = settings
        self._connection = connection

    @classmethod
    def open(cls, url: str, settings: SqliteSettings, *, auto_migrate: bool = True) -> Self:
        """Raises StoreError and its kinds.

        When `auto_migrate` allows it, a new database is made by the schema's script, which needs no
        alembic, and one that is behind is migrated.
        """
        path = sqlite.path_of(url)
        connection = sqlite.connect_writer(path, settings)
        try:
            try:
                sqlite.require_head(connection, path)
            except SchemaBehind:
                if not auto_migrate:
                    raise
                if not _created(path, connection):
                    _migrate(url, path, connection)
        except BaseException:
            connection.close()
            raise
        return cls(url, settings, connection)

    @classmethod
    def scratch(cls, settings: SqliteSettings) -> Self:
        """A new, empty database of this process alone, which is gone when it is closed."""
        return cls("", settings, sqlite.connect_scratch(settings))

    def close(self) -> None:
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def reading(self) -> Reader:
        """A reader of its own, as another process would have it."""
        return open_reader(self.url, self.settings)

    @contextmanager
    def writing(self) -> Iterator[Tx]:
        """One transaction: all of it or, after any exception, nothing of it.

        Raises StoreError for what the database says (locked too long, disk full, corrupt), RowRefused for
        a row that breaks a constraint.
        """
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield Tx(self._connection)
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise sqlite.translated(error, self.path) from error
        except (OverflowError, UnicodeEncodeError) as error:  # of a number or text that cannot be bound
            raise RowRefused(str(error)) from error

    @contextmanager
    def snapshot(self) -> Iterator[Tx]:
        """One read transaction on the writer's connection."""
        try:
            self._connection.execute("BEGIN")
            try:
                yield Tx(self._connection)
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise sqlite.translated(error, self.path) from error

    def release_memory(self) -> None:
        """After a large batch: give the page cache and the heap's free pages back to the system."""
        self._connection.execute("PRAGMA shrink_memory")
        sqlite.trim_heap()

    def checkpoint(self) -> None:
        """Move what the WAL holds into the database file, as far as readers allow."""
        self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")


def _created(path: Path, connection: sqlite3.Connection) -> bool:
    """Make the schema of a new database; False when there is something in it already."""
    try:
        return sqlite.create_schema(connection)
    except sqlite3.Error as error:
        raise sqlite.translated(error, path) from error


def _migrate(url: str, path: Path, connection: sqlite3.Connection) -> None:
    """Bring the schema up to date, in another process: SQLAlchemy and alembic take 45 MB while they live.

    When that process fails or cannot be started, this one does it, or tells what is wrong.
    """
    code = "import sys; from storysync.store import migrate; migrate.upgrade(sys.argv[1])"
    command = [sys.executable, "-P", "-c", code, url]  # -P: nothing of the current folder is imported
    with suppress(OSError):
        subprocess.run(command, check=False, stdin=subprocess.DEVNULL, capture_output=True)
    try:
        sqlite.require_head(connection, path)
    except SchemaBehind:
        from storysync.store import migrate

        migrate.upgrade(url, HEAD)


@contextmanager
def read_only(url: str, settings: SqliteSettings) -> Iterator[Tx]:
    """One state of a database for many questions, on a connection that cannot write."""
    path = sqlite.path_of(url)
    connection = sqlite.connect_reader(path, settings)
    try:
        connection.execute("BEGIN")
        yield Tx(connection)
    except sqlite3.Error as error:
        raise sqlite.translated(error, path) from error
    finally:
        connection.close()
