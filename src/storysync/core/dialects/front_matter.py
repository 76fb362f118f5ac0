"""YAML front matter between two `---` lines at the top of the file.

python-frontmatter carries the format: `FrontMatter` is a handler for its `loads` and `dumps`. Where the
block begins and ends is found here, since `frontmatter.parse` strips the text and so loses line numbers.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import yaml
from frontmatter.default_handlers import BaseHandler

from storysync.core.dialects.base import Head, Page
from storysync.core.problems import problem
from storysync.core.rescue import rescue
from storysync.core.story import Problem
from storysync.core.yaml_events import Mapping, Node, Scalar, Sequence, parse_yaml, plain_value
from storysync.core.yaml_lines import parse_lines
from storysync.core.yaml_mending import parse_mended

NAME = "front_matter"
RANK = 10

_OPEN = re.compile(r"(?:[ \t]*\n)*---[ \t]*\n")
_COMMENTED = re.compile(
    r"(?:[ \t]*\n)*(?:<!--(?:(?!-->).){0,2000}-->[ \t]*\n(?:[ \t]*\n)*){1,5}---[ \t]*\n", re.DOTALL
)
_DOTS = re.compile(r"^\.\.\.[ \t]*(?:\n|\Z)", re.MULTILINE)
_HEADING = re.compile(r"#{1,6} +\S")
_KEYS = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\n)*(?:[\w\"'][^\n:]{0,80}:(?=\s|$)|[-?][ \t]|[\[{])")


class Block(NamedTuple):
    """Offsets in the text: of the YAML, of its end, and of the body behind the closing line."""

    begin: int
    end: int
    body: int


def find_block(text: str, start: int = 0) -> Block | None:
    """Where the front matter lies. `end` is -1 when it is opened and never closed.

    A file that begins with a thematic break has none: below its `---` is a blank line or no key. Comments
    may stand above keys; a line `...` closes them too when no `---` follows.
    """
    if text.startswith("---\n", start):
        begin = start + 4
    else:
        found = _OPEN.match(text, start)
        if found is None:
            found = _COMMENTED.match(text, start)
            if found is None or not _KEYS.match(text, found.end()):
                return None
        begin = found.end()
    close = begin - 1
    while True:
        close = text.find("\n---", close)
        if close < 0:
            if not _KEYS.match(text, begin):
                return None
            dots = _DOTS.search(text, begin)
            return Block(begin, dots.start(), dots.end()) if dots else Block(begin, -1, -1)
        end_of_line = text.find("\n", close + 1)
        end_of_line = len(text) if end_of_line < 0 else end_of_line
        if end_of_line == close + 4 or not text[close + 4 : end_of_line].strip(" \t"):
            break
        close = end_of_line
    if text.startswith("\n", begin) and close >= begin and not _KEYS.match(text, begin):
        return None
    return Block(begin, max(close + 1, begin), min(end_of_line + 1, len(text)))


def read_head(page: Page) -> Head | None:
    """The keys of the front matter, or None when the page has none."""
    block = find_block(page.text, page.start)
    if block is None:
        return None
    opening = page.line + page.text.count("\n", page.start, block.begin) - 1
    if block.end < 0:
        unclosed = problem("front-matter-unclosed", "the front matter is never closed", opening, 1)
        end = len(page.text)
        return Head(NAME, NAME, {}, page.start, page.line, end, (unclosed,), broken=True)
    source = page.text[block.begin : block.end]
    body_line = opening + source.count("\n") + 2
    fields, problems = _fields(source, opening + 1, page.max_front_matter)
    if problems and problems[0].code == "front-matter-invalid" and (row := _text_begins(source)) >= 0:
        message = f"the front matter is never closed, text begins at line {opening + 1 + row}"
        unclosed = problem("front-matter-unclosed", message, opening, 1)
        return Head(NAME, NAME, {}, page.start, page.line, block.body, (unclosed,), broken=True)
    return Head(NAME, NAME, fields, block.body, body_line, block.body, problems)


def _text_begins(source: str) -> int:
    """The row (from 0) of a heading with text below it, -1 when there is none.

    It tells that the line that seems to close the front matter is a thematic break in the body.
    """
    heading, blank = -1, False
    for row, line in enumerate(source.split("\n")):
        if not line or line.isspace():
            blank = True
            continue
        if blank and heading < 0 and _HEADING.match(line):
            heading = row
        elif line[0] != "#":
            if heading >= 0 and not _KEYS.match(line) and not line[0].isspace():
                return heading
            heading = -1
        blank = False
    return -1


def _fields(source: str, line: int, limit: int) -> tuple[dict[str, Node], tuple[Problem, ...]]:
    """Keys and values of a block that begins at `line`; of an invalid one, what can be rescued."""
    if len(source) * 4 > limit and len(source.encode()) > limit:
        message = f"the front matter has more than {limit // 1024} KB"
        return rescue(source[:limit], line), (problem("front-matter-too-large", message, line - 1, 1),)
    simple = parse_lines(source, line)
    if simple is not None:
        return simple.entries, ()
    parsed, problems = parse_mended(source, line)
    root = parsed.root
    if isinstance(root, Mapping):
        return root.entries, problems
    if not parsed.broken:
        if root is None or (isinstance(root, Scalar) and root.null):
            return {}, problems
        kind = "a list" if isinstance(root, Sequence) else "a text"
        message = f"the front matter is {kind}, not keys and values"
        problems = (*problems, problem("front-matter-not-mapping", message, root.line, root.col))
    return rescue(source, line), problems


class FrontMatter(BaseHandler):
    """python-frontmatter's handler for this dialect: `frontmatter.loads(text, handler=FrontMatter())`.

    Values are the source text of the file, never typed by YAML; an empty value is None.
    """

    FM_BOUNDARY = re.compile(r"^---[ \t]*$", re.MULTILINE)
    START_DELIMITER = END_DELIMITER = "---"

    def split(self, text: str) -> tuple[str, str]:
        """Front matter and content. Raises ValueError when there is none, as the library expects."""
        block = find_block(text)
        if block is None or block.end < 0:
            raise ValueError("no front matter")
        return text[block.begin : block.end], text[block.body :]

    def load(self, fm: str) -> dict[str, object]:
        """The metadata; empty when it is not valid YAML or not a mapping."""
        root = parse_lines(fm) or parse_yaml(fm).root
        return (
            {key: plain_value(node) for key, node in root.entries.items()}
            if isinstance(root, Mapping)
            else {}
        )

    def export(self, metadata: dict[str, object], **kwargs: object) -> str:
        """Metadata as YAML, in the order of its keys."""
        text = yaml.safe_dump(metadata, default_flow_style=False, allow_unicode=True, sort_keys=False)
        return text.strip()
