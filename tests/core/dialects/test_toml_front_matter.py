"""TOML front matter: where it begins and ends, and what is read of a bad one."""

from __future__ import annotations

import pytest

from storysync.core.dialects.base import Head, Page
from storysync.core.dialects.toml_front_matter import read_head
from storysync.core.reading import read
from storysync.core.story import Broken, Good, Story
from storysync.core.yaml_events import Scalar
from storysync.settings import ReadingSettings

STORY = """+++
# --- metadata ---
id = "TASK-7"
title = "Sort the list"
status = "⚪️ Planned" # not yet
type = "🛠️ Task"
priority = "🔥 Highest"
feature_id = "FEAT-2"
# epic_id = "EPIC-1"
tags = [
  "list",
  "sort", # both
]
depends_on = ["TASK-5", "TASK-6"]
created_date = 2025-04-28
[links]
status = "elsewhere"
+++

# Task: Sort

Text.
"""


def head(text: str, limit: int = 65536) -> Head:
    found = read_head(Page(text, 0, 1, limit))
    assert found is not None
    return found


def codes(found: Head) -> list[tuple[str, int, int]]:
    return [(problem.code, problem.line, problem.col) for problem in found.problems]


def story(text: str, path: str = "tasks/TASK-7.md") -> Story:
    found = read(path, text.encode(), ReadingSettings())
    assert isinstance(found, Good)
    return found.stories[0]


def test_a_task_is_read_with_all_that_it_says():
    found = story(STORY)
    assert (found.dialect, found.id, found.id_source, found.id_line, found.id_col) == (
        "toml", "TASK-7", "front_matter", 3, 6,
    )  # fmt: skip
    assert (found.title, found.kind, found.status, found.status_raw, found.priority) == (
        "Sort the list", "task", "todo", "⚪️ Planned", 0,
    )  # fmt: skip
    assert found.labels == ("list", "sort")
    assert found.created_on == "2025-04-28"
    assert found.epic is None
    assert [(one.relation, one.raw, one.line, one.col) for one in found.references] == [
        ("parent", "FEAT-2", 8, 14),
        ("depends_on", "TASK-5", 14, 15),
        ("depends_on", "TASK-6", 14, 25),
    ]
    assert '"links":{"status":"elsewhere"}' in found.metadata


def test_the_body_begins_behind_the_closing_line():
    found = head(STORY)
    assert STORY[found.start :] == "\n# Task: Sort\n\nText.\n"
    assert found.line == STORY[: found.start].count("\n") + 1


def test_blank_lines_above_are_counted():
    found = head('\n \n+++ \nid = "A"\n+++\t\nbody\n')
    assert found.fields["id"] == Scalar("A", 4, 6, False)
    assert found.line == 6


@pytest.mark.parametrize(
    "text", ["", "+++", "++++\na = 1\n++++\n", "+++ b/file\n", "text\n+++\na = 1\n+++\n", "+++\njust text\n"]
)
def test_other_pluses_are_no_front_matter(text: str):
    assert read_head(Page(text, 0, 1, 65536)) is None


def test_front_matter_that_is_never_closed_breaks_the_file():
    found = read("a.md", b'\n+++\nid = "A-1"\n\n# Title\n', ReadingSettings())
    assert isinstance(found, Broken)
    assert [(one.code, one.line, one.col) for one in found.problems] == [("front-matter-unclosed", 2, 1)]
    assert "`+++`" in found.problems[0].hint


def test_invalid_toml_is_reported_at_its_line_and_the_rest_is_read():
    found = head('+++\nid = "A-1"\nstatus = Planned\n2 bad = x\ndeps = ["B"]\n+++\n')
    assert found.fields["status"] == Scalar("Planned", 3, 10, False)
    assert set(found.fields) == {"id", "status", "deps"}
    assert codes(found) == [("front-matter-invalid", 3, 10), ("front-matter-invalid", 4, 3)]


def test_what_only_tomllib_sees_is_reported_too():
    found = head("+++\nid = 010\nday = 2025-02-30\n+++\n")
    assert found.fields["id"] == Scalar("010", 2, 6, False)
    assert codes(found) == [("front-matter-invalid", 2, 7)]
    assert found.problems[0].hint == 'write `id = "010"`'


def test_of_a_duplicate_key_the_last_counts_as_in_yaml():
    found = head("+++\na = 1\na = 2\n+++\n")
    assert found.fields["a"] == Scalar("2", 3, 5, False)
    assert codes(found) == [("duplicate-key", 3, 1)]


def test_large_front_matter_is_read_up_to_the_limit():
    found = head('+++\nid = "A-1"\nx = "' + "y" * 500 + '"\n+++\n', 100)
    assert found.fields["id"] == Scalar("A-1", 2, 6, False)
    assert codes(found)[0] == ("front-matter-too-large", 1, 1)


def test_a_conflict_in_the_head_breaks_the_file():
    text = '+++\n<<<<<<< ours\nid = "A"\n=======\nid = "B"\n>>>>>>> theirs\n+++\n'
    found = read("a.md", text.encode(), ReadingSettings())
    assert isinstance(found, Broken)
    assert [(one.code, one.line) for one in found.problems] == [("merge-conflict", 2)]
