"""Which folders does the database know, and as which projects?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storysync.store.reader import Reader


def known_roots(reader: Reader) -> dict[str, str]:
    """Real path of each root on this machine -> id of its project."""
    sql = "SELECT real_path, project_id FROM roots WHERE host = ? ORDER BY project_id"
    rows = reader.rows(sql, (reader.host,))
    return {row["real_path"]: row["project_id"] for row in rows}
