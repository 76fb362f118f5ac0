"""Sections of a page that are items of their own: where each begins and ends.

A section runs from its heading to the next one of the same or a higher level, or to the next item. The
labels of an item stand between its heading and the next heading of any level.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from storysync.core.dialects.base import Page
from storysync.core.outline import atx_heading

_MARK = re.compile(r"^(?:#{1,6}[ \t]|```|~~~|<!--)", re.MULTILINE)


class Heading(NamedTuple):
    """A heading at the left margin. Offsets are those of the page's text."""

    level: int
    text: str
    begin: int  # of its line
    at: int  # of `text`
    end: int  # behind its line

    def col(self, offset: int) -> int:
        """The column (from 1) of a character of `text`."""
        return self.at - self.begin + offset + 1


class Section(NamedTuple):
    """An item's part of the page, and the heading, if any, at which its labels end."""

    heading: int  # index of its heading
    end: int
    labels_end: int
    parent: int | None  # index of the heading of the item around it
    children: int  # items directly below it


@dataclass(slots=True)
class _Growing:
    """A section whose end is not known yet."""

    end: int
    labels_end: int
    parent: int | None
    children: int = 0


def headings_of(page: Page) -> list[Heading]:
    """All headings at the left margin, but those in code fences and comments; in linear time."""
    text = page.text
    found: list[Heading] = []
    at = page.start
    while (mark := _MARK.search(text, at)) is not None:
        begin = mark.start()
        line_end = text.find("\n", begin)
        end = len(text) if line_end < 0 else line_end + 1
        if text[begin] == "#":
            heading = atx_heading(text[begin : len(text) if line_end < 0 else line_end])
            if heading is not None:
                level, content, offset = heading
                found.append(Heading(level, content, begin, begin + offset, end))
            at = end
        else:
            at = _behind(text, begin, end)
    return found


def _behind(text: str, begin: int, end: int) -> int:
    """The offset behind the fence or comment that begins at `begin`, in a line that ends at `end`."""
    if text.startswith("<!--", begin):
        close = text.find("-->", begin + 4)
        return len(text) if close < 0 else close + 3
    fence = text[begin]
    width = len(text[begin:end]) - len(text[begin:end].lstrip(fence))
    close = text.find("\n" + fence * width, end - 1)
    if close < 0:
        return len(text)
    line_end = text.find("\n", close + 1)
    return len(text) if line_end < 0 else line_end + 1


def sections_of(headings: Sequence[Heading], chosen: Sequence[int], size: int) -> list[Section]:
    """The sections of those headings that are items; `chosen` are their indexes, in order."""
    items = frozenset(chosen)
    found: dict[int, _Growing] = {}
    around: list[int] = []  # open items, the innermost last
    last: int | None = None  # the item whose own part goes on
    for index, heading in enumerate(headings):
        while around and headings[around[-1]].level >= heading.level:
            around.pop()
        if last is not None:
            section = found[last]
            if section.labels_end == size:
                section.labels_end = heading.begin
            if index in items or last not in around:
                section.end = heading.begin
                last = None
        if index in items:
            parent = around[-1] if around else None
            if parent is not None:
                found[parent].children += 1
            found[index] = _Growing(size, size, parent)
            around.append(index)
            last = index
    return [Section(index, one.end, one.labels_end, one.parent, one.children) for index, one in found.items()]
