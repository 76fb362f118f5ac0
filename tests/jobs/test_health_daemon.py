"""The checks that only a running daemon can answer, in each of their states."""

from __future__ import annotations

import pytest

from storysync.jobs import health_daemon
from storysync.jobs.live import Live, Silent
from support.health import WELL, but, run, seen


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (WELL, ("ok", "running, 0 paths to look at")),
        (None, ("warn", "no `storysync run` serves the database; start it")),
        (Silent(), ("fail", "`storysync run` is there and does not answer: it hangs; restart it")),
        (but(paused=True, dirty=1), ("warn", "paused, 1 path wait; resume it")),
        (
            but(waits_for_database=True, dirty=12, paused=True),
            ("fail", "the database does not answer; 12 paths wait for it"),
        ),
        (but(main_age_s=60.0), ("ok", "running, 0 paths to look at")),
        (
            but(main_age_s=75.0),
            ("warn", "the main loop has not moved for 75 s; if it stays so, restart it"),
        ),
        (
            but(main_age_s=301.0),
            ("fail", "the main loop has not moved for 301 s; if it stays so, restart it"),
        ),
    ],
)
def test_the_daemon(live: Live | Silent | None, expected: tuple[str, str]) -> None:
    assert health_daemon.daemon(live) == expected


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (WELL, ("ok", "following the files")),
        (but(cookie_age_s=None), ("ok", "following the files")),
        (
            but(overflows=2),
            ("ok", "following the files; 2 overflows so far, each healed by a scan"),
        ),
        (None, ("warn", "no `storysync run` follows the files")),
        (
            but(polled=3, overflows=1),
            (
                "warn",
                "3 parts of folders cannot be watched and are polled; see `storysync status`;"
                " 1 overflow so far, each healed by a scan",
            ),
        ),
        (but(cookie_age_s=301.0), ("warn", "that events arrive was proved 301 s ago")),
        (
            but(watcher_alive=False),
            ("fail", "the watcher is dead; only full scans find changes until it is replaced"),
        ),
        (Silent(), ("fail", "`storysync run` hangs, so nothing follows the files; restart it")),
    ],
)
def test_the_watcher(live: Live | Silent | None, expected: tuple[str, str]) -> None:
    assert health_daemon.watcher(live) == expected


@pytest.mark.parametrize(
    ("live", "expected"),
    [
        (WELL, ("ok", "at work, and no job has failed")),
        (None, ("warn", "no `storysync run` does the periodic work")),
        (
            but(scheduler_alive=False),
            ("fail", "the scheduler is dead, so no periodic work is done; restart `storysync run`"),
        ),
        (Silent(), ("fail", "`storysync run` hangs, so no periodic work is done; restart it")),
    ],
)
def test_the_scheduler(live: Live | Silent | None, expected: tuple[str, str]) -> None:
    assert health_daemon.scheduler(live, [seen(jobs=run("backup"))]) == expected


def test_the_scheduler_names_jobs_of_every_database() -> None:
    one = seen(jobs=run("backup", "failed", failures=1, message="one"))
    two = seen(jobs=run("backup", "failed", failures=4, message="two"))
    told = "backup failed 1 time in a row: one; backup failed 4 times in a row: two"
    assert health_daemon.scheduler(WELL, [one, seen(), two]) == ("fail", told)
    assert health_daemon.scheduler(None, [one])[1].startswith("no `storysync run` does the periodic work; ")
