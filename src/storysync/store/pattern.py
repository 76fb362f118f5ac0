"""A database URL with `{project}` in it: where each project has its own database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storysync.store.database import Engines

MARK = "{project}"
PROJECT_ID = "[a-z0-9][a-z0-9-]{0,47}"
"""A regular expression of what stands for the mark; the same as `settings.ProjectId`."""


class Pattern(ABC):
    """Making it touches nothing."""

    place: str
    """How messages name it, without password."""
    base: Path
    """The path beside which the lock and the socket of a daemon lie that serves several of these."""

    @abstractmethod
    def url(self, project_id: str) -> str:
        """The URL of one project's database."""

    @abstractmethod
    def project_ids(self) -> list[str]:
        """The projects whose databases are there, sorted. Raises StoreError when that cannot be told."""


def pattern_at(url: str, engines: Engines) -> Pattern:
    """Raises UsageError when the mark stands where it cannot."""
    if url.startswith("postgresql:"):
        from storysync.store.engines.postgres_pattern import PostgresPattern

        return PostgresPattern(url, engines)
    from storysync.store.engines.sqlite_pattern import SqlitePattern

    return SqlitePattern(url)
