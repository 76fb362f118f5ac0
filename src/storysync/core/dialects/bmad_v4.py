"""BMAD v3 and v4: `# Story 1.1: Title`, then `## Status` above the value, or `## Status: Done`.

The section must be one of the first three below the title; a status further down is only compared with
others (DIALECTS.md sections 1 and 3).
"""

from __future__ import annotations

import re

from storysync.core.dialects.base import Head, Page
from storysync.core.header_region import BMAD_V4, LONGEST, SOURCE, trimmed
from storysync.core.yaml_events import Scalar

NAME = BMAD_V4
RANK = 60

_MOST_SECTIONS = 3
_HEADING = re.compile(
    r"\n#{2,3}[ \t]+[^\w\n]{0,8}(?P<name>(?:Current |Story )?Status)[*_]{0,2}[ \t]*"
    r"(?:[:：][*_ \t]*(?P<value>[^\n]*?))?[ \t#]*(?=\n|$)",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[ \t>]*(?:[-*+][ \t]+(?:\[[ xX]\][ \t]+)?)?")
_NO_VALUE = ("#", "|", "<", "=", "-", "```", "~~~")
_MOST_BLANK = 4  # lines between the heading and its value, blank or comments
_LABEL = re.compile(
    r"(?:\*\*)?(?:current |story )?status[ \t]*(?:[:：]\*\*|\*\*[ \t]*[:：]|[:：])[ \t]*", re.IGNORECASE
)


def read_head(page: Page) -> Head | None:
    """The status of the section, or None when none of the first sections is about the status."""
    text = page.text
    most = min(len(text), page.start + LONGEST)
    at = max(page.start - 1, 0)
    for _ in range(_MOST_SECTIONS):
        at = text.find("\n##", at, most)
        if at < 0:
            return None
        end = text.find("\n", at + 1)
        end = len(text) if end < 0 else end
        if end - at < 130 and "tatus" in text[at:end].lower():
            break
        at = end
    else:
        return None
    found = _HEADING.match(text, at, end)
    return None if found is None or _is_hidden(text, page.start, at) else _head(page, found)


def _is_hidden(text: str, start: int, at: int) -> bool:
    """Whether an offset lies in a code fence or a comment."""
    if text.count("\n```", start, at) % 2 or text.count("\n~~~", start, at) % 2:
        return True
    return text.rfind("<!--", start, at) > text.rfind("-->", start, at)


def _next_line(text: str, at: int) -> tuple[int, int]:
    """Offsets of the first line below that says something, without its list mark; equal when none does."""
    for _ in range(_MOST_BLANK + 1):
        end = text.find("\n", at + 1)
        end = len(text) if end < 0 else end
        marks = _MARKS.match(text, at + 1, end)
        begin = marks.end() if marks else at + 1
        line = text[begin : min(end, begin + 300)].strip()
        if line and not (line.startswith("<!--") and line.endswith("-->")):
            return (begin, begin) if line.startswith(_NO_VALUE) else (begin, end)
        if end == len(text):
            break
        at = end
    return at, at


def _head(page: Page, found: re.Match[str]) -> Head | None:
    text = page.text
    if found["value"]:
        value, begin = found["value"], found.start("value")
    else:
        begin, end = _next_line(text, found.end())
        label = _LABEL.match(text, begin, end)
        begin = label.end() if label else begin
        value = text[begin:end]
    stripped = value.lstrip("*_ \t")
    begin += len(value) - len(stripped)
    value = trimmed(stripped)
    if value.endswith("**") and value.count("**") % 2:
        value = value[:-2].rstrip()
    if not value:
        return None
    line = page.line + text.count("\n", page.start, begin)
    col = begin - text.rfind("\n", 0, begin)
    fields = {found["name"]: Scalar(value, line, col)}
    return Head(NAME, SOURCE, dict(fields), page.start, page.line, begin + len(value))
