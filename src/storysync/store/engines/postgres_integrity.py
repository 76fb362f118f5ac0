"""Whether the tables of a PostgreSQL schema can be read whole, and what their rows refer to is there."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice

import psycopg
from psycopg import errors, sql

from storysync.store.database import Findings
from storysync.store.engines.postgres import Connection, plain

MOST = 20
_DAMAGE = (errors.DataCorrupted, errors.IndexCorrupted)
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = %s ORDER BY tablename"
_KEYS = """
SELECT c.oid::bigint, c.conrelid::regclass::text, c.confrelid::regclass::text,
    o.attname::text, p.attname::text
FROM pg_constraint c CROSS JOIN unnest(c.conkey, c.confkey) WITH ORDINALITY k (own, other, n)
JOIN pg_attribute o ON o.attrelid = c.conrelid AND o.attnum = k.own
JOIN pg_attribute p ON p.attrelid = c.confrelid AND p.attnum = k.other
WHERE c.contype = 'f' AND c.connamespace = %s::regnamespace AND c.conparentid = 0
ORDER BY 2, 1, k.n
"""
"""A row for each column of each foreign key: key, table, parent, column, column of the parent."""


def findings(connection: Connection, schema: str) -> Findings:
    """As `Database.findings`, thoroughly, within one state. Raises psycopg.Error."""
    connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    connection.execute("SET LOCAL statement_timeout = 0")  # as long as a look at all takes
    damage = tuple(islice(_unreadable(connection, schema), MOST))
    rows = () if damage else tuple(islice(_orphans(connection, schema), MOST))
    connection.execute("ROLLBACK")
    return Findings(damage, rows)


def _unreadable(connection: Connection, schema: str) -> Iterator[str]:
    """Every value is made text, which fetches those that are stored apart; the server checks its pages."""
    for (table,) in connection.execute(_TABLES, (schema,)).fetchall():
        asked = sql.SQL("SELECT sum(length(t::text)) FROM {} t").format(sql.Identifier(schema, table))
        connection.execute("SAVEPOINT one_table")
        try:
            plain(connection.execute(asked).fetchone())
        except _DAMAGE as error:
            connection.execute("ROLLBACK TO SAVEPOINT one_table")
            yield f"{table}: {_told(error)}"


def _orphans(connection: Connection, schema: str) -> Iterator[str]:
    columns = connection.execute(_KEYS, (schema,)).fetchall()
    for (_, table, parent), group in groupby(columns, key=lambda row: row[:3]):
        pairs = [(sql.Identifier(own), sql.Identifier(other)) for *_, own, other in group]
        joined = sql.SQL(" AND ").join(sql.SQL("p.{1} = c.{0}").format(*pair) for pair in pairs)
        given = sql.SQL(" AND ").join(sql.SQL("c.{0} IS NOT NULL").format(own) for own, _ in pairs)
        asked = sql.SQL(
            "SELECT count(*) FROM {} c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {})"
        ).format(sql.SQL(table), given, sql.SQL(parent), joined)
        count = plain(connection.execute(asked).fetchone())
        if count:
            yield f"rows of {table} point to missing rows of {parent}: {count}"


def _told(error: psycopg.Error) -> str:
    return error.diag.message_primary or str(error)
