"""Whether a SQLite database can be written, and by which version, without changing it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from storysync.errors import StoreError

SAFE = (3, 51, 3)
"""Older ones have a fault that damages the log in very rare moments: two connections merging it at once."""


def remark(version: tuple[int, ...]) -> str:
    """What should be known of a version of SQLite, '' for nothing."""
    if version >= SAFE:
        return ""
    told, safe = ".".join(map(str, version)), ".".join(map(str, SAFE))
    return f"SQLite {told}; {safe} mends a rare fault of its log"


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
