"""Many stories in one file: which headings are items, and what belongs to each."""

from __future__ import annotations

import pytest

from storysync.core.reading import read
from storysync.core.story import Broken, Good, NotAStory, Read, Story
from storysync.settings import ReadingSettings

EPICS = """# Shop: all epics

What is planned.

## Epic List

### Epic 1: Cart
Carts that stay.
### Epic 2: Payment

## Epic 1: Cart

**Goal:** carts that stay

### Story 1.1: Keep a cart

**Status:** done
**Priority:** High

As a buyer,
I want a cart,
So that nothing is lost.

**Acceptance Criteria:**

- [x] kept
- [ ] emptied

**Prerequisites:** Story 2.1

---

### Story 1.2: Share a cart
---
**Status**: Reddy
**Story ID**: SHOP-12
**Depends on:** Story 1.1

#### Tasks

- [ ] a link

## Epic 2: Payment

### Story 2.1: Pay by card

Status: Open | Points: 3

## Appendix

Story 1.1 is done.
"""


def read_all(text: str, path: str = "docs/epics.md", **rules: str) -> Good:
    found = read(path, text.encode(), ReadingSettings(**rules))
    assert isinstance(found, Good), found
    return found


def items(text: str = EPICS, path: str = "docs/epics.md") -> dict[str, Story]:
    return {story.anchor: story for story in read_all(text, path).stories}


def references(story: Story) -> list[tuple[str, str, int, int]]:
    return [(one.relation, one.raw, one.line, one.col) for one in story.references]


def test_each_heading_with_word_and_id_is_a_story():
    found = items()
    assert list(found) == ["epic-1", "story-1.1", "story-1.2", "epic-2", "story-2.1"]
    kept = found["story-1.1"]
    assert (kept.id, kept.id_source, kept.id_line, kept.id_col) == ("1.1", "header", 15, 11)
    assert (kept.title, kept.kind, kept.dialect, kept.scope) == ("Keep a cart", "story", "epics", "")
    assert (kept.status, kept.status_line, kept.priority, kept.epic) == ("done", 17, 1, "Epic 1")
    assert (kept.user_role, kept.user_want) == ("buyer", "a cart")
    assert [(one.section, one.text, one.done, one.line) for one in kept.criteria] == [
        ("acceptance", "kept", True, 26),
        ("acceptance", "emptied", False, 27),
    ]
    assert kept.body.startswith("### Story 1.1") and kept.body.endswith("---\n\n")
    assert found["epic-1"].kind == "epic"
    assert found["epic-1"].metadata == '{"Goal":"carts that stay"}'


def test_an_item_is_part_of_the_one_around_it():
    found = items()
    assert references(found["story-1.1"]) == [
        ("parent", "Epic 1", 11, 4),
        ("depends_on", "Story 2.1", 29, 20),
    ]
    assert references(found["story-2.1"])[0] == ("parent", "Epic 2", 43, 4)
    assert references(found["epic-2"]) == []


def test_labels_end_with_their_section_and_an_id_among_them_counts():
    shared = items()["story-1.2"]
    assert (shared.id, shared.id_line, shared.aliases) == ("SHOP-12", 36, ("1.2",))
    assert (shared.status, shared.status_raw) == ("unknown", "Reddy")
    assert [one.raw for one in shared.references] == ["Epic 1", "Story 1.1"]
    assert [(one.section, one.line) for one in shared.criteria] == [("tasks", 41)]
    problem = next(one for one in read_all(EPICS).problems if one.code == "unknown-status")
    assert (problem.line, problem.col) == (35, 13)


def test_plain_labels_on_one_line_are_read():
    paid = items()["story-2.1"]
    assert (paid.status, paid.estimate_points) == ("todo", 3)
    assert "Appendix" not in paid.body


def test_a_list_of_headings_names_what_others_tell():
    text = (
        "# Stories\n\n#### Story 1: Keep\n#### Story 2: Share\n\n---\n\n"
        "## Story 1: Keep\n\ntext\n\n## Story 2: Share\n\ntext\n"
    )
    assert [(story.anchor, story.id_line) for story in read_all(text).stories] == [
        ("story-1", 8),
        ("story-2", 12),
    ]


def test_headings_alone_are_stories_when_nothing_else_tells_more():
    found = read_all("# Backlog\n## Story 1: Keep\n## Story 2: Share\n")
    assert [story.title for story in found.stories] == ["Keep", "Share"]


@pytest.mark.parametrize(
    ("headings", "ids"),
    [
        (("## BUG-012: It falls", "## BUG-13 - It falls again"), ["BUG-012", "BUG-13"]),
        (("### [US-4] One", "### [US-5]: Two"), ["US-4", "US-5"]),
        (("### User Story 3: One", "### User Story 4: Two"), ["3", "4"]),
        (("## 🔴 Issue #7: One", "## Issue 8 — old"), ["7", "8"]),
        (("### **Story 1.1**: One", "### `Story 1.2`: Two"), ["1.1", "1.2"]),
        (("## TASK-001: One", "## TASK-002: Two"), ["TASK-001", "TASK-002"]),
        (("## Epic 1: One", "## Epic 2: Two"), ["Epic 1", "Epic 2"]),
    ],
)
def test_forms_of_headings(headings: tuple[str, str], ids: list[str]):
    one, two = headings
    found = read_all(f"# List\n\n{one}\n\ntext\n\n{two}\n\ntext\n")
    assert [story.id for story in found.stories] == ids
    lines = ["", "# List", "", one, "", "text", "", two]
    assert all(
        lines[story.id_line][story.id_col - 1 :].startswith(story.id or "?") for story in found.stories
    )


@pytest.mark.parametrize(
    "headings",
    [
        ("## Task 1: Do", "## Task 2: Do more"),
        ("## Story 1.1: Only one", "## Notes"),
        ("## Story 1.1: One", "### Story 1.2: of another level"),
        ("## Testing Story 1.1", "## Testing Story 1.2"),
        ("## Story 1.1 and its tests", "## Story 1.2 and its tests"),
        ("## TU-1-1: A test", "## TU-1-2: A test"),
        ("## FR-001: It shall", "## FR-002: It shall"),
        ("## Phase 1: Begin", "## Sprint 2: Go on"),
        ("## User Story", "## Story"),
        ("## Stories 1-4: some", "## Stories 5-8: others"),
        ("```\n## Story 1: in code", "## Story 2: in code\n```"),
        ("<!--\n## Story 1: hidden", "## Story 2: hidden\n-->"),
    ],
)
def test_other_headings_split_nothing(headings: tuple[str, str]):
    text = f"# List\n\n{headings[0]}\n\ntext\n\n{headings[1]}\n\ntext\n"
    assert isinstance(read("docs/list.md", text.encode(), ReadingSettings()), NotAStory)


@pytest.mark.parametrize(
    "head",
    [
        "# Story 22.1: Parser\n\n**Status:** done\n",
        "# INF-013: Parser\n",
        "---\nid: X-1\n---\n# Parser\n",
        "---\nid: X-1\ntype: task\n---\n# Epic 3: Parser\n",
        "# Parser\n\n**Story ID:** 22.1\n",
        "# Bug: it falls\n\n**Status:** open\n",
    ],
)
def test_a_story_that_mentions_others_stays_one(head: str):
    found = read_all(head + "\n## Story 22.2: Next\n\ntext\n\n## Story 22.3: Later\n\ntext\n")
    assert [story.anchor for story in found.stories] == [""]


def test_a_story_by_its_file_name_stays_one():
    text = "# Parser\n\n**Status:** done\n\n## Story 22.2: Next\n\ntext\n\n## Story 22.3: Later\n\ntext\n"
    assert [story.anchor for story in read_all(text, "22-1-parser.md").stories] == [""]
    assert [story.anchor for story in read_all(text, "LOGIN-15.md").stories] == [""]
    text = text.replace("text", "- [ ] it works")
    for path in ("sprint-3.md", "SPRINT-3.md"):
        found = read_all(text, path).stories
        assert [story.anchor for story in found] == ["", "story-22.2", "story-22.3"]


@pytest.mark.parametrize("word", ["Issue", "Bug", "Ticket", "Story"])
@pytest.mark.parametrize(
    ("told", "split"),
    [
        ("Well done: all of it.", False),
        ("**Status:** open", True),
        ("| Priority | high |", True),
        ("- [ ] mend it", True),
        ("**As a** buyer, I want a cart", True),
    ],
)
def test_numbers_alone_are_no_stories_unless_something_tells_it(word: str, told: str, split: bool):
    text = f"# Code Review\n\n## {word} 1: One\n\ntext\n\n## {word} 2: Two\n\n{told}\n"
    found = read("docs/review.md", text.encode(), ReadingSettings())
    assert [story.id for story in getattr(found, "stories", ())] == (["1", "2"] if split else [])


def test_headings_without_a_colon_are_items_beside_others_of_their_letters():
    forms = {
        "### BUG-5: One": ("BUG-5", "One"),
        "### BUG-6 Two": ("BUG-6", "Two"),
        "### BUG-7: Three": ("BUG-7", "Three"),
        "### BUG-8 (fixed)": ("BUG-8", "BUG-8 (fixed)"),
        "### ~~BUG-9: x~~": ("BUG-9", "x"),
        "### **~~BUG-10~~**: y": ("BUG-10", "y"),
        "### BUG-11 falls again": ("BUG-11", "falls again"),
        "### BUG-12 and BUG-5 meet": None,
        "### FIX-5 Other letters": None,
        "#### BUG-13 Of another level": None,
    }
    text = "".join(f"{heading}\n\n**Status:** open\n\n" for heading in forms)
    found = read_all(text, "BUGS.md").stories
    assert [(story.id, story.title) for story in found] == [form for form in forms.values() if form]
    lines = ["", *text.split("\n")]
    assert all(lines[one.id_line].startswith(str(one.id), one.id_col - 1) for one in found)


def test_numbers_behind_a_word_need_a_title_with_a_capital():
    headings = ("Bug 1: One", "Bug 2: Two", "Bug 3 Three", "Bug 4 (old)", "Bug 5 hides more")
    text = "".join(f"## {heading}\n\ntext\n\n" for heading in headings)
    found = read_all(text, "BUGS.md").stories
    assert [(story.id, story.title) for story in found] == [
        ("1", "One"), ("2", "Two"), ("3", "Three"), ("4", "Bug 4 (old)"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "head",
    [
        "# Epic 3: Parser\n",
        "---\nid: X-1\ntype: Epic\n---\n# Parser\n",
        "# FEAT-3: Parser\n\n**Status:** todo\n",
    ],
)
def test_an_epic_holds_its_stories(head: str):
    text = (
        head
        + "\nWhy.\n\n### Story 3.1: One\n\n- [ ] a\n\n"
        + "### Story 3.2: Two\n\n- [ ] b\n\n## Blocks\n\n- Story 9.1\n"
    )
    own, one, two = read_all(text, "epics/epic-3.md").stories
    assert (own.anchor, one.anchor, two.anchor) == ("", "story-3.1", "story-3.2")
    assert [criterion.text for criterion in (*own.criteria, *two.criteria)] == ["b"]
    assert [(edge.relation, edge.id, edge.line) for edge in own.references] == [
        ("blocks", "9.1", text[: text.index("Story 9.1")].count("\n") + 1)
    ]
    assert "Story 3.1" not in own.body and "Why." in own.body
    assert (two.references[0].relation, two.references[0].id, two.references[0].path) == (
        "parent", own.id, "epics/epic-3.md",
    )  # fmt: skip


def test_labels_of_the_first_item_are_not_those_of_the_file():
    text = "# B\n\n### Story 1: One\n**Status:** done\n**Owner:** Ann\n\n### Story 2: Two\n**Status:** todo\n"
    assert [(story.anchor, story.status) for story in read_all(text).stories] == [
        ("story-1", "done"), ("story-2", "todo"),
    ]  # fmt: skip


def test_an_id_twice_gives_two_anchors():
    text = "# Bugs\n\n## BUG-1: One\nText.\n## BUG-1: Other\nText.\n## BUG-1-2: Third\nText.\n"
    found = read_all(text)
    assert [(story.anchor, story.id) for story in found.stories] == [
        ("bug-1", "BUG-1"), ("bug-1-2", "BUG-1"), ("bug-1-2-2", "BUG-1-2"),
    ]  # fmt: skip


def problems_of(found: Read) -> list[tuple[str, int, int]]:
    return [(one.code, one.line, one.col) for one in found.problems]


def test_a_missing_status_is_told_at_its_heading_and_once_when_all_miss():
    some = "# B\n\n## Story 1: A\n\n**Status:** done\n\n## Story 2: B\n\ntext\n\n## Story 3: C\n\ntext\n"
    assert problems_of(read_all(some)) == [("status-missing", 7, 1), ("status-missing", 11, 1)]
    none = read_all(some.replace("**Status:** done", "text"))
    assert problems_of(none) == [("status-missing", 3, 1)]
    assert none.problems[0].message == "none of the 3 stories has a status"


def test_what_may_hide_the_files_own_story_breaks_all_of_it():
    text = "---\ntitle: [\n---\n# Backlog\n\n## Story 1: One\n\ntext\n\n## Story 2: Two\n\ntext\n"
    found = read("docs/epics.md", text.encode(), ReadingSettings())
    assert isinstance(found, Broken)
    assert "front-matter-invalid" in [one.code for one in found.problems]


def test_a_pinned_dialect_makes_no_story_of_the_list():
    assert read_all(EPICS, dialect="epics").stories[0].anchor == "epic-1"
    assert [story.anchor for story in read_all(EPICS, dialect="bold_header").stories] == [""]


def test_fifty_thousand_items_are_read_in_linear_time():
    text = "# Backlog\n\n" + "## Story 7: Again\n\ntext\n\n" * 20_000
    found = read_all(text)
    assert len({story.anchor for story in found.stories}) == 20_000
    assert found.stories[-1].anchor == "story-7-20000"
