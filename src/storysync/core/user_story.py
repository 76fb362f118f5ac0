"""The sentence "As a … I want … So that …", bold or plain, on one line or several."""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from storysync.core.outline import Outline
from storysync.core.sections import Span, plain


class UserStory(NamedTuple):
    """The three parts without their lead words; None where the text has none."""

    role: str | None
    want: str | None
    benefit: str | None


NO_USER_STORY = UserStory(None, None, None)

_ROLE = re.compile(r"A(?:s (?:an?|the)|S (?:AN?|THE))(?=[\s*_:])")
_LEADS = ("As a", "As the", "AS A", "AS THE")  # cheaper to look for than the pattern
_WANT = re.compile(r"I(?<!\wI)[*_]{0,3} (?:[Ww]ant|[Nn]eed|WANT|NEED)\b")
_BENEFIT = re.compile(r"[Ss](?<!\w[Ss])[Oo] (?:[Tt]hat|THAT)\b")
_END = re.compile(r"\n[ \t>]*(?:\n|$)|\n[ \t]*(?:#{1,6}[ \t]|```|~~~|[-*+][ \t]|\d{1,9}[.)][ \t]|\||---)")
_BLANK_LINE = re.compile(r"\n[ \t>]*(?=\n)")
_LINE_BREAK = re.compile(r"\s*\n[ \t>]*(?:[-*+][ \t]+)?")
_LEAD = " \t>*_-+"
_LONGEST = 3000
_MOST_TRIES = 50
_SECTIONS = frozenset(
    ("user story", "story", "user stories", "overview", "story statement", "description", "summary",
     "story description", "story overview")
)  # fmt: skip


def user_story(text: str, outline: Outline, sections: list[Span]) -> UserStory:
    """The first user story below a heading such as "User Story", else the first of the text."""
    first: UserStory | None = None
    if not any(lead in text for lead in _LEADS):
        return NO_USER_STORY
    for found in islice(_ROLE.finditer(text), _MOST_TRIES):
        begin = text.rfind("\n", 0, found.start()) + 1
        if text[begin : found.start()].strip(_LEAD):
            continue  # in the middle of a sentence
        row = text.count("\n", 0, begin)
        if row in outline.code:
            continue
        told = _told(text, found.end())
        if told is None:
            continue
        if any(span.begin <= row < span.end and _is_story_section(span) for span in sections):
            return told
        first = first or told
    return first or NO_USER_STORY


def _is_story_section(span: Span) -> bool:
    return len(span.heading.text) < 64 and plain(span.heading.text) in _SECTIONS


def _told(text: str, begin: int) -> UserStory | None:
    """The three parts of a sentence whose role begins at `begin`, None when nothing is wanted."""
    limit = min(len(text), begin + _LONGEST)
    heading = text.find("\n#", begin, limit)
    if heading >= 0:
        limit = heading
    want = _WANT.search(text, begin, limit)
    if want is None or not _goes_on(text[begin : want.start()]):
        return None
    role = _value(text[begin : want.start()])
    benefit = _BENEFIT.search(text, want.end(), limit)
    if benefit is not None and not _goes_on(text[want.end() : benefit.start()]):
        benefit = None
    if benefit is None:
        return UserStory(role, _value(text[want.end() : _end(text, want.end(), limit)]), None)
    wanted = _value(text[want.end() : benefit.start()])
    return UserStory(role, wanted, _value(text[benefit.end() : _end(text, benefit.end(), limit)]))


def _goes_on(part: str) -> bool:
    """Whether a part may reach up to the next lead word: a blank line only right before that word."""
    pieces = _BLANK_LINE.split(part)
    return len(part) <= 1000 and all(not piece.strip(_LEAD + "\n") for piece in pieces[1:])


def _end(text: str, begin: int, limit: int) -> int:
    found = _END.search(text, begin, limit)
    return found.start() if found else limit


def _value(part: str) -> str | None:
    """A part on one line, without emphasis and commas around it."""
    if "\n" in part:
        part = _LINE_BREAK.sub(" ", part)
    flat = " ".join(part.replace("**", "").split())
    flat = flat.removeprefix("* ").removesuffix(" *").strip(" \t:_").rstrip(",;>-+ \t")
    if flat.count("*") % 2:
        flat = flat.strip("* ")
    return flat.rstrip(", ") or None
