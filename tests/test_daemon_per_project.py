"""A real `storysync run` with a database for each project: they know of each other, and fail alone."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from storysync.app import App
from support.per_project import Daemon, ready, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "shop" / "S-1.md", id="S-1", status="todo", dependencies='["infra:I-1"]')
    write(tmp_path / "infra" / "I-1.md", id="I-1", status="todo")
    return tmp_path


@pytest.fixture
def url(folder: Path) -> str:
    return f"sqlite:///{folder}/state/projects/{{project}}/database.sqlite"


@pytest.fixture
def app(folder: Path, url: str) -> App:
    return App.load(folder, {}, flags={"database.url": url})


@pytest.fixture
def daemon(folder: Path, url: str) -> Iterator[Daemon]:
    made = Daemon(folder, url, "shop", "infra").start()
    yield made
    made.end()


def of(status: dict[str, Any], project: str) -> dict[str, Any]:
    return next(one for one in status["projects"] if one["id"] == project)


def test_an_edit_of_one_project_makes_a_story_of_another_ready(
    daemon: Daemon, folder: Path, app: App
) -> None:
    assert ready(app) == ["I-1"]
    write(folder / "infra" / "I-1.md", id="I-1", status="done")
    daemon.until(lambda: ready(app) == ["S-1"])
    (folder / "infra" / "I-1.md").rename(folder / "infra" / "I-2.md")
    write(folder / "infra" / "I-2.md", id="I-2", status="done")
    daemon.until(lambda: ready(app) == [])
    assert app.verify(app.projects()).equal


def test_a_database_of_garbage_stops_only_its_project(daemon: Daemon, folder: Path, app: App) -> None:
    file = app.databases.of("infra").file
    assert file is not None
    daemon.end()
    for companion in ("-wal", "-shm"):
        file.with_name(file.name + companion).unlink(missing_ok=True)
    file.write_bytes(b"garbage" * 4096)
    daemon.start()
    write(folder / "shop" / "S-2.md", id="S-2", status="todo")
    daemon.until(lambda: "S-2" in ready(app))
    infra = of(daemon.status(), "infra")
    assert "is not a SQLite database" in infra["error"], infra
    report = daemon.ask("run_job", name="health")
    failed = {check["name"] for check in report["checks"] if check["state"] == "fail"}
    assert "database:infra" in failed
    assert not {name for name in failed if name.endswith(":shop")}
    assert file.read_bytes() == b"garbage" * 4096
    file.unlink()
    daemon.until(lambda: "I-1" in ready(app), 30)
    assert of(daemon.status(), "infra")["error"] == ""
    assert app.verify(app.projects(("shop", "infra"))).equal


def test_a_file_overwritten_under_the_running_daemon_is_told_and_then_replaced(
    daemon: Daemon, folder: Path, app: App
) -> None:
    file = app.databases.of("infra").file
    assert file is not None
    with file.open("r+b") as opened:
        opened.write(b"garbage" * 4096)
    write(folder / "infra" / "I-3.md", id="I-3", status="todo")
    write(folder / "shop" / "S-2.md", id="S-2", status="todo")
    daemon.until(lambda: "S-2" in ready(app))
    daemon.until(lambda: of(daemon.status(), "infra")["error"] != "" or "I-3" in ready(app))
    for companion in ("", "-wal", "-shm"):
        file.with_name(file.name + companion).unlink(missing_ok=True)
    write(folder / "infra" / "I-4.md", id="I-4", status="todo")
    daemon.until(lambda: {"I-1", "I-3", "I-4"} <= set(ready(app)), 30)
    assert app.verify(app.projects(("shop", "infra"))).equal


def test_what_another_process_writes_is_seen_within_seconds(folder: Path, url: str, app: App) -> None:
    app.sync(app.projects(("shop", "infra")))
    daemon = Daemon(folder, url, "shop").start()
    try:
        write(folder / "infra" / "I-1.md", id="I-1", status="done")
        app.sync(app.projects(("infra",)))
        daemon.until(lambda: "S-1" in ready(app), 15)
    finally:
        daemon.end()


def test_one_daemon_serves_them_all(daemon: Daemon, folder: Path, url: str) -> None:
    second = Daemon(folder, url, "shop")
    second.start(wait=False)
    assert second.process is not None
    assert second.process.wait(timeout=20) == 6


def test_everything_it_makes_is_private_whatever_the_umask_is(folder: Path, url: str) -> None:
    before = os.umask(0)
    try:
        daemon = Daemon(folder, url, "shop", "infra").start()
    finally:
        os.umask(before)
    try:
        daemon.ask("run_job", name="backup")
        found = {
            path.relative_to(folder).as_posix(): stat.S_IMODE(path.lstat().st_mode)
            for path in [folder / "state", *(folder / "state").rglob("*")]
        }
        folders = {name for name in found if (folder / name).is_dir()}
        assert {name: found[name] for name in folders if found[name] != 0o700} == {}
        assert {name: found[name] for name in found.keys() - folders if found[name] != 0o600} == {}
        own = "state/projects/shop/database.sqlite"
        assert {own, f"{own}-wal", f"{own}-shm", f"{own}.lock", "state/projects/daemon.sock"} <= found.keys()
        assert len([name for name in found if "/backups/storysync-" in name and ".json" in name]) == 2
    finally:
        daemon.end()


def test_schemas_of_a_server_know_of_each_other(folder: Path, postgres_url: str) -> None:
    url = f"{postgres_url}{'&' if '?' in postgres_url else '?'}schema=storysync_{{project}}"
    state = folder / "state"
    app = App.load(folder, {}, flags={"database.url": url, "state_dir": str(state)})
    daemon = Daemon(folder, url, "shop", "infra", state=state).start()
    try:
        assert ready(app) == ["I-1"]
        write(folder / "infra" / "I-1.md", id="I-1", status="done")
        daemon.until(lambda: ready(app) == ["S-1"])
        assert app.verify(app.projects()).equal
    finally:
        daemon.end()
