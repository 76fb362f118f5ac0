"""The file at hand while it is judged: its heads, its body, the rules, and the problems found so far."""

from __future__ import annotations

from typing import NamedTuple

from storysync.core.body import Body
from storysync.core.dialects.base import PLAIN, Head, Traits
from storysync.core.fields import FieldNames
from storysync.core.folders import Folders
from storysync.core.gather import Fields, Value, gather, shown
from storysync.core.headings import Heading, read_heading
from storysync.core.problems import problem
from storysync.core.story import Problem
from storysync.core.words import Words, has_no_value, is_placeholder
from storysync.settings import ReadingSettings

_NO_HEADING = Heading(None, 0, "", None)


class Rules:
    """A project's settings, prepared for reading many files."""

    def __init__(self, settings: ReadingSettings, *, lean: bool = False) -> None:
        self.lean = lean  # criteria and user stories are left unread
        self.words = Words(settings)
        self.names = FieldNames(settings)
        self.folders = Folders(settings)
        self.timezone = settings.timezone
        self.date_order = settings.date_order
        self.id_prefixes = settings.id_prefixes
        self.dialect = settings.dialect
        self.scope_is_folder = settings.id_scope == "folder"
        self.max_file = settings.max_file_kb * 1024
        self.max_front_matter = settings.max_front_matter_kb * 1024


class Claim(NamedTuple):
    """The id of a story, where it was found, and which source it came from."""

    id: str | None
    source: str
    line: int
    col: int


class JudgedFile:
    """The file at hand, and the problems found so far. One instance a file."""

    def __init__(
        self,
        path: str,
        heads: list[Head],
        body: Body,
        rules: Rules,
        problems: list[Problem],
        traits: Traits = PLAIN,
    ) -> None:
        self.path = path
        self.heads = heads
        self.body = body
        self.rules = rules
        self.problems = problems
        self.traits = traits
        self.fields: Fields = gather(heads, rules.names, traits.names)
        self.heading = read_heading(body.h1.text) if body.h1 is not None else _NO_HEADING

    def report(self, code: str, message: str, place: Value | Claim | None = None) -> None:
        line, col = (place.line, place.col) if place is not None else (0, 0)
        self.problems.append(problem(code, message, line, col))

    def text(self, field: str) -> str | None:
        """The text of a single field; None when it is missing, says nothing or is a placeholder."""
        value = self.fields.single.get(field)
        if value is None or not value.text:
            return None
        if is_placeholder(value.text):
            self.report("placeholder", f"`{value.name}` is still the placeholder {shown(value.text)}", value)
            return None
        return value.text

    def one_line(self, field: str) -> str | None:
        """Like `text`, without quotes of code, and None for `TBD` and the like."""
        text = self.text(field)
        if text is None:
            return None
        text = " ".join(text.split()).strip("`").strip()
        return None if has_no_value(text) else text
