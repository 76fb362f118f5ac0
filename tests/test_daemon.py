"""The real daemon, in a process of its own, over real files."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from storysync.adapters import watch
from storysync.adapters.systemd import Notifier
from storysync.control import RemoteError, request, socket_path
from storysync.daemon import Daemon as InProcess
from storysync.jobs.project import resolve_project
from storysync.settings import ProjectSettings, Settings
from storysync.store import job_rows
from storysync.store.database import database_at
from storysync.store.stores import Stores, databases_at

PATIENCE_S = 30.0
HOLD_THE_LOCK = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
input()
"""


class Daemon:
    """`storysync run ROOT`, and what the database says while it runs."""

    def __init__(self, root: Path, state: Path, **environ: str) -> None:
        self.root = root
        self.database = state / "s.db"
        self.url = f"sqlite:///{self.database}"
        self.socket = socket_path(self.database)
        self.log = state / "log"
        self.command = [sys.executable, "-m", "storysync", "run", str(root), "--database", self.url]
        self.environ = {**os.environ, "STORYSYNC_DELETIONS__HOLD_S": "0.5", **environ}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Daemon:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stderr=log, env=self.environ)
        self.wait(lambda: self.exited() or self.logged("daemon.started", self.process.pid))
        assert not self.exited(), self.log.read_text()
        return self

    def exited(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)

    def logged(self, event: str, word: object = "") -> bool:
        return any(event in line and str(word) in line for line in self.log.read_text().splitlines())

    def ask(self, command: str, **arguments: Any) -> dict[str, Any]:
        return request(self.socket, {"command": command, **arguments}, PATIENCE_S)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        with database_at(self.url).reader() as reader:
            return reader.rows(sql)

    def stories(self) -> dict[str, str]:
        return statuses(self.url)

    def wait(self, true: Callable[[], object]) -> None:
        wait(true, self.log.read_text)

    def converges_to(self, expected: dict[str, str]) -> None:
        try:
            self.wait(lambda: self.stories() == expected)
        except AssertionError:
            assert self.stories() == expected, self.log.read_text()


def statuses(url: str) -> dict[str, str]:
    """Path of every story -> its status."""
    with database_at(url).reader() as reader:
        return {row["path"]: row["status"] for row in reader.rows("SELECT path, status FROM stories")}


def wait(true: Callable[[], object], otherwise: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, otherwise()
        time.sleep(0.02)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    made = tmp_path / "state"
    made.mkdir()
    return made


@pytest.fixture
def daemon(stories: Path, state: Path) -> Iterator[Daemon]:
    """A running daemon over three stories."""
    for number in (1, 2, 3):
        put(stories, f"A-{number}.md")
    made = Daemon(stories, state).start()
    yield made
    if not made.exited():
        made.process.kill()  # type: ignore[union-attr]
        made.process.wait()  # type: ignore[union-attr]


def put(root: Path, path: str, status: str = "todo") -> Path:
    """A story whose id is the file's stem."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"---\nid: {file.stem}\ntitle: About {file.stem}\nstatus: {status}\n---\n\nText.\n")
    return file


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, "-C", str(root), *arguments], check=True, capture_output=True)


THREE = {"A-1.md": "todo", "A-2.md": "todo", "A-3.md": "todo"}


def test_all_that_people_do_to_files_is_followed(daemon: Daemon) -> None:
    root = daemon.root
    daemon.converges_to(THREE)
    put(root, "A-1.md", "done")
    daemon.converges_to({**THREE, "A-1.md": "done"})
    put(root, "sprint/deep/A-4.md")
    put(root, "sprint/A-5.md")
    daemon.converges_to({**THREE, "A-1.md": "done", "sprint/deep/A-4.md": "todo", "sprint/A-5.md": "todo"})
    uids = {row["id"]: row["uid"] for row in daemon.rows("SELECT id, uid FROM stories")}
    (root / "sprint").rename(root / "later")
    (root / "A-2.md").rename(root / "renamed.md")
    (root / "A-3.md").unlink()
    daemon.converges_to(
        {"A-1.md": "done", "renamed.md": "todo", "later/deep/A-4.md": "todo", "later/A-5.md": "todo"}
    )
    assert {row["id"]: row["uid"] for row in daemon.rows("SELECT id, uid FROM stories")} == {
        name: uid for name, uid in uids.items() if name != "A-3"
    }
    shutil.rmtree(root / "later")
    daemon.converges_to({"A-1.md": "done", "renamed.md": "todo"})


@pytest.mark.parametrize(
    "save",
    [
        lambda file, text: file.write_text(text),
        lambda file, text: (file.with_suffix(".tmp").write_text(text), file.with_suffix(".tmp").rename(file)),
        lambda file, text: (file.rename(f"{file}~"), file.write_text(text), Path(f"{file}~").unlink()),
        lambda file, text: (file.unlink(), file.write_text(text)),
    ],
    ids=["in place", "temp and rename", "vim", "unlink and write"],
)
def test_every_way_to_save_is_an_update(daemon: Daemon, save: Callable[[Path, str], object]) -> None:
    file = daemon.root / "A-1.md"
    before = daemon.rows("SELECT uid FROM stories WHERE id = 'A-1'")
    save(file, file.read_text().replace("todo", "done"))
    daemon.converges_to({**THREE, "A-1.md": "done"})
    assert daemon.rows("SELECT uid FROM stories WHERE id = 'A-1'") == before
    assert daemon.rows("SELECT operation FROM changes WHERE operation NOT IN ('create', 'update')") == []


def test_git_checkout_is_followed_with_few_transactions(stories: Path, state: Path) -> None:
    git(stories, "init")
    for number in range(200):
        put(stories, f"{number % 10}/A-{number}.md")
    git(stories, "add", ".")
    git(stories, "commit", "-m", "first")
    git(stories, "switch", "-c", "other")
    for number in range(150):
        put(stories, f"{number % 10}/A-{number}.md", "done")
    for number in range(150, 200):
        (stories / f"{number % 10}/A-{number}.md").unlink()
    git(stories, "add", "-A")
    git(stories, "commit", "-m", "second")
    daemon = Daemon(stories, state).start()
    second = {f"{number % 10}/A-{number}.md": "done" for number in range(150)}
    daemon.converges_to(second)
    syncs = len(daemon.rows("SELECT id FROM syncs"))
    git(stories, "checkout", "main")
    daemon.converges_to({f"{number % 10}/A-{number}.md": "todo" for number in range(200)})
    git(stories, "checkout", "other")
    daemon.converges_to(second)
    assert len(daemon.rows("SELECT id FROM syncs")) - syncs <= 6
    assert daemon.stop() == 0


def test_nothing_is_written_while_git_holds_the_index(stories: Path, state: Path) -> None:
    git(stories, "init")
    put(stories, "A-1.md")
    daemon = Daemon(stories, state).start()
    lock = stories / ".git" / "index.lock"
    lock.touch()
    put(stories, "A-1.md", "done")
    daemon.wait(lambda: daemon.ask("status")["projects"][0]["waits_for_git"])
    assert daemon.stories() == {"A-1.md": "todo"}
    lock.unlink()
    daemon.converges_to({"A-1.md": "done"})
    assert daemon.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(daemon: Daemon, number: int) -> None:
    assert daemon.socket.exists()
    assert daemon.stop(number) == 0
    assert not daemon.socket.exists()
    assert daemon.database.with_name("s.db.lock").read_text() == ""
    assert daemon.logged("daemon.stopped")


def test_a_stop_in_the_middle_of_a_large_scan_leaves_whole_transactions(stories: Path, state: Path) -> None:
    for number in range(3000):
        put(stories, f"{number % 20}/A-{number}.md")
    daemon = Daemon(stories, state)
    with daemon.log.open("ab") as log:
        daemon.process = subprocess.Popen(daemon.command, stderr=log, env=daemon.environ)
    daemon.wait(lambda: daemon.socket.exists() and daemon.stories())
    assert daemon.stop() == 0
    assert daemon.logged("daemon.stopped") and not daemon.logged("daemon.started")
    files = daemon.rows("SELECT path FROM files ORDER BY path")
    assert [row["path"] for row in files] == sorted(daemon.stories())
    assert daemon.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    daemon.start()
    assert len(daemon.stories()) == 3000
    assert daemon.stop() == 0


def test_changes_made_while_it_was_down_are_found(daemon: Daemon) -> None:
    daemon.stop()
    put(daemon.root, "A-1.md", "done")
    (daemon.root / "A-2.md").unlink()
    daemon.start()
    assert daemon.stories() == {"A-1.md": "done", "A-3.md": "todo"}


def test_after_kill_it_starts_again(daemon: Daemon) -> None:
    assert daemon.stop(signal.SIGKILL) == -signal.SIGKILL
    assert daemon.socket.exists()
    put(daemon.root, "A-1.md", "done")
    daemon.start()
    assert daemon.stories()["A-1.md"] == "done"
    assert daemon.ask("status")["state"] == "running"


def test_a_second_one_is_refused(daemon: Daemon) -> None:
    second = subprocess.run(daemon.command, capture_output=True, text=True, env=daemon.environ)
    assert second.returncode == 6
    assert str(daemon.process.pid) in second.stderr  # type: ignore[union-attr]
    assert daemon.ask("status")["state"] == "running"


def test_the_command_line_works_through_a_running_daemon(daemon: Daemon) -> None:
    daemon.ask("pause")
    put(daemon.root, "A-1.md", "done")
    command = [sys.executable, "-m", "storysync", "sync", str(daemon.root), "--database", daemon.url]
    done = subprocess.run(command, capture_output=True, text=True, env=daemon.environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert daemon.stories()["A-1.md"] == "done"


def test_status_tells_what_goes_on(daemon: Daemon) -> None:
    daemon.wait(lambda: daemon.ask("status")["settled"])
    status = daemon.ask("status")
    assert status["pid"] == daemon.process.pid  # type: ignore[union-attr]
    assert status["watcher_alive"] is True
    assert set(status["next_runs"]) == set(job_rows.NAMES)
    (project,) = status["projects"]
    assert project.pop("watches").pop("cookie_age_s") is not None
    assert project == {
        "id": "demo", "root": str(daemon.root), "state": "live", "reason": "", "dirty": 0,
        "settled": True, "lag_s": 0.0, "waits_for_git": False, "held": 0, "error": "",
    }  # fmt: skip


def test_the_status_command_tells_what_the_daemon_waits_for(daemon: Daemon) -> None:
    daemon.ask("pause")
    put(daemon.root, "A-1.md", "done")
    daemon.wait(lambda: daemon.ask("status")["projects"][0]["dirty"])
    command = [sys.executable, "-m", "storysync", "status", "--database", daemon.url]
    told = subprocess.run(command, capture_output=True, text=True, env=daemon.environ)
    assert f"daemon: running (process {daemon.process.pid}, paused)" in told.stdout  # type: ignore[union-attr]
    assert "1 path to look at" in told.stdout


def test_a_pause_holds_changes_until_resumed(daemon: Daemon) -> None:
    assert daemon.ask("pause") == {"paused": True}
    put(daemon.root, "A-1.md", "done")
    daemon.wait(lambda: daemon.ask("status")["projects"][0]["dirty"])
    assert daemon.stories() == THREE
    daemon.ask("resume")
    daemon.converges_to({**THREE, "A-1.md": "done"})


def test_sync_of_some_paths_answers_when_it_is_done(daemon: Daemon) -> None:
    daemon.ask("pause")
    put(daemon.root, "A-1.md", "done")
    put(daemon.root, "d/A-4.md")
    put(daemon.root, "d/A-5.md")
    (report,) = daemon.ask("sync", paths=[str(daemon.root / "A-1.md"), "d"])["reports"]
    assert (report["project_id"], report["created"], report["updated"]) == ("demo", 2, 1)
    assert daemon.stories() == {**THREE, "A-1.md": "done", "d/A-4.md": "todo", "d/A-5.md": "todo"}


@pytest.mark.parametrize(
    ("message", "words", "exit_code"),
    [
        ({"command": "dance"}, "unknown command 'dance'", 2),
        ({"command": "note_run"}, "unknown command", 2),
        ({"command": "sync", "projects": ["other"]}, "does not follow a project 'other'", 3),
        ({"command": "sync", "projects": "demo"}, "must be a list", 2),
        ({"command": "sync", "paths": [1]}, "must be a list of strings", 2),
        ({"command": "sync", "paths": ["../elsewhere"]}, "outside the project", 2),
        ({"command": "sync", "paths": ["/etc/passwd"]}, "cannot tell which project", 2),
        ({"command": "run_job", "name": "dance"}, "unknown job 'dance'", 2),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    daemon: Daemon, message: dict[str, Any], words: str, exit_code: int
) -> None:
    with pytest.raises(RemoteError, match=words) as refused:
        request(daemon.socket, message)
    assert refused.value.exit_code == exit_code


def test_jobs_can_be_run_on_demand(daemon: Daemon) -> None:
    made = daemon.ask("run_job", name="backup")
    assert made["state"] == "good"
    assert Path(made["file"]).exists()
    report = daemon.ask("run_job", name="health")
    states = {check["name"]: check["state"] for check in report["checks"]}
    asked = ("database", "disk", "watcher", "sync:demo", "backup", "files")
    assert {name: states[name] for name in asked} == dict.fromkeys(asked, "ok")
    assert (report["run"]["name"], report["run"]["trigger"], report["run"]["state"]) == (
        "health", "command", "good",
    )  # fmt: skip
    assert len(daemon.rows("SELECT 1 FROM health_checks")) >= 6
    (reconciled,) = daemon.ask("run_job", name="reconcile")["reports"]
    assert reconciled["full"] is True


def test_periodic_jobs_run_by_themselves(stories: Path, state: Path) -> None:
    put(stories, "A-1.md")
    daemon = Daemon(
        stories, state, STORYSYNC_BACKUP__EVERY_MINUTES="0.01", STORYSYNC_WATCH__RECONCILE_MINUTES="0.01"
    )
    daemon.start()
    daemon.wait(lambda: len(daemon.rows("SELECT 1 FROM backups WHERE state = 'good'")) >= 2)
    daemon.wait(lambda: daemon.logged("sync.done", "trigger=timer"))
    assert daemon.stop() == 0


def test_a_lost_root_keeps_its_stories_and_is_followed_again_when_it_is_back(daemon: Daemon) -> None:
    away = daemon.root.with_name("away")
    daemon.root.rename(away)
    daemon.wait(lambda: daemon.logged("root.lost"))
    assert daemon.stories() == THREE
    assert daemon.rows("SELECT state FROM roots") == [{"state": "lost"}]
    with pytest.raises(RemoteError, match="is not there"):
        daemon.ask("sync")
    put(away, "A-1.md", "done")
    away.rename(daemon.root)
    daemon.converges_to({**THREE, "A-1.md": "done"})
    assert daemon.rows("SELECT state FROM roots") == [{"state": "live"}]
    put(daemon.root, "A-2.md", "done")
    daemon.converges_to({**THREE, "A-1.md": "done", "A-2.md": "done"})


def test_an_empty_folder_in_place_of_the_root_deletes_nothing(daemon: Daemon) -> None:
    away = daemon.root.with_name("away")
    daemon.root.rename(away)
    daemon.root.mkdir()
    daemon.wait(lambda: daemon.logged("root.lost"))
    daemon.wait(lambda: daemon.ask("status")["projects"][0]["state"] == "lost")
    assert daemon.stories() == THREE
    put(daemon.root, "A-1.md", "done")
    daemon.wait(lambda: daemon.stories()["A-1.md"] == "done")


def test_many_deletions_are_held_and_then_carried_out(stories: Path, state: Path) -> None:
    for number in range(60):
        put(stories, f"A-{number}.md")
    daemon = Daemon(stories, state).start()
    for number in range(50):
        (stories / f"A-{number}.md").unlink()
    daemon.wait(lambda: daemon.logged("sync.done", "held=50"))
    daemon.converges_to({f"A-{number}.md": "todo" for number in range(50, 60)})
    assert daemon.logged("sync.done", "trigger=held-deletions")
    assert daemon.stop() == 0


def test_a_database_locked_by_another_process_loses_nothing(stories: Path, state: Path) -> None:
    put(stories, "A-1.md")
    daemon = Daemon(stories, state, STORYSYNC_SQLITE__TIMEOUT="0.1").start()
    command = [sys.executable, "-c", HOLD_THE_LOCK, str(daemon.database)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        put(stories, "A-1.md", "done")
        daemon.wait(lambda: daemon.logged("sync.failed"))
        assert daemon.stories() == {"A-1.md": "todo"}
        assert "locked" in daemon.ask("status")["projects"][0]["error"]
        holder.communicate(b"\n")
    daemon.converges_to({"A-1.md": "done"})
    assert daemon.stop() == 0


def test_a_broken_file_keeps_its_last_good_row_and_holds_up_nothing(daemon: Daemon) -> None:
    (daemon.root / "A-1.md").write_text("far too large " * 300_000)
    put(daemon.root, "A-2.md", "done")
    daemon.converges_to({**THREE, "A-2.md": "done"})
    daemon.wait(lambda: daemon.rows("SELECT 1 FROM stories WHERE id = 'A-1' AND parse_state = 'stale'"))
    put(daemon.root, "A-1.md", "done")
    daemon.converges_to({**THREE, "A-1.md": "done", "A-2.md": "done"})


def test_the_service_manager_is_told(stories: Path, state: Path) -> None:
    put(stories, "A-1.md")
    address = f"@storysync-test-{os.getpid()}-{id(state)}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + address[1:])
        manager.settimeout(PATIENCE_S)
        daemon = Daemon(stories, state, NOTIFY_SOCKET=address, WATCHDOG_USEC="300000").start()
        told: list[str] = []

        def hear(message: str) -> None:
            while not told or message not in told[-1]:
                told.append(manager.recv(4096).decode())

        hear("READY=1")
        hear("WATCHDOG=1")
        hear("WATCHDOG=1")
        daemon.process.send_signal(signal.SIGHUP)  # type: ignore[union-attr]
        hear("RELOADING=1\nMONOTONIC_USEC=")
        hear("READY=1")
        assert daemon.stop() == 0
        hear("STOPPING=1")
    assert daemon.logged("reload.accepted") and daemon.logged("daemon.reloaded")


@pytest.mark.filterwarnings("ignore:Callback with id:RuntimeWarning")
def test_a_watcher_that_died_is_replaced_and_nothing_is_missed(stories: Path, state: Path) -> None:
    """In this process, so that one of watchdog's threads can be ended."""
    put(stories, "A-1.md")
    url = f"sqlite:///{state}/s.db"
    project = resolve_project(ProjectSettings(path=str(stories)))
    running: list[InProcess] = []

    def serve() -> None:
        with Stores(databases_at(url)) as stores:
            running.append(InProcess(Settings(), [project], stores, Notifier()))
            running[0].run()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        wait(lambda: running and running[0].state == "running")
        reader = running[0].watching.watcher._observer._inotify_fd  # type: ignore[union-attr]
        reader.stop()
        wait(lambda: not reader.is_alive())
        put(stories, "A-1.md", "done")
        wait(lambda: statuses(url) == {"A-1.md": "done"})
        put(stories, "A-2.md")
        wait(lambda: statuses(url) == {"A-1.md": "done", "A-2.md": "todo"})
        assert running[0].watching.alive()
    finally:
        running[0].inbox.stop()
        thread.join()


def test_a_watcher_that_cannot_start_is_tried_now_and_then(
    stories: Path, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries: list[OSError] = []

    def refuse() -> None:
        tries.append(OSError(errno.EMFILE, "inotify instance limit reached"))
        raise tries[-1]

    monkeypatch.setattr(watch, "Observer", refuse)
    put(stories, "A-1.md")
    project = resolve_project(ProjectSettings(path=str(stories)))
    with Stores(databases_at(f"sqlite:///{state}/s.db")) as stores, capture_logs() as events:
        daemon = InProcess(Settings(), [project], stores, Notifier())
        for second in range(0, 30, 2):
            daemon.watching.look(float(second))
    assert len(tries) == 3
    assert [event["event"] for event in events] == ["watch.died", "root.degraded"]


@pytest.mark.long
def test_an_overflow_of_the_kernels_queue_is_healed(daemon: Daemon) -> None:
    """Stopped, it cannot read its events; more than fit into the queue (16,384 by default) are lost."""
    assert daemon.process is not None
    for number in range(20):
        put(daemon.root, f"{number}/A-0.md")
    daemon.wait(lambda: len(daemon.stories()) == 23)
    daemon.process.send_signal(signal.SIGSTOP)
    for number in range(10_000):
        put(daemon.root, f"{number % 20}/B-{number}.md")
    daemon.process.send_signal(signal.SIGCONT)
    expected = {f"{number % 20}/B-{number}.md": "todo" for number in range(10_000)}
    expected |= {**THREE, **{f"{number}/A-0.md": "todo" for number in range(20)}}
    daemon.converges_to(expected)
    daemon.wait(lambda: daemon.logged("watch.overflowed"))
    put(daemon.root, "0/B-0.md", "done")
    daemon.converges_to({**expected, "0/B-0.md": "done"})


def test_logs_are_events_with_names_and_no_story_text(daemon: Daemon) -> None:
    put(daemon.root, "A-1.md", "done")
    daemon.converges_to({**THREE, "A-1.md": "done"})
    (daemon.root / "A-2.md").rename(daemon.root / "B.md")
    daemon.wait(lambda: daemon.logged("sync.done", "put=0 moved=1"))
    daemon.stop()
    lines = daemon.log.read_text().splitlines()
    assert all(line.split()[2].count(".") == 1 for line in lines), lines
    assert "About" not in daemon.log.read_text()
