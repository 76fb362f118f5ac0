"""Whether a SQLite database contradicts itself: its pages, its rows, and what they refer to."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path

from storysync.errors import Damaged, NoDatabase, StoreError
from storysync.settings import SqliteSettings
from storysync.store.database import Findings
from storysync.store.durable import read_through
from storysync.store.engines import sqlite

MOST = 20
_AT_ONCE = 1000
_OF_A_ROW = re.compile(r"(CHECK constraint failed|(NULL|TEXT|NUMERIC|non-\w+) value) in ", re.ASCII)
"""What the check of the structure says of values that a statement could have written."""


def findings(path: Path, settings: SqliteSettings, *, thorough: bool) -> Findings:
    """As `Database.findings`.

    SQLite says of a device that does not answer that the database is malformed. So before damage is told
    the file must be readable, and look damaged twice.
    """
    with suppress(Damaged, NoDatabase):
        found = _looked(path, settings, thorough=thorough)
        if not found.damage:
            return found
    for file in (path, path.with_name(path.name + "-wal")):
        try:
            with suppress(FileNotFoundError):
                read_through(file)
        except OSError as error:
            raise StoreError(
                f"the disk of {file} fails: {error.strerror}", hint="mend the disk; nothing was changed"
            ) from error
    return _looked(path, settings, thorough=thorough)


def _looked(path: Path, settings: SqliteSettings, *, thorough: bool) -> Findings:
    try:
        with closing(sqlite.open_read_only(path, settings)) as reading:
            if not reading.execute("PRAGMA page_count").fetchone()[0]:
                raise NoDatabase(f"the database {path} is empty")
            sqlite.refuse_foreign(reading, path)
            return _found(reading, thorough=thorough)
    except sqlite3.Error as error:
        raise sqlite.translated(error, path) from error


def _found(reading: sqlite3.Connection, *, thorough: bool) -> Findings:
    check = "integrity_check" if thorough else "quick_check"
    lines = [str(line) for (line,) in reading.execute(f"PRAGMA {check}({MOST})") if line != "ok"]
    rows = [line for line in lines if _OF_A_ROW.match(line)]
    damage = tuple(line for line in lines if not _OF_A_ROW.match(line))
    if thorough and not damage:
        rows += islice(_orphans(reading), MOST)
        rows += islice(_undecodable(reading), MOST)
    return Findings(damage, tuple(rows[:MOST]))


def _orphans(reading: sqlite3.Connection) -> Iterator[str]:
    for table, rowid, parent, _ in reading.execute("PRAGMA foreign_key_check"):
        row = "a row" if rowid is None else f"row {rowid}"
        yield f"{row} of {table} points to a missing row of {parent}"


def _undecodable(reading: sqlite3.Connection) -> Iterator[str]:
    """Every value of every row is fetched: text that is none shows here alone."""
    named = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    for (table,) in reading.execute(named).fetchall():
        try:
            cursor = reading.execute(f'SELECT * FROM "{table}"')
            while cursor.fetchmany(_AT_ONCE):
                pass
        except sqlite3.OperationalError as error:
            if hasattr(error, "sqlite_errorname"):
                raise  # of the file or the disk; what the driver cannot decode has no such name
            yield f"{table}: {error}"
