"""A schema of a PostgreSQL server as a database of ours: the writer, readers and transactions."""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg

from storysync import faults
from storysync.errors import DatabaseAway, Locked, RowRefused, SchemaBehind, StoreError
from storysync.settings import BackupSettings
from storysync.store.database import Database, Engines, Findings
from storysync.store.engines import postgres, postgres_partitions
from storysync.store.engines.postgres_tx import PostgresTx
from storysync.store.reader import Reader
from storysync.store.store import Store
from storysync.store.tx import Tx
from storysync.store.upgrade import Before, bring_to_head

if TYPE_CHECKING:
    import sqlalchemy as sa

    from storysync.store.archive import Archive

_ASK_AGAIN_S = 0.1


class PostgresDatabase(Database):
    def __init__(self, url: str, engines: Engines) -> None:
        url, schema = postgres.split_schema(url)
        self.settings = postgres.in_schema(engines.postgres, schema)
        super().__init__(url, engines._replace(postgres=self.settings))
        postgres.parameters(url, self.settings, "")  # whether it can be read at all
        self._place = postgres.place_of(url, self.settings.schema)
        self.host = platform.node()

    @property
    def place(self) -> str:
        return self._place

    @property
    def base(self) -> Path:
        """One for each server, database and schema, in the state folder."""
        name = hashlib.sha256(self._place.encode()).hexdigest()[:16]
        return (self.engines.state_dir or Path.home()) / f"postgresql-{name}"

    @property
    def file(self) -> None:
        return None

    def exists(self) -> bool:
        with self._connected(read_only=True) as connection:
            return postgres.is_there(connection, self.place)

    def open(self, *, auto_migrate: bool = True, before: Before | None = None) -> Store:
        connection = self.connect_writer()
        try:
            self.bring_to_head(connection, auto_migrate=auto_migrate, before=before)
        except BaseException:
            connection.close()
            raise
        return PostgresStore(self, connection, auto_migrate=auto_migrate, before=before)

    def bring_to_head(
        self, connection: postgres.Connection, *, auto_migrate: bool, before: Before | None
    ) -> None:
        """Raise SchemaBehind or SchemaAhead unless the schema is ours now."""
        try:
            postgres.require_head(connection, self.place)
        except SchemaBehind:
            if not auto_migrate:
                raise
            bring_to_head(self, before)

    @contextmanager
    def migrating(self, *, alone: bool = False) -> Iterator[None]:
        # It is asked for again and again, not waited for: a backup and a migration take longer than the
        # limits on a statement and on a lock.
        with self._connected(read_only=False) as connection:
            key = (postgres.lock_key("upgrade", self.settings.schema),)
            while not postgres.plain(connection.execute("SELECT pg_try_advisory_lock(%s)", key).fetchone()):
                time.sleep(_ASK_AGAIN_S)
            if alone and postgres.revision(connection, self.place) is not None:
                projects = [project for (project,) in connection.execute("SELECT id FROM projects")]
                _claim(connection, self.settings.schema, projects, self.place)
            yield

    def archive(self, settings: BackupSettings) -> Archive:
        from storysync.store.engines.postgres_archive import PostgresArchive

        return PostgresArchive(self, settings)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Nothing to take: `PostgresStore.claim` does."""
        yield

    def connect_writer(self) -> postgres.Connection:
        return postgres.connect(self.url, self.settings, read_only=False)

    def reader(self) -> Reader:
        return PostgresReader(self._reading(), self)

    @contextmanager
    def read_only(self) -> Iterator[Tx]:
        with closing(self._reading()) as connection:
            try:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                yield PostgresTx(connection)
            except psycopg.Error as error:
                raise postgres.translated(error, self.place) from error

    @contextmanager
    def read_any(self) -> Iterator[Tx]:
        with self._connected(read_only=True) as connection:
            postgres.revision(connection, self.place)  # refuses one that is not ours
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield PostgresTx(connection)

    def _reading(self) -> postgres.Connection:
        connection = postgres.connect(self.url, self.settings, read_only=True)
        try:
            if not postgres.is_there(connection, self.place):
                raise StoreError(
                    f"there is no database at {self.place}", hint="run `storysync sync PATH` first"
                )
            postgres.require_head(connection, self.place)
        except BaseException:
            connection.close()
            raise
        return connection

    def revision(self) -> str | None:
        with self._connected(read_only=True) as connection:
            return postgres.revision(connection, self.place)

    def told(self, error: Exception) -> StoreError | None:
        return postgres.translated(error, self.place) if isinstance(error, psycopg.Error) else None

    def sqlalchemy_engine(self) -> sa.Engine:
        import sqlalchemy as sa

        with self._connected(read_only=False) as connection:
            postgres.create_schema(connection, self.settings.schema)
        return sa.create_engine(
            "postgresql+psycopg://",
            creator=lambda: postgres.connect(self.url, self.settings, read_only=False, as_text=False),
            poolclass=sa.NullPool,
            hide_parameters=True,
        )

    def findings(self, *, thorough: bool) -> Findings:
        from storysync.store.engines.postgres_integrity import findings

        with self._connected(read_only=True) as connection:
            postgres.revision(connection, self.place)  # refuses one that is not ours
            return findings(connection, self.settings.schema) if thorough else Findings()

    def write_obstacle(self, wait_s: float) -> tuple[bool, str]:
        with self._connected(read_only=False) as connection:
            row = connection.execute(
                "SELECT pg_is_in_recovery(), has_table_privilege('stories', 'INSERT, UPDATE, DELETE')"
            ).fetchone()
            assert row is not None
            standby, allowed = row
            if standby:
                return True, "the server is a standby, which cannot be written"
            return (False, "") if allowed else (False, "this user may only read it")

    def size_bytes(self) -> int:
        with self._connected(read_only=True) as connection:
            row = connection.execute(
                "SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class"
                " WHERE relnamespace = to_regnamespace(%s) AND relkind IN ('r', 'm')",
                (self.settings.schema,),
            ).fetchone()
            return int(postgres.plain(row))

    @contextmanager
    def _connected(self, *, read_only: bool) -> Iterator[postgres.Connection]:
        with closing(postgres.connect(self.url, self.settings, read_only=read_only)) as connection:
            try:
                yield connection
            except psycopg.Error as error:
                raise postgres.translated(error, self.place) from error


class PostgresStore(Store):
    """One connection, made anew when the server was away; its claims with it."""

    def __init__(
        self,
        database: PostgresDatabase,
        connection: postgres.Connection,
        *,
        auto_migrate: bool,
        before: Before | None,
    ) -> None:
        self._database = database
        self._connection = connection
        self._auto_migrate, self._before = auto_migrate, before
        self._claimed: tuple[str, ...] = ()
        self._renewed = False
        self._schema = database.settings.schema
        self.host = database.host

    @property
    def database(self) -> PostgresDatabase:
        return self._database

    def close(self) -> None:
        # The server notices the end of a connection a moment later; whoever comes next shall not meet us.
        with suppress(psycopg.Error):
            if self._claimed and not self._connection.closed:
                self._connection.execute("SELECT pg_advisory_unlock_all()")
        self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[Tx]:
        faults.point("write.before-begin")
        self._begin("BEGIN")
        try:
            try:
                faults.point("write.after-begin")
                # One writer at a time, as in SQLite: what it decides about references holds at its commit.
                self._connection.execute(
                    "SELECT pg_advisory_xact_lock(%s)", (postgres.writing_key(self._schema),)
                )
                yield PostgresTx(self._connection)
                faults.point("write.before-commit")
                self._connection.execute("COMMIT")
                faults.point("write.after-commit")
            except BaseException:
                self._roll_back()
                raise
        except psycopg.Error as error:
            raise postgres.translated(error, self._database.place) from error
        except (OverflowError, UnicodeEncodeError) as error:  # of a text that cannot be bound
            raise RowRefused(str(error)) from error

    @contextmanager
    def snapshot(self) -> Iterator[Tx]:
        self._begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            try:
                yield PostgresTx(self._connection)
            finally:
                self._roll_back()
        except psycopg.Error as error:
            raise postgres.translated(error, self._database.place) from error

    def _begin(self, statement: str) -> None:
        """Begin a transaction, on a new connection when the old one is lost: nothing was done on it yet."""
        try:
            if self._connection.closed:
                self._reconnect()
            self._connection.execute(statement)
        except psycopg.Error as error:
            if not postgres.is_gone(error):
                raise postgres.translated(error, self._database.place) from error
            self._connection.close()
            self._reconnect()
            try:
                self._connection.execute(statement)
            except psycopg.Error as again:
                raise postgres.translated(again, self._database.place) from again

    def renew(self) -> bool:
        if postgres.is_lost(self._connection):
            self._connection.close()
            self._reconnect()
        renewed, self._renewed = self._renewed, False
        return renewed

    def _reconnect(self) -> None:
        connection = self._database.connect_writer()
        try:
            # A server that was restored from an older state, or lost its last commits, is migrated again.
            self._database.bring_to_head(connection, auto_migrate=self._auto_migrate, before=self._before)
            _claim(connection, self._schema, self._claimed, self._database.place)
        except psycopg.Error as error:
            connection.close()
            raise postgres.translated(error, self._database.place) from error
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._renewed = True

    def _roll_back(self) -> None:
        """End the transaction, whatever state the connection is in; a lost one is closed."""
        try:
            self._connection.execute("ROLLBACK")
        except psycopg.Error:
            self._connection.close()

    def release_memory(self) -> None:
        from storysync.store.engines.sqlite import trim_heap

        trim_heap()

    def claim(self, project_ids: Iterable[str]) -> None:
        wanted = tuple(sorted(set(project_ids) - set(self._claimed)))
        try:
            _claim(self._connection, self._schema, wanted, self._database.place)
        except psycopg.Error as error:
            raise postgres.translated(error, self._database.place) from error
        self._claimed += wanted

    def maintain(self, now: datetime) -> None:
        with self.writing():
            postgres_partitions.ensure(self._connection, now)


def _claim(connection: postgres.Connection, schema: str, project_ids: Iterable[str], place: str) -> None:
    for project_id in project_ids:
        key = postgres.lock_key("project", schema, project_id)
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (key,)).fetchone()
        if not postgres.plain(row):
            raise Locked(
                f"{postgres.holder(connection, key)} writes project {project_id} in {place}",
                hint="stop that process; one daemon writes a project, others may write other projects",
            )


class PostgresReader(Reader):
    verbs = ("SELECT", "WITH", "VALUES", "EXPLAIN", "TABLE", "SHOW")

    def __init__(self, connection: postgres.Connection, database: PostgresDatabase) -> None:
        self.host = database.host
        self._connection = connection
        self._place = database.place
        self._in_snapshot = False

    def close(self) -> None:
        self._connection.close()

    @contextmanager
    def snapshot(self) -> Iterator[Self]:
        self._execute_plain("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        self._in_snapshot = True
        try:
            yield self
        finally:
            self._in_snapshot = False
            self._execute_plain("ROLLBACK")

    def columns_and_rows(
        self, sql: str, params: Sequence[Any] = (), limit: int | None = None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        alone = not self._in_snapshot
        if alone:
            self._execute_plain("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            return self._ask(sql, params, limit)
        except psycopg.Error as error:
            if postgres.is_gone(error):
                raise DatabaseAway(f"the connection to {self._place} is lost") from error
            raise StoreError(f"the query failed: {postgres.first_line(error)}") from error
        finally:
            if alone and not self._connection.closed:
                self._execute_plain("ROLLBACK")

    def _ask(
        self, sql: str, params: Sequence[Any], limit: int | None
    ) -> tuple[list[str], list[tuple[Any, ...]]]:
        query = postgres.own_marks(sql) if params else sql
        with self._connection.cursor() as cursor:
            # Prepared, the server takes a single statement only: no second one can end the transaction.
            cursor.execute(query, params or None, prepare=True)
            if cursor.description is None:
                return [], []
            names = [column.name for column in cursor.description]
            return names, cursor.fetchall() if limit is None else cursor.fetchmany(limit)

    def _execute_plain(self, statement: str) -> None:
        try:
            self._connection.execute(statement)
        except psycopg.Error as error:
            raise postgres.translated(error, self._place) from error

    def blames_statement(self, error: BaseException) -> bool:
        return postgres.blames_statement(error)
