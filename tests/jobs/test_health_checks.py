"""Each check of a database, in each of its states."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from storysync.core import instants
from storysync.errors import SchemaBehind, StoreError
from storysync.jobs import health_checks
from storysync.jobs.health_look import Root, Tried, look
from storysync.settings import HealthSettings
from storysync.store import incidents, job_rows
from storysync.store.database import Database, database_at
from storysync.store.engines.sqlite_probe import remark
from storysync.store.incidents import Incident
from storysync.store.job_rows import JobRun, LastRun
from storysync.store.store import Store
from support.forms import Form, only
from support.health import NOON, run, seen

HEALTH = HealthSettings()


@contextmanager
def another_writer(database: Database, form: Form) -> Iterator[None]:
    assert form.name.startswith("sqlite") and database.file is not None
    with closing(sqlite3.connect(database.file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


# database


def test_a_database_that_opens_and_can_be_written(database: Database) -> None:
    state, reason = health_checks.database(database, None)
    assert (state, reason.startswith("it opens, and can be written")) == ("ok", True)


@only("sqlite")
def test_another_process_that_writes_for_long_is_a_warning(
    database: Database, form: Form, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_checks, "WRITE_WAIT_S", 0.05)
    with another_writer(database, form):
        state, reason = health_checks.database(database, None)
    assert state == "warn"
    assert "another process has been writing for more than 0.05 s" in reason


def test_a_database_whose_rows_cannot_be_read_fails_with_the_words_and_the_hint(database: Database) -> None:
    refusal = StoreError("a page is torn", hint="run `storysync doctor`")
    assert health_checks.database(database, refusal) == ("fail", "a page is torn; run `storysync doctor`")


def test_a_schema_that_is_behind_is_the_fault_of_another_check(database: Database) -> None:
    assert health_checks.database(database, SchemaBehind("behind"))[0] == "ok"


@pytest.mark.parametrize(
    ("version", "told"),
    [
        ((3, 40, 1), "SQLite 3.40.1; 3.51.3 mends a rare fault of its log"),
        ((3, 51, 2), "SQLite 3.51.2; 3.51.3 mends a rare fault of its log"),
        ((3, 51, 3), ""),
        ((3, 52, 0), ""),
    ],
)
def test_an_old_engine_is_noted(version: tuple[int, ...], told: str) -> None:
    assert remark(version) == told


# migrations


def test_the_newest_schema(database: Database) -> None:
    assert health_checks.migrations(database) == ("ok", "the schema is 0002, the newest")


@pytest.mark.parametrize(
    ("revision", "told"),
    [
        ("0001", "the schema is 0001, behind 0002; run `storysync db upgrade`"),
        ("9999", "the schema is 9999, ahead of 0002; upgrade storysync"),
    ],
)
def test_another_schema_fails(database: Database, form: Form, revision: str, told: str) -> None:
    form.execute(database, f"UPDATE storysync_version SET version_num = '{revision}'")
    try:
        assert health_checks.migrations(database) == ("fail", told)
    finally:
        form.execute(database, "UPDATE storysync_version SET version_num = '0002'")


@only("sqlite")
def test_an_empty_database_has_no_schema(form: Form, tmp_path: Path) -> None:
    empty = form.empty(tmp_path)
    form.execute(empty, form.mark)
    state, reason = health_checks.migrations(empty)
    assert state == "fail" and "it has no schema" in reason


# wal


def test_a_reader_that_stays_is_a_warning_when_the_log_has_grown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health_checks, "MOST_UNMERGED_MB", 1)
    database = database_at(f"sqlite:///{tmp_path}/s.db")
    with database.open() as store:
        assert health_checks.wal(database)[0] == "ok"
        with database.reader() as reader, reader.snapshot():
            reader.rows("SELECT count(*) FROM stories")
            _grow(store)
            state, reason = health_checks.wal(database)
    assert state == "warn"
    assert "MB wait to be merged" in reason


def _grow(store: Store) -> None:
    with store.writing() as tx:
        tx.execute("INSERT INTO projects (id, name) VALUES ('demo', 'demo')")
    for number in range(30):
        with store.writing() as tx:
            tx.execute("UPDATE projects SET description = ?", (str(number) * 100_000,))


# integrity


@pytest.mark.parametrize(
    ("jobs", "expected"),
    [
        ({}, ("warn", "not looked through for damage yet; a daemon does so each 24 h")),
        (run("integrity", ago=timedelta(hours=5)), ("ok", "no damage found 5 h ago")),
        (run("integrity", ago=timedelta(hours=48)), ("ok", "no damage found 2 d ago")),
        (
            run("integrity", ago=timedelta(hours=49)),
            ("warn", "last looked through for damage 2 d ago; is the daemon running?"),
        ),
        (
            run("integrity", "failed", failures=1, message="row 3 missing from an index"),
            ("fail", "row 3 missing from an index; run `storysync doctor`"),
        ),
        (
            run("integrity", "late", failures=1),
            ("fail", "the last look did not end well; run `storysync doctor`"),
        ),
    ],
)
def test_integrity_is_known_from_the_last_look(jobs: dict[str, LastRun], expected: tuple[str, str]) -> None:
    assert health_checks.integrity(seen(jobs=jobs), HEALTH, NOON) == expected


# sync:PROJECT


@pytest.mark.parametrize(
    ("state", "ago", "expected"),
    [
        ("live", timedelta(seconds=90), ("ok", "the last full scan is 90 s old")),
        ("loading", timedelta(minutes=30), ("ok", "the last full scan is 30 min old")),
        (
            "live",
            timedelta(minutes=30, seconds=1),
            ("fail", "the last full scan is 30 min old; run `storysync sync`"),
        ),
        (
            "degraded",
            timedelta(minutes=3),
            ("warn", "the last full scan is 3 min old; changes are found by polling only"),
        ),
        (
            "lost",
            timedelta(),
            ("fail", "the folder of the project is not there; its rows are kept until it is back"),
        ),
        ("live", None, ("warn", "the first full scan is not finished")),
    ],
)
def test_the_age_of_the_last_full_scan(state: str, ago: timedelta | None, expected: tuple[str, str]) -> None:
    root = Root("demo", state, None if ago is None else NOON - ago)
    assert health_checks.sync(root, HEALTH, NOON) == expected


# files


@pytest.mark.parametrize(
    ("broken", "expected"),
    [
        (0, ("ok", "every file can be read")),
        (1, ("warn", "1 broken file; see `storysync check`")),
        (7, ("warn", "7 broken files; see `storysync check`")),
    ],
)
def test_broken_files_are_counted(broken: int, expected: tuple[str, str]) -> None:
    assert health_checks.files(seen(broken=broken)) == expected


# clock


def test_what_is_written_at_the_same_time_elsewhere_is_not_the_future() -> None:
    ahead = {"a sync": NOON + timedelta(seconds=30), "a change": NOON - timedelta(days=1)}
    assert health_checks.clock(seen(lasts=ahead), NOON) == ("ok", "nothing was written in the future")


def test_a_clock_that_was_set_back_is_a_warning_that_says_for_how_long() -> None:
    ahead = {"a sync": NOON + timedelta(minutes=5), "the job health": NOON + timedelta(hours=3)}
    assert health_checks.clock(seen(lasts=ahead), NOON) == (
        "warn",
        "the job health lies 3 h in the future: the clock was set back; set it right, or wait 3 h",
    )


# incidents


@pytest.mark.parametrize(
    ("kinds", "state", "told"),
    [
        ((), "ok", "none is open"),
        (("recovered",), "warn", "text (recovered); read it, then `storysync doctor --acknowledge`"),
        (("recovered", "restored"), "warn", "2 open, the last: text (restored); read it, then"),
        (("damaged", "restored"), "fail", "2 open, the last: text (restored); run `storysync doctor`"),
    ],
)
def test_incidents_are_told_until_acknowledged(kinds: tuple[Any, ...], state: str, told: str) -> None:
    found = health_checks.incidents(seen(incidents=tuple(Incident(NOON, kind, "text") for kind in kinds)))
    assert (found[0], found[1].startswith(told)) == (state, True), found


# jobs, told by the check `scheduler`


def test_jobs_that_fail_are_named_with_count_and_words() -> None:
    jobs = {
        **run("verify", "late", failures=1), **run("health"),
        **run("backup", "failed", failures=2, message="the disk is full"),
    }  # fmt: skip
    told = "backup failed 2 times in a row: the disk is full; verify was too late 1 time in a row"
    assert health_checks.jobs(seen(jobs=jobs)) == ("warn", told)
    jobs |= run("backup", "failed", failures=3, message="the disk is full")
    assert health_checks.jobs(seen(jobs=jobs))[0] == "fail"
    assert health_checks.jobs(seen(jobs=run("backup"))) == ("ok", "no job has failed")


# what is read


def test_one_look_sees_what_the_checks_need(database: Database) -> None:
    with database.open() as store:
        _fill(store)
        found = look(database)
    assert found.roots == (Root("demo", "live", NOON),)
    assert (found.broken, found.backed_up_at) == (1, NOON - timedelta(hours=1))
    assert found.tried == Tried("failed", "the disk is full", NOON)
    assert found.jobs["backup"].failures == 1
    assert [one.message for one in found.incidents] == ["restored from b2"]
    assert found.lasts == {
        "a sync": NOON, "a change": NOON, "the job backup": NOON, "the scan of demo": NOON,
    }  # fmt: skip


def _fill(store: Store) -> None:
    noon, before = instants.to_text(NOON), instants.to_text(NOON - timedelta(hours=1))
    with store.writing() as tx:
        tx.execute("INSERT INTO projects (id, name) VALUES ('demo', 'demo')")
        tx.execute(
            "INSERT INTO roots (project_id, real_path, state, last_full_scan_at) VALUES"
            " ('demo', '/x', 'live', ?)",
            (noon,),
        )
        tx.execute("INSERT INTO files (project_id, path, state) VALUES ('demo', 'a.md', 'broken')")
        for state, at, message in (("good", before, ""), ("failed", noon, "the disk is full")):
            tx.execute(
                "INSERT INTO backups (trigger, started_at, finished_at, state, message)"
                " VALUES ('timer', ?, ?, ?, ?)",
                (at, at, state, message),
            )
        tx.execute(
            "INSERT INTO syncs (id, project_id, trigger, started_at, finished_at, read_count, put_count,"
            " moved_count, removed_count, stale_count, held_count)"
            " VALUES (1, 'demo', 't', ?, ?, 0, 0, 0, 0, 0, 0)",
            (noon, noon),
        )
        tx.execute("INSERT INTO identities (uid, project_id, path) VALUES (1, 'demo', 'a.md')")
        tx.execute(
            "INSERT INTO changes (at, sync_id, identity, project_id, operation)"
            " VALUES (?, 1, 1, 'demo', 'create')",
            (noon,),
        )
        job_rows.note(tx, JobRun("backup", "timer", NOON, NOON, "failed", "the disk is full"))
        incidents.note(tx, "recovered", "recovered from b1", NOON - timedelta(days=1))
        incidents.acknowledge(tx, NOON)
        incidents.note(tx, "restored", "restored from b2", NOON)
