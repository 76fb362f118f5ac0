"""Writing findings: only the difference, so that `first_seen_at` means what it says."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from storysync.core.problems import CODES
from storysync.core.story import Problem
from storysync.store.tx import Insert, Row, Tx

REFERENCE_CODES = frozenset({"dangling-reference", "ambiguous-reference", "self-reference", "relaxed-match"})
CONTESTED_CODES = frozenset({"contested-id", "told-elsewhere"})
CYCLE_CODES = frozenset({"dependency-cycle"})
HELD_CODES = frozenset({"deletion-held"})
NAME_CODES = frozenset({"not-a-regular-file", "path-clash", "path-too-long", "unreadable-folder"})
"""Those that follow from the names on the disk, whatever a file holds."""
SECOND_CODES = frozenset(
    {
        "second-source-disagreement", "second-source-ambiguous", "second-source-without-story",
        "status-only-in-second-source",
    }
)  # fmt: skip
"""Those of a second source among the stories."""
STORY_CODES = REFERENCE_CODES | CONTESTED_CODES | CYCLE_CODES
"""Those of a story among others."""
FILE_CODES = frozenset(CODES) - STORY_CODES - SECOND_CODES - HELD_CODES - NAME_CODES
"""Those that follow from what one file holds."""
CONTENT_CODES = FILE_CODES | STORY_CODES | SECOND_CODES
"""All that a file may have by what it holds; one without a story keeps none of a story."""

_INSERT = Insert(
    "problems",
    ("project_id", "path", "line", "col", "severity", "code", "message", "hint", "first_seen_at"),
)


def replace(
    tx: Tx, project_id: str, wanted: Mapping[str, Sequence[Problem]], codes: frozenset[str], now: str
) -> None:
    """Make the problems of these paths equal to `wanted`, as far as `codes` goes.

    The hint of a reference may tell of a renaming, which a later look does not know of; it stays.
    """
    present: dict[str, list[Row]] = defaultdict(list)
    for row in tx.rows_in(
        "SELECT path, line, col, code, message, hint, id, first_seen_at FROM problems"
        " WHERE project_id = ? AND path IN ({marks})",
        wanted,
        (project_id,),
    ):
        if row[3] in codes:
            present[row[0]].append(row)
    if not present:
        insert(tx, project_id, wanted, now)
        return
    drop: list[tuple[int]] = []
    new: list[Row] = []
    for path, problems in wanted.items():
        rows = present.get(path, [])
        missing = Counter(_told(path, one.line, one.col, one.code, one.message, one.hint) for one in problems)
        gone: dict[tuple[str, str], str] = {}
        for row in rows:
            key = _told(*row[:6])
            if missing[key] > 0:
                missing[key] -= 1
            else:
                drop.append((row[6],))
                gone[row[3], row[4]] = row[7]
        for one in problems:
            key = _told(path, one.line, one.col, one.code, one.message, one.hint)
            if missing[key] > 0:
                missing[key] -= 1
                new.append(_row(project_id, path, one, gone.get((one.code, one.message), now)))
    tx.executemany("DELETE FROM problems WHERE id = ?", drop)
    tx.insert_all(_INSERT, new)


def _told(path: str, line: int, col: int, code: str, message: str, hint: str) -> Row:
    """What makes two problems the same."""
    return (path, line, col, code, message, "" if code in REFERENCE_CODES else hint)


def insert(tx: Tx, project_id: str, wanted: Mapping[str, Sequence[Problem]], now: str) -> None:
    """Add problems where there are none."""
    rows = [_row(project_id, path, one, now) for path, problems in wanted.items() for one in problems]
    if rows:
        tx.insert_all(_INSERT, rows)


def forget(tx: Tx, project_id: str, paths: Iterable[str]) -> None:
    """Remove every problem of these paths."""
    tx.executemany(
        "DELETE FROM problems WHERE project_id = ? AND path = ?", [(project_id, path) for path in paths]
    )


def _row(project_id: str, path: str, one: Problem, first_seen_at: str) -> Row:
    severity = CODES[one.code].severity
    return (project_id, path, one.line, one.col, severity, one.code, one.message, one.hint, first_seen_at)
