"""The quick way for front matter as nearly everyone writes it, three times faster than YAML events.

`parse_lines` understands `key: value`, `key: "value"`, `key: [a, b]` and one indented level of either
`key: value` or `- item` lines. At anything else it returns None and `yaml_events` decides. Where it does
answer, it answers exactly as `yaml_events` would: a property test compares the two.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from storysync.core.yaml_events import Mapping, Node, Scalar, Sequence

_ODD = re.compile("[\t\u0085\u2028\u2029\ufeff\ufffe\uffff]")
_LINE = re.compile(
    r"""([ ]*)(?:(-)[ ]+)?(?:([A-Za-z][A-Za-z0-9_-]{0,60}):(?:[ ]+|$))?
    (?:([\w./(+](?:.*[^\ ])?) | "([^"\\]*)" | '([^']*)' | \[(.*)\] )?[ ]*""",
    re.VERBOSE,
)
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,60}")
_PLAIN_ITEMS = re.compile(r" *[^\W_][\w./@+ -]*(?:, *[^\W_][\w./@+ -]*)*")
_ITEM = re.compile(r""" *(?:([^\W_][\w./@+ -]*)|"([^"\\]*)"|'([^']*)') *(?:,|$)""")


class _Line(NamedTuple):
    """What one line says; columns count from 1."""

    indent: int
    dash: bool
    key: str | None
    text: str | None  # None: no value on this line, or a flow list
    plain: bool
    items: tuple[tuple[str, int, bool], ...] | None  # of a flow list: text, col, plain
    col: int  # of the value; behind the colon when there is none


def parse_lines(text: str, first_line: int = 1) -> Mapping | None:
    """The mapping of a YAML text that is simple all through, else None."""
    if (not text.isascii() or "\t" in text) and _ODD.search(text):
        return None
    entries: dict[str, Node] = {}
    key: str | None = None  # the top-level key whose value is still to come, on the lines below it
    key_place = start = (first_line, 1)
    nested: list[Node] | dict[str, Node] = []
    nested_place: tuple[int, int] | None = None
    for number, source in enumerate(text.split("\n"), first_line):
        line = _line(source) if len(source) <= 200 else _line_of(source)
        if line is None:
            return None
        if line is _BLANK:
            continue
        indent, dash, name, value, plain, items, col = line
        if indent == 0 and not dash:
            if key is not None:
                entries[key] = _closed(nested, nested_place, key_place)
                key = nested_place = None
            elif not entries:
                start = (number, 1)
            if name is None or name in entries:
                return None
            if value is not None:
                entries[name] = Scalar(value, number, col, plain)
            elif items is not None:
                entries[name] = _flow(line, number)
            else:
                key, key_place = name, (number, col)
            continue
        if key is None:
            return None
        if nested_place is None:
            nested, nested_place = ([] if dash else {}), (number, indent + 1)
        if indent + 1 != nested_place[1] or not _nest(nested, line, number):
            return None
    if key is not None:
        entries[key] = _closed(nested, nested_place, key_place)
    return Mapping(entries, *start) if entries else None


def _line_of(source: str) -> _Line | None:
    """One line, or None when it is not simple."""
    key, colon, text = source.partition(": ")
    if colon and _is_key(key) and _is_usual(text):
        return _Line(0, False, key, text, True, None, len(key) + 3)
    found = _LINE.fullmatch(source)
    if found is None:
        return _BLANK if source.lstrip(" ").startswith("#") else None
    blanks, dash, key, bare, double, single, flow = found.groups()
    text = bare if bare is not None else double if double is not None else single
    if text is None and flow is None:
        if key is None:
            return None if dash else _BLANK
        return None if dash else _Line(len(blanks), False, key, None, True, None, found.end(3) + 2)
    if bool(dash) == bool(key):
        return None  # a continuation line, or a mapping in a list
    if bare is not None and not _plain(bare):
        return None
    if flow is not None:
        items = None if dash else _items(flow, found.start(7))
        return (
            _Line(len(blanks), False, key, None, True, items, found.start(7)) if items is not None else None
        )
    group = 4 if bare is not None else 5 if double is not None else 6
    col = found.start(group) + (1 if group == 4 else 0)
    return _Line(len(blanks), bool(dash), key, text, group == 4, None, col)


_line = lru_cache(maxsize=4096)(_line_of)  # many lines are the same in all files
_BLANK = _Line(0, False, None, None, True, None, 0)


@lru_cache(maxsize=1024)
def _is_key(name: str) -> bool:
    """Whether a line may begin with this key, for `_is_usual` values."""
    return _KEY.fullmatch(name) is not None


def _is_usual(value: str) -> bool:
    """Whether the text behind a key is a plain one, as most are, that needs no pattern to tell."""
    return value[:1].isalnum() and value[-1] not in ": " and ": " not in value and " #" not in value


def _plain(text: str) -> bool:
    """Whether an unquoted text ends where its line ends and hides nothing."""
    return ": " not in text and " #" not in text and text[-1] != ":"


def _items(flow: str, offset: int) -> tuple[tuple[str, int, bool], ...] | None:
    """The items between the brackets; `offset` is where the flow text begins in its line."""
    if not flow.strip(" "):
        return ()
    items: list[tuple[str, int, bool]] = []
    at = 0
    if _PLAIN_ITEMS.fullmatch(flow):
        for part in flow.split(","):
            text = part.lstrip(" ")
            items.append((text.rstrip(" "), offset + at + len(part) - len(text) + 1, True))
            at += len(part) + 1
        return tuple(items)
    while at < len(flow):
        found = _ITEM.match(flow, at)
        if found is None:
            return None
        if found[1] is not None:
            items.append((found[1].rstrip(" "), offset + found.start(1) + 1, True))
        else:
            group = 2 if found[2] is not None else 3
            items.append((found[group], offset + found.start(group), False))
        at = found.end()
    return None if flow.rstrip(" ").endswith(",") else tuple(items)


def _flow(line: _Line, number: int) -> Sequence:
    nodes = tuple([Scalar(text, number, col, plain) for text, col, plain in line.items or ()])
    return Sequence(nodes, number, line.col)


def _nest(nested: list[Node] | dict[str, Node], line: _Line, number: int) -> bool:
    """Add an indented line to the collection that it belongs to; False when it does not fit."""
    if isinstance(nested, list):
        if not line.dash or line.text is None:
            return False
        nested.append(Scalar(line.text, number, line.col, line.plain))
        return True
    if line.dash or line.key is None or line.key in nested:
        return False
    if line.items is not None:
        nested[line.key] = _flow(line, number)
    else:
        nested[line.key] = Scalar(line.text or "", number, line.col, line.plain)
    return True


def _closed(
    nested: list[Node] | dict[str, Node], place: tuple[int, int] | None, key_place: tuple[int, int]
) -> Node:
    """The value of a key without one on its own line."""
    if place is None:
        return Scalar("", *key_place)
    if isinstance(nested, list):
        return Sequence(tuple(nested), *place)
    return Mapping(nested, *place)
