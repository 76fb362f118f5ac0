"""Whether a SQLite database is sound and can be written, without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from storysync.errors import StoreError
from storysync.settings import SqliteSettings
from storysync.store.engines.sqlite import connect_reader, translated


def damage(path: Path, settings: SqliteSettings) -> str:
    """The first thing that `quick_check` finds, '' for nothing. Raises StoreError when it cannot be read."""
    try:
        with closing(connect_reader(path, settings)) as reading:
            finding = str(reading.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.Error as error:
        raise translated(error, path) from error
    return "" if finding == "ok" else finding


def write_obstacle(path: Path, wait_s: float) -> tuple[bool, str]:
    """Why this process cannot begin to write now, '' if it can, and whether that is a serious fault.

    A database that another process is writing, or that this user may only read, is in order.
    """
    try:
        uri = path.as_uri() + "?mode=rw"
        with closing(sqlite3.connect(uri, uri=True, timeout=wait_s, isolation_level=None)) as writing:
            writing.execute("BEGIN IMMEDIATE")
            writing.execute("ROLLBACK")
    except sqlite3.OperationalError as error:
        name = error.sqlite_errorname
        if name.startswith("SQLITE_BUSY"):
            return False, f"another process has been writing for more than {wait_s:g} s"
        if name.startswith("SQLITE_READONLY"):
            return False, "this user may only read it"
        return True, str(error)
    except sqlite3.Error as error:
        raise StoreError(f"cannot use the database {path}: {error}") from error
    return False, ""
