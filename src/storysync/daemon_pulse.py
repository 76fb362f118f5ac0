"""The sign of life that the service manager wants: given only while every part of the daemon moves.

Main loop and writer are one thread, which calls `beat`: when it hangs, no sign is given. Of the watcher it is
asked that it hears, or that the one in its place does; of the scheduler that APScheduler ran its beat.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from storysync.adapters.systemd import Notifier

PATIENCE_S = 60.0  # where no service manager waits for a sign
LEAST_S = 1.0

log = structlog.get_logger()


class Pulse:
    """`age_s` of the scheduler in seconds, None before it runs; `deaf`: the watcher is beyond help."""

    def __init__(
        self, notifier: Notifier, deaf: Callable[[], bool], age_s: Callable[[], float | None]
    ) -> None:
        self._notifier = notifier
        self._deaf = deaf
        self._age_s = age_s
        self.patience_s = patience_s(notifier)
        self._told: tuple[str, ...] = ()
        self._moved_at = time.monotonic()
        self._beat_at = float("-inf")

    @property
    def every_s(self) -> float:
        """Between two signs; the main loop must not sleep for longer."""
        return (self._notifier.watchdog_s or 3 * LEAST_S) / 3

    def beat(self, now: float) -> bool:
        """The main loop moves, at this monotonic time. Whether it was time for a sign, given or not."""
        self._moved_at = now
        if now - self._beat_at < self.every_s:
            return False
        self._beat_at = now
        stuck = self.stuck()
        if stuck != self._told:
            self._told = stuck
            (log.error if stuck else log.info)("pulse.stopped" if stuck else "pulse.back", parts=list(stuck))
        if not stuck:
            self._notifier.ping()
        return True

    def stuck(self) -> tuple[str, ...]:
        """The parts that do not move, but for the main loop itself."""
        age_s = self._age_s()
        late = age_s is not None and age_s > self.patience_s
        return (*(["watcher"] if self._deaf() else []), *(["scheduler"] if late else []))

    def scheduler_moves(self) -> bool:
        """Also while it waits for the end of the first scan, as long as that takes."""
        age_s = self._age_s()
        return age_s is None or age_s <= self.patience_s

    def main_age_s(self) -> float:
        """Seconds since the main loop last moved."""
        return max(0.0, time.monotonic() - self._moved_at)


def patience_s(notifier: Notifier) -> float:
    """Seconds within which each part must move."""
    return max(LEAST_S, notifier.watchdog_s or PATIENCE_S)
