"""Stories that are gone keep their uid and history for `deletions.keep_days`, then are forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storysync.settings import DeletionSettings
from storysync.store import tombstones

TRACES = ("changes", "status_history", "identities")


def traces(world, uid: int) -> list[int]:
    """Rows of each table that tell of a story."""
    return [
        world.column(f"SELECT count(*) FROM {table} WHERE {column} = {uid}")[0]
        for table, column in zip(TRACES, ("identity", "identity", "uid"), strict=True)
    ]


def gone(world) -> int:
    """A story with a history whose file was deleted; its uid."""
    path = world.write("a.md", id="A-1", status="todo")
    world.write("b.md", id="B-1", status="todo", dependencies="[A-1]")
    world.sync()
    world.write("a.md", id="A-1", status="done")
    world.sync()
    uid = world.uid("a.md")
    path.unlink()
    world.sync()
    assert world.uid("a.md") is None
    return int(uid)


def test_before_its_time_is_over_a_story_comes_back_as_itself(world) -> None:
    uid = gone(world)
    told = traces(world, uid)
    assert told[1:] == [1, 1] and told[0] > 1
    world.clock += timedelta(days=364)
    world.sync()
    assert traces(world, uid) == told
    world.write("a.md", id="A-1", status="review")
    world.sync()
    assert world.uid("a.md") == uid
    world.clock += timedelta(days=400)
    world.sync()
    assert traces(world, uid)[2] == 1, "a story that is back was forgotten"


def test_after_it_the_next_full_scan_forgets_it_with_its_history(world) -> None:
    uid = gone(world)
    feed = world.column("SELECT max(seq) FROM changes")
    world.clock += timedelta(days=366)
    world.write("c.md", id="C-1", status="todo")
    world.sync("c.md")
    assert traces(world, uid)[2] == 1, "a look at a part forgets nothing"
    report = world.sync()
    assert not report.changed
    assert traces(world, uid) == [0, 0, 0]
    assert world.verify().equal
    world.write("a.md", id="A-1", status="todo")
    world.sync()
    assert world.uid("a.md") > uid, "no uid is given out twice"
    assert world.column("SELECT max(seq) FROM changes") > feed
    assert world.column("SELECT state FROM story_dependencies") == ["resolved"]
    assert world.verify().equal


@pytest.mark.parametrize(("days", "left"), [(0, 1), (1, 0)])
def test_the_time_is_a_setting_and_zero_is_for_ever(world, days: int, left: int) -> None:
    world.deletions = DeletionSettings(keep_days=days)
    uid = gone(world)
    world.clock += timedelta(days=30_000)
    world.sync()
    assert traces(world, uid)[2] == left


def test_many_are_forgotten_bit_by_bit_the_oldest_first(world, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tombstones, "MOST_AT_ONCE", 2)
    paths = [world.write(f"{number}.md", id=f"A-{number}", status="todo") for number in range(5)]
    world.write("b.md", id="B-1", status="todo")
    world.sync()
    for path in paths:
        path.unlink()
        world.sync()
    world.clock += timedelta(days=366)
    left = []
    for _ in range(4):
        world.sync()
        left.append(world.column("SELECT path FROM identities WHERE gone_at IS NOT NULL ORDER BY path"))
    assert left == [["2.md", "3.md", "4.md"], ["4.md"], [], []]
