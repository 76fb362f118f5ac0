"""Reading the database with nothing but the standard library."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from storysync.errors import StoreError
from storysync.settings import SqliteSettings
from storysync.store.engines import sqlite


class Reader:
    """Questions to one database. `mode=ro`: it cannot write, and opening it never migrates."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        """All questions inside see one state of the database."""
        self._connection.execute("BEGIN")
        try:
            yield self
        finally:
            self._connection.execute("ROLLBACK")

    def rows(self, sql: str, params: Sequence[Any] | dict[str, Any] = ()) -> list[dict[str, Any]]:
        """Every row as a dict. Raises StoreError with the database's message."""
        names, rows = self.columns_and_rows(sql, params)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def columns_and_rows(
        self, sql: str, params: Sequence[Any] | dict[str, Any] = (), limit: int | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows, at most `limit` of them."""
        try:
            cursor = self._connection.execute(sql, params)
            names = [column[0] for column in cursor.description or ()]
            return names, cursor.fetchall() if limit is None else cursor.fetchmany(limit)
        except (sqlite3.Error, sqlite3.Warning) as error:
            raise StoreError(f"the query failed: {error}") from error


def open_reader(url: str, settings: SqliteSettings) -> Reader:
    """Open the database for reading. Raises StoreError and its kinds, each with what to do about it."""
    return Reader(sqlite.connect_reader(sqlite.path_of(url), settings))
