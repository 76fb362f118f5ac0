"""beans: `.beans/shop-4kz2--slug.md`, whose id is a YAML comment in the first line of the front matter.

A comment of one word counts as id when the file lies in `.beans/` or is named after it. Without one the
name of the file says the id, as it does for the tool itself (DIALECTS.md sections 1 and 2).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Sheet, Traits
from storysync.core.text import position
from storysync.core.yaml_events import Scalar

NAME = "beans"
RANK = 12

_COMMENT = re.compile(r"(?:[ \t]*\n)*---[ \t]*\n[ \t]*#[ \t]*([A-Za-z0-9][\w.-]{1,99})[ \t]*\n")
_STEM = re.compile(r"([A-Za-z0-9][\w.-]*?)--")


def recognize(sheet: Sheet) -> Traits | None:
    """The id of a bean."""
    path = sheet.page.path
    folder = ".beans/" in path
    if not folder and not sheet.page.text.startswith("---\n#"):
        return None
    fields = sheet.front_matter
    if "status" not in fields and "title" not in fields:
        return None
    stem = path.rpartition("/")[2].rpartition(".")[0]
    named = _STEM.match(stem[:200])
    found = _COMMENT.match(sheet.page.text)
    if found is not None and (folder or _begins_with(stem, found[1])):
        place = position(sheet.page.text, found.start(1))
        return Traits(
            NAME,
            id=Scalar(found[1], *place),
            id_source="yaml_comment",
            named=named[1] if named else None,
            is_story=True,
        )
    if folder and named is not None:
        return Traits(NAME, id=Scalar(named[1], 0, 0), id_source="file_name", is_story=True)
    return None


def _begins_with(stem: str, bean_id: str) -> bool:
    stem, bean_id = stem.casefold(), bean_id.casefold()
    return stem == bean_id or (stem.startswith(bean_id) and stem[len(bean_id)] in "-.")
