"""While the server of the database does not answer: wait with a growing pause, and say so once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from storysync.adapters.systemd import Notifier
from storysync.errors import DatabaseAway, DatabaseRefuses
from storysync.store.database import Database

FIRST_RETRY_S = 0.25
LONGEST_RETRY_S = 15.0
MORE_TIME_S = 60.0  # asked of the service manager while it waits for a start

log = structlog.get_logger()


class Outage:
    """From the first failure until the database can be written again. Used by the main loop only."""

    def __init__(self) -> None:
        self.error = ""  # what the last attempt said
        self.since: datetime | None = None
        self.retry_at = float("-inf")  # in monotonic seconds
        self._began = 0.0
        self._attempts = 0
        self._kind = ""

    @property
    def lasts(self) -> bool:
        return self.since is not None

    def failed(self, error: Exception, now: float) -> bool:
        """Note an attempt that failed; whether it says something new."""
        news = not self.lasts or type(error).__name__ != self._kind
        if not self.lasts:
            self.since, self._began, self._attempts = datetime.now(UTC), now, 0
        self.error, self._kind = str(error), type(error).__name__
        pause_s = min(LONGEST_RETRY_S, FIRST_RETRY_S * 2**self._attempts)
        self.retry_at = now + pause_s * random.uniform(0.8, 1.2)  # so that many daemons come back in turn
        self._attempts = min(self._attempts + 1, 30)
        return news

    def over(self, now: float) -> float:
        """It answers again; the seconds that it did not."""
        lasted_s = now - self._began if self.lasts else 0.0
        self.since, self.error, self.retry_at = None, "", float("-inf")
        return lasted_s


def await_server(
    database: Database, notifier: Notifier, sleep: Callable[[float], None] = time.sleep
) -> None:
    """Return when the database can be asked, at once if it can; a server may start later than we do.

    Raises DatabaseRefuses when the server is there and does not let us in, and StoreError for the rest: that
    waiting would not mend.
    """
    outage = Outage()
    while True:
        try:
            database.exists()
        except DatabaseRefuses:
            raise
        except DatabaseAway as error:
            now = time.monotonic()
            if outage.failed(error, now):
                log.warning("database.awaited", database=database.place, error=str(error))
            notifier.extend_timeout(MORE_TIME_S)
            notifier.status(f"waiting for the database: {error}")
            notifier.ping()
            sleep(max(0.0, outage.retry_at - now))
        else:
            if outage.lasts:
                log.info("database.returned", away_s=round(outage.over(time.monotonic()), 1))
            return
