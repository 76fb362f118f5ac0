"""`storysync jobs`, with a daemon and without one."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storysync import control
from storysync.cli import remote
from storysync.core import instants
from storysync.store import job_rows
from storysync.store.database import Database, database_at
from support.following import Following, put

Run = Any  # as in conftest


def note(database: Database, name: str, state: job_rows.State, minutes_ago: float, message: str = "") -> None:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    with database.open() as store, store.writing() as tx:
        job_rows.note(tx, job_rows.JobRun(name, "timer", at, at, state, message))


def of(found: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(one for one in found if one["name"] == name)


def test_jobs_without_a_daemon_are_due_by_their_last_success(stored: Database, run: Run) -> None:
    note(stored, "backup", "good", 60)
    note(stored, "backup", "failed", 10, "disk full")
    note(stored, "backup", "failed", 5, "disk full")
    note(stored, "health", "good", 600)
    found = run("jobs", "--json").data["data"]
    assert [one["name"] for one in found] == list(job_rows.NAMES)
    backup, health, reread = of(found, "backup"), of(found, "health"), of(found, "reread")
    assert (backup["state"], backup["message"], backup["failures"]) == ("failed", "disk full", 2)
    due, succeeded = (instants.from_text(backup[key]) for key in ("next_run_at", "last_success_at"))
    assert due - succeeded == timedelta(minutes=360)
    assert instants.from_text(health["next_run_at"]) <= datetime.now(UTC), "overdue: at once"
    assert (reread["last_run_at"], reread["state"], reread["due"]) == (None, None, "start")
    shown = run("jobs")
    assert shown.code == 0
    assert "failed (2 times)" in shown.out and "disk full" in shown.out and "never" in shown.out
    assert [line.split()[0] for line in shown.out.splitlines() if "at start" in line] == [
        name for name in job_rows.NAMES if name != "backup"
    ]


def test_success_in_the_future_is_not_believed(stored: Database, run: Run) -> None:
    note(stored, "backup", "good", -3000)
    backup = of(run("jobs", "--json").data["data"], "backup")
    assert instants.from_text(backup["next_run_at"]) <= datetime.now(UTC)


def test_run_without_a_daemon_says_what_to_do(synced: Run) -> None:
    synced("jobs", "run", "backup").failed(1, "no `storysync run` serves", "start it")
    synced("jobs", "run", "dance").failed(2, "unknown job 'dance'", "reconcile, health, backup")


@pytest.mark.parametrize(
    "command", [("jobs", "run", "backup"), ("backup", "create"), ("reload",), ("sync", ".")], ids=" ".join
)
def test_nobody_waits_for_a_daemon_that_hangs(
    synced: Run, here: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(remote, "STATUS_TIMEOUT_S", 0.2)
    asked: list[float] = []

    def request(path: Path, message: dict[str, Any], timeout_s: float) -> dict[str, Any]:
        asked.append(timeout_s)
        return answer(path, message, min(timeout_s, 0.2))

    answer = control.request
    monkeypatch.setattr(control, "request", request)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(here.with_name("state") / "storysync" / "storysync.db.sock"))
        silent.listen()
        synced(*command).failed(3, "no answer within 0.2 s", "`storysync doctor` says more")
    assert asked and max(asked) <= 0.2


def test_without_a_database_it_fails_like_other_questions(run: Run) -> None:
    run("jobs").failed(5, "there is no database")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Following]:
    root, state = tmp_path / "demo", tmp_path / "kept"
    put(root, "A-1.md")
    made = Following([root], f"sqlite:///{state}/s.db", state, STORYSYNC_BACKUP__DIRECTORY=str(state / "b"))
    made.start()
    yield made
    made.end()


def test_job_run_by_command_shows_with_its_next_run(daemon: Following, run: Run) -> None:
    done = daemon.storysync("jobs", "run", "backup")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "backup: 1 backup\n"
    backup = of(run("jobs", "--json", "--database", daemon.url).data["data"], "backup")
    assert (backup["state"], backup["trigger"], backup["due"]) == ("good", "command", "daemon")
    assert not backup["running"]
    due = instants.from_text(backup["next_run_at"])
    assert timedelta(minutes=350) < due - datetime.now(UTC) <= timedelta(minutes=360)
    document = run("jobs", "run", "maintain", "--json", "--database", daemon.url).data["data"]
    assert (document["name"], document["state"]) == ("maintain", "good")


def test_job_that_fails_has_exit_code_1_and_its_reason(daemon: Following, run: Run) -> None:
    folder = daemon.state / "b"
    if folder.exists():
        folder.rename(daemon.state / "elsewhere")
    folder.write_text("a file where the folder of backups should be")
    failed = run("jobs", "run", "backup", "--database", daemon.url)
    failed.failed(1, "the job backup failed")
    with database_at(daemon.url).reader() as reader:
        noted = job_rows.last_runs(reader)["backup"]
    assert noted.state == "failed" and noted.failures >= 1
    assert "failed" in run("jobs", "--database", daemon.url).out
