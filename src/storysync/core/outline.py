"""The skeleton of a Markdown text: its headings, its list items, and the rows that are code.

Two parts build it. `core.scanner` reads plain lines in a quarter of the time and gives up on any line
that it cannot be sure of; `core.commonmark` then reads the whole text with pyromark. Both give the
same outline (a test compares them).

Headings know their line in the file. Rows and columns of everything else count from 0 within the text.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec

_CONTINUATION = re.compile(r"[ \t]*\n[ \t>]*")


class Heading(NamedTuple):
    """A heading as written, without its marks. Line and column (from 1, in the file) are of its text."""

    level: int
    text: str
    line: int
    col: int


class Item(msgspec.Struct, gc=False):
    """A list item that begins with a paragraph. `row` and `col` are where that paragraph begins."""

    row: int
    col: int
    depth: int  # how many lists are around its own
    ordered: bool
    last_row: int  # of its first paragraph


class Outline(msgspec.Struct, gc=False):
    """Headings and items in the order of the text; `code` holds the rows of code blocks and comments."""

    headings: list[Heading]
    items: list[Item]
    code: set[int]


def paragraph_text(lines: list[str], row: int, col: int, last_row: int) -> str:
    """The source of a paragraph on one line: soft breaks become a blank, marks of quotes go."""
    if last_row == row:
        return lines[row][col:].strip(" \t")
    source = "\n".join([lines[row][col:], *lines[row + 1 : last_row + 1]])
    return _CONTINUATION.sub(" ", source).strip(" \t")


def atx_heading(text: str) -> tuple[int, str, int] | None:
    """Level, content and offset of the content of an ATX heading line, None when it is none.

    `text` begins with the first `#`. Closing marks are no content: `## Done ##` is `Done`.
    """
    return _usual_heading(text) if len(text) <= 40 else _heading(text)


def _heading(text: str) -> tuple[int, str, int] | None:
    after = text.lstrip("#")
    level = len(text) - len(after)
    if level > 6 or (after and after[0] not in " \t"):
        return None
    content = after.lstrip(" \t")
    offset = len(text) - len(content)
    content = content.rstrip(" \t")
    opened = content.rstrip("#")
    if not opened:
        content = ""
    elif opened[-1] in " \t":
        content = opened.rstrip(" \t")
    return level, content, offset


_usual_heading = lru_cache(maxsize=2048)(_heading)
"""Remembered, since `## Tasks` and its like stand in every file."""
