"""`storysync run` follows `git checkout`: of old commits of a real history, and of half of 10,000 stories."""

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
from support import faulty
from support.following import Following

GENERATE = Path(__file__).resolve().parents[2] / "bench" / "generate.py"
FILES = int(os.environ.get("STORYSYNC_TEST_FILES", "10000"))
MOST_TRANSACTIONS = 5
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


def test_a_checkout_of_half_of_all_stories_is_followed_at_once(tmp_path: Path) -> None:
    """Within 5 s of git's end, in few transactions; every story keeps its uid, and none is deleted."""
    root, state = tmp_path / "demo", tmp_path / "state"
    subprocess.run([sys.executable, str(GENERATE), str(root), str(FILES)], check=True, capture_output=True)
    faulty.git(root, "init", "-q", "-b", "one")
    faulty.git(root, "add", "-A")
    faulty.git(root, "commit", "-qm", "one")
    faulty.git(root, "checkout", "-qb", "two")
    for number, file in enumerate(sorted(root.rglob("*.md"))[::2]):
        file.write_text(file.read_text() + "\n- [ ] Checked out.\n")
        if number % 10 == 0:
            file.rename(file.with_name(f"renamed-{file.name}"))
    faulty.git(root, "add", "-A")
    faulty.git(root, "commit", "-qm", "two")
    daemon = Following([root], f"sqlite:///{state / 's.db'}", state).start()
    try:
        daemon.is_equal()
        daemon.runs_its_first_jobs()
        newer = "SELECT id, removed_count FROM syncs WHERE id > {} ORDER BY id"
        uids = "SELECT uid FROM stories ORDER BY uid"
        before, told = daemon.rows(uids), []
        assert len(before) == FILES
        for branch in ("one", "two", "one"):
            wanted = hashes(root, branch)
            last = daemon.rows("SELECT MAX(id) AS id FROM syncs")[0]["id"]
            faulty.git(root, "checkout", "-q", branch)
            ended = time.monotonic()
            seen: list[object] = []
            while not seen or stored(daemon) != wanted:
                known = seen
                while (seen := daemon.rows(newer.format(last))) == known:
                    assert time.monotonic() - ended < 2 * LIMIT_S, daemon.told()[-2000:]
                    time.sleep(0.05)  # a look at all stories at each would slow what is measured
            took_s = time.monotonic() - ended
            daemon.settles()
            syncs = daemon.rows(newer.format(last))
            told.append((branch, round(took_s, 2), len(syncs)))
            assert took_s <= LIMIT_S, told
            assert len(syncs) <= MOST_TRANSACTIONS, told
            assert not any(one["removed_count"] for one in syncs)
            assert daemon.rows("SELECT * FROM problems WHERE code = 'deletion-held'") == []
            assert daemon.rows(uids) == before
            assert daemon.verified().equal
        print([line for line in daemon.told().splitlines() if "sync.done" in line])
        print(f"branch, seconds after git ended, transactions: {told}")
        assert daemon.rows("SELECT * FROM changes WHERE operation = 'remove'") == []
    finally:
        daemon.end()


def hashes(root: Path, branch: str) -> set[tuple[str, str]]:
    """Path and blob id of every story of a branch, from git itself."""
    lines = faulty.git(root, "ls-tree", "-r", branch).splitlines()
    found = {(line.partition("\t")[2], line.split()[2]) for line in lines}
    return {(path, blob) for path, blob in found if path.endswith(".md")}


def stored(daemon: Following) -> set[tuple[str, str]]:
    return {
        (row["path"], row["content_hash"]) for row in daemon.rows("SELECT path, content_hash FROM stories")
    }
