"""How do the projects stand?"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from storysync.queries.filters import require_projects

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_PROJECTS = """
SELECT p.id, p.name, p.status, r.real_path, r.state AS root_state, r.last_full_scan_at, p.head_commit
FROM projects p LEFT JOIN roots r ON r.project_id = p.id
ORDER BY p.id
"""
_STORIES = "SELECT project_id, coalesce(status, 'none') AS word, count(*) AS n FROM stories GROUP BY 1, 2"
_FILES = "SELECT project_id, state AS word, count(*) AS n FROM files GROUP BY 1, 2"
_PROBLEMS = "SELECT project_id, severity AS word, count(*) AS n FROM problems GROUP BY 1, 2"
_REFERENCES = """
SELECT s.project_id, d.state AS word, count(*) AS n
FROM story_dependencies d JOIN stories s ON s.uid = d.story_uid GROUP BY 1, 2
"""
_FLAGS = """
SELECT project_id, 'stale' AS word, count(*) AS n FROM stories WHERE parse_state = 'stale' GROUP BY 1
UNION ALL SELECT project_id, 'contested', count(*) FROM stories WHERE contested GROUP BY 1
UNION ALL SELECT project_id, 'ready', count(*) FROM v_ready GROUP BY 1
UNION ALL SELECT project_id, 'blocked', count(DISTINCT uid) FROM v_blocked GROUP BY 1
"""
_LAST_SYNCS = """
SELECT project_id, trigger, finished_at,
       read_count, put_count, moved_count, removed_count, stale_count, held_count
FROM syncs WHERE id IN (SELECT max(id) FROM syncs GROUP BY project_id)
"""
_HELD = """
SELECT project_id, count(*) AS n, min(first_seen_at) AS since
FROM problems WHERE code = 'deletion-held' GROUP BY project_id
"""
CONFIRM = "storysync sync --confirm-deletions"
_COUNTS = {
    "stories": _STORIES, "files": _FILES, "problems": _PROBLEMS, "references": _REFERENCES, "flags": _FLAGS,
}  # fmt: skip


def status(reader: Reader, projects: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    """One dict a project: its root, the counts `stories` (by status), `files`, `problems`, `references`,
    `flags`; `held`, None or the deletions that are held: `count`, `since`, the command to `confirm` them; and
    `last_sync`, the last run that changed something. Raises NotFound for an unknown project.
    """
    require_projects(reader, projects)
    counts = {name: _by_project(reader, sql) for name, sql in _COUNTS.items()}
    last = {row.pop("project_id"): row for row in reader.rows(_LAST_SYNCS)}
    held = {row["project_id"]: _held(row) for row in reader.rows(_HELD)}
    found = [
        {
            **row,
            **{name: numbers.get(row["id"], {}) for name, numbers in counts.items()},
            "held": held.get(row["id"]),
            "last_sync": last.get(row["id"]),
        }
        for row in reader.rows(_PROJECTS)
        if not projects or row["id"] in projects
    ]
    return sorted(found, key=itemgetter("id"))


def _held(row: dict[str, Any]) -> dict[str, Any]:
    return {"count": row["n"], "since": row["since"], "confirm": CONFIRM}


def _by_project(reader: Reader, sql: str) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for row in reader.rows(f"{sql} ORDER BY 1, 2"):
        found.setdefault(row["project_id"], {})[row["word"]] = row["n"]
    return found
