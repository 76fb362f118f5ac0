"""Every question of the command line has the same answer, whichever database it asks."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.forms import Form, PostgresForm, SqliteForm
from support.postgres import Cluster

Run = Callable[..., Any]
SAMPLES = Path(__file__).resolve().parents[2] / "sample_stories"

QUESTIONS: list[tuple[str, ...]] = [
    ("list",),
    *(("list", "--sort", sort) for sort in ("path", "priority", "status", "title", "points", "created")),
    ("list", "--sort=-updated"),
    ("list", "--sort=-points", "--limit", "7", "--offset", "3"),
    ("list", "--contested"),
    ("list", "--stale"),
    ("list", "--label", "API"),
    ("list", "--epic", "epic 1"),
    ("list", "--assignee", "ADA"),
    ("ready",),
    ("blocked",),
    ("status",),
    ("show", "VEL-104"),
    ("show", "velo:VEL-110"),
    ("show", "vel-1"),
    ("show", "RENTALS/vel-104"),
    ("show", "PLT-004"),
    ("show", "2.5"),
    ("verify",),
    ("health",),
    ("db", "current"),
    ("sql", "select id, status, contested, priority, estimate_points, created_on, metadata from v_stories"
            " order by project_id, path, anchor"),
    ("sql", "select s.path, c.section, c.done, c.line from criteria c join stories s on s.uid = c.story_uid"
            " order by s.project_id, s.path, s.anchor, c.section, c.position"),
    ("sql", "select * from v_problems where 1 = 0"),
    ("sql", "select project_id, path, line, col, code, message from v_problems order by 1, 2, 3, 4, 5, 6"),
    ("sql", "select kind, dependent_id, prerequisite_id, stated_by from v_edges order by 1, 2, 3"),
]  # fmt: skip


def answers(run: Run, url: str, monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, ...], tuple[Any, ...]]:
    monkeypatch.setenv("STORYSYNC_DATABASE__URL", url)
    found = {}
    for words in (("sync",), ("sync",), *QUESTIONS):
        for form in ((), ("--json",)):
            outcome = run(*words, *form)
            found[(*words, *form)] = (outcome.code, _told(outcome.out), _told(outcome.err))
    return found


_TIME = r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{6})?Z"
_LASTS = r'"(?:latency|duration)_ms":[\d.e-]+|\d+(\.\d+)? m?s\b'
_OF_ONE_FILE = r'(?m)^(database|disk|wal) .*\n|\{"name":"(database|disk|wal)"[^}]*\},'


def _told(text: str) -> str:
    """Without times, durations, the place of the database, and what only a file has."""
    text = re.sub(_OF_ONE_FILE, "", text)
    text = re.sub(r'(?m)^database: .*$|"database":"[^"]*"', "", text)
    text = re.sub(r"(?m)^(\S+ +(?:ok|warn|fail)) +[\d.]+ ", r"\1 ", text)
    text = re.sub(r" +MS +", " MS ", text)
    text = re.sub(r'"lag_s":[\d.]+|"mode":(null|"unwatched")', "", text)  # who follows a server?
    text = re.sub(r'"read":\d+', "", text)  # what was saved less than two seconds ago is read once more
    return re.sub(f"{_TIME}|{_LASTS}", "…", text)


def test_every_form_gives_the_same_answers(
    run: Run,
    here: Path,
    tmp_path: Path,
    postgres_server: Cluster,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shutil.copytree(SAMPLES, here, dirs_exist_ok=True)
    told: dict[str, dict[tuple[str, ...], tuple[Any, ...]]] = {}
    forms: list[Form] = [SqliteForm(tmp_path / "one"), PostgresForm(postgres_server, tmp_path / "two")]
    for form in forms:
        folder = tmp_path / form.name
        with form.lent(folder) as database:
            told[form.name] = answers(run, database.url, monkeypatch)
    expected = told.pop("sqlite")
    assert {code for code, _, _ in expected.values()} == {0, 3}, "a question is wrong, or all are alike"
    for found in told.values():
        for words, answer in expected.items():
            assert found[words] == answer, words
