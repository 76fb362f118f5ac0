"""Many stories in one file: `epics.md`, `BUGS.md`, with headings such as `### Story 3.1: Title`.

A file is split when at least two headings of one level name a story, bug, issue or epic by word and id
(`### Story 3: …`, `## BUG-012: …`, `### [US-4] …`), and the file is not itself a story with an id; an epic or
a feature may hold its stories. `### Task 1: …` are steps, not stories. Where plain numbers name the items of
a file that is not called after a list of them, one must have a field, a check box or a user story: reviews
count their issues too. Beside such headings, `### BUG-6 Title` and `### BUG-8 (fixed)` are items as well. An
item is part of the one around it.
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
from storysync.core.folding import fold, fold_name, without_markup
from storysync.core.gather import texts_of
from storysync.core.header_region import field_of
from storysync.core.headings import Heading as Title
from storysync.core.headings import id_of_file_name, kind_of_id, read_heading, title_of_file_name
from storysync.core.ids import key
from storysync.core.item_sections import Heading, Section, headings_of, sections_of
from storysync.core.patterns import at_first_use
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
_BEHIND = at_first_use(
    r"[*_`~]{0,5}\]?[*_`~]{0,5}[ \t]*(?:$|[:：|(（–—\[✅✔☑❌🔴🟡🟢⬜🔄🚧]|-+[ \t])|\][ \t]"
)
_BEFORE_NUMBER = re.compile(r"\D*")
_LONGEST = 1000  # characters of a heading that are looked at
_BLANK = " \t\n-*_"
"""What an empty section may hold: a rule that divides it from the next one."""
_NOT_WORDS = re.compile(r"[\W_]+")
_LIKE_OTHERS = at_first_use(
    r"[^\w\n]{0,8}(?P<name>(?P<letters>[A-Za-z][A-Za-z #_-]{0,30}?)\d{1,9}[a-z]?(?:[.-]\d{1,9}[a-z]?){0,5})"
    r"[*_`~\]]{0,6}(?:[ \t]+(?=[^\W\d_a-z]|[\"'`*_~\[])|[ \t]*(?=\()|(?<=\d)(?P<plain>[ \t]+)(?=[a-z]))"
    r"(?P<rest>.*)"
)
"""A heading with an id, and a title behind a blank or a remark in parentheses."""
_GOES_ON = at_first_use(r"(?:and|or|to|through|vs|is|was|has|in|of|on|for|et|und)\b")
_FIELD = at_first_use(
    r"^[ \t>]*(?:[-*+][ \t]+|\|[ \t]*)?[*_`]{0,3}"
    r"(?P<label>[^\W\d_][^\n:：|*_`]{0,40}?)[*_`]{0,3}[ \t]*[:：|]",
    re.MULTILINE,
)
_CHECK_BOX = at_first_use(r"^[ \t>]*[-*+][ \t]+\[[ xX~/-]\][ \t]", re.MULTILINE)
_USER_STORY = at_first_use(
    r"^[ \t>*_-]{0,12}As (?:an?|the)\b[^\n]{0,200}(?:\n[^\n]{0,200})?\bI(?: want|'d|\b)", re.MULTILINE
)
_LISTS = at_first_use(
    r"\b(?:epics?|(?:user )?stories|story|backlog|bugs|issues|tickets|features|spikes|roadmap)\b"
)
"""Words in the name of a file that is made of items."""
_STORY_FILE = at_first_use(r"[A-Z]{2,16}(?:-[A-Z]{1,16}){0,3}-\d{1,9}")
_NO_STORY_FILES = frozenset(
    (
        "SPRINT",
        "PHASE",
        "WEEK",
        "RELEASE",
        "MILESTONE",
        "ITERATION",
        "STORIES",
        "EPICS",
        "BUGS",
        "ISSUES",
        "TICKETS",
        "TASKS",
        "BACKLOG",
        "ROADMAP",
        "PLAN",
        "RETRO",
        "REVIEW",
    )
)


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
    if all(one.title.id[0].isdigit() for one in named if one.title.id) and not _tells_stories(
        page, headings, named
    ):
        return None
    named = _telling(page, headings, _with_unusual(headings, named))
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


def _with_unusual(headings: Sequence[Heading], named: list[_Named]) -> list[_Named]:
    """With headings of the same level and the same letters that have no colon behind the id."""
    known = {(headings[one.at].level, _letters(one.name)) for one in named}
    levels = {level for level, _ in known}
    found = {one.at: one for one in named}
    for index, heading in enumerate(headings):
        if index in found or heading.level not in levels:
            continue
        like = _LIKE_OTHERS.match(heading.text[:_LONGEST])
        if like is None or (heading.level, _letters(like["name"])) not in known:
            continue
        if like["plain"] and (" " in like["name"] or _GOES_ON.match(like["rest"])):
            continue
        title = read_heading(f"{like['name']}: {like['rest']}")
        if title.id is None:
            continue
        remark = like["rest"].startswith("(")
        words = without_markup(heading.text.replace("~~", "")) if remark else title.title
        offset = max(heading.text.find(title.id), like.start("name"))
        found[index] = _Named(
            index, title._replace(offset=offset, title=words), like["name"], like.start("name")
        )
    return [found[index] for index in sorted(found)]


def _letters(name: str) -> str:
    """What stands before the number of a name: `story` of `Story 3.1`, `bug` of `BUG-5`."""
    return _BEFORE_NUMBER.match(name)[0].casefold().rstrip(" #_-")  # type: ignore[index]


def _tells_stories(page: Page, headings: Sequence[Heading], named: Sequence[_Named]) -> bool:
    """Whether the name of the file, an epic or anything in an item says that numbers name stories."""
    if _LISTS.search(fold(title_of_file_name(page.path))) or any(_kind(one.title) == "epic" for one in named):
        return True
    top = next((one for one in headings[: named[0].at] if one.level == 1), None)
    if top is not None and read_heading(top.text).kind in _HOLDERS:
        return True
    return any(
        _is_told(page.text, headings[one.at].end, section.end)
        for one, section in zip(named, _sections(page, headings, named), strict=True)
    )


def _is_told(text: str, begin: int, end: int) -> bool:
    """Whether a section has a field, a check box or a user story."""
    if _CHECK_BOX.search(text, begin, end) or _USER_STORY.search(text, begin, end):
        return True
    return any(field_of(fold_name(found["label"])) for found in _FIELD.finditer(text, begin, end))


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
    """The id in a file's name when it is that of a story: a plain number, its letters, or capitals."""
    named = id_of_file_name(path)
    if named is None or named[0].isdigit() or kind_of_id(named) is not None:
        return named
    is_id = _STORY_FILE.fullmatch(named) and named.partition("-")[0] not in _NO_STORY_FILES
    return named if is_id else None


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
