from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run
from storysync import control
from storysync.store.database import Database
from support import postgres
from support.forms import Form, only


@pytest.fixture
def backed(form: Form, stored: Database, synced: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The sample stories in a database of each form, a backup of them, and a change since."""
    if form.name == "postgresql":
        monkeypatch.setenv("STORYSYNC_BACKUP__PG_BIN", str(postgres.newest_programs()))
    assert synced("backup", "create").code == 0
    Path("platform/extra.md").write_text("---\nid: NEW-1\ntitle: New\nstatus: todo\n---\n")
    assert synced("sync").code == 0
    return synced


def ids(run: Run, *options: str) -> set[str]:
    return {story["id"] for story in run("list", "--json", "--limit", "10000", *options).data["data"]}


def test_the_newest_backup_is_restored_and_files_are_read_again(backed: Run) -> None:
    told = backed("backup", "restore", "--yes", "--json").data
    assert told["kind"] == "restore"
    data = told["data"]
    assert data["aside"] and data["present"]["changes_since"] > 0 and data["failed"] == {}
    assert sum(one["created"] for one in data["synced"]) == 1
    assert "NEW-1" in ids(backed)
    assert backed("verify").code == 0
    health = backed("doctor").out
    assert "1 incident not acknowledged" in health and "next: storysync doctor --acknowledge" in health


def test_in_words_it_tells_where_the_former_one_lies(backed: Run) -> None:
    lines = backed("backup", "restore", "-y").out.splitlines()
    assert lines[0].startswith("restored storysync-")
    assert lines[1].startswith("the former database lies at ")
    assert any("1 created" in line for line in lines[2:])


@only("sqlite")
def test_without_a_terminal_and_without_yes_nothing_is_done(backed: Run, stored: Database) -> None:
    before = sorted(os.listdir(Path(stored.place).parent))
    backed("backup", "restore").failed(2, "must be confirmed", "--yes")
    assert sorted(os.listdir(Path(stored.place).parent)) == before


@only("sqlite")
def test_wrong_words_are_told_in_one_line(backed: Run) -> None:
    backed("backup", "restore", "nothing", "--yes").failed(3, "there is no backup 'nothing'")
    backed("backup", "restore", "--at", "noon", "--yes").failed(2, "'noon' is no time")
    backed("backup", "restore", "x", "--at", "2026-01-01", "--yes").failed(2, "leave out one")
    backed("backup", "restore", "--at", "2020-01-01", "--yes").failed(3, "made until 2020-01-01 00:00:00 UTC")
    backed("backup", "restore", "--project", "x", "--yes").failed(2, "share one database")


@only("sqlite")
@pytest.mark.parametrize("at", ["2999-01-01", "2999-01-01T00:00:00Z", "2999-01-01T00:00:00+02:00"])
def test_a_time_may_have_a_zone_or_none(backed: Run, at: str) -> None:
    assert backed("backup", "restore", "--at", at, "--yes").code == 0


@only("sqlite")
def test_the_time_that_a_list_shows_finds_its_backup(backed: Run) -> None:
    (listed,) = backed("backup", "list", "--json").data["data"]
    second = f"{listed['created_at'][:19]}Z"
    told = backed("backup", "restore", "--at", second, "--yes", "--json").data["data"]
    assert told["backup"] == listed["name"]


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_a_time_that_utc_does_not_have_is_refused(backed: Run, at: str) -> None:
    backed("backup", "restore", "--at", at, "--yes").failed(2, "is no time")


@only("sqlite")
def test_a_damaged_backup_is_refused(backed: Run, stored: Database) -> None:
    (data,) = (Path(stored.place).parent / "backups").glob("*.db.zst")
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 4
    data.write_bytes(bytes(content))
    backed("backup", "restore", "--yes").failed(1, "does not restore")
    assert "NEW-1" in ids(backed)


@only("sqlite")
def test_it_is_restored_beside(backed: Run, tmp_path: Path) -> None:
    copy = tmp_path / "copies" / "copy.db"
    assert f"sqlite:///{copy}" in backed("backup", "restore", "--to", copy).out
    assert "NEW-1" not in ids(backed, "--database", str(copy))
    assert "NEW-1" in ids(backed)
    backed("backup", "restore", "--to", copy).failed(2, "there already")


def test_each_project_is_restored_for_itself(
    here: Path, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STORYSYNC_DATABASE__URL", f"sqlite:///{tmp_path}/dbs/{{project}}/x.db")
    for name in ("one", "two"):
        (here / name).mkdir()
        (here / name / "a.md").write_text(f"---\nid: {name.upper()}-1\ntitle: A\nstatus: todo\n---\n")
    assert run("sync", "one", "two").code == 0
    assert run("backup", "create").code == 0
    (here / "one" / "b.md").write_text("---\nid: ONE-2\ntitle: B\nstatus: todo\n---\n")
    assert run("sync", "one", "two").code == 0
    run("backup", "restore", "--yes").failed(2, "--project", "one, two")
    data: dict[str, Any] = run("backup", "restore", "--project", "one", "--yes", "--json").data["data"]
    assert [one["project_id"] for one in data["synced"]] == ["one"]
    assert ids(run) == {"ONE-1", "ONE-2", "TWO-1"}
    (tmp_path / "dbs" / "two" / "x.db").unlink()
    assert run("backup", "restore", "--project", "two", "--yes").code == 0
    assert ids(run) == {"ONE-1", "ONE-2", "TWO-1"}


@only("sqlite")
def test_a_project_whose_folder_is_gone_is_told_and_the_database_restored(backed: Run, here: Path) -> None:
    gone = here.with_name("gone")
    os.chdir(here.parent)
    here.rename(gone)
    outcome = backed("backup", "restore", "--yes")
    assert outcome.code == 1
    assert outcome.out.startswith("restored storysync-")
    assert "was not read again" in outcome.err


@only("sqlite")
def test_while_the_daemon_runs_it_is_refused_but_for_a_copy(
    backed: Run, stored: Database, here: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "storysync", "run"]
    with (tmp_path / "log").open("wb") as log:
        daemon = subprocess.Popen(command, cwd=here, stderr=log)
    try:
        give_up_at = time.monotonic() + 30
        while not control.is_live(control.socket_path(stored.base)):
            assert time.monotonic() < give_up_at, (tmp_path / "log").read_text()
            time.sleep(0.05)
        backed("backup", "restore", "--yes").failed(6, "`storysync run` serves", "systemctl stop storysync")
        assert backed("backup", "restore", "--to", tmp_path / "copy.db").code == 0
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0


@only("sqlite")
@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 130)])
def test_at_a_terminal_it_says_what_it_will_do_and_asks(
    backed: Run, here: Path, answer: str, code: int
) -> None:
    command = [sys.executable, "-m", "storysync", "backup", "restore"]
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, cwd=here, stdin=slave, stdout=subprocess.PIPE, stderr=slave, close_fds=True
    )
    os.close(slave)
    asked = b""
    while b"[y/N]" not in asked:
        asked += os.read(master, 4096)
    os.write(master, f"{answer}\n".encode())
    assert process.stdout is not None
    out = process.stdout.read()
    process.stdout.close()
    assert process.wait(30) == code
    os.close(master)
    text = asked.decode()
    assert "made 0 min ago" in text and "moved aside" in text and "came since" in text
    assert out.startswith(b"restored") if code == 0 else out == b""
