from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storysync.errors import ForeignDatabase, StorysyncError
from storysync.jobs.elsewhere import integrity_elsewhere
from storysync.jobs.integrity import check_integrity
from storysync.store.database import Database
from support.damage import Kept, destroy_page, root_page
from support.forms import Form, only


@pytest.fixture
def kept(form: Form, database: Database, tmp_path: Path) -> Kept:
    kept = Kept(database, tmp_path / "demo")
    kept.fill(30)
    kept.sync()
    return kept


def test_a_sound_database_is_ok_and_every_file_of_a_small_one_is_compared(kept: Kept) -> None:
    report = check_integrity(kept.database)
    assert (report.state, report.findings, report.sampled) == ("ok", (), 30)


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("UPDATE stories SET body = replace(body, 'room', 'roo!') WHERE id = 'F-7'", "F-7.md: body is"),
        (
            "UPDATE stories SET title = 'x' WHERE id = 'F-8'",
            "F-8.md: title is 'x', the file says 'Story F-8'",
        ),
        ("UPDATE story_labels SET label = 'z' WHERE label = 'x'", "story_labels holds something else"),
        ("UPDATE criteria SET done = true", "criteria holds something else"),
        ("DELETE FROM story_names WHERE source = 'id'", "story_names holds something else"),
    ],
)
def test_rows_that_are_not_what_the_file_says_are_found(kept: Kept, statement: str, told: str) -> None:
    with kept.database.open() as store, store.writing() as tx:
        assert tx.execute(statement)
    report = check_integrity(kept.database)
    assert report.state == "different"
    assert any(told in line for line in report.findings), report.findings
    kept.sync(reread=True)
    assert check_integrity(kept.database).state == "ok"


def test_a_file_that_has_changed_since_is_the_watchers_concern(kept: Kept) -> None:
    kept.write("F-1", "done")
    (kept.root / "F-2.md").unlink()
    report = check_integrity(kept.database)
    assert (report.state, report.sampled) == ("ok", 28)


def test_each_day_has_its_own_sample(kept: Kept) -> None:
    with kept.database.open() as store, store.writing() as tx:
        tx.execute("UPDATE stories SET title = 'x' WHERE id = 'F-3'")
    start = datetime(2026, 11, 1, tzinfo=UTC)
    days = [start + timedelta(days=number) for number in range(30)]
    found = {
        day: check_integrity(kept.database, sample=5, now=lambda day=day: day).state  # type: ignore[misc]
        for day in days
    }
    assert set(found.values()) == {"ok", "different"}
    assert found[days[0]] == check_integrity(kept.database, sample=5, now=lambda: days[0]).state


def test_it_is_done_in_another_process(kept: Kept) -> None:
    assert integrity_elsewhere(kept.database, 1.0).state == "ok"
    with pytest.raises(StorysyncError, match="given up after"):
        integrity_elsewhere(kept.database, 0.0001)


@only("postgresql")
def test_a_row_that_points_to_nothing_is_found_on_a_server(kept: Kept, form: Form) -> None:
    form.execute(
        kept.database,
        "SET session_replication_role = replica",
        "UPDATE story_labels SET story_uid = story_uid + 100000 WHERE label = 'x'",
    )
    report = check_integrity(kept.database)
    assert report.state == "different"
    assert any("story_labels point to missing rows" in line and ": 30" in line for line in report.findings)


@only("sqlite")
def test_a_row_that_points_to_nothing_is_no_reason_to_give_the_database_up(kept: Kept) -> None:
    with closing(sqlite3.connect(kept.file)) as other, other:  # foreign keys are off there
        other.execute("DELETE FROM stories WHERE id = 'F-9'")
    report = check_integrity(kept.database)
    assert report.state == "different"
    assert any("points to a missing row of stories" in line for line in report.findings)


@only("sqlite")
def test_text_that_is_none_is_found(kept: Kept) -> None:
    with closing(sqlite3.connect(kept.file)) as other, other:
        other.execute("UPDATE stories SET title = CAST(x'ff41' AS TEXT) WHERE id = 'F-3'")
    report = check_integrity(kept.database, sample=0)
    assert report.state == "different"
    assert any("stories" in line and "UTF-8" in line for line in report.findings), report.findings


@only("sqlite")
@pytest.mark.parametrize("name", ["stories", "changes", "ix_changes_identity", "sqlite_schema"])
def test_a_destroyed_page_is_damage(kept: Kept, name: str) -> None:
    """Row 28 of the fault matrix."""
    destroy_page(kept.file, 1 if name == "sqlite_schema" else root_page(kept.file, name))
    if name == "sqlite_schema":  # nothing is left that says whose it was
        with pytest.raises(ForeignDatabase):
            kept.database.findings(thorough=False)
    report = check_integrity(kept.database)
    assert report.state == "damaged" and report.findings


@only("sqlite")
def test_a_file_that_was_cut_off_is_damage(kept: Kept) -> None:
    size = kept.file.stat().st_size
    with kept.file.open("r+b") as stream:
        stream.truncate(size // 2)
    assert check_integrity(kept.database).state == "damaged"
    with kept.file.open("r+b") as stream:
        stream.truncate(0)
    assert check_integrity(kept.database).findings == (f"the database {kept.file} is empty",)
