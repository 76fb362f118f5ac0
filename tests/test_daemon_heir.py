"""A reload: the daemon that comes after another one takes over all that was asked of it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from storysync import daemon_service
from storysync.adapters.inbox import MAX_REQUESTS, Request
from storysync.adapters.systemd import Notifier
from storysync.adapters.watch import quiet_warnings
from storysync.daemon import Daemon, Stopped
from storysync.daemon_record import Recorder
from storysync.daemon_service import Service, Wanted
from storysync.errors import Locked, NotFound, StorysyncError
from storysync.jobs.health import HealthReport
from storysync.jobs.project import Project, resolve_project
from storysync.settings import ProjectSettings, Settings
from storysync.store import job_rows
from storysync.store.job_rows import JobRun
from storysync.store.stores import Stores, databases_at
from support.following import PATIENCE_S, put, wait
from support.notify import Manager

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RUN = JobRun("backup", "timer", NOON, NOON, "good", "")

Make = Callable[[], Daemon]


def project_at(folder: Path) -> Project:
    put(folder, "A-1.md")
    return resolve_project(ProjectSettings(path=str(folder)))


@pytest.fixture
def make(stories: Path, tmp_path: Path) -> Iterator[Make]:
    """Daemons whose main loop is the test."""
    project = project_at(stories)
    made: list[Daemon] = []
    quiet_warnings()
    with Stores(databases_at(f"sqlite:///{tmp_path}/s.db")) as stores:

        def one() -> Daemon:
            made.append(Daemon(Settings(), [project], stores, Notifier()))
            return made[-1]

        yield one
        for daemon in made:
            daemon.watching.stop()


def test_a_stop_that_comes_while_the_successor_is_made_is_not_lost(make: Make) -> None:
    before, after = make(), make()
    before.stop()
    before.give_way_to(after)
    assert after.inbox.stopping
    after.run(first=False)  # returns


def test_signals_that_come_during_a_reload_reach_the_successor(make: Make) -> None:
    before, after = make(), make()
    heeded: list[str] = []
    after.scheduler.run = lambda name, trigger: heeded.append(trigger)  # type: ignore[assignment,method-assign,return-value]
    after.reload = lambda: heeded.append("reload") or {}  # type: ignore[func-returns-value]
    before.signalled("backup")
    before.give_way_to(after)
    before.signalled("reload")
    before._heed_signals()
    assert heeded == []
    after._heed_signals()
    assert sorted(heeded) == ["reload", "signal"]


def test_what_was_asked_is_answered_by_the_successor_or_refused_where_it_has_too_much(make: Make) -> None:
    before, after = make(), make()
    asked = [before.put(Request("pause")) for _ in range(MAX_REQUESTS)]
    before.give_way_to(after)
    late = [before.put(Request("resume")) for _ in range(MAX_REQUESTS - 1)]
    before._end()  # one of those that waited finds room
    assert sum(reply.done() for reply in asked) == MAX_REQUESTS - 1
    while (request := after.inbox.pop()) is not None:
        after.answers.carry_out(request)
    assert [reply.result(0) for reply in late] == [{"paused": False}] * (MAX_REQUESTS - 1)
    assert [reply.exception(0) is None for reply in asked] == [True, *[False] * (MAX_REQUESTS - 1)]
    after.stop()
    with pytest.raises(StorysyncError, match="stopping"):
        before.put(Request("pause"))


def test_requests_that_wait_at_the_end_are_told_so(make: Make) -> None:
    daemon = make()
    reply = daemon.put(Request("pause"))
    daemon.stop()
    daemon._end()
    with pytest.raises(Stopped):
        reply.result(0)


def test_reload_that_fails_by_a_fault_of_ours_is_over_for_the_service_manager(
    make: Make, tmp_path: Path
) -> None:
    def fails() -> dict[str, Any]:
        raise ValueError("on purpose")

    daemon, manager = make(), Manager(f"@{tmp_path}")
    try:
        daemon._notifier = Notifier(manager.address)
        daemon.reload = fails
        daemon.answers.carry_out(Request("reload"))
        assert manager.receive(PATIENCE_S).startswith("RELOADING=1\n")
        assert manager.receive(PATIENCE_S).startswith("READY=1\n")
        assert (daemon.refused, daemon.successor) == ("on purpose", None)
    finally:
        manager.close()


def test_whoever_waits_for_a_scan_is_told_of_the_successors(make: Make) -> None:
    before, after = make(), make()
    told: list[dict[str, Any]] = []
    question = {"command": "wait_settled", "timeout_s": PATIENCE_S}
    client = threading.Thread(target=lambda: told.append(before.answers.answer(question)), daemon=True)
    client.start()
    (keeper,) = before.keepers.values()
    wait(lambda: before.inbox.dirty(keeper.id))
    before.give_way_to(after)
    after.sync(after.keepers[keeper.id], None, "start")
    client.join(PATIENCE_S)
    assert [one["projects"][0]["state"] for one in told] == ["live"], "the state of the successor"


def test_what_could_not_be_written_yet_is_written_by_the_successor(make: Make) -> None:
    before, after = make(), make()
    before.damaged[""] = "on purpose"
    before.reread = frozenset({"stories"})
    before.notes.note_run({"runs": {"": RUN}})
    before.give_way_to(after)
    assert (after.damaged, after.reread) == ({"": "on purpose"}, {"stories"})
    after.damaged.clear()
    after.notes.note_waiting()
    with after.stores.shared().reading() as reader:
        assert set(job_rows.last_runs(reader)) == {"backup"}


COUNT = """
import gc, os, signal, sys, threading, time
from pathlib import Path
from storysync import control
from storysync.cli.main import main
from storysync.daemon import Daemon

def reload_often():
    try:
        socket = control.socket_path(Path(sys.argv[-1].removeprefix("sqlite:///")))
        while not control.is_live(socket):
            time.sleep(0.05)
        for _ in range(5):
            control.request(socket, {"command": "reload"})
        print("daemons:", sum(type(one) is Daemon for one in gc.get_objects()), flush=True)
    finally:
        os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=reload_often).start()
raise SystemExit(main())
"""


def test_daemons_that_gave_way_leave_no_memory_behind(stories: Path, tmp_path: Path) -> None:
    put(stories, "A-1.md")
    command = [sys.executable, "-c", COUNT, "run", str(stories), "--database", f"sqlite:///{tmp_path}/s.db"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=2 * PATIENCE_S)
    count = int(done.stdout.partition("daemons: ")[2] or 0)
    assert 1 <= count <= 2, done.stderr  # the last one, and the one whose answer may still be under way


def test_health_check_that_a_reload_overtakes_tells_of_the_successor(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = make(), make()
    check = before.answers.check_health

    def overtaken() -> HealthReport:
        before.give_way_to(after)
        before.watching.stop()
        return check()

    before.answers.check_health = overtaken  # type: ignore[method-assign]
    before.watching.start()
    after.watching.start()
    asked = before.scheduler.run("health", "timer")
    wait(lambda: after.inbox._requests)
    request = after.inbox.pop()
    assert request is not None
    checks = {check.name: check for check in request.arguments["report"].checks}
    after.answers.carry_out(request)
    after.stop()
    after._end()
    assert asked.result(PATIENCE_S).state == "good"
    assert (checks["watcher"].state, checks["scheduler"].state) == ("ok", "ok")


# -- projects that come and go -----------------------------------------------------------------------------


def test_database_that_is_not_followed_any_more_is_not_opened_again(tmp_path: Path) -> None:
    """A job that began before a reload tells of its end when the project is gone."""
    shop = project_at(tmp_path / "shop")
    with Stores(databases_at(f"sqlite:///{tmp_path}/{{project}}.db")) as stores:
        daemon = Daemon(Settings(), [shop], stores, Notifier())
        daemon.notes.note_run({"runs": {"shop": RUN, "gone": RUN}})
        for work in (daemon.notes.note_backup, daemon.notes.stop_writing, daemon.notes.take_in):
            with pytest.raises(NotFound, match="gone"):
                work({"name": "gone", "why": "", "report": GOOD})
        assert [Path(store.database.place).name for store in stores.opened()] == ["shop.db"]
        assert daemon.damaged == {}


class GOOD:
    """What `note_backup` looks at of a report."""

    state = "failed"
    message = ""


def test_reload_that_is_refused_keeps_no_database_locked(tmp_path: Path) -> None:
    projects = {name: project_at(tmp_path / name) for name in ("shop", "infra", "taken")}
    databases = databases_at(f"sqlite:///{tmp_path}/{{project}}.db")
    now, then = (
        Wanted(Settings(), [projects[name] for name in names], databases)
        for names in (["shop"], ["shop", "infra", "taken"])
    )
    with databases.of("taken").lock(), Stores(databases) as stores:
        stores.of("shop").claim(("shop",))
        service = Service(now, stores, Notifier(), lambda: then, Recorder(tmp_path / "s.db"))
        with pytest.raises(Locked):
            service.daemon.reload()
        with databases.of("infra").lock():
            assert service.daemon.successor is None
        with pytest.raises(Locked), databases.of("shop").lock():
            pytest.fail("the daemon still holds what it follows")


def test_service_manager_is_asked_for_time_before_a_database_is_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    databases = databases_at(f"sqlite:///{tmp_path}/s.db")
    with Stores(databases) as stores:
        stores.shared()
    manager = Manager(f"@{tmp_path}")
    try:
        monkeypatch.setenv("NOTIFY_SOCKET", manager.address)
        assert daemon_service.recovered(databases, Settings()) == frozenset()
        assert (
            manager.receive(PATIENCE_S)
            == f"EXTEND_TIMEOUT_USEC={Settings().backup.deadline_minutes * 60_000_000:.0f}"
        )
    finally:
        manager.close()
