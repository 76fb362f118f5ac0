"""Headers written in Markdown: quotes, bullets, tables, fenced YAML, BMAD, and folders of issues."""

from __future__ import annotations

import time

import pytest

from storysync.core.dialects.base import Page
from storysync.core.reading import is_excluded, read
from storysync.core.registry import read_heads
from storysync.core.story import Good, NotAStory, Story
from storysync.settings import ReadingSettings

DEFAULTS = ReadingSettings()


def good(text: str, path: str = "docs/item.md") -> tuple[Story, list[tuple[str, int, int]]]:
    found = read(path, text.encode(), DEFAULTS)
    assert isinstance(found, Good), found
    return found.stories[0], [(problem.code, problem.line, problem.col) for problem in found.problems]


def dialects(text: str) -> list[str]:
    return [head.dialect for head in read_heads(Page(text, 0, 1, 65536)).heads]


def edges(story: Story) -> list[tuple[str, str | None, int]]:
    return [(one.relation, one.id, one.line) for one in story.references]


# quotes


def test_a_quote_of_bold_labels_is_a_header():
    story, problems = good(
        "# TASK-001: Water the beds\n\n<!--\nTEMPLATE: Task\nStatus: none\n-->\n\n> **Type:** task\n"
        "> **Status:** in progress\n> **Priority:** critical\n> **Created:** 2026-01-05T00:00:00Z\n"
        "> **Due:** —\n> **Owner:** --\n> **Parent:** [FEAT-002](../FEAT-002.md)\n> **Effort:** 3\n\n---\n"
    )
    assert (story.dialect, story.id, story.kind, story.status) == (
        "blockquote",
        "TASK-001",
        "task",
        "in_progress",
    )
    assert (story.priority, story.owner, story.people, story.created_on) == (0, None, (), "2026-01-05")
    assert (story.estimate_points, edges(story)) == (3, [("parent", "FEAT-002", 14)])
    assert problems == []


def test_plain_pairs_of_a_quote_are_fields():
    story, _ = good("# Issue #007: Search\n\n> Phase 2: Hooks | 의존성: #004, #006\n")
    assert edges(story) == [("depends_on", "004", 3), ("depends_on", "006", 3)]
    assert story.metadata == '{"Phase 2":"Hooks"}'


@pytest.mark.parametrize(
    "quote",
    [
        "> **As a** gardener, **I want** water, **so that** plants live",
        "> Note: this text is: only a remark",
        "> **Note:** nothing of the story",
        "> plain",
        "> ",
    ],
)
def test_a_quote_without_a_usual_name_is_no_header(quote: str):
    assert dialects(f"# T\n\n{quote}\n") in ([], ["bold_header"])


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("p/EPIC-001-x/FEAT-002-y/STORY-001-z/STORY-001.md", "p/EPIC-001-x/FEAT-002-y"),
        ("p/BUG-001-x/STORY-001-fix.md", "p/BUG-001-x"),
        ("docs/STORY-001.md", ""),
    ],
)
def test_ids_in_folders_of_items_are_scoped(path: str, scope: str):
    assert good("# STORY-001: T\n\n> **Status:** done\n", path)[0].scope == scope


# bullets


def test_bullets_below_the_heading_are_a_header_with_relatives():
    story, problems = good(
        "# STORY-005 - Explorar a horta\n\n- Status: `done`\n- Epic: [EPIC-003](../epics/EPIC-003.md)\n"
        "- Como jogador, quero ver a horta.\n- Objetivo: criar o mapa: simples.\n- Tasks:\n"
        "  - [TASK-009](../tasks/TASK-009.md)\n  - [TASK-010](../tasks/TASK-010.md)\n"
        "- Criterios de aceite:\n  - casa presente\n  - area presente\n",
        "docs/stories/STORY-005.md",
    )
    assert (story.dialect, story.status, story.status_raw, story.epic) == (
        "bullets",
        "done",
        "`done`",
        "EPIC-003",
    )
    assert edges(story) == [("child", "TASK-009", 8), ("child", "TASK-010", 9), ("parent", "EPIC-003", 4)]
    assert story.references[0].path == "docs/tasks/TASK-009.md"
    assert [(one.section, one.text, one.line) for one in story.criteria] == [
        ("acceptance", "casa presente", 11),
        ("acceptance", "area presente", 12),
    ]
    assert (story.user_role, story.user_want, story.user_benefit) == ("jogador", "ver a horta.", None)
    assert (story.metadata, problems) == ('{"Objetivo":"criar o mapa: simples."}', [])


def test_bullets_without_a_usual_name_are_no_header():
    assert dialects("# T\n\n- Apples: red\n- Pears: green\n") == []
    assert dialects("# T\n\n- [ ] Status: not a label but a task\n- see https://x.example/a\n") == []
    assert dialects("# T\n\n## Notes\n\n- Status: done\n") == []


def test_a_section_of_metadata_is_a_header_too():
    text = (
        "# Task 1.1: T\n\n## Task Information\n- **Task ID**: 1.1\n- Status: Pending\n- **Estimate**: 2h\n\n"
    )
    story, _ = good(text, "docs/task-1-1-x.md")
    assert (story.id, story.id_source, story.status, story.estimate_unit) == (
        "1.1",
        "header",
        "todo",
        "hours",
    )


# tables


def test_a_table_of_metadata_is_a_header():
    story, problems = good(
        "# Story 1.5 — Cache\n\n| Campo | Valor |\n|-------|-------|\n| **Epic** | EPIC-1: Base |\n"
        "| **Status** | Ready for Review |\n| **Agente Executor** | @dev (Ana) |\n"
        "| **Complexidade** | S (~2-4h) |\n"
        "| **Prioridade** | P0-critical |\n| **Branch** | `feat/1.5` |\n| **Blocked By** | Story 1.2, 1.3 |\n"
        '| **Tools** | `["a \\| b"]` |\n| **Model** | |\n\n---\n\n| A | B |\n|--|--|\n'
        "| **Status** | Draft |\n",
        "docs/1.5.story.md",
    )
    assert (story.dialect, story.status, story.priority, story.estimate_points) == ("table", "review", 0, 2)
    assert (story.branch_name, story.owner, story.people[0].handle) == ("feat/1.5", "@dev (Ana)", "dev")
    assert edges(story) == [("depends_on", "1.2", 11), ("depends_on", "1.3", 11)]
    assert (story.metadata, problems) == ('{"Model":null,"Tools":"`[\\"a | b\\"]`"}', [])


def test_a_table_whose_first_row_is_a_field_and_one_row_of_values():
    assert good("# US-1: T\n\n| **Status** | Done |\n|---|---|\n| Points | 5 |\n")[0].status == "done"
    story, _ = good("# US-1: T\n\n| Status | Priority | Area |\n|:--|--:|--|\n| Done | P1 | x |\n")
    assert (story.status, story.priority, story.metadata) == ("done", 1, '{"Area":"x"}')


@pytest.mark.parametrize(
    "table",
    [
        "| Section | Purpose |\n|--|--|\n| A | b |\n",
        "| Status | Done |\n",
        "|\n|\n||\n",
        "| Status |\n|--|\n| Done |\n",
    ],
)
def test_other_tables_are_no_header(table: str):
    assert dialects(f"# T\n\n{table}") == []


# fenced YAML


def test_yaml_in_a_fence_below_the_heading_is_a_header():
    text = (
        "# Enabler: Beds\n\n```yaml\nid: EN-004\nstatus: in_progress\npriority: high\n"
        "depends_on: [EN-001]\nestimate: 010\n```\n\n## Text\n"
    )
    story, problems = good(text)
    assert (story.dialect, story.id, story.id_source, story.id_line, story.id_col) == (
        "fenced_yaml", "EN-004", "header", 4, 5,
    )  # fmt: skip
    assert (story.status, story.estimate_raw, edges(story)) == (
        "in_progress",
        "010",
        [("depends_on", "EN-001", 7)],
    )
    assert problems == []


@pytest.mark.parametrize(
    ("text", "read_it"),
    [
        ("# T\n\n## Frontmatter\n\n```yaml\nstatus: done\n```\n", True),
        ("# T\n\n## Data\n\n```yaml\nid: A-1\nstatus: done\n```\n", True),
        ("# T\n\n## Data\n\n```yaml\nstatus: done\n```\n", False),
        ("# T\n\n## Data\n\nFor example:\n\n```yaml\nid: A-1\nstatus: done\n```\n", False),
        ("# T\n\n```yaml\nname: x\n```\n", False),
        ("# T\n\n```json\n{}\n```\n\n```yaml\nid: A-1\n```\n", False),
        ("# T\n\n```yaml\nid: A-1\n", False),
        ("# T\n\n```yaml\n  id: A-1\n```\n", False),
    ],
)
def test_code_samples_are_no_header(text: str, read_it: bool):
    assert ("fenced_yaml" in dialects(text)) is read_it


def test_of_yaml_that_is_not_valid_the_plain_lines_are_rescued():
    story, problems = good("# T\n\n```yaml\nid: A-1\nowner: @ann\nstatus: done\n```\n")
    assert (story.id, story.status, story.id_line, problems) == (
        "A-1",
        "done",
        4,
        [("front-matter-invalid", 5, 8)],
    )


# BMAD


@pytest.mark.parametrize(
    ("section", "place"),
    [
        ("## Status\n\nReady for Review\n", (5, 1)),
        ("## Status\nReady for Review\n", (4, 1)),
        ("## Status: Ready for Review\n", (3, 12)),
        ("## 📊 Status\n\n**Ready for Review**\n", (5, 3)),
        ("## Status\n\n<!-- set by the agent -->\n\n- [x] Ready for Review\n", (7, 7)),
        ("## Status\n\n**Status:** Ready for Review\n", (5, 13)),
        ("## Story\n\nAs a cook\n\n## Status\n\nReady for Review\n", (9, 1)),
    ],
)
def test_a_status_section_near_the_top(section: str, place: tuple[int, int]):
    text = f"# Story 2.1: T\n\n{section}\n## Tasks\n"
    story, problems = good(text, "docs/2.1.story.md")
    assert (story.dialect, story.status, problems) == ("bmad_v4", "review", [])
    (head,) = [one for one in read_heads(Page(text, 0, 1, 65536)).heads if one.dialect == "bmad_v4"]
    (status,) = head.fields.values()
    assert (status.line, status.col) == place


@pytest.mark.parametrize(
    "text",
    [
        "# T\n\n## Status Codes\n\n200\n",
        "# T\n\n```\n## Status\nDone\n```\n",
        "# T\n\n<!--\n## Status\nDone\n-->\n",
        "# T\n\n## A\n\n## B\n\n## C\n\n## Status\n\nDone\n",
        "# T\n\n## Status\n\n## Next\n",
        "# T\n\n## Status\n\n| a | b |\n",
        "# T\n\n## Status",
    ],
)
def test_no_status_section(text: str):
    assert "bmad_v4" not in dialects(text)


def test_the_first_of_two_headers_counts_and_the_difference_is_reported():
    text = "# Story 2.1: T\n\n**Status:** Done\n\n## Status\n\nDraft\n"
    story, problems = good(text, "docs/2.1.story.md")
    assert (story.dialect, story.status, problems) == ("bold_header", "done", [("status-disagreement", 7, 1)])


def test_labels_without_a_status_above_a_status_section_leave_the_file_bmad():
    story, _ = good("# Story 2.1: T\n\n**Points:** 2 | **Size:** M\n\n## Status\n\nDraft\n")
    assert (story.dialect, story.status, story.estimate_points) == ("bmad_v4", "draft", 2)


def test_a_status_in_a_file_with_an_id_only_in_its_name_is_evidence():
    for text in ("# Set up the store\n\nStatus: review\n", "# Set up the store\n\n## Status\n\nreview\n"):
        story, problems = good(text, "artifacts/1-10-set-up-the-store.md")
        assert (story.id, story.key, story.id_source, story.status) == ("1-10", "1.10", "file_name", "review")
        assert problems == []


@pytest.mark.parametrize("status", ["Status: done", "## Status\n\ndone", "## Status: done"])
def test_a_bare_status_in_a_file_without_any_id_is_a_report(status: str):
    assert isinstance(read("notes/progress.md", f"# Progress\n\n{status}\n".encode(), DEFAULTS), NotAStory)


def test_bare_lines_below_the_heading_are_a_header():
    story, problems = good(
        "# Story 1.10: T\n\nStatus: review <!-- was: done -->\nBranch: `feat/1-10-t`\n\n<!-- Note: x -->\n",
        "artifacts/1-10-t.md",
    )
    assert (story.dialect, story.status_raw, story.branch_name, problems) == (
        "bmad_v6",
        "review",
        "feat/1-10-t",
        [],
    )


@pytest.mark.parametrize(
    "text",
    [
        "# T\n\nStatus: done, and this\ngoes on as a text\n",
        "# T\n\nWarning: hot\nNote: very\n",
        "# T\n\nhttps://example.org: x\n",
        "# T\n\n## A\n\nStatus: done\n",
    ],
)
def test_paragraphs_of_text_are_no_header(text: str):
    assert "bmad_v6" not in dialects(text)


# issue folders


@pytest.mark.parametrize(
    ("path", "excluded"),
    [
        ("docs/issues/003-local-store/README.md", False),
        ("003-local-store/readme.md", False),
        ("issues/INF-013/index.md", False),
        ("docs/README.md", True),
        ("README.md", True),
        ("docs/sprint-0/README.md", True),
        ("notes/2026-01-15-talk/README.md", True),
        ("notes/20260115/README.md", True),
        ("docs/003-x/CHANGELOG.md", True),
        ("docs/003-x/_template.md", True),
    ],
)
def test_the_readme_of_an_issue_folder_is_not_excluded(path: str, excluded: bool):
    assert is_excluded(path, DEFAULTS) is excluded


def test_a_glob_that_says_more_than_the_name_excludes_an_issue_too():
    for glob in ("docs/old/**", "docs/old/*/README.md"):
        assert is_excluded("docs/old/003-x/README.md", ReadingSettings(exclude=(glob,)))


def test_an_issue_folder():
    text = (
        "# Issue #003: 로컬 저장소\n\n> Phase 1: Core | 의존성: #001\n\n## 인수 조건\n\n- [x] a\n\n"
        "## 완료\n\n- **완료일**: 2026-01-17\n"
    )
    story, problems = good(text, "docs/issues/003-local-store/README.md")
    assert (story.dialect, story.id, story.id_source, story.title) == (
        "issue_folder",
        "003",
        "folder",
        "로컬 저장소",
    )
    assert (story.completed_on, edges(story)) == ("2026-01-17", [("depends_on", "001", 3)])
    assert [one.section for one in story.criteria] == ["acceptance"]
    assert problems == [("status-missing", 0, 0)]


def test_a_folder_whose_page_gives_only_a_status():
    story, _ = good("# Local store\n\n- Status: done\n", "issues/003-local-store/README.md")
    assert (story.id, story.id_source, story.dialect) == ("003", "folder", "issue_folder")


def test_a_folder_that_contradicts_the_heading():
    story, problems = good("# Issue #004: T\n\n- Status: done\n", "issues/003-x/README.md")
    assert (story.id, story.id_source, problems) == ("004", "h1", [("id-differs-from-file-name", 1, 10)])


def test_a_header_id_counts_before_the_folder():
    story, _ = good("# T\n\n**ID:** 3\n**Status:** done\n", "issues/003-x/README.md")
    assert (story.id, story.id_source) == ("3", "header")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("issues/003-x/evidence.md", "# Evidence: Issue #003 T\n\n> 완료일: 2026-01-17\n"),
        ("guide/01-getting-started/README.md", "# Getting started\n\nText\n"),
    ],
)
def test_what_is_no_issue(path: str, text: str):
    assert isinstance(read(path, text.encode(), DEFAULTS), NotAStory)


# values on more than one line


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("**Blocks:**\n\n- A-4\n", [("blocks", "A-4", 6)]),
        ("**Depends on:**\n\n\n- A-4\n- A-5\n", [("depends_on", "A-4", 7), ("depends_on", "A-5", 8)]),
        ("**Depends on:**\n1. A-4\n2) A-5\n", [("depends_on", "A-4", 5), ("depends_on", "A-5", 6)]),
        ("**Depends on:**\n* A-4: **hard**\n* **A-5:** x\n",
         [("depends_on", "A-4", 5), ("depends_on", "A-5", 6)]),
        ("**Depends on:**\n- A-4\n- Priority: High\n", [("depends_on", "A-4", 5)]),
        ("- **Dependencies:**\n  - A-5\n  - A-3\n- **Blocks:** A-6\n",
         [("depends_on", "A-5", 5), ("depends_on", "A-3", 6), ("blocks", "A-6", 7)]),
        ("- **Depends on:**\n  - A-3\n- Priority: High\n", [("depends_on", "A-3", 5)]),
        ("- **Depends on:**\n- A-3\n", []),
        ("- Blocks:\n\n  - A-6\n", [("blocks", "A-6", 6)]),
        ("**Depends on:** B-1,\nB-2, B-3\n**Owner:** bob\n",
         [("depends_on", "B-1", 4), ("depends_on", "B-2", 5), ("depends_on", "B-3", 5)]),
        ("**Depends on:** B-1,\n\nB-2\n", [("depends_on", "B-1", 4)]),
        ("**Depends on:** B-1,\nOwner: B-2\n", [("depends_on", "B-1", 4)]),
        ("> **Depends on:** B-1,\n> B-2\n> **Owner:** bob\n",
         [("depends_on", "B-1", 4), ("depends_on", "B-2", 5)]),
        ("> Depends on: B-1,\n> B-2\n", [("depends_on", "B-1", 4), ("depends_on", "B-2", 5)]),
        ("**Needed by:** B-1\n**Upstream:** B-2\n", [("blocks", "B-1", 4), ("depends_on", "B-2", 5)]),
    ],
)  # fmt: skip
def test_relatives_below_and_behind_a_label(header: str, expected: list[tuple[str, str, int]]):
    status = {"-": "- **Status:** done", ">": "> **Status:** done"}.get(header[0], "**Status:** done")
    if header.startswith("- Blocks"):
        status = "- Status: done"
    story, _ = good(f"# H-1: T\n\n{status}\n{header}")
    assert edges(story) == expected


def test_two_blanks_part_the_labels_of_a_line():
    story, _ = good("# H-1: T\n\n**Status**: Todo  **Priority**: High\n")
    assert (story.status, story.priority) == ("todo", 1)


# all


def test_a_file_with_nothing_but_an_id_in_its_heading():
    story, problems = good("# STORY-7: Water\n\ntext\n", "docs/STORY-7.md")
    assert (story.dialect, story.title, problems) == ("heading", "Water", [("status-missing", 0, 0)])


@pytest.mark.parametrize(
    "unit",
    ["> **a:** b\n", "> a: b | ", "- a: b\n", "- a:\n  - b\n", "| a | b |\n|--|--|\n", "```yaml\n",
     "## Status\n", "Status: a\n", "<!-- ", "---\n", "** **:", "\n## Status\n" + " " * 50, "# ", "|-", "|:-",
     " |", "a:b\n", ">", "## Metadata\n", "**AC-1** x\n", "Como quero ", "Als wil ik ", "[x]a", " ", "-"],
)  # fmt: skip
@pytest.mark.parametrize("head", ["", "# T\n", "# T\n\n## Status\n", "# T\n\n## Acceptance Criteria\n"])
def test_any_repetition_is_read_in_linear_time(unit: str, head: str):
    text = head + unit * (200_000 // len(unit))
    begin = time.perf_counter()
    read_heads(Page(text, 0, 1, 65536))
    middle = time.perf_counter()
    read("docs/a.md", text.encode(), DEFAULTS)
    assert middle - begin < 0.5
    assert time.perf_counter() - middle < 5


@pytest.mark.parametrize(
    "text", ["# T\n\nText without any label.\n\n## A\n\n- [ ] b\n" * 200, "text " * 4000]
)
def test_pages_of_no_dialect_cost_little(text: str):
    page = Page(text, 0, 1, 65536, "docs/a.md")
    best = min(_timed(page) for _ in range(200))
    assert best < 100e-6


def _timed(page: Page) -> float:
    begin = time.perf_counter()
    read_heads(page)
    return time.perf_counter() - begin
