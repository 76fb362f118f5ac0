"""What is left beside the database when the daemon is gone, and the line that the service manager shows."""

from __future__ import annotations

import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from storysync import daemon_record, logs
from storysync.daemon_record import Recorder, record_path, recorded
from storysync.errors import Locked, StoreError
from storysync.settings import LogSettings
from support.following import Following, put


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(logs, "_last", type(logs._last)(maxlen=1))
    return tmp_path / "s.db"


def test_state_and_last_error_are_written_when_they_are_new(base: Path) -> None:
    recorder = Recorder(base)
    recorder.begin()
    first = daemon_record.read(base)
    assert first is not None and (first.state, first.last_error) == ("starting", "")
    assert stat.S_IMODE(record_path(base).stat().st_mode) == 0o600
    recorder.write("running")
    written = record_path(base).stat().st_mtime_ns, record_path(base).stat().st_ino
    recorder.write("running")
    assert (record_path(base).stat().st_mtime_ns, record_path(base).stat().st_ino) == written
    logs._last.append("2026-11-21T10:00:00Z sync.failed project=demo")
    recorder.write("running")
    last = daemon_record.read(base)
    assert last is not None and last.last_error == "2026-11-21T10:00:00Z sync.failed project=demo"
    assert [one.name for one in base.parent.iterdir()] == ["s.db.status"]


def test_error_that_ends_the_start_is_kept(base: Path) -> None:
    with pytest.raises(StoreError), recorded(base) as recorder:
        recorder.begin()
        raise StoreError("the disk is full", hint="make room")
    found = daemon_record.read(base)
    assert found is not None and found.state == "failed"
    assert found.last_error.endswith("the disk is full (make room)")


def test_start_that_is_refused_leaves_nothing_behind_by_hand(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        with pytest.raises(StoreError), recorded(base):
            raise StoreError("a database of another program")
        assert record_path(base).exists() == bool(number)
        monkeypatch.setenv("NOTIFY_SOCKET", "@somewhere")


def test_second_daemon_that_is_refused_leaves_the_record_of_the_first(base: Path) -> None:
    Recorder(base).write("running")
    with pytest.raises(Locked), recorded(base):
        raise Locked("process 1 of storysync holds the lock")
    found = daemon_record.read(base)
    assert found is not None and found.state == "running"


def test_process_that_vanished_is_told_by_the_next_one(base: Path) -> None:
    record_path(base).write_text(
        '{"state":"running","last_error":"boom","at":"2026-11-21T09:00:00Z","pid":999999,"version":"0"}'
    )
    with capture_logs() as events:
        Recorder(base).begin()
    assert [event["event"] for event in events] == ["daemon.vanished"]
    found = daemon_record.read(base)
    assert found is not None and "process 999999 ended without a word" in found.last_error
    assert "boom" in found.last_error


def test_record_that_cannot_be_written_is_told_once(base: Path) -> None:
    record_path(base).mkdir()
    with capture_logs() as events:
        recorder = Recorder(base)
        recorder.write("starting")
        recorder.write("running")
    assert [event["event"] for event in events] == ["record.failed"]
    assert daemon_record.read(base) is None


def test_last_error_is_the_newest_event_of_that_level(base: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import structlog

    logs.configure(LogSettings())
    assert logs.last_error() == ""
    structlog.get_logger().error("sync.failed", project="demo", error="no space left")
    structlog.get_logger().warning("watch.overflowed", times=3)
    assert logs.last_error().endswith('Z sync.failed project=demo error="no space left"')
    assert "sync.failed" in capsys.readouterr().err


# -- the real daemon ----------------------------------------------------------------------------------------


@pytest.fixture
def daemon(stories: Path, tmp_path: Path) -> Iterator[Following]:
    put(stories, "A-1.md")
    state = tmp_path / "state"
    made = Following([stories], f"sqlite:///{state}/s.db", state)
    yield made
    made.end()


def state_of(daemon: Following) -> str:
    found = daemon_record.read(daemon.state / "s.db")
    assert found is not None
    return found.state


def test_record_follows_the_life_of_the_daemon(daemon: Following) -> None:
    daemon.start()
    daemon.wait(lambda: state_of(daemon) == "running")
    assert daemon.stop() == 0
    assert state_of(daemon) == "stopped"
    daemon.start()
    assert daemon.process is not None
    daemon.process.send_signal(signal.SIGKILL)
    daemon.process.wait()
    assert state_of(daemon) == "running", "it could not say that it would end"
    daemon.start()
    assert daemon.logged("daemon.vanished") == 1
    assert daemon.stop() == 0


def test_daemon_that_cannot_start_leaves_its_reason(daemon: Following) -> None:
    daemon.state.mkdir()
    (daemon.state / "s.db").write_bytes(b"not a database at all" * 500)
    daemon.environ["NOTIFY_SOCKET"] = "@nobody-listens-here"
    daemon.launch()
    assert daemon.process is not None and daemon.process.wait(30) == 5
    found = daemon_record.read(daemon.state / "s.db")
    assert found is not None and found.state == "failed"
    assert "is not a SQLite database" in found.last_error
