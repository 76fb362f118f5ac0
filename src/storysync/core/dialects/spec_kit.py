"""spec-kit: `specs/004-cart/tasks.md` with one task a line, and user stories in the `spec.md` beside it.

    - [ ] T001 [P] [US1] Add the table of carts (depends on T000)
    ### User Story 1 - Keep a cart (Priority: P1)

Ids are unique only in their folder. A task is done when its box is ticked, its label `[US1]` names the story
that it is part of; it depends on another, or blocks it, only where its text says so, never by their order.
The `spec.md` itself is the feature, named like its folder (DIALECTS.md sections 1 and 7).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from storysync.core.anchors import Anchors
from storysync.core.dialects.base import Head, Item, Page, Sheet, Split, Traits
from storysync.core.direction import turn_at
from storysync.core.ids import key
from storysync.core.item_sections import Heading, headings_of, sections_of
from storysync.core.names import Named
from storysync.core.patterns import at_first_use
from storysync.core.ranges import range_at
from storysync.core.references import MOST_IN_RANGES, Place
from storysync.core.story import Reference
from storysync.core.yaml_events import Node, Scalar, Sequence

NAME = "spec_kit"
RANK = 20

_TASKS = "tasks.md"
_SPEC = "spec.md"
_NAMES = {name: name for name in ("id", "title", "status", "priority", "labels", "epic")}
_FEATURE = at_first_use(r"\d{3,8}-\S")
_LONGEST_TOP = 2000  # characters in which a spec says that it is one

_TASK_ID = r"T\d{2,5}(?:\.\d{1,3}){0,3}[a-z]?"
_TASK = at_first_use(
    r"^(?P<indent>[ \t]*)[-*+][ \t]+(?P<box>\[[^\[\]\n]{1,2}\])[ \t]+(?:\*\*|`)?"
    rf"(?P<id>{_TASK_ID})(?:\*\*|`)?:?(?:\*\*)?(?=[ \t]|$)[ \t]*",
    re.MULTILINE,
)
_TAG = at_first_use(r"\[([^\[\]\n]{1,40})\](?!\()[ \t]*")
_STORY_TAG = at_first_use(r"US\d{1,4}")
_NAMED = at_first_use(rf"(?<![\w/-])(?:{_TASK_ID}|US\d{{1,4}})(?!\w|\.\d)")
_PART = at_first_use(r"-|[–—][A-Z]*\d")
"""What makes an id a part of something else, such as a range that is not understood."""
_NEAR = 100  # characters before an id in which the words about it stand
_NEEDS = at_first_use(
    r"(?:(?P<no>\b(?:not|never|no[ \t]+longer|without|nothing)|n't)[ \t]+(?P<between>(?:\w+[ \t]+){0,3}))?"
    r"(?:\b(?P<cue>depends?[ \t]+(?:up)?on|depends(?=[ \t]*:)|blocked[ \t]+by|requires?|needs?|after)"
    r"|(?P<earlier>(?<!\w)before))"
    r"[ \t]*:?[ \t]*(?:tasks?[ \t]+)?[*_`\[(]{0,3}$",
    re.IGNORECASE,
)
_AND = at_first_use(r"[*_`\]]{0,3}[ \t]*(?:[,&+/]|and\b)[ \t]*(?:and[ \t]+)?[*_`\[(]{0,3}", re.IGNORECASE)
_MOST_MEMBERS = 10 * MOST_IN_RANGES
"""Members of all ranges of a file."""
_USER_STORY = at_first_use(
    r"User Story (?P<number>\d{1,4})[ \t]*(?:[-–—:][ \t]*|$)(?P<title>.*)", re.IGNORECASE
)
_PRIORITY = at_first_use(r"[ \t]*\((?:Priority:[ \t]*)?(?P<word>P\d)\)", re.IGNORECASE)
_STATUSES = {"[x]": "done", "[ ]": "todo"}


def recognize(sheet: Sheet) -> Traits | None:
    """The feature of a `spec.md`, and a `tasks.md` that has tasks."""
    page = sheet.page
    if page.path.endswith(_SPEC) and _is_spec(page):
        folder = _feature(page.path)
        named = None if folder is None else Scalar(folder, 0, 0)
        source = "none" if folder is None else "folder"
        return Traits(NAME, kind="feature", id=named, id_source=source, is_story=True, scoped=True)
    if page.path.endswith(_TASKS) and _file_name(page.path) == _TASKS and _has_tasks(page):
        return Traits(NAME, scoped=True)
    return None


def split(sheet: Sheet) -> Split | None:
    """The tasks of a `tasks.md`, the user stories of a `spec.md`."""
    page = sheet.page
    if page.path.endswith(_TASKS) and _file_name(page.path) == _TASKS and _has_tasks(page):
        traits = Traits(NAME, names=_NAMES, statuses=_STATUSES, kind="task", scoped=True)
        return Split(tuple(_tasks(page)), traits)
    if page.path.endswith(_SPEC) and _is_spec(page):
        return Split(tuple(_user_stories(page)), Traits(NAME, names=_NAMES, scoped=True, stateless=True))
    return None


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _feature(path: str) -> str | None:
    """The folder that is named like a feature: a number and words."""
    folder = path.rpartition("/")[0].rpartition("/")[2]
    return folder if _FEATURE.match(folder) else None


def _has_tasks(page: Page) -> bool:
    return "] T" in page.text or "] **T" in page.text or "] `T" in page.text


def _is_spec(page: Page) -> bool:
    if _file_name(page.path) != _SPEC:
        return False
    top = page.text[page.start : page.start + _LONGEST_TOP]
    return "# Feature Specification" in top or "**Feature Branch**" in top


# -- tasks -------------------------------------------------------------------------------------------------


@dataclass
class _Task:
    """A task whose lines are still being read."""

    found: re.Match[str]
    line: int
    end: int
    places: dict[str, Node]  # the headings that it stands under
    parent: Reference | None  # the task around it
    needs: list[Reference] = field(default_factory=list)  # what the lines below it say

    @property
    def indent(self) -> int:
        return len(self.found["indent"])


def _tasks(page: Page) -> Iterator[Item]:
    anchors = Anchors()
    folder = _feature(page.path)
    about: dict[str, Node] = {} if folder is None else {"epic": Scalar(folder, 0, 0)}
    left = [_MOST_MEMBERS]
    for task in _task_lines(page, left):
        yield _task_item(page, task, about, anchors, left)


def _task_lines(page: Page, left: list[int]) -> Iterator[_Task]:
    """The tasks of a page, each with the indented lines below it; `left` as in `Place`."""
    places: dict[str, Node] = {}
    task: _Task | None = None
    outer: list[_Task] = []
    fence = ""
    for line, begin, end in _lines(page):
        text = page.text[begin:end]
        bare = text.lstrip(" \t")
        if fence or bare.startswith(("```", "~~~", "<!--")):
            fence = _fence(fence, bare)
            if task is not None and len(text) - len(bare) > task.indent:
                task.end = end
            continue
        found = _TASK.match(page.text, begin, end)
        if found is not None:
            if task is not None:
                yield task
            outer = [one for one in outer if one.indent < len(found["indent"])]
            around = _parent(outer[-1], page) if outer else None
            task = _Task(found, line, end, dict(places), around)
            outer.append(task)
        elif text.startswith("#"):
            if task is not None:
                yield task
            task, outer = None, []
            _note_heading(places, text, line)
        elif task is not None and bare.strip() and len(text) - len(bare) <= task.indent:
            yield task
            task, outer = None, []
        elif task is not None and bare.strip():
            task.end = end
            task.needs += _needs(text, 0, len(text), line, left)
    if task is not None:
        yield task


def _lines(page: Page) -> Iterator[tuple[int, int, int]]:
    """Number, begin and end (behind the line feed) of each line."""
    text, begin, line = page.text, page.start, page.line
    while begin < len(text):
        found = text.find("\n", begin)
        end = len(text) if found < 0 else found + 1
        yield line, begin, end
        begin, line = end, line + 1


def _fence(fence: str, bare: str) -> str:
    """What ends the fence or comment that is open behind this line, '' for none."""
    if bare.startswith("<!--") and not fence:
        fence = "-->"
    elif not fence:
        return bare[:3]
    return "" if (fence in bare if fence == "-->" else bare.startswith(fence)) else fence


def _note_heading(places: dict[str, Node], text: str, line: int) -> None:
    """A heading of the second level is a phase, a deeper one a part of it."""
    bare = text.lstrip("#")
    level = len(text) - len(bare)
    title = bare.strip()
    if level <= 2:
        places.clear()
    if title and level >= 2:
        places["phase" if level == 2 else "section"] = Scalar(title, line, text.index(title) + 1)


def _task_item(page: Page, task: _Task, about: dict[str, Node], anchors: Anchors, left: list[int]) -> Item:
    found, text = task.found, page.text
    begin = text.rfind("\n", 0, found.start("id")) + 1
    line_end = text.find("\n", begin)
    line_end = len(text) if line_end < 0 else line_end

    def scalar(value: str, at: int) -> Scalar:
        return Scalar(value, task.line, at - begin + 1)

    fields: dict[str, Node] = {"id": scalar(found["id"], found.start("id"))}
    fields["status"] = scalar(found["box"], found.start("box"))
    labels: list[Node] = []
    references: list[Reference] = []
    at = found.end()
    while at < line_end and (tag := _TAG.match(text, at, line_end)) is not None:
        stories = _STORY_TAG.findall(tag[1])
        if stories and _STORY_TAG.sub("", tag[1]).strip(" ,/&+") == "":
            references += [
                _reference("parent", one, task.line, text.index(one, at) - begin + 1) for one in stories
            ]
        elif stated := _needs(text[begin:line_end], tag.start() - begin, tag.end() - begin, task.line, left):
            references += stated
        else:
            labels.append(scalar(tag[1], tag.start(1)))
        at = tag.end()
    if labels:
        fields["labels"] = Sequence(tuple(labels), task.line, found.end() - begin + 1)
    title = text[at:line_end].strip()
    if title:
        fields["title"] = scalar(title, at)
    if task.parent is not None and all(one.relation != "parent" for one in references):
        references.append(task.parent)
    references += _needs(text[begin:line_end], at - begin, line_end - begin, task.line, left)
    head = Head(NAME, "list_item", {**fields, **about, **task.places}, 0, 0, 0)
    anchor = anchors.give(found["id"])
    return Item(anchor, head, begin, task.end, task.line, references=(*references, *task.needs))


def _parent(outer: _Task, page: Page) -> Reference:
    at = outer.found.start("id")
    col = at - page.text.rfind("\n", 0, at)
    return _reference("parent", outer.found["id"], outer.line, col)


def _needs(text: str, begin: int, end: int, line: int, left: list[int]) -> list[Reference]:
    """What text[begin:end] of a line says to depend on or to block: "(depends on T003, T004–T007)"."""
    place = Place(text, line, 1, "depends_on", left)
    found: list[Reference] = []
    behind, relation = begin, ""
    for name in _NAMED.finditer(text, begin, end):
        start, stop = name.span()
        if start < behind:
            continue  # within a range
        span = range_at(text, start, end)
        stop = stop if span is None else span.end
        if span is None and _PART.match(text, stop):
            behind, relation = stop, ""
            continue
        said = _relation(text, behind, start, stop)
        if said is not None or not relation or _AND.fullmatch(text, behind, start) is None:
            relation = said or ""
        if relation:
            named = Named(None, name[0], None, None if span is None else span.members)
            found += place.references(start, stop, named, "declared", relation)
        behind = stop
    return found


def _relation(text: str, begin: int, start: int, stop: int) -> str | None:
    """The relation that the words before an id state, '' when they deny one, None without such words."""
    turn = turn_at(text, begin, (start, stop), stop)
    if turn:
        return "blocks" if turn == "inverse" else ""
    cue = _NEEDS.search(text[max(begin, start - _NEAR) : start])
    if cue is None or (cue["earlier"] and not cue["no"]):
        return None
    until = "until" in (cue["between"] or "").casefold()
    return "" if cue["no"] and cue["cue"] and not until else "depends_on"


def _reference(relation: str, story_id: str, line: int, col: int) -> Reference:
    return Reference(relation, story_id, line, col, None, story_id, key(story_id), None, "declared")


# -- user stories ------------------------------------------------------------------------------------------


def _user_stories(page: Page) -> Iterator[Item]:
    headings = headings_of(page)
    chosen = [
        index
        for index, heading in enumerate(headings)
        if heading.level > 1 and _USER_STORY.match(heading.text) is not None
    ]
    anchors = Anchors()
    line, counted = page.line, page.start
    for section in sections_of(headings, chosen, len(page.text)):
        heading = headings[section.heading]
        line += page.text.count("\n", counted, heading.begin)
        counted = heading.begin
        head = _story_head(heading, line)
        anchor = anchors.give(f"us{_number(heading)}")
        yield Item(anchor, head, heading.begin, section.end, line, section.labels_end)


def _number(heading: Heading) -> str:
    found = _USER_STORY.match(heading.text)
    assert found is not None
    return found["number"]


def _story_head(heading: Heading, line: int) -> Head:
    """`User Story 1 - Title (Priority: P1)` as the fields of `US1`."""
    found = _USER_STORY.match(heading.text)
    assert found is not None
    title = found["title"]
    fields: dict[str, Node] = {"id": Scalar(f"US{found['number']}", line, heading.col(0))}
    priority = _PRIORITY.search(title[-200:])
    if priority is not None:
        cut = max(len(title) - 200, 0)
        at = found.start("title") + cut + priority.start("word")
        fields["priority"] = Scalar(priority["word"], line, heading.col(at))
        title = title[: cut + priority.start()] + title[cut + priority.end() :]
    if title.strip():
        fields["title"] = Scalar(title.strip(), line, heading.col(found.start("title")))
    return Head(NAME, "header", fields, 0, 0, 0)
