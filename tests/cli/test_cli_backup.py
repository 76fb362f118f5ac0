"""`storysync backup`: what is told, in words and as JSON, and the exit codes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.conftest import Outcome, Run
from storysync.jobs.backup import BackupReport, make_backup
from storysync.settings import BackupSettings
from storysync.store import migrate
from storysync.store.database import database_at
from storysync.store.lock import InstanceLock, lock_path
from support.following import Following, put

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "storysync" / "s.db"


@pytest.fixture
def ours(run: Run, here: Path, file: Path) -> Run:
    """Commands on a database with two stories."""
    put(here / "demo", "A-1.md")
    put(here / "demo", "A-2.md")

    def ask(*words: str) -> Outcome:
        return run(*words, "--database", str(file))

    assert ask("sync", str(here / "demo")).code == 0
    return ask


def names(ours: Run) -> list[str]:
    return [one["name"] for one in ours("backup", "list", "--json").data["data"]]


def test_create_tells_the_file_and_as_json_all_of_it(ours: Run, file: Path) -> None:
    told = ours("backup", "create")
    made = Path(told.out.split(" (")[0])
    assert told.code == 0 and told.out.endswith("verified)\n") and made.parent == file.parent / "backups"
    data = ours("backup", "create", "--json").data["data"]
    assert {"file", "name", "size", "state", "message", "sha256", "project_id"} <= set(data)
    assert not {"project", "digest", "run"} & set(data), "one word for a thing, as in `list`"
    assert (data["state"], data["size"]) == ("good", Path(data["file"]).stat().st_size)


def test_list_tells_each_one_newest_first(ours: Run) -> None:
    for _ in range(2):
        ours("backup", "create")
    newest, older = ours("backup", "list", "--json").data["data"]
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
    assert not [key for key in newest if f"`{key}`" not in page]
    assert newest["created_at"] > older["created_at"]
    for one in (newest, older):
        assert (one["state"], one["trigger"], one["project_id"]) == ("good", "command", "")
        assert one["verified_at"] >= one["created_at"]
        assert one["rows"] > 10 and one["size"] == Path(one["file"]).stat().st_size
    lines = ours("backup", "list").out.splitlines()
    assert lines[0].split() == ["CREATED", "STATE", "VERIFIED", "SIZE", "ROWS", "TRIGGER", "NAME"]
    assert [line.split()[-1] for line in lines[1:]] == [newest["name"], older["name"]]


def test_an_empty_list_is_no_failure(ours: Run) -> None:
    told = ours("backup", "list")
    assert (told.code, told.out) == (0, "")
    assert ours("backup", "list", "--json").data["data"] == []


@pytest.mark.parametrize("content", [None, b"", b"no database at all" * 99])
def test_list_verify_and_prune_work_without_the_database(
    ours: Run, file: Path, content: bytes | None
) -> None:
    ours("backup", "create")
    for one in file.parent.glob("s.db*"):
        one.unlink()
    if content is not None:
        file.write_bytes(content)
    assert len(names(ours)) == 1
    assert ours("backup", "list").code == ours("backup", "verify").code == ours("backup", "prune").code == 0
    assert ours("backup", "create").code != 0
    assert len(names(ours)) == 1


def test_list_and_verify_take_no_lock_of_the_database(ours: Run, file: Path) -> None:
    ours("backup", "create")
    with InstanceLock(lock_path(file)):
        assert len(names(ours)) == 1
        assert ours("backup", "verify").code == 0
        told = ours("backup", "create")
    assert told.code == 0 and "has no record of this attempt" in told.err
    assert len(names(ours)) == 2


def test_verify_tells_what_was_proven(ours: Run) -> None:
    ours("backup", "create")
    told = ours("backup", "verify")
    assert told.code == 0
    assert told.out.startswith(f"{names(ours)[0]} restores: ") and " digests compared in " in told.out
    data = ours("backup", "verify", names(ours)[0], "--json").data["data"]
    assert (data["state"], data["name"]) == ("good", names(ours)[0])
    assert data["rows"] > 10 and data["digests"] == data["tables"] > 10


def test_verify_refuses_what_changed_and_list_says_so(ours: Run) -> None:
    ours("backup", "create")
    (one,) = ours("backup", "list", "--json").data["data"]
    os.truncate(one["file"], one["size"] - 1)
    ours("backup", "verify").failed(1, "is damaged", f"instead of {one['size']}", "backup create")
    ours("backup", "verify", "--json").failed(1, "is damaged")
    told = ours("backup", "list")
    assert "damaged" in told.out and "bytes instead of" in told.err


def test_what_is_not_there_has_its_own_exit_code(ours: Run, here: Path) -> None:
    ours("backup", "verify").failed(3, "there is no backup", "backup create")
    ours("backup", "create")
    ours("backup", "verify", "storysync-20200101T000000Z").failed(3, "20200101", "backup list")
    ours("backup", "verify", "").failed(2, "NAME is empty")
    ours("backup", "list", "--project", "demo").failed(2, "share one database")


def test_prune_says_what_would_go_before_it_goes(ours: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for period in ("HOURLY", "DAILY", "WEEKLY", "MONTHLY"):
        monkeypatch.setenv(f"STORYSYNC_BACKUP__{period}", "0")
    ours("backup", "create")
    ours("backup", "create")
    newest, first = names(ours)
    assert ours("backup", "prune").out == "nothing to remove\n", "within an hour nothing goes"
    monkeypatch.setattr("storysync.core.retention.FRESH_FOR", timedelta(0))
    assert ours("backup", "prune", "--dry-run").out == f"would remove {first}\n"
    assert names(ours) == [newest, first]
    data = ours("backup", "prune", "--json").data["data"]
    assert data == {"dry_run": False, "removed": [{"project_id": "", "name": first}]}
    assert names(ours) == [newest]


def test_a_backup_migrates_nothing(ours: Run, file: Path) -> None:
    database = database_at(f"sqlite:///{file}")
    migrate.downgrade(database, "0001")
    told = ours("backup", "create")
    assert told.code == 0 and "has no record of this attempt" in told.err
    assert database.revision() == "0001"
    (one,) = ours("backup", "list", "--json").data["data"]
    assert one["schema_version"] == "0001"


def test_without_a_database_nothing_is_made(run: Run, tmp_path: Path) -> None:
    told = run("backup", "create", "--database", str(tmp_path / "x" / "s.db"))
    told.failed(5, "there is no database at")
    assert not (tmp_path / "x").exists()


def test_each_project_with_its_own_database(run: Run, here: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        put(here / name, f"{name.upper()}-1.md")
    url = f"sqlite:///{tmp_path}/own/{{project}}/s.db"

    def ask(*words: str) -> Outcome:
        return run("backup", *words, "--database", url)

    ask("list").failed(5, "there is no database at")
    assert run("sync", str(here / "one"), str(here / "two"), "--database", url).code == 0
    assert [one["project_id"] for one in ask("create", "--json").data["data"]] == ["one", "two"]
    assert ask("create", "--project", "two").out.count("verified") == 1
    assert [one["project_id"] for one in ask("list", "--json").data["data"]] == ["two", "two", "one"]
    assert ask("list").out.startswith("PROJECT")
    assert ask("verify").out.count("restores") == 2
    (one,) = ask("list", "--project", "one", "--json").data["data"]
    assert one["file"].startswith(str(tmp_path / "own" / "one" / "backups"))
    (told,) = ask("verify", one["name"], "--project", "one", "--json").data["data"]
    assert told["name"] == one["name"]
    assert ask("list", "--project", "three").out == ""
    shutil.rmtree(tmp_path / "own" / "one" / "backups")
    ask("verify").failed(3, "there is no backup")
    (tmp_path / "own" / "one" / "s.db").unlink()
    assert ask("list", "--project", "one").code == 0


def test_a_name_that_two_projects_have_means_both(run: Run, here: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/own/{{project}}/s.db"
    made: list[BackupReport] = []
    for name in ("one", "two"):
        put(here / name, f"{name.upper()}-1.md")
        assert run("sync", str(here / name), "--database", url).code == 0
        database = database_at(url.format(project=name))
        made.append(make_backup(database, BackupSettings(), trigger="test", project=name, now=lambda: NOON))
    one, two = made
    assert one.name == two.name and one.file is not None and two.file is not None
    assert run("backup", "verify", one.name, "--database", url).out.count("restores") == 2
    assert run("backup", "verify", str(one.file), "--database", url).out.count("restores") == 1
    two.file.write_bytes(two.file.read_bytes()[:-1])
    told = run("backup", "verify", one.name, "--database", url)
    assert told.code == 1 and f"two: {one.name} is damaged" in told.err


@pytest.fixture
def daemon(ours: Run, here: Path, file: Path) -> Iterator[Following]:
    one = Following([here / "demo"], f"sqlite:///{file}", file.parent).start()
    yield one
    one.end()


def test_a_running_daemon_makes_it(ours: Run, daemon: Following, file: Path) -> None:
    data = ours("backup", "create", "--json").data["data"]
    assert {"file", "name", "size", "state", "message", "sha256", "project_id"} <= set(data)
    assert not {"project", "digest", "run"} & set(data), "one word for a thing, as in `list`"
    assert Path(data["file"]).parent == file.parent / "backups"
    assert data["name"] in names(ours)
    assert ours("backup", "verify", data["name"]).code == 0
    assert daemon.rows("SELECT count(*) AS n FROM backups WHERE state = 'good'")[0]["n"] >= 1
