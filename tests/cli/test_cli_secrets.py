"""A password in the URL of a database is told to nobody: not in output, errors or logs, nor by `ps`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storysync.state import redacted
from storysync.store import upgrade
from storysync.store.database import Engines, database_at

Run = Callable[..., Any]
SECRET = "s3cr3t"
NOWHERE = [
    f"postgresql://me:{SECRET}@127.0.0.1:1/db",
    f"postgresql://me@127.0.0.1:1/db?password={SECRET}",
    f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/db?sslpassword={SECRET}",
]
WRONG = [
    f"postgresql://me:{SECRET}@[host/db",
    f"postgresql://me:{SECRET}@host/db?nonsense=1",
    f"postgresql://me:a/{SECRET}@host/db",
    f"postgresql://me:a?{SECRET}@host/db",
    f"postgresql://me:a@{SECRET}@host:x/db",
    f"mysql://me:{SECRET}@host/db",
    f"host=127.0.0.1 port=1 password={SECRET}",
]
COMMANDS = [
    ("config", "show"),
    ("config", "show", "--origin"),
    ("config", "show", "--json"),
    ("sync", "shop"),
    ("list",),
    ("show", "A-1"),
    ("ready",),
    ("blocked",),
    ("status",),
    ("status", "--json"),
    ("health",),
    ("health", "--json"),
    ("verify", "shop"),
    ("sql", "select 1"),
    ("db", "current"),
    ("db", "upgrade"),
    ("db", "downgrade", "base"),
    ("backup", "create"),
    ("backup", "list"),
]


@pytest.fixture(autouse=True)
def shop(here: Path) -> None:
    (here / "shop").mkdir()
    (here / "shop" / "A-1.md").write_text("---\nid: A-1\nstatus: todo\n---\n# A-1: a\n")


@pytest.mark.parametrize("url", [*NOWHERE, *WRONG])
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_command_tells_a_password(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("STORYSYNC_DATABASE__URL", url)
    outcome = run("--debug", *command)
    assert SECRET not in outcome.out + outcome.err
    if command[0] == "config" and url in NOWHERE:
        assert "***" in outcome.out
    elif command[0] != "config" and command != ("backup", "list"):  # which asks no database
        assert outcome.code != 0 and outcome.err + outcome.out


@pytest.mark.parametrize("where", ["before", "after"])
def test_no_command_that_works_tells_a_password(
    run: Run, here: Path, monkeypatch: pytest.MonkeyPatch, postgres_url: str, where: str
) -> None:
    url = f"{postgres_url}&password={SECRET}"
    if where == "before":
        url = postgres_url.replace("postgres@", f"postgres:{SECRET}@", 1)
    monkeypatch.setenv("DATABASE_URL", url)
    working = [("sync", "shop"), *COMMANDS[:4], *COMMANDS[5:-3], ("sql", "select nope")]
    told = [run(*command) for command in working]
    assert [outcome.code for outcome in told[:4]] == [0, 0, 0, 0]
    assert all(SECRET not in outcome.out + outcome.err for outcome in told)


def test_the_log_of_a_daemon_tells_no_password(here: Path, postgres_url: str) -> None:
    environ = {**os.environ, "DATABASE_URL": f"{postgres_url}&password={SECRET}"}
    environ["STORYSYNC_LOG__LEVEL"] = "debug"
    command = [sys.executable, "-m", "storysync", "run", "shop"]
    with subprocess.Popen(command, cwd=here, env=environ, stderr=subprocess.PIPE, text=True) as daemon:
        assert daemon.stderr
        told = []
        for line in daemon.stderr:
            told.append(line)
            if "daemon.started" in line:
                break
        daemon.send_signal(signal.SIGTERM)
        told.append(daemon.stderr.read())
    assert daemon.returncode == 0
    assert "daemon.started" in "".join(told) and SECRET not in "".join(told)


def test_the_process_that_migrates_shows_no_password(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, postgres_url: str
) -> None:
    shown: list[str] = []
    run = subprocess.run

    def watched(command: list[str], **options: Any) -> Any:
        assert options.get("env") is None
        shown.extend(command)
        return run(command, **options)

    monkeypatch.setattr(upgrade.subprocess, "run", watched)
    database = database_at(f"{postgres_url}&password={SECRET}", Engines(state_dir=tmp_path))
    database.open().close()
    assert shown and SECRET not in " ".join(shown)
    assert SECRET not in database.place


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://me:x@host:5/db", "postgresql://me:***@host:5/db"),
        ("postgresql://me@host/db?user=a@b", "postgresql://me@host/db?user=a%40b"),
        ("postgresql://host:5432/db?user=a@b", "postgresql://host:5432/db?user=a%40b"),
        ("postgresql://h1:1,h2:2/db?user=a@b", "postgresql://h1:1,h2:2/db?user=a%40b"),
        ("postgresql://[::1]:5/db?user=a@b", "postgresql://[::1]:5/db?user=a%40b"),
        ("postgresql:///db?host=/tmp&password=x", "postgresql:///db?host=/tmp&password=***"),
        ("postgresql:///db?pass%77ord=x", "postgresql:///db?password=***"),
        ("postgresql://me:a?b@host/db", "postgresql://me:***@host/db"),
        ("postgresql://me:a@b@host/db", "postgresql://me:***@host/db"),
        ("sqlite:////a/b.db", "sqlite:////a/b.db"),
        ("/a/b.db", "/a/b.db"),
    ],
)
def test_what_is_left_of_a_url(url: str, told: str) -> None:
    assert redacted(url) == told
