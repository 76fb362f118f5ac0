"""Which folders below a root have to be watched: all but the ignored ones and those of linked worktrees."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from storysync.adapters.disk import is_linked_worktree

Ignores = Callable[[str, str], bool]
"""(name, path relative to the root) -> whether a folder is not looked at."""


def folders(root: str, ignores: Ignores, below: str = "") -> Iterator[str]:
    """Absolute paths of `below` (relative, '' for the root) and of all folders in it, parents first.

    Each is given out before it is listed. Whoever sets a watch on it at once misses nothing that is
    created in it while the walk goes on. Links are not followed; what cannot be listed has no children.
    Of a linked worktree only its top is given.
    """
    pending = [below]
    while pending:
        path = pending.pop()
        place = os.path.join(root, path) if path else root
        yield place
        pending += _children(place, path, ignores)


def _children(place: str, path: str, ignores: Ignores) -> list[str]:
    prefix = path + "/" if path else ""
    found: list[str] = []
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                name = entry.name
                if entry.is_dir(follow_symlinks=False):
                    if not ignores(name, prefix + name):
                        found.append(prefix + name)
                elif path and name == ".git" and is_linked_worktree(place):
                    return []
    except OSError:
        return []  # it went away, or may not be read; then its own watch is refused, which is told
    return found
