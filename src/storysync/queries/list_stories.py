"""Which stories are there?"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from storysync.queries.filters import Filter, conditions, require_projects
from storysync.queries.natural import natural

if TYPE_CHECKING:
    from storysync.store.reader import Reader

SORTS = {
    "id": "",
    "path": "v.path",
    "priority": "v.priority IS NULL, v.priority",
    "status": "v.status IS NULL, v.status",
    "title": "lower(v.title)",
    "points": "v.estimate_points IS NULL, v.estimate_points",
    "created": "v.created_on IS NULL, v.created_on",
    "updated": "v.updated_on IS NULL, v.updated_on",
}
"""What `--sort` takes; `id` sorts as people do, so that INF-2 comes before INF-10."""

COLUMNS = (
    "project_id", "id", "title", "kind", "status", "status_raw", "priority", "estimate_points", "owner",
    "epic", "backlog_id", "path", "anchor", "created_on", "updated_on", "completed_on", "contested",
    "parse_state",
)  # fmt: skip
TABLE_COLUMNS = (
    "project_id", "id", "title", "status", "priority", "estimate_points", "owner", "contested", "parse_state",
)  # fmt: skip
"""What a table shows; half the columns take half the time."""


def list_stories(
    reader: Reader,
    wanted: Filter,
    *,
    sort: str = "id",
    descending: bool = False,
    limit: int | None = None,
    offset: int = 0,
    columns: tuple[str, ...] = COLUMNS,
    view: str = "v_stories",
) -> tuple[list[dict[str, Any]], int | None]:
    """The stories of a view, and the offset of the next page or None.

    `columns` are some of `COLUMNS`, `project_id` and `id` first, with `contested` and `parse_state`.
    `sort` is a key of `SORTS`; ties go by project and path, so that pages do not overlap. Raises NotFound
    for an unknown project.
    """
    require_projects(reader, wanted.projects)
    found = conditions(wanted)
    direction = " DESC" if descending else ""
    order = [part if "IS NULL" in part else part + direction for part in SORTS[sort].split(", ") if part]
    value = SORTS[sort].rpartition(", ")[2] or "NULL"
    selected = ", ".join([*(f"v.{column}" for column in columns), value])
    sql = f"SELECT {selected} FROM {view} v {found.where()} ORDER BY"
    sql += f" {', '.join([*order, 'v.project_id', 'v.path', 'v.anchor'])}"
    end = None if limit is None else offset + limit + 1
    if sort == "id":
        _, rows = reader.columns_and_rows(sql, found.params)
        rows.sort(key=_by_id, reverse=descending)
    else:
        _, rows = reader.columns_and_rows(sql if end is None else f"{sql} LIMIT {end}", found.params)
        rows = _by_last(rows, descending=descending)
    page = rows[offset:end]
    more = limit is not None and len(page) > limit
    stories = [listed(dict(zip(columns, row, strict=False))) for row in page[:limit]]
    return stories, offset + len(stories) if more else None


def _by_id(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Project, then id; stories without an id come last."""
    return (row[0], row[1] is None, natural(row[1] or ""))


def _by_last(rows: list[tuple[Any, ...]], *, descending: bool) -> list[tuple[Any, ...]]:
    """By the last column, empty ones at the end; rows of several databases come one database after another.

    Rows that are equal there keep their order, which is that of projects: none is in two databases.
    """
    filled = [row for row in rows if row[-1] is not None]
    filled.sort(key=itemgetter(-1), reverse=descending)
    return filled + [row for row in rows if row[-1] is None]


def listed(story: dict[str, Any]) -> dict[str, Any]:
    """The row itself, with `contested` as a boolean and `stale` instead of `parse_state`."""
    story["contested"] = bool(story["contested"])
    story["stale"] = story.pop("parse_state") == "stale"
    return story
