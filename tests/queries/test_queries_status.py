"""`status`, freshness, problems, backups, known roots and free SQL."""

from __future__ import annotations

import pytest

from storysync.errors import NotFound, StorysyncError, UsageError
from storysync.queries.backups import backups
from storysync.queries.freshness import freshness
from storysync.queries.known_roots import known_roots
from storysync.queries.problems import problems
from storysync.queries.statement import statement
from storysync.queries.status import status
from storysync.store.reader import Reader


def test_status_counts_each_project(reader: Reader) -> None:
    bank, shop = status(reader)
    assert (bank["id"], shop["id"]) == ("bank", "shop")
    assert shop["stories"] == {"done": 1, "todo": 3, "ready": 1, "in_progress": 1, "draft": 1}
    assert shop["files"] == {"story": 6, "broken": 1}
    assert shop["flags"] == {"stale": 1, "contested": 2, "ready": 1, "blocked": 4}
    assert shop["last_sync"]["trigger"] == "command"
    assert [one["id"] for one in status(reader, ("bank",))] == ["bank"]
    with pytest.raises(NotFound):
        status(reader, ("nope",))


def test_freshness_tells_of_every_root(reader: Reader) -> None:
    found = freshness(reader)
    assert found["seq"] > 0
    for project in found["projects"]:
        assert project.keys() == {"project_id", "state", "last_full_scan_at", "head_commit", "last_sync"}
        assert project["state"] == "live"
        assert project["last_full_scan_at"].endswith("Z")
    assert [project["project_id"] for project in found["projects"]] == ["bank", "shop"]


def test_problems_are_sorted_by_place_and_narrowed(reader: Reader) -> None:
    everything = problems(reader)
    places = [(one["project_id"], one["path"], one["line"], one["col"]) for one in everything]
    assert places == sorted(places)
    assert {one["severity"] for one in problems(reader, severities=("warning",))} == {"warning"}
    assert {one["project_id"] for one in problems(reader, ("shop",))} == {"shop"}


def test_a_database_without_backups_says_so(reader: Reader) -> None:
    assert backups(reader) == []


def test_known_roots_are_real_paths(reader: Reader) -> None:
    roots = known_roots(reader)
    assert set(roots.values()) == {"bank", "shop"}
    assert all(path.startswith("/") for path in roots)


@pytest.mark.parametrize(
    "sql",
    ["select 1 as a", "-- why\n/* and\n so */ SELECT 1 AS a;", "with x(a) as (values (1)) select a from x"],
)
def test_any_reading_statement_is_answered(reader: Reader, sql: str) -> None:
    assert statement(reader, sql) == (["a"], [(1,)])


def test_rows_can_be_limited(reader: Reader) -> None:
    assert len(statement(reader, "select id from stories", limit=2)[1]) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "delete from stories", "vacuum into '/tmp/never.db'", "attach '/tmp/never.db' as x",
        "pragma user_version = 3", "pragma journal_mode(delete)", "pragma main.wal_checkpoint",
        "pragma query_only(0)", "-- innocent\ndrop table stories", "", "  -- only this", "begin",
    ],
)  # fmt: skip
def test_writing_is_refused_before_the_database_is_asked(reader: Reader, sql: str) -> None:
    with pytest.raises(UsageError):
        statement(reader, sql)


@pytest.mark.parametrize(
    "sql",
    ["with x as (select 1) delete from stories", "select * from nope", "select 1; select 2", "select"],
)
def test_a_wrong_statement_is_the_users_error_not_the_databases(reader: Reader, sql: str) -> None:
    with pytest.raises(StorysyncError) as caught:
        statement(reader, sql)
    assert caught.value.exit_code == 1
    assert len(statement(reader, "select id from stories")[1]) == 9


@pytest.mark.parametrize(
    "sql", ["pragma user_version", "PRAGMA main.table_info(stories);", "pragma integrity_check(1)"]
)
def test_pragmas_that_only_tell_are_answered(reader: Reader, sql: str) -> None:
    assert statement(reader, sql)[1]


def test_a_pragma_that_may_write_is_told_so(reader: Reader) -> None:
    with pytest.raises(UsageError, match="this PRAGMA may write"):
        statement(reader, "pragma synchronous = off")
