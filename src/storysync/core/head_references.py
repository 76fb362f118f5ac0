"""References in the fields of a head: `dependencies: [A, B]`, `blocks: A`, `depends_on: [[A]]`."""

from __future__ import annotations

import re
from functools import lru_cache

from storysync.core.fields import LISTED, FieldNames
from storysync.core.gather import texts_of
from storysync.core.ids import key
from storysync.core.references import parse_references
from storysync.core.story import Reference
from storysync.core.yaml_events import Mapping, Node, Scalar, Sequence
from storysync.settings import ReadingSettings

BARE_ID = re.compile(r"[A-Za-z][\w-]*\d")
"""Texts that are one id and nothing else, by far the most."""
PLAIN_ID = re.compile(r"[A-Za-z]{1,20}-[0-9]{1,9}")
"""Texts that can be nothing but one id, read as the grammar would."""
_NAMES = FieldNames(ReadingSettings())
_ID_KEYS = ("id", "story", "task", "issue", "key", "ref", "target")
_ID_LIKE = re.compile(r"\d|[^\W\d_]-|-[^\W\d_]")


def references_of(listed: dict[str, list[Node]], path: str) -> tuple[Reference, ...]:
    """The references in the fields of a head, in their order; `listed` has values by relation."""
    found: list[Reference] = []
    for relation, nodes in listed.items():
        if relation in ("labels", "aliases"):
            continue
        for node in nodes:
            _add(found, node, relation, path)
    return tuple(found)


def each_once(stated: tuple[Reference, ...], body: tuple[Reference, ...]) -> tuple[Reference, ...]:
    """The references of head and body; a label below the heading belongs to both, and counts once."""
    if not stated or not body:
        return stated or body
    known = {(one.relation, one.line, one.col, one.id, one.path) for one in stated}
    rest = [one for one in body if (one.relation, one.line, one.col, one.id, one.path) not in known]
    return (*stated, *rest)


@lru_cache(maxsize=8192)
def bare_references(text: str, relation: str) -> tuple[Reference, ...]:
    """References of one bare id, which mean the same in every file; line and column are to be set."""
    return parse_references(text, 1, 1, relation, "")


def _add(found: list[Reference], node: Node, relation: str, path: str) -> None:
    """References of one value; `[[DS-001]]` without quotes is a list in a list for YAML."""
    if isinstance(node, Scalar):
        text, line, col = node.text, node.line, node.col
        if len(text) <= 100 and PLAIN_ID.fullmatch(text):
            found.append(Reference(relation, text, line, col, None, text, key(text), None, "declared"))
        elif len(text) <= 100 and BARE_ID.fullmatch(text):
            for known in bare_references(text, relation):
                found.append(Reference(known[0], known[1], line, col, *known[4:]))
        elif not node.null:
            found.extend(parse_references(text, line, col, relation, path))
    elif isinstance(node, Sequence):
        for item in node.items:
            if isinstance(item, Sequence):
                for text in texts_of(item):
                    raw = f"[[{text}]]"
                    found.extend(parse_references(raw, item.line, item.col, relation, path))
            else:
                _add(found, item, relation, path)
    else:
        _add_mapping(found, node, relation, path)


def _add_mapping(found: list[Reference], node: Mapping, relation: str, path: str) -> None:
    """References of `{id: A-1, type: hard}`, `{blocked_by: [A-1], blocks: A-2}` and `{A-1: reason}`.

    A mapping with an id is about that one story; what else it says of it states nothing of this one.
    """
    by_key = {name.strip().casefold(): value for name, value in node.entries.items()}
    for name in _ID_KEYS:
        if name in by_key:
            _add(found, by_key[name], relation, path)
            return
    for name, value in node.entries.items():
        field = _NAMES.find(name)
        if field is not None:
            if field[0] in LISTED and field[0] not in ("labels", "aliases"):
                _add(found, value, field[0], path)
        elif _ID_LIKE.search(name):
            found.extend(parse_references(name, node.line, node.col, relation, path))
