"""What cannot be started, and why?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storysync.queries.filters import Filter, conditions, require_projects
from storysync.queries.list_stories import COLUMNS, listed
from storysync.queries.natural import natural

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_SQL = """
SELECT {columns}, b.uid, b.reason, b.blocker, b.blocker_status
FROM v_blocked b JOIN v_stories v ON v.uid = b.uid
{where}
ORDER BY b.project_id, b.path, b.uid, b.reason, b.blocker
"""
_COLUMNS = ", ".join(f"v.{column}" for column in COLUMNS)


def blocked(reader: Reader, wanted: Filter) -> list[dict[str, Any]]:
    """One dict a story as `list_stories` yields it, and its `reasons`.

    Each has `reason`, `blocker` and `blocker_status`. Raises NotFound for an unknown project.
    """
    require_projects(reader, wanted.projects)
    found = conditions(wanted)
    stories: dict[tuple[str, int], dict[str, Any]] = {}
    for row in reader.rows(_SQL.format(columns=_COLUMNS, where=found.where()), found.params):
        reason = {name: row.pop(name) for name in ("reason", "blocker", "blocker_status")}
        story = row["project_id"], row.pop("uid")
        if story not in stories:
            stories[story] = {**listed(row), "reasons": []}
        stories[story]["reasons"].append(reason)
    return sorted(
        stories.values(),
        key=lambda story: (story["project_id"], story["id"] is None, natural(story["id"] or "")),
    )
