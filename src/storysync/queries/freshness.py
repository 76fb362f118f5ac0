"""How far may the database lag behind the disk?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_SQL = """
SELECT p.id AS project_id, r.state, r.last_full_scan_at, p.head_commit,
       (SELECT max(s.id) FROM syncs s WHERE s.project_id = p.id) AS last_sync
FROM projects p LEFT JOIN roots r ON r.project_id = p.id
ORDER BY p.id
"""


def freshness(reader: Reader) -> dict[str, Any]:
    """`seq`, the newest change, and for each project its root's state, last full scan, commit and sync."""
    seq = reader.rows("SELECT max(seq) AS seq FROM changes")[0]["seq"]
    return {"seq": seq or 0, "projects": reader.rows(_SQL)}
