"""24 hours of edits, one a second, with random faults: the memory stays flat and the end is equal."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

import pytest

from storysync.store.database import database_at
from support.simulated_day import Day

HOURS = int(os.environ.get("STORYSYNC_TEST_HOURS", "24"))
SEED = int(os.environ.get("STORYSYNC_TEST_SEED", "0")) or random.randrange(1, 1 << 30)
MOST_GROWTH_MB = 10.0

pytestmark = [pytest.mark.long, pytest.mark.day]


def test_a_day_of_edits_and_faults_ends_equal_in_flat_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    began = time.monotonic()
    day = Day(tmp_path / "demo", database_at(f"sqlite:///{tmp_path}/s.db"), SEED)
    resident = []
    for _ in range(HOURS):
        day.live(3600)
        resident.append(day.resident_mb())
    report = day.end()
    with capsys.disabled():
        print(
            f"\n{HOURS} h, SEED={SEED}: {dict(day.counts)} in {time.monotonic() - began:.0f} s;"
            f" resident after each hour, MB: {[round(one, 1) for one in resident]}"
        )
    assert report.equal, (SEED, report.differences[:5])
    assert not report.held
    assert max(resident) - resident[HOURS // 12] < MOST_GROWTH_MB, SEED
