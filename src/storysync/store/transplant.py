"""Copying what files no longer say into another database: stale stories and held deletions."""

from __future__ import annotations

from collections.abc import Iterable

from storysync.store.rows import CHILDREN, STORY
from storysync.store.tx import Tx


def kept_paths(tx: Tx, project_id: str) -> tuple[frozenset[str], frozenset[str]]:
    """(paths with a stale story, paths whose deletion is held)."""
    stale = tx.rows(
        "SELECT DISTINCT path FROM stories WHERE project_id = ? AND parse_state = 'stale'", (project_id,)
    )
    held = tx.rows(
        "SELECT DISTINCT path FROM problems WHERE project_id = ? AND code = 'deletion-held'", (project_id,)
    )
    return frozenset(row[0] for row in stale), frozenset(row[0] for row in held)


def copy(source: Tx, target: Tx, project_id: str, paths: Iterable[str], *, files: bool) -> None:
    """Copy the stories at these paths with their rows; references unresolved; the files' rows if asked.

    The target has the project, and nothing at these paths.
    """
    wanted = sorted(paths)
    stories = source.rows_in(
        f"SELECT {', '.join(STORY)} FROM stories WHERE project_id = ? AND path IN ({{marks}})",
        wanted,
        (project_id,),
    )
    place = {column: index for index, column in enumerate(STORY)}
    uids = dict(zip((row[0] for row in stories), target.new_uids(len(stories)), strict=True))
    _copy_backlogs(source, target, project_id, {row[place["backlog_id"]] for row in stories})
    target.executemany(
        "INSERT INTO identities (uid, project_id, path, anchor, key, content_hash) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                uids[row[0]],
                *(row[place[name]] for name in ("project_id", "path", "anchor", "key", "content_hash")),
            )
            for row in stories
        ],
    )
    target.executemany(
        f"INSERT INTO stories ({', '.join(STORY)}) VALUES ({', '.join('?' * len(STORY))})",
        [(uids[row[0]], *row[1:]) for row in stories],
    )
    for table, (key, others) in CHILDREN.items():
        columns = (*key, *others)
        rows = source.rows_in(
            f"SELECT {', '.join(columns)} FROM {table} WHERE story_uid IN ({{marks}})", uids
        )
        target.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})",
            [(uids[row[0]], *row[1:]) for row in rows],
        )
    if files:
        _copy_rows(source, target, "files", project_id, wanted)
        _copy_rows(source, target, "problems", project_id, wanted, skip=("id",))
        _copy_rows(source, target, "status_claims", project_id, wanted, skip=("story_uid",))


def copy_claims(source: Tx, target: Tx, project_id: str, but: frozenset[str]) -> None:
    """Copy what second sources that cannot be read have said before, matched with no story.

    `but` are files that are copied already.
    """
    stale = "SELECT DISTINCT path FROM status_claims WHERE project_id = ? AND stale"
    paths = [row[0] for row in source.rows(stale, (project_id,)) if row[0] not in but]
    _copy_rows(source, target, "status_claims", project_id, paths, skip=("story_uid",))


def copy_foreign(source: Tx, target: Tx) -> None:
    """Copy what is known of the stories of other databases, from which states of references follow."""
    columns = source.columns("foreign_stories")
    listed = ", ".join(columns)
    target.executemany(
        f"INSERT INTO foreign_stories ({listed}) VALUES ({', '.join('?' * len(columns))})",
        source.rows(f"SELECT {listed} FROM foreign_stories"),
    )


def copy_files(source: Tx, target: Tx, project_id: str, paths: Iterable[str]) -> None:
    """Copy the rows of `files` at these paths, without stories."""
    _copy_rows(source, target, "files", project_id, sorted(paths))


def _copy_backlogs(source: Tx, target: Tx, project_id: str, ids: set[str]) -> None:
    columns = "project_id, id, name, type, status, path_prefix, owner, metadata"
    rows = source.rows_in(
        f"SELECT {columns} FROM backlogs WHERE project_id = ? AND id IN ({{marks}})", ids, (project_id,)
    )
    target.executemany(
        f"INSERT INTO backlogs ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (project_id, id) DO NOTHING",
        rows,
    )


def _copy_rows(
    source: Tx, target: Tx, table: str, project_id: str, paths: list[str], *, skip: tuple[str, ...] = ()
) -> None:
    columns = [name for name in source.columns(table) if name not in skip]
    listed = ", ".join(columns)
    rows = source.rows_in(
        f"SELECT {listed} FROM {table} WHERE project_id = ? AND path IN ({{marks}})", paths, (project_id,)
    )
    target.executemany(f"INSERT INTO {table} ({listed}) VALUES ({', '.join('?' * len(columns))})", rows)
