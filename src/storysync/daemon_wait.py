"""Clients that wait until what was on disk when they asked is in the database."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass
class _Scan:
    began_at: float
    left: set[str]  # files that it could not read at rest


class Waiting:
    """Which full scans are complete. The main loop notes them, the threads of clients wait.

    Events prove nothing here, since some may still be in the kernel: a full scan does that began after the
    question, once each file that changed under its reading has been read as well. Times are monotonic.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._scans: dict[str, _Scan] = {}
        self._complete: dict[str, float] = {}

    def note(
        self, project_id: str, began_at: float, paths: Iterable[str] | None, later: Collection[str]
    ) -> None:
        """A sync that began then is committed; of these paths, None for a full scan; `later` are to be
        looked at again."""
        with self._condition:
            if paths is None:
                self._scans[project_id] = _Scan(began_at, set(later))
            scan = self._scans.get(project_id)
            if scan is None:
                return
            if paths is not None:
                looked_at = tuple(paths)
                scan.left -= {one for one in scan.left if one not in later and _is_at(one, looked_at)}
            if not scan.left:
                self._complete[project_id] = scan.began_at
                self._condition.notify_all()

    def complete_from(self, project_id: str) -> float | None:
        """When the newest scan began that is complete; None before the first one."""
        return self._complete.get(project_id)

    def wait(self, project_ids: Iterable[str], since: float, give_up_at: float) -> list[str]:
        """Wait for a complete scan of each that began at `since` or later; returns those without one."""
        left = list(project_ids)
        with self._condition:
            while True:
                left = [one for one in left if self._complete.get(one, float("-inf")) < since]
                rest_s = give_up_at - time.monotonic()
                if not left or rest_s <= 0:
                    return left
                self._condition.wait(rest_s)


def _is_at(path: str, places: tuple[str, ...]) -> bool:
    return any(not place or path == place or path.startswith(place + "/") for place in places)
