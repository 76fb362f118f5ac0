"""The rows of `incidents`: what went wrong with the database itself, until somebody has acknowledged it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from storysync.core import instants
from storysync.store.reader import Reader
from storysync.store.tx import Tx

Kind = Literal["recovered", "restored", "damaged"]


@dataclass(frozen=True)
class Incident:
    at: datetime
    kind: Kind
    """`recovered` from damage by itself, `restored` by a person, found `damaged` and not mended."""
    message: str


def note(tx: Tx, kind: Kind, message: str, at: datetime) -> None:
    """One that is open already with the same words is noted once."""
    tx.execute(
        "INSERT INTO incidents (at, kind, message) SELECT ?, ?, ? WHERE NOT EXISTS"
        " (SELECT 1 FROM incidents WHERE kind = ? AND message = ? AND acknowledged_at IS NULL)",
        (instants.to_text(at), kind, message, kind, message),
    )


def open_incidents(reader: Reader) -> list[Incident]:
    """Those that nobody has acknowledged, oldest first."""
    rows = reader.rows(
        "SELECT at, kind, message FROM incidents WHERE acknowledged_at IS NULL ORDER BY at, message"
    )
    return [Incident(instants.from_text(row["at"]), row["kind"], row["message"]) for row in rows]


def acknowledge(tx: Tx, at: datetime) -> int:
    """Close all that are open; how many these were."""
    return tx.execute(
        "UPDATE incidents SET acknowledged_at = ? WHERE acknowledged_at IS NULL", (instants.to_text(at),)
    )
