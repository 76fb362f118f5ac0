"""What one database knows of the stories of another that its references name: `foreign_stories`.

A reference leads there by its project and key. The other database says once for each key what it means;
the reference's state, and what is ready and blocked, follow from that row alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from storysync.core.resolution import Asked, Candidate, resolve
from storysync.store import resolve as references
from storysync.store.store import Store
from storysync.store.tx import Row, Tx

_MOST_NAMED = 5
_COLUMNS = "state, id, title, status, path"
_ASKED = (
    "SELECT DISTINCT target_key FROM story_dependencies WHERE target_project = ? AND target_key IS NOT NULL"
)
_TARGETS = """
    SELECT target_project FROM story_dependencies WHERE target_key IS NOT NULL
    AND target_project NOT IN (SELECT id FROM projects)
    UNION SELECT project_id FROM foreign_stories ORDER BY 1"""
_NAMED = """
    SELECT n.name, s.uid, s.project_id, s.path, s.anchor, s.id, s.scope, n.source, s.kind, s.title, s.status
    FROM story_names n JOIN stories s ON s.uid = n.story_uid
    WHERE n.project_id = ? AND n.name IN ({marks})"""
_PRESENT = f"SELECT key, {_COLUMNS} FROM foreign_stories WHERE project_id = ?"
_PUT = f"INSERT INTO foreign_stories (project_id, key, {_COLUMNS}, seen_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_OWNERS = (
    "SELECT DISTINCT story_uid FROM story_dependencies WHERE target_project = ? AND target_key IN ({marks})"
)


@dataclass(frozen=True)
class News:
    """What `foreign_stories` shall say of one project: key -> `_COLUMNS`."""

    project_id: str
    rows: Mapping[str, Row]
    judged_again: frozenset[str]
    """The keys whose references must be judged again."""


def targets(here: Tx) -> list[str]:
    """The projects of other databases that references name, or once have named."""
    return [row[0] for row in here.rows(_TARGETS)]


def refers(here: Tx, project_id: str) -> bool:
    """Whether `targets` has this project."""
    return any(
        here.row(f"SELECT 1 FROM {table} LIMIT 1", (project_id,))
        for table in (
            "story_dependencies WHERE target_key IS NOT NULL AND target_project = ?",
            "foreign_stories WHERE project_id = ?",
        )
    )


def news(here: Tx, project_id: str, there: Tx | None) -> News | None:
    """How `here` must change to be in step with what `there` says of a project; None when it is.

    `there` is None when there is no such database (any more).
    """
    keys = [row[0] for row in here.rows(_ASKED, (project_id,))]
    present = {row[0]: tuple(row[1:]) for row in here.rows(_PRESENT, (project_id,))}
    found = _look_up(there, project_id, keys) if there is not None else {}
    if found == present and not (there and found and _is_older(here, project_id, there)):
        return None
    states = {key: row[0] for key, row in found.items()}
    before = {key: row[0] for key, row in present.items()}
    changed = {key for key in states.keys() | before.keys() if states.get(key) != before.get(key)}
    changed |= {key for key, row in found.items() if row[0] == "ambiguous" and row != present.get(key)}
    return News(project_id, found, frozenset(changed))


def take(store: Store, news: News, now: str) -> None:
    """Write it, and judge what refers to it, in one transaction. `now` is an instant as text."""
    with store.writing() as tx:
        tx.execute("DELETE FROM foreign_stories WHERE project_id = ?", (news.project_id,))
        tx.executemany(
            _PUT,
            [(news.project_id, key, *row, now) for key, row in sorted(news.rows.items())],
        )
        owners = {row[0] for row in tx.rows_in(_OWNERS, sorted(news.judged_again), (news.project_id,))}
        references.judge(tx, owners, {}, now)


def _is_older(here: Tx, project_id: str, there: Tx) -> bool:
    """Whether the project changed after it was last looked at: that it was looked at since must show."""
    seen = here.row("SELECT MIN(seen_at) FROM foreign_stories WHERE project_id = ?", (project_id,))
    changed = there.row("SELECT MAX(finished_at) FROM syncs WHERE project_id = ?", (project_id,))
    return bool(seen and changed and seen[0] and changed[0] and seen[0] < changed[0])


def _look_up(there: Tx, project_id: str, keys: Iterable[str]) -> dict[str, Row]:
    """What each key means there: one story, several or none. Nothing for a project that it does not hold."""
    if there.row("SELECT 1 FROM projects WHERE id = ?", (project_id,)) is None:
        return {}
    leading: dict[str, list[tuple[Candidate, str, str | None]]] = defaultdict(list)
    wanted = sorted(keys)
    for name, *fields, title, status in there.rows_in(_NAMED, wanted, (project_id,)):
        leading[name].append((Candidate(*fields), title, status))
    return {key: _meant(project_id, key, leading.get(key, [])) for key in wanted}


def _meant(project_id: str, key: str, leading: list[tuple[Candidate, str, str | None]]) -> Row:
    asked = Asked(0, 0, "depends_on", key, 0, 0, project_id, key, key, None, "declared", "", "")
    verdict = resolve(asked, [one for one, _, _ in leading], project_known=True)
    if verdict.state == "ambiguous":
        labels = sorted({one.label() for one in verdict.candidates})
        more = f" and {len(labels) - _MOST_NAMED} more" if len(labels) > _MOST_NAMED else ""
        return "ambiguous", None, "", None, ", ".join(labels[:_MOST_NAMED]) + more
    if verdict.target_uid is None:
        return "dangling", None, "", None, ""
    story, title, status = next(one for one in leading if one[0].uid == verdict.target_uid)
    return "resolved", story.id, title, status, story.path
