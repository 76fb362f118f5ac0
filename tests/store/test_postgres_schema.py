"""The schema of a PostgreSQL database, made by several at once."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import psycopg

from storysync.settings import PostgresSettings
from storysync.store.engines import postgres


def test_a_schema_that_another_session_has_just_made_is_no_error(postgres_url: str) -> None:
    url, schema = postgres_url, "made_at_once"
    failures: list[BaseException] = []

    def make() -> None:
        try:
            with closing(postgres.connect(url, PostgresSettings(), read_only=False)) as connection:
                postgres.create_schema(connection, schema)
        except Exception as error:  # noqa: BLE001 - told below
            failures.append(error)

    first = postgres.connect(url, PostgresSettings(), read_only=False)
    with closing(first):
        first.execute("BEGIN")
        postgres.create_schema(first, schema)
        second = threading.Thread(target=make)
        second.start()
        _await_waiting(first)
        first.execute("COMMIT")
        second.join()
    assert failures == []


def _await_waiting(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        waiting = connection.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()
        if waiting and int(str(waiting[0])):
            return
        time.sleep(0.01)
    raise AssertionError("the second session waits for nothing")
