"""YAML front matter: where it begins and ends, and what is rescued from bad one."""

from __future__ import annotations

import frontmatter
import pytest

from storysync.core import reading
from storysync.core.dialects.base import Head, Page
from storysync.core.dialects.front_matter import FrontMatter, find_block, read_head
from storysync.core.story import Broken, Good
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


def test_invalid_yaml_is_reported_at_its_place_and_read_as_the_hint_says():
    found = head("---\nid: 'A-1'\nassignee: @ann\ndeps: [B-1, 'C-2']\nstatus: done # yes\n---\n")
    assert codes(found) == [("front-matter-invalid", 3)]
    assert found.problems[0].col == 11
    assert found.problems[0].hint == 'write `assignee: "@ann"`'
    assert found.fields == {
        "id": Scalar("A-1", 2, 5, False),
        "assignee": Scalar("@ann", 3, 11, False),
        "deps": Sequence((Scalar("B-1", 4, 8), Scalar("C-2", 4, 13, False)), 4, 7),
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


def test_an_open_head_above_a_thematic_break_is_unclosed():
    found = head("---\nid: A-1\nstatus: ready\n\n# Title\n\nSome text.\n\n---\n\nMore.\n")
    assert found.broken
    assert codes(found) == [("front-matter-unclosed", 1)]
    assert "line 5" in found.problems[0].message


def test_a_comment_in_a_faulty_head_is_no_text():
    found = head("---\nid: A-1\n\n# --- people ---\n# Who does it\n\nassignee: @bo\n---\n")
    assert not found.broken
    assert codes(found) == [("front-matter-invalid", 7)]
    assert found.fields["assignee"] == Scalar("@bo", 7, 11, False)


def test_lines_without_a_blank_behind_the_colon_are_read():
    found = head("---\nid:A-1\nstatus:ready\n---\n")
    assert codes(found) == [("front-matter-not-mapping", 2)]
    assert found.fields == {"id": Scalar("A-1", 2, 4), "status": Scalar("ready", 3, 8)}


def test_what_cannot_be_corrected_is_rescued_line_by_line():
    found = head("---\nid: A-1\ndeps:\n  - B-1\n - C-1\nstatus: done\n---\n")
    assert codes(found) == [("front-matter-invalid", 5)]
    assert found.fields["deps"] == Sequence((Scalar("B-1", 4, 5), Scalar("C-1", 5, 4)), 4, 3)
    assert found.fields["status"] == Scalar("done", 6, 9)


MADE_UP = {
    "conflict in the head": (
        b"---\nid: A-1\n<<<<<<< ours\nstatus: done\n=======\nstatus: todo\n>>>>>>> theirs\n---\n# T\n",
        Broken, [("merge-conflict", 3, 1)],
    ),
    "conflict around the head": (
        b"<<<<<<< ours\n---\nid: A-1\n=======\n---\nid: B\n>>>>>>> theirs\nstatus: done\n---\n# T\n",
        Broken, [("merge-conflict", 1, 1)],
    ),
    "conflict in the body": (
        b"---\nid: A-1\nstatus: done\n---\n# T\n\n## N\n\n<<<<<<< ours\nx\n\n=======\ny\n>>>>>>> theirs\n",
        Good, [("conflict-marker", 9, 1)],
    ),
    "unclosed": (b"---\nid: A-1\nstatus: done\n\n# T\n", Broken, [("front-matter-unclosed", 1, 1)]),
    "duplicate key": (
        b"---\nid: A-1\nstatus: todo\nstatus: done\n---\n# T\n", Good, [("duplicate-key", 4, 1)],
    ),
    "tab as indent": (
        b"---\nid: A-1\nlabels:\n\t- a\n\t- b\nstatus: done\n---\n# T\n",
        Good, [("front-matter-invalid", 4, 1)],
    ),
    "tab behind a colon": (b"---\nid:\tA-1\nstatus:\tdone\n---\n# T\n", Good, []),
    "latin-1": (b"---\nid: A-1\ntitle: caf\xe9\nstatus: done\n---\n", Broken, [("not-utf8", 3, 11)]),
    "byte order mark": (
        b"\xef\xbb\xbf---\nid: A-1\nstatus: done\n---\n# T\n", Good, [("byte-order-mark", 0, 0)],
    ),
    "two byte order marks": (
        b"\xef\xbb\xbf\xef\xbb\xbf---\nid: A-1\nstatus: done\n---\n# T\n", Good, [("byte-order-mark", 0, 0)],
    ),
    "utf-16": ("\ufeff---\nid: A-1\nstatus: done\n---\n# T\n".encode("utf-16-le"), Good, [("utf-16", 0, 0)]),
    "utf-16 without a mark": (
        "---\nid: A-1\nstatus: done\n---\n# T\n".encode("utf-16-le"), Broken, [("nul-byte", 1, 2)],
    ),
    "utf-16 cut off": (
        "\ufeff---\nid: A-1\n".encode("utf-16-be")[:-1], Broken, [("not-utf8", 2, 8)],
    ),
    "NUL": (b"---\nid: A-1\nstatus: do\0ne\n---\n# T\n", Broken, [("nul-byte", 3, 11)]),
    "carriage returns": (
        b"---\r\nid: A-1\r\nstatus: done\r\n---\r\n# T\r\n", Good, [("crlf-line-ends", 1, 4)],
    ),
    "mixed line ends": (b"---\nid: A-1\nstatus: done\r\n---\n# T\n", Good, [("crlf-line-ends", 3, 13)]),
    "old line ends": (b"---\rid: A-1\rstatus: done\r---\r# T\r", Good, [("crlf-line-ends", 1, 4)]),
    "control character": (
        b"---\nid: A-1\nstatus: \x01done\n---\n# T\n", Good, [("control-character", 3, 9)],
    ),
}  # fmt: skip
"""Damage that nobody's files showed (DIALECTS.md section 8): bytes, what they come to, and where."""


@pytest.mark.parametrize("what", MADE_UP)
def test_damage_is_reported_at_its_place_and_nothing_else_is_lost(what: str):
    data, kind, problems = MADE_UP[what]
    found = reading.read("A-1.md", data, ReadingSettings())
    assert isinstance(found, kind)
    known = [(one.code, one.line, one.col) for one in found.problems]
    assert known == problems
    if isinstance(found, Good):
        story = found.stories[0]
        assert (story.id, story.id_source, story.title) == ("A-1", "front_matter", "T")
        assert story.status == "done"


def test_comments_may_stand_above_the_keys():
    text = "<!-- lint off -->\n<!-- a\nb -->\n\n---\nid: K-5\n---\n# T\n"
    found = head(text)
    assert found.fields == {"id": Scalar("K-5", 6, 5)}
    assert (text[found.start :], found.line) == ("# T\n", 8)


@pytest.mark.parametrize("below", ["# T\n", "\nText\n\n---\n", "no key\n---\n"])
def test_a_thematic_break_below_a_comment_opens_nothing(below: str):
    assert find_block(f"<!-- a -->\n---\n{below}") is None


def test_three_dots_close_the_keys_when_no_dashes_do():
    text = "---\nid: K-5\n...\n# T\n"
    found = head(text)
    assert (found.fields, found.problems) == ({"id": Scalar("K-5", 2, 5)}, ())
    assert (text[found.start :], found.line) == ("# T\n", 4)
