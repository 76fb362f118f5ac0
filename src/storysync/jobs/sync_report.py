"""What is asked of one sync, and what it says that it did."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from storysync.jobs.project import Project
from storysync.settings import DeletionSettings

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class SyncReport:
    """What one sync of one project did, and what the project looks like now."""

    project_id: str
    trigger: str
    full: bool
    files: int
    read: int
    created: int
    updated: int
    moved: int
    removed: int
    stale: int
    held: tuple[str, ...]
    later: tuple[str, ...]
    """Files that changed under every reading; they must be looked at again."""
    unreadable: tuple[str, ...]
    """Files that could not be read; perhaps they can soon."""
    broken: int
    problems: dict[str, int]
    """Severity -> how many the project has now."""
    dangling: int
    ambiguous: int
    duration_ms: float
    changed: bool
    sync_id: int | None


@dataclass(frozen=True)
class Request:
    """What is asked of one sync; see `sync`."""

    project: Project
    trigger: str
    deletions: DeletionSettings
    confirm_deletions: bool = False
    moved: bool = False
    keep: frozenset[str] = frozenset()
    cancelled_satisfies: bool = False
    reread: bool = False
    """Whether every file is read, whatever its row says."""
    progress: Progress | None = None
    lean: bool = False
    """Whether only what findings follow from is written, for a scratch database asked for nothing else."""
    rehash: bool = False
    """Whether the bytes of every file are compared; only what differs is judged again."""
    sift: bool = False
    """Whether each file is tried alone first, since the database refused one of a batch."""
