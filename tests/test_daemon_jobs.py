"""Periodic jobs in the real daemon: what they leave on record, and what goes on when one hangs."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from storysync.store import job_rows
from support.following import Following, Storm, put, wait
from support.forms import Form
from support.jobs import Jobs


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def launch(stories: Path, state: Path) -> Iterator[Any]:
    made: list[Jobs] = []

    def make(rules: str = "", **environ: str) -> Jobs:
        made.append(Jobs(stories, state, rules, **environ))
        return made[-1]

    put(stories, "A-1.md")
    yield make
    for one in made:
        one.end()


def test_every_job_runs_by_command_and_is_on_record(launch: Any) -> None:
    daemon = launch().start()
    for name in ("backup", *job_rows.NAMES):
        run = daemon.ask("run_job", name=name)["run"]
        assert (run["name"], run["state"]) == (name, "good"), daemon.told()
        noted = daemon.job(name)
        assert (noted["state"], noted["trigger"], noted["failures"]) == ("good", "command", 0)
        assert noted["succeeded_at"] == noted["finished_at"]
    assert {row["trigger"] for row in daemon.rows("SELECT trigger FROM backups")} == {"command"}
    assert daemon.stop() == 0


def test_jobs_run_on_each_form_of_the_database(form: Form, stories: Path, tmp_path: Path) -> None:
    put(stories, "A-1.md")
    with form.lent(tmp_path) as database:
        daemon = Following([stories], database.url, tmp_path / "state").start()
        try:
            for name in ("reconcile", "maintain", "reread", "integrity", "health"):
                run = daemon.ask("run_job", name=name)["run"]
                assert (run["name"], run["state"]) == (name, "good"), daemon.told()
            noted = {row["name"]: row["state"] for row in daemon.rows("SELECT name, state FROM jobs")}
            assert noted["reconcile"] == noted["maintain"] == noted["integrity"] == "good"
            assert daemon.stop() == 0
        finally:
            daemon.end()


def test_files_are_followed_while_a_backup_is_made_and_nobody_makes_two(launch: Any, stories: Path) -> None:
    daemon = launch("backup.before-copy=hang:2s").start()
    answers: list[dict[str, Any]] = []
    askers = [
        threading.Thread(target=lambda: answers.append(daemon.ask("run_job", name="backup")))
        for _ in range(3)
    ]
    for asker in askers:
        asker.start()
    lock = daemon.state / "backups" / ".lock"
    daemon.wait(lambda: lock.exists() and lock.read_text().strip())
    maker = int(lock.read_text())
    os.kill(maker, signal.SIGSTOP)  # however long the rest may take
    try:
        put(stories, "A-1.md", "done")
        daemon.converges_to({"A-1.md": "done"})
        assert "backup" in daemon.ask("status")["running_jobs"]
        assert daemon.ask("run_job", name="health")["run"]["state"] == "good"
    finally:
        os.kill(maker, signal.SIGCONT)
    for asker in askers:
        asker.join()
    assert len(answers) == 3 and len({answer["file"] for answer in answers}) == 1
    assert len(daemon.rows("SELECT 1 FROM backups")) == 1
    assert daemon.stop() == 0


def test_hung_backup_is_killed_noted_and_followed_by_another(launch: Any, stories: Path) -> None:
    """Health checks and files go on. The process that hangs is killed at its deadline."""
    daemon = launch(
        "backup.after-copy=hang", STORYSYNC_BACKUP__DEADLINE_MINUTES="0.015",
        STORYSYNC_HEALTH__EVERY_MINUTES="0.01", STORYSYNC_BACKUP__EVERY_MINUTES="0.02",
    ).start()  # fmt: skip
    daemon.wait(lambda: daemon.job("backup")["failures"] >= 2)
    assert "given up" in daemon.job("backup")["message"]
    assert daemon.logged("job.failed", "job=backup") >= 2
    checks = len(daemon.rows("SELECT 1 FROM health_checks"))
    daemon.wait(lambda: len(daemon.rows("SELECT 1 FROM health_checks")) > checks)
    put(stories, "A-1.md", "done")
    daemon.converges_to({"A-1.md": "done"})
    assert daemon.backups() == []
    assert daemon.stop() == 0


def test_signal_makes_a_backup_now(launch: Any) -> None:
    daemon = launch(STORYSYNC_BACKUP__EVERY_MINUTES="9999").start()
    daemon.ask("run_job", name="backup")
    daemon.process.send_signal(signal.SIGUSR1)
    daemon.wait(lambda: daemon.job("backup")["trigger"] == "signal")
    assert len(daemon.backups()) >= 1 and daemon.job("backup")["state"] == "good"
    assert daemon.stop() == 0


def test_next_run_counts_from_the_success_before_the_restart(launch: Any) -> None:
    daemon = launch().start()
    daemon.ask("run_job", name="backup")
    due = datetime.fromisoformat(daemon.ask("status")["next_runs"]["backup"])
    assert daemon.stop() == 0
    daemon.start()
    again = datetime.fromisoformat(daemon.ask("status")["next_runs"]["backup"])
    assert abs(again - due) < timedelta(minutes=5), "of six hours"
    assert daemon.stop() == 0


def test_metrics_are_written_after_each_health_check(launch: Any, tmp_path: Path) -> None:
    file = tmp_path / "storysync.prom"
    daemon = launch(STORYSYNC_HEALTH__TEXTFILE=str(file)).start()
    daemon.ask("run_job", name="health")
    assert "storysync_" in file.read_text()
    file.unlink()
    daemon.ask("run_job", name="health")
    assert file.exists()
    assert daemon.stop() == 0


# -- damage ------------------------------------------------------------------------------------------------


def spoil(file: Path) -> None:
    """Overwrite the middle of a database file, leaving its head: it opens, and is damaged."""
    size = file.stat().st_size
    with file.open("r+b") as opened:
        opened.seek(4096 * 3)
        opened.write(b"\xa5" * (size - 4096 * 4))


def test_database_found_damaged_at_start_is_recovered_from_its_backup(launch: Any, stories: Path) -> None:
    for number in range(2, 40):
        put(stories, f"A-{number}.md")
    daemon = launch().start()
    daemon.ask("run_job", name="backup")
    before = {row["id"]: row["uid"] for row in daemon.rows("SELECT id, uid FROM stories")}
    assert daemon.stop() == 0
    put(stories, "A-1.md", "done")
    file = daemon.state / "s.db"
    for companion in ("-wal", "-shm"):
        file.with_name(file.name + companion).unlink(missing_ok=True)
    spoil(file)
    daemon.start()
    assert daemon.logged("database.recovered") == 1
    daemon.wait(lambda: daemon.statuses()["A-1.md"] == "done")
    assert {row["id"]: row["uid"] for row in daemon.rows("SELECT id, uid FROM stories")} == before
    assert daemon.rows("SELECT kind FROM incidents") == [{"kind": "recovered"}]
    daemon.is_equal()
    assert daemon.ask("run_job", name="integrity")["run"]["state"] == "good"
    assert daemon.stop() == 0


def test_daily_look_that_finds_damage_stops_writing_and_recovers(launch: Any, stories: Path) -> None:
    for number in range(2, 60):
        put(stories, f"A-{number}.md")
    daemon = launch(STORYSYNC_BACKUP__EVERY_MINUTES="9999").start()
    for name in job_rows.NAMES:
        daemon.ask("run_job", name=name)  # so that none of them is due soon
    good = daemon.backups()
    daemon.ask("run_job", name="maintain")  # so that all of it is in the file, and not in its log
    spoil(daemon.state / "s.db")
    answer = daemon.ask("run_job", name="integrity")
    assert answer["state"] == "damaged" and answer["recovered"]["backup"] == good[-1].stem
    assert daemon.logged("database.damaged") == 1 and daemon.logged("database.recovered") == 1
    put(stories, "A-1.md", "done")
    daemon.wait(lambda: daemon.statuses()["A-1.md"] == "done")
    daemon.is_equal()
    assert daemon.ask("status")["damaged"] == {}
    assert [row["kind"] for row in daemon.rows("SELECT kind FROM incidents")] == ["recovered"]
    assert daemon.backups()[: len(good)] == good
    assert daemon.stop() == 0


def test_row_changed_by_hand_is_put_right_by_the_daily_look(launch: Any, stories: Path, state: Path) -> None:
    import sqlite3
    from contextlib import closing

    daemon = launch().start()
    daemon.converges_to({"A-1.md": "todo"})
    with closing(sqlite3.connect(state / "s.db")) as connection, connection:
        connection.execute("UPDATE stories SET title = 'By hand'")
    daemon.ask("run_job", name="integrity")
    assert daemon.rows("SELECT title FROM stories") == [{"title": "About A-1"}]
    assert daemon.stop() == 0


# -- stop ---------------------------------------------------------------------------------------------------


def test_stop_under_load_is_clean_and_soon(launch: Any, stories: Path) -> None:
    for number in range(400):
        put(stories, f"{number % 7}/B-{number}.md")
    daemon = launch("backup.before-copy=hang:60s").start()
    storm = Storm(stories, seed=9, pause_s=0.005)
    storm.start()
    threading.Thread(target=_asked_in_vain, args=(daemon,), daemon=True).start()
    daemon.wait(lambda: "backup" in daemon.ask("status")["running_jobs"])
    wait(lambda: storm.edits > 20)
    began = time.monotonic()
    assert daemon.stop() == 0
    took_s = time.monotonic() - began
    storm.calm()
    assert took_s < 10.0
    assert daemon.logged("daemon.stopped", "clean=True") == 1
    assert daemon.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert json.loads((daemon.state / "s.db.status").read_text())["state"] == "stopped"
    assert daemon.backups() == []


def _asked_in_vain(daemon: Jobs) -> None:
    try:
        daemon.ask("run_job", name="backup")
    except Exception:  # noqa: BLE001 - the daemon has gone meanwhile
        return
