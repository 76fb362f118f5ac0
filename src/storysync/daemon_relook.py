"""Files that could not be read are looked at again soon: nothing reports that a disk or a limit recovered."""

from __future__ import annotations

RELOOK_S = (1.0, 5.0, 30.0)
"""Seconds from each failure to the next look; after the last one the next batch or full scan looks."""


class Relook:
    """Of one root. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.at = float("inf")  # when the next look is due
        self._paths: frozenset[str] = frozenset()
        self._looks = 0

    def note(self, unreadable: frozenset[str], now: float) -> None:
        """All files that a sync could not read: new ones begin the looks anew, and none ends them."""
        if unreadable - self._paths:
            self._looks = 0
            self.at = now + RELOOK_S[0]
        elif not unreadable:
            self.at = float("inf")
        elif self.at == float("inf") and self._looks < len(RELOOK_S):
            self.at = now + RELOOK_S[self._looks]
        self._paths = unreadable

    def take(self, now: float) -> frozenset[str]:
        """The files to look at now, each time it is due once."""
        if now < self.at:
            return frozenset()
        self.at = float("inf")
        self._looks += 1
        return self._paths
