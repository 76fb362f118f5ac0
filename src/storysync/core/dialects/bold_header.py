"""Bold labels under the first heading: `# Story 22.1: Title`, then lines `**Status:** Ready`.

They stand in the header region or in a section such as `## Metadata` (`core.header_region`), also several
on a line (`**Points:** 2 | **Size:** M`). The labels stay part of the body (DIALECTS.md section 1).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Head, Page, Sheet, Traits
from storysync.core.header_region import SOURCE, Fields, Region, regions, traits_of, trimmed
from storysync.core.yaml_events import Node, Scalar, Sequence

NAME = "bold_header"
RANK = 50

LABEL = (
    r"\*\*[ \t]*([^*\n:：|]{1,60}?)[ \t\u00a0]*(?:[:：][ \t\u00a0]*\*\*|\*\*[ \t\u00a0]*[:：])[ \t\u00a0]*"
)
"""Part of a pattern: a bold label with its colon inside or behind; its group is the name."""
_FIELD = re.compile(rf"^[ \t]*(?:[-*+][ \t]+)?{LABEL}(.*)$", re.MULTILINE)
_NEXT_ON_LINE = re.compile(rf"[ \t]*[|·•][ \t]*{LABEL}")
_BULLETS = re.compile(r"(?:[ \t]*\n)?((?:[ \t]*[-*+][ \t]+[^\n]+(?:\n|$))+)")
_BULLET = re.compile(r"^[ \t]*[-*+][ \t]+(?:\[[ xX]\][ \t]+)?(.*?)[ \t]*$", re.MULTILINE)


def read_head(page: Page) -> Head | None:
    """The labels of the header regions, or None when there is none."""
    found = regions(page, "**")
    if not found:
        return None
    fields = Fields()
    for region in found:
        for line in _FIELD.finditer(region.text):
            for label, at, value in labels_of(line):
                fields.add(region, label, _value(region, value, at))
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


def _value(region: Region, value: str, at: int) -> Node:
    """A value; of an empty one, the bullets on the lines below it."""
    bullets = None if value else _BULLETS.match(region.text, at)
    if bullets is None or "**" in bullets[1]:
        return region.scalar(value, at)
    return bullet_list(region, bullets.start(1), bullets.end(1), at)


def bullet_list(region: Region, begin: int, end: int, at: int) -> Sequence:
    """The bullets of region.text[begin:end] as the value of a label that ends at `at`."""
    items = [
        Scalar(found[1], *region.place(found.start(1))) for found in _BULLET.finditer(region.text, begin, end)
    ]
    return Sequence(tuple(items), *region.place(at))
