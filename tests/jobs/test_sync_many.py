"""Files of several stories, through sync: identity, problems, contested ids, links, the change feed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from storysync.settings import ReadingSettings

TASKS = "specs/001-cart/tasks.md"


def tasks(*lines: str) -> str:
    return "# Tasks\n\n## Phase 1: All\n\n" + "".join(f"- {line}\n" for line in lines)


def epics(*sections: str, head: str = "# Backlog") -> str:
    return f"{head}\n\n" + "".join(f"### {section}\n\n" for section in sections)


def by_id(world: Any, column: str = "uid") -> dict[str, Any]:
    return {row["id"]: row[column] for row in world.rows(f"SELECT id, {column} FROM stories")}


def changes(world: Any) -> list[tuple[str, str]]:
    return [(row["story_id"], row["operation"]) for row in world.rows("SELECT * FROM changes ORDER BY seq")]


def edges(world: Any) -> list[tuple[str, str, str, str | None]]:
    """(who states it, as written, state, anchor or path of the target)."""
    return [
        (row["id"], row["raw"], row["state"], row["target"])
        for row in world.rows(
            "SELECT s.id, d.raw, d.state, t.path || '#' || t.anchor AS target FROM story_dependencies d"
            " JOIN stories s ON s.uid = d.story_uid LEFT JOIN stories t ON t.uid = d.target_uid"
            " WHERE d.relation <> 'parent' ORDER BY s.path, s.anchor, d.ordinal"
        )
    ]


def test_only_the_item_that_changed_is_told_of(world: Any) -> None:
    world.write(TASKS, text=tasks("[ ] T001 A", "[ ] T002 B", "[ ] T003 C (depends on T001)"))
    world.sync()
    world.write(TASKS, text=tasks("[ ] T001 A", "[x] T002 B", "[ ] T003 C (depends on T001)"))
    report = world.sync(TASKS)
    assert (report.updated, report.created, report.removed) == (1, 0, 0)
    assert changes(world)[3:] == [("T002", "update")]
    assert world.rows(
        "SELECT story_id, old_status, new_status FROM status_history WHERE old_status <> ''"
    ) == [{"story_id": "T002", "old_status": "todo", "new_status": "done"}]
    world.must_equal()


def test_lines_that_move_are_followed_in_silence(world: Any) -> None:
    world.write(TASKS, text=tasks("[ ] T001 A (depends on T009)", "[ ] T002 B"))
    world.sync()
    before = by_id(world)
    world.write(TASKS, text="Intro.\n\n" + tasks("[ ] T001 A (depends on T009)", "[ ] T002 B"))
    assert not world.sync(TASKS).changed
    assert by_id(world) == before
    assert by_id(world, "id_line") == {"T001": 7, "T002": 8}
    assert world.column("SELECT line FROM problems WHERE code = 'dangling-reference'") == [7]
    world.must_equal()


def test_items_keep_their_identity(world: Any) -> None:
    world.write("backlog-a.md", text=epics("Story 1: One", "Story 2: Two", "Story 3: Three"))
    world.write("backlog-b.md", text=epics("Story 7: Seven", "Story 8: Eight"))
    world.sync()
    before = by_id(world)
    world.write("backlog-a.md", text=epics("Story 3: Three", "Story 9: Two", "Story 4: Four"))
    world.write("backlog-b.md", text=epics("Story 7: Seven", "Story 8: Eight", "Story 1: Moved"))
    world.sync("backlog-a.md", "backlog-b.md")
    after = by_id(world)
    assert (after["1"], after["9"], after["3"]) == (before["1"], before["2"], before["3"])
    assert after["4"] not in before.values() and "2" not in after
    world.write("backlog-a.md", text=epics("Story 3: Three", "Story 4: Four"))
    world.sync("backlog-a.md")
    world.write("backlog-a.md", text=epics("Story 3: Three", "Story 4: Four", "Story 9: Back"))
    world.sync("backlog-a.md")
    assert by_id(world)["9"] == before["2"]
    world.must_equal()


def test_a_broken_file_keeps_all_items_until_it_is_mended(world: Any) -> None:
    world.write(TASKS, text=tasks("[ ] T001 A", "[x] T002 B"))
    world.sync()
    world.write(TASKS, text=tasks("[ ] T001 A") + "<<<<<<< ours\n")
    report = world.sync(TASKS)
    assert (report.stale, report.removed) == (2, 0)
    assert world.column("SELECT parse_state FROM stories") == ["stale", "stale"]
    world.must_equal()
    world.write(TASKS, text=tasks("[ ] T001 A"))
    report = world.sync(TASKS)
    assert (report.removed, by_id(world, "parse_state")) == (1, {"T001": "good"})
    world.must_equal()


def test_items_that_are_gone_go_and_the_file_may_stay(world: Any) -> None:
    world.write("a.md", text=epics("Story 1: One", "Story 2: Two", head="# Epic 5: All"))
    world.sync()
    world.write("a.md", text="# Epic 5: All\n\nNothing yet.\n")
    world.sync("a.md")
    assert by_id(world, "anchor") == {"Epic 5": ""}
    world.must_equal()


def test_the_same_id_twice_in_a_file_is_contested_at_both_lines(world: Any) -> None:
    world.write(TASKS, text=tasks("[ ] T001 A", "[ ] T001 B", "[ ] T002 C (depends on T001)"))
    world.sync()
    assert world.rows(
        "SELECT line, col, message FROM problems WHERE code = 'contested-id' ORDER BY line"
    ) == [
        {"line": 5, "col": 7, "message": f"the id 'T001' is also claimed by {TASKS}#t001-2"},
        {"line": 6, "col": 7, "message": f"the id 'T001' is also claimed by {TASKS}#t001"},
    ]
    assert world.column("SELECT anchor FROM v_ready ORDER BY anchor") == []
    assert edges(world) == [("T002", "T001", "ambiguous", None)]
    world.must_equal()


def test_an_id_of_each_folder_is_contested_by_none_of_another(world: Any) -> None:
    for folder in ("001-cart", "002-login"):
        world.write(f"specs/{folder}/tasks.md", text=tasks("[x] T001 A", "[ ] T002 B (depends on T001)"))
    world.sync()
    assert world.codes() == []
    assert [edge[3] for edge in edges(world)] == [
        f"specs/{folder}/tasks.md#t001" for folder in ("001-cart", "002-login")
    ]
    assert len(world.rows("SELECT * FROM v_ready")) == 2


def test_other_contested_ids_and_cycles_of_a_file_keep_their_problems(world: Any) -> None:
    lines = [
        "[ ] T001 A", "[ ] T001 B", "[ ] T002 C", "[ ] T002 D",
        "[ ] T005 E (depends on T006)", "[ ] T006 F (depends on T005)",
        "[ ] T007 G (depends on T008)", "[ ] T008 H (depends on T007)", "[ ] T009 I (depends on T099)",
    ]  # fmt: skip
    world.write(TASKS, text=tasks(*lines))
    world.sync()
    before = world.codes()
    assert [before.count(code) for code in ("contested-id", "dependency-cycle", "dangling-reference")] == [
        4,
        2,
        1,
    ]
    world.write(TASKS, text=tasks(*lines[:3], "[ ] T003 D", *lines[4:]))
    world.sync(TASKS)
    assert world.codes().count("contested-id") == 2
    world.must_equal()
    world.write(TASKS, text=tasks(*lines[:3], "[ ] T003 D", "[ ] T005 E", *lines[5:]))
    world.sync(TASKS)
    assert world.column("SELECT message FROM problems WHERE code = 'dependency-cycle'") == [
        "cycle: T007 -> T008 -> T007"
    ]
    world.must_equal()


def test_a_story_with_its_own_file_counts_before_an_item(world: Any) -> None:
    world.write("docs/epics.md", text=epics("Story 1.1: One\n\n**Status:** todo", "Story 1.2: Two"))
    world.sync()
    world.write("stories/1.1.story.md", text="# Story 1.1: One\n\n**Status:** done\n")
    world.write("stories/1.2.md", text="# Story 1.2: Two\n\n**Status:** todo\n\n**Depends on:** Story 1.1\n")
    world.sync("stories/1.1.story.md", "stories/1.2.md")
    assert edges(world) == [("1.2", "Story 1.1", "resolved", "stories/1.1.story.md#")]
    assert world.column("SELECT path FROM v_ready") == ["stories/1.2.md"]
    told = world.rows("SELECT path, line, message FROM problems WHERE code = 'told-elsewhere' ORDER BY line")
    assert [(row["path"], row["line"]) for row in told] == [("docs/epics.md", 3), ("docs/epics.md", 7)]
    assert told[0]["message"] == "the id '1.1' is also that of stories/1.1.story.md, which counts"
    assert "contested-id" not in world.codes()
    world.must_equal()
    (world.root() / "stories/1.1.story.md").unlink()
    world.sync()
    assert edges(world) == [("1.2", "Story 1.1", "resolved", "docs/epics.md#story-1.1")]
    world.must_equal()


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("[x](epics.md#story-3.1)", "epics.md#story-3.1"),
        ("[x](epics.md#story-31-pay-by-card)", "epics.md#story-3.1"),
        ("[Story 3.2](epics.md)", "epics.md#story-3.2"),
        ("[x](epics.md)", "epics.md#"),
        ("[x](epics.md#notes)", "epics.md#"),
        ("[x](backlog.md#user-story-4-see)", "backlog.md#user-story-4"),
        ("[x](backlog.md#nothing)", None),
        ("[x](backlog.md)", None),
    ],
)
def test_links_to_items(world: Any, link: str, target: str | None) -> None:
    head = "# Epic 3: Pay\n\n**Status:** todo"
    world.write("epics.md", text=epics("Story 3.1: Pay by card", "Story 3.2: Pay by bill", head=head))
    world.write("backlog.md", text=epics("User Story 4: See", "User Story 5: Hear"))
    world.write("a.md", id="A-1", status="todo", body=f"# A\n\n## Related Stories\n\n- {link}\n")
    world.sync()
    assert edges(world) == [("A-1", link, "resolved" if target else "external", target)]
    world.must_equal()


def test_a_link_to_an_item_follows_what_becomes_of_it(world: Any) -> None:
    link = "[x](epics.md#story-2)"
    world.write("a.md", id="A-1", status="todo", dependencies=f'"{link}"')
    world.sync()
    assert edges(world)[0][2] == "dangling"
    world.write("epics.md", text=epics("Story 1: One", "Story 2: Two"))
    world.sync("epics.md")
    assert edges(world)[0][3] == "epics.md#story-2"
    world.write("epics.md", text=epics("Story 1: One", "Story 3: Two"))
    world.sync("epics.md")
    assert edges(world)[0][2] == "dangling"
    world.must_equal()


def test_many_items_are_judged_together(world: Any) -> None:
    """More than one part of references: none forgets what another has found in the same file."""
    lines = [f"[ ] T{number:04} A (depends on T9999)" for number in range(1200)]
    world.write(TASKS, text=tasks(*lines))
    world.write("specs/001-cart/spec.md", text="# Feature Specification: C\n\n### User Story 1 - A\n\nx\n")
    report = world.sync()
    assert (report.created, report.dangling) == (1202, 1200)
    world.write(TASKS, text=tasks(*lines[:-1], "[ ] T9999 B"))
    report = world.sync(TASKS)
    assert (report.created + report.removed, report.dangling) == (2, 0)
    world.must_equal()


def test_a_folder_of_tasks_that_is_renamed_keeps_its_stories(world: Any) -> None:
    world.write(TASKS, text=tasks("[ ] T001 A", "[ ] T002 B"))
    world.sync()
    before = by_id(world)
    root: Path = world.root()
    (root / "specs/001-cart").rename(root / "specs/009-cart")
    report = world.sync()
    assert (by_id(world), report.moved) == (before, 2)
    assert set(by_id(world, "scope").values()) == {"specs/009-cart"}
    world.must_equal()


def test_the_name_of_a_file_is_no_name_of_its_items(world: Any) -> None:
    world.write("plan-7.md", text=epics("BUG-1: One", "BUG-2: Two"))
    world.write("a.md", id="A-1", status="todo", dependencies="[plan-7]")
    world.sync()
    assert edges(world) == [("A-1", "plan-7", "dangling", None)]


def test_problems_of_an_item_go_with_it_though_the_others_stay(world: Any) -> None:
    world.write(TASKS, text=tasks("[ ] T001 A", "[ ] T001 B (depends on T099)", "[ ] T002 C"))
    world.sync()
    world.write(TASKS, text=tasks("[ ] T002 C"))
    world.sync(TASKS)
    assert world.codes() == []
    world.must_equal()


def test_contested_items_that_go_while_all_is_read_anew_leave_no_problem(world: Any) -> None:
    world.write(TASKS, text=tasks("[ ] T001 A", "[ ] T001 B"))
    world.sync()
    world.write(TASKS, text=tasks("[ ] T002 C"))
    world.reading = ReadingSettings(id_scope="folder")
    world.sync()
    assert world.codes() == []
    world.must_equal()


def test_a_story_that_loses_its_id_is_contested_no_more(world: Any) -> None:
    for name in ("a.md", "b.md"):
        world.write(name, id="A-1", status="todo")
    world.sync()
    world.write("b.md", status="todo", title="No id")
    world.sync("b.md")
    assert world.column("SELECT contested FROM stories") == [0, 0]
    world.must_equal()
