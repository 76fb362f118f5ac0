"""The outline of any Markdown text, by pyromark (the specification to the letter).

pyromark gives events with the range of bytes that each came from; rows and columns come from these
ranges and the text itself is always taken from the source.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
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
    events: Iterable[tuple[Any, Any]] = pyromark.events_with_range(
        text, options=pyromark.Options.ENABLE_TABLES
    )
    for event, span in events:
        if isinstance(event, str):
            if event == "Rule":
                reader.rule()
            else:
                reader.text(span["start"], span["end"])
            continue
        ((kind, value),) = event.items()
        if kind == "Start":
            tag = value if isinstance(value, str) else next(iter(value))
            if tag in _BLOCKS:
                reader.begin(tag, value, span["start"], span["end"])
            else:
                reader.text(span["start"], span["end"])
        elif kind == "End":
            tag = value if isinstance(value, str) else next(iter(value), "")
            if tag in _BLOCKS:
                reader.finish(tag, span["start"])
        else:
            reader.text(span["start"], span["end"])
    return reader.outline


class _Reader:
    """Follows the events. An item waits (`awaiting`) until its first paragraph begins, if it has one."""

    def __init__(self, text: str, lines: list[str], first_line: int) -> None:
        self.lines = lines
        self.first_line = first_line
        self.source = text.encode()
        self.ascii = len(self.source) == len(text)
        sizes = map(len, lines) if self.ascii else (len(line.encode("utf-8", "replace")) for line in lines)
        self.starts = list(accumulate((size + 1 for size in sizes), initial=0))
        self.outline = Outline([], [], set())
        self.ordered: list[bool] = []  # of each open list
        self.awaiting = False
        self.item: Item | None = None
        self.item_end = 0  # the byte where its first paragraph ends, as far as is known
        self.heading: tuple[int, int, int] | None = (
            None  # level, and the bytes where its text begins and ends
        )

    def text(self, start: int, end: int) -> None:
        """Something inline that stands at these bytes."""
        if self.item is not None:
            self.item_end = end
        elif self.heading is not None:
            level, first, _ = self.heading
            self.heading = (level, start if first < 0 else first, end)
        elif self.awaiting:
            self._open_item(start)
            self.item_end = max(start + 1, end)

    def begin(self, tag: str, value: Any, start: int, end: int) -> None:
        """A block begins, and will end at `end`."""
        self._close_item()
        if tag == "Paragraph":
            return
        self.awaiting = tag == "Item"
        if tag == "List":
            self.ordered.append(value["List"] is not None)
        elif tag == "Heading":
            self.heading = (int(value["Heading"]["level"][1:]), -1, -1)
        elif tag == "CodeBlock" or (tag == "HtmlBlock" and self.source.startswith(b"<!--", start)):
            self.outline.code.update(range(self._row(start), self._row(max(start, end - 1)) + 1))

    def finish(self, tag: str, start: int) -> None:
        """The block that began at `start` ends."""
        self.awaiting = False
        self._close_item()
        if tag == "List":
            self.ordered.pop()
        elif tag == "Heading":
            self._close_heading(start)

    def rule(self) -> None:
        self.awaiting = False
        self._close_item()

    def _open_item(self, start: int) -> None:
        self.awaiting = False
        if self.source[start - 1 : start] == b"\\":  # an escaped character: its mark is part of the text
            start -= 1
        row, col = self._position(start)
        self.item = Item(row, col, len(self.ordered) - 1, self.ordered[-1], row)
        self.outline.items.append(self.item)

    def _close_item(self) -> None:
        if self.item is not None:
            self.item.last_row = max(self.item.row, self._row(self.item_end - 1))
            self.item = None

    def _close_heading(self, start: int) -> None:
        if self.heading is None:
            return
        level, first, last = self.heading
        self.heading = None
        row, col = self._position(start)
        line = self.lines[row][col:]
        bare = line.lstrip(" \t")
        atx = atx_heading(bare) if bare.startswith("#") else None
        if atx is not None and atx[0] == level:
            offset = col + len(line) - len(bare) + atx[2]
            self.outline.headings.append(Heading(level, atx[1], row + self.first_line, offset + 1))
        elif first >= 0:
            if self.source[first - 1 : first] == b"\\":
                first -= 1
            if first != start:
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
