"""A body as a whole: headings, lifecycle, status, and that no text is too much."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysync.core.body import Heading, Located, parse_body

STORY = """\
# OPS-9: Lock the bike

## User Story

**As a** rider,
**I want** to lock the bike
**So that** nobody takes it

## Acceptance Criteria

- [x] The lock closes
- [ ] The app says so

## References

- Depends on OPS-1

## Lifecycle

- **Created:** 2026-01-14
- **Completed:** 2026-02-01
"""


def test_a_whole_story() -> None:
    body = parse_body(STORY, 21, "ops/OPS-9.md")
    assert body.h1 == Heading(1, "OPS-9: Lock the bike", 21, 3)
    assert body.h1_count == 1
    assert [(heading.level, heading.text, heading.line) for heading in body.headings[1:]] == [
        (2, "User Story", 23),
        (2, "Acceptance Criteria", 29),
        (2, "References", 34),
        (2, "Lifecycle", 38),
    ]
    assert (body.user_role, body.user_want, body.user_benefit) == (
        "rider",
        "to lock the bike",
        "nobody takes it",
    )
    assert [(criterion.text, criterion.done, criterion.line) for criterion in body.criteria] == [
        ("The lock closes", True, 31),
        ("The app says so", False, 32),
    ]
    assert [(reference.id, reference.line, reference.col) for reference in body.references] == [
        ("OPS-1", 36, 14)
    ]
    assert body.lifecycle == {
        "created": Located("2026-01-14", 40, 16),
        "completed": Located("2026-02-01", 41, 18),
    }
    assert body.status is None


def test_empty_body() -> None:
    body = parse_body("", 5, "a.md")
    assert (body.h1, body.h1_count, body.headings, body.criteria, body.references) == (None, 0, (), (), ())
    assert (body.lifecycle, body.status, body.user_role) == ({}, None, None)


def test_headings_of_every_form() -> None:
    body = parse_body("Under\n=====\n\n# Second #\n\n> ## In a quote\n\n```\n# no\n```\n", 1, "a.md")
    assert body.headings == (
        Heading(1, "Under", 1, 1),
        Heading(1, "Second", 4, 3),
        Heading(2, "In a quote", 6, 6),
    )
    assert body.h1_count == 2


@pytest.mark.parametrize(
    ("line", "field", "value", "col"),
    [
        ("**Created:** 2026-01-14", "created", "2026-01-14", 14),
        ("**Created**: 2026-01-14  ", "created", "2026-01-14", 14),
        ("> **Completed:** 2026-01-14", "completed", "2026-01-14", 18),
        ("Last Updated: 14.01.2026 by Ann", "updated", "14.01.2026 by Ann", 15),
        ("last_updated: 2026-01-14T10:00:00Z", "updated", "2026-01-14T10:00:00Z", 15),
        ("- **Completion Date:** January 3, 2026", "completed", "January 3, 2026", 24),
        ("**Created:** 2026-01-14 | **Points:** 3", "created", "2026-01-14", 14),
        ("__Created:__ 2026-01-14", "created", "2026-01-14", 14),
    ],
)
def test_lifecycle_lines(line: str, field: str, value: str, col: int) -> None:
    body = parse_body(f"# A\n\n{line}\n", 1, "a.md")
    assert body.lifecycle == {field: Located(value, 3, col)}


@pytest.mark.parametrize(
    "text",
    [
        "**Created:**\n",
        "- Completed: [date]\n",
        "```\nCreated: 2026-01-14\n```\n",
        "## Comments\n\ncreated: 2026-01-14\n",
        "## Design\n\n- Updated: file of 2026\n",
        "Recreated: 2026-01-14\n",
    ],
)
def test_no_lifecycle(text: str) -> None:
    assert parse_body(text, 1, "a.md").lifecycle == {}


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("# A\n\n**Status:** In Review\n", Located("In Review", 3, 13)),
        ("# A\n\nStatus: done\n", Located("done", 3, 9)),
        ("# A\n\n## Status\n\nReady\n", Located("Ready", 5, 1)),
        ("# A\n\n## Status\n**Done** ✅\n", Located("Done** ✅", 4, 3)),
        ("# A\n\n## Status: Done\n", Located("Done", 3, 12)),
        ("# A\n\n## Lifecycle\n\n- **Status:** Ready\n", Located("Ready", 5, 15)),
        ("# A\n\n## QA Review\n\n**Status:** PASS\n", None),
        ("# A\n\n## Risks\n\n- Status: low\n", None),
        ("# A\n\n## Status Pills\n\nText\n", None),
        ("# A\n\n```\nStatus: x\n```\n", None),
    ],
)
def test_status(text: str, status: Located | None) -> None:
    assert parse_body(text, 1, "a.md").status == status


PIECES = (
    "# A", "## Dependencies", "## Acceptance Criteria", "## Status", "## References", "**Blocks:**",
    "- [ ] a", "- [x] b", "  - c", "1. d", "- Depends on A-1", "- A-2, A-3", "[x](a.md)", "- [[A-1]]",
    "| Blocked by | A-1 | x |", "As a x I want y so that z", "**Created:** 2026-01-01", "Status: x", "```",
    "> q", "===", "---", "", "", "text", "\ud800", "ſtatus: x", "- Blocked ſtories: A-1", "<!--", "-->",
    "completİon date: 2026", "\x00", "\x0c", "\r", "é - [ ] A-1", "\\", "- \\",
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=12), max_size=25).map("\n".join))
def test_every_text_is_read_and_everything_stands_where_it_says(text: str) -> None:
    lines = text.split("\n")
    body = parse_body(text, 1, "a/b.md")
    for reference in body.references:
        assert lines[reference.line - 1].startswith(reference.raw, reference.col - 1)
    for located in [*body.lifecycle.values(), *([body.status] if body.status else [])]:
        assert lines[located.line - 1].startswith(located.text, located.col - 1)
    for heading in body.headings:
        assert lines[heading.line - 1].startswith(heading.text.split(" ")[0], heading.col - 1)
    for criterion in body.criteria:
        assert criterion.text.split(" ")[0] in lines[criterion.line - 1]
    seen = [(criterion.section, criterion.position) for criterion in body.criteria]
    assert len(seen) == len(set(seen))


LONG = (
    "[", "*", "- [ ] ", "- [ ] a\n", "> > > ", ">", "![", "_a", "<", "`", "|", "[a](", "**a ", "<!--",
    "[a]: x\n", "(", "As a x\n", "As a I want so that ", "**Status:** x\n", "## Status\n", "# a\n",
    "- Depends on A-1, ", "A-1 ", "Story 1 and ", "[A-1](a.md) ", "A-", "A1-1-", "A/", "a:",
    "- **Blocks:**\n", "    a\n", "```\n", "a\n===\n", "- \n", "\n\n- [ ] a", "none ", "(（", "\t- a\n",
)  # fmt: skip


@pytest.mark.parametrize("piece", LONG)
def test_long_monotonous_texts_are_read(piece: str) -> None:
    """200 KB each; a quadratic reader would need minutes here."""
    text = (piece * (200_000 // len(piece) + 1))[:200_000]
    parse_body(text, 1, "a.md")
    parse_body(f"# A\n\n## Dependencies\n\n{text}", 1, "a.md")


def test_deep_nesting_is_read() -> None:
    deepest = parse_body("".join("  " * depth + "- [ ] a\n" for depth in range(400)), 1, "a.md")
    assert [criterion.depth for criterion in deepest.criteria] == list(range(400))
    parse_body("".join("> " * depth + "a\n" for depth in range(400)), 1, "a.md")
