"""Floor 3: whether a database is sound: its pages, its references, and a sample of rows against the files.

A check of the structure does not see a bit that flipped within a text, so some stories are read again from
their files, others each day.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Literal

import msgspec

from storysync.errors import Damaged, NoDatabase
from storysync.jobs.sample import sample_differences
from storysync.store.database import Database
from storysync.store.revisions import HEAD

SAMPLE_FILES = 200
MOST_FINDINGS = 20

State = Literal["ok", "different", "damaged"]


class IntegrityReport(msgspec.Struct, frozen=True):
    """`different`: rows that no sync has left so, by another program or a flipped bit; reading all files
    again (`sync --reread`) puts right what follows from them. `damaged`: nothing in it can be relied on;
    `jobs.recover` is for that."""

    state: State
    findings: tuple[str, ...]
    """In words, at most 20; () when it is ok."""
    duration_ms: float
    sampled: int = 0
    """Files whose stories were compared with their rows."""


def check_integrity(
    database: Database, *, sample: int = SAMPLE_FILES, now: Callable[[], datetime] | None = None
) -> IntegrityReport:
    """Look at every page, row and reference, and at up to `sample` files. Some seconds a gigabyte.

    Damage is a report. Raises StoreError and its kinds when the database cannot be looked at: locked,
    foreign, away, a failing disk.
    """
    began_at = time.monotonic()
    state, findings, sampled = _looked(database, sample, (now or _utc_now)().date())
    took_ms = round((time.monotonic() - began_at) * 1000, 1)
    return IntegrityReport(state, findings[:MOST_FINDINGS], took_ms, sampled)


def _looked(database: Database, sample: int, day: date) -> tuple[State, tuple[str, ...], int]:
    try:
        found = database.findings(thorough=True)
        if found.damage:
            return "damaged", found.damage, 0
        rows, sampled = found.rows, 0
        if database.revision() == HEAD:  # of an older one the columns are not known
            with database.read_only() as tx:
                differences, sampled = sample_differences(tx, database.host, sample, day)
            rows += differences
    except (Damaged, NoDatabase) as error:
        return "damaged", (str(error),), 0
    return ("different" if rows else "ok"), rows, sampled


def _utc_now() -> datetime:
    return datetime.now(UTC)
