"""An open transaction of PostgreSQL, and its fastest ways to write many rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import psycopg
from psycopg import sql

from storysync.store.engines import postgres
from storysync.store.revisions import VERSION_TABLE
from storysync.store.tx import Insert, Row, Tx

_COPY_FROM = 20
"""From so many rows on COPY is faster than a statement for each."""

_COUNTERS = (
    "SELECT c.relname, a.attname, format('%I.%I', s.schemaname, s.sequencename), s.last_value"
    " FROM pg_class q JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = q.oid"
    " AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i')"
    " JOIN pg_class c ON c.oid = d.refobjid"
    " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.refobjsubid"
    " JOIN pg_sequences s ON s.sequencename = q.relname AND s.schemaname = current_schema()"
    " WHERE q.relkind = 'S' AND q.relnamespace = to_regnamespace(quote_ident(current_schema())) ORDER BY 1"
)
"""Table, column, sequence and its last value (NULL for none, or none that this user may see)."""

_TABLES = (
    "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
    ' AND relnamespace = to_regnamespace(quote_ident(current_schema())) ORDER BY relname COLLATE "C"'
)


class PostgresTx(Tx):
    def __init__(self, connection: postgres.Connection) -> None:
        self._connection = connection
        self._cursors = count()

    def execute(self, sql: str, params: Sequence[Any] = ()) -> int:
        return self._run(sql, params).rowcount

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        listed = list(rows)
        if listed:
            with self._connection.cursor() as cursor:
                cursor.executemany(postgres.own_marks(sql), listed)

    def insert_all(self, insert: Insert, rows: Sequence[Row]) -> None:
        if len(rows) < _COPY_FROM:
            self.executemany(insert.sql, rows)
            return
        columns = sql.SQL(", ").join(map(sql.Identifier, insert.columns))
        if not insert.key:
            self._copy(sql.Identifier(insert.table), columns, rows)
            return
        # Into a table of this session alone, and merged from there.
        table = sql.Identifier("pg_temp", f"incoming_{insert.table}")
        names = {"incoming": table, "table": sql.Identifier(insert.table), "columns": columns}
        create = "CREATE TEMP TABLE {incoming} ON COMMIT DROP AS SELECT {columns} FROM {table} LIMIT 0"
        self._connection.execute(sql.SQL(create).format(**names))
        self._copy(table, columns, rows)
        merge = sql.SQL("INSERT INTO {table} ({columns}) SELECT {columns} FROM {incoming}").format(**names)
        self._connection.execute(merge + sql.SQL(insert.on_conflict))
        self._connection.execute(sql.SQL("DROP TABLE {}").format(table))

    def _copy(self, table: sql.Identifier, columns: sql.Composable, rows: Sequence[Row]) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(table, columns)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def insert_one(self, insert: Insert, row: Row) -> int:
        found = self._run(f"{insert.sql} RETURNING id", row).fetchone()
        assert found is not None
        return int(found[0])

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Row]:
        return self._run(sql, params).fetchall()

    def stream(self, sql: str, params: Sequence[Any] = ()) -> Iterator[Row]:
        cursor = self._connection.cursor(name=f"storysync_{next(self._cursors)}")
        cursor.itersize = 2000
        with cursor:
            cursor.execute(postgres.own_marks(sql) if params else sql, params or None)
            yield from cursor

    def tables(self) -> list[str]:
        return [name for (name,) in self.rows(_TABLES) if name != VERSION_TABLE]

    def columns(self, table: str) -> list[str]:
        description = self._run(f"SELECT * FROM {table} LIMIT 0", ()).description
        return [column.name for column in description or ()]

    def new_uids(self, count: int) -> Sequence[int]:
        found = self.rows(
            "SELECT nextval(pg_get_serial_sequence('identities', 'uid')) FROM generate_series(1, ?)", (count,)
        )
        return [row[0] for row in found]

    def last_numbers(self) -> dict[str, int]:
        return {table: last for table, _, _, last in self.rows(_COUNTERS) if last is not None}

    def count_on(self, last: Mapping[str, int]) -> None:
        for table, column, sequence, present in self.rows(_COUNTERS):
            highest = (self.row(f"SELECT max({column}) FROM {table}") or (None,))[0]
            wanted = max(last.get(table, 0), highest or 0, present or 0)
            if wanted:
                self.rows("SELECT setval(?::regclass, ?)", (sequence, wanted))

    def _run(self, sql: str, params: Sequence[Any]) -> psycopg.Cursor[Row]:
        if params:
            return self._connection.execute(postgres.own_marks(sql), params)
        return self._connection.execute(sql)
