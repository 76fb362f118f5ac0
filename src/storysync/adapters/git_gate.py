"""Whether git is in the middle of changing a work tree, told by the files it leaves in its folder."""

from __future__ import annotations

from pathlib import Path

from storysync.adapters import git

MARKERS = ("index.lock", "rebase-merge", "rebase-apply", "MERGE_HEAD")


class GitGate:
    """Closed while git works on the repository around `root`, but for no marker longer than `wait_s`.

    A marker that stays (a crashed git, a merge left with conflicts) stops counting after that, until it
    has gone and come again. Without a repository the gate is always open. git itself is never run.
    """

    def __init__(self, root: Path, wait_s: float) -> None:
        top = git.top_level(root)
        self._folder = git.git_folder(top) if top else None
        self._wait_s = wait_s
        self._since: dict[str, float] = {}  # marker -> when it was first seen, in monotonic seconds

    def closed(self, now: float) -> bool:
        """Whether to wait; `now` in seconds of a monotonic clock."""
        if self._folder is None:
            return False
        present = [marker for marker in MARKERS if (self._folder / marker).exists()]
        self._since = {marker: self._since.get(marker, now) for marker in present}
        return any(now - since < self._wait_s for since in self._since.values())
