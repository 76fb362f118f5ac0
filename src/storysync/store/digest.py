"""What a database holds as a few numbers: rows and digest of each table, equal on every engine.

A digest is the SHA-256 of all rows in one order, each a MessagePack array: text, numbers, bytes and NULL as
they are, truth as 0 and 1, instants and days as text, JSON with sorted keys, without blanks, and with
whole numbers as integers. Rows stream through it, so that the size of a table does not matter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from storysync.store import compare
from storysync.store.layouts import Layout, copied
from storysync.store.tx import Row, Tx

_EMPTY = (None, "{}")
_PLACE = "i.project_id, i.path, i.anchor"
_OF_STORY = "JOIN identities i ON i.uid = c.identity"


@dataclass(frozen=True)
class TableDigest:
    """`digest`: 64 hexadecimal digits."""

    table: str
    rows: int
    digest: str


class Hasher:
    """Takes rows of one table one by one. `documents`: the indexes of columns that hold JSON."""

    def __init__(self, documents: Iterable[int] = ()) -> None:
        self._documents = tuple(documents)
        self._hash = hashlib.sha256()
        self._encode = msgspec.msgpack.Encoder().encode
        self.rows = 0

    def add(self, row: Row) -> int:
        """Take one row and return its size in bytes."""
        values: list[Any] = [int(value) if value is True or value is False else value for value in row]
        for index in self._documents:
            if values[index] not in _EMPTY:
                values[index] = canonical(values[index])
        encoded = self._encode(values)
        self._hash.update(encoded)
        self.rows += 1
        return len(encoded)

    def told(self, table: str) -> TableDigest:
        return TableDigest(table, self.rows, self._hash.hexdigest())


def digests(parts: Sequence[Tx], *, host: str, uids: bool = True) -> list[TableDigest]:
    """One for each table, of one database of all projects or of those of each, in the order of their ids.

    `host`: what they call this machine.

    With `uids`, every column of every row that `db copy` takes: equal for a copy. Without, only what does not
    depend on when and in which order files were read: stories are named by their place, and numbers, times
    and inodes are left out. Databases that were synced on their own from the same files are equal then.
    """
    if uids:
        return [table_digest(parts, layout, host) for layout in copied()]
    return [_without_uids(parts, one) for one in QUESTIONS]


def table_digest(parts: Sequence[Tx], layout: Layout, host: str) -> TableDigest:
    """Of all columns of a table. This machine is called '' in it, as where no other shares the database."""
    hasher = Hasher(layout.documents)
    for tx in parts:
        for row in tx.stream(layout.select):
            hasher.add(layout.renamed(row, {host: ""}))
    return hasher.told(layout.table)


def total(found: Iterable[TableDigest]) -> str:
    """One digest of them all."""
    lines = "".join(f"{one.table} {one.rows} {one.digest}\n" for one in found)
    return hashlib.sha256(lines.encode()).hexdigest()


def canonical(document: str) -> str:
    """JSON text in the one form that every engine's answer can be brought to."""
    value = json.loads(document, parse_float=_number)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


# -- without uids ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """What of a table does not depend on the order in which files were read."""

    table: str
    sql: str
    documents: tuple[int, ...] = ()


def _derived() -> Iterator[Question]:
    for one in compare.QUESTIONS:
        documents = tuple(one.key + index for index, column in enumerate(one.columns) if column == "metadata")
        yield Question(one.table, one.sql, documents)


QUESTIONS = (
    Question(
        "projects",
        "SELECT id, name, description, repository_url, submodule_path, default_branch, status, owner,"
        " created_on, metadata FROM projects ORDER BY id",
        (9,),
    ),
    Question("roots", "SELECT project_id, state FROM roots ORDER BY project_id"),
    Question(
        "project_members",
        "SELECT project_id, member_id, member_type, role, joined_on FROM project_members ORDER BY 1, 2",
    ),
    *_derived(),
    Question(
        "identities",
        "SELECT project_id, path, anchor, COALESCE(key, ''), COALESCE(content_hash, ''), gone_at IS NOT NULL"
        " FROM identities ORDER BY 1, 2, 3, 4, 5, 6",
    ),
    Question(
        "status_history",
        f"SELECT {_PLACE}, c.story_id, c.old_status, c.new_status, c.old_raw, c.new_raw, c.changed_by,"
        f" c.commit_sha, c.path, c.source, c.on_head, c.notes FROM status_history c {_OF_STORY}"
        f" ORDER BY {_PLACE}, c.id",
    ),
    Question(
        "changes",
        f"SELECT {_PLACE}, c.story_id, c.operation, c.before, c.after FROM changes c {_OF_STORY}"
        f" ORDER BY {_PLACE}, c.seq",
        (5, 6),
    ),
)
"""Tables that are left out hold nothing else: times of syncs and checks, and records of backup files."""


def _without_uids(parts: Sequence[Tx], question: Question) -> TableDigest:
    hasher = Hasher(question.documents)
    for tx in parts:
        for row in tx.stream(question.sql):
            hasher.add(row)
    return hasher.told(question.table)
