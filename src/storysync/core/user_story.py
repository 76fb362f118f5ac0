"""The sentence "As a … I want … So that …", bold or plain, on one line or several, in some languages."""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from storysync.core.outline import Outline
from storysync.core.patterns import at_first_use
from storysync.core.sections import Span, plain


class UserStory(NamedTuple):
    """The three parts without their lead words; None where the text has none."""

    role: str | None
    want: str | None
    benefit: str | None


class _Language(NamedTuple):
    """`leads` are cheaper to look for than the pattern of the role."""

    leads: tuple[str, ...]
    role: re.Pattern[str]
    want: re.Pattern[str]
    benefit: re.Pattern[str]


NO_USER_STORY = UserStory(None, None, None)

_LANGUAGES = (
    _Language(
        ("As a", "As the", "AS A", "AS THE"),
        re.compile(r"A(?:s (?:an?|the)|S (?:AN?|THE))(?=[\s*_:])"),
        re.compile(r"I(?<!\wI)[*_]{0,3} (?:[Ww]ant|[Nn]eed|WANT|NEED)\b"),
        re.compile(r"[Ss](?<!\w[Ss])[Oo] (?:[Tt]hat|THAT)\b"),
    ),
    _Language(
        ("En tant qu", "En tant\xa0qu"),
        at_first_use(r"En tant\sq(?:ue\b|u['’])"),
        at_first_use(r"\b[Jj]e[*_]{0,3} (?:veux|souhaite|voudrais|peux|dois)\b"),
        at_first_use(r"\b[Aa]fin (?:de\b|d['’]|qu['’e])|\b[Pp]our qu['’e]"),
    ),
    _Language(
        ("Como ", "Como*", "COMO "),
        at_first_use(r"(?:Como|COMO)(?=[\s*_:])(?:[*_:]{0,3}\s(?:uma?|o|a|un|el|la)\b)?"),
        at_first_use(
            r"\b(?:[Ee]u )?(?:[Qq]uero|[Gg]ostaria|[Dd]esejo|[Pp]reciso|[Qq]uiero|[Dd]eseo|[Nn]ecesito)\b"
        ),
        # "para" alone is inside of many wishes, so that it must begin a line or follow a comma
        at_first_use(
            r"\b(?:[Pp]ara que|[Aa] fim de)\b"
            r"|(?:^[ \t>]*(?:[-*+][ \t]+)?[*_]{0,3}|,[ \t]+)[Pp]ara(?: que)?\b",
            re.MULTILINE,
        ),
    ),
    _Language(
        ("Als ",),
        at_first_use(r"Als(?=[\s*_:])(?:[*_:]{0,3}\s(?:een|eine?|der|die|de)\b)?"),
        at_first_use(r"\b(?:wil ik|ik wil|möchte ich|will ich|ich möchte|ich will)\b"),
        at_first_use(r"\b(?:zodat|sodass|damit|so dass)\b"),
    ),
    _Language(
        ("作为", "作為"),
        at_first_use(r"作[为為](?:一[名个位個])?"),
        at_first_use(r"我(?:希望|想要|想|需要|要)"),
        at_first_use(r"以便于?|从而|這樣|这样"),
    ),
)  # fmt: skip
_END = re.compile(r"\n[ \t>]*(?:\n|$)|\n[ \t]*(?:#{1,6}[ \t]|```|~~~|[-*+][ \t]|\d{1,9}[.)][ \t]|\||---)")
_BLANK_LINE = re.compile(r"\n[ \t>]*(?=\n)")
_LINE_BEGIN = re.compile(r"[ \t>]*(?:[-*+][ \t]+)?")
_LEAD = " \t>*_-+"
_LONGEST = 3000
_MOST_TRIES = 50
_SECTIONS = frozenset(
    ("user story", "story", "user stories", "overview", "story statement", "description", "summary",
     "story description", "story overview", "história", "historia", "história de usuário", "用户故事",
     "récit")
)  # fmt: skip


def user_story(text: str, outline: Outline, sections: list[Span]) -> UserStory:
    """The first user story below a heading such as "User Story", else the first of the text.

    A label in front of it (`- **Overview**: As a …`) counts like a heading.
    """
    for language in _LANGUAGES:
        if any(lead in text for lead in language.leads):
            told = _in_language(language, text, outline, sections)
            if told is not None:
                return told
    return NO_USER_STORY


def _in_language(language: _Language, text: str, outline: Outline, sections: list[Span]) -> UserStory | None:
    first: UserStory | None = None
    for found in islice(language.role.finditer(text), _MOST_TRIES):
        begin = text.rfind("\n", 0, found.start()) + 1
        before = text[begin : found.start()].strip(_LEAD)
        labelled = before.endswith((":", "：")) and len(before) < 64 and plain(before) in _SECTIONS
        if before and not labelled:
            continue  # in the middle of a sentence
        row = text.count("\n", 0, begin)
        if row in outline.code:
            continue
        told = _told(language, text, found.end())
        if told is None:
            continue
        if labelled or any(span.begin <= row < span.end and _is_story_section(span) for span in sections):
            return told
        first = first or told
    return first


def _is_story_section(span: Span) -> bool:
    return len(span.heading.text) < 64 and plain(span.heading.text) in _SECTIONS


def _told(language: _Language, text: str, begin: int) -> UserStory | None:
    """The three parts of a sentence whose role begins at `begin`, None when nothing is wanted."""
    limit = min(len(text), begin + _LONGEST)
    heading = text.find("\n#", begin, limit)
    if heading >= 0:
        limit = heading
    want = language.want.search(text, begin, limit)
    if want is None or not _goes_on(text[begin : want.start()]):
        return None
    role = _value(text[begin : want.start()])
    if role is not None and ": " in role and "(" not in role:
        return None  # "Como funciona: …" explains something
    benefit = language.benefit.search(text, want.end(), limit)
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
        first, *others = part.split("\n")
        part = " ".join([first, *[_LINE_BEGIN.sub("", line, count=1) for line in others]])
    flat = " ".join(part.replace("**", "").split())
    flat = flat.removeprefix("* ").removesuffix(" *").strip(" \t:_").strip(",，、").rstrip("。;>-+ \t")
    if flat.count("*") % 2:
        flat = flat.strip("* ")
    return flat.rstrip(",， ") or None
