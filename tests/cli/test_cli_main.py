"""The front door as a whole: what is imported, what is printed, how it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest
from _pytest.monkeypatch import MonkeyPatch

from storysync.cli import main as main_module
from storysync.cli.main import cli, main
from storysync.cli.table import COMMANDS

HEAVY = ("sqlalchemy", "sqlmodel", "pydantic", "alembic")


def modules_after(*arguments: str, cwd: Path) -> set[str]:
    """The modules that one run of the command has imported, in a process of its own."""
    script = (
        "import sys\nfrom storysync.cli.main import main\n"
        f"main({list(arguments)!r})\nprint('\\nMODULES', *sys.modules, file=sys.stderr)"
    )
    environ = {**os.environ, "XDG_STATE_HOME": str(cwd), "XDG_CONFIG_HOME": str(cwd)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=cwd, env=environ, check=True
    )
    return set(done.stderr.partition("MODULES")[2].split())


def test_help_imports_no_command_and_nothing_heavy(tmp_path: Path) -> None:
    loaded = modules_after("--help", cwd=tmp_path)
    assert not loaded & {*HEAVY, "rich", "msgspec", "sqlite3", "tomllib"}
    assert not loaded & {f"storysync.cli.{name}" for name in COMMANDS}


def test_list_imports_neither_sqlalchemy_nor_pydantic_nor_rich(synced: object, here: Path) -> None:
    loaded = modules_after("list", "--database", str(here.parent / "state/storysync/storysync.db"), cwd=here)
    assert "sqlite3" in loaded
    assert not loaded & {*HEAVY, "rich", "storysync.jobs.sync"}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert f"storysync {name}" in capsys.readouterr().out
    command = import_module(f"storysync.cli.{name}").command
    assert isinstance(command, click.Command)
    assert (command.help or "").strip(), name


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(f"\n  {name} " in out for name in COMMANDS)


def test_unknown_commands_and_options_are_usage_errors(run: object) -> None:
    run("nope").failed(2, "No such command 'nope'")  # type: ignore[operator]
    run("list", "--nope").failed(2, "No such option", "storysync list --help")  # type: ignore[operator]
    run("show").failed(2, "Missing argument 'ID'")  # type: ignore[operator]


@pytest.mark.parametrize(
    ("raised", "code", "said"),
    [
        (KeyboardInterrupt(), 130, ""),
        (
            ValueError("odd\nthing"),
            1,
            "storysync: error: unexpected ValueError: odd thing\nhint: this is a bug",
        ),
        (OSError(28, "No space left on device"), 1, "storysync: error: the disk is full\n"),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_every_end_has_its_code_and_no_traceback(
    raised: BaseException, code: int, said: str, monkeypatch: MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> int:
        raise raised

    monkeypatch.setattr(cli, "main", fail)
    monkeypatch.setattr(main_module, "close_stdout", lambda: None)
    assert main(["list"]) == code
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(said)
    assert "Traceback" not in printed.err


def test_debug_shows_the_traceback_wherever_it_stands(run: object) -> None:
    outcome = run("list", "--debug")  # type: ignore[operator]
    assert outcome.code == 5
    assert "Traceback" in outcome.err and outcome.err.count("storysync: error:") == 1


def test_a_closed_pipe_is_quiet(synced: object, here: Path) -> None:
    command = f"{sys.executable} -m storysync list | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=here, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_the_module_runs_as_the_command_does() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "storysync", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("storysync ")


def test_a_closed_stdout_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["--version"]) == 0
