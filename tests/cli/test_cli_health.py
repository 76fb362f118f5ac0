"""`storysync health`: its table, document and exit codes, with and without a daemon."""

from __future__ import annotations

import signal
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Outcome, Run
from storysync.cli import remote
from storysync.jobs.health import NAMES, OF_DAEMON
from support.following import Following, put
from support.forms import Form


def checks(document: Any) -> dict[str, str]:
    return {one["name"]: one["state"] for one in document["data"]["checks"]}


def test_every_check_is_a_row_with_its_reason(filled: Run, form: Form) -> None:
    shown = filled("health")
    assert shown.code == 0
    rows = {line.split()[0]: line.split()[1] for line in shown.out.splitlines()[1:]}
    document = filled("health", "--json").data
    assert document["kind"] == "health"
    assert rows == checks(document)
    names = {name.partition(":")[0] for name in rows}
    assert names == set(NAMES) - ({"wal"} if form.name == "postgresql" else set())
    assert document["data"]["readable"] is True and document["data"]["state"] == "warn"


def test_a_check_that_fails_makes_the_exit_code(synced: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYSYNC_HEALTH__MIN_FREE_MB", str(1 << 40))
    failed = synced("health")
    assert (failed.code, failed.err) == (1, "")
    assert "make room" in failed.out
    assert synced("health", "--json").code == 1


def test_a_database_of_an_older_schema_cannot_be_asked(synced: Run, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "state" / "storysync" / "storysync.db")) as connection:
        connection.execute("UPDATE storysync_version SET version_num = '0001'")
        connection.commit()
    document = synced("health", "--json")
    assert (document.code, document.data["data"]["readable"]) == (5, False)
    found = checks(document.data)
    assert (found["migrations"], found["database"], found["disk"]) == ("fail", "ok", "ok")
    assert "run `storysync db upgrade`" in synced("health").out


def test_a_database_that_does_not_open_is_told_with_all_that_is_known(synced: Run, tmp_path: Path) -> None:
    assert synced("backup", "create").code == 0
    file = tmp_path / "state" / "storysync" / "storysync.db"
    data = bytearray(file.read_bytes())
    data[0:60] = b"x" * 60
    file.write_bytes(data)
    for companion in file.parent.glob("storysync.db-*"):
        companion.unlink()
    told = synced("health", "--json")
    found = checks(told.data)
    assert (told.code, found["database"], found["backup"]) == (5, "fail", "ok")


def test_a_server_that_is_away_is_told_with_all_that_is_known(run: Run, here: Path) -> None:
    told = run("health", "--database", f"postgresql://me:hidden@/db?host={here}", "--json")
    found = checks(told.data)
    assert (told.code, found["database"], found["disk"]) == (5, "fail", "ok")
    assert "hidden" not in told.out


def test_a_daemon_that_does_not_answer_hangs(
    synced: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "STATUS_TIMEOUT_S", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "state" / "storysync" / "storysync.db.sock"))
        silent.listen()
        told = synced("health", "--json")
    found = checks(told.data)
    assert told.code == 1
    assert {found[name] for name in OF_DAEMON} == {"fail"}


@pytest.fixture
def daemon(stories: Path, tmp_path: Path) -> Iterator[Following]:
    put(stories, "A-1.md")
    state = tmp_path / "daemon"
    made = Following([stories], f"sqlite:///{state}/s.db", state).start()
    yield made
    made.end()


def test_the_daemon_says_what_only_it_knows(
    daemon: Following, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STORYSYNC_STATE_DIR", str(daemon.state))

    def asked(*words: str) -> Outcome:
        return run("health", *words, "--database", daemon.url)

    assert {checks(asked("--json").data)[name] for name in OF_DAEMON} <= {"ok"}
    assert daemon.ask("run_job", name="backup")["state"] == "good"
    assert daemon.ask("run_job", name="integrity")["state"] == "ok"
    whole = asked("--json")
    found = checks(whole.data)
    assert (whole.code, found) == (0, dict.fromkeys(found, "ok")), whole.out
    daemon.ask("pause")
    assert checks(asked("--json").data)["daemon"] == "warn"
    daemon.ask("resume")
    monkeypatch.setattr(remote, "STATUS_TIMEOUT_S", 0.3)
    daemon.freeze()
    try:
        hung = asked()
        assert hung.code == 1 and "it hangs; restart it" in hung.out
    finally:
        daemon.process.send_signal(signal.SIGCONT)  # type: ignore[union-attr]


def test_what_the_daemon_found_is_kept(daemon: Following) -> None:
    report = daemon.ask("run_job", name="health")
    rows = daemon.rows("SELECT name, state FROM health_checks ORDER BY id")
    newest = rows[-len(report["checks"]) :]
    assert newest == [{"name": one["name"], "state": one["state"]} for one in report["checks"]]
