"""TOML front matter between two `+++` lines at the top of the file (MDTM, Hugo).

`tomllib` says whether it is TOML, `core.toml_scan` gives raw text and positions; of what is not TOML the
statements that can be read are kept. Tables are metadata (DIALECTS.md section 1, DESIGN.md section 6).
"""

from __future__ import annotations

import re
import tomllib

from storysync.core.dialects.base import Head, Page
from storysync.core.problems import problem
from storysync.core.story import Problem
from storysync.core.toml_scan import CODE, TOO_DEEP, invalid_toml, scan_toml
from storysync.core.yaml_events import Node

NAME = "toml"
RANK = 11

SOURCE = "front_matter"
_OPEN = re.compile(r"(?:[ \t]*\n)*\+\+\+[ \t]*\n")
_CLOSE = re.compile(r"^\+\+\+[ \t]*$", re.MULTILINE)
_KEYS = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*[ \t]*(?:[\w\"'.-]{1,80}[ \t]*=|\[)")
_DOUBLED = re.compile(r"(?i)cannot overwrite")


def read_head(page: Page) -> Head | None:
    """The keys of the front matter, or None when the page has none."""
    text = page.text
    if text[page.start : page.start + 1] not in "+ \t\n":
        return None
    opened = _OPEN.match(text, page.start)
    if opened is None:
        return None
    begin = opened.end()
    first_line = page.line + text.count("\n", page.start, begin)
    closed = _CLOSE.search(text, begin)
    if closed is None:
        if _KEYS.match(text, begin) is None:
            return None
        message, hint = "the front matter is never closed", "add a line `+++` after the last key"
        unclosed = problem("front-matter-unclosed", message, first_line - 1, 1, hint)
        return Head(NAME, SOURCE, {}, page.start, page.line, len(text), (unclosed,), broken=True)
    source = text[begin : closed.start()]
    body = min(closed.end() + 1, len(text))
    fields, problems = _fields(source, first_line, page.max_front_matter)
    return Head(NAME, SOURCE, fields, body, first_line + source.count("\n") + 1, body, problems)


def _fields(source: str, line: int, limit: int) -> tuple[dict[str, Node], tuple[Problem, ...]]:
    """Keys and values of a block that begins at `line`; of an invalid one, what can be read."""
    if len(source) * 4 > limit and len(source.encode()) > limit:
        message = f"the front matter has more than {limit // 1024} KB"
        return scan_toml(source[:limit], line).entries, (
            problem("front-matter-too-large", message, line - 1, 1),
        )
    scan = scan_toml(source, line)
    if any(found.code == TOO_DEEP for found in scan.problems):
        return scan.entries, (*scan.problems, *scan.doubled)
    try:
        tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        if any(found.code == CODE for found in scan.problems) or (
            scan.doubled and _DOUBLED.match(str(error))
        ):
            return scan.entries, (*scan.problems, *scan.doubled)
        return scan.entries, (invalid_toml(str(error), source, line), *scan.problems, *scan.doubled)
    return scan.entries, scan.problems
