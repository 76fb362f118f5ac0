"""Rows that somebody changed in the database: row 48 of the table of faults in `docs/reliability.md`."""

from __future__ import annotations

import pytest

from storysync.settings import ReadingSettings

BY_HAND = [
    "UPDATE stories SET title = 'other', status = 'done'",
    "DELETE FROM story_labels",
    "UPDATE criteria SET done = true",
    "DELETE FROM story_dependencies",
    "DELETE FROM problems",
    "UPDATE files SET content_hash = 'x'",
    "DELETE FROM story_names WHERE source = 'stem'",
    "DELETE FROM stories WHERE id = 'B-1'",
    "DELETE FROM files",
]


def fill(world) -> None:  # type: ignore[no-untyped-def]
    world.write("a.md", id="A-1", status="todo", labels="[x]", body="# A-1: a\n\n- [ ] one\n")
    world.write("b.md", id="B-1", status="todo", dependencies="[A-1, NO-1]")
    world.sync()


@pytest.mark.parametrize("statement", BY_HAND)
def test_reading_everything_anew_puts_back_what_was_changed(world, statement: str) -> None:
    fill(world)
    uids = world.column("SELECT uid FROM stories ORDER BY id")
    with world.store_of("demo").writing() as tx:
        tx.execute(statement)
    assert not world.verify().equal
    world.sync(reread=True)
    world.must_equal()
    assert world.column("SELECT uid FROM stories ORDER BY id") == uids


def test_a_story_that_is_there_counts_as_gone_no_longer(world) -> None:
    fill(world)
    with world.store_of("demo").writing() as tx:
        tx.execute("UPDATE identities SET gone_at = '2026-01-01T00:00:00.000000Z' WHERE path = 'a.md'")
    world.sync(reread=True)
    assert world.column("SELECT gone_at FROM identities ORDER BY path") == [None, None]


def test_a_story_that_no_file_has_is_removed(world) -> None:
    fill(world)
    with world.store_of("demo").writing() as tx:
        tx.execute("UPDATE stories SET path = 'nowhere.md' WHERE id = 'B-1'")
        tx.execute("UPDATE identities SET path = 'nowhere.md' WHERE path = 'b.md'")
    world.sync(reread=True)
    world.must_equal()
    assert world.column("SELECT path FROM stories ORDER BY id") == ["a.md", "b.md"]


def test_a_change_of_the_rules_reads_everything_anew_as_well(world) -> None:
    fill(world)
    with world.store_of("demo").writing() as tx:
        tx.execute("UPDATE stories SET title = 'other'")
    world.reading = ReadingSettings(ignore=("nothing-here",))
    world.sync()
    world.must_equal()


def test_the_next_edit_of_a_file_puts_its_story_back(world) -> None:
    fill(world)
    with world.store_of("demo").writing() as tx:
        tx.execute("UPDATE stories SET title = 'other', priority = 3 WHERE id = 'A-1'")
        tx.execute("DELETE FROM story_labels")
    world.write("a.md", id="A-1", status="done", labels="[x]", body="# A-1: a\n\n- [ ] one\n")
    world.sync("a.md")
    world.must_equal()
