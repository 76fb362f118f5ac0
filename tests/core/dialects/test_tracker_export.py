"""Exports of other trackers."""

from __future__ import annotations

import pytest

from support.read_files import edges, good, story

ISSUE = """---
id: todo-43y7
title: "Sort.list(): wrong order"
state: closed
priority: 1
type: bug
labels: ["list"]
createdAt: "2025-12-20T11:15:02.885Z"
closedAt: "2025-12-23T08:00:00.000Z"
source: "beads"
dependsOn: ["todo-g354", "todo-vong"]
blocks: ["todo-5zu"]
---

# Sort.list(): wrong order
"""
PATH = ".todo/closed/2025-12-20 Sort.list Wrong Order.md"


def test_an_issue_is_read_with_all_that_it_says():
    found = story(PATH, ISSUE)
    assert (found.dialect, found.id, found.kind, found.status) == ("tracker", "todo-43y7", "bug", "done")
    assert found.title == "Sort.list(): wrong order"
    assert (found.created_on, found.completed_at) == ("2025-12-20", "2025-12-23T08:00:00.000000Z")
    assert edges(found) == [
        ("depends_on", "todo-g354", 11, 13),
        ("depends_on", "todo-vong", 11, 26),
        ("blocks", "todo-5zu", 12, 10),
    ]
    assert [one.code for one in good(PATH, ISSUE).problems] == []


def test_the_number_of_an_issue_is_its_id():
    text = "---\nissue_id: 136\nstate: open\nblocked_by: [120]\n---\n# Sort\n"
    found = story("issues/0136-sort.md", text)
    assert (found.dialect, found.id, found.status, edges(found)) == (
        "tracker", "136", "todo", [("depends_on", "120", 4, 14)],
    )  # fmt: skip


@pytest.mark.parametrize(
    "head", ["id: A-1\nstate: open", "issue_id: A-1\nstatus: open", "id: A-1\ncreated_at: 2026-01-01"]
)
def test_one_such_key_is_plain_front_matter(head: str):
    assert story("a-1.md", f"---\n{head}\n---\n# T\n").dialect == "front_matter"
