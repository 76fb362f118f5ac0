"""What is wrong in story files, without a database: they are synced into a scratch one."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from storysync.jobs.project import Project
from storysync.jobs.sync import sync
from storysync.settings import DeletionSettings, SqliteSettings
from storysync.store.engines import sqlite
from storysync.store.store import Store


@dataclass(frozen=True)
class Finding:
    """A problem at a place; `line` and `col` are 0 for the file as a whole."""

    project_id: str
    path: str
    line: int
    col: int
    severity: str
    code: str
    message: str
    hint: str


@dataclass(frozen=True)
class CheckReport:
    """All findings, by project, path and place."""

    findings: tuple[Finding, ...]
    files: int
    stories: int


def check(projects: Sequence[Project], settings: SqliteSettings) -> CheckReport:
    """Read the files of these projects as `sync` would. Raises what `sync` raises."""
    with tempfile.TemporaryDirectory(prefix="storysync-check-") as folder:
        url = sqlite.url_of(Path(folder) / "check.db")
        with Store.open(url, settings) as store:
            for project in projects:
                sync(store, project, trigger="check", deletions=DeletionSettings())
            with store.snapshot() as tx:
                rows = tx.rows(
                    "SELECT project_id, path, line, col, severity, code, message, hint FROM problems"
                    " ORDER BY project_id, path, line, col, code, message"
                )
                (files,) = tx.row("SELECT COUNT(*) FROM files") or (0,)
                (stories,) = tx.row("SELECT COUNT(*) FROM stories") or (0,)
        return CheckReport(tuple(Finding(*row) for row in rows), files, stories)
