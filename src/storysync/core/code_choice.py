"""Which codes are asked for: names and globs, as `check --select` and `[check]` in the settings take them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase

from storysync.core.problems import CODES
from storysync.errors import UsageError

_MANY = frozenset("*?[")


def chosen(select: Iterable[str], ignore: Iterable[str]) -> frozenset[str]:
    """All codes when `select` is empty, else those selected; without those ignored, which always win.

    Each entry is a code, a glob of codes (`*-reference`) or several of them with commas between.
    Raises UsageError for an entry that fits no code.
    """
    selected = codes_of(select)
    return (selected or frozenset(CODES)) - codes_of(ignore)


def codes_of(entries: Iterable[str]) -> frozenset[str]:
    """Every code that is meant."""
    found: set[str] = set()
    for entry in entries:
        for pattern in filter(None, (part.strip() for part in entry.split(","))):
            fitting = {code for code in CODES if fnmatchcase(code, pattern)}
            if not fitting:
                raise _unknown(pattern)
            found |= fitting
    return frozenset(found)


def _unknown(pattern: str) -> UsageError:
    if _MANY & set(pattern):
        return UsageError(f"no code fits {pattern!r}", hint="see docs/problems.md for all codes")
    near = get_close_matches(pattern, CODES, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "see docs/problems.md for all codes"
    return UsageError(f"there is no code {pattern!r}", hint=hint)
