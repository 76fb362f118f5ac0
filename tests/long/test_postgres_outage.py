"""A long outage in a storm of edits, and two daemons that share a server for minutes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from support import postgres
from support.following import Storm, put, wait
from test_daemon_postgres import Launch, follow, follow_each_other, mortal_server, server, url

__all__ = ["follow", "mortal_server", "server", "url"]

OUTAGE_S = float(os.environ.get("STORYSYNC_TEST_OUTAGE_S", "20"))
TOGETHER_S = float(os.environ.get("STORYSYNC_TEST_TOGETHER_S", "120"))

pytestmark = pytest.mark.long


def test_nothing_is_lost_while_the_server_is_dead(
    stories: Path, follow: Launch, server: postgres.Cluster
) -> None:
    for number in range(300):
        put(stories, f"{number % 7}/S-{number}.md", needs=[f"S-{number - 1}"] if number else [])
    daemon = follow(stories).start()
    storm, pid = Storm(stories, seed=11, needs=[f"S-{n}" for n in range(300)]), daemon.pid
    storm.start()
    for outage_s in (OUTAGE_S, 0.5, 2.0):
        time.sleep(3)
        server.kill()
        daemon.wait(lambda: daemon.ask("status")["waits_for_database"])
        time.sleep(outage_s)
        server.start()
        daemon.wait(lambda: not daemon.ask("status")["waits_for_database"])
    edits = storm.edits
    wait(lambda: storm.edits > edits + 50)
    storm.calm()
    daemon.is_equal()
    assert daemon.pid == pid and not daemon.exited()
    assert not daemon.logged("sync.failed"), daemon.told()
    assert daemon.logged("database.returned") == 3
    assert daemon.logged("database.away") <= 6
    print(f"{storm.edits} edits")


def test_two_daemons_on_one_server_for_minutes(tmp_path: Path, follow: Launch) -> None:
    follow_each_other(tmp_path, follow, seconds=TOGETHER_S)
