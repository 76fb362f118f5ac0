"""The health checks that only a running daemon can answer; without one they are warnings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from storysync.jobs import health_checks
from storysync.jobs.health_report import Finding, State, amount, worst
from storysync.jobs.live import Answer, Silent

if TYPE_CHECKING:
    from storysync.jobs.health_look import Seen

SLOW_S, STUCK_S = 60.0, 300.0
"""The main loop moves with every file of a long scan; after these it is slow, and stuck."""
OLD_COOKIE_S = 300.0


def daemon(live: Answer) -> Finding:
    """Whether it runs, moves, and is allowed to write."""
    if live is None:
        return "warn", "no `storysync run` serves the database; start it"
    if isinstance(live, Silent):
        return "fail", "`storysync run` is there and does not answer: it hangs; restart it"
    if live.waits_for_database:
        return "fail", f"the database does not answer; {amount(live.dirty, 'path')} wait for it"
    if live.main_age_s > SLOW_S:
        state: State = "fail" if live.main_age_s > STUCK_S else "warn"
        return state, f"the main loop has not moved for {live.main_age_s:.0f} s; if it stays so, restart it"
    if live.paused:
        return "warn", f"paused, {amount(live.dirty, 'path')} wait; resume it"
    return "ok", f"running, {amount(live.dirty, 'path')} to look at"


def watcher(live: Answer) -> Finding:
    if live is None:
        return "warn", "no `storysync run` follows the files"
    if isinstance(live, Silent):
        return "fail", "`storysync run` hangs, so nothing follows the files; restart it"
    if not live.watcher_alive:
        return "fail", "the watcher is dead; only full scans find changes until it is replaced"
    overflows = (
        f"; {amount(live.overflows, 'overflow')} so far, each healed by a scan" if live.overflows else ""
    )
    if live.polled:
        told = f"{amount(live.polled, 'part')} of folders cannot be watched and are polled"
        return "warn", f"{told}; see `storysync status`{overflows}"
    if live.cookie_age_s is not None and live.cookie_age_s > OLD_COOKIE_S:
        return "warn", f"that events arrive was proved {live.cookie_age_s:.0f} s ago{overflows}"
    return "ok", f"following the files{overflows}"


def scheduler(live: Answer, seen: Sequence[Seen]) -> Finding:
    """Whether there is one, and how the last runs of its jobs have ended in each database."""
    return worst([_scheduler(live), *map(health_checks.jobs, seen)])


def _scheduler(live: Answer) -> Finding:
    if live is None:
        return "warn", "no `storysync run` does the periodic work"
    if isinstance(live, Silent):
        return "fail", "`storysync run` hangs, so no periodic work is done; restart it"
    if not live.scheduler_alive:
        return "fail", "the scheduler is dead, so no periodic work is done; restart `storysync run`"
    return "ok", "at work, and no job has failed"
