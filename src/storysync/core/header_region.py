"""The parts of a page in which a Markdown header may stand, and what its readers share.

The *header region* runs from the first-level heading (or the top) to the first `## ` heading, `---` line or
code fence; a `---` above the first mark of the header does not end it. A section such as `## Metadata` or
`## Task Information` among the first three is a region too (DIALECTS.md sections 1 and 3). Comments are
blanked out, so that every offset is still that of the page.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from storysync.core.dialects.base import Page, Sheet, Traits
from storysync.core.fields import FieldNames
from storysync.core.folding import fold_name
from storysync.core.names import begins_with_name
from storysync.core.problems import problem
from storysync.core.sections import meaning, plain
from storysync.core.story import Problem
from storysync.core.yaml_events import Node, Scalar, Sequence
from storysync.settings import ReadingSettings

LONGEST = 6000
"""Characters behind the start of a page in which a header is looked for."""
SOURCE = "header"
"""The word of `id_source` for ids in any Markdown header."""
BMAD_V4 = "bmad_v4"

_SECTIONS = frozenset(
    ("metadata", "story metadata", "metadados", "métadonnées", "information", "story information",
     "story info", "story overview", "task overview", "epic overview",
     "task information", "task info", "epic information", "bug information",
     "feature information", "story details", "task details", "details", "story header", "header",
     "tracking", "元数据", "基本信息", "메타데이터", "基本資訊")
)  # fmt: skip
_MOST_SECTIONS = 3
_MOST_PROBLEMS = 20
_END = re.compile(r"^(?:##[^#]|---+[ \t]*$|```|~~~)", re.MULTILINE)
_SECTION_END = re.compile(r"^(?:#{1,6}[ \t]|---+[ \t]*$|```|~~~)", re.MULTILINE)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NOT_LINE_END = re.compile(r"[^\n]")
_BREAK = re.compile(r"(?:\\|<br ?/?>|<!--[^<>]*-->)$")
_SENTENCES = frozenset(
    ("as a", "as an", "as the", "as", "i want", "i want to", "so that", "want", "given", "when", "then",
     "como", "quero", "para", "en tant que", "je veux", "afin de", "作为", "我希望", "以便")
)  # fmt: skip
"""Labels that belong to a user story, not to the header."""
_RELATIVES = {
    **dict.fromkeys(("story", "feature", "user story", "historia", "funcionalidade"), "parent"),
    **dict.fromkeys(
        ("stories", "tasks", "features", "epics", "user stories", "historias", "tarefas"), "child"
    ),
}
"""Labels that state a parent or children when their values begin with the names of stories."""
_KNOWN = FieldNames(ReadingSettings())


class Region(NamedTuple):
    """A part of a page: `text` begins at `offset` of the page's text, in line `line` of the file."""

    text: str
    offset: int
    line: int

    def place(self, at: int) -> tuple[int, int]:
        """Line and column (from 1) of an offset within the region, which begins with a line."""
        return self.line + self.text.count("\n", 0, at), at - self.text.rfind("\n", 0, at)

    def scalar(self, value: str, at: int) -> Scalar:
        """A value that begins at an offset within the region."""
        return Scalar(value, *self.place(at))


class Fields:
    """The fields of one head as they are found: the first value of a label counts."""

    __slots__ = ("end", "known", "nodes", "problems")

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.problems: list[Problem] = []
        self.known = False  # whether one of the labels is a field of ours
        self.end = 0  # offset behind the last region that gave something

    def add(self, region: Region, label: str, node: Node) -> None:
        """Keep a field; another value of the same label is reported when it differs."""
        if label.casefold() in _SENTENCES or (meaning(label).criteria and not _all_names(node)):
            return
        self.end = region.offset + len(region.text)
        self.known = self.known or is_known(label)
        first = self.nodes.setdefault(label, node)
        if first is node or (
            isinstance(first, Scalar) and isinstance(node, Scalar) and first.text == node.text
        ):
            return
        if len(self.problems) < _MOST_PROBLEMS:
            message = f"`{label}` appears twice, the first one counts"
            self.problems.append(problem("duplicate-field", message, node.line, node.col))


class _Outline(NamedTuple):
    """Offsets in the text of a page: of the header, its end, the first sections, and of the end of those."""

    begin: int
    end: int  # of the header, at most; a break or a fence may end it before
    sections: tuple[tuple[int, int], ...]  # of metadata: begin and end, at most
    top: int  # end of the last section that was looked at
    blank: bool  # neither the header nor a section of metadata has any text


def regions(page: Page, *marks: str) -> list[Region]:
    """The header region and the sections of metadata, as far as they hold one of the marks."""
    outline, text = _outline(page), page.text
    found: list[Region] = []
    if outline.blank:
        return found
    for mark in marks:
        if text.find(mark, outline.begin, outline.end) >= 0:
            found += _region(page, outline.begin, _end(text, outline.begin, outline.end, mark), mark)
        for begin, end in outline.sections:
            ending = _SECTION_END.search(text, begin, end)
            found += _region(page, begin, ending.start() if ending else end, mark)
        if found:
            break
    return found


def end_of_top(page: Page) -> int:
    """The offset at which the first three sections below the header end, at most `LONGEST` characters on."""
    return _outline(page).top


_last: tuple[str, int, _Outline] = ("", -1, _Outline(0, 0, (), 0, True))


def _outline(page: Page) -> _Outline:
    """The outline of a page; remembered for the last one, since each reader of headers asks for it."""
    global _last
    text, start, outline = _last
    if text is not page.text or start != page.start:
        outline = _outlined(page.text, page.start)
        _last = (page.text, page.start, outline)
    return outline


def _outlined(text: str, start: int) -> _Outline:
    most = min(len(text), start + LONGEST)
    begin = start
    heading = start if text.startswith("# ", start) else text.find("\n# ", start, most) + 1
    if heading or text.startswith("# ", start):
        begin = text.find("\n", heading, most) + 1 or most
    section = text.find("\n## ", max(begin - 1, start), most)
    header_end = most if section < 0 else section + 1
    found: list[tuple[int, int]] = []
    for _ in range(_MOST_SECTIONS):
        end = text.find("\n", section + 4, most) if section >= 0 else -1
        if end < 0:
            section = -1
            break
        following = text.find("\n## ", end, most)
        if end - section < 50 and plain(text[section + 4 : end]) in _SECTIONS:
            found.append((end + 1, most if following < 0 else following + 1))
        section = following
    blank = not found and not text[begin:header_end].strip()
    return _Outline(begin, header_end, tuple(found), most if section < 0 else section, blank)


def _end(text: str, begin: int, most: int, mark: str) -> int:
    for found in _END.finditer(text, begin, most):
        if not found[0].startswith("---") or mark in text[begin : found.start()]:
            return found.start()
    return most


def _region(page: Page, begin: int, end: int, mark: str) -> list[Region]:
    text = page.text[begin:end]
    if "<!--" in text:
        text = _COMMENT.sub(lambda comment: _NOT_LINE_END.sub(" ", comment[0]), text)
    if mark not in text:
        return []
    return [Region(text, begin, page.line + page.text.count("\n", page.start, begin))]


def field_of(label: str) -> str | None:
    """The field that a label such as `Status` or `의존성` usually names; a project may name it otherwise."""
    found = _KNOWN.find(label)
    return found[0] if found else None


def is_known(label: str) -> bool:
    """Whether a label is one of the usual names of a field."""
    return _KNOWN.find(label) is not None


def trimmed(value: str) -> str:
    """A value without blanks and the marks of a line break behind it."""
    value = value.strip()
    if value.endswith(("\\", ">")):
        value = _BREAK.sub("", value).rstrip()
    return value


def traits_of(sheet: Sheet, dialect: str) -> Traits | None:
    """Traits of a file whose first head is written in `dialect`, None for others.

    A label such as `Story` or `Tasks` states relatives when each of its values begins with a name. A file
    whose status stands below `## Status` is BMAD, whatever else its labels give.
    """
    if not sheet.heads or sheet.heads[0].dialect != dialect:
        return None
    names: dict[str, str] = {}
    for label, node in sheet.heads[0].fields.items():
        folded = fold_name(label)
        relation = _RELATIVES.get(folded)
        if relation is not None and _all_names(node):
            names[folded] = relation
    stating = (head.dialect for head in sheet.heads for name in head.fields if field_of(name) == "status")
    return Traits(BMAD_V4 if next(stating, "") == BMAD_V4 else dialect, names=names)


def _all_names(node: Node) -> bool:
    """Whether a value is a name of a story, or a list of nothing else."""
    items = node.items if isinstance(node, Sequence) else (node,)
    return bool(items) and all(isinstance(one, Scalar) and begins_with_name(one.text, 0) for one in items)
