"""Any question in SQL, as long as it only reads."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from storysync.errors import StoreError, StorysyncError, UsageError

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_COMMENT = re.compile(r"\s*(--[^\n]*(\n|$)|/\*.*?\*/)", re.DOTALL)
_WORD = re.compile(r"[\s(]*([A-Za-z]+)")
_READING_PRAGMA = re.compile(
    r"\s*PRAGMA\s+(?:\w+\.)?(?:"
    r"(?!(?:wal_checkpoint|optimize|incremental_vacuum|shrink_memory)\b)\w+\s*(?:;|$|--|/\*)"
    r"|(?:table_x?info|index_x?info|table_list|index_list|foreign_key_list|foreign_key_check"
    r"|integrity_check|quick_check)\s*\()",
    re.IGNORECASE,
)
"""Pragmas that only tell: without a value, or whose value is the name of what is asked about."""


def statement(reader: Reader, sql: str, limit: int | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Column names and rows of one reading statement: text, numbers, bytes and NULL; truth is 1 and 0.

    Raises UsageError for a statement that writes (the connection could not, this says so plainly; and
    `VACUUM INTO` or `ATTACH` would write other files), StorysyncError with the database's words for a wrong
    one, StoreError when the database cannot answer.
    """
    _require_text(sql)
    bare = sql
    while found := _COMMENT.match(bare):
        bare = bare[found.end() :]
    word = _WORD.match(bare)
    if not word:
        raise UsageError(
            "there is no SQL statement", hint="write one, as in `storysync sql 'select * from v_ready'`"
        )
    verb = word[1].upper()
    if verb == "PRAGMA" and verb in reader.verbs and not _READING_PRAGMA.match(bare):
        raise UsageError(
            "`sql` only reads, and this PRAGMA may write",
            hint="ask without a value, as in `PRAGMA user_version`",
        )
    if verb not in reader.verbs:
        raise UsageError(
            f"`sql` only reads: it takes {', '.join(reader.verbs)}, not {verb}",
            hint="edit the file of a story to change it",
        )
    try:
        names, rows = reader.columns_and_rows(sql, (), limit)
    except StoreError as error:
        if error.__cause__ is None or not reader.blames_statement(error.__cause__):
            raise
        raise StorysyncError(
            str(error), hint="see docs/schema.md for tables and columns; `sql` only reads"
        ) from error
    return names, [tuple(map(_plain, row)) for row in rows]


def _require_text(sql: str) -> None:
    """Raise UsageError for what no database takes as a statement."""
    if "\0" in sql or any("\ud800" <= sign <= "\udfff" for sign in sql):
        raise UsageError(
            "the SQL statement has characters that are no text", hint="write it in UTF-8, without NUL"
        )


def _plain(value: Any) -> Any:
    """Truth is 1 and 0, whichever database tells it."""
    return int(value) if isinstance(value, bool) else value
