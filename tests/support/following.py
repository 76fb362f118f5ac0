"""`storysync run` in a process of its own, whatever database it has; and people who edit its files."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from storysync.control import request, socket_path
from storysync.jobs.project import resolve_project
from storysync.jobs.verify import VerifyReport, verify
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store import job_rows
from storysync.store.database import Database, Engines, database_at

PATIENCE_S = 40.0


def wait(true: Callable[[], object], otherwise: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.02)


class Following:
    """A daemon over some roots, with a state folder of its own. `start` it, and `end` it whatever happens."""

    def __init__(self, roots: Sequence[Path], url: str, state: Path, **environ: str) -> None:
        self.roots = list(roots)
        self.url = url
        self.state = state
        self.log = state / "log"
        self.command = [sys.executable, "-m", "storysync", "run", *map(str, roots), "--database", url]
        self.environ = {
            **os.environ, "STORYSYNC_STATE_DIR": str(state), "STORYSYNC_DELETIONS__HOLD_S": "0.5", **environ,
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def database(self) -> Database:
        return database_at(self.url, Engines(state_dir=self.state))

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def launch(self) -> Following:
        self.state.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stderr=log, env=self.environ)
        return self

    def start(self) -> Following:
        """Launch it and wait until it runs."""
        self.launch()
        self.wait(lambda: self.exited() or self.logged("daemon.started", self.pid))
        assert not self.exited(), self.told()
        return self

    def exited(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(PATIENCE_S)

    def freeze(self) -> None:
        """Stop it in its tracks, all threads; SIGCONT lets it go on."""
        os.kill(self.pid, signal.SIGSTOP)
        stat = Path(f"/proc/{self.pid}/stat")
        self.wait(lambda: stat.read_text().rpartition(") ")[2].startswith("T"))

    def end(self) -> None:
        if self.process is not None and not self.exited():
            self.process.kill()
            self.process.wait()

    def told(self) -> str:
        return self.log.read_text()

    def logged(self, event: str, word: object = "") -> int:
        """How many lines of the log name this event and this word."""
        return sum(f" {event} " in f"{line} " and str(word) in line for line in self.told().splitlines())

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        return request(socket_path(self.database.base), {"command": command, **arguments}, PATIENCE_S)

    def storysync(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command beside it, of the same user with the same database."""
        command = [sys.executable, "-m", "storysync", *arguments, "--database", self.url]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with self.database.reader() as reader:
            return reader.rows(sql)

    def statuses(self, root: Path | None = None) -> dict[str, str]:
        """Path of every story of a root (the first) -> its status."""
        found = self.rows("SELECT project_id, path, status FROM stories")
        own = (root or self.roots[0]).name
        return {row["path"]: row["status"] for row in found if row["project_id"] == own}

    def wait(self, true: Callable[[], object]) -> None:
        wait(true, self.told)

    def converges_to(self, expected: dict[str, str]) -> None:
        try:
            self.wait(lambda: self.statuses() == expected)
        except AssertionError:
            assert self.statuses() == expected, self.told()

    def settles(self) -> None:
        """Wait until nothing is left to do."""
        self.wait(lambda: self.ask("status")["settled"])

    def runs_its_first_jobs(self) -> None:
        """Wait until all that a first start on a new database makes due has run; minutes of rest follow."""
        first = "SELECT name FROM jobs WHERE name NOT IN ('health', 'reconcile')"
        self.wait(lambda: len(self.rows(first)) == len(job_rows.NAMES) - 2)

    def verified(self) -> VerifyReport:
        projects = [resolve_project(ProjectSettings(path=str(root))) for root in self.roots]
        return verify(self.database, projects, DeletionSettings())

    def is_equal(self) -> None:
        """Wait until the database equals the files; the first differences are told if it never does."""
        found: list[VerifyReport] = []

        def equal() -> bool:
            self.settles()
            found.append(self.verified())
            return found[-1].equal

        wait(equal, lambda: "\n".join(map(str, found[-1].differences[:5])) + self.told()[-4000:])


def put(root: Path, path: str, status: str = "todo", *, needs: Sequence[str] = (), text: str = "") -> Path:
    """A story whose id is the file's stem."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    fields = (
        f"id: {file.stem}\ntitle: About {file.stem}\nstatus: {status}\ndependencies: [{', '.join(needs)}]\n"
    )
    file.write_text(f"---\n{fields}---\n\nText. {text}\n")
    return file


class Storm(threading.Thread):
    """Edits, additions, renames and deletions at random until `calm`, a few each second.

    Files of the root folder itself are edited only, so that others can refer to them all the time; `needs`
    are ids that stories may depend on.
    """

    def __init__(self, root: Path, seed: int, *, pause_s: float = 0.02, needs: Sequence[str] = ()) -> None:
        super().__init__(daemon=True)
        self.edits = 0
        self._root, self._pause_s, self._needs = root, pause_s, list(needs)
        self._dice = random.Random(seed)
        self._over = threading.Event()
        self._failed: Exception | None = None
        self._count = 0

    def run(self) -> None:
        try:
            while not self._over.wait(self._pause_s * self._dice.uniform(0.2, 1.8)):
                self._edit()
                self.edits += 1
        except Exception as error:  # noqa: BLE001 - raised by `calm`
            self._failed = error

    def calm(self) -> None:
        self._over.set()
        self.join()
        if self._failed is not None:
            raise self._failed

    def _edit(self) -> None:
        dice, files = self._dice, sorted(self._root.rglob("*.md"))
        loose = [file for file in files if file.parent != self._root]
        wish = dice.random()
        if wish < 0.15 or not loose:
            self._count += 1
            put(self._root, f"{dice.choice('abc')}/N-{self._count}.md", needs=self._some())
        elif wish < 0.22:
            dice.choice(loose).unlink()
        elif wish < 0.32:
            file = dice.choice(loose)
            file.rename(file.with_name(f"{file.stem}x.md"))
        else:
            file = dice.choice(files)
            status = dice.choice(("todo", "done", "in_progress", "review"))
            put(file.parent, file.name, status, needs=self._some(), text=str(dice.random()))

    def _some(self) -> list[str]:
        return self._dice.sample(self._needs, min(len(self._needs), self._dice.randrange(3)))
