"""A project folder, its database, and short ways to change one and question the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storysync.jobs.project import resolve_project
from storysync.jobs.sync import sync
from storysync.jobs.sync_report import SyncReport
from storysync.jobs.verify import VerifyReport, joined, verify
from storysync.settings import (
    BacklogSettings,
    DeletionSettings,
    ProjectSettings,
    ReadingSettings,
)
from storysync.store.database import Database
from storysync.store.store import Store
from storysync.store.stores import Stores
from support.forms import Form, SqlitePerProjectForm


@dataclass
class World:
    """Projects below `folder`, one database, and a clock that only tests move."""

    folder: Path
    store: Store
    clock: datetime = datetime(2026, 3, 1, 12, tzinfo=UTC)
    deletions: DeletionSettings = field(default_factory=DeletionSettings)
    reading: ReadingSettings = field(default_factory=ReadingSettings)
    backlogs: tuple[BacklogSettings, ...] = ()
    stores: Stores | None = None
    """One for each project, where each has its own database; `store` is that of `demo` then."""

    def root(self, project: str = "demo") -> Path:
        root = self.folder / project
        root.mkdir(exist_ok=True)
        return root

    def write(self, path: str, *, project: str = "demo", text: str | None = None, **fields: object) -> Path:
        """Write a story; `fields` are front matter as it shall stand there, `text` is all of the file."""
        target = self.root(project) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            body = str(fields.pop("body", ""))
            fields.setdefault("title", f"Story {fields.get('id')}")
            head = "".join(f"{name}: {value}\n" for name, value in fields.items())
            text = f"---\n{head}---\n{body}"
        target.write_text(text, encoding="utf-8")
        return target

    def sync(self, *paths: str, project: str = "demo", **options: Any) -> SyncReport:
        self.clock += timedelta(seconds=1)
        report = sync(
            self.store_of(project), self.project(project), trigger="test", deletions=self.deletions,
            paths=frozenset(paths) if paths else None, now=lambda: self.clock, **options,
        )  # fmt: skip
        if self.stores is not None:
            assert self.stores.refresh(self.clock) == {}
        return report

    def store_of(self, project: str) -> Store:
        return self.store if self.stores is None else self.stores.of(project)

    def project(self, name: str = "demo") -> Any:
        settings = ProjectSettings(path=str(self.root(name)), reading=self.reading, backlogs=self.backlogs)
        return resolve_project(settings)

    def rows(self, sql: str, *params: object) -> list[dict[str, Any]]:
        opened = self.store.reading() if self.stores is None else self.stores.databases.reader()
        with opened as reader:
            return reader.rows(sql, params)

    def column(self, sql: str, *params: object) -> list[Any]:
        return [next(iter(row.values())) for row in self.rows(sql, *params)]

    def uid(self, path: str) -> int | None:
        found = self.column("SELECT uid FROM stories WHERE path = ?", path)
        return found[0] if found else None

    def codes(self, path: str = "%") -> list[str]:
        return self.column("SELECT code FROM problems WHERE path LIKE ? ORDER BY path, line, code", path)

    def verify(self) -> VerifyReport:
        names = [row["project_id"] for row in self.rows("SELECT project_id FROM roots")]
        if self.stores is None:
            return verify(self.store.database, [self.project(name) for name in names], self.deletions)
        own = self.stores.databases.of
        return joined([verify(own(name), [self.project(name)], self.deletions) for name in names])

    def must_equal(self) -> None:
        report = self.verify()
        assert report.equal, report.differences


@pytest.fixture
def world(tmp_path: Path, form: Form, database: Database) -> Iterator[World]:
    folder = tmp_path / "projects"
    folder.mkdir()
    if isinstance(form, SqlitePerProjectForm):
        with Stores(form.databases(tmp_path)) as stores:
            yield World(folder, stores.of("demo"), stores=stores)
        return
    with database.open() as store:
        yield World(folder, store)
