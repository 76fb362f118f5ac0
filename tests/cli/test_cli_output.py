"""How results look."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from storysync.cli import output

Run = Callable[..., Any]


def test_plain_tables_are_aligned_and_have_no_trailing_blanks() -> None:
    text = output.plain_table(("ID", "N", "TITLE"), [("A-1", 5, "x"), ("B", 12.5, "longer")], right=("N",))
    assert text == "ID      N  TITLE\nA-1     5  x\nB    12.5  longer\n"


def test_values_cannot_steer_a_terminal() -> None:
    assert output.clean("a\x1b[31mb\nc\td\u202ee") == "a\ufffd[31mb c d\ufffde"
    assert output.clean(None) == "-"
    assert output.clean("Zürich ✓ 漢字") == "Zürich ✓ 漢字"


def at_terminal(cwd: Path, *arguments: str, **environ: str) -> str:
    """What a command prints when stdout is a terminal of 100 columns."""
    ours, theirs = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "storysync", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", **environ},
            check=True,
        )
        assert done.stderr == b""
        return os.read(ours, 1 << 20).decode()
    finally:
        os.close(ours)
        os.close(theirs)


def test_a_terminal_gets_tables_with_colours_unless_told_otherwise(synced: object, here: Path) -> None:
    coloured = at_terminal(here, "list", "--status", "done", "--limit", "2")
    assert "\x1b[32mdone" in coloured and "─" in coloured
    plain = at_terminal(here, "list", "--status", "done", "--limit", "2", NO_COLOR="1")
    assert "done" in plain and "\x1b[3" not in plain
    assert "\x1b" not in at_terminal(here, "show", "VEL-101", NO_COLOR="1")


def test_json_is_indented_for_people(synced: object, here: Path) -> None:
    lines = at_terminal(here, "sql", "select 1 as a", "--json").split("\n")
    assert [line.strip() for line in lines[:5]] == [
        "{",
        '"schema_version": 1,',
        '"kind": "rows",',
        '"data": [',
        "{",
    ]


def test_an_empty_list_says_so_at_a_terminal_only(synced: Run, here: Path) -> None:
    nothing = ("list", "--status", "accepted", "--epic", "none of this name")
    assert at_terminal(here, *nothing).strip() == "no story fits"
    assert synced(*nothing).out == ""


def test_an_empty_table_in_a_pipe_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    output.show_table(("ID",), [], empty="no story fits")
    assert capsys.readouterr().out == ""


def test_counts_agree_with_their_words() -> None:
    assert output.count(1, "story", "stories") == "1 story"
    assert output.count(2, "story", "stories") == "2 stories"
    assert output.count(0, "file") == "0 files"


def test_statuses_stay_whole_on_a_narrow_terminal(synced: object, here: Path) -> None:
    narrow = at_terminal(here, "list", "--project", "velo-app", COLUMNS="50", NO_COLOR="1")
    assert "in_progress" in narrow and "accepted" in narrow
