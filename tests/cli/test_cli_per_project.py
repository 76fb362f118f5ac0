"""Commands where each project has its own database."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.conftest import Run
from storysync.store.revisions import HEAD
from support.per_project import write


@pytest.fixture
def own(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{here}/state/{{project}}/database.sqlite")
    write(here / "one" / "A-1.md", id="A-1", status="todo", dependencies='["two:B-1"]')
    write(here / "two" / "B-1.md", id="B-1", status="todo")
    return here


def test_commands_ask_every_database_or_the_one_that_is_named(run: Run, own: Path) -> None:
    assert run("sync", "one", "two").code == 0
    assert [row["id"] for row in run("list", "--json").data["data"]] == ["A-1", "B-1"]
    assert [row["id"] for row in run("list", "--json", "--project", "two").data["data"]] == ["B-1"]
    assert [row["id"] for row in run("ready", "--json").data["data"]] == ["B-1"]
    assert "B-1 (todo)" in run("blocked").out
    assert run("verify").code == 0
    assert run("db", "current").out.count(HEAD) == 2
    assert run("db", "upgrade", "--project", "two").out.count("revision") == 1
    assert run("backup", "create").out.count("verified") == 2
    run("list", "--project", "three").failed(3, "there is no project 'three'")


def test_sql_must_say_whom_it_asks(run: Run, own: Path) -> None:
    run("sync", "one", "two")
    run("sql", "SELECT 1").failed(2, "each project has a database of its own")
    run("sql", "SELECT 1", "-p", "one", "--all-projects").failed(2, "say two things")
    question = "SELECT project_id FROM stories"
    assert [row["project_id"] for row in run("sql", question, "-p", "one", "--json").data["data"]] == ["one"]
    both = run("sql", question, "--all-projects", "--json").data["data"]
    assert [row["project_id"] for row in both] == ["one", "two"]
    assert len(run("sql", question, "--all-projects", "--limit", "1", "--json").data["data"]) == 1
    run("sql", question, "-p", "one", "--database", str(own / "shared.db")).failed(2, "share one database")


def test_a_broken_database_is_left_out_with_a_warning(run: Run, own: Path) -> None:
    run("sync", "one", "two")
    for file in (own / "state" / "two").glob("database.sqlite*"):
        file.unlink()
    (own / "state" / "two" / "database.sqlite").write_bytes(b"garbage" * 999)
    listed = run("list")
    assert (listed.code, "A-1" in listed.out) == (0, True)
    assert "project two is left out" in listed.err
    run("list", "--project", "two").failed(5, "is not a SQLite database")
    synced = run("sync", "one", "two")
    assert (synced.code, synced.out) == (5, "")
    assert "references of project one to others are not up to date" in synced.err
    assert "synced all the same: one" in synced.err
    assert run("health").code == 1
