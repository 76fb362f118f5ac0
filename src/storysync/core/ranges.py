"""Ranges of ids: `Stories 1-4`, `4.1-4.6`, `STORY-1 to STORY-4`, `T001–T005` (DIALECTS section 6).

A range is one statement about each of its members. Which of them exist is decided when it is resolved:
a range whose members do not all exist names no story at all, since nobody knows then what was meant.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from storysync.core.patterns import at_first_use

MOST_MEMBERS = 50

_PREFIX = r"(?:[A-Za-z][A-Za-z0-9]{0,30}[-_]){0,5}[A-Za-z]{0,8}"
_NUMBERS = r"[0-9]{1,9}(?:\.[0-9]{1,9}){0,5}"
_SINGULAR = r"story|task|issue|bug|spike|ticket|hist[óo]ria|tarefa|tâche"
_PLURAL = r"stories|tasks|issues|bugs|spikes|tickets|hist[óo]rias|tarefas|tâches"
_COUNTED = r"epics?|features?"
_ENDS = r"*_`~\[\]"
_RANGE = at_first_use(
    rf"(?:(?P<word>{_PLURAL}|{_SINGULAR}|{_COUNTED})[ \t]+#?)?(?P<prefix>{_PREFIX})(?P<first>{_NUMBERS})"
    rf"(?P<between>[{_ENDS}]{{0,3}}(?:[ \t]*(?:[-–—~～]|\.\.\.?|…)[ \t]*"
    r"|[ \t]+(?:to|through|thru|until|bis|à|até|tot|t/m)[ \t]+|[ \t]*[至到][ \t]*)"
    rf"[{_ENDS}]{{0,3}})"
    rf"(?:(?P<again>{_PLURAL}|{_SINGULAR}|{_COUNTED})[ \t]+)?#?(?P<prefix2>{_PREFIX})(?P<last>{_NUMBERS})"
    r"(?![\w/]|[.-]\w)",
    re.IGNORECASE,
)
_WORD_KINDS = ((re.compile(_PLURAL, re.I), "plural"), (re.compile(_COUNTED, re.I), "counted"))


class Range(NamedTuple):
    """A range in a text, up to `end`. No members: its ends do not tell what lies between them."""

    end: int
    members: tuple[str, ...]
    bare: bool  # numbers only, `4.1-4.6`


def range_at(text: str, begin: int, end: int, said: str = "") -> Range | None:
    """The range that text[begin:] begins with; `said` is the word before the names before it.

    `Story 1-4` is no range but an id, as BMAD writes 1.4; `Story 0.8-0.12`, `Stories 1-4` and `Epic 1-5`
    are. A word between two numbers makes a range only when both are ids by their form.
    """
    if end - begin < 3:
        return None
    found = _RANGE.match(text, begin, min(end, begin + 300))
    if found is None:
        return None
    word = found["word"] or ("" if found["prefix"] else said)
    if not _is_range(found, word):
        return None
    prefix = found["prefix"]
    if not prefix and (counted := word_before_number(word)):
        prefix = f"{counted} "
    return Range(found.end(), _members(prefix, found["first"], found["last"]), not word and not prefix)


def word_before_number(word: str) -> str:
    """The word that is part of the id: epics and features are counted by themselves, stories are not."""
    bare = word.casefold().rstrip("s")
    return bare.capitalize() if bare in ("epic", "feature") else ""


def _kind(word: str) -> str:
    if not word:
        return ""
    return next((kind for pattern, kind in _WORD_KINDS if pattern.fullmatch(word)), "singular")


def _is_range(found: re.Match[str], word: str) -> bool:
    again, prefix, prefix2 = found["again"], found["prefix"], found["prefix2"]
    if not word and not _says_ids(prefix, found["first"], found["last"]):
        return False
    if prefix2 and prefix2.casefold() != prefix.casefold():
        return False
    if again and (not word or word_before_number(word) != word_before_number(again)):
        return False
    between = found["between"].strip(" \t*_`~[]") or "~"
    spaced = found["between"][0] in " \t" or found["between"][-1] in " \t"
    dotted = "." in found["first"] and "." in found["last"]
    whole = bool(prefix2) or bool(again) or _kind(word) == "plural"
    if between.isalpha() or between == "t/m":
        return whole or dotted
    if between == "-":
        return whole or dotted or (_kind(word) == "counted" and not spaced)
    return whole or dotted or (not spaced and bool(word or prefix))


def _says_ids(prefix: str, first: str, last: str) -> bool:
    """Whether names without a word before them are ids: STORY-1, T001, US1, 4.1; not H1, 0.14.0 or 2024."""
    if not prefix:
        return first.count(".") == last.count(".") == 1 and first.split(".")[0] == last.split(".")[0]
    return prefix[-1] in "-_" or len(first) >= 3 or prefix.casefold() in ("us", "t", "s")


def _members(prefix: str, first: str, last: str) -> tuple[str, ...]:
    stem, _, low = first.rpartition(".")
    stem2, _, high = last.rpartition(".")
    if stem2 and stem2 != stem:
        return ()
    count = int(high) - int(low) + 1
    if not 1 < count <= MOST_MEMBERS:
        return ()
    dot = "." if stem else ""
    return tuple(
        f"{prefix}{stem}{dot}{str(number).zfill(len(low))}" for number in range(int(low), int(high) + 1)
    )
