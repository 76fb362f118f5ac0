"""References of the sections of a body."""

from __future__ import annotations

import pytest

from storysync.core.body import parse_body
from storysync.core.reading import read
from storysync.core.story import Good, Reference
from storysync.settings import ReadingSettings

PATH = "plan/ops/OPS-9-x.md"


def refs(text: str, first_line: int = 1) -> tuple[Reference, ...]:
    return parse_body(text, first_line, PATH).references


def brief(text: str) -> list[tuple[str, str | None, str]]:
    return [(reference.relation, reference.id, reference.confidence) for reference in refs(text)]


def section(lines: str, heading: str = "Dependencies") -> list[tuple[str, str | None, str]]:
    return brief(f"# OPS-9: X\n\n## {heading}\n\n{lines}\n\n## Notes\n\n- OPS-99\n")


def test_labelled_lists_give_the_direction() -> None:
    lines = (
        "**Prerequisite Stories:**\n- OPS-1: Pool\n- OPS-2: Limits ✓\n\n"
        "**Blocked Stories:**\n- OPS-3（needs it）\n\n**External Dependencies:** queue\n- TEAM-5\n\n"
        "**Related:**\n- OPS-6\n"
    )
    assert section(lines) == [
        ("depends_on", "OPS-1", "declared"),
        ("depends_on", "OPS-2", "declared"),
        ("blocks", "OPS-3", "declared"),
        ("related", "OPS-6", "declared"),
    ]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("- OPS-1", [("depends_on", "OPS-1", "declared")]),
        ("- [ ] OPS-1 must be merged", [("depends_on", "OPS-1", "declared")]),
        ("- **OPS-1**: Pool, like OPS-2", [("depends_on", "OPS-1", "declared")]),
        ("- `OPS-1`", [("depends_on", "OPS-1", "declared")]),
        ("- OPS-1, OPS-2 and OPS-3", [("depends_on", f"OPS-{n}", "declared") for n in (1, 2, 3)]),
        ("OPS-1, OPS-2", [("depends_on", f"OPS-{n}", "declared") for n in (1, 2)]),
        ("- Depends on OPS-1", [("depends_on", "OPS-1", "declared")]),
        ("- Blocks OPS-1", [("blocks", "OPS-1", "declared")]),
        ("- Blocks Story 1.3", [("blocks", "1.3", "declared")]),
        (
            "- **Enables**: Story 1.4 (Mail), Story 1.6 (Export)",
            [("blocks", n, "declared") for n in ("1.4", "1.6")],
        ),
        ("- Blocks the work in OPS-1", [("blocks", "OPS-1", "prose")]),
        ("- Blocked by: 3.1 (client)", [("depends_on", "3.1", "declared")]),
        ("- Depends on: 004, 005", [("depends_on", n, "declared") for n in ("004", "005")]),
        ("- **Story 0.1** (Cloud) - REQUIRED: roles", [("depends_on", "0.1", "declared")]),
        ("- Story 22.1 must be done", [("depends_on", "22.1", "prose")]),
        ("- Stories 1.1, 1.2 and 1.3", [("depends_on", n, "declared") for n in ("1.1", "1.2", "1.3")]),
        ("- The schema of Story 1.2", [("depends_on", "1.2", "prose")]),
        ("- waits for OPS-4 to be live", [("depends_on", "OPS-4", "prose")]),
        ("- back-12", [("depends_on", "back-12", "declared")]),
        ("- [[OPS-1|Pool]]", [("depends_on", "OPS-1", "declared")]),
        ("- demo:OPS-1", [("depends_on", "OPS-1", "declared")]),
        ("| Blocked by | [OPS-1](OPS-1-a.md) | done |", [("depends_on", "OPS-1", "declared")]),
        ("| Blocks | 1.3 (import), 1.4 | — |", [("blocks", n, "declared") for n in ("1.3", "1.4")]),
        ("| External | OPS-1 | — |", []),
        ("- None", []),
        ("None - this is the first story in Epic 17", []),
        ("**Story Dependencies:** None - first story of Epic 17", []),
        ("- GPT-4, UTF-8, SHA-256, SLIP-44, ISO-8601, ADR-005", []),
        ("- Python 3.11 and pool 0.14.0", []),
        ("- 2026", []),
        ("- 0.14.0", []),
        ("- better-sqlite3", []),
        ("- https://example.org/OPS-1", []),
        ("```\nOPS-1\n```", []),
        ("- Stories 1-2", [("depends_on", n, "declared") for n in ("1", "2")]),
        ("- **Stories 1-2**: base", [("depends_on", n, "declared") for n in ("1", "2")]),
        ("- Stories 1-2 must be live", [("depends_on", n, "prose") for n in ("1", "2")]),
        ("- Epic 2 (Protocol)", [("depends_on", "Epic 2", "declared")]),
        ("- Epics 2 and 3", [("depends_on", f"Epic {n}", "declared") for n in (2, 3)]),
        ("- Outputs used by: Epic 1-2", [("blocks", f"Epic {n}", "declared") for n in (1, 2)]),
        ("- Depends on: 4.1-4.2", [("depends_on", n, "declared") for n in ("4.1", "4.2")]),
        ("- Python 3.9-3.12", []),
        ("- Must be done before Story 2.1", [("blocks", "2.1", "declared")]),
        ("- It must be done before Story 2.1", [("blocks", "2.1", "prose")]),
        ("- Required by Story 2.1", [("blocks", "2.1", "declared")]),
        ("- Story 2.1 depends on this", [("blocks", "2.1", "prose")]),
        ("- OPS-2: depends on this story", [("blocks", "OPS-2", "prose")]),
        ("- **OPS-2** (mail) depends on this", [("blocks", "OPS-2", "prose")]),
        ("- Next: OPS-2", [("blocks", "OPS-2", "prose")]),
        ("- Parent: OPS-2", [("parent", "OPS-2", "prose")]),
        ("- OPS-1 or OPS-2", [("depends_on", f"OPS-{n}", "declared") for n in (1, 2)]),
        ("- OPS-1<br>OPS-2", [("depends_on", f"OPS-{n}", "declared") for n in (1, 2)]),
        ("- **D-001**: the queue is there", [("depends_on", "D-001", "prose")]),
        ("- Links are written as `[[ID]]`", []),
    ],
)
def test_lines_of_a_dependencies_section(line: str, found: list[tuple[str, str | None, str]]) -> None:
    assert section(line) == found


@pytest.mark.parametrize(
    ("label", "relation"),
    [
        ("Prerequisite Stories", "depends_on"),
        ("Requisitos previos", "depends_on"),
        ("Dipende da", "depends_on"),
        ("Abhängig von", "depends_on"),
        ("Vereist", "depends_on"),
        ("前提条件", "depends_on"),
        ("선행 조건", "depends_on"),
        ("Blocked Stories", "blocks"),
        ("Enables", "blocks"),
        ("Must be completed before", "blocks"),
        ("Required for", "blocks"),
        ("Histórias bloqueadas", "blocks"),
        ("Necesario para", "blocks"),
        ("Nécessaire pour", "blocks"),
        ("Benötigt von", "blocks"),
        ("Nodig voor", "blocks"),
        ("后置任务", "blocks"),
        ("後続タスク", "blocks"),
    ],
)
def test_labels_of_many_languages_give_the_direction(label: str, relation: str) -> None:
    assert section(f"**{label}:**\n- OPS-1\n") == [(relation, "OPS-1", "declared")]
    assert section(f"- {label}: OPS-1 (pool)\n") == [(relation, "OPS-1", "declared")]


def test_label_of_a_list_item_rules_what_is_nested() -> None:
    lines = "- **Blocks:**\n  - OPS-1\n  - OPS-2\n- OPS-3\n- **Required by:** OPS-4\n- OPS-5\n"
    assert section(lines) == [
        ("blocks", "OPS-1", "declared"),
        ("blocks", "OPS-2", "declared"),
        ("depends_on", "OPS-3", "declared"),
        ("blocks", "OPS-4", "declared"),
        ("depends_on", "OPS-5", "declared"),
    ]


def test_unknown_label_makes_it_prose() -> None:
    assert section("- What comes later:\n  - Story 1.2 (Mail)\n") == [("depends_on", "1.2", "prose")]


def test_wrapped_sentence_that_goes_on_with_an_id_is_prose() -> None:
    assert section("- the schema that comes with\n  OPS-1 is needed\n") == [("depends_on", "OPS-1", "prose")]


@pytest.mark.parametrize(
    ("heading", "relation"),
    [
        ("Dependencies", "depends_on"),
        ("🔗 **Dependencies**", "depends_on"),
        ("Depends On", "depends_on"),
        ("Prerequisites", "depends_on"),
        ("Blocked by:", "depends_on"),
        ("Blocks", "blocks"),
        ("Bloqueia:", "blocks"),
        ("Related Stories", "related"),
        ("References", "related"),
    ],
)
def test_headings_name_the_relation(heading: str, relation: str) -> None:
    assert section("- OPS-1", heading) == [(relation, "OPS-1", "declared")]


@pytest.mark.parametrize(
    "heading", ["External Dependencies", "Dependencies Added", "Debug Log References", "Notes"]
)
def test_other_headings_name_no_stories(heading: str) -> None:
    assert section("- OPS-1", heading) == []


def test_sub_headings_give_the_direction() -> None:
    text = (
        "## Dependencies\n\n### Depends on\n\n- OPS-1\n\n### Blocks\n\n- OPS-2\n\n### Technical\n\n- OPS-3\n"
    )
    assert brief(text) == [("depends_on", "OPS-1", "declared"), ("blocks", "OPS-2", "declared")]


def test_references_section_takes_links_and_leading_ids() -> None:
    text = (
        "## References\n\n- [Pool](../../docs/pool.md)\n- Depends on OPS-1\n- OPS-2: Limits\n"
        "- see [x](y.md) and [[OPS-3]]\n- like OPS-4 in a sentence\n- [RFC](https://example.org/rfc.md)\n"
        "- [up](../../../out.md)\n"
    )
    assert [(ref.relation, ref.id, ref.path, ref.line, ref.col) for ref in refs(text, 10)] == [
        ("related", None, "docs/pool.md", 12, 3),
        ("depends_on", "OPS-1", None, 13, 14),
        ("related", "OPS-2", None, 14, 3),
        ("related", None, "plan/ops/y.md", 15, 7),
        ("related", "OPS-3", None, 15, 21),
    ]


def test_said_twice_is_one_reference() -> None:
    text = "## Dependencies\n\n- OPS-1\n- ops_01\n\n## References\n\n- Depends on OPS-1\n- OPS-1\n"
    assert [(ref.relation, ref.raw, ref.line) for ref in refs(text)] == [
        ("depends_on", "OPS-1", 3),
        ("related", "OPS-1", 9),
    ]


def test_header_lines_are_not_for_the_body() -> None:
    assert brief("# OPS-9: X\n\n**Dependencies:** OPS-1\n\n## Story\n\nText with OPS-2.\n") == []


def test_ranges_never_become_more_references_than_a_text_can_mean() -> None:
    lines = "".join(f"- Stories {number}1-{number}9\n" for number in range(1000))
    found = section(lines + "- OPS-1")
    assert len(found) < 4000
    assert found[-1] == ("depends_on", "OPS-1", "declared")
    assert len(section("- Stories 1-3\n" * 600)) == 3


def test_what_is_struck_out_is_said_no_more() -> None:
    text = b"# A-1: T\n\n## Dependencies\n\n- ~~A-16~~ removed\n- ~~A-18 (x)~~, A-17\n"
    found = read("A-1.md", text, ReadingSettings())
    assert isinstance(found, Good)
    assert [(one.id, one.line, one.col) for one in found.stories[0].references] == [("A-17", 6, 17)]


def test_lines_of_a_long_section_count_wherever_they_stand() -> None:
    noise = "- nothing\n\ntext\n- **Other:** x\n" * 60
    body = parse_body(f"## Dependencies\n{noise}- A-1\n{noise}- Blocks:\n  - A-2\n{noise}- A-3\n", 1, "a.md")
    found = [(one.id, one.relation) for one in body.references]
    assert found == [("A-1", "depends_on"), ("A-2", "blocks"), ("A-3", "depends_on")]
