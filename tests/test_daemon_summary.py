"""The line that `systemctl status` shows of the daemon."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.following import Following, put
from support.notify import Manager


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(f"@storysync-summary-{os.getpid()}-{id(tmp_path)}")
    yield made
    made.close()


@pytest.fixture
def daemon(stories: Path, tmp_path: Path, manager: Manager) -> Iterator[Following]:
    for number in (1, 2):
        put(stories, f"A-{number}.md")
    state = tmp_path / "state"
    made = Following(
        [stories], f"sqlite:///{state}/s.db", state, NOTIFY_SOCKET=manager.address,
        STORYSYNC_HEALTH__MIN_FREE_MB="0",
    )  # fmt: skip
    yield made.start()
    made.end()


def test_line_says_what_is_followed_how_it_is_and_what_is_wrong(daemon: Following, manager: Manager) -> None:
    ready = manager.hear("READY=1")
    assert re.search(r"STATUS=following 1 project, 2 stories; last sync \d\d:\d\d:\d\d$", ready, re.M)
    daemon.ask("run_job", name="health")
    daemon.ask("pause")
    root = daemon.roots[0]
    root.rename(root.with_name("away"))
    lost = manager.hear("demo lost")
    begin = r"STATUS=following 1 project, 2 stories; last sync \d\d:\d\d:\d\d; health (ok|warn); "
    assert re.match(begin + "paused; demo lost: ", lost), lost
