"""Bold labels under the first heading: `# Story 22.1: Title`, then lines `**Status:** Ready`.

They stand in the header region or in a section such as `## Metadata` (`core.header_region`), also several
on a line (`**Points:** 2 | **Size:** M`, or two blanks between them). An empty label takes the list below
it; a value that ends in a comma goes on in the next line. The labels stay part of the body
(DIALECTS.md section 1).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Head, Page, Sheet, Traits
from storysync.core.header_region import (
    SOURCE,
    Fields,
    Region,
    field_of,
    is_known,
    regions,
    traits_of,
    trimmed,
)
from storysync.core.names import begins_with_name
from storysync.core.yaml_events import Node, Scalar, Sequence

NAME = "bold_header"
RANK = 50

LABEL = (
    r"\*\*[ \t]*([^*\n:：|]{1,60}?)[ \t\u00a0]*(?:[:：][ \t\u00a0]*\*\*|\*\*[ \t\u00a0]*[:：])[ \t\u00a0]*"
)
"""Part of a pattern: a bold label with its colon inside or behind; its group is the name."""
_FIELD = re.compile(rf"^[ \t]*(?:[-*+][ \t]+)?{LABEL}(.*)$", re.MULTILINE)
_NEXT_ON_LINE = re.compile(rf"(?<![ \t])(?:[ \t]*[|·•][ \t]*|[ \t]{{2,}}){LABEL}")
_TO_LIST = re.compile(r"[ \t\u00a0]*(?:\\|<br ?/?>)?(?:[ \t]*\n){1,3}")
_ITEM = re.compile(
    r"([ \t]*)(?:[-*+]|\d{1,3}[.)])[ \t]+(?:\[[ xX]\][ \t]+)?([^\s][^\n]*)(?:\n(?:[ \t]*\n)?|\Z)"
)
_BOLD_LABEL = re.compile(LABEL)
_PLAIN_LABEL = re.compile(r"([^\W_][^\n:：*`\[\]]{0,60}?)[ \t]*(?:：|:(?=[ \t]|$))", re.MULTILINE)
_INDENT = re.compile(r"([ \t]*)[-*+][ \t]")
_MORE = re.compile(r"[ \t]*(?:\\|<br ?/?>)?[ \t]*\n[ \t]*([^\s#>|<`~+-][^\n]*)")
_RELATIONS = frozenset(
    ("epic", "parent", "child", "depends_on", "blocks", "related", "conflicts", "supersedes", "duplicates")
)


def read_head(page: Page) -> Head | None:
    """The labels of the header regions, or None when there is none."""
    found = regions(page, "**")
    if not found:
        return None
    fields = Fields()
    for region in found:
        for line in _FIELD.finditer(region.text):
            for label, at, value in labels_of(line):
                fields.add(region, label, _value(region, line, label, value, at))
    if not fields.nodes:
        return None
    return Head(NAME, SOURCE, fields.nodes, page.start, page.line, fields.end, tuple(fields.problems))


def recognize(sheet: Sheet) -> Traits | None:
    """Relatives that its labels name."""
    return traits_of(sheet, NAME)


def labels_of(line: re.Match[str]) -> list[tuple[str, int, str]]:
    """Label, offset of the value and value of each field on one line (`**A:** 1 | **B:** 2`)."""
    label, value, at = line[1], line[2], line.start(2)
    if "**" not in value:
        return [(label, at, trimmed(value))]
    labels: list[tuple[str, int, str]] = []
    begin = 0
    for following in _NEXT_ON_LINE.finditer(value):
        labels.append((label, at + begin, trimmed(value[begin : following.start()])))
        label, begin = following[1], following.end()
    labels.append((label, at + begin, trimmed(value[begin:])))
    return labels


def _value(region: Region, line: re.Match[str], label: str, value: str, at: int) -> Node:
    """A value; of an empty one, the list below it."""
    if value:
        return whole_value(region, label, value, at)
    bullet = _INDENT.match(line[0])
    items = list_below(region, at, _width(bullet[1]) if bullet else -1)
    return region.scalar(value, at) if items is None else items


def list_below(region: Region, at: int, over: int) -> Sequence | None:
    """The list below an empty label that ends at `at`, None when there is none.

    `over` is the indent of the bullet that the label stands in: deeper items belong to it. Of a label that
    is no bullet it is -1; then the first item that begins with a label ends the list.
    """
    gap = _TO_LIST.match(region.text, at)
    found = _ITEM.match(region.text, gap.end()) if gap else None
    items: list[Scalar] = []
    while found is not None and _width(found[1]) > over:
        if _begins_with_bold_label(found[2]):
            if over < 0:
                break
        elif over < 0 and _begins_with_plain_label(found[2]):
            break
        else:
            name = _BOLD_LABEL.match(found[2])
            text, begin = (name[1], name.start(1)) if name else (found[2].rstrip(), 0)
            items.append(region.scalar(text, found.start(2) + begin))
        found = _ITEM.match(region.text, found.end())
    return Sequence(tuple(items), *region.place(at)) if items else None


def whole_value(region: Region, label: str, value: str, at: int, more: re.Pattern[str] = _MORE) -> Node:
    """A value with the lines in which it goes on: below a comma, as long as no label begins there.

    `more` matches from the end of a line on; its group is the text of the next one. Each line of a
    relation is an item with its own place.
    """
    lines = [region.scalar(value, at)]
    end = at + len(value)
    while value.endswith((",", "，", "、")):
        found = more.match(region.text, end)
        if found is None or _begins_with_bold_label(found[1]) or _begins_with_plain_label(found[1]):
            break
        value, end = trimmed(found[1]), found.start(1)
        lines.append(region.scalar(value, end))
        end += len(value)
    if len(lines) == 1:
        return lines[0]
    if field_of(label) in _RELATIONS:
        return Sequence(tuple(lines), lines[0].line, lines[0].col)
    return region.scalar(" ".join([line.text for line in lines]), at)


def _width(indent: str) -> int:
    return len(indent.expandtabs(4))


def _begins_with_bold_label(text: str) -> bool:
    """Whether a text begins with a label such as `**Owner:**`; `**A-5:** hard` names a story."""
    found = _BOLD_LABEL.match(text)
    return found is not None and not begins_with_name(found[1], 0)


def _begins_with_plain_label(text: str) -> bool:
    """Whether a text begins with a usual name of a field and a colon."""
    found = _PLAIN_LABEL.match(text)
    return found is not None and is_known(found[1])
