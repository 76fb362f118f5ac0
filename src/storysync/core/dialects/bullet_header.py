"""Plain bullets below the first heading: ``- Status: `done` ``, `- Epic: [EPIC-003](../epics/EPIC-003.md)`.

The bullets are a header when one of their labels is a usual name of a field. An empty label takes the list
nested below it as its values (DIALECTS.md section 1).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Head, Page, Sheet, Traits
from storysync.core.dialects.bold_header import list_below, whole_value
from storysync.core.header_region import SOURCE, Fields, Region, regions, traits_of, trimmed
from storysync.core.yaml_events import Node

NAME = "bullets"
RANK = 52

_BULLET = re.compile(
    r"^[-*+][ \t]{1,3}([^\W_][^\n:：*`\[\]]{0,60}?)[ \t]*(?:：|:(?=[ \t]|$))[ \t]*(.*)$", re.MULTILINE
)
_MORE = re.compile(r"[ \t]*(?:\\|<br ?/?>)?[ \t]*\n[ \t]+([^\s#>|<`~+*-][^\n]*)")


def read_head(page: Page) -> Head | None:
    """The labels of bullets in a header region, or None when none of them is a usual one."""
    found = regions(page, ":", "：")
    if not found:
        return None
    fields = Fields()
    for region in found:
        for bullet in _BULLET.finditer(region.text):
            fields.add(region, bullet[1], _value(region, bullet))
    if not fields.known:
        return None
    return Head(NAME, SOURCE, fields.nodes, page.start, page.line, fields.end, tuple(fields.problems))


def recognize(sheet: Sheet) -> Traits | None:
    """Relatives that the bullets name."""
    return traits_of(sheet, NAME)


def _value(region: Region, bullet: re.Match[str]) -> Node:
    value = trimmed(bullet[2])
    if value:
        return whole_value(region, bullet[1], value, bullet.start(2), _MORE)
    nested = list_below(region, bullet.start(2), 0)
    return region.scalar(value, bullet.start(2)) if nested is None else nested
