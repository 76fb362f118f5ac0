"""Many stories in one file: `epics.md`, `BUGS.md`, with headings such as `### Story 3.1: Title`.

A file is split when at least two headings of one level name a story, bug, issue or epic by word and id
(`### Story 3: …`, `## BUG-012: …`, `### [US-4] …`), and the file is not itself a story with an id; an epic or
a feature may hold its stories. `### Task 1: …` are steps, not stories. An item is part of the one around it.
A list of headings without any text below, as a table of contents has it, names what another heading of the
same id tells (DIALECTS.md sections 1 and 8).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from storysync.core.anchors import Anchors
from storysync.core.dialects.base import Head, Item, Page, Sheet, Split, Traits
from storysync.core.folding import fold
from storysync.core.gather import texts_of
from storysync.core.header_region import field_of
from storysync.core.headings import Heading as Title
from storysync.core.headings import id_of_file_name, kind_of_id, read_heading
from storysync.core.ids import key
from storysync.core.item_sections import Heading, Section, headings_of, sections_of
from storysync.core.story import Reference
from storysync.core.yaml_events import Node, Scalar

NAME = "epics"
RANK = 70

_NAMES = {name: name for name in ("id", "title", "epic")}
_WORDS = frozenset(("user story", "story", "bug", "issue", "epic", "ticket", "spike"))
"""Words that make a heading an item when an id follows them."""
_KINDS = frozenset(("story", "epic", "bug", "feature", "task", "spike"))
"""Kinds that the letters of an id tell, as `US-4` and `BUG-012` do, that make a heading an item."""
_HOLDERS = frozenset(("epic", "feature"))
_NEAR_TOP = 400  # characters in which the first heading is looked for before anything else
_PROMISING = re.compile(
    r"##+[ \t]+[^\w\n]{0,8}(?:"
    r"(?:user[ \t_-]+story|story|bug|issue|epic|ticket|spike)[ \t#:_\[-]{1,4}[A-Za-z_-]{0,20}\d"
    r"|(?:us|user[_-]?story|feat|feature|task|tsk|fix)[_-][A-Za-z_-]{0,20}\d)",
    re.IGNORECASE,
)
_BEHIND = re.compile(r"[*_`]{0,3}\]?[*_`]{0,3}[ \t]*(?:$|[:：|(（–—\[✅✔☑❌🔴🟡🟢⬜🔄🚧]|-+[ \t])|\][ \t]")
_BLANK = " \t\n-*_"
"""What an empty section may hold: a rule that divides it from the next one."""
_NOT_WORDS = re.compile(r"[\W_]+")


class _Named(NamedTuple):
    """A heading that is an item, and what it names."""

    at: int  # which of the headings
    title: Title
    name: str  # the words that name it, as written: `Story 3.1`
    offset: int  # of `name` in the heading


def split(sheet: Sheet) -> Split | None:
    """The items of a file that has at least two of one level."""
    page = sheet.page
    if _has_title_of_a_story(page) or not _is_promising(page):
        return None
    headings = headings_of(page)
    named = [one for index, heading in enumerate(headings) if (one := _named(index, heading)) is not None]
    levels = Counter(headings[one.at].level for one in named)
    if max(levels.values(), default=0) < 2 or _is_one_story(sheet, headings, named[0]):
        return None
    named = _telling(page, headings, named)
    return Split(tuple(_items(page, headings, named)), Traits(NAME, names=_NAMES))


def _has_title_of_a_story(page: Page) -> bool:
    """Whether a first heading near the top has the id of a story that holds no others, as most have."""
    text, start = page.text, page.start
    begin = start if text.startswith("# ", start) else text.find("\n# ", start, start + _NEAR_TOP) + 1
    if not begin and not text.startswith("# "):
        return False
    end = text.find("\n", begin)
    title = read_heading(text[begin + 2 : end if end >= 0 else len(text)].strip(" \t"))
    kind = title.kind or (kind_of_id(title.id) if title.id is not None else None)
    return title.id is not None and kind is not None and kind not in _HOLDERS


def _is_promising(page: Page) -> bool:
    """Whether two headings below the first level begin like those of items."""
    text, found = page.text, 0
    at = page.start - 1 if page.start else 0
    while (at := text.find("\n##", at)) >= 0:
        at += 1
        if _PROMISING.match(text, at):
            found += 1
            if found == 2:
                return True
    return False


def _named(index: int, heading: Heading) -> _Named | None:
    """What a heading names when it begins with the word and the id of a story."""
    if heading.level == 1:
        return None
    title = read_heading(heading.text)
    if title.id is None:
        return None
    before = heading.text[: title.offset]
    word = " ".join(_NOT_WORDS.sub(" ", before).casefold().split())
    if not (word in _WORDS or (not word and kind_of_id(title.id) in _KINDS)):
        return None
    if not _BEHIND.match(heading.text, title.offset + len(title.id)):
        return None
    offset = len(before) - len(before.lstrip(" \t*_`[#"))
    while offset < title.offset and not before[offset].isalnum():
        offset += 1
    return _Named(index, title, heading.text[offset : title.offset + len(title.id)], offset)


def _is_one_story(sheet: Sheet, headings: Sequence[Heading], first: _Named) -> bool:
    """Whether the file is itself a story, with an id of its own, and no epic or feature."""
    page = sheet.page
    top = next((one for one in headings[: first.at] if one.level == 1), None)
    title = read_heading(top.text) if top is not None else None
    kind = title.kind if title is not None else None
    line = page.line + page.text.count("\n", page.start, headings[first.at].begin)
    stated = [
        (field_of(name), text)
        for head in sheet.heads
        for name, node in head.fields.items()
        if node.line < line
        for text in texts_of(node)
    ]
    kind = next((fold(text) for field, text in stated if field == "kind"), kind)
    ids = [text for field, text in stated if field == "id"]
    if title is not None and title.id is not None:
        ids.append(title.id)
    if not ids and any(field == "status" for field, _ in stated):
        ids += filter(None, (_story_file(page.path),))
    if not ids:
        return kind is not None and kind not in _HOLDERS and kind in _KINDS
    return kind not in _HOLDERS if kind is not None else kind_of_id(ids[0]) not in _HOLDERS


def _story_file(path: str) -> str | None:
    """The id in a file's name when it is that of a story: a plain number, or the letters of one."""
    named = id_of_file_name(path)
    if named is None or (named[0].isalpha() and kind_of_id(named) is None):
        return None
    return named


def _telling(page: Page, headings: Sequence[Heading], named: list[_Named]) -> list[_Named]:
    """Without headings that only name, in a list or an overview, what one other of the same id tells.

    Of an epic that is the one with items, of anything else the one with text below it.
    """
    sections = _sections(page, headings, named)
    same: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for number, one in enumerate(named):
        assert one.title.id is not None
        same[key(one.title.id), _kind(one.title) == "epic"].append(number)
    drop: set[int] = set()
    for (_, is_epic), numbers in same.items():
        if len(numbers) < 2:
            continue
        telling = {
            number
            for number in numbers
            if sections[number].children
            or (
                not is_epic and page.text[headings[named[number].at].end : sections[number].end].strip(_BLANK)
            )
        }
        if telling:
            drop.update(number for number in numbers if number not in telling)
    return [one for number, one in enumerate(named) if number not in drop]


def _sections(page: Page, headings: Sequence[Heading], named: Sequence[_Named]) -> list[Section]:
    return sections_of(headings, [one.at for one in named], len(page.text))


def _kind(title: Title) -> str:
    return title.kind or kind_of_id(title.id or "") or "story"


def _items(page: Page, headings: Sequence[Heading], named: Sequence[_Named]) -> list[Item]:
    anchors = Anchors()
    items: list[Item] = []
    by_heading = {one.at: one for one in named}
    lines: dict[int, int] = {}
    line, counted = page.line, page.start
    for one, section in zip(named, _sections(page, headings, named), strict=True):
        heading = headings[one.at]
        line += page.text.count("\n", counted, heading.begin)
        counted = heading.begin
        lines[one.at] = line
        head = _head(one, heading, line)
        references: tuple[Reference, ...] = ()
        if section.parent is not None:
            around = by_heading[section.parent]
            references = (_parent(around, headings[section.parent], lines[section.parent]),)
            if _kind(around.title) == "epic":
                parent = references[0]
                head.fields["epic"] = Scalar(parent.raw, parent.line, parent.col)
        items.append(
            Item(
                anchors.give(one.name), head, heading.begin, section.end, line, section.labels_end, references
            )
        )  # fmt: skip
    return items


def _head(one: _Named, heading: Heading, line: int) -> Head:
    title, story_id = one.title, one.title.id
    assert story_id is not None
    fields: dict[str, Node] = {"id": Scalar(story_id, line, heading.col(title.offset))}
    if title.title:
        at = max(heading.text.rfind(title.title), 0)
        fields["title"] = Scalar(title.title, line, heading.col(at))
    if title.kind is not None:
        fields["kind"] = Scalar(title.kind, line, heading.col(one.offset))
    return Head(NAME, "header", fields, 0, 0, 0)


def _parent(around: _Named, heading: Heading, line: int) -> Reference:
    """An item's place below another one, stated where that one is named."""
    story_id = around.title.id
    assert story_id is not None
    col = heading.col(around.offset)
    return Reference("parent", around.name, line, col, None, story_id, key(story_id), None, "declared")
