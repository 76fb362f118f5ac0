"""Patterns that few files need: compiled when one is first asked for, since a dozen of them take as long
as reading fifty files."""

from __future__ import annotations

import re
from typing import Any, cast


class _Waiting:
    """Stands in for a pattern; its methods are those of the pattern from the first use on."""

    def __init__(self, source: str, flags: int) -> None:
        self._source = source
        self._flags = flags

    def __getattr__(self, name: str) -> Any:
        found = getattr(re.compile(self._source, self._flags), name)
        setattr(self, name, found)
        return found


def at_first_use(source: str, flags: int = 0) -> re.Pattern[str]:
    """The pattern of `source`. A fault in it shows when it is first used, so each of them has a test."""
    return cast(re.Pattern[str], _Waiting(source, flags))
