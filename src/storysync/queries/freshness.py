"""How far may the database lag behind the disk?"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_SQL = """
SELECT p.id AS project_id, r.state, r.last_full_scan_at, p.head_commit,
       (SELECT max(s.id) FROM syncs s WHERE s.project_id = p.id) AS last_sync
FROM projects p LEFT JOIN roots r ON r.project_id = p.id
ORDER BY p.id
"""

_FOREIGN = """
SELECT o.project_id, f.project_id AS target, min(f.seen_at) AS seen_at
FROM foreign_stories f
JOIN story_dependencies r ON r.target_project = f.project_id AND r.target_key = f.key
JOIN stories o ON o.uid = r.story_uid
GROUP BY o.project_id, f.project_id ORDER BY 1, 2
"""


def freshness(reader: Reader) -> dict[str, Any]:
    """`seq`, the newest change, and for each project its root's state, last full scan, commit and sync.

    A project that refers to those of other databases has `foreign`: project -> when it was last looked at.
    With a database for each project `seq` is the sum of their newest ones, which grows with each change,
    and a project whose database cannot be read has the state `unavailable` and an `error`.
    """
    seq = sum(row["seq"] or 0 for row in reader.rows("SELECT max(seq) AS seq FROM changes"))
    projects = reader.rows(_SQL)
    foreign: dict[str, dict[str, str]] = {}
    for row in reader.rows(_FOREIGN):
        foreign.setdefault(row["project_id"], {})[row["target"]] = row["seen_at"]
    for one in projects:
        if one["project_id"] in foreign:
            one["foreign"] = foreign[one["project_id"]]
    projects += [
        {"project_id": project, "state": "unavailable", "error": error}
        for project, error in reader.missing.items()
    ]
    return {"seq": seq, "projects": sorted(projects, key=itemgetter("project_id"))}
