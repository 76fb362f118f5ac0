from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run
from storysync import control
from storysync.store.database import Database
from support.damage import destroy_page, root_page
from support.forms import only


def findings(run: Run, *options: str, code: int = 0) -> dict[str, dict[str, Any]]:
    """By name; the last of several with one name."""
    outcome = run("doctor", "--json", *options)
    assert outcome.code == code, outcome
    return {one["name"]: one for one in outcome.data["data"]}


@pytest.fixture
def file(here: Path) -> Path:
    """The default database."""
    return here.with_name("state") / "storysync" / "storysync.db"


def test_all_is_well(filled: Run, stored: Database) -> None:
    found = findings(filled)
    assert found["database"]["state"] == "ok" and stored.place in found["database"]["reason"]
    assert all(one["state"] in ("ok", "warn") for one in found.values())
    assert [name for name in found if name.startswith("folder:")]
    assert found["backups"]["next"].startswith("storysync backup create")


def test_nothing_is_there_yet(run: Run) -> None:
    found = findings(run)
    assert (found["database"]["state"], found["database"]["next"]) == ("warn", "storysync sync PATH")


def test_in_words_each_thing_is_a_line_and_its_next_command_another(run: Run) -> None:
    lines = run("doctor").out.splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith("warn  database: "))
    assert lines[at + 1] == "      next: storysync sync PATH"


def test_settings_that_cannot_be_read_are_a_finding(run: Run, here: Path) -> None:
    (here / "storysync.toml").write_text("[backup]\nevery_minutes = 'often'\n")
    found = findings(run, code=1)
    assert found["settings"]["state"] == "fail" and "every_minutes" in found["settings"]["reason"]
    assert found["settings"]["next"] == "", "every command would say the same"


def test_a_damaged_database_says_what_to_do(synced: Run, file: Path) -> None:
    destroy_page(file, root_page(file, "stories"))
    found = findings(synced, code=1)["database"]
    assert "is damaged" in found["reason"] and found["next"] == "storysync run PATH"


def test_a_damaged_database_with_a_backup_is_to_be_restored(synced: Run, file: Path) -> None:
    assert synced("backup", "create").code == 0
    for spoil in (lambda: destroy_page(file, 1), lambda: file.write_bytes(b""), file.unlink):
        spoil()
        assert findings(synced, code=1)["database"]["next"] == "storysync backup restore"
    assert synced("backup", "restore", "--yes").code == 0
    assert findings(synced)["database"]["state"] == "ok"


def test_other_files_in_its_place(run: Run, tmp_path: Path) -> None:
    theirs, noise = tmp_path / "theirs.db", tmp_path / "noise.db"
    with closing(sqlite3.connect(theirs)) as other:
        other.execute("CREATE TABLE t (a)")
    noise.write_bytes(b"noise" * 1000)
    assert "another program" in findings(run, "--database", str(theirs), code=1)["database"]["reason"]
    assert "not a SQLite database" in findings(run, "--database", str(noise), code=1)["database"]["reason"]
    assert "is a folder" in findings(run, "--database", str(tmp_path), code=1)["database"]["reason"]
    (tmp_path / "empty.db").touch()
    empty = findings(run, "--database", str(tmp_path / "empty.db"))["database"]
    assert empty["state"] == "warn" and empty["next"].startswith("storysync sync PATH --database")


def test_schemas_of_another_version(synced: Run, file: Path) -> None:
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("UPDATE storysync_version SET version_num = '0001'")
    found = findings(synced)["database"]
    assert (found["state"], found["next"]) == ("warn", "storysync db upgrade")
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("UPDATE storysync_version SET version_num = '9999'")
    assert "newer than this storysync" in findings(synced, code=1)["database"]["reason"]


def test_a_server_that_is_away_is_told_without_its_password(run: Run) -> None:
    url = "postgresql://me:secret@127.0.0.1:1/x"
    outcome = run("doctor", "--json", "--database", url)
    assert outcome.code == 1 and "cannot connect" in outcome.out
    assert "secret" not in outcome.out + outcome.err


def test_a_program_that_writes_is_no_damage(synced: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        found = findings(synced)["database"]
    assert found["state"] == "warn" and "another process has been writing" in found["reason"]


def test_too_little_room_is_told(synced: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYSYNC_HEALTH__MIN_FREE_MB", "1000000000")
    found = findings(synced, code=1)["disk"]
    assert "less than" in found["reason"] and found["next"].startswith("df -h ")


def test_a_folder_that_is_gone_is_told(synced: Run, here: Path) -> None:
    os.chdir(here.parent)
    here.rename(here.with_name("elsewhere"))
    found = findings(synced, code=1)
    gone = [one for name, one in found.items() if name.startswith("folder:")]
    assert gone and all("is not there" in one["reason"] and "--moved" in one["next"] for one in gone)


def test_backups_that_are_damaged_or_old_are_told(
    synced: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert synced("backup", "create").code == 0
    assert findings(synced)["backups"]["state"] == "ok"
    monkeypatch.setenv("STORYSYNC_HEALTH__MAX_BACKUP_AGE_HOURS", "0.0000001")
    old = findings(synced)["backups"]
    assert (old["state"], old["next"]) == ("warn", "storysync backup create")
    (data,) = (file.parent / "backups").glob("*.db.zst")
    data.write_bytes(data.read_bytes()[:-1])
    bad = findings(synced, code=1)["backups"]
    assert bad["state"] == "fail" and "is damaged" in bad["reason"]


def test_what_restores_have_left_is_told_with_its_size(synced: Run, file: Path) -> None:
    assert synced("backup", "create").code == 0
    assert synced("backup", "restore", "--yes").code == 0
    file.with_name("storysync.db.fresh").write_bytes(b"x")
    file.with_name("storysync.db.other").write_bytes(b"x")
    outcome = synced("doctor", "--json")
    left = [one for one in outcome.data["data"] if one["name"] == "left"]
    assert len(left) == 2
    for one in left:
        command = one["next"].split()
        assert command[0] == "rm" and all(Path(name).exists() for name in command[1:])


def test_incidents_are_acknowledged(filled: Run, stored: Database) -> None:
    from datetime import UTC, datetime

    from storysync.store import incidents

    with stored.open() as store, store.writing() as tx:
        incidents.note(tx, "damaged", "it was damaged", datetime.now(UTC))
        incidents.note(tx, "damaged", "it was damaged", datetime.now(UTC))
    told = findings(filled)["incidents"]
    assert told["state"] == "warn" and told["next"].startswith("storysync doctor --acknowledge")
    assert told["reason"].startswith("1 incident not acknowledged") and "it was damaged" in told["reason"]
    done = findings(filled, "--acknowledge")
    assert (done["acknowledged"]["reason"], done["incidents"]["next"]) == ("1 incident", "")
    assert findings(filled)["incidents"]["state"] == "ok"


def test_a_lock_without_a_daemon_is_told(synced: Run, file: Path) -> None:
    from storysync.store.lock import InstanceLock, lock_path

    with InstanceLock(lock_path(file)):
        found = findings(synced)
    assert found["lock"]["reason"] == f"process {os.getpid()} has the right to write"
    assert found["daemon"]["state"] == "warn" and found["daemon"]["next"] == f"ps -fp {os.getpid()}"


def test_a_daemon_that_hangs_is_told(synced: Run, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from storysync.cli import remote

    monkeypatch.setattr(remote, "STATUS_TIMEOUT_S", 0.2)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(control.socket_path(file)))
        listening.listen()
        found = findings(synced, code=1)["daemon"]
    assert "no answer within" in found["reason"] and found["next"].startswith("kill -ABRT ")


@only("sqlite")
def test_a_running_daemon_is_asked_to_acknowledge(
    filled: Run, stored: Database, here: Path, tmp_path: Path
) -> None:
    from datetime import UTC, datetime

    from storysync.store import incidents

    with stored.open() as store, store.writing() as tx:
        incidents.note(tx, "damaged", "it was damaged", datetime.now(UTC))
    with (tmp_path / "log").open("wb") as log:
        daemon = subprocess.Popen([sys.executable, "-m", "storysync", "run"], cwd=here, stderr=log)
    try:
        give_up_at = time.monotonic() + 30
        while b"daemon.started" not in (tmp_path / "log").read_bytes():
            assert time.monotonic() < give_up_at, (tmp_path / "log").read_text()
            time.sleep(0.05)
        found = findings(filled, "--acknowledge")
        assert found["acknowledged"]["reason"] == "1 incident"
        assert f"process {daemon.pid}" in found["daemon"]["reason"]
        assert findings(filled)["incidents"]["state"] == "ok"
    finally:
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(30) == 0
    daemon = subprocess.Popen([sys.executable, "-m", "storysync", "run"], cwd=here, stderr=subprocess.DEVNULL)
    give_up_at = time.monotonic() + 30
    while not control.is_live(control.socket_path(stored.base)):
        assert time.monotonic() < give_up_at
        time.sleep(0.05)
    daemon.kill()
    daemon.wait()
    assert "ended without being stopped" in findings(filled)["daemon"]["reason"]
