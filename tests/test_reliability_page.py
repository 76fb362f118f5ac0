"""`docs/reliability.md`: every promised row of the table of faults names tests that exist and can run."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from storysync.settings import WatchSettings

TESTS = Path(__file__).resolve().parent
PAGE = TESTS.parent / "docs" / "reliability.md"
PROMISED = {*range(1, 49)}
STATES = ("loading", "live", "degraded", "lost")


def table() -> dict[int, list[str]]:
    """Number of a fault -> its cells: fault, promise, tests."""
    part = PAGE.read_text(encoding="utf-8").partition("## Faults that are tested")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in part.splitlines() if re.match(r"\| \d", line)]
    assert all(len(row) == 4 for row in rows), rows
    numbers = [int(row[0]) for row in rows]
    assert numbers == sorted(set(numbers))
    return {int(number): cells for number, *cells in rows}


def names_in(file: Path) -> set[str]:
    """Names of the tests of a module, but for those that are always skipped."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {
        one.name
        for one in tree.body
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
        and not any("mark.skip(" in ast.unparse(mark) for mark in one.decorator_list)
    }


def test_every_promised_fault_has_a_row() -> None:
    rows = table()
    assert rows.keys() >= PROMISED, sorted(PROMISED - rows.keys())
    assert all(fault and promise for fault, promise, _ in rows.values())


@pytest.mark.parametrize("number", sorted(table()))
def test_the_tests_of_a_row_exist(number: int) -> None:
    told = table()[number][2]
    named = re.findall(r"`([\w/]+\.py)::(test_\w+)`", told)
    assert named and told.count("`") == 2 * len(named), told
    for file, name in named:
        assert name in names_in(TESTS / file), f"{file}::{name}"


def test_every_test_that_the_page_names_exists() -> None:
    known = {name for file in TESTS.rglob("test_*.py") for name in names_in(file)}
    named = set(re.findall(r"\b(test_\w+)(?!\w*\.py)\b", PAGE.read_text(encoding="utf-8")))
    files = {file.stem for file in TESTS.rglob("test_*.py")}
    assert named - files <= known, sorted(named - files - known)


def test_all_faults_but_the_largest_tree_are_tried_in_every_run() -> None:
    rows = table().items()
    alone = {number for number, (*_, told) in rows if told.count("`long/") * 2 == told.count("`")}
    assert alone == {46}


def test_the_page_says_what_each_state_means_and_how_long_settling_takes() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for state in STATES:
        assert f"| `{state}` |" in page
    watch = WatchSettings()
    for number in (f"{watch.settle_ms} ms", f"{watch.batch_ms} ms", f"{watch.max_wait_s:g} s"):
        assert number in page, number
