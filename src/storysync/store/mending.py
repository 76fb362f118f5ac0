"""Before everything is read anew: rows changed by hand that no reading would come across."""

from __future__ import annotations

from storysync.store.tx import Tx

_HEADLESS = """
    UPDATE identities SET gone_at = ? WHERE project_id = ? AND gone_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM stories s WHERE s.uid = identities.uid)"""
_ALIVE = """
    UPDATE identities SET gone_at = NULL WHERE project_id = ? AND gone_at IS NOT NULL
      AND EXISTS (SELECT 1 FROM stories s WHERE s.uid = identities.uid)"""
_UNFILED = """
    INSERT INTO files (project_id, path, state)
    SELECT DISTINCT s.project_id, s.path, 'story' FROM stories s
    WHERE s.project_id = ?
      AND NOT EXISTS (SELECT 1 FROM files f WHERE f.project_id = s.project_id AND f.path = s.path)"""


def prepare(tx: Tx, project_id: str, now: str) -> None:
    """Make stories, identities and files fit together again, so that a sync of everything can go on.

    A story that was deleted comes back with its number; one that no file has any more is removed.
    """
    tx.execute(_HEADLESS, (now, project_id))
    tx.execute(_ALIVE, (project_id,))
    tx.execute(_UNFILED, (project_id,))
