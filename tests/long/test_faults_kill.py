"""kill -9 of `storysync run` after a random number of points, under a storm of edits, again and again."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from support.faulty import KILLED, Pair, environ
from support.following import Following, Storm, put

KILLS = int(os.environ.get("STORYSYNC_TEST_KILLS", "100"))
FILES = 60

pytestmark = pytest.mark.long


def test_a_daemon_killed_at_any_point_is_whole_and_catches_up(tmp_path: Path) -> None:
    seed = random.randrange(1 << 30)
    print(f"seed {seed}")
    dice = random.Random(seed)
    root, state = tmp_path / "demo", tmp_path / "state"
    for number in range(FILES):
        put(root, f"{'abc'[number % 3]}/A-{number}.md", needs=[f"A-{number - 1}"] if number else ())
    pair = Pair(root, state / "s.db")
    storm = Storm(root, seed, pause_s=0.005, needs=["A-1", "A-2", "A-3"])
    storm.start()
    try:
        for number in range(KILLS):
            after = int(3 ** dice.uniform(0, 6.3))  # up to 1,000, mostly few: then in the first scan
            doomed = Following([root], pair.url, state, **environ(f"*=kill:{after}")).launch()
            try:
                doomed.wait(doomed.exited)
            finally:
                doomed.end()
            assert doomed.process is not None and doomed.process.returncode == KILLED, doomed.told()
            pair.must_be_whole()
            if number % 10 == 9:
                storm.calm()
                pair.must_heal(confirm=True)
                storm = Storm(root, seed + number, pause_s=0.005, needs=["A-1", "A-2", "A-3"])
                storm.start()
    finally:
        storm.calm()
    again = Following([root], pair.url, state).start()
    try:
        again.is_equal()
        assert again.stop() == 0
    finally:
        again.end()


@pytest.mark.parametrize("rule", ["watch.follow=raise:OSError", "watch.emit=raise:RuntimeError:4"])
def test_a_watcher_that_failed_once_is_mended_and_nothing_is_missed(tmp_path: Path, rule: str) -> None:
    root, state = tmp_path / "demo", tmp_path / "state"
    put(root, "A-1.md")
    one = Following([root], f"sqlite:///{state / 's.db'}", state, **environ(rule)).start()
    try:
        for number in range(2, 8):
            put(root, f"A-{number}.md")
        one.converges_to({f"A-{number}.md": "todo" for number in range(1, 8)})
        one.is_equal()
    finally:
        one.end()
