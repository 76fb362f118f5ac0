"""Which backups were made?"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from storysync.store.reader import Reader

_SQL = """
SELECT trigger, file, size, digest, started_at, finished_at, verified_at, state, message
FROM backups ORDER BY started_at DESC, id DESC
"""


def backups(reader: Reader) -> list[dict[str, Any]]:
    """Every run that is on record, newest first; the file of an old one may be gone by retention."""
    return sorted(reader.rows(_SQL), key=itemgetter("started_at"), reverse=True)
