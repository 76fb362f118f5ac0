"""Which folders and files are not looked at at all, by the globs of `reading.ignore`."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

_MAGIC = re.compile(r"[*?\[]")


@lru_cache(maxsize=64)
def pruner(globs: tuple[str, ...]) -> Callable[[str, str], bool]:
    """A test of (name, path relative to the root).

    A glob without a slash is compared with names, one with a slash with whole paths, `**` included.
    `.git` is never looked at.
    """
    names = {glob for glob in globs if "/" not in glob and not _MAGIC.search(glob)} | {".git"}
    name_pattern = _any(glob for glob in globs if "/" not in glob and _MAGIC.search(glob))
    path_pattern = _any(glob.strip("/") for glob in globs if "/" in glob)

    def prune(name: str, path: str) -> bool:
        return (
            name in names
            or (name_pattern is not None and name_pattern.match(name) is not None)
            or (path_pattern is not None and path_pattern.match(path) is not None)
        )

    return prune


def _any(globs: Iterable[str]) -> re.Pattern[str] | None:
    patterns = [fnmatch.translate(glob) for glob in globs]
    return re.compile("|".join(patterns)) if patterns else None
