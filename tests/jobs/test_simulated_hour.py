"""Twenty minutes of the day in `tests/long/test_simulated_day.py`."""

from __future__ import annotations

import random
from pathlib import Path

from storysync.store.database import database_at
from support.simulated_day import Day


def test_edits_each_second_with_faults_end_equal(tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    day = Day(tmp_path / "demo", database_at(f"sqlite:///{tmp_path}/s.db"), seed)
    day.live(20 * 60)
    report = day.end()
    assert report.equal, (seed, report.differences[:5], day.counts)
    assert not report.held, seed
    assert day.counts["failed"] and day.counts["lost"] and day.counts["full scans"] >= 4, day.counts
