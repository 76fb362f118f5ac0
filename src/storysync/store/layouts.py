"""Every table as rows that can be read whole, in one order, and written into another database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property

import sqlalchemy as sa

from storysync.store.tables import METADATA
from storysync.store.tx import Insert, Row

NOT_COPIED = frozenset({"backups", "incidents", "jobs"})
"""What speaks of one database alone: its backups, its jobs, and what went wrong with it."""


_OF_PROJECT = {
    "projects": "id = ?",
    "project_dependencies": "from_project_id = ? AND to_project_id = from_project_id",
    "health_checks": "? = ''",  # they speak of a database, not of a project
}
_NUMBERS = {
    "uid": "identities", "story_uid": "identities", "target_uid": "identities", "identity": "identities",
    "dependent_uid": "identities", "prerequisite_uid": "identities", "sync_id": "syncs",
}  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """A table: its columns in their order, and where some of them are."""

    table: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    flags: tuple[int, ...]
    """Indexes of columns that are true, false or NULL."""
    documents: frozenset[int]
    """Indexes of columns that hold JSON."""
    host: int | None
    """Index of the column that names a machine."""

    @cached_property
    def select(self) -> str:
        """All rows by their key, in the order of `columns`."""
        columns, key = _listed(self.columns), _listed(self.key)
        return f"SELECT {columns} FROM {self.table} ORDER BY {key}"

    @cached_property
    def select_project(self) -> str:
        """As `select`, of one project, which is its only parameter."""
        children = "story_uid IN (SELECT uid FROM stories WHERE project_id = ?)"
        plain = children if self.columns[0] == "story_uid" else "project_id = ?"
        where = _OF_PROJECT.get(self.table, plain)
        return f"SELECT {_listed(self.columns)} FROM {self.table} WHERE {where} ORDER BY {_listed(self.key)}"

    @cached_property
    def numbers(self) -> tuple[tuple[int, str], ...]:
        """Indexes of the columns that hold numbers of rows, each with the table whose counter gave them."""
        known = dict(_NUMBERS)
        if self.key in (("id",), ("seq",)) and self.table != "projects":
            known[self.key[0]] = self.table
        return tuple((index, known[name]) for index, name in enumerate(self.columns) if name in known)

    def shifted(self, row: Row, by: Mapping[str, int]) -> Row:
        """A row whose numbers are larger: `by` says how much, by table."""
        values = list(row)
        for index, table in self.numbers:
            if values[index] is not None:
                values[index] += by.get(table, 0)
        return tuple(values)

    @cached_property
    def insert(self) -> Insert:
        return Insert(self.table, self.columns)

    def renamed(self, row: Row, hosts: Mapping[str, str]) -> Row:
        """A row with the name of its machine changed, where the table has it and `hosts` knows it."""
        if self.host is None or row[self.host] not in hosts:
            return row
        return (*row[: self.host], hosts[row[self.host]], *row[self.host + 1 :])

    def writable(self, row: Row) -> Row:
        """A row as any engine takes it, whichever engine it came from."""
        if not self.flags:
            return row
        values = list(row)
        for index in self.flags:
            values[index] = None if values[index] is None else bool(values[index])
        return tuple(values)


@cache
def layouts() -> tuple[Layout, ...]:
    """All tables, each after those that its rows point to."""
    return tuple(map(_layout, METADATA.sorted_tables))


def copied() -> tuple[Layout, ...]:
    """The tables that a copy of a database holds, in the order in which they can be written."""
    return tuple(one for one in layouts() if one.table not in NOT_COPIED)


def _layout(table: sa.Table) -> Layout:
    kinds = [column.type for column in table.columns]
    return Layout(
        str(table.name),  # SQLAlchemy has a text of its own kind
        tuple(str(column.name) for column in table.columns),
        tuple(str(column.name) for column in table.primary_key),
        tuple(index for index, kind in enumerate(kinds) if isinstance(kind, sa.Boolean)),
        frozenset(index for index, kind in enumerate(kinds) if isinstance(kind, sa.JSON)),
        list(table.columns.keys()).index("host") if table.name == "roots" else None,
    )


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(f'"{column}"' for column in columns)
