"""Copying a SQLite database through its own engine, and proving that the copy is whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from storysync.errors import StoreError
from storysync.store.engines.sqlite import APPLICATION_ID, translated

BUSY_TIMEOUT_S = 30.0


def copy_database(source: Path, target: Path) -> int:
    """Copy one consistent state into `target`, an empty file, and return its number of stories.

    All pages in one step: a copy in several steps starts again at every write of another connection, and
    under a steady writer never ends. The result is a single file (no WAL). Raises StoreError.
    """
    try:
        with closing(_read_only(source)) as reading, closing(_writable(target)) as writing:
            reading.execute("BEGIN")  # the count and the copy see the same state
            stories = int(reading.execute("SELECT count(*) FROM stories").fetchone()[0])
            reading.backup(writing, pages=-1)
            writing.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise translated(error, source) from error
    return stories


def verify_copy(copy: Path, stories: int) -> None:
    """Raise StoreError, saying what is wrong, unless the copy is a whole database of ours.

    A copy on a full disk can be an empty file, which SQLite calls a healthy database without tables.
    """
    try:
        with closing(_read_only(copy)) as reading:
            finding = _finding(reading, stories)
    except sqlite3.Error as error:
        raise translated(error, copy) from error
    if finding:
        raise StoreError(f"the copy is not usable: {finding}")


def _finding(reading: sqlite3.Connection, stories: int) -> str:
    """What is wrong with the copy, '' for nothing."""
    integrity = str(reading.execute("PRAGMA integrity_check(1)").fetchone()[0])
    if integrity != "ok":
        return integrity
    orphan = reading.execute("PRAGMA foreign_key_check").fetchone()
    if orphan:
        return f"a row of {orphan[0]} points to a missing row of {orphan[2]}"
    if reading.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        return "it does not carry the mark of a storysync database"
    found = int(reading.execute("SELECT count(*) FROM stories").fetchone()[0])
    return "" if found == stories else f"it holds {found} stories instead of {stories}"


def _read_only(path: Path) -> sqlite3.Connection:
    uri = f"file:{quote(str(path))}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)


def _writable(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
