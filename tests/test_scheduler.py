from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from storysync.scheduler import SOON_S, Job, Scheduler, first_run

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
HOUR_S = 3600.0


@pytest.mark.parametrize(
    ("last", "expected_s"),
    [
        (None, SOON_S),  # never
        (NOON - timedelta(minutes=10), HOUR_S - 600),  # a restart does not push it forward
        (NOON - timedelta(hours=5), SOON_S),  # overdue: once, soon
        (NOON - timedelta(seconds=HOUR_S - 1), SOON_S),
        (NOON + timedelta(days=3), SOON_S),  # the clock was set back since
    ],
)
def test_the_first_run_counts_from_the_last_success(last: datetime | None, expected_s: float) -> None:
    assert first_run(last, HOUR_S, NOON) == NOON + timedelta(seconds=expected_s)


def test_a_job_that_is_more_frequent_than_soon() -> None:
    assert first_run(None, 0.5, NOON) == NOON + timedelta(seconds=0.5)


def test_a_daemon_that_restarts_often_still_runs_it() -> None:
    last = NOON
    for minute in range(0, 59, 5):
        assert first_run(last, HOUR_S, NOON + timedelta(minutes=minute)) == NOON + timedelta(hours=1)


def test_jobs_run_again_and_again_although_one_hangs_and_one_fails() -> None:
    hang, runs = threading.Event(), threading.Semaphore(0)
    jobs = [
        Job("hangs", 0.05, lambda: (hang.wait(), None)[1], None),
        Job("fails", 0.05, lambda: [][0], None),
        Job("works", 0.05, runs.release, None),
    ]
    scheduler = Scheduler(jobs, datetime.now(UTC))
    scheduler.start()
    try:
        assert all(runs.acquire(timeout=20) for _ in range(3))
        assert set(scheduler.next_runs()) == {"hangs", "fails", "works"}
    finally:
        scheduler.stop()  # does not wait for the one that hangs
        hang.set()


def test_stop_before_start_is_harmless() -> None:
    Scheduler([], NOON).stop()
