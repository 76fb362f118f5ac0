"""Thousands of random sequences of edits, git and faults: at the end of each the database equals the files.

`make test-model N=2000` prints the seed; SEED=... runs the same again. Of ten sequences one follows the files
with a daemon that is killed, one with a daemon that is not, and eight with `jobs.sync` in this process.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from support.faults_model import run_daemon, run_in_process, seeds
from support.forms import Form

SEQUENCES = int(os.environ.get("STORYSYNC_TEST_SEQUENCES", "300"))
SEED = int(os.environ.get("STORYSYNC_TEST_SEED", "0")) or random.randrange(1, 1 << 30)

pytestmark = pytest.mark.long


def test_whatever_happens_and_fails_the_end_is_equal(form: Form, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{SEQUENCES} sequences on {form.name}, SEED={SEED}", flush=True)
    started, kinds = time.monotonic(), Counter[str]()
    for number, seed in enumerate(seeds(SEQUENCES, SEED)):
        kind = {0: "daemon killed", 5: "daemon"}.get(number % 10, "in process")
        kind = kind if form.name == "sqlite" else "in process"
        kinds[kind] += 1
        with TemporaryDirectory() as name, form.lent(Path(name)) as database:
            try:
                if kind == "in process":
                    run_in_process(Path(name), database, seed)
                else:
                    run_daemon(Path(name) / "own", seed, killed=kind == "daemon killed")
            except Exception as error:
                raise AssertionError(f"sequence {number} ({kind}) of SEED={SEED}: seed {seed}") from error
    with capsys.disabled():
        print(f"all equal: {dict(kinds)}, {time.monotonic() - started:.0f} s", flush=True)
