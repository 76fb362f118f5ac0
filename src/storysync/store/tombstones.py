"""What is remembered of stories that are gone, in case they come back; and when it is forgotten."""

from __future__ import annotations

from storysync.store.tx import Tx

MOST_AT_ONCE = 500
"""Stories forgotten in one transaction, so that a full scan never waits long for it."""

_OLD = (
    "SELECT uid FROM identities WHERE project_id = ? AND gone_at IS NOT NULL AND gone_at < ?"
    " ORDER BY gone_at, uid LIMIT ?"
)


def forget(tx: Tx, project_id: str, before: str) -> int:
    """Forget stories that were gone before this instant, with their changes and status history.

    At most `MOST_AT_ONCE`, the oldest first; returns how many. No number of theirs is given out again.
    """
    uids = [row[0] for row in tx.rows(_OLD, (project_id, before, MOST_AT_ONCE))]
    if not uids:
        return 0
    marks = [(uid,) for uid in uids]
    for table, column in (("changes", "identity"), ("status_history", "identity"), ("identities", "uid")):
        tx.executemany(f"DELETE FROM {table} WHERE {column} = ?", marks)
    return len(uids)
