"""After a batch: which ids several stories claim."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from storysync.core.resolution import place
from storysync.core.story import Problem
from storysync.store import problems
from storysync.store.tx import Row, Tx

_COLUMNS = "s.uid, s.scope, s.key, s.id, s.path, s.anchor, s.id_line, s.id_col, s.contested"
_MOST_NAMED = 5  # of the others that a message names


def judge(tx: Tx, project_id: str, keys: Iterable[str] | None, paths: Iterable[str], now: str) -> None:
    """Flag the stories that claim one id in one scope. `keys` None: all of the project.

    `paths` are places whose story changed: a problem there that no longer holds is taken back. An item of a
    file whose id a file of its own has too is flagged alone: the file counts.
    """
    holders = _holders(tx, project_id, keys)
    reported = {*paths, *(one.path for one in holders)}
    if keys is None:
        reported |= _reported(tx, project_id)
    else:  # what else is contested in these files keeps its problem
        at = "FROM stories s WHERE s.project_id = ? AND s.contested AND s.path IN ({marks})"
        sql = f"SELECT {_COLUMNS} {at}"
        flagged = [_Holder(*row) for row in tx.rows_in(sql, reported, (project_id,))]
        others = {one.key for one in flagged if one.key is not None} - {one.key for one in holders}
        holders += [*_holders(tx, project_id, others), *(one for one in flagged if one.key is None)]
    groups: dict[tuple[str, str], list[_Holder]] = defaultdict(list)
    updates: list[Row] = []
    for one in holders:
        if one.key is not None:
            groups[one.scope, one.key].append(one)
        elif one.contested:  # it has no id any more
            updates.append((False, one.uid))
    wanted: dict[str, list[Problem]] = {path: [] for path in reported}
    for group in groups.values():
        for one, finding in _contested(group):
            if bool(one.contested) != (finding is not None):
                updates.append((finding is not None, one.uid))
            if finding is not None and one.path in reported:
                wanted[one.path].append(finding)
    tx.executemany("UPDATE stories SET contested = ? WHERE uid = ?", updates)
    problems.replace(tx, project_id, wanted, problems.CONTESTED_CODES, now)


def _reported(tx: Tx, project_id: str) -> set[str]:
    """The files that have a problem of ours now."""
    codes = ", ".join(f"'{code}'" for code in sorted(problems.CONTESTED_CODES))
    sql = f"SELECT DISTINCT path FROM problems WHERE project_id = ? AND code IN ({codes})"
    return {row[0] for row in tx.rows(sql, (project_id,))}


class _Holder(NamedTuple):
    """A story that claims an id, or did."""

    uid: int
    scope: str
    key: str | None
    id: str | None
    path: str
    anchor: str
    line: int
    col: int
    contested: bool

    def place(self) -> str:
        return place(self.path, self.anchor)


def _contested(group: list[_Holder]) -> Iterator[tuple[_Holder, Problem | None]]:
    """What is wrong with each of those that claim one id."""
    files = [one for one in group if not one.anchor]
    first = heapq.nsmallest(_MOST_NAMED + 1, {one.place() for one in files or group})
    for one in group:
        yield one, _contest_of(one, len(group), len(files), first)


def _contest_of(one: _Holder, holders: int, files: int, first: list[str]) -> Problem | None:
    """`first` are the places of some that count; `files` of the holders have a file of their own."""
    if one.anchor and files:
        message = f"the id {one.id!r} is also that of {', '.join(first[:_MOST_NAMED])}, which counts"
        hint = "give it another id if it is another story"
        return Problem("told-elsewhere", message, one.line, one.col, hint)
    if (files or holders) < 2:
        return None
    others = [text for text in first if text != one.place()][:_MOST_NAMED]
    more = (files or holders) - 1 - len(others)
    also = f" and {more} more" if more else ""
    message = f"the id {one.id!r} is also claimed by {', '.join(others)}{also}"
    return Problem("contested-id", message, one.line, one.col, "give one of them another id")


def _holders(tx: Tx, project_id: str, keys: Iterable[str] | None) -> list[_Holder]:
    if keys is None:
        rows = tx.rows(
            f"SELECT {_COLUMNS} FROM stories s WHERE s.project_id = ? AND (s.contested OR s.key IN"
            " (SELECT n.name FROM story_names n WHERE n.project_id = ? AND n.source = 'id'"
            " GROUP BY n.name HAVING COUNT(*) > 1))",
            (project_id, project_id),
        )
    else:
        rows = tx.rows_in(
            f"SELECT {_COLUMNS} FROM story_names n JOIN stories s ON s.uid = n.story_uid"
            " WHERE n.project_id = ? AND n.source = 'id' AND n.name IN ({marks})",
            keys,
            (project_id,),
        )
    return [_Holder(*row) for row in rows]
