"""Backlog.md: `backlog/tasks/back-12.3 - Title.md` with `id: BACK-12.3`, `parent_task_id`, `ordinal`.

Told by two of: the name of the file, the folder, and keys that only this tool writes. What it holds are
tasks, unless their `type` says otherwise (DIALECTS.md section 1).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Sheet, Traits

NAME = "backlog_md"
RANK = 13

_STEM = re.compile(r"([A-Za-z][\w-]{0,40}-\d+(?:\.\d+)*) - ")
_FOLDERS = re.compile(r"(?:^|/)\.?backlog/(?:tasks|completed|drafts|archive/(?:tasks|drafts))/")
_KEYS = ("created_date", "ordinal", "parent_task_id", "modified_files")


def recognize(sheet: Sheet) -> Traits | None:
    """Traits of one of its tasks or drafts."""
    path = sheet.page.path
    fields = sheet.front_matter
    if "id" not in fields or ("created_date" not in fields and " - " not in path):
        return None
    stem = _STEM.match(path.rpartition("/")[2])
    marks = sum(key in fields for key in _KEYS) + (stem is not None) + (_FOLDERS.search(path) is not None)
    if marks < 2:
        return None
    return Traits(NAME, kind="task", named=stem[1] if stem else None)
