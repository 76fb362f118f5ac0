"""Yearly partitions of `status_history`, on a real server."""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
import pytest

from storysync.app import App
from storysync.store.database import database_at
from storysync.store.tx import Insert
from support.postgres import Cluster

_HISTORY = Insert("status_history", ("identity", "project_id", "new_status", "changed_at", "path"))


def partitions(url: str) -> dict[str, int]:
    """Name of each partition -> number of its rows."""
    with psycopg.connect(url) as connection:
        connection.execute("SET search_path TO storysync")
        names = [
            row[0]
            for row in connection.execute(
                "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
                " WHERE i.inhparent = 'status_history'::regclass ORDER BY 1"
            )
        ]
        return {
            name: connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # type: ignore[index,arg-type]
            for name in names
        }


def test_the_next_year_is_made_ahead_and_old_rows_move_into_their_years(postgres_url: str) -> None:
    with database_at(postgres_url).open() as store:
        store.maintain(datetime(2030, 6, 1, tzinfo=UTC))
        with store.writing() as tx:
            tx.execute("INSERT INTO projects (id, name) VALUES ('demo', 'demo')")
            (uid,) = tx.new_uids(1)
            tx.execute(
                "INSERT INTO identities (uid, project_id, path) VALUES (?, ?, ?)", (uid, "demo", "a.md")
            )
            rows = [(uid, "demo", "done", f"{year}-12-31T23:59:59.999999Z", "a.md") for year in (2019, 2030)]
            tx.insert_all(_HISTORY, rows)
        before = partitions(postgres_url)
        assert before["status_history_2030"] == 1 and before["status_history_default"] == 1
        store.maintain(datetime(2031, 1, 1, tzinfo=UTC))
        store.maintain(datetime(2031, 1, 1, tzinfo=UTC))  # nothing left to do
    after = partitions(postgres_url)
    assert after["status_history_2019"] == 1 and after["status_history_default"] == 0
    assert {"status_history_2030", "status_history_2031", "status_history_2032"} <= after.keys()


def test_the_migration_makes_the_partitions_of_this_year_and_the_next(postgres_url: str) -> None:
    from storysync.store import migrate

    migrate.upgrade(database_at(postgres_url))
    year = datetime.now(UTC).year
    assert {f"status_history_{year}", f"status_history_{year + 1}"} <= partitions(postgres_url).keys()


def test_an_older_server_serves_as_well(older_postgres_server: Cluster, samples: App) -> None:
    url = older_postgres_server.create_database()
    try:
        app = App.load(samples.cwd, {}, flags={"database.url": url})
        app.sync(app.projects())
        assert app.verify(app.projects()).equal
        with app.reader() as reader:
            assert reader.rows("SELECT count(*) AS n FROM stories")[0]["n"] == 36
    finally:
        older_postgres_server.drop_database(url)


def test_every_partition_is_of_one_history(postgres_url: str) -> None:
    with database_at(postgres_url).open() as store:
        store.maintain(datetime(2030, 6, 1, tzinfo=UTC))
    with psycopg.connect(postgres_url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "INSERT INTO storysync.status_history (identity, project_id, new_status, changed_at, path)"
            " VALUES (1, 'demo', 'nonsense', '2030-01-01T00:00:00Z', 'a.md')"
        )
