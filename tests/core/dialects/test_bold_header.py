"""Bold labels under the first heading."""

from __future__ import annotations

import pytest

from storysync.core.dialects.base import Head, Page
from storysync.core.dialects.bold_header import read_head
from storysync.core.registry import NAMES, read_heads
from storysync.core.yaml_events import Scalar, Sequence


def head(text: str) -> Head | None:
    return read_head(Page(text, 0, 1, 65536))


def fields(text: str) -> dict[str, tuple[str, int, int]]:
    found = head(text)
    assert found is not None
    return {
        name: (node.text, node.line, node.col)
        for name, node in found.fields.items()
        if isinstance(node, Scalar)
    }


def test_labels_have_their_place_in_the_file():
    text = (
        "# Story 22.1: Setup\n\n**Epic:** Epic 22 - Storage  \n**Status**: Ready\n- **Priority:** High\n"
        "\n## Story\n**Not:** this\n"
    )
    assert fields(text) == {
        "Epic": ("Epic 22 - Storage", 3, 11),
        "Status": ("Ready", 4, 13),
        "Priority": ("High", 5, 17),
    }


@pytest.mark.parametrize(
    "line",
    [
        "**Status:** done",
        "**Status**: done",
        "**Status :** done",
        "** Status: ** done  ",
        "**Status：** done",
        "**Status:** done\\",
        "**Status:**   done<br>",
        "**Status:** done <!-- x -->",
        "* **Status:** done",
    ],
)
def test_ways_to_write_a_label(line: str):
    assert [value[0] for value in fields(f"# T\n{line}\n").values()] == ["done"]


def test_several_fields_on_one_line():
    assert fields("# T\n**Points:** 3 | **Size:** M | x\n") == {
        "Points": ("3", 2, 13),
        "Size": ("M | x", 2, 27),
    }


def test_bullets_below_an_empty_label_are_its_values():
    found = head("# T\n**Dependencies:**\n- Story 1\n- [x] Story 2\n\n**Status:** done\n")
    assert found is not None
    assert found.fields["Dependencies"] == Sequence((Scalar("Story 1", 3, 3), Scalar("Story 2", 4, 7)), 2, 18)
    assert found.fields["Status"] == Scalar("done", 6, 13)


@pytest.mark.parametrize("end", ["## Next", "---", "```\ncode\n```"])
def test_the_region_ends_at_a_section_a_break_or_a_fence(end: str):
    assert list(fields(f"# T\n**A:** 1\n{end}\n**B:** 2\n")) == ["A"]


def test_a_break_directly_below_the_heading_does_not_end_the_region():
    assert list(fields("# T\n\n---\n\n**A:** 1\n\n---\n**B:** 2\n")) == ["A"]


def test_text_above_the_heading_is_not_the_header():
    assert list(fields("**Draft:** by bot\n\n# T\n**A:** 1\n")) == ["A"]


def test_a_user_story_is_not_a_header():
    assert head("# T\n**As a** user,\n**I want:** more\n**So that:** x\n") is None


def test_without_labels_there_is_no_header():
    assert head("# T\n\nSome **bold** text: more\n") is None
    assert head("") is None


def test_of_a_repeated_label_the_first_counts_and_a_different_one_is_reported():
    found = head("# T\n**Status:** done\n**Status:** done\n**Status:** ready\n")
    assert found is not None
    assert found.fields == {"Status": Scalar("done", 2, 13)}
    assert [(problem.code, problem.line) for problem in found.problems] == [("duplicate-field", 4)]


def test_nothing_is_taken_from_the_body():
    found = head("# T\n**A:** 1\n")
    assert found is not None
    assert (found.start, found.line) == (0, 1)


def test_a_header_below_front_matter_is_read_too_with_lines_of_the_file():
    rest, heads = read_heads(Page("---\nid: A-1\n---\n# T\n**Status:** done\n", 0, 1, 65536))
    assert [found.dialect for found in heads] == ["front_matter", "bold_header"]
    assert heads[1].fields == {"Status": Scalar("done", 5, 13)}
    assert rest.line == 4


def test_dialects_have_different_names():
    assert len(set(NAMES)) == len(NAMES)
