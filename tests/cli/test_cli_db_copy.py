"""`storysync db copy` and `db digest`, as a person and as a program use them."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from storysync.store.lock import InstanceLock, lock_path

SMALL_FILES = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from storysync.cli.main import main
sys.exit(main(sys.argv[2:]))
"""
"""The command line where no file can become larger than so many bytes, as on a disk that is full."""


def sync_samples(run: Any, database: str) -> None:
    outcome = run("sync", "--database", database)
    assert outcome.code == 0, outcome.err


@pytest.fixture
def filled(synced: Any, here: Path) -> Any:
    """`run` in a folder with the sample stories, synced into `a.db` beside it."""
    sync_samples(synced, "../a.db")
    return synced


def digest(run: Any, database: str, *options: str) -> dict[str, Any]:
    return run("db", "digest", "--database", database, "--json", *options).data["data"]


def test_there_and_back(filled: Any, here: Path, postgres_url: str) -> None:
    there = filled("db", "copy", "../a.db", postgres_url)
    assert (there.code, there.err) == (0, "")
    lines = there.out.splitlines()
    assert lines[0].split() == ["TABLE", "ROWS", "DIGEST"]
    assert lines[-1].startswith("equal: ")
    report = filled("db", "copy", postgres_url, "../b.db", "--json").data
    assert report["kind"] == "copy"
    tables = {one["table"]: one for one in report["data"][0]["tables"]}
    assert tables["stories"]["rows"] == 36
    assert [line.split()[:2] for line in lines[1:-1]] == [
        [name, str(one["rows"])] for name, one in tables.items()
    ]
    assert len({digest(filled, one)["digest"] for one in ("../a.db", "../b.db", postgres_url)}) == 1
    for one in ("../a.db", "../b.db", postgres_url):
        assert digest(filled, one)["tables"] == report["data"][0]["tables"]
    for one in ("../a.db", "../b.db", postgres_url):
        verified = filled("verify", "--database", one)
        assert (verified.code, verified.out) == (0, "equal: 36 stories in 42 files\n")
        synced = filled("sync", "--database", one)
        assert synced.code == 0 and synced.out.count("nothing changed") == 3


def test_digests_of_databases_that_were_synced_on_their_own(filled: Any, postgres_url: str) -> None:
    sync_samples(filled, postgres_url)
    own, theirs = digest(filled, "../a.db"), digest(filled, postgres_url)
    assert own["uids"] and own["digest"] != theirs["digest"]
    own, theirs = digest(filled, "../a.db", "--no-uids"), digest(filled, postgres_url, "--no-uids")
    assert own == theirs and not own["uids"]
    assert {one["table"] for one in own["tables"]} >= {"stories", "story_dependencies", "problems", "changes"}
    printed = filled("db", "digest", "--no-uids", "--database", postgres_url).out.splitlines()
    assert printed[-1].split() == [
        "(all)",
        str(sum(one["rows"] for one in own["tables"])),
        own["digest"][:16],
    ]


EACH = ["sqlite:///../each/{project}/database.sqlite", "postgresql"]


@pytest.mark.parametrize("url", EACH)
def test_a_database_for_each_project_and_back(filled: Any, url: str, postgres_url: str) -> None:
    each = url if url != "postgresql" else postgres_url + "&schema=storysync_{project}"
    before = digest(filled, "../a.db", "--no-uids")
    there = filled("db", "copy", "../a.db", each, "--json").data["data"]
    assert sum(one["rows"] for report in there for one in report["tables"] if one["table"] == "stories") == 36
    again = filled("db", "copy", "../a.db", each, "--json").data["data"]
    assert [report["target"] for report in again] == [report["target"] for report in there]
    told = [
        {one["table"]: one for one in digest(filled, name, "--no-uids")["tables"]}
        for name in ("../a.db", each)
    ]
    differing = {table for table in told[0] if told[0][table] != told[1][table]}
    assert differing == {"story_dependencies", "project_dependencies"}  # of references to other projects
    verified = filled("verify", "--database", each)
    assert verified.code == 0, verified.out
    synced = filled("sync", "--database", each)
    assert synced.code == 0 and synced.out.count("nothing changed") == 3, synced.out
    back = filled("db", "copy", each, "../back.db")
    assert back.code == 0, back.err
    assert digest(filled, "../back.db", "--no-uids") == before
    verified = filled("verify", "--database", "../back.db")
    assert (verified.code, verified.out) == (0, "equal: 36 stories in 42 files\n")
    other = "sqlite:///../other/{project}.db"
    assert filled("db", "copy", each, other).code == 0
    assert digest(filled, other) == digest(filled, each)


# -- refusals ----------------------------------------------------------------------------------------


def test_onto_itself(filled: Any) -> None:
    filled("db", "copy", "../a.db", "sqlite:///../a.db").failed(2, "cannot be copied onto itself")


@pytest.mark.parametrize("empty", ["FROM", "TO"])
def test_a_name_that_is_empty(filled: Any, empty: str) -> None:
    names = {"FROM": "../a.db", "TO": "../b.db"} | {empty: ""}
    filled("db", "copy", names["FROM"], names["TO"]).failed(2, f"{empty} is empty")


def test_nothing_to_copy_from(filled: Any, here: Path) -> None:
    filled("db", "copy", "../none.db", "../b.db").failed(5, "there is no database at", "check FROM")
    assert not (here.parent / "b.db").exists() and not (here.parent / "b.db.lock").exists()
    assert filled("db", "upgrade", "--database", "../empty.db").code == 0
    filled("db", "copy", "../empty.db", "../b.db").failed(5, "there is nothing in", "check FROM")


def test_a_source_of_another_program(filled: Any, here: Path) -> None:
    (here.parent / "foreign.db").write_text("not a database, but long enough to be taken for one" * 20)
    filled("db", "copy", "../foreign.db", "../b.db").failed(5, "is not a SQLite database")


def test_a_source_without_the_newest_schema(filled: Any, here: Path) -> None:
    assert filled("db", "downgrade", "base", "--yes", "--database", "../a.db").code == 0
    said = f"storysync db upgrade --database sqlite:///{here.parent / 'a.db'}"
    filled("db", "copy", "../a.db", "../b.db").failed(5, "has schema none", said)


def test_a_target_that_is_not_empty(filled: Any, postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORYSYNC_BACKUP__BEFORE_MIGRATION", "false")
    assert filled("db", "copy", "../a.db", postgres_url).code == 0
    filled("db", "copy", "../a.db", postgres_url).failed(2, "is not empty", "db downgrade base")
    assert filled("db", "downgrade", "base", "--yes", "--database", postgres_url).code == 0
    assert filled("db", "copy", "../a.db", postgres_url).code == 0


def test_a_target_of_another_program_is_left_untouched(filled: Any, here: Path) -> None:
    other = here.parent / "other.db"
    connection = sqlite3.connect(other)
    connection.execute("CREATE TABLE theirs (a)")
    connection.commit()
    connection.close()
    before = other.read_bytes()
    filled("db", "copy", "../a.db", "../other.db").failed(5, "is a database of another program")
    assert other.read_bytes() == before and not (here.parent / "other.db.lock").exists()


def test_a_target_that_a_daemon_writes(filled: Any, here: Path) -> None:
    lock = InstanceLock(lock_path(here.parent / "b.db"))
    lock.acquire()
    filled("db", "copy", "../a.db", "../b.db").failed(6, f"process {os.getpid()} of storysync holds the lock")
    lock.release()
    assert filled("db", "copy", "../a.db", "../b.db").code == 0


def test_a_server_that_does_not_answer_and_a_password_that_nobody_sees(filled: Any, here: Path) -> None:
    url = "postgresql://me:secret-word@localhost:1/none?connect_timeout=2"
    for names in (("../a.db", url), (url, "../b.db")):
        outcome = filled("db", "copy", *names)
        outcome.failed(5, "cannot connect to postgresql://me@localhost:1/none")
        assert "secret-word" not in outcome.out + outcome.err
    assert not (here.parent / "b.db").exists()


def test_a_disk_that_is_full(filled: Any, here: Path) -> None:
    connection = sqlite3.connect(here.parent / "a.db")
    connection.execute("UPDATE stories SET body = printf('%.*c', 100000, 'x')")
    connection.commit()
    connection.close()
    command = [sys.executable, "-c", SMALL_FILES, "1000000", "db", "copy", "../a.db", "../b.db"]
    full = subprocess.run(command, capture_output=True, text=True)
    assert (full.returncode, full.stdout) == (5, "")
    error, hint = full.stderr.splitlines()
    assert error.startswith("storysync: error: cannot use the database")
    assert hint.startswith("hint: nothing was copied; ")
    assert filled("db", "copy", "../a.db", "../b.db").code == 0
    assert digest(filled, "../b.db") == digest(filled, "../a.db")


def test_a_bar_at_a_terminal_only(filled: Any, here: Path) -> None:
    """Into a pipe only the result is written."""
    shutil.rmtree(here.parent / "state")
    command = [sys.executable, "-m", "storysync", "db", "copy", "../a.db", "../b.db", "--json"]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0 and done.stderr == b""
    assert msgspec.json.decode(done.stdout)["kind"] == "copy"
