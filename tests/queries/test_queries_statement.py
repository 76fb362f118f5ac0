"""Free SQL: it only reads, whichever database it asks, and a wrong statement is the user's error."""

from __future__ import annotations

from typing import Any

import pytest

from storysync.errors import StorysyncError, UsageError
from storysync.queries.statement import statement
from storysync.store.reader import Reader
from support.forms import only


@pytest.mark.parametrize(
    "sql",
    ["select 1 as a", "-- why\n/* and\n so */ SELECT 1 AS a;", "with x(a) as (values (1)) select a from x"],
)
def test_any_reading_statement_is_answered(reader: Reader, sql: str) -> None:
    assert statement(reader, sql) == (["a"], [(1,)])


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("SELECT contested FROM stories WHERE id = 'SH-2'", 0),
        ("SELECT contested FROM stories WHERE path = 'b/SH-7-one.md'", 1),
        ("SELECT 5 % 2", 1),
        ("SELECT '?'", "?"),
        ("SELECT count(*) FROM stories WHERE title LIKE 'T%'", 3),
        ("SELECT max(created_on) FROM stories", "2026-01-02"),
        ("SELECT estimate_points FROM stories WHERE id = 'SH-1'", 3.0),
        ("SELECT metadata FROM stories WHERE id = 'SH-10'", '{"market":"north"}'),
        ("SELECT metadata ->> 'market' FROM stories WHERE id = 'SH-10'", "north"),
        ("SELECT lower(title) FROM stories WHERE id = 'SH-2'", "second"),
        ("SELECT done FROM v_criteria_progress WHERE uid = (SELECT uid FROM stories WHERE id = 'SH-2')", 1),
        ("SELECT sum(line) / count(*) - sum(line) / count(*) FROM criteria", 0),
        ("SELECT avg(priority) FROM stories WHERE id IN ('SH-1', 'SH-10')", 1.5),
        ("SELECT NULL", None),
        ("SELECT min(id) FROM stories", "BK-1"),
    ],
)
def test_values_are_the_same_in_every_database(reader: Reader, sql: str, value: Any) -> None:
    found = statement(reader, sql)[1]
    assert found == [(value,)]
    assert type(found[0][0]) is type(value)


def test_instants_are_told_in_utc(reader: Reader) -> None:
    (found,) = statement(reader, "SELECT DISTINCT substr(CAST(first_seen_at AS TEXT), 11, 1) FROM stories")[1]
    assert found[0] in ("T", " ")  # as text each database has its own form
    for value in ("synced_at", "first_seen_at"):
        (told,) = statement(reader, f"SELECT {value} FROM stories LIMIT 1")[1][0]
        assert len(told) == len("2026-03-01T12:00:00.000000Z") and told[10] == "T" and told[-1] == "Z"


def test_rows_can_be_limited(reader: Reader) -> None:
    assert len(statement(reader, "select id from stories", limit=2)[1]) == 2


@pytest.mark.parametrize(
    "sql",
    [
        "delete from stories", "vacuum into '/tmp/never.db'", "attach '/tmp/never.db' as x",
        "pragma user_version = 3", "pragma journal_mode(delete)", "pragma main.wal_checkpoint",
        "pragma query_only(0)", "-- innocent\ndrop table stories", "", "  -- only this", "begin",
        "COMMIT; DELETE FROM stories", "SET transaction_read_only = off", "COPY stories TO '/tmp/never'",
        "do $$ begin delete from stories; end $$", "select 1\0", "select '\udcff'",
    ],
)  # fmt: skip
def test_writing_is_refused_before_the_database_is_asked(reader: Reader, sql: str) -> None:
    with pytest.raises(UsageError) as caught:
        statement(reader, sql)
    assert caught.value.hint and "\n" not in str(caught.value)


_EVERYTHING = "select count(*), min(title), max(status) from stories"


def refused(reader: Reader, sql: str) -> None:
    """It is one line and a hint, writes nothing, and the next question is answered."""
    before = statement(reader, _EVERYTHING)
    with pytest.raises(StorysyncError) as caught:
        statement(reader, sql)
    assert caught.value.exit_code == 1
    assert caught.value.hint and "\n" not in str(caught.value)
    assert statement(reader, _EVERYTHING) == before


@pytest.mark.parametrize(
    "sql",
    [
        "with x as (select 1) delete from stories", "select * from nope", "select 1; select 2",
        "select 1; delete from stories", "with x as (delete from stories returning 1) select * from x",
        "select nope(1)", "select 1 from", "explain nonsense",
    ],
)  # fmt: skip
def test_a_wrong_statement_is_the_users_error_not_the_databases(reader: Reader, sql: str) -> None:
    refused(reader, sql)


@only("postgresql")
@pytest.mark.parametrize(
    "sql",
    [
        "select set_config('transaction_read_only', 'off', false), nextval('changes_seq_seq')",
        "select set_config('transaction_read_only', 'off', true)",
        "select nextval('changes_seq_seq')",
        "select setval('changes_seq_seq', 5)",
        "select * into stolen from stories",
        "select id from stories for update",
        "explain analyze delete from stories",
        "explain (analyze) with x as (delete from stories returning 1) select 1",
        "select lo_create(5)",
        "select 1 / 0",
        "select chr(0)",
        "table nope",
        "select ?",
        "select $1 + 1",
    ],
)
def test_a_server_is_never_written(reader: Reader, sql: str) -> None:
    refused(reader, sql)


@only("postgresql")
def test_a_session_is_as_it_was_after_each_statement(reader: Reader) -> None:
    for setting, value in (("default_transaction_read_only", "off"), ("search_path", "public")):
        statement(reader, f"select set_config('{setting}', '{value}', false)")
    assert statement(reader, "show default_transaction_read_only")[1] == [("on",)]
    assert statement(reader, "show search_path")[1] == [('"storysync"',)]
    refused(reader, "explain analyze delete from stories")


@only("postgresql")
@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("select array[1, 2]", "{1,2}"),
        ("select interval '36 hours'", "36:00:00"),
        ("select timestamptz 'infinity'", "infinity"),
        ("select timestamptz '0044-03-15 00:00:00+00 BC'", "0044-03-15 00:00:00+00 BC"),
        ("select timestamptz '2026-01-01 01:00:00+01'", "2026-01-01T00:00:00.000000Z"),
        ("select timestamp '2026-01-01 01:00:00'", "2026-01-01 01:00:00"),
        ("select inet '10.0.0.1'", "10.0.0.1"),
        ("select row(1, 'a')", "(1,a)"),
        ("select int4range(1, 3)", "[1,3)"),
        ("select '00000000-0000-0000-0000-000000000001'::uuid", "00000000-0000-0000-0000-000000000001"),
        ("select bytea 'x'", b"x"),
        ("select 12345678901234567890::numeric", 12345678901234567890),
    ],
)
def test_types_that_storysync_has_no_use_for_are_told_as_the_server_writes_them(
    reader: Reader, sql: str, value: Any
) -> None:
    assert statement(reader, sql)[1] == [(value,)]


@only("sqlite")
@pytest.mark.parametrize(
    "sql", ["pragma user_version", "PRAGMA main.table_info(stories);", "pragma integrity_check(1)"]
)
def test_pragmas_that_only_tell_are_answered(reader: Reader, sql: str) -> None:
    assert statement(reader, sql)[1]


@only("sqlite")
def test_a_pragma_that_may_write_is_told_so(reader: Reader) -> None:
    with pytest.raises(UsageError, match="this PRAGMA may write"):
        statement(reader, "pragma synchronous = off")
