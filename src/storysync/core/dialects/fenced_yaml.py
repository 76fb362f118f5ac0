"""YAML in a code fence: ```` ```yaml ```` with `id:` and `status:`, below the first heading or a section.

In the header region one key `id` or `status` is enough; directly below one of the first sections it takes
both, or a section named `Frontmatter`, `Metadata` or the like, since code samples look the same
(DIALECTS.md section 1).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Head, Page, Sheet, Traits
from storysync.core.header_region import SOURCE, end_of_top, traits_of
from storysync.core.problems import problem
from storysync.core.sections import plain
from storysync.core.story import Problem
from storysync.core.yaml_events import Mapping, Node, Scalar, parse_yaml

NAME = "fenced_yaml"
RANK = 40

_OPENING = re.compile(r"^```(?:yaml|yml)[ \t]*\n", re.MULTILINE)
_CLOSING = re.compile(r"^```[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6}[ \t]+([^\n]*)$", re.MULTILINE)
_OTHER_FENCE = re.compile(r"^(?:```|~~~)", re.MULTILINE)
_KEY = re.compile(r"^(id|status)[ \t]*:[ \t]", re.MULTILINE | re.IGNORECASE)
_LINE = re.compile(r"^([^\W\d_][\w -]{0,60}?)[ \t]*:[ \t]+([^\n\[{|>&*!][^\n]{0,500})$", re.MULTILINE)
_SECTIONS = frozenset(
    ("frontmatter", "front matter", "metadata", "yaml frontmatter", "yaml front matter", "header", "yaml",
     "properties", "attributes", "fields")
)  # fmt: skip
_MOST_HEADINGS = 4


def read_head(page: Page) -> Head | None:
    """The keys of the first fence, when they are those of a story and it stands near the top."""
    text, start = page.text, page.start
    most = end_of_top(page)
    if text.find("```y", start, most) < 0:
        return None
    opening = _OPENING.search(text, start, most)
    if opening is None:
        return None
    closing = _CLOSING.search(text, opening.end(), opening.end() + page.max_front_matter)
    if closing is None:
        return None
    source = text[opening.end() : closing.start()]
    if not _is_head(text, start, opening.start(), source):
        return None
    line = page.line + text.count("\n", start, opening.end())
    fields, problems = _fields(source, line)
    return Head(NAME, SOURCE, fields, page.start, page.line, closing.end(), problems)


def recognize(sheet: Sheet) -> Traits | None:
    """Relatives that the keys name."""
    return traits_of(sheet, NAME)


def _is_head(text: str, start: int, begin: int, source: str) -> bool:
    if _OTHER_FENCE.search(text, start, begin):
        return False
    keys = {found[1].lower() for found in _KEY.finditer(source)}
    headings = list(_HEADING.finditer(text, start, begin))
    if not keys or len(headings) > _MOST_HEADINGS:
        return False
    if all(heading[0].startswith("# ") for heading in headings):
        return True
    above = headings[-1]
    if text[above.end() : begin].strip():
        return False
    return len(keys) == 2 or (len(above[1]) < 40 and plain(above[1]) in _SECTIONS)


def _fields(source: str, line: int) -> tuple[dict[str, Node], tuple[Problem, ...]]:
    """Keys and values; of YAML that is not valid, the lines that are plain `key: value`."""
    parsed = parse_yaml(source, line)
    if isinstance(parsed.root, Mapping):
        return parsed.root.entries, parsed.problems
    fields: dict[str, Node] = {}
    for found in _LINE.finditer(source):
        number = line + source.count("\n", 0, found.start())
        col = found.start(2) - source.rfind("\n", 0, found.start(2))
        fields.setdefault(found[1], Scalar(found[2].strip().strip("\"'"), number, col))
    problems = parsed.problems
    if not parsed.broken:
        message = "the YAML below the heading is not keys and values"
        problems = (*problems, problem("front-matter-not-mapping", message, line, 1))
    return fields, problems
