"""Any bytes come to a value; bad files harm nothing but themselves."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storysync.core.file_names import is_markdown
from storysync.core.problems import CODES
from storysync.core.reading import is_excluded, read
from storysync.core.story import Broken, Good, NotAStory, Read
from storysync.core.vocabulary import CONFIDENCES, CRITERIA_SECTIONS, ID_SOURCES, KINDS, RELATIONS, STATUSES
from storysync.settings import ReadingSettings

DEFAULTS = ReadingSettings()
STORY = """---
id: INF-013
title: "SQLite: schema"
status: in_progress
priority: high
estimate: "3sp"
dependencies: [INF-012, "API-1"]
labels:
  - database
created: 2025-08-28
owner: Ann (@ann)
emit_metadata:
  source_id: null
---

# INF-013: SQLite schema

**Status:** in progress
**Points:** 3 | **Size:** M

## User Story

**As a** developer,
**I want** a schema,
**So that** stories persist.

## Acceptance Criteria

- [ ] First
  - [x] Nested

## Dependencies

- Depends on [INF-012](../INF-012-x.md)
"""


def codes(found: Read) -> list[str]:
    return [problem.code for problem in found.problems]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty-file"),
        (b"\n \n", "empty-file"),
        (b"---\nid: A-1\n", "front-matter-unclosed"),
        (b"---\nid: A-1\nti", "front-matter-unclosed"),
        (b"id\0", "nul-byte"),
        ("---\nid: Café\n---\n".encode("latin-1"), "not-utf8"),
        (b"---\n<<<<<<< HEAD\nid: A-1\n=======\nid: A-2\n>>>>>>> other\n---\n# T\n", "merge-conflict"),
        (b"# Story 1.1: T\n<<<<<<< HEAD\n**Status:** done\n", "merge-conflict"),
        (b"<<<<<<< HEAD\n---\nid: A-1\n", "merge-conflict"),
    ],
)
def test_files_that_cannot_be_trusted_are_broken(data: bytes, code: str):
    found = read("a.md", data, DEFAULTS)
    assert isinstance(found, Broken)
    assert code in codes(found)


def test_a_conflict_marker_in_the_body_is_only_a_warning():
    found = read("a.md", b"# Story 1.1: T\n\n## Notes\n\n<<<<<<< HEAD\n", DEFAULTS)
    assert isinstance(found, Good)
    assert [
        (problem.code, problem.line) for problem in found.problems if problem.code == "conflict-marker"
    ] == [("conflict-marker", 5)]


def test_a_file_above_the_limit_is_refused():
    found = read("a.md", b"x" * 3000, ReadingSettings(max_file_kb=2))
    assert isinstance(found, Broken)
    assert codes(found) == ["file-too-large"]


def test_line_ends_and_marks_change_nothing_but_problems():
    plain = read("INF-013.md", STORY.encode(), DEFAULTS)
    for data in (
        STORY.replace("\n", "\r\n").encode(),
        b"\xef\xbb\xbf" + STORY.encode(),
        STORY.encode("utf-16"),
    ):
        found = read("INF-013.md", data, DEFAULTS)
        assert isinstance(plain, Good)
        assert isinstance(found, Good)
        assert found.stories == plain.stories


def test_every_line_of_a_story_points_into_the_file():
    found = read("INF-013.md", STORY.encode(), DEFAULTS)
    assert isinstance(found, Good)
    assert found.problems == ()
    lines = STORY.split("\n")
    story = found.stories[0]
    assert lines[story.id_line - 1][story.id_col - 1 :] == "INF-013"
    for reference in story.references:
        assert lines[reference.line - 1][reference.col - 1 :].lstrip('"').startswith(reference.raw)
    for criterion in story.criteria:
        assert criterion.text in lines[criterion.line - 1]


def test_a_control_character_in_a_value_is_replaced_with_a_warning():
    found = read("A-1.md", b"---\nid: A-1\nstatus: done\ntitle: a\x01b\n---\n", DEFAULTS)
    assert isinstance(found, Good)
    assert found.stories[0].title == "a\ufffdb"
    assert [(p.code, p.line, p.col) for p in found.problems] == [("control-character", 4, 9)]


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 200_000,
        b"---\n" + b"[" * 200_000 + b"\n---\n",
        b"---\nid: A-1\nx: " + b"[" * 60_000 + b"\n---\n",
        b"---\nid: A-1\nx: " + b"{a: " * 15_000 + b"\n---\n",
        b"---\n" + b"? " * 30_000 + b"\n---\n",
        b"# Story 1.1: T\n**Status:** " + b"~" * 100_000,
        b"# Story 1.1: T\n" + b"**a:** " * 30_000,
        b"# " + b"a-" * 100_000,
        b"# Story " + b"1." * 100_000,
        b"---\nid: A-1\nowner: " + b"(" * 60_000 + b"\n---\n",
        b"---\nid: A-1\nowner: " + b"a," * 30_000 + b"\n---\n",
        b"---\nid: A-1\nestimate: " + b"1 " * 30_000 + b"\n---\n",
        b"---\nid: A-1\ntitle: a" + b" " * 60_000 + b"b\n---\n",
        b"---\nid: x\n" + b"----\n" * 100_000,
    ],
    ids=range(14),
)
def test_hostile_files_come_to_a_value(data: bytes):
    found = read("a/b-1.md", data, DEFAULTS)
    assert "internal-error" not in codes(found)


def test_a_bracket_bomb_is_a_problem_of_its_file():
    found = read("x.md", b"---\nid: A-1\nstatus: done\nx: " + b"[" * 60_000 + b"\n---\n# T\n", DEFAULTS)
    assert isinstance(found, Good)
    assert (found.stories[0].id, found.stories[0].status) == ("A-1", "done")
    assert codes(found)[0] == "yaml-too-deep"


def well_formed(found: Read) -> None:
    """What every value of the reader keeps, whatever the bytes were."""
    assert isinstance(found, (Good, Broken, NotAStory))
    assert set(codes(found)) <= set(CODES) - {"internal-error"}
    assert isinstance(found, Good) or found.problems
    for story in found.stories if isinstance(found, Good) else ():
        assert story.title
        assert story.id_source in ID_SOURCES
        assert (story.id is None) == (story.key is None) == (story.id_source == "none")
        assert story.status in (*STATUSES, None)
        assert story.priority in (0, 1, 2, 3, 4, None)
        assert story.kind in KINDS
        assert "\0" not in story.body + story.metadata + story.title
        assert all(criterion.section in CRITERIA_SECTIONS for criterion in story.criteria)
        assert all(r.relation in RELATIONS and r.confidence in CONFIDENCES for r in story.references)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_come_to_a_value(data: bytes):
    well_formed(read("a/b-1.md", data, DEFAULTS))


_FRAGMENTS = st.sampled_from(
    [
        b"---\n",
        b"**Status:** ",
        b"[[",
        b"]]",
        b"\x00",
        b"\xff",
        b"\r",
        b"<<<<<<< HEAD\n",
        b"# Story 1.1: ",
        b"id: ",
        b"status: ",
        b'"',
        b"'",
        b"|",
        b">",
        b"&a ",
        b"*a ",
        b"{",
        b"}",
        b"- ",
        b"\t",
        b"\xe2\x80\xa8",
        b"~~",
        b"<!--",
        b"`",
        b"```\n",
        b"  ",
        b": ",
        b"\xc2\x85",
        b"\xef\xbb\xbf",
        b"9" * 30,
        b"2025-13-45",
        b"(3/5)",
        b"@x",
        b"\xf0\x9f\x9f\xa2",
        b"\n",
        b"\n\n",
        b"- [ ] ",
    ]
)


@settings(max_examples=1500, deadline=None)
@given(st.data())
def test_any_mangled_story_comes_to_a_value(data: st.DataObject):
    text = bytearray(STORY.encode())
    for _ in range(data.draw(st.integers(0, 6))):
        place = data.draw(st.integers(0, len(text)))
        match data.draw(st.sampled_from(("insert", "flip", "cut", "truncate"))):
            case "insert":
                text[place:place] = data.draw(_FRAGMENTS)
            case "flip" if place < len(text):
                text[place] = data.draw(st.integers(0, 255))
            case "cut":
                del text[place : place + data.draw(st.integers(0, 60))]
            case "truncate":
                del text[place:]
    well_formed(read("a/b-1.md", bytes(text), DEFAULTS))


@pytest.mark.parametrize(
    ("path", "excluded"),
    [
        ("README.md", True),
        ("a/readme.md", True),
        ("a/_template.md", True),
        ("a/story-template.md", True),
        ("a/INDEX.md", True),
        ("CHANGELOG.md", True),
        ("a/INF-013-x.md", False),
        ("templates/INF-1.md", False),
    ],
)
def test_templates_and_readmes_are_excluded(path: str, excluded: bool):
    assert is_excluded(path, DEFAULTS) is excluded


def test_exclusion_follows_the_settings():
    assert not is_excluded("README.md", ReadingSettings(exclude=()))
    assert is_excluded("old/x.md", ReadingSettings(exclude=("old/",)))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.md", True), ("A.MD", True), ("a.markdown", True), ("a.mdx", False), ("md", False), (".md", True)],
)
def test_markdown_files(name: str, expected: bool):
    assert is_markdown(name) is expected


@pytest.mark.parametrize("name", ["template.md", "TASK-template.md", "_template-story.md", "README.md"])
def test_templates_are_excluded(name: str) -> None:
    assert is_excluded(f"a/{name}", ReadingSettings())


def test_a_numbered_story_about_a_template_is_none() -> None:
    assert not is_excluded("a/1-1-begin-with-a-template.md", ReadingSettings())
