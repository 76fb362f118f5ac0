"""Bold labels under the first heading: `# Story 22.1: Title`, then lines `**Status:** Ready`.

The header region runs from the first-level heading (or the top) to the first `## ` heading, `---` line or
code fence; a `---` directly below the heading, before any label, does not end it. The labels stay part of
the body.
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Head, Page
from storysync.core.problems import problem
from storysync.core.story import Problem
from storysync.core.yaml_events import Node, Scalar, Sequence

NAME = "bold_header"
RANK = 50
SOURCE = "header"

_LONGEST_REGION = 6000  # characters
_MOST_PROBLEMS = 20
_LABEL = (
    r"\*\*[ \t]*([^*\n:：|]{1,60}?)[ \t\u00a0]*(?:[:：][ \t\u00a0]*\*\*|\*\*[ \t\u00a0]*[:：])[ \t\u00a0]*"
)
_FIELD = re.compile(rf"^[ \t]*(?:[-*+][ \t]+)?{_LABEL}(.*)$", re.MULTILINE)
_NEXT_ON_LINE = re.compile(rf"[ \t]*[|·•][ \t]*{_LABEL}")
_HEADING = re.compile(r"^#[ \t][^\n]*(?:\n|$)", re.MULTILINE)
_END = re.compile(r"^(?:##[^#]|---+[ \t]*$|```|~~~)", re.MULTILINE)
_BREAK = re.compile(r"(?:\\|<br ?/?>|<!--[^<>]*-->)$")
_BULLETS = re.compile(r"(?:[ \t]*\n)?((?:[ \t]*[-*+][ \t]+[^\n]+(?:\n|$))+)")
_BULLET = re.compile(r"^[ \t]*[-*+][ \t]+(?:\[[ xX]\][ \t]+)?(.*?)[ \t]*$", re.MULTILINE)
_SENTENCES = frozenset(("as a", "as an", "as the", "as", "i want", "i want to", "so that", "want"))
"""Labels that belong to a user story, not to the header."""


def read_head(page: Page) -> Head | None:
    """The labels of the header region, or None when there is none."""
    region = _region(page)
    if region is None:
        return None
    begin, end = region
    fields: dict[str, Node] = {}
    problems: list[Problem] = []
    line, counted = page.line, page.start
    for found in _FIELD.finditer(page.text, begin, end):
        line += page.text.count("\n", counted, found.start())
        counted = found.start()
        for label, at, value in _labels(found):
            col = at - found.start() + 1
            _keep(fields, label, _value(page.text, value, at, end, line, col), problems)
    if not fields:
        return None
    return Head(NAME, SOURCE, fields, page.start, page.line, end, tuple(problems))


def _region(page: Page) -> tuple[int, int] | None:
    """Offsets of the header region, None when it has no bold text."""
    text, begin = page.text, page.start
    end = most = min(len(text), begin + _LONGEST_REGION)
    if text.find("**", begin, most) < 0:
        return None
    heading = _HEADING.search(text, begin, most)
    if heading is not None:
        begin = heading.end()
    for found in _END.finditer(text, begin, most):
        if found[0].startswith("---") and "**" not in text[begin : found.start()]:
            continue
        end = found.start()
        break
    return (begin, end) if text.find("**", begin, end) >= 0 else None


def _labels(found: re.Match[str]) -> list[tuple[str, int, str]]:
    """Label, offset of the value and value of each field on one line (`**A:** 1 | **B:** 2`)."""
    label, value, at = found[1], found[2], found.start(2)
    if "**" not in value:
        return [(label, at, _trimmed(value))]
    labels: list[tuple[str, int, str]] = []
    begin = 0
    for following in _NEXT_ON_LINE.finditer(value):
        labels.append((label, at + begin, _trimmed(value[begin : following.start()])))
        label, begin = following[1], following.end()
    labels.append((label, at + begin, _trimmed(value[begin:])))
    return labels


def _trimmed(value: str) -> str:
    """The value without blanks and the marks of a line break behind it."""
    value = value.strip()
    if value.endswith(("\\", ">")):
        value = _BREAK.sub("", value).rstrip()
    return value


def _value(text: str, value: str, at: int, end: int, line: int, col: int) -> Node:
    """A value; of an empty one, the bullets on the lines below it."""
    bullets = None if value else _BULLETS.match(text, at, end)
    if bullets is None or "**" in bullets[1]:
        return Scalar(value, line, col)
    items = []
    for found in _BULLET.finditer(text, bullets.start(1), bullets.end(1)):
        item_line = line + text.count("\n", at, found.start(1))
        item_col = found.start(1) - text.rfind("\n", 0, found.start(1))
        items.append(Scalar(found[1], item_line, item_col))
    return Sequence(tuple(items), line, col)


def _keep(fields: dict[str, Node], label: str, node: Node, problems: list[Problem]) -> None:
    """The first value of a label counts; another one is reported when it differs."""
    if label.casefold() in _SENTENCES:
        return
    first = fields.setdefault(label, node)
    if first is node or (isinstance(first, Scalar) and isinstance(node, Scalar) and first.text == node.text):
        return
    message = f"`{label}` appears twice, the first one counts"
    if len(problems) < _MOST_PROBLEMS:
        problems.append(problem("duplicate-field", message, node.line, node.col))
