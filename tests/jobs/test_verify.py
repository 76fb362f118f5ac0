from __future__ import annotations

from pathlib import Path

import pytest

from storysync.errors import StoreError
from storysync.jobs.verify import verify
from storysync.settings import DeletionSettings
from support.forms import Form

LATER = "2027-01-01T00:00:00.000000Z"


def fill(world) -> None:  # type: ignore[no-untyped-def]
    world.write("a.md", id="A-1", status="todo", labels="[x]", owner="Ada", body="# A-1: a\n\n- [ ] one\n")
    world.write("b.md", id="B-1", status="done", dependencies="[A-1, NO-1]")
    world.write("notes.md", text="# Notes\n")
    world.write("_template.md", id="X", status="todo")
    world.sync()


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE stories SET status = 'done' WHERE id = 'A-1'", "status is 'done', should be 'todo'"),
        ("UPDATE stories SET contested = true WHERE id = 'A-1'", "contested is "),
        ("DELETE FROM story_labels", "story_labels: demo a.md x: missing from the database"),
        ("INSERT INTO story_labels SELECT uid, 'y' FROM stories", "a.md y: not in the files"),
        ("UPDATE criteria SET done = true", "criteria: demo a.md"),
        ("UPDATE story_people SET name = 'Eve'", "story_people"),
        ("UPDATE story_names SET name = 'z' WHERE source = 'stem'", "story_names"),
        (
            "UPDATE story_dependencies SET target_uid = NULL, state = 'dangling', prerequisite_uid = NULL"
            " WHERE state = 'resolved'",
            "story_dependencies: demo b.md 0: state is 'dangling', should be 'resolved'",
        ),
        ("UPDATE story_dependencies SET line = 99", "line is 99"),
        ("DELETE FROM problems WHERE code = 'dangling-reference'", "dangling-reference"),
        ("UPDATE files SET state = 'story' WHERE path = 'notes.md'", "files: demo notes.md: state"),
        ("UPDATE backlogs SET name = 'other'", "backlogs"),
        (
            "INSERT INTO project_dependencies (from_project_id, to_project_id, kind)"
            " VALUES ('demo', 'demo', 'related')",
            "project_dependencies",
        ),
    ],
)  # fmt: skip
def test_a_change_by_hand_is_found(world, statement: str, told: str) -> None:
    fill(world)
    world.must_equal()
    with world.store.writing() as tx:
        tx.execute(statement)
    report = world.verify()
    assert not report.equal
    assert any(told in line for line in report.differences), report.differences


def test_an_edit_that_was_not_synced_is_found(world) -> None:
    fill(world)
    world.write("a.md", id="A-1", status="review")
    world.write("c.md", id="C-1", status="todo")
    differences = world.verify().differences
    assert any("c.md: missing from the database" in line for line in differences)
    assert any("status is 'todo', should be 'review'" in line for line in differences)


def test_kept_columns_play_no_part(world) -> None:
    fill(world)
    with world.store.writing() as tx:
        tx.execute("UPDATE stories SET synced_at = ?, first_seen_at = ?", (LATER, LATER))
        tx.execute("UPDATE files SET mtime_ns = 1, inode = 1")
        tx.execute("UPDATE problems SET hint = 'x'")
        tx.execute("DELETE FROM changes")
    world.must_equal()


def test_verifying_writes_nothing(world) -> None:
    fill(world)
    before = world.rows("SELECT * FROM roots"), world.rows("SELECT * FROM changes")
    world.verify()
    assert (world.rows("SELECT * FROM roots"), world.rows("SELECT * FROM changes")) == before


def test_a_project_that_was_never_synced_is_a_difference(world) -> None:
    fill(world)
    world.write("z.md", id="Z-1", status="todo", project="other")
    report = verify(world.store.database, [world.project(), world.project("other")], DeletionSettings())
    assert report.differences == ("projects: other: not in the database",)
    assert not report.equal


def test_a_project_that_is_not_named_is_rebuilt_by_the_rules_it_was_read_by(world) -> None:
    fill(world)
    assert verify(world.store.database, [], DeletionSettings()).equal


def test_without_a_database_there_is_nothing_to_verify(form: Form, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        verify(form.empty(tmp_path), [], DeletionSettings())
