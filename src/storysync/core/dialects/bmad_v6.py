"""BMAD v6: bare lines `Status: review` and `Branch: …` below the first heading.

A paragraph counts when each of its lines is `Label: value` and one label is a usual name of a field. A
comment behind a value is no part of it (DIALECTS.md sections 1 and 3).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Head, Page, Sheet, Traits
from storysync.core.header_region import SOURCE, Fields, is_known, regions, traits_of, trimmed

NAME = "bmad_v6"
RANK = 61

_PARAGRAPH = re.compile(r"^[^\s#>|*`<-][^\n]*(?:\n(?![ \t]*(?:\n|#))[^\n]*)*", re.MULTILINE)
_LINE = re.compile(r"([^\W\d_][\w /-]{0,40}?)[ \t]*[:：][ \t]*([^\n]*)")

_NEXT_ON_LINE = re.compile(r"[ \t]+\|[ \t]+([^\W\d_][\w /-]{0,40}?)[ \t]*[:：][ \t]+")


def read_head(page: Page) -> Head | None:
    """The bare labels of the header region, or None when there is no paragraph of them."""
    found = regions(page, ":", "：")
    fields = Fields()
    for region in found:
        for paragraph in _PARAGRAPH.finditer(region.text):
            lines = _lines(region.text, paragraph.start(), paragraph.end())
            if any(is_known(line[1]) for line in lines):
                for line in lines:
                    for label, at, value in _pairs(line):
                        fields.add(region, label, region.scalar(trimmed(value), at))
    if not fields.known:
        return None
    return Head(NAME, SOURCE, fields.nodes, page.start, page.line, fields.end, tuple(fields.problems))


def recognize(sheet: Sheet) -> Traits | None:
    """Relatives that the labels name."""
    return traits_of(sheet, NAME)


def _pairs(line: re.Match[str]) -> list[tuple[str, int, str]]:
    """Label, offset of the value and value of each field on a line (`Priority: P2 | Status: Open`)."""
    label, value, at, begin = line[1], line[2], line.start(2), 0
    pairs: list[tuple[str, int, str]] = []
    for following in _NEXT_ON_LINE.finditer(value) if "|" in value else ():
        pairs.append((label, at + begin, value[begin : following.start()]))
        label, begin = following[1], following.end()
    return [*pairs, (label, at + begin, value[begin:])]


def _lines(text: str, begin: int, end: int) -> list[re.Match[str]]:
    """The lines of a paragraph that is nothing but labels, else []."""
    found: list[re.Match[str]] = []
    while begin < end:
        line_end = text.find("\n", begin, end)
        line_end = end if line_end < 0 else line_end
        line = _LINE.fullmatch(text, begin, line_end)
        if line is None:
            return []
        found.append(line)
        begin = line_end + 1
    return found
