"""Head and body to a story: which source counts, and what is reported."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysync.core.head_references import BARE_ID, PLAIN_ID, bare_references, references_of
from storysync.core.problems import CODES
from storysync.core.reading import read
from storysync.core.references import NONE_WORDS, parse_references
from storysync.core.story import Broken, Good, NotAStory, Story
from storysync.core.yaml_events import Scalar
from storysync.settings import ReadingSettings

DEFAULTS = ReadingSettings()
Problems = list[tuple[str, int, int]]


def good(
    text: str, path: str = "a/INF-013-x.md", settings: ReadingSettings = DEFAULTS
) -> tuple[Story, Problems]:
    found = read(path, text.encode(), settings)
    assert isinstance(found, Good), found
    assert all(problem.code in CODES and problem.hint for problem in found.problems)
    return found.stories[0], [(problem.code, problem.line, problem.col) for problem in found.problems]


def front(*lines: str, body: str = "\n# INF-013: Title\n") -> str:
    return "---\nid: INF-013\nstatus: ready\n" + "".join(f"{line}\n" for line in lines) + "---\n" + body


def test_a_whole_front_matter_story():
    story, problems = good(
        front(
            "title: SQLite schema",
            "branch_name: inf-013-schema",
            "epic: infrastructure",
            "priority: high",
            'estimate: "2sp"',
            "dependencies: [INF-012, other:API-1]",
            "labels: [database, sqlite]",
            "created: 2025-08-28",
            "author: planning-agent",
            "owner: Ann (@ann)",
            "market: null",
            "last_updated: 2025-08-29T10:00:00Z",
            "emit_metadata:",
            "  source_id: null",
            "  notes: 010",
        )
    )
    assert problems == []
    assert (story.id, story.key, story.id_source, story.id_line, story.id_col) == (
        "INF-013",
        "inf-13",
        "front_matter",
        2,
        5,
    )
    assert (story.title, story.kind, story.epic, story.dialect) == (
        "SQLite schema",
        "story",
        "infrastructure",
        "front_matter",
    )
    assert (story.status, story.status_raw, story.priority, story.priority_raw) == (
        "ready",
        "ready",
        1,
        "high",
    )
    assert (story.estimate_points, story.estimate_unit, story.estimate_raw) == (2, "points", "2sp")
    assert (story.owner, story.author, story.branch_name) == (
        "Ann (@ann)",
        "planning-agent",
        "inf-013-schema",
    )
    assert [(person.role, person.name, person.handle) for person in story.people] == [
        ("author", "planning-agent", None),
        ("owner", "Ann", "ann"),
    ]
    assert (story.created_on, story.created_at) == ("2025-08-28", None)
    assert (story.updated_on, story.updated_at) == ("2025-08-29", "2025-08-29T10:00:00.000000Z")
    assert story.labels == ("database", "sqlite")
    assert [(ref.relation, ref.raw, ref.line, ref.col) for ref in story.references] == [
        ("depends_on", "INF-012", 9, 16),
        ("depends_on", "other:API-1", 9, 25),
    ]
    assert story.metadata == '{"emit_metadata":{"notes":"010","source_id":null},"market":null}'
    assert story.body == "\n# INF-013: Title\n"


def test_a_whole_bold_header_story():
    story, problems = good(
        "# Story 22.1: SQLite Setup\n\n**Epic:** Epic 22 - Storage  \n**Status:** Ready for Review  \n"
        "**Created:** 2025-01-14  \n**Story Points:** 3  \n**Priority:** High\n**Depends On:** Story 21.4\n"
        "**Reviewer:** Ann\n\n---\n\n## Story\n",
        "story-22.1-setup.md",
    )
    assert problems == []
    assert (story.id, story.id_source, story.id_line, story.id_col) == ("22.1", "h1", 1, 9)
    assert (story.title, story.epic, story.status, story.estimate_points) == (
        "SQLite Setup",
        "Epic 22 - Storage",
        "review",
        3,
    )
    assert (story.priority, story.created_on, story.dialect) == (1, "2025-01-14", "bold_header")
    assert [(ref.relation, ref.id) for ref in story.references] == [("depends_on", "21.4")]
    assert story.metadata == '{"Reviewer":"Ann"}'


def test_ids_are_never_typed_by_yaml():
    for story_id in ("010", "1.10", "0x1F", "12:30", "No"):
        assert good(f"---\nid: {story_id}\nstatus: done\n---\n# T\n", "x.md")[0].id == story_id


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("---\nid: A-1\n---\n# B-2: T\n**Story ID:** C-3\n", "D-4.md", ("A-1", "front_matter")),
        ("# B-2: T\n**Story ID:** `C-3`\n", "D-4.md", ("C-3", "header")),
        ("# B-2: T\n**Status:** done\n", "D-4.md", ("B-2", "h1")),
        ("# T\n**Status:** done\n", "D-4-x.md", ("D-4", "file_name")),
        ("# T\n**Status:** done\n", "notes.md", (None, "none")),
    ],
)
def test_front_matter_beats_header_beats_heading_beats_file_name(
    text: str, path: str, expected: tuple[str | None, str]
):
    story, _ = good(text, path)
    assert (story.id, story.id_source) == expected


def test_ids_that_disagree_are_reported_where_they_stand():
    _, problems = good("---\nid: A-1\nstatus: done\n---\n# B-2: T\n**Story ID:** C-3\n", "A-1.md")
    assert problems == [("id-disagreement", 5, 3), ("id-disagreement", 6, 15)]


def test_type_words_and_padding_are_no_disagreement():
    assert good("---\nid: STORY-22.1\nstatus: done\n---\n# Story 22.1: T\n", "22.1.t.md")[1] == []


def test_a_file_named_after_another_id_is_reported():
    assert good(front(), "INF-012-x.md")[1] == [("id-differs-from-file-name", 2, 5)]


def test_a_placeholder_is_no_id():
    story, problems = good("---\nid: STORY-ID\nstatus: draft\n---\n# T\n", "notes.md")
    assert story.id is None
    assert ("placeholder", 2, 5) in problems


@pytest.mark.parametrize(
    "text", ["# Notes\n\ntext\n", "---\ntitle: x\n---\n# GPT-4 notes\n", "# T\n**Owner:** Ann\n", "text\n"]
)
def test_without_id_and_status_it_is_no_story(text: str):
    found = read("INF-1-notes.md", text.encode(), DEFAULTS)
    assert isinstance(found, NotAStory)
    assert [problem.code for problem in found.problems] == ["no-evidence"]


def test_an_error_that_may_hide_the_story_breaks_the_file_instead():
    found = read("x.md", b"---\n- id: A-1\n---\n# T\n", DEFAULTS)
    assert isinstance(found, Broken)
    assert [problem.code for problem in found.problems] == ["front-matter-not-mapping"]


def test_invalid_front_matter_keeps_what_could_be_read():
    story, problems = good("---\nid: A-1\nassignee: @ann\nstatus: done\n---\n# T\n", "A-1.md")
    assert (story.id, story.status, story.owner) == ("A-1", "done", "@ann")
    assert problems == [("front-matter-invalid", 3, 11)]


def test_titles_come_from_the_field_then_the_heading_then_the_file_name():
    assert good(front("title: INF-013 - As written"))[0].title == "INF-013 - As written"
    assert good(front("title: [Story Title]"))[0].title == "Story Title"
    assert good(front())[0].title == "Title"
    story, problems = good(front(body="text\n"), "INF-013-some-words.md")
    assert story.title == "some words"
    assert problems == [("title-missing", 0, 0)]


def test_kinds_come_from_the_type_then_the_heading_then_the_id():
    assert good(front("type: bug"))[0].kind == "bug"
    assert good("# Epic 5: T\n", "x.md")[0].kind == "epic"
    assert good("---\nid: TASK-7\nstatus: done\n---\n", "TASK-7.md")[0].kind == "task"
    story, _ = good(front("type: Infrastructure"))
    assert story.kind == "story"
    assert json.loads(story.metadata) == {"type": "Infrastructure"}


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("priority: purple", "unknown-priority"),
        ("priority: 7", "priority-number"),
        ("estimate: soon", "unknown-estimate"),
        ("created: 2025-02-30", "invalid-date"),
        ("created: 05/06/2025", "ambiguous-date"),
        ("epic: '{{epic}}'", "placeholder"),
        ("sprint: [a, b]", "not-a-text"),
        ("market: 1\nmarket: 2", "duplicate-key"),
    ],
)
def test_values_that_are_not_understood_are_reported_at_their_line(line: str, code: str):
    _, problems = good(front(line))
    assert [found[:2] for found in problems] == [(code, 4 + line.count("\n"))]


def test_a_status_without_meaning_is_unknown_with_its_raw_text():
    story, problems = good("---\nid: INF-013\nstatus: all tests passing\n---\n# INF-013: T\n")
    assert (story.status, story.status_raw) == ("unknown", "all tests passing")
    assert problems == [("unknown-status", 3, 9)]


def test_done_in_part_is_reported():
    story, problems = good("---\nid: INF-013\nstatus: Complete (3/5)\n---\n# INF-013: T\n")
    assert (story.status, story.status_note) == ("in_progress", "3/5")
    assert problems == [("partial-status", 3, 9)]


def test_a_missing_status_is_reported_and_may_come_from_the_body():
    story, problems = good("# INF-013: T\n")
    assert (story.status, problems) == (None, [("status-missing", 0, 0)])
    story, problems = good("# INF-013: T\n\n## Status\n\nReady\n")
    assert (story.status, story.status_raw, problems) == ("ready", "Ready", [])


def test_statuses_that_disagree_are_reported():
    story, problems = good(front(body="# INF-013: T\n**Status:** Done\n"))
    assert story.status == "ready"
    assert problems == [("status-disagreement", 6, 13)]
    assert good(front(body="# INF-013: T\n**Status:** ready to start\n"))[1] == []


def test_other_fields_that_disagree_are_reported():
    _, problems = good(
        front(
            "priority: high", "created: 2025-01-02", body="# T\n**Priority:** Low\n**Created:** Jan 2, 2025\n"
        )
    )
    assert problems == [("field-disagreement", 8, 15)]


def test_the_header_fills_what_front_matter_leaves_empty():
    story, problems = good("---\nid: INF-013\nstatus:\n---\n# T\n**Status:** done\n")
    assert (story.status, problems) == ("done", [])


def test_a_synonym_that_loses_is_kept_as_metadata():
    story, _ = good(front("size: L", "points: 3", "story_id: INF-001"))
    assert (story.estimate_points, story.estimate_unit) == (3, "points")
    assert json.loads(story.metadata) == {"size": "L"}
    assert [(ref.relation, ref.id) for ref in story.references] == [("parent", "INF-001")]


def test_a_date_that_is_not_understood_is_kept_as_metadata():
    assert json.loads(good(front("created: soon"))[0].metadata) == {"created": "soon"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("depends_on: [A-1, B-2]", [("depends_on", "A-1"), ("depends_on", "B-2")]),
        ("depends_on: A-1, B-2", [("depends_on", "A-1"), ("depends_on", "B-2")]),
        ("depends_on:\n  - [[A-1]]\n  - B-2", [("depends_on", "A-1"), ("depends_on", "B-2")]),
        ("depends_on: '[[A-1]]'", [("depends_on", "A-1")]),
        ("blocked_by: A-1", [("depends_on", "A-1")]),
        ("blocks: A-1", [("blocks", "A-1")]),
        ("parent: A-1", [("parent", "A-1")]),
        ("related: [A-1]", [("related", "A-1")]),
        ("depends_on: {A-1: hash}", [("depends_on", "A-1")]),
        ("depends_on: none", []),
        ("depends_on: []", []),
        ("depends_on: null", []),
        ("depends_on:", []),
        ("depends_on: [null, '']", []),
    ],
)
def test_references_of_a_head(line: str, expected: list[tuple[str, str]]):
    story, problems = good(front(line))
    assert [(ref.relation, ref.id) for ref in story.references] == expected
    assert problems == []


@pytest.mark.parametrize(
    "text", ["INF-013", "a1", "DATA_FRAME_2", "x-1-2", "US-PRJ-27-11", "tc-00c9", "UTF-8", "null1"]
)
def test_the_quick_way_for_bare_ids_gives_what_the_grammar_gives(text: str):
    assert BARE_ID.fullmatch(text)
    expected = parse_references(text, 1, 1, "depends_on", "a/b.md")
    assert bare_references(text, "depends_on") == expected


NONE_IDS = [f"{word}-1" for word in sorted(NONE_WORDS) if PLAIN_ID.fullmatch(f"{word}-1")]


@settings(max_examples=300)
@given(
    st.one_of(
        st.from_regex(PLAIN_ID, fullmatch=True),
        st.sampled_from(sorted(NONE_WORDS)).map("{}-1".format).filter(PLAIN_ID.fullmatch),
    )
)
def test_plain_ids_are_read_as_the_grammar_reads_them(text: str):
    node = Scalar(text, 3, 5)
    [found] = references_of({"depends_on": [node]}, "a/b.md")
    [expected] = parse_references(text, 3, 5, "depends_on", "a/b.md")
    assert found == expected


def test_scope_is_the_folder_when_settings_say_so():
    assert good(front(), "a/b/INF-013.md", ReadingSettings(id_scope="folder"))[0].scope == "a/b"
    assert good(front(), "a/b/INF-013.md")[0].scope == ""


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        (".project/stories/INF-013.md", ".project"),
        ("web/.project/stories/INF-013.md", "web/.project"),
        (".a/b/.c/INF-013.md", ".a/b/.c"),
        ("v1.2/stories/INF-013.md", ""),
    ],
)
def test_the_hidden_folder_of_a_tool_is_a_world_of_its_own(path: str, scope: str):
    assert good(front(), path)[0].scope == scope


def test_settings_name_further_fields_and_zones():
    settings = ReadingSettings(fields={"team": "owner"}, timezone="Europe/Berlin")
    story, _ = good(front("team: Ops", "created: 2026-07-01 12:00:00"), settings=settings)
    assert (story.owner, story.created_at) == ("Ops", "2026-07-01T10:00:00.000000Z")


def test_an_assignee_stands_in_for_a_missing_owner():
    story, _ = good(front("assignee: '@ann'"))
    assert story.owner == "@ann"
    assert [(person.role, person.handle) for person in story.people] == [("assignee", "ann")]


def test_a_second_first_level_heading_is_reported():
    assert good(front(body="# INF-013: T\n\n# Appendix\n"))[1] == [("several-headings", 7, 3)]
    assert good(front(body="# INF-013: T\n\ntext\n\n# Sprint 0\n"))[1] == [("several-headings", 9, 3)]


@pytest.mark.parametrize("titles", ["# Story 2: T\n# Sprint 0: Base\n", "# Sprint 0: Base\n\n# Story 2: T\n"])
def test_a_heading_beside_the_title_names_the_sprint(titles: str):
    story, problems = good(f"{titles}\n**Status:** done\n", "docs/story-02.md")
    assert (story.id, story.title, story.sprint, problems) == ("2", "T", "Sprint 0: Base", [])
