"""Prove that the database equals the files: rebuild it from nothing, and compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import msgspec

from storysync.errors import StorysyncError
from storysync.jobs.project import Project
from storysync.jobs.sync import sync, utc_now
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store import compare, indexed, projects, transplant
from storysync.store.database import Database
from storysync.store.store import Store
from storysync.store.tx import Tx

MOST_DIFFERENCES = 1000
"""More are not told: the database is not the files."""


@dataclass(frozen=True)
class VerifyReport:
    """`held` are files that are gone, whose stories are kept until the deletion is confirmed."""

    equal: bool
    differences: tuple[str, ...]
    held: tuple[str, ...]
    stories: int
    files: int


def verify(database: Database, wanted: Sequence[Project], deletions: DeletionSettings) -> VerifyReport:
    """Compare every derived column of the database with a rebuild into a scratch database.

    What files no longer say is copied before: the last good rows of broken files, and stories whose
    deletion is held. Every project of the database is rebuilt, since references cross projects; `wanted`
    gives their settings. Raises StoreError when the database cannot be read, RootLost when a root is gone.
    """
    given = {project.id: project for project in wanted}
    with database.read_only() as here:
        with Store.scratch(database.engines.sqlite) as scratch:
            known = [_Known(*row) for row in here.rows(_ROOTS)]
            near = [one for one in known if one.host == database.host or one.project_id in given]
            held = _seed(here, scratch, known, {one.project_id for one in near})
            for project_id, _, real_path, reader in near:
                project, satisfies = _project(given.get(project_id), project_id, real_path, reader)
                sync(
                    scratch, project, trigger="verify", deletions=deletions, confirm_deletions=True,
                    keep=held[project_id], cancelled_satisfies=satisfies, now=utc_now,
                )  # fmt: skip
            with scratch.snapshot() as rebuilt:
                ours = {one.project_id for one in near}
                told = (one for one in compare.differences(here, rebuilt) if one.key[0] in ours)
                found = tuple(islice(told, MOST_DIFFERENCES))
            held = {one.project_id: held[one.project_id] for one in near}
        missing = tuple(
            f"projects: {project_id}: not in the database"
            for project_id in sorted(given.keys() - held.keys())
        )
        return VerifyReport(
            equal=not found and not missing,
            differences=(*missing, *map(str, found)),
            held=tuple(sorted(path for paths in held.values() for path in paths)),
            stories=_count(here, "stories"),
            files=_count(here, "files"),
        )


def unusable(project_id: str, error: StorysyncError) -> VerifyReport:
    """What is to be said of a database, beside others, that cannot be compared."""
    return VerifyReport(False, (f"{project_id}: {error}",), (), 0, 0)


def joined(reports: Sequence[VerifyReport]) -> VerifyReport:
    """Several databases as one; equal when each is."""
    return VerifyReport(
        equal=all(one.equal for one in reports),
        differences=tuple(line for one in reports for line in one.differences),
        held=tuple(sorted(path for one in reports for path in one.held)),
        stories=sum(one.stories for one in reports),
        files=sum(one.files for one in reports),
    )


_ROOTS = (
    "SELECT r.project_id, r.host, r.real_path, p.settings FROM roots r JOIN projects p ON p.id = r.project_id"
    " ORDER BY r.project_id"
)


class _Known(NamedTuple):
    """A project of the database, and where its root is."""

    project_id: str
    host: str
    real_path: str
    settings: str


def _seed(here: Tx, scratch: Store, known: Sequence[_Known], near: set[str]) -> dict[str, frozenset[str]]:
    """Enter every project, and copy what its files no longer say. Returns the held paths by project.

    Files that cannot be read are known by name: a closed folder does not tell what is in it. Of a project
    that is not `near`, but on another machine, all is copied.
    """
    held: dict[str, frozenset[str]] = {}
    with scratch.writing() as tx:
        transplant.copy_foreign(here, tx)
        for project_id, _, real_path, settings in known:
            projects.enter_bare(tx, project_id, real_path, project_id)
            if project_id not in near:
                projects.set_reader(tx, project_id, settings)
                everything = frozenset(indexed.files(here, project_id))
                held[project_id] = everything
                transplant.copy(here, tx, project_id, everything, files=True)
                continue
            stale, held[project_id] = transplant.kept_paths(here, project_id)
            transplant.copy(here, tx, project_id, stale - held[project_id], files=False)
            transplant.copy(here, tx, project_id, held[project_id], files=True)
            transplant.copy_claims(here, tx, project_id, held[project_id])
            hidden = indexed.troubled_paths(here, project_id) - held[project_id]
            transplant.copy_files(here, tx, project_id, hidden)
    return held


def _project(given: Project | None, project_id: str, real_path: str, reader: str) -> tuple[Project, bool]:
    """The project as its settings are now, else as it was last read; whether cancelled satisfies."""
    stored = msgspec.json.decode(reader)
    satisfies = bool(stored.get("cancelled_satisfies", False))
    if given is not None:
        return given, satisfies
    settings = msgspec.convert(
        {
            "path": real_path,
            "id": project_id,
            "reading": stored.get("reading", {}),
            "backlogs": stored.get("backlogs", []),
        },
        ProjectSettings,
    )
    return Project(project_id, Path(real_path), settings), satisfies


def _count(tx: Tx, table: str) -> int:
    row = tx.row(f"SELECT COUNT(*) FROM {table}")
    return row[0] if row else 0
