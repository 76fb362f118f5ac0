"""The log of syncs: one row a run that changed something."""

from __future__ import annotations

from storysync.store.put import Written
from storysync.store.tx import Insert, Tx

_BEGUN = Insert("syncs", ("project_id", "trigger", "started_at", "finished_at"))


def begin(tx: Tx, project_id: str, trigger: str, at: str) -> int:
    return tx.insert_one(_BEGUN, (project_id, trigger, at, at))


def finish(tx: Tx, sync_id: int, at: str, read_count: int, written: Written, held: int) -> None:
    """Complete the row, or take it away when nothing was changed."""
    if not written.changed:
        tx.execute("DELETE FROM syncs WHERE id = ?", (sync_id,))
        return
    tx.execute(
        "UPDATE syncs SET finished_at = ?, read_count = ?, put_count = ?, moved_count = ?, removed_count = ?,"
        " stale_count = ?, held_count = ? WHERE id = ?",
        (
            at, read_count, written.created + written.updated, written.moved, written.removed, written.stale,
            held, sync_id,
        ),
    )  # fmt: skip


def findings(tx: Tx, project_id: str) -> tuple[dict[str, int], dict[str, int]]:
    """How many problems a project has: by severity, by code."""
    by_severity: dict[str, int] = {}
    by_code: dict[str, int] = {}
    for severity, code, count in tx.rows(
        "SELECT severity, code, COUNT(*) FROM problems WHERE project_id = ? GROUP BY severity, code",
        (project_id,),
    ):
        by_severity[severity] = by_severity.get(severity, 0) + count
        by_code[code] = by_code.get(code, 0) + count
    return by_severity, by_code


def broken_files(tx: Tx, project_id: str) -> int:
    row = tx.row("SELECT COUNT(*) FROM files WHERE project_id = ? AND state = 'broken'", (project_id,))
    return row[0] if row else 0
