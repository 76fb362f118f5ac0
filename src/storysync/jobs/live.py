"""What only a running daemon knows of itself, for its health checks and its metrics."""

from __future__ import annotations

import msgspec


class Live(msgspec.Struct, frozen=True, kw_only=True):
    """One look at it. Ages are in seconds, of a clock that nobody sets."""

    watcher_alive: bool
    cookie_age_s: float | None
    """Since it was last proved that events arrive; None before the first proof, or where all is polled."""
    scheduler_alive: bool
    main_age_s: float
    """Since the main loop last moved."""
    dirty: int
    """Paths that no batch has answered yet."""
    overflows: int
    restarts: int
    """How often a root was watched anew."""
    polled: int
    """Parts of roots that are polled."""
    paused: bool
    waits_for_database: bool
    started_at: str
    """RFC 3339, UTC."""


class Silent(msgspec.Struct, frozen=True):
    """A daemon that is there and does not answer: it hangs."""


Answer = Live | Silent | None
"""What can be known of the daemon of a database; None: there is none."""
