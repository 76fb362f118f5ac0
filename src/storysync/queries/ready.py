"""What can be started now?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storysync.queries.filters import Filter
from storysync.queries.list_stories import COLUMNS, list_stories

if TYPE_CHECKING:
    from storysync.store.reader import Reader


def ready(
    reader: Reader,
    wanted: Filter,
    *,
    limit: int | None = None,
    offset: int = 0,
    columns: tuple[str, ...] = COLUMNS,
) -> tuple[list[dict[str, Any]], int | None]:
    """Stories whose prerequisites are all finished, most urgent first, as `list_stories` yields them."""
    return list_stories(
        reader, wanted, sort="priority", limit=limit, offset=offset, columns=columns, view="v_ready"
    )
