"""Globs over root-relative POSIX paths, as one regular expression."""

from __future__ import annotations

import re
from functools import lru_cache

_TOKEN = re.compile(r"\*\*/|\*\*|\*|\?|\[[!^]?\]?[^\[\]/]*\]|.", re.DOTALL)

_SPECIAL = re.compile(r"[\\\[\]^&|~]")
"""What means something in a class of `re`, now or one day (`||`), but the `-` of a range."""


@lru_cache(maxsize=64)
def any_of(globs: tuple[str, ...]) -> re.Pattern[str]:
    """A pattern whose `fullmatch` accepts the paths that one of the globs accepts.

    `*` and `?` stay within a folder, `**/` is any number of folders, also none. A glob without a slash
    is compared with the name alone; one that ends with a slash takes everything below that folder.
    """
    return re.compile("|".join(map(_pattern, globs)) if globs else r"(?!)", re.DOTALL)


def _pattern(glob: str) -> str:
    glob = glob.removeprefix("./").lstrip("/")
    if glob.endswith("/"):
        glob += "**"
    elif "/" not in glob:
        glob = "**/" + glob
    return "".join(map(_part, _TOKEN.findall(glob)))


def _part(token: str) -> str:
    if token == "**/":
        return "(?:.*/)?"
    if token == "**":
        return ".*"
    if token == "*":
        return "[^/]*"
    if token == "?":
        return "[^/]"
    if len(token) > 2:  # a class of characters
        inside = token[1:-1]
        negated = inside[0] in "!^"
        return _class(inside[1:] if negated else inside, negated)
    return re.escape(token)


def _class(characters: str, negated: bool) -> str:
    """`[a-z]` as it stands, if it is a valid class, else literally."""
    escaped = _SPECIAL.sub(r"\\\g<0>", characters).replace("--", "-\\-")
    pattern = f"[{'^/' if negated else ''}{escaped}]"
    try:
        re.compile(pattern)
    except re.error:
        return re.escape(f"[{characters}]")
    return pattern
