"""Story ids: the claim as written, and the key that is compared (DESIGN section 4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

_NUMERIC = re.compile(r"[0-9]+(?:[-.][0-9]+)+")
_LAST_DIGITS = re.compile(r"(^|[-.])0+([0-9]+)$")


@lru_cache(maxsize=4096)
def key(story_id: str) -> str:
    """The compared form of an id.

    Case is folded, `_` and blanks become `-`, `1-10` of pure numbers becomes `1.10`, and leading zeros
    of a last segment that is all digits are dropped: `INF_013` and `inf-13` are one key. So are `Epic #3`
    and `EPIC-3`.
    """
    folded = "-".join(story_id.casefold().replace("_", " ").replace(" #", " ").split())
    if _NUMERIC.fullmatch(folded):
        folded = folded.replace("-", ".")
    return _LAST_DIGITS.sub(r"\1\2", folded)


_TYPED = re.compile(r"([a-z]+)-([0-9]+(?:[-.][0-9]+)*[a-z]?)")
_BARE = re.compile(r"[0-9]+(?:\.[0-9]+)*[a-z]?")
_SLUGGED = re.compile(r"([a-z]+(?:-[a-z]+){0,4}-[0-9]+)-[a-z][a-z0-9-]*")
_AFTER_PREFIX = re.compile(r"-([0-9]+(?:[-.][0-9]+)*[a-z]?)")
_TYPE_WORDS = frozenset(
    ("story", "userstory", "us", "task", "tsk", "subtask", "issue", "bug", "ticket", "chore", "spike", "eip")
)
"""Words that only tell the type of what a number names; epics and features are counted by themselves."""
_SAME_WORD = {"feat": "feature", "feature": "feat"}
_BACKLOG_TOOL = re.compile(r"(?:^|/)backlog/(?:archive/)?(?:tasks|completed)/[^/]*$")
"""Where the tool Backlog.md keeps tasks; it calls them `task-12` until a project names another prefix."""


def prefix_keys(own: str, word: str, path: str, prefixes: Mapping[str, str]) -> tuple[str, ...]:
    """The keys that the story of key `own` answers to as well, when no story is called so itself.

    A slug behind the number may be left out (`ui-2-sales-page` answers to `ui-2`), and the word before it
    counts little (DIALECTS.md section 6): `story-22.1` answers to `22.1`, and `22.1` to `<word>-22.1`,
    where `word` is the story's kind or the name of its id's field (`eip`).
    `prefixes` are the project's words -> the prefix that is written for each: with `{"task": "back"}`
    the story `back-12` answers to `task-12`.
    """
    if _BARE.fullmatch(own):
        return (f"{word}-{own}",) if word else ()
    slugged = _SLUGGED.fullmatch(own) if own.count("-") > 1 else None
    found = [key(slugged[1])] if slugged is not None else []
    typed = _TYPED.fullmatch(own)
    if typed is not None:
        if typed[1] in _TYPE_WORDS:
            found.append(key(typed[2]))
        elif typed[1] in _SAME_WORD:
            found.append(f"{_SAME_WORD[typed[1]]}-{typed[2]}")
        if typed[1] != "task" and "backlog/" in path and _BACKLOG_TOOL.search(path):
            found += (f"task-{typed[2]}", key(typed[2]))
    for other, prefix in prefixes.items():
        written = key(prefix.rstrip("-_ "))
        rest = _AFTER_PREFIX.fullmatch(own, len(written)) if own.startswith(written) else None
        if rest is not None:
            found += (key(f"{other}-{rest[1]}"), key(rest[1]))
    return tuple(dict.fromkeys(one for one in found if one != own)) if found else ()
