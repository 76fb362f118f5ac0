"""Any question in SQL, as long as it only reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from storysync.errors import StoreError, StorysyncError, UsageError

if TYPE_CHECKING:
    from storysync.store.reader import Reader

READING = ("SELECT", "WITH", "VALUES", "EXPLAIN", "PRAGMA")
_COMMENT = re.compile(r"\s*(--[^\n]*(\n|$)|/\*.*?\*/)", re.DOTALL)
_WORD = re.compile(r"[\s(]*([A-Za-z]+)")
_WRITING_PRAGMA = re.compile(
    r"^\s*PRAGMA\s+[\w.]+\s*=|^\s*PRAGMA\s+(wal_checkpoint|optimize)\b", re.IGNORECASE
)
_ASKED_WRONGLY = ("", "SQLITE_ERROR", "SQLITE_READONLY")
"""Names of database errors that the statement is to blame for; '' is one of the driver itself."""


def statement(reader: Reader, sql: str, limit: int | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of one reading statement.

    Raises UsageError for a statement that writes (the connection could not, this says so plainly; and
    `VACUUM INTO` or `ATTACH` would write other files), StorysyncError with the database's words for a wrong
    one, StoreError when the database cannot answer.
    """
    bare = sql
    while found := _COMMENT.match(bare):
        bare = bare[found.end() :]
    word = _WORD.match(bare)
    if not word:
        raise UsageError("there is no SQL statement", hint="as in `storysync sql 'select * from v_ready'`")
    if word[1].upper() not in READING or _WRITING_PRAGMA.match(bare):
        raise UsageError(
            f"`sql` only reads: it takes {', '.join(READING)}, not {word[1].upper()}",
            hint="to change a story, edit its file",
        )
    try:
        return reader.columns_and_rows(sql, (), limit)
    except StoreError as error:
        if getattr(error.__cause__, "sqlite_errorname", "") not in _ASKED_WRONGLY:
            raise
        raise StorysyncError(str(error), hint="`sql` only reads; docs/schema.md lists the columns") from error
