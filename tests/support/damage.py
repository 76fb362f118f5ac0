"""A database, the stories that it is made of, and what becomes of its file."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from storysync.jobs.backup import BackupReport, make_backup
from storysync.jobs.project import resolve_project
from storysync.jobs.sync import sync
from storysync.jobs.sync_report import SyncReport
from storysync.jobs.verify import verify
from storysync.settings import BackupSettings, DeletionSettings, ProjectSettings
from storysync.store.database import Database
from support import postgres

STORY = "---\nid: {id}\ntitle: {title}\nstatus: {status}\nlabels: [x, y]\n---\n\n{body}\n\n- [ ] one\n"


class Kept:
    """Every method opens the database for itself and leaves it closed. `project`: whose own it is, or ''."""

    def __init__(self, database: Database, root: Path, *, project: str = "") -> None:
        root.mkdir(exist_ok=True)
        self.database, self.root, self.project = database, root, project
        self.settings = BackupSettings(pg_bin=str(postgres.newest_programs()))
        self.clock = datetime.now(UTC)

    def write(self, story_id: str, status: str = "todo", body: str = "Text.") -> Path:
        file = self.root / f"{story_id}.md"
        file.write_text(STORY.format(id=story_id, title=f"Story {story_id}", status=status, body=body))
        return file

    def fill(self, count: int, body: str = "Some text that takes some room. ") -> None:
        for number in range(count):
            self.write(f"F-{number}", body=body * 20)

    def sync(self, *, reread: bool = False) -> SyncReport:
        project = resolve_project(ProjectSettings(path=str(self.root), id="demo"))
        with self.database.open() as store:
            return sync(store, project, trigger="test", deletions=DeletionSettings(), reread=reread)

    def back_up(self) -> BackupReport:
        """One second later than the one before, so that each has a name of its own."""
        self.clock += timedelta(seconds=1)
        report = make_backup(
            self.database, self.settings, trigger="command", project=self.project, now=lambda: self.clock
        )
        assert report.state == "good", report.message
        return report

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.database.reader() as reader:
            return reader.rows(sql)

    def statuses(self) -> dict[str, str]:
        return {row["id"]: row["status"] for row in self.rows("SELECT id, status FROM stories ORDER BY id")}

    def must_equal(self) -> None:
        project = resolve_project(ProjectSettings(path=str(self.root), id="demo"))
        found = verify(self.database, [project], DeletionSettings())
        assert found.equal, found.differences[:5]

    @property
    def file(self) -> Path:
        assert self.database.file is not None
        return self.database.file

    def kept_aside(self, word: str) -> list[Path]:
        """The former databases of this kind."""
        return sorted(self.file.parent.glob(f"{self.file.name}.{word}-*Z"))


def destroy_page(file: Path, number: int) -> None:
    """Overwrite one page of a SQLite file, the first is 1, whose log was merged."""
    with file.open("r+b") as stream:
        head = stream.read(18)
        size = int.from_bytes(head[16:18], "big")
        stream.seek((number - 1) * size)
        stream.write(random.Random(number).randbytes(size))


def root_page(file: Path, name: str) -> int:
    """Where a table or index begins."""
    with closing(sqlite3.connect(file)) as connection:
        row = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        return int(row[0])
