"""doorstop items in Markdown: `SRS-013.md` with `active`, `derived`, `normative`, `level`, `links`.

The id is the name of the file, and there is no status. `links` lead from an item up to those that it
satisfies: `- MRS-001: hash`, its parents. The title is `header`, the first heading, or the first words.
Attributes such as `importance` are a project's own, on scales that nobody can know: they are metadata
(DIALECTS.md section 1).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Sheet, Traits
from storysync.core.yaml_events import Scalar

NAME = "doorstop"
RANK = 18

_KEYS = ("active", "derived", "normative", "level", "links", "ref", "reviewed")
_FEWEST = 4
_STEM = re.compile(r"[A-Za-z][\w.-]{0,60}?[-_.]?\d{1,9}")
_NAMES = {
    "links": "parent",
    "header": "title",
    **dict.fromkeys(("importance", "urgency", "severity", "complexity"), ""),
}
_FIRST_WORDS = re.compile(r"[ \t\n]*([^\s#>|`<][^\n]*)")
_MOST_WORDS = 12


def recognize(sheet: Sheet) -> Traits | None:
    """Traits of an item: most of the keys that each has, and a file that is named by its id."""
    fields = sheet.front_matter
    if "normative" not in fields or sum(key in fields for key in _KEYS) < _FEWEST:
        return None
    stem = sheet.page.path.rpartition("/")[2].rpartition(".")[0]
    if _STEM.fullmatch(stem) is None:
        return None
    return Traits(
        NAME,
        names=_NAMES,
        kind="requirement",
        id=Scalar(stem, 0, 0),
        id_source="file_name",
        named=stem,
        title=_first_words(sheet),
        is_story=True,
        stateless=True,
    )


def _first_words(sheet: Sheet) -> str:
    """The beginning of the text: of the key `text`, else of the body."""
    node = sheet.front_matter.get("text")
    text = node.text if isinstance(node, Scalar) else ""
    found = _FIRST_WORDS.match(text) or _FIRST_WORDS.match(sheet.page.text, sheet.page.start)
    if found is None:
        return ""
    words = found[1][:500].split()
    return " ".join(words[:_MOST_WORDS]) + (" …" if len(words) > _MOST_WORDS else "")
