"""Ids and titles in first headings and file names.

An id in a heading must look like one: `Story 22.1: …`, `INF-013: …`, `Story S02 — …`. File names are
looser, since they count only when the file itself says that it is a story (DIALECTS.md section 2).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from storysync.core import word_lists
from storysync.core.folding import without_markup, without_symbols
from storysync.core.names import is_story_like

_LONGEST = 1000  # characters of a heading that are looked at
_WORDS = "|".join(sorted(word_lists.HEADING_WORDS.split("|"), key=len, reverse=True)).replace(" ", r"\s+")
_NUMBER_ID = r"[A-Za-z]{0,8}[-_]?\d+[a-z]?(?:[.-]\d+[a-z]?)*"
_PREFIX_ID = r"[A-Za-z][A-Za-z0-9]*(?:[-_][A-Za-z][A-Za-z0-9]*){0,4}[-_]\d+[A-Za-z]?(?:[.-]\d+[a-z]?)*"
_SLUG = r"(?:[-_][A-Za-z0-9]+){0,12}"
_BETWEEN = r"(?:\s*[:：|]\s*|\s+[-–—]+\s+|\s*[–—]\s*)"
_END = rf"(?:\]?(?:{_BETWEEN}|\s*$)|\]\s+)"
_WORD_FIRST = re.compile(
    rf"\[?({_WORDS})(?:\s+|\s*[#:]\s*|\s+#|[-_])#?(?:\[?)({_PREFIX_ID}|{_NUMBER_ID}){_END}", re.IGNORECASE
)
_PREFIX_FIRST = re.compile(rf"\[?({_PREFIX_ID}{_SLUG}){_END}")
_TYPED_FIRST = re.compile(
    r"((?:US|STORY|TASK|TSK|EPIC|FEAT|BUG|SPIKE)-\d+[A-Za-z]?(?:[.-]\d+)*)\s+(?=[^\W\d_])"
)
_STRONG_FIRST = re.compile(
    r"([A-Z][A-Z0-9]{1,15}(?:-[A-Z][A-Z0-9]{0,15}){0,4}-\d{1,9})\s+(?=[^\W\d_])"
    r"(?!(?:and|or|to|vs|versus|is|was|for|in|of|on|et|und)\b)"
)
_STRUCK = re.compile(r"(?<=\w)(~~)(?=\w)|~~")
_STORY_ANYWHERE = re.compile(r"\bstory\s+#?(\d+(?:\.\d+)+[a-z]?)\b\s*[:–—-]*\s*", re.IGNORECASE)
_WORD_ALONE = re.compile(rf"({_WORDS})\s*:\s+", re.IGNORECASE)

_STEM_ID = re.compile(rf"({_PREFIX_ID}|[A-Za-z]{{0,3}}\d+[a-z]?(?:[.-]\d+)*)(?=$|[-_. ])")
_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}")
_NUMBERS = re.compile(r"\d+")
_LETTERS = re.compile(r"[A-Za-z]+")
_ID_SHAPE = re.compile(rf"(?:{_PREFIX_ID}|{_NUMBER_ID})")

_KINDS = {word: kind for kind, words in word_lists.ID_PREFIXES.items() for word in words.split("|")} | {
    "user story": "story",
    "issue": "story",
    "ticket": "story",
    "subtask": "task",
    "chore": "task",
}
_NO_STORIES = frozenset(
    ("phase", "sprint", "step", "week", "day", "part", "version", "release", "chapter", "section", "appendix",
     "adr", "utf", "gpt", "iso", "sha", "rfc", "covid", "cve")
)  # fmt: skip
"""Words with a number that head chapters, notes and standards, not stories."""
_TYPE_WORDS = frozenset(_KINDS) | {"back", "item", "todo"}


class Heading(NamedTuple):
    """What a first heading says. `offset` is where the id begins in the heading's text."""

    id: str | None
    offset: int
    title: str
    kind: str | None


def read_heading(text: str) -> Heading:
    """Id, title and kind of a first heading. The title is never empty when the text is not."""
    return _read_heading(text[:_LONGEST])


@lru_cache(maxsize=1024)
def _read_heading(text: str) -> Heading:
    bare = _STRUCK.sub(lambda mark: " " if mark[1] else "", text) if "~~" in text else text
    clean = " ".join(without_symbols(without_markup(bare)).split())
    found = _STORY_ANYWHERE.search(clean) if "tory" in clean.lower() else None
    if found:  # `Epic 5 - Story 5.1: …` is the story
        return _heading(text, found[1], clean[found.end() :] or clean, "story")
    found = _WORD_FIRST.match(clean)
    if found:
        # `Story-22.1` and `STORY-019` are ids as they stand, `Story 22.1` is an id behind a word.
        joined = clean[found.end(1)] in "-_" and clean[found.end(1) : found.start(2)] in ("-", "_")
        story_id = clean[found.start(1) : found.end(2)] if joined or _is_counted(found) else found[2]
        kind = _KINDS.get(" ".join(found[1].casefold().split()))
        return _heading(text, story_id, clean[found.end() :] or clean, kind)
    found = _TYPED_FIRST.match(clean)
    if found:  # `US-21 Filters`: such letters name nothing but stories, so that no colon is needed
        return _heading(text, found[1], clean[found.end() :], None)
    found = _PREFIX_FIRST.match(clean) or _strong_first(clean)
    if found and _LETTERS.match(clean.lstrip("["))[0].casefold() not in _NO_STORIES:  # type: ignore[index]
        return _heading(text, found[1], clean[found.end() :] or clean, None)
    word = _WORD_ALONE.match(clean)
    kind = _KINDS.get(" ".join(word[1].casefold().split())) if word else None
    return Heading(None, 0, (clean[word.end() :] if word else "") or clean or text, kind)


def _strong_first(clean: str) -> re.Match[str] | None:
    """`INF-013 Fix it`: capitals and a number need no colon, unless they are a standard such as UTF-8."""
    found = _STRONG_FIRST.match(clean)
    return found if found and is_story_like(found[1]) else None


def _is_counted(found: re.Match[str]) -> bool:
    """Whether the word is part of the id: epics and features are counted apart from stories.

    `Epic 3` is not `Story 3`, but `Epic 3.1` can only be a story of it.
    """
    word, number = found[1].casefold(), found[2]
    return number[0].isdigit() and (word == "feature" or (word == "epic" and "." not in number))


def _heading(text: str, story_id: str, title: str, kind: str | None) -> Heading:
    return Heading(story_id, max(text.find(story_id), 0), title, kind)


def kind_of_id(story_id: str) -> str | None:
    """The kind that the letters before the first number tell: `EPIC-IM-001` is an epic."""
    found = _LETTERS.match(story_id)
    return _KINDS.get(found[0].casefold()) if found else None


def is_folder_page(path: str) -> bool:
    """Whether a file stands for its folder, so that the folder's name is its name: README or index."""
    name = path.rpartition("/")[2]
    return name.rpartition(".")[0].casefold() in ("readme", "index") and "/" in path


def _stem(path: str) -> str:
    """The name of a file without its ending, or of the folder that it stands for."""
    if is_folder_page(path):
        return path.rsplit("/", 2)[-2]
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[0]


def id_of_file_name(path: str) -> str | None:
    """The id that a file name begins with, as spelled there; None for dates and plain words."""
    stem = _stem(path)
    found = _STEM_ID.match(stem)
    return found[1] if found and not _DATE.match(stem) else None


def title_of_file_name(path: str) -> str:
    """The words of a file name behind its id."""
    stem = _stem(path)
    found = _STEM_ID.match(stem)
    rest = stem[found.end() :] if found else stem
    return " ".join(re.sub(r"[-_.\s]+", " ", rest).split()) or stem or path


def same_id(one: str, other: str) -> bool:
    """Whether two ids of one file may be meant to be the same: type words and padding aside."""
    if one.casefold() == other.casefold():
        return True
    return _parts(one) == _parts(other) or _is_slug_of(one, other) or _is_slug_of(other, one)


def fits_file_name(story_id: str, path: str) -> bool:
    """Whether a file is named after this id, or after none.

    `22.1` fits `story-22.1-x`, `1-10-x` fits `1.10`, and `70.3` fits `epic-70-story-3`.
    """
    stem = _stem(path).casefold()
    if story_id[:5].casefold() in ("epic ", "featu"):
        story_id = "-".join(story_id.replace("#", " ").split())
    if stem.startswith(story_id.casefold()):
        return True
    if _ID_SHAPE.fullmatch(story_id) is None or id_of_file_name(path) is None:
        return True
    prefix, numbers = _parts(story_id)
    found = [int(number) for number in _NUMBERS.findall(stem[:200])[:10] if len(number) < 10]
    if tuple(found[: len(numbers)]) != numbers:
        return False
    named = _parts(id_of_file_name(path) or "")[0]
    return not prefix or not named or prefix == named or "-".join(prefix) in stem


def _parts(story_id: str) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Letters without type words, and numbers."""
    letters = tuple([word for word in _LETTERS.findall(story_id.casefold()) if word not in _TYPE_WORDS])
    return letters, tuple([int(number) for number in _NUMBERS.findall(story_id)[:10] if len(number) < 10])


def _is_slug_of(longer: str, shorter: str) -> bool:
    return longer.casefold().startswith(shorter.casefold()) and longer[len(shorter)] in "-_ "
