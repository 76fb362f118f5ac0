"""Real story files of public repositories, where a checkout has them beside it (`../shared/corpus`)."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storysync.core.file_names import is_looked_at
from storysync.jobs.project import Project, slug
from storysync.jobs.sync import sync
from storysync.jobs.verify import verify
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store.database import Database
from storysync.store.digest import TableDigest, digests
from support.forms import Form

CORPUS = Path(__file__).resolve().parents[2] / "shared" / "corpus"
FOLDERS = sorted(path for path in CORPUS.glob("*__*") if path.is_dir()) if CORPUS.is_dir() else []

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIGESTS: dict[str, list[TableDigest]] = {}
"""What each form held in the end; the forms run one after the other."""


@pytest.mark.skipif(not FOLDERS, reason="no corpus beside this checkout")
def test_every_real_file_is_kept_and_the_database_equals_the_files(form: Form, database: Database) -> None:
    projects = [
        Project(slug(folder.name), folder.resolve(), ProjectSettings(path=str(folder))) for folder in FOLDERS
    ]
    with database.open() as store:
        for project in projects:
            first = sync(store, project, trigger="test", deletions=DeletionSettings(), now=lambda: NOON)
            assert first.files == len(_markdown(project.root)), project.id
            again = sync(store, project, trigger="test", deletions=DeletionSettings(), now=lambda: NOON)
            assert not again.changed
    with database.reader() as reader:
        assert reader.rows("SELECT * FROM problems WHERE code = 'internal-error'") == []
        silent = reader.rows(
            "SELECT f.project_id, f.path FROM files f WHERE f.state <> 'excluded'"
            " AND NOT EXISTS (SELECT 1 FROM stories s WHERE s.project_id = f.project_id AND s.path = f.path)"
            " AND NOT EXISTS (SELECT 1 FROM problems p WHERE p.project_id = f.project_id AND p.path = f.path)"
        )
        assert silent == []
        for project in projects:
            rows = reader.rows("SELECT path FROM files WHERE project_id = ?", (project.id,))
            assert {row["path"] for row in rows} == _markdown(project.root)
    report = verify(database, projects, DeletionSettings())
    assert report.equal, report.differences
    with database.read_only() as tx:
        DIGESTS[form.name] = digests([tx], host=database.host, uids=False)
    for other, found in DIGESTS.items():
        assert DIGESTS[form.name] == found, f"what {form.name} holds differs from {other}"


def _markdown(root: Path) -> set[str]:
    return {
        os.path.relpath(os.path.join(folder, name), root)
        for folder, _, names in os.walk(root)
        for name in names
        if is_looked_at(name)
    }
