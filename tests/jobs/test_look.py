"""What a look at the disk takes for changed, and what it reads."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta

import pytest

from storysync.adapters import disk
from storysync.core.plan import Signature


def test_an_edit_within_a_tick_is_found_although_its_time_is_set_back(
    world, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock of files has ticks: two writes in one have the same ctime, and programs set mtime back."""
    world.clock = datetime.now(UTC)
    path = world.write("a.md", id="A-1", status="todo")
    os.utime(path, (1, 1))
    world.sync()
    key = world.rows("SELECT dev, inode, size, mtime_ns, ctime_ns FROM files")
    world.write("a.md", id="A-1", status="done")
    real = disk.signature
    same = Signature(**key[0])
    monkeypatch.setattr(
        disk, "signature", lambda status: same if status.st_ino == same.inode else real(status)
    )
    assert world.sync().updated == 1


def test_below_a_folder_only_what_changed_is_read(world) -> None:
    """Folders that cannot be watched are polled every few seconds: their files are not read each time."""
    paths = [f"far/S-{number}.md" for number in range(5)]
    for path in paths:
        world.write(path, id=path[4:7])
    world.write("near.md", id="N-1")
    world.clock = datetime.now(UTC) + timedelta(seconds=60)
    world.sync()
    world.write("far/S-3.md", id="S-3", status="done")
    report = world.sync("far")
    assert (report.full, report.read, report.updated) == (False, 1, 1)
    assert world.sync("far").read == 0
    assert world.sync(*paths).read == len(paths)
