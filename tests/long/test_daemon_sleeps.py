"""A process that was stopped for a while, and a job whose thread hangs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storysync.control import RemoteError
from support.following import Following, put
from support.jobs import Jobs
from support.notify import Manager

pytestmark = pytest.mark.long
WATCHDOG_S = 1.0


@pytest.fixture
def launch(stories: Path, tmp_path: Path) -> Iterator[Any]:
    made: list[Jobs] = []

    def make(rules: str = "", **environ: str) -> Jobs:
        made.append(Jobs(stories, tmp_path / "state", rules, **environ))
        return made[-1]

    put(stories, "A-1.md")
    yield make
    for one in made:
        one.end()


def test_job_whose_thread_hangs_is_late_and_the_others_go_on(launch: Any) -> None:
    """Reading a file hangs the main loop for a while, and with it the job that reads all files again."""
    daemon = launch(
        "read.file=hang:6s:3", STORYSYNC_JOBS__DEADLINE_MINUTES="0.05",
        STORYSYNC_HEALTH__EVERY_MINUTES="0.01",
    ).start()  # fmt: skip
    with pytest.raises(RemoteError, match="given up"):
        for _ in range(3):
            daemon.ask("run_job", name="reread")
    assert daemon.logged("job.late", "job=reread") == 1
    daemon.wait(lambda: daemon.job("reread")["state"] == "late")
    daemon.wait(lambda: daemon.logged("job.returned", "job=reread"))
    assert daemon.ask("run_job", name="reread")["run"]["state"] == "good"
    assert daemon.job("reread")["failures"] == 0
    assert daemon.stop() == 0


def test_process_that_slept_does_once_what_is_overdue(launch: Any) -> None:
    daemon = launch(STORYSYNC_HEALTH__EVERY_MINUTES="0.02").start()
    daemon.wait(lambda: daemon.job("health")["state"] == "good")
    daemon.freeze()
    time.sleep(5)
    before = daemon.rows("SELECT count(DISTINCT checked_at) AS n FROM health_checks")[0]["n"]
    os.kill(daemon.pid, signal.SIGCONT)

    def checks() -> int:
        found = daemon.rows("SELECT count(DISTINCT checked_at) AS n FROM health_checks")
        return int(found[0]["n"]) - int(before)

    daemon.wait(lambda: checks() >= 1)
    assert checks() <= 2, "five seconds hold four intervals"
    assert daemon.stop() == 0


def test_after_a_pause_of_the_whole_process_signs_come_again(stories: Path, tmp_path: Path) -> None:
    put(stories, "A-1.md")
    manager = Manager(f"@storysync-sleeps-{os.getpid()}")
    daemon = Following(
        [stories],
        f"sqlite:///{tmp_path}/s.db",
        tmp_path / "state",
        NOTIFY_SOCKET=manager.address,
        WATCHDOG_USEC=str(int(WATCHDOG_S * 1e6)),
    ).start()
    try:
        manager.hear("READY=1")
        daemon.freeze()
        time.sleep(2 * WATCHDOG_S)
        while manager.receive(0.1):
            pass
        os.kill(daemon.pid, signal.SIGCONT)
        for _ in range(3):
            manager.hear("WATCHDOG=1")
    finally:
        daemon.end()
        manager.close()
