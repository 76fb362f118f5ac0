"""What is wrong in the files?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from storysync.queries.filters import Conditions, require_projects

if TYPE_CHECKING:
    from storysync.store.reader import Reader


def problems(
    reader: Reader, projects: tuple[str, ...] = (), severities: tuple[str, ...] = ()
) -> list[dict[str, Any]]:
    """All findings, by project, path and line. Raises NotFound for an unknown project."""
    require_projects(reader, projects)
    found = Conditions()
    found.any_of("project_id = ?", projects)
    found.any_of("severity = ?", severities)
    return reader.rows(
        "SELECT project_id, path, line, col, severity, code, message, hint, first_seen_at FROM v_problems "
        f"{found.where()} ORDER BY project_id, path, line, col, code",
        found.params,
    )
