"""The numbers behind the metrics of one database: counts of its rows, sizes, and its backups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from storysync.core import vocabulary
from storysync.jobs.backup_files import Manifest, backup_directory, backups_in
from storysync.jobs.health_backups import free_bytes, state_folder
from storysync.jobs.health_look import Seen, look_at

if TYPE_CHECKING:
    from storysync.settings import BackupSettings
    from storysync.store.database import Database
    from storysync.store.reader import Reader

_STORIES = "SELECT project_id, coalesce(status, 'none') AS word, count(*) AS n FROM stories GROUP BY 1, 2"
_FILES = "SELECT project_id, state AS word, count(*) AS n FROM files GROUP BY 1, 2"
_PROBLEMS = "SELECT project_id, severity AS word, count(*) AS n FROM problems GROUP BY 1, 2"
_REFERENCES = """
SELECT s.project_id, d.state AS word, count(*) AS n
FROM story_dependencies d JOIN stories s ON s.uid = d.story_uid GROUP BY 1, 2
"""
_PROJECTS = "SELECT project_id FROM roots ORDER BY 1"
_CHANGES = "SELECT max(seq) AS n FROM changes"

Counts = dict[tuple[str, str], int]
"""(project, word) -> how many."""


@dataclass(frozen=True, slots=True)
class Rows:
    """What can be counted only while the database can be asked."""

    seen: Seen
    stories: Counts  # by status
    files: Counts  # by state
    problems: Counts  # by severity
    references: Counts  # by state
    changes: int


@dataclass(frozen=True, slots=True)
class Disks:
    """What can be measured without asking it; None for what cannot be told."""

    unmerged_bytes: int | None
    free_bytes: dict[str, int]
    backups: list[Manifest]


def rows(database: Database) -> Rows:
    """Raises StoreError and its kinds, as `Database.reader` does."""
    with database.reader() as reader, reader.snapshot():
        return Rows(
            seen=look_at(reader),
            stories=_counts(reader, _STORIES, (*vocabulary.STATUSES, "none")),
            files=_counts(reader, _FILES, vocabulary.FILE_STATES),
            problems=_counts(reader, _PROBLEMS, vocabulary.SEVERITIES),
            references=_counts(reader, _REFERENCES, vocabulary.REFERENCE_STATES),
            changes=reader.rows(_CHANGES)[0]["n"] or 0,
        )


def disks(database: Database, project: str, backups: BackupSettings) -> Disks:
    """Raises OSError."""
    directory = backup_directory(database, backups, project)
    return Disks(
        database.unmerged_bytes() if database.file is not None else None,
        {"backups": free_bytes(directory), "database": free_bytes(state_folder(database))},
        backups_in(directory, database.place),
    )


def _counts(reader: Reader, sql: str, words: tuple[str, ...]) -> Counts:
    """With 0 for what there is none of, so that no line of a graph ends."""
    none = {(row["project_id"], word): 0 for row in reader.rows(_PROJECTS) for word in words}
    return none | {(row["project_id"], row["word"]): row["n"] for row in reader.rows(sql)}
