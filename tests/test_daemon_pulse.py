"""A sign of life reaches the service manager only while main loop, writer, watcher and scheduler move."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from storysync import daemon_watch, faults
from storysync.adapters import watch
from storysync.adapters.systemd import Notifier
from storysync.daemon import Daemon
from storysync.daemon_pulse import Pulse
from storysync.jobs.project import resolve_project
from storysync.settings import ProjectSettings, Settings
from storysync.store.stores import Stores, databases_at
from support.following import PATIENCE_S, Following, put
from support.notify import Manager

WATCHDOG_S = 0.6


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(f"@storysync-pulse-{os.getpid()}-{id(tmp_path)}")
    yield made
    made.close()


def following(stories: Path, state: Path, manager: Manager, rules: str = "") -> Following:
    put(stories, "A-1.md")
    faulty = {"STORYSYNC_FAULTS": rules, "STORYSYNC_TESTING": "faults"} if rules else {}
    return Following(
        [stories], f"sqlite:///{state}/s.db", state, NOTIFY_SOCKET=manager.address,
        WATCHDOG_USEC=str(int(WATCHDOG_S * 1e6)), **faulty,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("part", "rule"),
    [
        ("main loop", "batch.taken=hang:2"),
        ("writer", "write.after-begin=hang:9"),
        ("scheduler", "scheduler.beat=hang:4"),
    ],
)
def test_part_that_hangs_ends_the_signs_of_life(
    stories: Path, tmp_path: Path, manager: Manager, part: str, rule: str
) -> None:
    daemon = following(stories, tmp_path / "state", manager, rule).launch()
    try:
        manager.hear("READY=1")
        manager.hear("WATCHDOG=1")
        numbers = count()
        manager.falls_silent(lambda: put(stories, "A-1.md", text=str(next(numbers))))
        assert not daemon.exited()
        if part == "scheduler":
            daemon.wait(lambda: daemon.logged("pulse.stopped", "scheduler"))
            live = daemon.ask("status")["live"]
            assert live["scheduler_alive"] is False and live["main_age_s"] < PATIENCE_S
            assert daemon.stop() == 0
    finally:
        daemon.end()


def test_signs_of_life_go_on_while_all_is_well(stories: Path, tmp_path: Path, manager: Manager) -> None:
    daemon = following(stories, tmp_path / "state", manager).start()
    try:
        manager.hear("READY=1")
        for number in range(4):
            put(stories, "A-1.md", "done", text=str(number))
            manager.hear("WATCHDOG=1")
        live = daemon.ask("status")["live"]
        assert live["watcher_alive"] and live["scheduler_alive"] and not live["paused"]
        assert daemon.stop() == 0
    finally:
        daemon.end()


# -- the watcher -------------------------------------------------------------------------------------------


@pytest.fixture
def in_process(
    stories: Path, tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Daemon]:
    """A daemon whose main loop is this test; threads that hang are not waited for."""
    monkeypatch.setattr(watch, "STOP_S", 0.2)
    monkeypatch.setattr(daemon_watch, "END_S", 0.2)
    put(stories, "A-1.md")
    project = resolve_project(ProjectSettings(path=str(stories)))
    with Stores(databases_at(f"sqlite:///{tmp_path}/s.db")) as stores:
        made = Daemon(Settings(), [project], stores, Notifier(manager.address, WATCHDOG_S))
        yield made
        made.watching.stop()


def looks(daemon: Daemon, first: int, count: int) -> None:
    """So many looks at the watcher, two seconds apart by a clock that need not pass."""
    for number in range(first, first + count):
        daemon.watching.look(2.0 * number)


@pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")
@pytest.mark.parametrize("point", ["watch.emit", "watch.read"])
def test_watcher_that_hangs_in_every_form_ends_the_signs_of_life(
    in_process: Daemon, manager: Manager, point: str
) -> None:
    with faults.armed(f"{point}=hang:20s@1"), capture_logs() as events:
        in_process.watching.start()
        in_process.pulse.beat(1.0)
        assert manager.receive(5.0) == "WATCHDOG=1"
        looks(in_process, 0, 15)
        assert [event["event"] for event in events if event["event"] == "watch.died"] == ["watch.died"]
        in_process.pulse.beat(2.0)
        assert manager.receive(5.0) == "WATCHDOG=1", "one that is replaced may live"
        looks(in_process, 20, 20)
        assert not in_process.answers.live().watcher_alive or in_process.watching.hopeless()
        in_process.pulse.beat(3.0)
        assert manager.receive(0.5) == ""
        assert [event["parts"] for event in events if event["event"] == "pulse.stopped"] == [["watcher"]]


@pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")
def test_watcher_that_hangs_once_is_replaced_and_life_goes_on(in_process: Daemon, manager: Manager) -> None:
    with faults.armed("watch.emit=hang:20s"):
        in_process.watching.start()
        looks(in_process, 0, 15)
        assert in_process.watching.restarts() >= 1
        deadline, number = time.monotonic() + PATIENCE_S, 20
        while in_process.watching._replacements:
            assert time.monotonic() < deadline
            looks(in_process, number, 1)
            number += 1
            time.sleep(0.1)
        for second in (1.0, 2.0, 3.0):
            in_process.pulse.beat(second)
            assert manager.receive(5.0) == "WATCHDOG=1"


def test_where_all_is_polled_no_watcher_is_missed(
    in_process: Daemon, manager: Manager, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise OSError(24, "inotify instance limit reached")

    monkeypatch.setattr(watch, "Observer", refuse)
    in_process.watching.start()
    looks(in_process, 0, 60)
    in_process.pulse.beat(1.0)
    assert manager.receive(5.0) == "WATCHDOG=1"
    assert in_process.answers.live().polled == 1


def test_pulse_tells_once_that_it_stopped_and_that_it_is_back(manager: Manager) -> None:
    age_s = [0.0]
    pulse = Pulse(Notifier(manager.address, 9.0), lambda: False, lambda: age_s[0])
    with capture_logs() as events:
        for second, age in enumerate([0.0, 8.0, 10.0, 30.0, 0.5]):
            age_s[0] = age
            assert pulse.beat(10.0 * second)
    assert [event["event"] for event in events] == ["pulse.stopped", "pulse.back"]
    assert [manager.receive(0.3) for _ in range(4)] == ["WATCHDOG=1"] * 3 + [""]


def test_nothing_is_sent_more_often_than_is_needed(manager: Manager) -> None:
    pulse = Pulse(Notifier(manager.address, 9.0), lambda: False, lambda: None)
    assert [pulse.beat(second) for second in (0.0, 1.0, 2.9, 3.1, 6.0, 6.2)] == [
        True, False, False, True, False, True,
    ]  # fmt: skip
