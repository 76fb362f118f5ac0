"""Instants as text, the way a database without such a type keeps them: its order is the order of time."""

from __future__ import annotations

from datetime import UTC, datetime

UTC_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
"""27 characters, so that text order is time order; SQLite's date functions read it."""


def to_text(instant: datetime) -> str:
    """`2026-03-01T12:00:00.000000Z`; the instant must have a zone."""
    return instant.astimezone(UTC).strftime(UTC_FORMAT)


def from_text(text: str) -> datetime:
    return datetime.strptime(text, UTC_FORMAT).replace(tzinfo=UTC)
