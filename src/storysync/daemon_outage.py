"""While the server of the database does not answer: wait with growing pauses, and say so once."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from storysync import logs
from storysync.adapters.systemd import Notifier
from storysync.errors import DatabaseAway, DatabaseRefuses, StorysyncError
from storysync.settings import LogSettings
from storysync.store.stores import Databases, Stores

FIRST_RETRY_S = 0.25
LONGEST_RETRY_S = 15.0
MORE_TIME_S = 60.0  # asked of the service manager while the start waits

log = structlog.get_logger()


class Outage:
    """Lasts from the first failure until the database can be written again. Used by the main loop only."""

    def __init__(self, place: str, notifier: Notifier) -> None:
        self.error = ""  # what the last attempt said
        self.since: datetime | None = None
        self.retry_at = float("-inf")  # in monotonic seconds
        self._place = place
        self._notifier = notifier
        self._kind = ""
        self._began = 0.0
        self._attempts = 0

    @property
    def lasts(self) -> bool:
        return self.since is not None

    def note(self, error: Exception, event: str = "database.away") -> None:
        """An attempt failed: logged at the first one, and when another kind of error takes its place."""
        now = time.monotonic()
        if not self.lasts:
            self.since, self._began, self._attempts, self._kind = datetime.now(UTC), now, 0, ""
        self.error = str(error)
        if self._kind != type(error).__name__:
            self._kind = type(error).__name__
            log.error(event, database=self._place, error=self.error)
        self._notifier.status(f"waiting for the database: {self.error}")
        pause_s: float = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2**self._attempts)
        self._attempts = min(self._attempts + 1, 30)
        self.retry_at = now + pause_s * random.uniform(0.8, 1.2)  # so that many daemons come back in turn

    def over(self) -> None:
        """The database answers again."""
        log.info("database.returned", away_s=round(time.monotonic() - self._began if self.lasts else 0.0, 1))
        self.since, self.error, self.retry_at = None, "", float("-inf")

    def look(self, stores: Stores) -> bool:
        """Notice that the server is gone, also while there is nothing to write; whether it just came back."""
        if self.lasts and time.monotonic() < self.retry_at:
            return False
        try:
            back = stores.renew() or self.lasts
        except StorysyncError as error:
            self.note(error)
            return False
        if back:
            self.over()
        return back


def await_server(
    databases: Databases, settings: LogSettings, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Return when the database can be asked, at once if it can: a server may start later than its daemon.

    Raises DatabaseRefuses when the server is there and lets nobody in, and StoreError for all else that
    waiting would not mend.
    """
    logs.configure(settings)
    notifier = Notifier.from_environment(os.environ)
    outage = Outage(databases.place, notifier)
    while True:
        try:
            databases.known()
        except DatabaseRefuses:
            raise
        except DatabaseAway as error:
            outage.note(error, "database.awaited")
            notifier.extend_timeout(MORE_TIME_S)
            notifier.ping()
            sleep(max(0.0, outage.retry_at - time.monotonic()))
        else:
            if outage.lasts:
                outage.over()
            return
