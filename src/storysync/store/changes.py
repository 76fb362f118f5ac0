"""What the change feed tells of a story that was written: the fields that differ, before and after."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from storysync.store.rows import DERIVED
from storysync.store.tx import Row

_HASHED = frozenset({"body"})
_UNTOLD = frozenset({"content_hash", "id_line", "id_col", "status_line"})

_FIELD_OF = {
    "story_labels": "labels",
    "story_people": "people",
    "criteria": "criteria",
    "story_dependencies": "references",
}


def told(
    old: Row, new: Row, differing: dict[str, tuple[list[Row], list[Row]]]
) -> tuple[dict[str, object], dict[str, object]]:
    """The fields that differ, before and after; long ones as a hash, lists as lists."""
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    for column, was, shall in zip(DERIVED, old, new, strict=True):
        if was != shall and column not in _UNTOLD:
            before[column] = _hash(was) if column in _HASHED else was
            after[column] = _hash(shall) if column in _HASHED else shall
    for table, (was_rows, shall_rows) in differing.items():
        if table != "story_names":
            field_name = _FIELD_OF[table]
            before[field_name], after[field_name] = _summary(table, was_rows), _summary(table, shall_rows)
    return before, after


def _summary(table: str, rows: list[Row]) -> object:
    if table == "story_labels":
        return sorted(row[1] for row in rows)
    if table == "story_people":
        return sorted(f"{row[1]}: {row[3]}" for row in rows)
    if table == "story_dependencies":
        return [f"{row[2]}: {row[3]}" for row in sorted(rows, key=lambda row: row[1])]
    points = sorted((*row[1:5], None if row[5] is None else bool(row[5])) for row in rows)
    return {"total": len(rows), "done": sum(bool(row[5]) for row in rows), "hash": _hash(points)}


def _hash(value: object) -> str | None:
    return None if value is None else hashlib.sha1(str(value).encode(), usedforsecurity=False).hexdigest()


def to_json(value: Mapping[str, object]) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
