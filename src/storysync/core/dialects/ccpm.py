"""CCPM: `.claude/epics/cart/20.md`, a task whose id is the name of its file, beside the `epic.md` it is of.

Told by `name` and two keys of the tool. The number counts in its folder first, since tasks are numbered
from 001 in each epic until they are issues; the issue in `github:` and the first heading must have the same
(DIALECTS.md section 1).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Sheet, Traits
from storysync.core.yaml_events import Node, Scalar

NAME = "ccpm"
RANK = 17

_KEYS = ("github", "depends_on", "parallel", "conflicts_with", "last_sync", "prd", "progress")
_NUMBER = re.compile(r"\d{1,9}")
_ISSUE = re.compile(r"/issues/(\d{1,9})\b")


def recognize(sheet: Sheet) -> Traits | None:
    """Traits of a task, or of an epic, whose id is the name of its folder."""
    fields = sheet.front_matter
    if "name" not in fields or "id" in fields or sum(key in fields for key in _KEYS) < 2:
        return None
    folder, _, name = sheet.page.path.rpartition("/")
    epic = folder.rpartition("/")[2]
    stem = name.rpartition(".")[0]
    if stem == "epic" and epic:
        return Traits(NAME, kind="epic", id=Scalar(epic, 0, 0), id_source="folder", is_story=True)
    if _NUMBER.fullmatch(stem) is None:
        return None
    return Traits(
        NAME,
        kind="task",
        id=Scalar(stem, 0, 0),
        id_source="file_name",
        stated=_issue(fields.get("github")),
        named=stem,
        epic=epic,
        is_story=True,
        scoped=True,
    )


def _issue(node: Node | None) -> tuple[Scalar, ...]:
    """The number of the issue that a URL names."""
    found = _ISSUE.search(node.text) if isinstance(node, Scalar) else None
    if found is None or not isinstance(node, Scalar):
        return ()
    quote = 0 if node.plain else 1
    return (Scalar(found[1], node.line, node.col + quote + found.start(1)),)
