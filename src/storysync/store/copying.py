"""Rows of one database into another, table by table, with their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from storysync.store.digest import Hasher, TableDigest
from storysync.store.layouts import Layout, copied
from storysync.store.tx import Row, Tx

MOST_ROWS = 2000
MOST_BYTES = 4 << 20
"""Rows are written in parts of at most so many, or of about so much."""


def rows_of(tx: Tx, project_id: str | None = None) -> dict[str, int]:
    """Table -> how many rows of it a copy takes, of all projects or of one."""
    if project_id is None:
        return {one.table: _count(tx, f"SELECT COUNT(*) FROM {one.table}") for one in copied()}
    counts = {one.table: f"SELECT COUNT(*) FROM ({one.select_project}) AS found" for one in copied()}
    return {table: _count(tx, sql, project_id) for table, sql in counts.items()}


def last_numbers(tx: Tx) -> dict[str, int]:
    """Table -> the last number that was given to a row, also where nothing counts them but the rows."""
    counted = tx.last_numbers()
    for layout in copied():
        if layout.key[0] in [
            layout.columns[index] for index, table in layout.numbers if table == layout.table
        ]:
            present = _count(tx, f"SELECT MAX({layout.key[0]}) FROM {layout.table}")
            counted[layout.table] = max(present, counted.get(layout.table, 0))
    return {table: counted[table] for table in counted if table in {one.table for one in copied()}}


def cut(layout: Layout, row: Row, own: AbstractSet[int]) -> Row:
    """A reference without the uids of stories that are not among `own`."""
    values = dict(zip(layout.columns, row, strict=True))
    if values["target_uid"] is not None and values["target_uid"] not in own:
        values |= {"target_uid": None, "state": "dangling", "match": None}
        for end in ("dependent_uid", "prerequisite_uid"):
            if values[end] not in own:
                values[end] = None
    return tuple(values.values())


def first_filled(tx: Tx) -> str | None:
    """A table that is not empty, of those that a copy fills; None for an empty database."""
    return next((one.table for one in copied() if tx.row(f"SELECT 1 FROM {one.table} LIMIT 1")), None)


def copy_table(
    layout: Layout,
    rows: Iterator[Row],
    target: Tx,
    *,
    hosts: tuple[str, str],
    written: Callable[[int], None],
) -> TableDigest:
    """Write rows into the empty table, and return the digest of what was given.

    `hosts`: what the source calls this machine, and what the target does. `written` is told how many rows
    were added to the target each time.
    """
    here, there = {hosts[0]: ""}, {hosts[0]: hosts[1]}
    hasher = Hasher(layout.documents)
    part: list[Row] = []
    size = 0
    for row in rows:
        size += hasher.add(layout.renamed(row, here))
        part.append(layout.writable(layout.renamed(row, there)))
        if len(part) >= MOST_ROWS or size >= MOST_BYTES:
            target.insert_all(layout.insert, part)
            written(len(part))
            part, size = [], 0
    target.insert_all(layout.insert, part)
    written(len(part))
    return hasher.told(layout.table)


def _count(tx: Tx, sql: str, *params: str) -> int:
    row = tx.row(sql, params)
    return int(row[0] or 0) if row else 0
