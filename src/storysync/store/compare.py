"""Two databases side by side: every derived column of every table, found by what a rebuild keeps.

Rows are found by project, path and anchor, never by uid, which each database gives out for itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from storysync.store.rows import CHILDREN, DERIVED
from storysync.store.tx import Row, Tx

_PLACE = "s.project_id, s.path, s.anchor"
_OF_STORY = "JOIN stories s ON s.uid = c.story_uid"


@dataclass(frozen=True)
class Question:
    """A table, its derived columns, and how many of them name a row."""

    table: str
    sql: str
    key: int
    columns: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """One row that is not the same. `columns` are those that differ, empty when a side has no such row."""

    table: str
    key: tuple[Any, ...]
    columns: tuple[str, ...]
    here: tuple[Any, ...] | None
    rebuilt: tuple[Any, ...] | None

    def __str__(self) -> str:
        place = " ".join(str(part) for part in self.key if part != "")
        if self.here is None:
            return f"{self.table}: {place}: missing from the database"
        if self.rebuilt is None:
            return f"{self.table}: {place}: not in the files"
        pairs = zip(self.columns, self.here, self.rebuilt, strict=True)
        told = ", ".join(f"{name} is {_short(was)}, should be {_short(shall)}" for name, was, shall in pairs)
        return f"{self.table}: {place}: {told}"


def _child(table: str) -> Question:
    key, others = CHILDREN[table]
    own = [column for column in key if column != "story_uid"]
    columns = ", ".join(f"c.{column}" for column in (*own, *others))
    order = ", ".join(f"c.{column}" for column in own)
    sql = f"SELECT {_PLACE}, {columns} FROM {table} c {_OF_STORY} ORDER BY {_PLACE}, {order}"
    return Question(table, sql, 3 + len(own), tuple(others))


def _references() -> Question:
    stated = CHILDREN["story_dependencies"][1]
    columns = (*stated, "state", "match", "target", "direction")
    listed = ", ".join(f"c.{column}" for column in (*stated, "state", "match"))
    sql = (
        f"SELECT {_PLACE}, c.ordinal, {listed},"
        " t.project_id || ' ' || t.path || ' ' || t.anchor,"
        " CASE WHEN c.dependent_uid = c.story_uid THEN 'from' ELSE 'to' END"
        f" FROM story_dependencies c {_OF_STORY} LEFT JOIN stories t ON t.uid = c.target_uid"
        f" ORDER BY {_PLACE}, c.ordinal"
    )
    return Question("story_dependencies", sql, 4, columns)


def _status_claims() -> Question:
    columns = ("key", "raw", "status", "line", "col", "stale")
    listed = ", ".join(f"c.{column}" for column in columns)
    sql = (
        f"SELECT c.project_id, c.path, c.name, {listed}, t.path || ' ' || t.anchor"
        " FROM status_claims c LEFT JOIN stories t ON t.uid = c.story_uid ORDER BY 1, 2, 3"
    )
    return Question("status_claims", sql, 3, (*columns, "story"))


def _plain(table: str, key: tuple[str, ...], others: tuple[str, ...], where: str = "") -> Question:
    sql = f"SELECT {', '.join((*key, *others))} FROM {table} {where} ORDER BY {', '.join((*key, *others))}"
    return Question(table, sql, len(key), others)


_STORY_COLUMNS = tuple(column for column in DERIVED if column not in ("path", "anchor"))

QUESTIONS = (
    _plain("backlogs", ("project_id", "id"), ("name", "type", "status", "path_prefix", "owner", "metadata")),
    _plain("files", ("project_id", "path"), ("path_raw", "size", "content_hash", "state")),
    _plain("stories", ("project_id", "path", "anchor"), (*_STORY_COLUMNS, "contested")),
    _child("story_names"),
    _child("story_labels"),
    _child("story_people"),
    _child("criteria"),
    _references(),
    _plain(
        "problems",
        ("project_id", "path", "line", "col", "code", "message"),
        ("severity",),
        "WHERE code <> 'deletion-held'",
    ),
    _status_claims(),
    _plain("project_dependencies", ("from_project_id", "to_project_id", "kind"), ("edge_count", "declared")),
)


def differences(here: Tx, rebuilt: Tx) -> Iterator[Difference]:
    """Every difference, table by table, in the order of the rows."""
    for question in QUESTIONS:
        yield from _compare(question, here.stream(question.sql), rebuilt.stream(question.sql))


def _compare(question: Question, here: Iterator[Row], rebuilt: Iterator[Row]) -> Iterator[Difference]:
    """Walk two results that are ordered by their keys."""
    width = question.key
    left, right = next(here, None), next(rebuilt, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[:width] < right[:width]):
            assert left is not None
            yield Difference(question.table, left[:width], (), left[width:], None)
            left = next(here, None)
        elif left is None or right[:width] < left[:width]:
            yield Difference(question.table, right[:width], (), None, right[width:])
            right = next(rebuilt, None)
        else:
            if left != right:
                yield _changed(question, left, right)
            left, right = next(here, None), next(rebuilt, None)


def _changed(question: Question, left: Row, right: Row) -> Difference:
    width = question.key
    differing = [
        index
        for index, (was, shall) in enumerate(zip(left[width:], right[width:], strict=True))
        if was != shall
    ]
    return Difference(
        question.table,
        left[:width],
        tuple(question.columns[index] for index in differing),
        tuple(left[width + index] for index in differing),
        tuple(right[width + index] for index in differing),
    )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
