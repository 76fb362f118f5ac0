"""Reading a file that holds many stories: each item on its own, and what is between them as the file's own.

Offsets, lines and columns are always those of the file. Every character is read once, so that a file of
fifty thousand items takes no longer than as many lines.
"""

from __future__ import annotations

import re

import msgspec

from storysync.core.body import Body, parse_body
from storysync.core.dialects.base import Item, Page, Sheet, Split, Traits
from storysync.core.gather import texts_of
from storysync.core.judged_file import Rules
from storysync.core.registry import read_heads
from storysync.core.story import Broken, Good, Problem, Read, Reference, Story
from storysync.core.validate import judge, judge_item
from storysync.core.yaml_events import Node

_NO_LABELS = re.compile(r"(?:[ \t]*(?:-{3,}|\*{3,}|_{3,}|\+{3,})?[ \t]*\n)*")
"""Empty lines and rules above the labels of an item: neither is the mark of a front matter there."""
_INDENT = re.compile(r"[ \t]*")
_NO_BODY = parse_body("", 1, "")


def read_many(
    path: str, text: str, sheet: Sheet, many: Split, rules: Rules, traits: Traits, problems: list[Problem]
) -> Read:
    """The items of a file, and before them the file's own story if there is evidence of one.

    When an error may hide the file's own story the file is broken as a whole: all its stories stay.
    """
    own, blanked = _own_text(text, sheet.page.start, many.items)
    own_body = parse_body(blanked, sheet.page.line, path, lean=rules.lean)
    whole = judge(path, own, sheet.heads, own_body, rules, problems, traits)
    if isinstance(whole, Broken):
        return whole
    about = whole.stories[0] if isinstance(whole, Good) else None
    stories: list[Story] = [] if about is None else [about]
    found: list[Problem] = []
    page = sheet.page
    for item in many.items:
        item, aliases = _labelled(item, page, rules) if item.labels_end else (item, ())
        body = text[item.begin : item.end]
        story = judge_item(path, body, item, _body(body, item, path, rules.lean), rules, found, many.traits)
        if aliases:
            story = msgspec.structs.replace(story, aliases=(*story.aliases, *aliases))
        if about is not None and not any(one.relation == "parent" for one in story.references):
            story = msgspec.structs.replace(story, references=(_child_of(about, path), *story.references))
        stories.append(story)
    if many.traits.stateless:
        found = [one for one in found if one.code != "status-missing"]
    problems += _with_few_missing(found, len(many.items))
    problems.sort(key=lambda one: (one.line, one.col))
    return Good(tuple(stories), tuple(problems))


def _own_text(text: str, start: int, items: tuple[Item, ...]) -> tuple[str, str]:
    """What is in no item: as it stands, and with an empty line in the place of each line of an item."""
    own: list[str] = []
    blanked: list[str] = []
    for item in items:
        own.append(text[start : item.begin])
        blanked += (own[-1], "\n" * text.count("\n", item.begin, item.end))
        start = item.end
    own.append(text[start:])
    blanked.append(own[-1])
    return "".join(own), "".join(blanked)


def _labelled(item: Item, page: Page, rules: Rules) -> tuple[Item, tuple[str, ...]]:
    """The item with the labels below its first line, and the ids that it is known by as well.

    An id or a kind in a label counts before the one in the heading, as in a file with one story.
    """
    first_end = page.text.find("\n", item.begin, item.labels_end) + 1
    gap = _NO_LABELS.match(page.text, first_end, item.labels_end)
    start = gap.end() if gap else first_end
    if not first_end or start >= item.labels_end:
        return item, ()
    line = item.line + page.text.count("\n", item.begin, start)
    labels = Page(page.text[start : item.labels_end], 0, line, page.max_front_matter, page.path)
    heads = read_heads(labels, rules.dialect).heads
    if not heads:
        return item, ()
    fields: dict[str, Node] = {}
    for head in heads:
        for name, node in head.fields.items():
            fields.setdefault(name, node)
    stated = {found[0] for name in fields if (found := rules.names.find(name)) and texts_of(fields[name])}
    kept = {name: node for name, node in item.head.fields.items() if name == "title" or name not in stated}
    aliases = tuple(texts_of(item.head.fields["id"])) if "id" in stated and "id" in item.head.fields else ()
    problems = (*item.head.problems, *(one for head in heads for one in head.problems))
    return item._replace(head=item.head._replace(fields={**fields, **kept}, problems=problems)), aliases


def _body(text: str, item: Item, path: str, lean: bool) -> Body:
    """What the lines below the first one say; they are read where they stand."""
    below = text.find("\n")
    if below < 0 or not text[below:].strip():
        return _NO_BODY
    indent = _INDENT.match(text)
    mark = indent[0] if indent else ""
    if text.startswith("#"):
        return parse_body(text[below:], item.line, path, lean=lean)
    body = parse_body(f"{mark}-{text[below:]}", item.line, path, lean=lean)
    criteria = tuple([one._replace(depth=max(one.depth - 1, 0)) for one in body.criteria])
    return msgspec.structs.replace(body, criteria=criteria)


def _child_of(about: Story, path: str) -> Reference:
    """What the place of an item says: that it is part of the file's own story."""
    raw = about.id or about.title
    return Reference("parent", raw, about.id_line, about.id_col, None, about.id, about.key, path, "declared")


def _with_few_missing(found: list[Problem], items: int) -> list[Problem]:
    """The problems; of a file in which no story has a status, only the first is said to have none."""
    missing = [one for one in found if one.code == "status-missing"]
    if len(missing) < items or items == 1:
        return found
    first = missing[0]
    told = msgspec.structs.replace(first, message=f"none of the {items} stories has a status")
    return [told if one is first else one for one in found if one is first or one.code != "status-missing"]
