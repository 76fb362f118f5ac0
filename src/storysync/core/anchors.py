"""Anchors: the names of the stories that share a file, and which of them the fragment of a link means.

An anchor is made of the words that name the item (`t001`, `story-3.1`), so it stays while titles change.
Links are written as renderers make them: `epics.md#story-31-sign-in` means `story-3.1`, since a renderer
drops the dot and adds the title. They are compared as *slugs*, without anything but letters, digits and `-`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import unquote

_LONGEST = 80  # characters of an anchor
_LONGEST_FRAGMENT = 300
_BLANKS = re.compile(r"[\s_]+")
_NOT_ANCHOR = re.compile(r"[^\w.-]+")
_NOT_SLUG = re.compile(r"[^\w-]+")
_USER_STORY = re.compile(r"user-story-(?=\d)")
_FRAGMENT = re.compile(r"\.(?:md|markdown)#([^\s<>()\[\]|\"]{1,300})", re.IGNORECASE)


class Anchors:
    """Gives out the anchors of one file, each once: a name that comes again gets a number behind it."""

    def __init__(self) -> None:
        self._given: set[str] = set()
        self._counts: dict[str, int] = {}

    def give(self, name: str) -> str:
        """The anchor of the next item that is called `name`."""
        base = anchor = anchor_of(name) or "item"
        while anchor in self._given:
            count = self._counts[base] = self._counts.get(base, 1) + 1
            anchor = f"{base}-{count}"
        self._given.add(anchor)
        return anchor


def anchor_of(name: str) -> str:
    """A name as an anchor: lower case, blanks as `-`, nothing but letters, digits, `-` and `.`."""
    return _NOT_ANCHOR.sub("", _BLANKS.sub("-", name.strip().casefold()))[:_LONGEST].strip("-.")


@lru_cache(maxsize=4096)
def slug(text: str) -> str:
    """The form in which anchors and fragments are compared; `user-story-3` is `us3`."""
    bare = _NOT_SLUG.sub("", _BLANKS.sub("-", text.casefold())).strip("-")
    return _USER_STORY.sub("us", bare, count=1)


def fragment_of(raw: str) -> str | None:
    """The fragment of a link to a Markdown file, as written in a reference; None without one."""
    found = _FRAGMENT.search(raw) if "#" in raw else None
    return unquote(found[1]) if found else None


def slugs_of(fragment: str) -> list[str]:
    """The slugs of anchors that a fragment may begin with, the longest first."""
    whole = slug(fragment[:_LONGEST_FRAGMENT])
    parts = whole.split("-")
    found = ["-".join(parts[:count]) for count in range(len(parts), 0, -1)]
    return [one for one in found if one]
