"""A SQLite file as a database of ours: the writer, readers and transactions over the standard library."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from storysync import faults
from storysync.errors import RowRefused, SchemaBehind, StoreError
from storysync.settings import BackupSettings, SqliteSettings
from storysync.state import DATABASE_NAME
from storysync.store.database import Database, Engines, Findings
from storysync.store.engines import sqlite
from storysync.store.reader import Reader
from storysync.store.revisions import VERSION_TABLE
from storysync.store.store import Store
from storysync.store.tx import Insert, Row, Tx
from storysync.store.upgrade import Before, bring_to_head

if TYPE_CHECKING:
    import sqlalchemy as sa

    from storysync.store.archive import Archive, Finish

_VALUES_AT_ONCE = 350
"""Values a statement: fifty rows of seven are a third cheaper than alone; more would save little, and each
statement is kept prepared."""
_ROWS_ANALYSED = 400
"""Of each index, for the statistics that plans of queries follow from; SQLite's own advice."""
_ASKED_WRONGLY = ("", "SQLITE_ERROR", "SQLITE_READONLY")
"""Names of database errors that the statement is to blame for; '' is one of the driver itself."""


class SqliteDatabase(Database):
    def __init__(self, url: str, engines: Engines) -> None:
        super().__init__(url, engines)
        self.settings = engines.sqlite
        self.path = sqlite.path_of(url)

    @property
    def place(self) -> str:
        return str(self.path)

    @property
    def base(self) -> Path:
        return self.path

    @property
    def file(self) -> Path:
        return self.path

    def exists(self) -> bool:
        path = self.path
        try:
            if path.is_dir():
                raise StoreError(f"{path} is a folder", hint=f"name a file, as in {path / DATABASE_NAME}")
            if not path.exists():
                return False
        except OSError as error:
            raise StoreError(
                f"cannot reach the database {path}: {error.strerror}",
                hint="choose another path with --database",
            ) from error
        if not os.access(path, os.R_OK):
            raise StoreError(
                f"this user may not read the database {path}",
                hint="ask its owner, or choose another with --database",
            )
        return True

    def open(self, *, auto_migrate: bool = True, before: Before | None = None) -> Store:
        connection = sqlite.connect_writer(self.path, self.settings, group=self.engines.group_readable)
        try:
            try:
                sqlite.require_head(connection, self.path)
            except SchemaBehind:
                if not auto_migrate:
                    raise
                if not self._created(connection):
                    bring_to_head(self, before)
        except BaseException:
            connection.close()
            raise
        return SqliteStore(self, connection)

    def _created(self, connection: sqlite3.Connection) -> bool:
        """Make the schema of a new database; False when there is something in it already."""
        try:
            return sqlite.create_schema(connection)
        except sqlite3.Error as error:
            raise sqlite.translated(error, self.path) from error

    @contextmanager
    def migrating(self, *, alone: bool = False) -> Iterator[None]:
        """Nothing to take: whoever migrates holds `lock`."""
        yield

    def reader(self) -> Reader:
        return SqliteReader(sqlite.connect_reader(self.path, self.settings))

    @contextmanager
    def read_only(self) -> Iterator[Tx]:
        with closing(sqlite.connect_reader(self.path, self.settings)) as connection:
            try:
                connection.execute("BEGIN")
                yield SqliteTx(connection)
            except sqlite3.Error as error:
                raise sqlite.translated(error, self.path) from error

    @contextmanager
    def read_any(self) -> Iterator[Tx]:
        try:
            with closing(sqlite.open_read_only(self.path, self.settings)) as connection:
                sqlite.refuse_foreign(connection, self.path)
                connection.execute("BEGIN")
                yield SqliteTx(connection)
        except sqlite3.Error as error:
            raise sqlite.translated(error, self.path) from error

    def revision(self) -> str | None:
        if not self.path.exists():
            raise StoreError(f"there is no database at {self.path}", hint="run `storysync sync PATH` first")
        try:
            with closing(sqlite.open_read_only(self.path, self.settings)) as connection:
                sqlite.refuse_foreign(connection, self.path)
                return sqlite.revision(connection)
        except sqlite3.Error as error:
            raise sqlite.translated(error, self.path) from error

    def told(self, error: Exception) -> StoreError | None:
        return sqlite.translated(error, self.path) if isinstance(error, sqlite3.Error) else None

    def sqlalchemy_engine(self) -> sa.Engine:
        import sqlalchemy as sa

        group = self.engines.group_readable
        sqlite.connect_writer(self.path, self.settings, group=group).close()  # makes it, or refuses
        url = sa.URL.create("sqlite", database=str(self.path))
        return sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)

    def archive(self, settings: BackupSettings) -> Archive:
        from storysync.store.engines.sqlite_archive import SqliteArchive

        return SqliteArchive(self.path, self.engines, settings)

    def findings(self, *, thorough: bool) -> Findings:
        from storysync.store.engines.sqlite_integrity import findings

        return findings(self.path, self.settings, thorough=thorough)

    def start_anew(self, stamp: str, finish: Finish | None = None) -> str:
        from storysync.store.engines.sqlite_replace import start_anew

        return start_anew(self.path, stamp, self.engines, finish)

    def write_obstacle(self, wait_s: float) -> tuple[bool, str]:
        from storysync.store.engines.sqlite_probe import write_obstacle

        return write_obstacle(self.path, wait_s)

    def unmerged_bytes(self) -> int:
        try:
            return self.path.with_name(self.path.name + "-wal").stat().st_size
        except FileNotFoundError:
            return 0

    def size_bytes(self) -> int:
        return self.path.stat().st_size

    def remark(self) -> str:
        from storysync.store.engines.sqlite_probe import remark

        return remark(sqlite3.sqlite_version_info)


def open_scratch(settings: SqliteSettings, content: bytes | None = None) -> SqliteStore:
    """See `store.database.scratch`."""
    try:
        return SqliteStore(None, sqlite.connect_scratch(settings, content))
    except sqlite3.Error as error:
        raise sqlite.translated(error, Path("(scratch)")) from error


class SqliteTx(Tx):
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        return self._connection.execute(sql, params).rowcount

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        self._connection.executemany(sql, rows)

    def insert_all(self, insert: Insert, rows: Sequence[Row]) -> None:
        at_once = max(1, _VALUES_AT_ONCE // len(insert.columns))
        whole = len(rows) // at_once * at_once
        if whole:
            parts = (rows[start : start + at_once] for start in range(0, whole, at_once))
            values = (tuple(chain.from_iterable(part)) for part in parts)
            self._connection.executemany(insert.sql_of(at_once), values)
        self._connection.executemany(insert.sql, rows[whole:])

    def insert_one(self, insert: Insert, row: Row) -> int:
        rowid = self._connection.execute(insert.sql, row).lastrowid
        assert rowid is not None
        return rowid

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        return self._connection.execute(sql, params).fetchall()

    def row(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        row: Row | None = self._connection.execute(sql, params).fetchone()
        return row

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        return iter(self._connection.execute(sql, params))

    def tables(self) -> list[str]:
        return [
            name
            for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
            if name != VERSION_TABLE and not name.startswith("sqlite_")
        ]

    def columns(self, table: str) -> list[str]:
        return [
            column[0] for column in self._connection.execute(f"SELECT * FROM {table} LIMIT 0").description
        ]

    def new_uids(self, count: int) -> Sequence[int]:
        # The transaction holds the write lock, so a run of numbers is ours.
        row = self.row("SELECT seq FROM sqlite_sequence WHERE name = 'identities'")
        first = (row[0] if row else 0) + 1
        return range(first, first + count)

    def last_numbers(self) -> dict[str, int]:
        return dict(self.rows("SELECT name, seq FROM sqlite_sequence"))

    def count_on(self, last: Mapping[str, int]) -> None:
        # Counters of tables that reuse the number of a row that is gone need nothing, and have none.
        counted = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE '% AUTOINCREMENT%'"
        present = self.last_numbers()  # rows that were written with their numbers have moved it already
        for (table,) in self.rows(counted):
            wanted = max(last.get(table, 0), present.get(table, 0))
            self.execute("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
            self.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, wanted))


class SqliteStore(Store):
    def __init__(self, database: SqliteDatabase | None, connection: sqlite3.Connection) -> None:
        self._database = database
        self._path = database.path if database else Path("(scratch)")
        self._connection = connection
        self._descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC) if database else None

    @property
    def database(self) -> SqliteDatabase:
        if self._database is None:
            raise StoreError("a scratch database is open to nobody else")
        return self._database

    def close(self) -> None:
        self._connection.close()
        if self._descriptor is not None:  # not before: it takes the locks of the connection with it
            os.close(self._descriptor)
            self._descriptor = None
        if self._database is not None and self._database.engines.group_readable:
            sqlite.leave_readable(self._path)

    @contextmanager
    def writing(self) -> Iterator[Tx]:
        try:
            faults.point("write.before-begin")
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                faults.point("write.after-begin")
                yield SqliteTx(self._connection)
                faults.point("write.before-commit")
                self._connection.execute("COMMIT")
                faults.point("write.after-commit")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise sqlite.translated(error, self._path) from error
        except (OverflowError, UnicodeEncodeError) as error:  # of a number or text that cannot be bound
            raise RowRefused(str(error)) from error

    @contextmanager
    def snapshot(self) -> Iterator[Tx]:
        try:
            self._connection.execute("BEGIN")
            try:
                yield SqliteTx(self._connection)
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise sqlite.translated(error, self._path) from error

    def is_replaced(self) -> bool:
        return self._descriptor is not None and sqlite.is_replaced(self._path, self._descriptor)

    def release_memory(self) -> None:
        self._connection.execute("PRAGMA shrink_memory")
        sqlite.trim_heap()

    def content(self, *, most: int) -> bytes | None:
        """All of the database, for `scratch`; None when it is larger than `most` bytes."""
        try:
            return sqlite.content_of(self._connection, most=most)
        except (sqlite3.Error, MemoryError) as error:
            raise StoreError(f"cannot copy the database {self._path}: {error}") from error

    def claim(self, project_ids: Iterable[str]) -> None:
        """The lock of the file is enough: whoever has it writes every project in it."""

    def maintain(self, now: datetime) -> None:
        """Merge the log into the file and cut it off, and look after the statistics.

        A reader that is in the way is not waited for: the log is merged next time.
        """
        try:
            (wait_ms,) = self._connection.execute("PRAGMA busy_timeout").fetchone()
            self._connection.execute("PRAGMA busy_timeout = 0")
            try:
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                self._connection.execute(f"PRAGMA busy_timeout = {wait_ms:d}")
            self._connection.execute(f"PRAGMA analysis_limit = {_ROWS_ANALYSED}")
            self._connection.execute("PRAGMA optimize")
        except sqlite3.Error as error:
            raise sqlite.translated(error, self._path) from error


class SqliteReader(Reader):
    verbs = ("SELECT", "WITH", "VALUES", "EXPLAIN", "PRAGMA")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        self._connection.execute("BEGIN")
        try:
            yield self
        finally:
            self._connection.execute("ROLLBACK")

    def columns_and_rows(
        self, sql: str, params: Sequence[Any] = (), limit: int | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            cursor = self._connection.execute(sql, params)
            names = [column[0] for column in cursor.description or ()]
            return names, cursor.fetchall() if limit is None else cursor.fetchmany(limit)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise StoreError(f"the query failed: {error}") from error

    def blames_statement(self, error: BaseException) -> bool:
        return getattr(error, "sqlite_errorname", "") in _ASKED_WRONGLY
