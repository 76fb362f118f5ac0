"""Running the command line in this process, from a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from storysync.cli.main import main
from storysync.store.database import Database
from support.forms import Form

SAMPLES = Path(__file__).resolve().parents[2] / "sample_stories"


@dataclass(frozen=True)
class Outcome:
    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What `--json` printed: one document and a newline, nothing else."""
        assert self.err == ""
        assert self.out.endswith("\n") and self.out.count("\n") == 1
        return msgspec.json.decode(self.out)

    def failed(self, code: int, *said: str) -> None:
        """One line of error and one hint on stderr, nothing on stdout."""
        assert (self.code, self.out) == (code, "")
        lines = self.err.splitlines()
        assert len(lines) == 2, self.err
        assert lines[0].startswith("storysync: error: ") and lines[1].startswith("hint: ")
        for text in said:
            assert text in self.err


Run = Callable[..., Outcome]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; state and user settings lie beside it."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """`run("list", "--json")`: exit code, stdout and stderr."""

    def call(*arguments: str | Path) -> Outcome:
        code = main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return Outcome(code, printed.out, printed.err)

    return call


@pytest.fixture
def synced(here: Path, run: Run) -> Run:
    """`run` in a folder that holds the sample stories, with all of them in the default database."""
    shutil.copytree(SAMPLES, here, dirs_exist_ok=True)
    outcome = run("sync")
    assert outcome.code == 0, outcome.err
    return run


@pytest.fixture
def stored(form: Form, database: Database, monkeypatch: pytest.MonkeyPatch, here: Path) -> Database:
    """The database of every command, of each form."""
    monkeypatch.setenv("STORYSYNC_DATABASE__URL", database.url)
    return database


@pytest.fixture
def filled(stored: Database, synced: Run) -> Run:
    """`synced`, with the sample stories in a database of each form."""
    return synced
