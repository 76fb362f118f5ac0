"""100,000 stories in 10,000 folders: row 46 of the table of faults in `docs/reliability.md`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from support.following import Following, put

STORIES = int(os.environ.get("STORYSYNC_TEST_FILES", "100000"))
FOLDERS = STORIES // 10
START_S, AGAIN_S, MOST_MB = 60.0, 20.0, 300.0
LIMIT = Path("/proc/sys/fs/inotify/max_user_watches")

pytestmark = pytest.mark.long


def most_resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024


def started(daemon: Following, limit_s: float) -> float:
    began = time.monotonic()
    daemon.launch()
    while not daemon.logged("daemon.started", daemon.pid):
        assert not daemon.exited() and time.monotonic() - began < limit_s, daemon.told()
        time.sleep(0.1)
    return time.monotonic() - began


@pytest.mark.skipif(int(LIMIT.read_text()) < FOLDERS + 1000, reason="too few watches")
def test_a_hundred_thousand_stories_are_loaded_and_followed(stories: Path, tmp_path: Path) -> None:
    for number in range(STORIES):
        put(stories, f"{number % FOLDERS // 100}/{number % 100}/A-{number}.md")
    daemon = Following([stories], f"sqlite:///{tmp_path}/state/s.db", tmp_path / "state")
    try:
        first_s = started(daemon, START_S)
        load_mb = most_resident_mb(daemon.pid)
        assert daemon.stop() == 0
        again_s = started(daemon, AGAIN_S)
        daemon.settles()
        put(stories, "0/0/A-0.md", "done")
        daemon.wait(lambda: daemon.rows("SELECT status FROM stories WHERE id = 'A-0'")[0]["status"] == "done")
        mb = most_resident_mb(daemon.pid)
        print(f"first start {first_s:.0f} s, {load_mb:.0f} MB; again {again_s:.1f} s, {mb:.0f} MB")
        assert max(load_mb, mb) < MOST_MB
        assert daemon.ask("status")["projects"][0]["state"] == "live"
        assert daemon.rows("SELECT count(*) AS n FROM stories") == [{"n": STORIES}]
    finally:
        daemon.end()
