"""`storysync run` whose disk is full, whose database somebody reads for long, and that was away for a day.

Rows are those of the table of faults in `docs/reliability.md`.
"""

from __future__ import annotations

import json
import random
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storysync.store.database import Database, database_at
from support import spaces
from support.following import Following, put


class OnSmallDisk(Following):
    """A daemon whose database lies on a file system of its own, which only its namespace sees."""

    def __init__(self, root: Path, disk: Path, state: Path) -> None:
        super().__init__([root], f"sqlite:///{disk / 's.db'}", state, STORYSYNC_HEALTH__MIN_FREE_MB="1")
        self.disk = disk
        mount = f"mount -t tmpfs -o size=8m tmpfs '{disk}'"
        spaces.need(spaces.USER_AND_MOUNTS, "mount -t tmpfs -o size=8m tmpfs /mnt")
        self.command = spaces.inside(spaces.USER_AND_MOUNTS, mount, self.command)

    @property
    def database(self) -> Database:
        return database_at(f"sqlite:////proc/{self.pid}/root{self.disk}/s.db")

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return json.loads(self.inside("sql", "--json", sql))["data"]

    def inside(self, *arguments: str) -> str:
        """What a command says in there; its end does not matter."""
        told = self.state / "told"
        words = " ".join(f"'{word}'" for word in (sys.executable, "-m", "storysync", *arguments))
        spaces.enter(self.pid, f"{words} --database '{self.url}' > '{told}' 2>&1 || true")
        return told.read_text()


@pytest.fixture
def cramped(stories: Path, tmp_path: Path) -> Iterator[OnSmallDisk]:
    (tmp_path / "disk").mkdir()
    (tmp_path / "state").mkdir()
    daemon = OnSmallDisk(stories, tmp_path / "disk", tmp_path / "state")
    yield daemon
    daemon.end()


# Row 26: the disk of the database is full.


def test_a_full_disk_is_told_and_waited_for(cramped: OnSmallDisk, stories: Path) -> None:
    names = [f"A-{number}.md" for number in range(40)]
    for name in names:
        put(stories, name)
    cramped.start().settles()
    filler = cramped.disk / "filler"
    spaces.enter(cramped.pid, f"dd if=/dev/zero of='{filler}' bs=4k status=none 2> /dev/null || true")
    for name in names:
        put(stories, name, "done", text="much more text " * 4000)
    cramped.wait(lambda: cramped.logged("sync.failed"))
    assert "full" in cramped.ask("status")["projects"][0]["error"]
    assert "0 MB free" in cramped.inside("health")
    assert cramped.statuses() == dict.fromkeys(names, "todo")
    put(stories, "A-99.md")
    spaces.enter(cramped.pid, f"rm '{filler}'")
    cramped.converges_to(dict.fromkeys(names, "done") | {"A-99.md": "todo"})
    cramped.settles()
    assert cramped.ask("status")["projects"][0]["error"] == ""
    assert cramped.inside("verify", str(stories)).startswith("equal: 41 stories")
    assert cramped.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]


# Row 27: the disk of the backups is full.


def test_a_full_disk_of_backups_is_told_while_syncing_goes_on(stories: Path, tmp_path: Path) -> None:
    disk, state = tmp_path / "disk", tmp_path / "state"
    disk.mkdir()
    state.mkdir()
    mount = f"mount -t tmpfs -o size=8m tmpfs '{disk}'"
    spaces.need(spaces.USER_AND_MOUNTS, "mount -t tmpfs -o size=8m tmpfs /mnt")
    environ = {"STORYSYNC_BACKUP__DIRECTORY": str(disk), "STORYSYNC_HEALTH__MIN_FREE_MB": "1"}
    daemon = Following([stories], f"sqlite:///{state / 's.db'}", state, **environ)
    daemon.command = spaces.inside(spaces.USER_AND_MOUNTS, mount, daemon.command)
    put(stories, "A-1.md")
    try:
        daemon.start().settles()
        assert daemon.ask("run_job", name="backup")["state"] == "good"
        there = f"ls '{disk}' > '{state}/names'"
        spaces.enter(daemon.pid, f"dd if=/dev/zero of='{disk}/filler' bs=4k status=none 2> /dev/null || true")
        failed = daemon.ask("run_job", name="backup")
        assert (failed["state"], failed["file"]) == ("failed", None)
        assert "are needed" in failed["message"] or "is full" in failed["message"]
        report = daemon.ask("run_job", name="health")
        assert {one["name"]: one["state"] for one in report["checks"]}["disk"] == "fail"
        put(stories, "A-1.md", "done")
        daemon.converges_to({"A-1.md": "done"})
        spaces.enter(daemon.pid, there)
        assert len((state / "names").read_text().split()) == 3  # the first backup, whole, and the filler
        spaces.enter(daemon.pid, f"rm '{disk}/filler'")
        assert daemon.ask("run_job", name="backup")["state"] == "good"
    finally:
        daemon.end()


# Row 31: somebody reads the database for long.


@pytest.fixture
def daemon(stories: Path, tmp_path: Path) -> Iterator[Following]:
    """It follows ten stories."""
    for number in range(10):
        put(stories, f"A-{number}.md")
    made = Following([stories], f"sqlite:///{tmp_path}/state/s.db", tmp_path / "state")
    made.state.mkdir()
    yield made.start()
    made.end()


def test_a_reader_that_stays_holds_up_nothing(daemon: Following, stories: Path) -> None:
    """It goes on seeing what it saw first, and what it keeps from being tidied up goes when it does."""
    with daemon.database.reader() as reader, reader.snapshot():
        first = reader.rows("SELECT path, status FROM stories ORDER BY path")
        for number in range(10):
            put(stories, f"A-{number}.md", "done", text=f"{number:3} " * 120_000)
            if number % 2:
                daemon.settles()
        daemon.converges_to({f"A-{number}.md": "done" for number in range(10)})
        assert reader.rows("SELECT path, status FROM stories ORDER BY path") == first
        held = daemon.database.unmerged_bytes()
        assert held > 2 << 20
    for number in range(10):
        put(stories, f"A-{number}.md")
        if number % 5 == 0:
            daemon.settles()
    daemon.is_equal()
    assert daemon.database.unmerged_bytes() <= held + (1 << 20)


# Row 16: a writer takes its time.


def test_what_is_half_written_is_not_read(daemon: Following, stories: Path) -> None:
    daemon.settles()
    head = "---\nid: A-1\ntitle: About\nstatus: blocked\n"
    with (stories / "A-1.md").open("w") as file:
        file.write(head + "---\n\nHalf.\n")
        file.flush()
        until = time.monotonic() + 1.0
        while time.monotonic() < until:
            assert daemon.statuses()["A-1.md"] == "todo"
            time.sleep(0.05)
        file.seek(0)
        file.truncate()
        file.write(head.replace("blocked", "done") + "---\n\nWhole.\n")
    daemon.wait(lambda: daemon.statuses()["A-1.md"] == "done")
    seen = str(daemon.rows("SELECT after FROM changes"))
    assert "done" in seen and "blocked" not in seen


# Row 43: the daemon was down for a day of edits.


def test_a_day_of_edits_while_it_was_down_is_caught_up(daemon: Following, stories: Path) -> None:
    daemon.settles()
    before = {row["id"]: row["uid"] for row in daemon.rows("SELECT id, uid FROM stories")}
    assert daemon.stop() == 0
    dice = random.Random(7)
    for number in range(300):
        put(stories, f"d{number % 7}/B-{number}.md", dice.choice(("todo", "done")))
    (stories / "later").mkdir()
    for number in (1, 2, 3):
        (stories / f"A-{number}.md").rename(stories / "later" / f"A-{number}.md")
    (stories / "A-4.md").unlink()
    put(stories, "A-5.md", "done").write_bytes(b"\xff\xfe\x00broken")
    shutil.rmtree(stories / "d3")
    daemon.start()
    daemon.is_equal()
    now = {row["id"]: row["uid"] for row in daemon.rows("SELECT id, uid FROM stories")}
    assert {name: uid for name, uid in before.items() if name != "A-4"}.items() <= now.items()
    assert len(now) == 9 + len([number for number in range(300) if number % 7 != 3])
    (stories / "A-4.md").write_text("---\nid: A-4\ntitle: About A-4\nstatus: done\n---\n")
    daemon.wait(lambda: "A-4.md" in daemon.statuses())
    assert daemon.rows("SELECT uid FROM stories WHERE id = 'A-4'") == [{"uid": before["A-4"]}]
