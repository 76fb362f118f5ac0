"""The line that the service manager shows: what is followed, and what is wrong if anything is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from storysync.errors import StorysyncError

if TYPE_CHECKING:
    from storysync.daemon import Daemon

EVERY_S = 4.0
COUNT_S = 10.0  # between two counts of all stories
_MOST = 300  # characters of what is wrong


class Summary:
    """Used by the main loop only."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._stories: int | None = None
        self._outdated = True
        self._counted_at = float("-inf")
        self._told_at = float("-inf")
        self._told = ""
        self.synced_at: datetime | None = None

    def synced(self, changed: bool) -> None:
        """A sync has ended well."""
        self.synced_at = datetime.now(UTC)
        self._outdated |= changed

    def changed(self, now: float) -> str | None:
        """The line when it is new and time for one; times are monotonic."""
        if now - self._told_at < EVERY_S:
            return None
        text = self.text(now)
        if text == self._told:
            return None
        self._told_at, self._told = now, text
        return text

    def text(self, now: float) -> str:
        daemon = self._daemon
        count = len(daemon.keepers)
        self._count(now)
        stories = "" if self._stories is None else f", {self._stories:,} stories"
        parts = [
            f"following {count} {'project' if count == 1 else 'projects'}{stories}",
            *([f"last sync {self.synced_at:%H:%M:%S}"] if self.synced_at else []),
            *([f"health {daemon.notes.health.state}"] if daemon.notes.health else []),
        ]
        wrong = "; ".join(self._wrong())
        if len(wrong) > _MOST:
            wrong = wrong[:_MOST] + "…"
        return "; ".join([*parts, *([wrong] if wrong else [])])

    def _wrong(self) -> list[str]:
        daemon = self._daemon
        stuck = daemon.pulse.stuck()
        return [
            *([f"does not move: {', '.join(stuck)}"] if stuck else []),
            *([f"waiting for the database: {daemon.outage.error}"] if daemon.outage.lasts else []),
            *(f"damaged{f', project {name}' if name else ''}: {why}" for name, why in daemon.damaged.items()),
            *(["paused"] if daemon.paused else []),
            *([f"settings not applied: {daemon.refused}"] if daemon.refused else []),
            *(f"{one.id} {one.state}: {one.reason}" for one in daemon.keepers.values() if one.reason),
            *(f"{one.id}: the last sync failed: {one.error}" for one in daemon.keepers.values() if one.error),
            *self._poor_health(),
        ]

    def _poor_health(self) -> list[str]:
        report = self._daemon.notes.health
        checks = [] if report is None else [check for check in report.checks if check.state == "fail"]
        return [f"{check.name}: {check.reason}" for check in checks]

    def _count(self, now: float) -> None:
        """How many stories there are, in all databases that answer."""
        if not self._outdated or now - self._counted_at < COUNT_S or self._daemon.outage.lasts:
            return
        self._counted_at, self._outdated = now, False
        try:
            self._stories = 0
            for store in self._daemon.stores.opened():
                with store.snapshot() as tx:
                    row = tx.row("SELECT count(*) FROM stories")
                    self._stories += int(row[0]) if row else 0
        except StorysyncError:
            self._stories, self._outdated = None, True  # not told until it can be counted
