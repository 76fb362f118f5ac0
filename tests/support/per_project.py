"""Story files, a daemon and short questions for tests of a database for each project."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from storysync import control
from storysync.app import App
from storysync.errors import StorysyncError
from storysync.queries.filters import Filter
from storysync.queries.ready import ready as ready_stories
from storysync.store.database import Engines
from storysync.store.stores import databases_at

PATIENCE_S = 20.0


def write(path: Path, **fields: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    head = "".join(f"{name}: {value}\n" for name, value in {"title": "A story", **fields}.items())
    path.write_text(f"---\n{head}---\nText.\n", encoding="utf-8")


def ready(app: App, *projects: str) -> list[str]:
    """The ids of the stories that can be started now."""
    with app.reader(projects) as reader:
        return [story["id"] for story in ready_stories(reader, Filter(projects=projects))[0]]


class Daemon:
    """A process `storysync run` over some folders, settled when `start` returns."""

    def __init__(self, folder: Path, url: str, *roots: str, state: Path | None = None) -> None:
        self._folder, self._url, self._roots = folder, url, roots
        self._environ = {**os.environ, **({"STORYSYNC_STATE_DIR": str(state)} if state else {})}
        self.socket = control.socket_path(databases_at(url, Engines(state_dir=state)).base)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> Daemon:
        command = [sys.executable, "-m", "storysync", "run", *self._roots, "--database", self._url]
        with (self._folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self._folder, stderr=log, stdout=log, env=self._environ
            )
        if wait:
            self.until(lambda: self.status()["state"] == "running")
            self.until(lambda: not self.status()["projects"] or self._calm())
        return self

    def _calm(self) -> bool:
        return all(not one["dirty"] or one["error"] for one in self.status()["projects"])

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        return control.request(self.socket, {"command": command, **arguments})

    def status(self) -> dict[str, Any]:
        return self.ask("status")

    def until(self, holds: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
        """Wait for it; fails with the end of the log."""
        give_up_at = time.monotonic() + seconds
        error: Exception | None = None
        while time.monotonic() < give_up_at:
            assert self.process is not None
            try:
                if holds():
                    return
            except StorysyncError as caught:
                error = caught
            assert self.process.poll() is None, (self._folder / "log").read_text()[-3000:]
            time.sleep(0.05)
        raise AssertionError(f"not in {seconds} s ({error}): {(self._folder / 'log').read_text()[-3000:]}")

    def end(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            assert self.process.wait(timeout=20) == 0, (self._folder / "log").read_text()[-3000:]
        self.process = None
