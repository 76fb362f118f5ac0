"""Check boxes and numbered points by section."""

from __future__ import annotations

import pytest

from storysync.core.body import parse_body
from storysync.core.sections import meaning
from storysync.core.story import Criterion


def points(text: str, first_line: int = 1) -> list[Criterion]:
    return list(parse_body(text, first_line, "a.md").criteria)


def brief(text: str) -> list[tuple[str, int, int, str, bool | None]]:
    return [criterion[:5] for criterion in points(text)]


def test_sections_positions_depths_and_lines() -> None:
    text = (
        "# A\n\n## Acceptance Criteria\n\n- [ ] one\n  - [x] two\n    1. three\n- [X] four\n\n"
        "## Tasks / Subtasks\n\n1. [x] five\n2. six\n\n## Definition of Done\n\n- [ ] seven\n\n"
        "## Lifecycle\n\n- [x] eight\n"
    )
    assert points(text, 11) == [
        Criterion("acceptance", 0, 0, "one", False, 15),
        Criterion("acceptance", 1, 1, "two", True, 16),
        Criterion("acceptance", 2, 2, "three", None, 17),
        Criterion("acceptance", 3, 0, "four", True, 18),
        Criterion("tasks", 0, 0, "five", True, 22),
        Criterion("tasks", 1, 0, "six", None, 23),
        Criterion("definition_of_done", 0, 0, "seven", False, 27),
        Criterion("other", 0, 0, "eight", True, 31),
    ]


@pytest.mark.parametrize(
    ("heading", "section"),
    [
        ("Acceptance Criteria", "acceptance"),
        ("✅ **Acceptance Criteria** (ACs)", "acceptance"),
        ("Acceptance criteria checklist", "acceptance"),
        ("Success Criteria *(mandatory)*", "acceptance"),
        ("4. Critères d'acceptation", "acceptance"),
        ("验收标准", "acceptance"),
        ("Definition of Done ✅ COMPLETED", "definition_of_done"),
        ("DoD", "definition_of_done"),
        ("Tasks 📝", "tasks"),
        ("Tasks / Subtasks", "tasks"),
        ("Implementation Tasks", "tasks"),
        ("Acceptance Criteria Coverage", None),
        ("Task 5: Wire the tasks", None),
        ("Notes", None),
    ],
)
def test_headings(heading: str, section: str | None) -> None:
    assert meaning(heading).criteria == section


@pytest.mark.parametrize(
    ("box", "done"),
    [
        ("[ ]", False),
        ("[x]", True),
        ("[X]", True),
        ("[✅]", True),
        ("[✔\ufe0f]", True),
        ("[~]", False),
        ("[-]", False),
    ],
)
def test_boxes(box: str, done: bool) -> None:
    assert brief(f"- {box} text\n* {box} star\n1. {box} number\n") == [
        ("other", 0, 0, "text", done),
        ("other", 1, 0, "star", done),
        ("other", 2, 0, "number", done),
    ]


@pytest.mark.parametrize(
    "text", ["- [x](a.md) link", "- [xy] no", "- [ ]", "- [ ] ", "- [ ]no", "- \\[ ] escaped", "- [P] no"]
)
def test_no_boxes(text: str) -> None:
    assert brief(text) == []


def test_code_never_counts() -> None:
    text = (
        "## Tasks\n\n```\n- [ ] no\n```\n\n    - [ ] no\n\n- yes\n\n      - [ ] no\n\n<!--\n- [ ] no\n-->\n"
    )
    assert brief(text) == []


def test_numbers_count_only_in_their_sections() -> None:
    assert brief("1. no\n\n## Notes\n\n1. no\n\n## Tasks\n\n1. yes\n") == [("tasks", 0, 0, "yes", None)]


def test_bullets_count_when_acceptance_has_nothing_else() -> None:
    assert brief("## Acceptance Criteria\n\n- one\n  - two\n\n## Notes\n\n- [ ] box\n- no\n") == [
        ("acceptance", 0, 0, "one", None),
        ("acceptance", 1, 1, "two", None),
        ("other", 0, 0, "box", False),
    ]
    assert brief("## Acceptance Criteria\n\n- no\n- [ ] yes\n") == [("acceptance", 0, 0, "yes", False)]


def test_text_is_the_first_paragraph_as_written() -> None:
    text = "- [ ] **Given** `x`\n  and *y*\nlazy\n\n  second paragraph\n"
    text += "- [x]  wide  \n> - [ ] quoted\n>   more\n"
    assert [criterion.text for criterion in points(text)] == [
        "**Given** `x` and *y* lazy",
        "wide",
        "quoted more",
    ]


def test_sub_headings_and_bold_lines_stay_inside() -> None:
    text = "## Acceptance Criteria\n\n**Functional Requirements:**\n- [ ] a\n\n"
    text += "### Speed\n- [ ] b\n\n## Other\n- [ ] c\n"
    assert [criterion.section for criterion in points(text)] == ["acceptance", "acceptance", "other"]


def test_bold_lines_serve_as_headings() -> None:
    text = (
        "## Story\n\n**Acceptance Criteria:**\n- [ ] a\n\n**Definition of Done**\n- [ ] b\n\n"
        "**Notes:**\n1. no\n\n## More\n\n**Tasks:**\n1. c\n\n## Last\n\n1. no\n"
    )
    assert [(criterion.section, criterion.text) for criterion in points(text)] == [
        ("acceptance", "a"),
        ("definition_of_done", "b"),
        ("tasks", "c"),
    ]


@pytest.mark.parametrize(
    ("line", "text", "done"),
    [
        ("- [✅] a", "a", True),
        ("- [~] a", "a", False),
        ("- [X] a (AC: 1, 5)", "a (AC: 1, 5)", True),
        ("- [x] #1 a", "#1 a", True),
        ("  - [x]1.1 a", "1.1 a", True),
        ("1. ✅ a", "a", True),
        ("- ❌ a", "a", False),
        ("1. a", "a", None),
    ],
)
def test_forms_of_a_point(line: str, text: str, done: bool | None) -> None:
    assert [(one.text, one.done) for one in points(f"## Acceptance Criteria\n\n{line}\n")] == [(text, done)]


@pytest.mark.parametrize("line", ["- [x][ref] a", "- [x](a.md)", "- [link] a", "- [x]"])
def test_links_are_no_boxes(line: str) -> None:
    assert points(f"## Notes\n\n{line}\n") == []


def test_a_list_below_a_label_of_criteria() -> None:
    text = "# T\n\n- Status: done\n- Acceptance criteria:\n  - one\n  - two\n- Notes:\n  - three\n"
    assert brief(text) == [("acceptance", 0, 1, "one", None), ("acceptance", 1, 1, "two", None)]


def test_a_box_in_front_of_a_label_stays_a_point() -> None:
    assert brief("## Tasks\n\n- [ ] Tasks:\n  - [x] one\n") == [
        ("tasks", 0, 0, "Tasks:", False),
        ("tasks", 1, 1, "one", True),
    ]


def test_rows_of_a_table_of_criteria() -> None:
    text = (
        "## Acceptance Criteria\n\n| # | Criterion | Verified |\n|---|:--|---|\n| AC1 | a \\| b | [x] |\n"
        "| 2 | c | ❌ |\n| | d |\n\n- [ ] e\n\n## Notes\n\n| # | Criterion |\n|--|--|\n| 1 | f |\n"
    )
    assert [criterion[3:] for criterion in points(text)] == [
        ("AC1: a \\| b", True, 5),
        ("c", False, 6),
        ("d", None, 7),
        ("e", False, 9),
    ]


def test_a_table_that_lists_no_criteria() -> None:
    assert points("## Acceptance Criteria\n\n| Metric | Target |\n|--|--|\n| Coverage | 90 % |\n") == []


def test_labelled_paragraphs_and_scenarios_count_when_there_is_no_list() -> None:
    text = "## Acceptance Criteria\n\n**AC-1 :** one\ngoes on\n\n**AC-2:** two\n\n**Note:** no\n"
    assert [one.text for one in points(text)] == ["**AC-1 :** one goes on", "**AC-2:** two"]
    assert [one.text for one in points(text + "- [ ] three\n")] == ["three"]
    gherkin = "## Criterios de Aceitacao\n\n```gherkin\nCenario 1: Salvar\n  DADO x\nScenario: b\n```\n"
    assert [(one.text, one.line) for one in points(gherkin)] == [("Cenario 1: Salvar", 4), ("Scenario: b", 6)]
