"""An open transaction, whichever database it is in.

SQL is written once, for every engine: `?` stands for a value, text compares by code points, JSON is
canonical text, instants and days are text as `core.instants` writes them, truth is `True`, `False` or NULL.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Row = tuple[Any, ...]
_IN_LIMIT = 512  # values in one IN list; far below every engine's bound on parameters


@dataclass(frozen=True)
class Insert:
    """Rows for a table. `key`: what makes a row the same, which is then overwritten."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...] = ()
    also: str = ""  # further assignments of an overwritten row

    @cached_property
    def sql(self) -> str:
        """The statement for one row."""
        return self.sql_of(1)

    def sql_of(self, count: int) -> str:
        """The statement for so many rows, whose values follow each other."""
        row = f"({', '.join('?' * len(self.columns))})"
        values = ", ".join([row] * count)
        return f"INSERT INTO {self.table} ({', '.join(self.columns)}) VALUES {values}{self.on_conflict}"

    @cached_property
    def on_conflict(self) -> str:
        """What follows when there is such a row: nothing for an empty `key`."""
        if not self.key:
            return ""
        others = [f"{column} = excluded.{column}" for column in self.columns if column not in self.key]
        assignments = ", ".join([*others, self.also] if self.also else others)
        action = f"UPDATE SET {assignments}" if assignments else "NOTHING"
        return f" ON CONFLICT ({', '.join(self.key)}) DO {action}"


class Tx(ABC):
    """An open transaction."""

    @abstractmethod
    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        """Run one statement and return the number of rows that it changed."""

    @abstractmethod
    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of values."""

    @abstractmethod
    def insert_all(self, insert: Insert, rows: Sequence[Row]) -> None:
        """Write rows, in the fastest way that the database has for so many."""

    @abstractmethod
    def insert_one(self, insert: Insert, row: Row) -> int:
        """Write one row and return the `id` that the database gave it."""

    @abstractmethod
    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        """Every row of a result."""

    @abstractmethod
    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        """The rows one by one, for results that are large."""

    @abstractmethod
    def tables(self) -> list[str]:
        """The names of our tables, whatever the revision of the schema; not that which notes the revision."""

    @abstractmethod
    def columns(self, table: str) -> list[str]:
        """The names of a table's columns, in their order."""

    @abstractmethod
    def new_uids(self, count: int) -> Sequence[int]:
        """So many uids, growing, that were never given out."""

    @abstractmethod
    def last_numbers(self) -> dict[str, int]:
        """Table -> the last number that its counter gave to a row, which may be gone."""

    @abstractmethod
    def count_on(self, last: Mapping[str, int]) -> None:
        """Let every counter give out only numbers above `last`, and above those of the rows present."""

    def row(self, sql: str, params: Sequence[Any] = ()) -> Row | None:
        """The first row of a result."""
        return next(iter(self.rows(sql, params)), None)

    def rows_in(self, sql: str, values: Iterable[Any], before: Sequence[Any] = ()) -> list[Row]:
        """Rows of a query whose `{marks}` stands for a list of values of any length."""
        listed = list(values)
        found: list[Row] = []
        for start in range(0, len(listed), _IN_LIMIT):
            part = listed[start : start + _IN_LIMIT]
            # Filled up to a power of two: a few statements serve every length, and stay prepared.
            part += part[-1:] * ((1 << (len(part) - 1).bit_length()) - len(part))
            found += self.rows(sql.format(marks=",".join("?" * len(part))), [*before, *part])
        return found
