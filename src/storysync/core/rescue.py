"""What looks like keys and values in front matter that is no YAML, line by line.

So that id and status survive a bad line which cannot be corrected (DIALECTS.md section 9). Read are
`key: value`, lists in brackets or below their key, a mapping one level deep, and texts that go on in
indented lines; each value is the text as written, with its place. What may mean two things is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from storysync.core.yaml_events import Mapping, Node, Scalar, Sequence, parse_yaml

_KEY = re.compile(
    r"(?P<key>[^\W\d_][\w -]{0,60}?)[ \t]*:(?:[ \t]+(?P<value>\S.*)?|$|(?=[^\s:/])(?P<close>.+))"
)
_ITEM = re.compile(r"-[ \t]+(?P<value>\S.*)")
_PART = re.compile(r"[ \t]*(?:\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^,]+)")
_QUOTED = re.compile(r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*')(?:[ \t]+(?:#.*)?)?")
_BLOCK = re.compile(r"[|>][+-]?[0-9]?[+-]?[ \t]*(?:#.*)?")
_OPENED = frozenset("{&*!")  # what begins so is no text, or nobody can tell where it ends
_LONGEST = 2000  # characters of a line
_MOST_LINES = 10_000


class _Line(NamedTuple):
    """A line that is neither blank nor a comment; `indent` counts from 0."""

    number: int
    indent: int
    text: str


def rescue(source: str, first_line: int) -> dict[str, Node]:
    """Keys and values of a text that begins at `first_line`; of a key that appears twice the last."""
    lines = list(_lines(source, first_line))
    fields: dict[str, Node] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        found = _KEY.fullmatch(line.text) if not line.indent else None
        below = at
        while at < len(lines) and (lines[at].indent or lines[at].text.startswith("- ")):
            at += 1
        if found is None:
            continue
        group = "close" if found["close"] else "value"
        col = found.start(group) + 1 if found[group] else found.end("key") + 2
        node = _value(found[group] or "", line.number, col, lines[below:at])
        if node is not None:
            fields[found["key"]] = node
    return fields


def _lines(source: str, first_line: int) -> Iterator[_Line]:
    for number, line in enumerate(source.split("\n", _MOST_LINES)[:_MOST_LINES], first_line):
        text = line[:_LONGEST].strip()
        if text and text[0] != "#":
            yield _Line(number, len(line) - len(line.lstrip()), text)


def _value(text: str, number: int, col: int, below: list[_Line]) -> Node | None:
    """The value that begins in the line of its key, with the lines that belong to it."""
    if not text or text[0] == "#":
        return _nested(number, col, below)
    if _BLOCK.fullmatch(text):
        return Scalar(_joined("\n" if text[0] == "|" else " ", below), number, col, plain=False)
    if text[0] == "[":
        return _list(text, number, col, below)
    if text[0] in _OPENED:
        return None
    if text[0] in "\"'" and text[0] not in text[1:]:
        ends = next((row for row, line in enumerate(below) if text[0] in line.text), None)
        if ends is not None:
            text = f"{text} {_joined(' ', below[: ends + 1])}"
    elif below and not any(_KEY.fullmatch(line.text) or _ITEM.fullmatch(line.text) for line in below):
        text = f"{text} {_joined(' ', below)}"
    return _scalar(text, number, col)


def _nested(number: int, col: int, below: list[_Line]) -> Node | None:
    """The list or mapping below a key that has no value in its line.

    The items of a list count however they are indented: nested or not, they name the same.
    """
    if not below:
        return Scalar("", number, col)
    first = below[0]
    place = (first.number, first.indent + 1)
    items = [_ITEM.fullmatch(line.text) for line in below]
    if all(items):
        return Sequence(
            tuple(
                [
                    _scalar(found["value"], line.number, line.indent + found.start("value") + 1)
                    for line, found in zip(below, items, strict=True)
                    if found is not None
                ]
            ),
            *place,
        )
    if any(line.indent != first.indent for line in below):
        return None
    entries: dict[str, Node] = {}
    for line in below:
        found = _KEY.fullmatch(line.text)
        if found is None or found["close"]:
            return None
        col = line.indent + (found.start("value") + 1 if found["value"] else found.end("key") + 2)
        node = _value(found["value"] or "", line.number, col, [])
        if node is not None:
            entries[found["key"]] = node
    return Mapping(entries, *place)


def _list(text: str, number: int, col: int, below: list[_Line]) -> Node:
    """A list in brackets, which may go on below; of one that is never closed, its first line."""
    if "]" not in text:
        closed = next((row for row, line in enumerate(below) if "]" in line.text), None)
        rows = below[: closed + 1] if closed is not None else []
    else:
        rows = []
    items: list[Node] = []
    for at_line, at_col, part in (
        (number, col, text),
        *((row.number, row.indent + 1, row.text) for row in rows),
    ):
        end = part.rfind("]") if "]" in part else len(part)
        for found in _PART.finditer(part, 1 if part is text else 0, end):
            item = found[0].strip()
            if item:
                offset = found.start() + len(found[0]) - len(found[0].lstrip())
                items.append(_scalar(item, at_line, at_col + offset))
    return Sequence(tuple(items), number, col)


def _joined(separator: str, lines: list[_Line]) -> str:
    return separator.join([line.text for line in lines])


def _scalar(text: str, number: int, col: int) -> Scalar:
    """The text between a pair of quotes, or before a comment.

    Of quotes with text behind them (`"A" and more`) everything is kept as written.
    """
    quote = text[:1]
    if quote not in ("'", '"'):
        return Scalar(text.split(" #", 1)[0].strip(), number, col)
    found = _QUOTED.fullmatch(text)
    if found is not None:
        return Scalar(_unescaped(found[1]), number, col, plain=False)
    inner = text.find(quote, 1)
    if inner < 0:
        return Scalar(text[1:], number, col, plain=False)
    if text[-1] == quote and inner + 1 < len(text) and not text[inner + 1].isspace():
        return Scalar(text[1:-1], number, col, plain=False)
    return Scalar(text, number, col, plain=False)


def _unescaped(quoted: str) -> str:
    """The text that a value in quotes stands for; as written when YAML knows no such escape."""
    inner = quoted[1:-1]
    if quoted[0] == "'":
        return inner.replace("''", "'")
    if "\\" not in inner:
        return inner
    root = parse_yaml(quoted).root
    return root.text if isinstance(root, Scalar) else inner
