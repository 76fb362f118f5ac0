"""References in the fields of a head: `dependencies: [A, B]`, `blocks: A`, `depends_on: [[A]]`."""

from __future__ import annotations

import re
from functools import lru_cache

from storysync.core.gather import texts_of
from storysync.core.references import parse_references
from storysync.core.story import Reference
from storysync.core.yaml_events import Node, Scalar, Sequence

BARE_ID = re.compile(r"[A-Za-z][\w-]*\d")
"""Texts that are one id and nothing else, by far the most."""


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
        if len(text) <= 100 and BARE_ID.fullmatch(text):
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
        for text in node.entries:
            found.extend(parse_references(text, node.line, node.col, relation, path))
