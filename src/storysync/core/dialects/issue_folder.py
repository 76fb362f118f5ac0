"""One folder for each issue: `003-sqlite-schema/README.md`, and beside it files that are no stories.

The folder's name begins with the id; the README is a story when its first heading has an id too
(`# Issue #003: …`), or any header gives an id or a status. Where heading and folder differ the heading
counts and is reported (DIALECTS.md sections 1, 2 and 9).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Page, Sheet, Traits
from storysync.core.header_region import field_of
from storysync.core.headings import id_of_file_name, is_folder_page, read_heading, same_id
from storysync.core.yaml_events import Scalar

NAME = "issue_folder"
RANK = 30

_FOLDER = re.compile(r"(?!(?:19|20)\d\d[-_]?\d\d)(?:\d{1,6}|[A-Z][A-Z0-9]{0,30}-\d{1,6})(?=[-_]|$)")
_H1 = re.compile(r"^# ([^\n]*)$", re.MULTILINE)
_LONGEST = 4000  # characters in which the first heading is looked for


def is_issue_page(path: str) -> bool:
    """Whether a path is the README or index of a folder whose name begins with an id: `003-slug`, `INF-7`.

    Decided by the path alone, since a file is excluded before it is read. Dates (`2026-01-15`) are no ids.
    """
    if not is_folder_page(path):
        return False
    folder = path.rpartition("/")[0].rpartition("/")[2]
    return _FOLDER.match(folder) is not None


def recognize(sheet: Sheet) -> Traits | None:
    """The id of the folder, for a page that is about one issue."""
    page = sheet.page
    if not is_issue_page(page.path):
        return None
    folder_id = id_of_file_name(page.path)
    title = _first_heading(page)
    heading_id = read_heading(title).id if title else None
    if folder_id is None or _has_id(sheet):
        return Traits(NAME)
    if heading_id is not None and not same_id(folder_id, heading_id):
        return Traits(NAME)
    return Traits(NAME, id=Scalar(folder_id, 0, 0), id_source="folder", is_story=heading_id is not None)


def _has_id(sheet: Sheet) -> bool:
    return any(field_of(name) == "id" for head in sheet.heads for name in head.fields)


def _first_heading(page: Page) -> str | None:
    found = _H1.search(page.text, page.start, page.start + _LONGEST)
    return found[1] if found else None
