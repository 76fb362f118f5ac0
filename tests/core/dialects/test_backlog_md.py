"""Backlog.md: files named `back-12.3 - Title.md`."""

from __future__ import annotations

import pytest

from support.read_files import codes, edges, good, story

TASK = """---
id: BACK-12.3
title: 'Sort: the list'
status: To Do
assignee:
  - '@bo'
  - '@cy'
created_date: '2025-07-01 10:12'
updated_date: '2025-07-02'
labels: [cli]
dependencies:
  - BACK-11
parent_task_id: BACK-12
ordinal: 2000
modified_files:
  - src/list.py
---

## Description

Sort by name.
"""
PATH = "backlog/tasks/back-12.3 - Sort-the-list.md"


def test_a_task_is_read_with_all_that_it_says():
    found = story(PATH, TASK)
    assert (found.dialect, found.id, found.kind, found.title) == (
        "backlog_md",
        "BACK-12.3",
        "task",
        "Sort: the list",
    )
    assert (found.status, found.created_on, found.updated_on, found.labels) == (
        "todo", "2025-07-01", "2025-07-02", ("cli",),
    )  # fmt: skip
    assert [(one.role, one.handle) for one in found.people] == [("assignee", "bo"), ("assignee", "cy")]
    assert edges(found) == [("depends_on", "BACK-11", 12, 5), ("parent", "BACK-12", 13, 17)]
    assert found.metadata == '{"modified_files":["src/list.py"],"ordinal":"2000"}'
    assert good(PATH, TASK).problems == ()


def test_an_unquoted_handle_is_reported_and_read():
    text = TASK.replace("assignee:\n  - '@bo'\n  - '@cy'\n", "assignee: @bo\nreporter: @cy\n")
    found = good(PATH, text)
    assert codes(found) == [("front-matter-invalid", 5, 11), ("front-matter-invalid", 6, 11)]
    assert found.problems[0].hint == 'write `assignee: "@bo"`'
    assert [(one.role, one.handle) for one in found.stories[0].people] == [
        ("author", "cy"),
        ("assignee", "bo"),
    ]
    assert (found.stories[0].status, found.stories[0].title) == ("todo", "Sort: the list")
    assert len(found.stories[0].references) == 2


def test_its_own_type_tells_the_kind():
    assert story(PATH, TASK.replace("ordinal:", "type: bug\nordinal:")).kind == "bug"


def test_padding_and_case_of_the_file_name_do_not_matter():
    text = TASK.replace("BACK-12.3", "task-04.2")
    assert good("backlog/completed/Task-4.02 - Sort.md", text.replace("To Do", "Done")).problems == ()


def test_a_file_that_is_named_after_another_task_is_a_finding():
    assert codes(good("backlog/tasks/back-12.4 - Sort.md", TASK)) == [("id-differs-from-file-name", 2, 5)]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("tasks/PAY-7.md", "---\nid: PAY-7\nstatus: done\ncreated_date: 2025-07-01\n---\n"),
        ("backlog/pay/PAY-7 - Refunds.md", "---\nid: PAY-7\nstatus: done\n---\n"),
        ("backlog/tasks/PAY-7.md", "---\nid: PAY-7\nstatus: done\nassignee: Bo\ndependencies: []\n---\n"),
    ],
)
def test_one_mark_alone_is_plain_front_matter(path: str, text: str):
    assert story(path, text).dialect == "front_matter"
