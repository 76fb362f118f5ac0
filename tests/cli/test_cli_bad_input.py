"""Wrong paths, databases and settings: one line that says what and what to do, and nothing is changed."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import storysync

Run = Callable[..., Any]
STORY = "---\nid: A-1\nstatus: todo\n---\n# A\n"


@pytest.fixture
def shop(here: Path) -> Path:
    folder = here / "shop"
    folder.mkdir()
    (folder / "A-1.md").write_text(STORY)
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its content."""
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("command", "path", "said"),
    [
        ("sync", "missing", "there is no folder {here}/missing"),
        ("run", "missing", "there is no folder {here}/missing"),
        ("check", "missing", "there is no folder {here}/missing"),
        ("sync", "shop/A-1.md", "{here}/shop/A-1.md is a file, not a folder"),
        ("run", "shop/A-1.md", "{here}/shop/A-1.md is a file, not a folder"),
    ],
)
def test_a_path_that_is_no_folder(
    run: Run, here: Path, shop: Path, command: str, path: str, said: str
) -> None:
    before = everything(here.parent)
    run(command, path).failed(2, said.format(here=here))
    assert everything(here.parent) == before


def test_an_empty_folder(run: Run, here: Path) -> None:
    (here / "empty").mkdir()
    run("sync", "empty").failed(2, "there are no Markdown files in")
    assert everything(here.parent) == {}


def test_two_roots_with_one_id(run: Run, here: Path, shop: Path) -> None:
    shutil.copytree(shop, here / "other" / "shop")
    before = everything(here.parent)
    run("sync", "shop", "other/shop").failed(2, "two folders share the project id 'shop'", "--project NAME")
    assert everything(here.parent) == before
    assert run("sync", "shop").code == 0
    run("sync", "other/shop").failed(2, "project 'shop' is already the folder", "--moved")


@pytest.mark.parametrize(
    "command",
    [
        ("sync", "shop"),
        ("run", "shop"),
        ("list",),
        ("status",),
        ("db", "upgrade"),
        ("db", "downgrade", "base"),
        ("health",),
        ("metrics",),
        ("jobs",),
        ("backup", "create"),
    ],
)
def test_a_foreign_file_as_database(run: Run, here: Path, shop: Path, command: tuple[str, ...]) -> None:
    (here / "text.db").write_text("this is no database, and longer than a header of one\n" * 10)
    with closing(sqlite3.connect(here / "foreign.db")) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = everything(here.parent)
    run(*command, "--database", "text.db").failed(5, "is not a SQLite database; it was left untouched")
    run(*command, "--database", "foreign.db").failed(5, "is a database of another program")
    run(*command, "--database", ".").failed(5, "is a folder")
    assert everything(here.parent) == before


def test_a_program_that_writes_for_long(run: Run, shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("sync", "shop", "--database", "x.db").code == 0
    monkeypatch.setenv("STORYSYNC_SQLITE__TIMEOUT", "0.05")
    with closing(sqlite3.connect("x.db", isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        run("sync", "shop", "--database", "x.db").failed(
            5, "database is locked", "try again when it has ended"
        )


def test_another_kind_of_database(run: Run) -> None:
    run("status", "--database", "mysql://x/y").failed(2, "mysql://x/y", "sqlite:///", "postgresql://")


def test_a_newer_schema(run: Run, here: Path, shop: Path) -> None:
    assert run("sync", "shop", "--database", "x.db").code == 0
    with closing(sqlite3.connect(here / "x.db")) as connection:
        connection.execute("UPDATE storysync_version SET version_num = '9999'")
        connection.commit()
    for command in (("sync", "shop"), ("list",), ("verify",), ("db", "upgrade"), ("backup", "create")):
        run(*command, "--database", "x.db").failed(5, "newer than this storysync", "upgrade storysync")


def test_no_database_yet(run: Run, here: Path) -> None:
    for command in ("list", "ready", "blocked", "status", "health"):
        run(command).failed(5, "there is no database at", "storysync sync PATH")
    assert everything(here.parent) == {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[watch]\nsettle = 3\n", "unknown setting `watch.settle` in {file}:2; did you mean `settle_ms`?"),
        ("[watch\n", "{file}:1:7: invalid TOML"),
        ("[backup]\ndaily = 'x'\n", "setting `backup.daily` in {file}:2: expected a whole number, got text"),
    ],
)
def test_wrong_settings(run: Run, here: Path, shop: Path, text: str, said: str) -> None:
    file = here / "storysync.toml"
    file.write_text(text)
    for command in (("sync", "shop"), ("check", "shop"), ("list",), ("config", "show")):
        run(*command).failed(2, said.format(file=file))
    assert not (here.parent / "state").exists()


def test_a_current_folder_that_is_gone(run: Run, here: Path) -> None:
    here.rmdir()
    run("list").failed(2, "the current folder is gone")


@pytest.fixture
def as_nobody(here: Path) -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """Run a command as a user who may read only what others may."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("only root can become somebody else")
    drop = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    source = Path(storysync.__file__).parents[1]
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    packages = os.pathsep.join([str(source), *(path for path in sys.path if path.endswith("-packages"))])
    probe = "import storysync.cli.main, msgspec"
    for python in (sys.executable, f"/usr/bin/python{version}"):
        environ = {**os.environ, "PYTHONPATH": packages, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            found = subprocess.run(
                [*drop, python, "-c", probe], env=environ, capture_output=True, check=False
            )
        except OSError:
            continue
        if found.returncode == 0:
            break
    else:
        pytest.skip("nobody may run this Python")
    opened = [folder for folder in (here, *here.parents) if folder.stat().st_mode & 0o005 != 0o005]
    modes = {folder: folder.stat().st_mode for folder in opened}
    for folder in opened:
        folder.chmod(0o755)
    state = here.parent / "state"
    state.mkdir(mode=0o777)
    state.chmod(0o777)

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*drop, python, "-m", "storysync", *arguments],
            env=environ, cwd=here, capture_output=True, text=True, check=False,
        )  # fmt: skip

    yield call
    for folder, mode in modes.items():
        folder.chmod(mode)


def test_an_unreadable_folder_or_file(shop: Path, here: Path, as_nobody: Callable[..., Any]) -> None:
    closed = here / "closed"
    closed.mkdir(mode=0o700)
    refused = as_nobody("sync", "closed")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"storysync: error: the folder {closed} cannot be read\nhint: ")
    secret = shop / "A-2.md"
    secret.write_text(STORY)
    secret.chmod(0o600)
    done = as_nobody("sync", "shop")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("shop: 1 created (2 files") and "1 error" in done.stdout
    assert "A-2.md:0:0: error " in as_nobody("check", "shop").stdout


def test_an_unwritable_or_unreadable_database(
    run: Run, shop: Path, here: Path, as_nobody: Callable[..., Any]
) -> None:
    refused = as_nobody("sync", "shop", "--database", "new.db")
    assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (5, "", 2)
    assert "Permission denied" in refused.stderr
    assert run("sync", "shop", "--database", "x.db").code == 0
    unreadable = as_nobody("list", "--database", "x.db")
    assert unreadable.returncode == 5 and "this user may not read the database" in unreadable.stderr
    for file in here.glob("x.db*"):
        file.chmod(0o644)
    before = everything(here)
    assert "A-1" in as_nobody("list", "--database", "x.db").stdout, "reading needs no right to write"
    assert as_nobody("sync", "shop", "--database", "x.db").returncode == 5
    assert everything(here) == before


def test_a_database_in_memory_is_refused_and_makes_no_file(run: Run, here: Path, shop: Path) -> None:
    run("sync", "shop", "--database", ":memory:").failed(2, "cannot use the database URL")
    assert not (here / ":memory:").exists()
