"""The outline of any Markdown text, by pyromark (the specification to the letter).

pyromark gives events with the range of bytes that each came from; rows and columns come from these
ranges and the text itself is always taken from the source.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import Any

import pyromark

from storysync.core.outline import Heading, Item, Outline, atx_heading, paragraph_text

_BLOCKS = frozenset(
    ("Heading", "List", "Item", "Paragraph", "BlockQuote", "CodeBlock", "HtmlBlock", "Table", "TableHead",
     "TableRow", "TableCell")
)  # fmt: skip


def read(text: str, lines: list[str], first_line: int) -> Outline:
    """The outline of `text`, whose lines are `lines`. Never raises."""
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: one character for another keeps every column
        text = text.encode("utf-8", "replace").decode()
    reader = _Reader(text, lines, first_line)
    for event, span in pyromark.events_with_range(text, options=pyromark.Options.ENABLE_TABLES):
        reader.take(event, span["start"], span["end"])
    return reader.outline


class _Reader:
    """Follows the events. An item waits (`awaiting`) until its first paragraph begins, if it has one."""

    def __init__(self, text: str, lines: list[str], first_line: int) -> None:
        self.lines = lines
        self.first_line = first_line
        self.source = text.encode()
        self.ascii = len(self.source) == len(text)
        self.starts = list(
            accumulate((len(line.encode("utf-8", "replace")) + 1 for line in lines), initial=0)
        )
        self.outline = Outline([], [], set())
        self.ordered: list[bool] = []  # of each open list
        self.awaiting = False
        self.item: Item | None = None
        self.heading: tuple[int, int, int] | None = (
            None  # level, and the bytes where its text begins and ends
        )

    def take(self, event: Any, start: int, end: int) -> None:
        if event == "Rule":
            self.awaiting, self.item = False, None
            return
        name, value = (event, None) if isinstance(event, str) else next(iter(event.items()))
        tag = value if isinstance(value, str) else next(iter(value), "") if isinstance(value, dict) else ""
        if name == "Start" and tag in _BLOCKS:
            self._begin(tag, value, start, end)
        elif name == "End":
            self._finish(tag, start)
        elif self.heading is not None:
            level, first, _ = self.heading
            self.heading = (level, start if first < 0 else first, end)
        elif self.awaiting:
            self._open_item(start, end)
        elif self.item is not None:
            self.item.last_row = max(self.item.last_row, self._row(max(start, end - 1)))

    def _begin(self, tag: str, value: Any, start: int, end: int) -> None:
        self.item = None
        if tag == "Paragraph":
            return
        self.awaiting = tag == "Item"
        if tag == "List":
            self.ordered.append(value["List"] is not None)
        elif tag == "Heading":
            self.heading = (int(value["Heading"]["level"][1:]), -1, -1)
        elif tag == "CodeBlock" or (tag == "HtmlBlock" and self.source.startswith(b"<!--", start)):
            self.outline.code.update(range(self._row(start), self._row(max(start, end - 1)) + 1))

    def _finish(self, tag: str, start: int) -> None:
        if tag in _BLOCKS:
            self.awaiting, self.item = False, None
        if tag == "List":
            self.ordered.pop()
        elif tag == "Heading":
            self._close_heading(start)

    def _open_item(self, start: int, end: int) -> None:
        self.awaiting = False
        if self.source[start - 1 : start] == b"\\":  # an escaped character: its mark is part of the text
            start -= 1
        row, col = self._position(start)
        last_row = self._row(max(start, end - 1))
        self.item = Item(row, col, len(self.ordered) - 1, self.ordered[-1], last_row)
        self.outline.items.append(self.item)

    def _close_heading(self, start: int) -> None:
        if self.heading is None:
            return
        level, first, last = self.heading
        self.heading = None
        row, col = self._position(start)
        line = self.lines[row][col:]
        atx = atx_heading(line.lstrip(" \t")) if line.lstrip(" \t").startswith("#") else None
        if atx is not None and atx[0] == level:
            offset = col + len(line) - len(line.lstrip(" \t")) + atx[2]
            self.outline.headings.append(Heading(level, atx[1], row + self.first_line, offset + 1))
        elif first >= 0:
            if self.source[first - 1 : first] == b"\\":
                first -= 1
            row, col = self._position(first)
            text = paragraph_text(self.lines, row, col, self._row(max(first, last - 1)))
            self.outline.headings.append(Heading(level, text, row + self.first_line, col + 1))

    def _row(self, offset: int) -> int:
        return bisect_right(self.starts, offset, hi=len(self.lines)) - 1

    def _position(self, offset: int) -> tuple[int, int]:
        row = self._row(offset)
        start = self.starts[row]
        if self.ascii:
            return row, offset - start
        return row, len(self.source[start:offset].decode("utf-8", "replace"))
