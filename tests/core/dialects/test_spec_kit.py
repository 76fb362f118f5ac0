"""spec-kit: tasks of `tasks.md` and user stories of `spec.md`, unique in their folder."""

from __future__ import annotations

import pytest

from storysync.core.reading import read
from storysync.core.story import Broken, Good, NotAStory, Story
from storysync.settings import ReadingSettings

TASKS = """# Tasks: Cart

**Input**: all of `specs/004-cart/`

## Phase 1: Setup

- [X] T001 Add the table of carts
- [ ] T002 [P] Add the index (depends on T001, T003)
  - keep it small
  - [ ] measure it
  - Blocked by: T004.1

---

## Phase 3: User Story 1 - Keep a cart

### Tests first

- [x] **T003** [P] [US1] Test `keep()`
* [~] T004: [US1] [US2] Keep it
"""
SPEC = """# Feature Specification: Cart

**Feature Branch**: `004-cart`
**Status**: Draft

## User Scenarios

### User Story 1 - Keep a cart (Priority: P1) MVP

As a buyer, I want a cart, so that nothing is lost.

**Why this priority**: all else needs it

**Acceptance Scenarios**:

1. **Given** a cart, **When** I return, **Then** it is there
2. **Given** none, **When** I return, **Then** it is empty

### User Story 2 - Share it (Priority: P2)

Later.

### Edge Cases

- two buyers

## Dependencies

- 003-login
"""


def read_all(path: str, text: str, **rules: str) -> Good:
    found = read(path, text.encode(), ReadingSettings(**rules))
    assert isinstance(found, Good), found
    return found


def tasks(text: str = TASKS, path: str = "specs/004-cart/tasks.md") -> dict[str, Story]:
    return {story.anchor: story for story in read_all(path, text).stories}


def references(story: Story) -> list[tuple[str, str, int, int]]:
    return [(one.relation, one.raw, one.line, one.col) for one in story.references]


def test_every_line_with_a_box_and_an_id_is_a_task():
    found = tasks()
    assert list(found) == ["t001", "t002", "t003", "t004"]
    first = found["t001"]
    assert (first.id, first.key, first.id_source, first.kind) == ("T001", "t001", "list_item", "task")
    assert (first.id_line, first.id_col, first.status, first.status_raw) == (7, 7, "done", "[X]")
    assert (first.title, first.body) == ("Add the table of carts", "- [X] T001 Add the table of carts\n")
    assert (first.scope, first.dialect, first.epic) == ("specs/004-cart", "spec_kit", "004-cart")
    assert [found[anchor].status for anchor in ("t002", "t003", "t004")] == ["todo", "done", "unknown"]


def test_phases_and_marks_are_kept():
    found = tasks()
    assert found["t002"].labels == ("P",)
    assert found["t001"].metadata == '{"phase":"Phase 1: Setup"}'
    expected = '{"phase":"Phase 3: User Story 1 - Keep a cart","section":"Tests first"}'
    assert found["t003"].metadata == expected
    assert (found["t003"].title, found["t003"].id_col) == ("Test `keep()`", 9)


def test_only_what_is_stated_is_a_dependency_and_order_never():
    found = tasks()
    assert references(found["t001"]) == []
    assert references(found["t002"]) == [
        ("depends_on", "T001", 8, 42),
        ("depends_on", "T003", 8, 48),
        ("depends_on", "T004.1", 11, 17),
    ]
    assert references(found["t003"]) == [("parent", "US1", 19, 21)]
    assert references(found["t004"]) == [("parent", "US1", 20, 14), ("parent", "US2", 20, 20)]


@pytest.mark.parametrize(
    ("text", "needed"),
    [
        ("after T010 and T011", ["T010", "T011"]),
        ("Requires: T010 & T011a", ["T010", "T011a"]),
        ("depends upon US2", ["US2"]),
        ("depends on T010-T900", ["T010-T900"]),
        ("depends on T010-US2", []),
        ("needs T010", ["T010"]),
        ("[depends: T010]", ["T010"]),
        ("depends on **T010**, `T011`", ["T010", "T011"]),
        ("depends on T010, see T011", ["T010"]),
        ("does not depend on T010 and T011", []),
        ("independent of T010", []),
        ("doesn't need T010, but needs T011", ["T011"]),
        ("cannot start until after T010", ["T010"]),
        ("not before T010", ["T010"]),
        ("does not block T010", []),
        ("depends on T010.", ["T010"]),
        ("depends on Setup completion", []),
        ("look at T010 first", []),
        ("thereafter T010", []),
        ("see `after-T010`", []),
    ],
)
def test_words_that_state_a_dependency(text: str, needed: list[str]):
    story = tasks(f"- [ ] T002 Do it, {text}\n")["t002"]
    assert [one.raw for one in story.references] == needed


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("(requires T003–T005)", "T003–T005"),
        ("Depends on: T003 - T005", "T003 - T005"),
        ("after T003-T005", "T003-T005"),
    ],
)
def test_a_range_is_one_statement_about_each_of_its_members(text: str, raw: str):
    story = tasks(f"- [ ] T006 Do it {text}, T009\n")["t006"]
    assert [(one.id, one.raw, one.in_range) for one in story.references] == [
        ("T003", raw, True), ("T004", raw, True), ("T005", raw, True),
    ] + [("T009", "T009", False)] * text.endswith("5")  # fmt: skip


@pytest.mark.parametrize(
    "text", ["(blocks T004)", "must run before T004", "[blocks: T004] go", "after T001, before T004"]
)
def test_a_task_may_say_what_it_blocks(text: str):
    story = tasks(f"- [ ] T002 {text}\n")["t002"]
    assert [(one.id, one.confidence) for one in story.references if one.relation == "blocks"] == [
        ("T004", "declared")
    ]
    assert [one.id for one in story.references if one.relation == "depends_on"] == ["T001"] * ("T001" in text)
    assert story.labels == ()


def test_many_ranges_in_one_file_stay_few_references():
    text = "".join(f"- [ ] T{number:03} Do it (after T001-T050)\n" for number in range(100, 1000))
    found = tasks(text)
    assert sum(len(story.references) for story in found.values()) < 21_000
    assert [one.id for one in found["t999"].references] == [None]


def test_points_below_a_task_are_its_criteria():
    story = tasks()["t002"]
    assert [(one.text, one.done, one.depth, one.line) for one in story.criteria] == [
        ("measure it", False, 0, 10)
    ]
    assert story.body.count("\n") == 4
    assert tasks()["t001"].criteria == ()


def test_a_task_in_a_task_is_a_part_of_it():
    found = tasks(
        "- [ ] T001 All\n  - [x] T002 One\n    - [ ] T003 Deep\n  - [ ] T004 Two\n- [ ] T005 Next\n"
    )
    parents = {anchor: [one.id for one in story.references] for anchor, story in found.items()}
    assert parents == {"t001": [], "t002": ["T001"], "t003": ["T002"], "t004": ["T001"], "t005": []}
    assert [one.line for one in found["t003"].references] == [2]


def test_what_is_code_or_comment_holds_no_tasks():
    hidden = "```\n- [ ] T002 B\n```\n<!--\n- [ ] T003 C\n-->\n<!-- - [ ] T004 D -->\n"
    text = f"- [ ] T001 A\n\n{hidden}- [ ] T005 E\n"
    assert list(tasks(text)) == ["t001", "t005"]


def test_an_id_twice_gives_two_stories():
    found = tasks("- [ ] T001 A\n- [x] T001 B\n- [ ] T001-2 C\n")
    assert [(anchor, story.id) for anchor, story in found.items()] == [("t001", "T001"), ("t001-2", "T001")]


def test_other_checkboxes_and_other_files_are_no_tasks():
    text = "# Notes\n\n- [ ] T1 shirt\n- [ ] Tidy up\n- T001 no box\n"
    assert isinstance(read("specs/004-cart/tasks.md", text.encode(), ReadingSettings()), NotAStory)
    for path in ("specs/004-cart/plan.md", "my-tasks.md"):
        assert isinstance(read(path, TASKS.encode(), ReadingSettings()), NotAStory)


def test_a_list_of_tasks_with_a_status_is_a_story_too():
    found = read_all("specs/004-cart/tasks.md", TASKS.replace("**Input**", "**Status**: Ready\n**Input**", 1))
    own, first = found.stories[0], found.stories[1]
    assert (own.anchor, own.status, own.dialect, own.id) == ("", "ready", "spec_kit", None)
    assert "T001" not in own.body and "Phase 3" in own.body
    assert [(one.relation, one.path) for one in first.references] == [("parent", "specs/004-cart/tasks.md")]


def test_the_spec_is_the_feature_and_its_user_stories_are_parts_of_it():
    found = read_all("specs/004-cart/spec.md", SPEC)
    own, first, second = found.stories
    assert (own.anchor, own.id, own.id_source, own.kind, own.scope) == (
        "", "004-cart", "folder", "feature", "specs",
    )  # fmt: skip
    assert (own.status, own.branch_name) == ("draft", "`004-cart`".strip("`"))
    assert "Share it" not in own.body and "Edge Cases" in own.body
    assert (first.anchor, first.id, first.kind, first.title) == ("us1", "US1", "story", "Keep a cart MVP")
    assert (first.priority, first.priority_raw, first.id_line, first.id_col) == (1, "P1", 8, 5)
    assert (first.user_role, first.user_benefit) == ("buyer", "nothing is lost.")
    assert [(one.section, one.line) for one in first.criteria] == [("acceptance", 16), ("acceptance", 17)]
    assert (second.id, second.priority) == ("US2", 2)
    assert "two buyers" not in second.body
    assert [(one.relation, one.id, one.path) for one in second.references] == [
        ("parent", "004-cart", "specs/004-cart/spec.md")
    ]
    assert not found.problems


def test_a_spec_of_another_kind_is_none_of_ours():
    text = "# Product specification\n\n### User Story 1 - Keep a cart\n\ntext\n"
    assert isinstance(read("docs/spec.md", text.encode(), ReadingSettings()), NotAStory)


def test_a_conflict_among_the_tasks_breaks_the_file():
    text = TASKS + "<<<<<<< ours\n- [ ] T009 A\n=======\n- [x] T009 A\n>>>>>>> theirs\n"
    found = read("specs/004-cart/tasks.md", text.encode(), ReadingSettings())
    assert isinstance(found, Broken)
    assert [one.code for one in found.problems] == ["merge-conflict"]
