"""A quote below the first heading: `> **Status:** done`, or plain `> Phase 1 | Depends on: #001`.

At least one label must be a usual name of a field, since a quote may just as well be a remark; then all
its labels count. Items of such a tree live in folders named after them (`EPIC-001-x/FEAT-002-y/STORY-001.md`)
and count anew in each folder: then ids are scoped (DIALECTS.md sections 1 and 2).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Head, Page, Sheet, Traits
from storysync.core.dialects.bold_header import LABEL, labels_of, whole_value
from storysync.core.header_region import SOURCE, Fields, Region, regions, traits_of, trimmed

NAME = "blockquote"
RANK = 51

_LINE = re.compile(r"^ {0,3}>[ \t]{0,3}(?:[-*+][ \t]+)?([^\n]*)$", re.MULTILINE)
_MORE = re.compile(r"[ \t]*(?:\\|<br ?/?>)?[ \t]*\n {0,3}>[ \t]*([^\s#>|<`~+-][^\n]*)")
_BOLD = re.compile(rf"{LABEL}(.*)$", re.MULTILINE)
_PAIR = re.compile(
    r"[ \t]*([^\W_][^\n:：|·*`]{0,40}?)[ \t]*(?:：|:(?=[ \t]|$))[ \t]*([^|·\n]*)(?:[|·]|$)", re.MULTILINE
)
_ITEM_FOLDER = re.compile(r"(?:^|/)[A-Z][A-Z0-9]*-\d+[A-Za-z]?(?:[-_][^/]*)?/")


def read_head(page: Page) -> Head | None:
    """The labels of a quote in a header region, or None when none of them is a usual one."""
    found = regions(page, ">")
    if not found:
        return None
    fields = Fields()
    for region in found:
        for line in _LINE.finditer(region.text):
            _read_line(fields, region, line)
    if not fields.known:
        return None
    return Head(NAME, SOURCE, fields.nodes, page.start, page.line, fields.end, tuple(fields.problems))


def recognize(sheet: Sheet) -> Traits | None:
    """Relatives that the labels name, and ids that count within a folder."""
    traits = traits_of(sheet, NAME)
    if traits is None:
        return None
    return traits._replace(scoped=_ITEM_FOLDER.search(sheet.page.path) is not None)


def _read_line(fields: Fields, region: Region, line: re.Match[str]) -> None:
    bold = _BOLD.match(region.text, line.start(1), line.end(1))
    if bold is not None:
        for label, at, value in labels_of(bold):
            fields.add(region, label, whole_value(region, label, value, at, _MORE))
        return
    at = line.start(1)
    if not any(mark in line[1] for mark in ":："):
        return
    while at < line.end(1):
        pair = _PAIR.match(region.text, at, line.end(1))
        if pair is None:
            return  # a sentence
        fields.add(region, pair[1], whole_value(region, pair[1], trimmed(pair[2]), pair.start(2), _MORE))
        at = pair.end()
