"""How roots are followed, with a clock of our own over the real watcher."""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from storysync import daemon_watch
from storysync.adapters import cookie, watch
from storysync.adapters.inbox import Inbox
from storysync.daemon_root import RootKeeper
from storysync.daemon_watch import CHECK_S, LONGEST_CHECK_S, WatchKeeper, log_dead_threads
from storysync.jobs.project import resolve_project
from storysync.jobs.sync_report import SyncReport
from storysync.settings import ProjectSettings, WatchSettings

pytestmark = pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")

POLL_S = 10.0


class House:
    """One root under a WatchKeeper, and what that asks for."""

    def __init__(self, root: Path, state: Path) -> None:
        project = resolve_project(ProjectSettings(path=str(root)))
        self.keeper = RootKeeper(project, git_wait_s=60)
        self.keeper.state = "live"
        self.inbox = Inbox(WatchSettings(), ["demo"])
        self.scans: list[tuple[float, str]] = []
        self.changed: list[str] = []
        self.now = time.monotonic()
        self.deaf = False
        self.watching = WatchKeeper(
            {"demo": self.keeper}, self.inbox, state, POLL_S,
            lambda _, trigger: self.scans.append((self.now, trigger)),
            lambda keeper: self.changed.append(keeper.state),
        )  # fmt: skip

    def pass_time(self, seconds: float) -> None:
        """Look every two seconds; the threads of the watcher are given real time to answer a cookie."""
        sent = self.watching.watcher._cookie
        for _ in range(int(seconds / 2)):
            self.now += 2
            self.watching.look(self.now)
            if sent is not None and sent._waits and not self.deaf:
                wait(lambda: not sent._waits)

    def scanned(self, trigger: str) -> list[float]:
        return [at for at, why in self.scans if why == trigger]


@pytest.fixture
def house(stories: Path, tmp_path: Path) -> Iterator[House]:
    (stories / "a" / "b").mkdir(parents=True)
    made = House(stories, tmp_path / "cookies")
    yield made
    made.watching.stop()


def wait(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_all_is_well(house: House) -> None:
    house.watching.start()
    house.pass_time(60)
    told = house.watching.told(house.keeper)
    assert told.pop("cookie_age_s") is not None
    assert told == {"registered": 3, "expected": 3, "polled": [], "overflows": 0, "restarts": 0}
    assert (house.keeper.state, house.keeper.reason, house.scans) == ("live", "", [])
    assert house.watching.alive()


def test_a_root_on_a_network_file_system_is_watched_and_polled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_watch, "remote_mounts", lambda root: {"": "nfs4"})
    with capture_logs() as events:
        house.watching.start()
    assert [event["event"] for event in events] == ["root.degraded"]
    assert house.keeper.state == "degraded"
    assert house.keeper.reason == "the folder is on nfs4, where changes made elsewhere are not reported"
    assert house.watching.told(house.keeper)["registered"] == 3
    house.pass_time(60)
    assert len(house.scanned("poll")) == 5 or len(house.scanned("poll")) == 6


def test_of_a_root_only_the_part_on_a_network_file_system_is_polled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_watch, "remote_mounts", lambda root: {"a": "fuse.sshfs", "a/b": "cifs"})
    house.watching.start()
    house.pass_time(12)
    batch = house.inbox.take()
    assert batch is not None
    assert batch.paths == {"a"}
    assert house.scans == []


def test_polling_takes_a_tenth_of_the_time_at_most(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemon_watch, "remote_mounts", lambda root: {"": "nfs4"})
    house.keeper.last = SlowReport()  # type: ignore[assignment]
    house.watching.start()
    house.pass_time(1000)
    assert 9 <= len(house.scanned("poll")) <= 11


class SlowReport(SyncReport):
    """Of a scan that took ten seconds."""

    def __init__(self) -> None:
        object.__setattr__(self, "duration_ms", 10_000.0)


def test_what_is_refused_is_tried_again_later_and_later(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.watching.start()
    own = house.watching.watcher._group("demo")
    assert own is not None
    real = own._refusal
    monkeypatch.setattr(own, "_refusal", lambda path: errno.ENOSPC if path.endswith(b"/b") else real(path))
    checks: list[float] = []
    check = house.watching.watcher.check

    def counted(root_id: str) -> object:
        checks.append(house.now)
        return check(root_id)

    monkeypatch.setattr(house.watching.watcher, "check", counted)
    start = house.now
    house.pass_time(CHECK_S + 2)
    assert house.keeper.state == "degraded"
    assert house.keeper.reason.startswith("the folder a/b is not watched: the kernel's limit")
    assert house.watching.told(house.keeper)["polled"] == ["a/b"]
    first = checks[0]
    assert first - start <= CHECK_S + 2
    house.pass_time(300)
    gaps = [later - earlier for earlier, later in pairwise(checks)]
    assert gaps[:3] == [POLL_S, 2 * POLL_S, 4 * POLL_S]
    assert set(gaps[3:]) == {LONGEST_CHECK_S}
    monkeypatch.setattr(own, "_refusal", real)
    house.pass_time(LONGEST_CHECK_S)
    assert (house.keeper.state, house.keeper.reason) == ("live", "")
    assert house.changed == ["degraded", "live"]
    assert len(house.scanned("recovered")) == 1
    assert house.watching.told(house.keeper)["registered"] == 3


def test_a_watcher_that_hears_nothing_is_replaced(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "STOP_S", 0.2)
    house.watching.start()
    house.pass_time(2)
    wait(lambda: house.watching.watcher.cookie_age_s() is not None)
    hung = house.watching.watcher._observer
    assert hung is not None
    house.deaf = True
    with hung._lock, capture_logs() as events:  # its dispatcher waits: every thread lives and nothing arrives
        house.pass_time(cookie.EVERY_S + 2 * cookie.PATIENCE_LOOKS - 4)
        assert house.watching.alive()
        house.pass_time(6)
    assert [event["parts"] for event in events if event["event"] == "watch.died"] == [["cookie"]]
    assert house.watching.alive()
    assert house.watching.watcher._observer is not hung
    assert house.watching.told(house.keeper)["restarts"] == 1
    assert len(house.scanned("watch-restart")) == 1
    house.deaf = False
    house.pass_time(60)
    assert len(house.scanned("watch-restart")) == 1


def test_a_cookie_folder_that_is_deleted_comes_back(house: House, tmp_path: Path) -> None:
    house.watching.start()
    house.pass_time(2)
    (tmp_path / "cookies" / "cookie").unlink()
    (tmp_path / "cookies").rmdir()
    wait(lambda: not house.watching.alive())
    house.pass_time(12)
    assert house.watching.alive()
    house.pass_time(32)
    assert (tmp_path / "cookies" / "cookie").exists()


def test_a_cookie_that_cannot_be_written_is_told_once_and_kills_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.watching.start()
    observer = house.watching.watcher._observer
    monkeypatch.setattr(cookie, "_NAME", "no/such/folder")
    with capture_logs() as events:
        house.pass_time(300)
    assert [event["event"] for event in events] == ["watch.unproven"]
    assert house.watching.watcher._observer is observer


def test_a_watcher_that_cannot_start_is_tried_now_and_then(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[OSError] = []

    def refuse() -> None:
        tries.append(OSError(errno.EMFILE, "inotify instance limit reached"))
        raise tries[-1]

    real = watch.Observer
    monkeypatch.setattr(watch, "Observer", refuse)
    with capture_logs() as events:
        house.watching.start()
        house.pass_time(30)
    assert [event["event"] for event in events] == ["root.degraded"]
    assert 3 <= len(tries) <= 4
    assert "fs.inotify.max_user_instances" in house.keeper.reason
    assert house.watching.told(house.keeper)["polled"] == [""]
    assert len(house.scanned("poll")) >= 2
    monkeypatch.setattr(watch, "Observer", real)
    house.pass_time(12)
    assert (house.keeper.state, house.watching.alive()) == ("live", True)


def test_a_lost_root_is_neither_checked_nor_polled(house: House) -> None:
    house.watching.start()
    house.keeper.state = "lost"
    house.watching.forget(house.keeper)
    house.pass_time(CHECK_S * 2)
    assert (house.keeper.state, house.scans, house.watching.alive()) == ("lost", [], True)
    house.keeper.state = "live"
    house.watching.follow(house.keeper)
    assert house.watching.told(house.keeper)["registered"] == 3


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_exception_that_ends_a_thread_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    log_dead_threads()
    with capture_logs() as events:
        thread = threading.Thread(target=lambda: 1 / 0, name="worker")
        thread.start()
        thread.join()
    (event,) = events
    assert (event["event"], event["thread"], event["error"]) == ("thread.died", "worker", "division by zero")
    assert isinstance(event["exc_info"], ZeroDivisionError)
