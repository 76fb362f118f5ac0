"""The corpus of real files in every form of the database: the same digests, and copies there and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from storysync.jobs.copy import copy
from storysync.jobs.project import Project, slug
from storysync.jobs.sync import sync
from storysync.jobs.verify import verify
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store.database import Database, database_at
from storysync.store.digest import TableDigest, digests

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpus"
FOLDERS = sorted(path for path in CORPUS.glob("*__*") if path.is_dir()) if CORPUS.is_dir() else []

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not FOLDERS, reason="no corpus beside this checkout"),
]


def projects() -> list[Project]:
    return [
        Project(slug(folder.name), folder.resolve(), ProjectSettings(path=str(folder))) for folder in FOLDERS
    ]


def fill(database: Database) -> None:
    with database.open() as store:
        for project in projects():
            sync(store, project, trigger="test", deletions=DeletionSettings())


def digests_of(database: Database, *, uids: bool) -> list[TableDigest]:
    with database.read_only() as tx:
        return digests([tx], host=database.host, uids=uids)


def test_the_corpus_is_the_same_in_every_form(tmp_path: Path, postgres_url: str) -> None:
    file, server = database_at(f"sqlite:///{tmp_path / 'a.db'}"), database_at(postgres_url)
    fill(file)
    fill(server)
    found = digests_of(file, uids=False)
    assert found == digests_of(server, uids=False)
    assert sum(one.rows for one in found) > 30_000


def test_the_corpus_there_and_back(tmp_path: Path, postgres_url: str) -> None:
    first, there = database_at(f"sqlite:///{tmp_path / 'a.db'}"), database_at(postgres_url)
    back = database_at(f"sqlite:///{tmp_path / 'b.db'}")
    fill(first)
    for source, target in ((first, there), (there, back)):
        with target.open() as store:
            copy(source, store)
        assert digests_of(target, uids=True) == digests_of(first, uids=True)
        report = verify(target, projects(), DeletionSettings())
        assert report.equal, report.differences[:5]
    with back.open() as store:
        for project in projects():
            assert not sync(store, project, trigger="test", deletions=DeletionSettings()).changed
