"""What the daemon that comes after a reload takes over from the one before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from storysync.daemon import Daemon


def inherit(heir: Daemon, before: Daemon) -> None:
    """Called in the main loop, before the heir runs.

    Jobs and clients of the one before go on: their runs are known to the heir, so that it begins none twice,
    and those who wait for a scan are told of the heir's.
    """
    heir.paused, heir.damaged, heir.reread = before.paused, before.damaged, before.reread
    heir.notes.inherit(before.notes)
    heir.answers.started_at = before.answers.started_at
    heir.backups_lock = before.backups_lock
    heir.waiting = before.waiting
    heir.scheduler.take_over(before.scheduler)
