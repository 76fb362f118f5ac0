"""The heads of one file, brought together: one value for each canonical field, the rest as metadata.

Front matter beats the header. Within one head the most usual name of a field beats its synonyms, and
what loses is kept as metadata, so that nothing a file says is lost.
"""

from __future__ import annotations

from collections import abc
from typing import NamedTuple

import msgspec

from storysync.core.dialects.base import NOTHING, Head
from storysync.core.fields import LISTED, FieldNames
from storysync.core.folding import fold, fold_name
from storysync.core.problems import problem
from storysync.core.story import Problem
from storysync.core.yaml_events import Node, Scalar, Sequence, plain_value

_TEXTS = frozenset(("owner", "author", "assignee"))  # single fields that may well be lists
_RAW = frozenset(("status", "priority", "estimate", "estimate_hours", "estimate_tokens"))
"""Fields whose text is kept as written, whatever it says; `core.words` knows the project's none words too."""
_PARENT_IDS = frozenset(("story id", "task id", "issue id", "feature id"))


class Value(msgspec.Struct, frozen=True, gc=False):
    """The text of one field, stripped; '' when the field is there but says nothing."""

    text: str
    line: int
    col: int
    name: str  # as written
    head: int  # which of the heads, from 0
    rank: int  # of the name among the names of its field
    node: Node


class Fields(NamedTuple):
    """What the heads say. `others` are values of later heads that `single` has overruled."""

    single: dict[str, Value]
    listed: dict[str, list[Node]]  # labels and relations: all that was stated
    others: dict[str, list[Value]]
    metadata: dict[str, Node]
    problems: list[Problem]


def gather(heads: list[Head], names: FieldNames, special: abc.Mapping[str, str] = NOTHING) -> Fields:
    """Fields by canonical name. Unknown names of the first head are metadata, of later ones body text.

    `special` are the names of a dialect, which win over those of `names`.
    """
    fields = Fields({}, {}, {}, {}, [])
    find = names.find if not special else lambda name: _special(name, special, names)
    for number, head in enumerate(heads):
        for name, node in head.fields.items():
            found = find(name)
            if found is None:
                if number == 0:
                    fields.metadata[name] = node
                continue
            if names.none_words and found[0] not in _RAW:
                node = _without(node, names.none_words)
            if found[0] in LISTED:
                fields.listed.setdefault(found[0], []).append(node)
            else:
                _choose(fields, found[0], _value(node, name, number, found[1], found[0], fields.problems))
    return fields


def _without(node: Node, none_words: abc.Set[str]) -> Node:
    """The node without texts that say, in the words of the project, that there is nothing."""
    if isinstance(node, Scalar):
        return Scalar("", node.line, node.col) if fold(node.text) in none_words else node
    if isinstance(node, Sequence):
        said = [
            item for item in node.items if not isinstance(item, Scalar) or fold(item.text) not in none_words
        ]
        return Sequence(tuple(said), node.line, node.col)
    return node


def _special(name: str, special: abc.Mapping[str, str], names: FieldNames) -> tuple[str, int] | None:
    field = special.get(fold_name(name))
    if field is None:
        return names.find(name)
    return (field, -1) if field else None


def texts_of(node: Node) -> list[str]:
    """All texts in a node that say something, in their order."""
    if isinstance(node, Scalar):
        text = node.text.strip()
        return [text] if text and not node.null else []
    items = node.items if isinstance(node, Sequence) else node.entries.values()
    return [text for item in items for text in texts_of(item)]


def _value(node: Node, name: str, head: int, rank: int, field: str, problems: list[Problem]) -> Value:
    if isinstance(node, Scalar):
        text = "" if node.plain and node.null else node.text.strip()
        return Value(text, node.line, node.col, name, head, rank, node)
    texts = texts_of(node)
    if field not in _TEXTS and len(texts) > 1:
        message = f"`{name}` has several values where one was expected"
        problems.append(problem("not-a-text", message, node.line, node.col))
    return Value(", ".join(texts), node.line, node.col, name, head, rank, node)


def _choose(fields: Fields, field: str, value: Value) -> None:
    """Keep the value that counts for a single field, and put the other one where it belongs."""
    known = fields.single.get(field)
    if known is None or (value.text and not known.text):
        fields.single[field] = value
        return
    if value.head != known.head:
        if value.text:
            fields.others.setdefault(field, []).append(value)
        return
    if value.rank < known.rank and value.text:
        fields.single[field], value = value, known
    if field == "id" and fold_name(value.name) in _PARENT_IDS:
        fields.listed.setdefault("parent", []).append(value.node)
    elif value.head == 0 and value.text:
        fields.metadata[value.name] = value.node


def metadata_of(fields: Fields) -> dict[str, object]:
    """The metadata as plain str, None, list and dict."""
    return {name: plain_value(node) for name, node in fields.metadata.items()}


def shown(text: str) -> str:
    """A value quoted for a message, shortened to 60 characters on one line."""
    text = " ".join(text.split())
    return f"“{text[:57]}…”" if len(text) > 60 else f"“{text}”"
