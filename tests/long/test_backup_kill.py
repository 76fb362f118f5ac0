"""kill -9 of `storysync backup create` after a random time, again and again, between edits."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from storysync.jobs.backup_files import backups_in, newest_verified
from storysync.jobs.backup_verify import verify
from storysync.settings import BackupSettings
from support.faulty import Pair
from support.following import put

KILLS = int(os.environ.get("STORYSYNC_TEST_KILLS", "100"))
FILES = 60

pytestmark = pytest.mark.long


def test_backups_killed_at_any_moment_leave_none_that_does_not_restore(tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    root = tmp_path / "demo"
    for number in range(FILES):
        put(root, f"{'abc'[number % 3]}/A-{number}.md", text="word " * 2000)
    pair = Pair(root, tmp_path / "state" / "s.db")
    pair.sync()
    folder = pair.file.parent / "backups"
    command = [sys.executable, "-m", "storysync", "backup", "create", "--database", pair.url]
    took_s, killed, number = 1.0, 0, 0
    while killed < KILLS:
        assert number < 5 * KILLS, "hardly one is killed before its end"
        put(pair.root, f"a/NEW-{number}.md")
        before = {one.name for one in backups_in(folder)}
        began = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=dice.uniform(0.3, 1.0) * took_s)
            took_s = time.monotonic() - began
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        process.wait()
        pair.must_heal()
        found = backups_in(folder, pair.database.place)
        assert [one.state for one in found] == ["good"] * len(found)
        assert before <= {one.name for one in found}
        number += 1
        if number % 10 == 0 and found:
            newest = newest_verified(folder)
            assert newest == found[0]
            assert verify(pair.database, BackupSettings(), name=newest.name).state == "good"
    assert subprocess.run(command, capture_output=True).returncode == 0
    names = [one.name for one in folder.iterdir() if one.name != ".lock"]
    assert len(names) == 2 * len(backups_in(folder)), "no litter is left"
    print(f"{killed} of {number} were killed")
