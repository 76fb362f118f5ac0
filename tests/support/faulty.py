"""`storysync` in processes that are made to fail at points of `storysync.faults`."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from storysync.jobs.project import resolve_project
from storysync.jobs.sync import sync
from storysync.jobs.sync_report import SyncReport
from storysync.jobs.verify import verify
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store.database import Database, database_at

KILLED = -signal.SIGKILL
DELETIONS = DeletionSettings()


def environ(faults: str) -> dict[str, str]:
    """What a process needs in its environment to fail like this."""
    return {"STORYSYNC_TESTING": "faults", "STORYSYNC_FAULTS": faults}


def run(faults: str, *arguments: str | Path, **others: str) -> subprocess.CompletedProcess[str]:
    """A command with these faults; '' for none."""
    command = [sys.executable, "-m", "storysync", *map(str, arguments)]
    env = {**os.environ, **(environ(faults) if faults else {}), **others}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)


class Pair:
    """A folder of stories and its SQLite database, of which processes die."""

    def __init__(self, root: Path, file: Path) -> None:
        self.root, self.file = root, file
        self.url = f"sqlite:///{file}"
        self.project = resolve_project(ProjectSettings(path=str(root)))

    @property
    def database(self) -> Database:
        return database_at(self.url)

    def faulty(self, faults: str, *command: str | Path) -> subprocess.CompletedProcess[str]:
        """`storysync sync` of the folder, or another command, with these faults."""
        words = command or ("sync", self.root)
        return run(faults, *words, "--database", self.url)

    def must_be_whole(self) -> None:
        """The database opens, without damage, or is not there yet."""
        if self.file.exists():
            with closing(sqlite3.connect(self.file)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
                assert connection.execute("PRAGMA foreign_key_check").fetchall() == []

    def sync(self, *, confirm: bool = False) -> SyncReport:
        with self.database.open() as store:
            return sync(store, self.project, trigger="test", deletions=DELETIONS, confirm_deletions=confirm)

    def must_heal(self, *, confirm: bool = False) -> SyncReport:
        """Whole now, and equal to the files after one more sync."""
        self.must_be_whole()
        report = self.sync(confirm=confirm)
        found = verify(self.database, [self.project], DELETIONS)
        assert found.equal, found.differences[:5]
        return report


def git(root: Path, *words: str, check: bool = True) -> str:
    """A git command of a person who has a name and signs nothing."""
    config = ["user.name=Test", "user.email=test@example.org", "commit.gpgsign=false", "gc.auto=0"]
    options = [part for one in config for part in ("-c", one)]
    done = subprocess.run(
        ["git", "-C", str(root), *options, *words], capture_output=True, text=True, check=check,
        env={**os.environ, "GIT_EDITOR": "true", "GIT_TERMINAL_PROMPT": "0"},
    )  # fmt: skip
    return done.stdout
