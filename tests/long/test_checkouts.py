"""`storysync run` follows `git checkout` of old commits of a real history."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storysync.jobs.project import resolve_project
from storysync.jobs.verify import verify
from storysync.settings import DeletionSettings, ProjectSettings
from storysync.store.database import database_at

BUNDLES = Path(__file__).resolve().parents[3] / "shared" / "corpus" / "bundles"
CHECKOUTS = int(os.environ.get("STORYSYNC_TEST_CHECKOUTS", "20"))
LIMIT_S = 5.0

pytestmark = pytest.mark.long


@pytest.mark.skipif(not BUNDLES.is_dir(), reason="no histories beside this checkout")
@pytest.mark.parametrize("name", ["hmans__beans", "MrLesk__Backlog.md", "dhavalsavalia__DevStories"])
def test_the_database_follows_every_checkout(name: str, tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", str(BUNDLES / f"{name}.bundle"), str(clone))
    commits = git(clone, "log", "--format=%H").split()
    url = f"sqlite:///{tmp_path / 'state' / 'live.db'}"
    project = resolve_project(ProjectSettings(path=str(clone)))
    command = [sys.executable, "-m", "storysync", "run", str(clone), "--database", url]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as daemon:
        try:
            took = [until_equal(url, project, 60)]
            for commit in random.Random(seed).choices(commits, k=CHECKOUTS):
                git(clone, "checkout", "-q", commit)
                took.append(until_equal(url, project, LIMIT_S))
            print(
                f"{name}: seconds to equal, with the time of verify itself: {[round(one, 1) for one in took]}"
            )
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.communicate(timeout=20)
    assert daemon.returncode == 0


def until_equal(url: str, project, limit_s: float) -> float:  # type: ignore[no-untyped-def]
    """Seconds until `verify` says equal, with nothing held."""
    started = time.monotonic()
    told: object = None
    while time.monotonic() - started < limit_s:
        if Path(url.removeprefix("sqlite:///")).exists():
            report = verify_or_none(url, project)
            if report is not None and report.equal and not report.held:
                return time.monotonic() - started
            told = report
        time.sleep(0.1)
    raise AssertionError(f"not equal after {limit_s} s: {told}")


def verify_or_none(url: str, project):  # type: ignore[no-untyped-def]
    from storysync.errors import StorysyncError

    try:
        return verify(database_at(url), [project], DeletionSettings())
    except StorysyncError:
        return None  # not migrated or not loaded yet


def git(folder: Path, *words: str) -> str:
    return subprocess.run(
        ["git", "-C", str(folder), *words], check=True, capture_output=True, text=True
    ).stdout
