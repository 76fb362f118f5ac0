"""The partitions of `status_history`: one a year, made ahead; the DEFAULT one takes what is older."""

from __future__ import annotations

from datetime import datetime

from psycopg import sql

from storysync.store.engines.postgres import Connection, plain

_DEFAULT = "status_history_default"
_RANGE = "changed_at >= {begin} AND changed_at < {end}"


def ensure(connection: Connection, now: datetime) -> None:
    """Make the partitions of this year, of the next, and of every year that the DEFAULT one holds rows of.

    Those rows move there. The caller's transaction keeps other writers away. A role that may write rows and
    does not own the table leaves that to the owner's next `storysync db upgrade`.
    """
    owned = connection.execute(
        "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = to_regclass('status_history')"
    ).fetchone()
    if not plain(owned):
        return
    present = {
        row[0]
        for row in connection.execute(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid"
            " WHERE i.inhparent = to_regclass('status_history')"
        )
    }
    found = connection.execute(
        f"SELECT DISTINCT extract(year FROM changed_at)::int FROM {_DEFAULT}"  # in UTC, as the session is
    )
    for year in sorted({now.year, now.year + 1, *(row[0] for row in found)}):
        if f"status_history_{year}" not in present:
            _make(connection, year)


def _make(connection: Connection, year: int) -> None:
    name = f"status_history_{year}"
    parts = {
        "name": sql.Identifier(name),
        "default": sql.Identifier(_DEFAULT),
        "begin": sql.Literal(f"{year:04}-01-01T00:00:00Z"),
        "end": sql.Literal(f"{year + 1:04}-01-01T00:00:00Z"),
    }
    for statement in (
        "CREATE TABLE {name} (LIKE status_history INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
        f"WITH moved AS (DELETE FROM {{default}} WHERE {_RANGE} RETURNING *)"
        " INSERT INTO {name} SELECT * FROM moved",
        "ALTER TABLE status_history ATTACH PARTITION {name} FOR VALUES FROM ({begin}) TO ({end})",
    ):
        connection.execute(sql.SQL(statement).format(**parts))
