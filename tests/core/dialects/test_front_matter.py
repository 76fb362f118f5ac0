"""YAML front matter: where it begins and ends, and what is rescued from bad one."""

from __future__ import annotations

import frontmatter
import pytest

from storysync.core import reading
from storysync.core.dialects.base import Head, Page
from storysync.core.dialects.front_matter import FrontMatter, find_block, read_head
from storysync.core.story import Broken
from storysync.core.yaml_events import Scalar, Sequence
from storysync.settings import ReadingSettings

STORY = "---\nid: A-1\nstatus: ready\n---\n\n# Title\n"


def head(text: str, limit: int = 65536) -> Head:
    found = read_head(Page(text, 0, 1, limit))
    assert found is not None
    return found


def codes(found: Head) -> list[tuple[str, int]]:
    return [(problem.code, problem.line) for problem in found.problems]


def test_fields_have_their_place_in_the_file():
    found = head(STORY)
    assert found.fields == {"id": Scalar("A-1", 2, 5), "status": Scalar("ready", 3, 9)}
    assert found.problems == ()


def test_the_body_begins_behind_the_closing_line():
    found = head(STORY)
    assert STORY[found.start :] == "\n# Title\n"
    assert found.line == 5


def test_blank_lines_above_are_counted():
    found = head("\n \n" + STORY)
    assert found.fields["id"] == Scalar("A-1", 4, 5)
    assert found.line == 7


def test_a_closing_line_may_end_the_file():
    text = "---\nid: A-1\n---"
    assert head(text).start == len(text)


def test_trailing_blanks_do_not_hide_a_boundary():
    assert "id" in head("--- \nid: A-1\n---\t\nbody\n").fields


@pytest.mark.parametrize("line", ["----", "---x", " ---", "--"])
def test_other_dashes_are_no_boundary(line: str):
    assert head(f"---\nid: A-1\n{line}\n").broken


@pytest.mark.parametrize(
    "text",
    [
        "# Title\n\n---\n",
        "---\n\n# Title\n\ntext\n\n---\nmore\n",
        "---\nJust a line below a break.\n",
        "---",
        "----\nid: 1\n----\n",
        "",
    ],
)
def test_a_thematic_break_is_no_front_matter(text: str):
    assert read_head(Page(text, 0, 1, 65536)) is None


def test_front_matter_that_is_never_closed_breaks_the_file():
    found = head("\n---\nid: A-1\nstatus: ready\n\n# Title\n")
    assert found.broken
    assert codes(found) == [("front-matter-unclosed", 2)]


def test_of_invalid_yaml_the_plain_lines_are_rescued():
    found = head("---\nid: 'A-1'\nassignee: @ann\ndeps: [B-1, 'C-2']\nstatus: done # yes\n---\n")
    assert codes(found) == [("front-matter-invalid", 3)]
    assert found.fields == {
        "id": Scalar("A-1", 2, 5),
        "assignee": Scalar("@ann", 3, 11),
        "deps": Sequence((Scalar("B-1", 4, 7), Scalar("C-2", 4, 7)), 4, 7),
        "status": Scalar("done", 5, 9),
    }


@pytest.mark.parametrize("text", ["---\n- a\n- b\n---\n", "---\n[a, b]\n---\n"])
def test_front_matter_that_is_a_list_is_an_error(text: str):
    found = head(text)
    assert codes(found) == [("front-matter-not-mapping", 2)]
    assert not found.broken


def test_empty_front_matter_is_empty():
    assert head("---\n---\nbody\n").fields == {}
    assert head("---\n# only a comment\n---\n").problems == ()


def test_large_front_matter_is_not_given_to_yaml():
    found = head("---\nid: A-1\nx: " + "[" * 200_000 + "\n---\n")
    assert codes(found) == [("front-matter-too-large", 1)]
    assert found.fields["id"] == Scalar("A-1", 2, 5)


def test_the_limit_counts_bytes():
    text = "---\nid: " + "é" * 60 + "\n---\n"
    assert codes(head(text, 100)) == [("front-matter-too-large", 1)]
    assert codes(head(text, 130)) == []


def test_python_frontmatter_reads_and_writes_the_format_with_our_handler():
    handler = FrontMatter()
    post = frontmatter.loads("---\nid: 010\nempty:\ndeps: [[A-1]]\n---\n\nBody --- text\n", handler=handler)
    assert post.metadata == {"id": "010", "empty": None, "deps": [["A-1"]]}
    assert post.content == "Body --- text"
    again = frontmatter.loads(frontmatter.dumps(post, handler=handler), handler=handler)
    assert again.metadata == post.metadata
    assert again.content == post.content


def test_python_frontmatter_finds_no_metadata_where_there_is_none():
    assert frontmatter.loads("# Title\n", handler=FrontMatter()).metadata == {}
    assert frontmatter.loads("---\na: b: c\n---\n", handler=FrontMatter()).metadata == {}


def test_offsets_of_a_block():
    block = find_block(STORY)
    assert block is not None
    assert STORY[block.begin : block.end] == "id: A-1\nstatus: ready\n"


def test_a_value_that_is_only_opened_is_not_rescued() -> None:
    read = reading.read("a.md", b"---\nid: [\nstatus: {x\n---\n# Notes\n", ReadingSettings())
    assert isinstance(read, Broken)
