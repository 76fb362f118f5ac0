"""A member of the group asks a SQLite database that another user writes: really as other users."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

OWNER, GROUP, MEMBER, STRANGER = 50001, 50002, 50003, 50004
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")

BECOME = """
import os, sqlite3, sys, time
import storysync.store.engines.sqlite_database, storysync.store.syncs, storysync.errors
from storysync.store.database import Engines, database_at
from storysync.store.stores import databases_at
user, own_group, *more = map(int, sys.argv[2].split(","))
os.setgroups(more); os.setgid(own_group); os.setuid(user); os.umask(0o077)
FILE = sys.argv[1]
"""
"""Imports first: whoever one becomes may not read this checkout."""

DAEMON = BECOME + """
database = database_at("sqlite:///" + FILE, Engines(group_readable=sys.argv[3] == "shared"))
with database.lock():
    store = database.open()
    number = 0
    def write():
        global number
        number += 1
        with store.writing() as tx:
            row = (f"p{time.time_ns()}",)
            tx.execute("INSERT INTO projects (id, name, status) VALUES (?, 'x', 'active')", row)
    write()
    print("up", flush=True)
    if sys.argv[4] == "busy":
        while number < 60000 and not os.path.exists(FILE + ".enough"):
            write()
    sys.stdin.readline()
    store.close()
"""  # fmt: skip

ASK_OURS = (
    BECOME
    + """
try:
    with databases_at("sqlite:///" + FILE).reader() as reader:
        print(reader.rows("SELECT count(*) AS n FROM projects")[0]["n"])
except storysync.errors.StoreError as error:
    print("StoreError", error)
"""
)

ASK_PLAIN = (
    BECOME
    + """
connection = sqlite3.connect(f"file:{FILE}?mode=ro", uri=True)
print(connection.execute("SELECT count(*) FROM projects").fetchone()[0])
connection.close()
"""
)

ASK_OFTEN = (
    BECOME
    + """
seen = 0
for _ in range(500):
    with databases_at("sqlite:///" + FILE).reader() as reader, reader.snapshot():
        count = reader.rows("SELECT count(*) AS n FROM projects")[0]["n"]
    assert count >= seen, (count, seen)
    seen = count
print(seen)
"""
)


@pytest.fixture
def state() -> Iterator[Path]:
    """As systemd makes a state directory: of the owner, mode 0750. Not below pytest's own, which is 0700."""
    base = Path(tempfile.mkdtemp(dir="/var/tmp"))
    base.chmod(0o755)
    folder = base / "state"
    folder.mkdir(0o750)
    folder.chmod(0o750)
    os.chown(folder, OWNER, GROUP)
    yield folder
    shutil.rmtree(base)


class Daemon:
    """A writer of its own user; leaving the block ends it cleanly."""

    def __init__(self, state: Path, *, shared: str = "shared", busy: str = "calm") -> None:
        command = [sys.executable, "-c", DAEMON, str(state / "s.db"), f"{OWNER},{GROUP}", shared, busy]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "up\n"

    def stop(self) -> None:
        self.process.communicate("\n", timeout=30)
        assert self.process.returncode == 0

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate(timeout=30)


def ask(state: Path, question: str, user: str = f"{MEMBER},60000,{GROUP}") -> str:
    """What that user sees; nothing may have been made or changed by asking."""
    before = listed(state)
    command = [sys.executable, "-c", question, str(state / "s.db"), user]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert "Traceback" not in done.stderr, done.stderr
    if question is not ASK_OFTEN:
        assert listed(state) == before
    return done.stdout.strip()


def listed(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((path.name, path.stat().st_mode & 0o777, path.stat().st_uid) for path in folder.iterdir())


def test_member_asks_while_the_daemon_is_up(state: Path) -> None:
    daemon = Daemon(state)
    try:
        assert {name: mode for name, mode, _ in listed(state)} == {
            "s.db": 0o640, "s.db-shm": 0o640, "s.db-wal": 0o640, "s.db.lock": 0o640,
        }  # fmt: skip
        assert (ask(state, ASK_OURS), ask(state, ASK_PLAIN)) == ("1", "1")
    finally:
        daemon.stop()


def test_member_asks_after_a_clean_stop(state: Path) -> None:
    Daemon(state).stop()
    assert (ask(state, ASK_OURS), ask(state, ASK_PLAIN)) == ("1", "1")
    Daemon(state).stop()  # which takes the empty companions as they are
    assert (ask(state, ASK_OURS), ask(state, ASK_PLAIN)) == ("2", "2")


def test_member_asks_after_kill_9(state: Path) -> None:
    daemon = Daemon(state)
    daemon.kill()
    assert (state / "s.db-wal").stat().st_size > 0
    assert (ask(state, ASK_OURS), ask(state, ASK_PLAIN)) == ("1", "1")
    Daemon(state).stop()
    assert ask(state, ASK_PLAIN) == "2"


def test_member_asks_again_and_again_under_a_busy_writer(state: Path) -> None:
    daemon = Daemon(state, busy="busy")
    try:
        assert int(ask(state, ASK_OFTEN)) > 1
    finally:
        (state / "s.db.enough").touch()
        daemon.stop()


def test_files_of_an_older_database_are_opened_to_the_group(state: Path) -> None:
    Daemon(state, shared="closed").stop()
    (state / "s.db").chmod(0o600)
    assert ask(state, ASK_OURS).startswith("StoreError")
    Daemon(state).stop()
    assert ask(state, ASK_OURS) == "2"


def test_nobody_else_may_ask(state: Path) -> None:
    Daemon(state).stop()
    assert ask(state, ASK_OURS, f"{STRANGER},{STRANGER}").startswith("StoreError")


def test_without_the_setting_the_group_sees_nothing(state: Path) -> None:
    Daemon(state, shared="closed").stop()
    assert listed(state) == [("s.db", 0o600, OWNER), ("s.db.lock", 0o600, OWNER)]
    assert ask(state, ASK_OURS).startswith("StoreError")
