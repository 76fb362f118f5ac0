"""beans: the id is a YAML comment."""

from __future__ import annotations

import pytest

from support.read_files import codes, edges, good, story

BEAN = """---
# shop-4kz2
title: Sort the list
status: in-progress
type: bug
priority: high
tags:
    - list
created_at: 2026-03-15T17:41:18Z
updated_at: 2026-03-16T17:41:18Z
order: zy
parent: shop-e6or
blocking:
    - shop-9df8
blocked_by: [shop-1aaa, shop-20e3]
---

Text without a heading.
"""
PATH = ".beans/shop-4kz2--sort-the-list.md"


def test_the_comment_is_the_id_at_its_place():
    found = story(PATH, BEAN)
    assert (found.dialect, found.id, found.id_source, found.id_line, found.id_col) == (
        "beans", "shop-4kz2", "yaml_comment", 2, 3,
    )  # fmt: skip
    assert (found.title, found.kind, found.status, found.priority) == (
        "Sort the list",
        "bug",
        "in_progress",
        1,
    )
    assert good(PATH, BEAN).problems == ()


def test_relatives_are_named_by_such_ids():
    assert edges(story(PATH, BEAN)) == [
        ("parent", "shop-e6or", 12, 9),
        ("blocks", "shop-9df8", 14, 7),
        ("depends_on", "shop-1aaa", 15, 14),
        ("depends_on", "shop-20e3", 15, 25),
    ]


def test_the_comment_counts_when_other_lines_are_no_yaml():
    found = story(PATH, BEAN.replace("title: Sort the list", "title: Sort: the list"))
    assert (found.id, found.title) == ("shop-4kz2", "Sort: the list")


def test_a_file_of_another_name_is_a_finding():
    found = good(".beans/shop-9zz9--sort.md", BEAN)
    assert found.stories[0].id == "shop-4kz2"
    assert codes(found) == [("id-differs-from-file-name", 2, 3)]


def test_another_id_in_the_front_matter_is_a_finding():
    found = good(PATH, BEAN.replace("title:", "id: shop-7777\ntitle:"))
    assert (found.stories[0].id, found.stories[0].id_source) == ("shop-7777", "front_matter")
    assert ("id-disagreement", 2, 3) in codes(found)


def test_without_a_comment_the_file_is_named_by_the_id():
    found = story(PATH, BEAN.replace("# shop-4kz2\n", ""))
    assert (found.dialect, found.id, found.id_source) == ("beans", "shop-4kz2", "file_name")


def test_outside_of_the_folder_the_file_must_be_named_after_the_comment():
    assert story("ideas/shop-4kz2--sort.md", BEAN).dialect == "beans"
    assert story("ideas/sort.md", BEAN).dialect == "front_matter"


@pytest.mark.parametrize("comment", ["# Metadata of the story", "#", "# -", "#: x"])
def test_other_comments_are_no_ids(comment: str):
    found = story(".beans/notes.md", BEAN.replace("# shop-4kz2", comment))
    assert found.id is None
