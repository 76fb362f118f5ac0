"""`docs/operations.md`: every command of it is run, in an empty folder, on each form of the database."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from support import postgres
from support.forms import FORMS

PAGE = Path(__file__).resolve().parents[1] / "docs" / "operations.md"
_BLOCK = re.compile(r"(?:<!-- on: ([\w, -]+) -->\n)?```(\w+)\n(.*?)```\n", re.S)
NOT_RUN = {"pipx", "storysync service install", "systemctl", "journalctl"}
"""What blocks marked `console` begin with; they need systemd, root or a package index."""


@dataclass
class Block:
    """Commands, the forms they are for, and lines of which each must be in what they print, in this order."""

    section: str
    commands: str
    forms: tuple[str, ...]
    shown: list[str]


def blocks() -> list[Block]:
    found: list[Block] = []
    for part in PAGE.read_text(encoding="utf-8").split("\n## "):
        section = "" if part.startswith("# ") else part.partition("\n")[0]
        for forms, kind, text in _BLOCK.findall(part):
            if kind == "sh":
                found.append(Block(section, text, tuple(forms.split(", ")) if forms else FORMS, []))
            elif kind == "text":
                found[-1].shown = text.splitlines()
    return found


@pytest.fixture
def environ(form_name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """A clean one: a home, a git identity, and the programs that are installed."""
    home = tmp_path / "home"
    home.mkdir()
    programs = [str(Path(sys.executable).parent), str(postgres.newest_programs()), "/usr/bin", "/bin"]
    identity = {
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
    }
    clean = {"HOME": str(home), "PATH": os.pathsep.join(programs), "LC_ALL": "C.UTF-8", **identity}
    if form_name == "sqlite-per-project":
        clean["STORYSYNC_DATABASE__URL"] = f"sqlite:///{home}/state/{{project}}/storysync.db"
    if form_name != "postgresql":
        yield clean
        return
    clean["STORYSYNC_DATABASE__URL"] = request.getfixturevalue("postgres_url")
    yield clean
    server: postgres.Cluster = request.getfixturevalue("postgres_server")
    for name in ("drill", "then"):
        server.drop_database(server.url(name))


def script(wanted: list[Block]) -> str:
    """All blocks in one shell, which ends at the first command that fails; a line tells where each begins."""
    parts = [f"echo '@@{number}@@'\n{one.commands}" for number, one in enumerate(wanted)]
    return "exec 2>&1\nset -e\n" + "".join(parts)


@pytest.mark.long
@pytest.mark.parametrize("form_name", FORMS)
def test_every_command_of_the_page_runs(environ: dict[str, str], form_name: str, tmp_path: Path) -> None:
    run([one for one in blocks() if form_name in one.forms], environ, tmp_path / "work")


@pytest.mark.parametrize("form_name", FORMS)
def test_the_restore_drill_works(environ: dict[str, str], form_name: str, tmp_path: Path) -> None:
    """Word by word, with nothing before it but the first sync."""
    drill = [one for one in blocks() if one.section == "Restore drill" and form_name in one.forms]
    first = [one for one in blocks() if one.section == "" or "git init" in one.commands]
    assert (len(first), len(drill)) == (2, 4)
    run([*first, *drill], environ, tmp_path / "work")


def run(wanted: list[Block], environ: dict[str, str], folder: Path) -> None:
    """In one shell, in that empty folder. Each must end well and print what the page shows."""
    folder.mkdir()
    with subprocess.Popen(
        ["sh", "-s"], cwd=folder, env=environ, start_new_session=True, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as shell:  # fmt: skip
        try:
            told, _ = shell.communicate(script(wanted), timeout=300)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)  # a daemon that a failed block has left
    printed = re.split(r"^@@\d+@@\n", told, flags=re.M)[1:]
    assert shell.returncode == 0, f"{wanted[len(printed) - 1].commands}\nprinted\n{printed[-1]}"
    assert len(printed) == len(wanted)
    for one, output in zip(wanted, printed, strict=True):
        shown_in(one, output)


def shown_in(block: Block, output: str) -> None:
    """Each line that the page shows is there, one after the other; `…` stands for anything."""
    lines = iter([" ".join(line.split()) for line in output.splitlines()])
    for shown in block.shown:
        pattern = re.escape(" ".join(shown.split())).replace("…", ".*")
        assert any(re.fullmatch(pattern, line) for line in lines), (
            f"{shown!r} is not in\n{output}\nafter\n{block.commands}"
        )


def test_what_is_not_run_needs_what_a_test_has_not() -> None:
    for _, kind, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        assert kind in ("sh", "text", "console"), kind
        if kind == "console":
            for line in text.splitlines():
                command = line.removeprefix("$ ").removeprefix("# ")
                assert command.startswith(tuple(NOT_RUN)), command
                assert line != command, f"{line!r} does not say who runs it"


def test_every_block_for_one_form_names_forms() -> None:
    for one in blocks():
        assert set(one.forms) <= set(FORMS), one.forms
    for name in FORMS:
        assert sum(name in one.forms for one in blocks()) > 15


def test_each_disaster_of_the_plan_has_its_commands() -> None:
    page = PAGE.read_text(encoding="utf-8").partition("\n## Disasters\n")[2]
    parts = page.split("\n### ")[1:]
    assert len(parts) >= 9
    for part in parts:
        assert "`storysync " in part or "\nstorysync " in part or "  storysync " in part, part[:60]
