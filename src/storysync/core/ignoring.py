"""Which folders and files are not looked at at all, by the globs of `reading.ignore`."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from storysync.core.globs import any_of

_MAGIC = re.compile(r"[*?\[]")


@lru_cache(maxsize=64)
def pruner(globs: tuple[str, ...]) -> Callable[[str, str], bool]:
    """A test of (name, path relative to the root).

    Globs are those of `core.globs`; what lies below a folder that matches is ignored with it. `.git` is
    never looked at.
    """
    names = {glob for glob in globs if "/" not in glob and not _MAGIC.search(glob)} | {".git"}
    others = [glob.rstrip("/") if "/" in glob else f"**/{glob}" for glob in globs if glob not in names]
    pattern = any_of((*others, *(f"{glob}/**" for glob in others)))

    def prune(name: str, path: str) -> bool:
        return name in names or (bool(others) and pattern.fullmatch(path) is not None)

    return prune
