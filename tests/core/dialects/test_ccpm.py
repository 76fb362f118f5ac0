"""CCPM: tasks named by their number."""

from __future__ import annotations

import pytest

from support.read_files import codes, edges, good, story

TASK = """---
name: Sort the list
status: open
created: 2025-08-25T14:35:00Z
updated: 2025-08-25T14:36:00Z
github: https://github.com/x/shop/issues/20
depends_on: [16, 17]
parallel: true
conflicts_with: [18]
---

# Task: Sort the list
"""
PATH = ".claude/epics/cart/20.md"


def test_a_task_is_named_by_its_file_and_belongs_to_its_folder():
    found = story(PATH, TASK)
    assert (found.dialect, found.id, found.id_source, found.kind) == ("ccpm", "20", "file_name", "task")
    assert (found.title, found.epic, found.status, found.scope) == (
        "Sort the list", "cart", "todo", ".claude/epics/cart",
    )  # fmt: skip
    assert edges(found) == [
        ("depends_on", "16", 7, 14),
        ("depends_on", "17", 7, 18),
        ("conflicts", "18", 9, 18),
    ]
    assert good(PATH, TASK).problems == ()


def test_an_epic_is_named_by_its_folder():
    text = "---\nname: cart\nstatus: in_progress\nprogress: 35%\nprd: prds/cart.md\n---\n\n# Epic: Cart\n"
    found = story(".claude/epics/cart/epic.md", text)
    assert (found.dialect, found.id, found.id_source, found.kind) == ("ccpm", "cart", "folder", "epic")
    assert good(".claude/epics/cart/epic.md", text).problems == ()


def test_another_number_in_the_heading_is_a_finding():
    found = good(PATH, TASK.replace("# Task: Sort", "# Task 20a: Sort"))
    assert found.stories[0].id == "20"
    assert codes(found) == [("id-disagreement", 12, 8)]


def test_another_issue_is_a_finding_at_its_number():
    found = good(PATH, TASK.replace("issues/20", "issues/21"))
    assert codes(found) == [("id-disagreement", 6, 42)]
    assert TASK.splitlines()[5][41:] == "20"


@pytest.mark.parametrize("path", [".claude/epics/cart/20-analysis.md", ".claude/epics/cart/notes.md"])
def test_files_beside_the_tasks_are_none(path: str):
    assert story(path, TASK).dialect == "front_matter"


def test_one_key_is_plain_front_matter():
    assert story("20.md", "---\nname: T\nstatus: open\ndepends_on: [16]\n---\n").dialect == "front_matter"
