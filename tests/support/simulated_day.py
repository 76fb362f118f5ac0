"""A day of edits and faults in minutes: real files, a real database, and events by a clock of its own.

What the daemon's main loop does with its inbox is done here: take a batch when it is due, sync it, mark its
paths dirty again when that fails, and scan everything now and then.
"""

from __future__ import annotations

import random
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

from storysync import faults
from storysync.adapters import inbox
from storysync.core.settle import WHOLE_ROOT, Batch, Kind
from storysync.errors import StorysyncError
from storysync.jobs.project import resolve_project
from storysync.jobs.sync import PERIODIC, sync
from storysync.jobs.verify import VerifyReport, verify
from storysync.settings import DeletionSettings, ProjectSettings, WatchSettings
from storysync.store.database import Database
from storysync.store.store import Store

SCAN_S = 300
STORIES = 200
DELETIONS = DeletionSettings(hold_s=0)
STEPS_S = (0.0, 0.08, 0.21, 0.5, 0.9)
FAULTS = (
    "read.file=raise:OSError", "read.file=enospc", "scan.begin=raise:OSError", "plan.made=raise:StoreError",
    "write.after-begin=enospc", "write.after-stories=raise:RuntimeError", "write.after-files=raise:Conflict",
    "write.before-commit=raise:MemoryError", "write.after-commit=raise:StoreError",
    "write.after-problems=raise:RowRefused",
)  # fmt: skip
STATUSES = ("todo", "done", "ready", "review", "strange")
FOLDERS = ("", "one/", "two/", "two/deep/")

Failed = (StorysyncError, OSError, RuntimeError, MemoryError)


def resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024


class Day:
    """`live` lets seconds pass, each with an edit; at the `end` database and files must be equal."""

    def __init__(self, root: Path, database: Database, seed: int) -> None:
        self.root, self.database = root, database
        self.dice = random.Random(seed)
        self.counts = Counter[str]()
        self._now = 0.0
        self._late: list[tuple[float, str, Kind]] = []
        self._count = 0
        self._away_until = 0.0
        self._again_at = 0.0
        self._open = ExitStack()
        root.mkdir()
        for _ in range(STORIES):
            self._put(self._new())
        self._project = resolve_project(ProjectSettings(path=str(root)))
        self._id = self._project.id
        clock = SimpleNamespace(monotonic=lambda: self._now)
        self._open.enter_context(patch.object(inbox, "time", clock))
        self._inbox = inbox.Inbox(WatchSettings(), [self._id])
        self._store = self._started()

    def live(self, seconds: int) -> None:
        for _ in range(seconds):
            self._second()

    def resident_mb(self) -> float:
        """What stays when SQLite has given back its cache, which `sqlite.cache_size` bounds."""
        self._store.release_memory()
        return resident_mb()

    def end(self) -> VerifyReport:
        """Two scans without a fault, the second of which carries out what the first holds."""
        try:
            self._return()
            for _ in range(2):
                self._sync(None)
            return verify(self.database, [self._project], DELETIONS)
        finally:
            self._open.close()
            self._store.close()

    # -- the daemon ----------------------------------------------------------------------------------------

    def _started(self) -> Store:
        store = self.database.open()
        self._inbox.lose()
        self.counts["starts"] += 1
        return store

    def _second(self) -> None:
        second = self._now
        self._strike()
        if self._now >= self._away_until:
            self._return()
            self._tell(self._edit())
        if second % SCAN_S == 0:
            self._inbox.touch(self._id, Kind.NOW, WHOLE_ROOT)
        for step_s in STEPS_S:
            self._now = second + step_s
            self._deliver()
            while self._now >= self._again_at and (batch := self._inbox.take()) is not None:
                self._answer(batch)
        self._now = second + 1

    def _answer(self, batch: Batch) -> None:
        rules = self.dice.choice(FAULTS) if self.dice.random() < 0.01 else ""
        try:
            with faults.armed(rules):
                self._sync(batch.paths)
        except Failed:
            self.counts["failed"] += 1
            self._again_at = self._now + 1
            paths = (WHOLE_ROOT,) if batch.paths is None else batch.paths
            self._inbox.touch(self._id, Kind.NOW, *paths)

    def _sync(self, paths: frozenset[str] | None) -> None:
        trigger = PERIODIC if paths is None else "watch"
        report = sync(self._store, self._project, trigger=trigger, deletions=DELETIONS, paths=paths)
        self.counts["full scans" if report.full else "batches"] += 1
        if report.later:
            self._inbox.touch(self._id, Kind.CREATED, *report.later)

    # -- events --------------------------------------------------------------------------------------------

    def _tell(self, events: list[tuple[str, Kind]]) -> None:
        for path, kind in events:
            fate = self.dice.random()
            if fate < 0.03:
                self.counts["lost"] += 1
            elif fate < 0.06:
                self.counts["late"] += 1
                self._late.append((self._now + self.dice.uniform(0, 5), path, kind))
            else:
                for _ in range(2 if fate < 0.09 else 1):
                    self._inbox.touch(self._id, kind, path)

    def _deliver(self) -> None:
        due = [one for one in self._late if one[0] <= self._now]
        self._late = [one for one in self._late if one[0] > self._now]
        for _, path, kind in due:
            self._inbox.touch(self._id, kind, path)

    def _strike(self) -> None:
        """Now and then the queue overflows, the folder goes away for a while, or the daemon starts anew."""
        fate = self.dice.random()
        if fate < 1 / 1800:
            self.counts["overflows"] += 1
            self._late.clear()
            self._inbox.lose()
        elif fate < 2 / 1800 and self.root.exists():
            self.counts["roots lost"] += 1
            self.root.rename(self.root.with_name("away"))
            self._away_until = self._now + self.dice.randrange(1, 60)
        elif fate < 3 / 1800:
            self._store.close()
            self._store = self._started()

    def _return(self) -> None:
        away = self.root.with_name("away")
        if away.exists():
            away.rename(self.root)
            self._inbox.lose()

    # -- edits ---------------------------------------------------------------------------------------------

    def _new(self) -> str:
        self._count += 1
        return f"{self.dice.choice(FOLDERS)}S-{self._count}.md"

    def _put(self, path: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        number = int(file.stem.partition("-")[2])
        needs = f"S-{self.dice.randrange(1, number + 2)}"
        head = f"id: S-{number}\ntitle: Story {number}\nstatus: {self.dice.choice(STATUSES)}\n"
        file.write_text(f"---\n{head}dependencies: [{needs}]\n---\n\n- [ ] {self.dice.randrange(1000)}\n")
        return file

    def _edit(self) -> list[tuple[str, Kind]]:
        """One edit at random, and the events of it."""
        dice = self.dice
        files = sorted(path.relative_to(self.root).as_posix() for path in self.root.rglob("*.md"))
        path, wish = dice.choice(files), dice.random()
        if wish < 0.8:
            self._put(path)
        elif wish < 0.85:
            file = self.root / path
            text = self._put(path).read_text()
            with file.open("w") as half:
                half.write(text[: dice.randrange(len(text))])
        elif wish < 0.92:
            if len(files) <= STORIES:
                path = self._new()
                self._put(path)
                return [(path, Kind.CREATED), (path, Kind.CONTENT)]
            (self.root / path).unlink()
            return [(path, Kind.GONE)]
        elif wish < 0.97:
            target = dice.choice(FOLDERS) + path.rpartition("/")[2]
            (self.root / target).parent.mkdir(parents=True, exist_ok=True)
            with suppress(OSError):
                (self.root / path).rename(self.root / target)
            return [(path, Kind.GONE), (target, Kind.CONTENT)]
        else:
            for path in dice.sample(files, 10):  # a burst
                self._put(path)
                self._inbox.touch(self._id, Kind.CONTENT, path)
        return [(path, Kind.CONTENT)]
