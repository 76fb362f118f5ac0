"""What is wrong in the story files of whole projects: they are synced into a scratch database."""

from __future__ import annotations

from collections.abc import Sequence

from storysync.jobs.findings import CheckReport, Finding
from storysync.jobs.project import Project
from storysync.jobs.sync import sync
from storysync.settings import DeletionSettings, SqliteSettings
from storysync.store.store import Store

_PROBLEMS = (
    "SELECT project_id, path, line, col, severity, code, message, hint FROM problems"
    " ORDER BY project_id, path, line, col, code, message"
)


def check(projects: Sequence[Project], settings: SqliteSettings) -> CheckReport:
    """Read the files of these projects as `sync` would, with the graph. Raises what `sync` raises."""
    roots = {project.id: project.root for project in projects}
    with Store.scratch(settings) as store:
        for project in projects:
            sync(store, project, trigger="check", deletions=DeletionSettings(), lean=True)
        with store.snapshot() as tx:
            rows = tx.rows(_PROBLEMS)
            (files,) = tx.row("SELECT COUNT(*) FROM files") or (0,)
            (stories,) = tx.row("SELECT COUNT(*) FROM stories") or (0,)
    return CheckReport(tuple(Finding(row[0], roots[row[0]], *row[1:]) for row in rows), files, stories)
