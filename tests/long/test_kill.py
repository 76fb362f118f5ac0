"""kill -9 at random moments of a first sync: the database opens, and the next sync ends equal."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from storysync.jobs.project import resolve_project
from storysync.jobs.sync import sync
from storysync.jobs.verify import verify
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store.database import database_at

FILES = int(os.environ.get("STORYSYNC_TEST_FILES", "10000"))
KILLS = int(os.environ.get("STORYSYNC_TEST_KILLS", "10"))
GENERATE = Path(__file__).resolve().parents[2] / "bench" / "generate.py"

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus") / "stories"
    subprocess.run([sys.executable, str(GENERATE), str(folder), str(FILES)], check=True, capture_output=True)
    return folder


def test_a_killed_first_sync_is_finished_by_the_next(corpus: Path, tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    chance = random.Random(seed)
    project = resolve_project(ProjectSettings(path=str(corpus)))
    took = None
    for number in range(KILLS):
        path = tmp_path / f"{number}.db"
        url = f"sqlite:///{path}"
        command = [sys.executable, "-m", "storysync", "sync", str(corpus), "--database", url]
        if took is None:
            started = time.monotonic()
            warm_up = [*command[:-1], f"sqlite:///{tmp_path / 'whole.db'}"]
            subprocess.run(warm_up, check=True, capture_output=True)
            took = time.monotonic() - started
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.05, 0.95) * took)
        process.send_signal(signal.SIGKILL)
        process.wait()
        if path.exists():
            with closing(sqlite3.connect(path)) as connection:
                assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with database_at(url).open() as store:
            sync(store, project, trigger="test", deletions=DeletionSettings())
        report = verify(database_at(url), [project], DeletionSettings())
        assert report.equal, report.differences[:5]
        assert report.stories == FILES
