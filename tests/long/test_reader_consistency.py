"""Readers see before or after: 5,000 files are checked out while one polls."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.reader_consistency import follow_checkouts

FILES = int(os.environ.get("STORYSYNC_TEST_FILES", "5000"))
CHECKOUTS = 6

pytestmark = pytest.mark.long


def test_a_reader_sees_only_what_a_whole_batch_left(tmp_path: Path) -> None:
    seen = follow_checkouts(tmp_path / "demo", tmp_path / "state", files=FILES, checkouts=CHECKOUTS)
    print(seen)
    assert seen["batches"] > CHECKOUTS
    assert seen["states seen"] > CHECKOUTS / 2
