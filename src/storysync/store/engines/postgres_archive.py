"""Backups of a PostgreSQL schema: `pg_dump -Fc` of one snapshot, tried in a scratch database, and put back.

A restore connects once and is one transaction, whatever `pg_restore` would do (`postgres_replay`).
"""

from __future__ import annotations

import errno
import itertools
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec
import psycopg
from psycopg import errors, sql

from storysync import faults
from storysync.errors import ForeignDatabase, Locked, StoreError, UsageError
from storysync.settings import BackupSettings, PostgresSettings
from storysync.state import absolute_url, redacted
from storysync.store.archive import Archive, BackupDamaged, Dumped, Facts, Finish, Step, facts_in, no_step
from storysync.store.engines import postgres, postgres_rights, postgres_scratch
from storysync.store.engines.postgres_programs import ProgramFailed, Programs, connecting_as, find, running
from storysync.store.engines.postgres_replay import grants, replay
from storysync.store.engines.postgres_tx import PostgresTx
from storysync.store.revisions import VERSION_TABLE
from storysync.store.tx import Tx

if TYPE_CHECKING:
    from storysync.store.engines.postgres_database import PostgresDatabase

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_LOCK_TRIES_MS = (20, 50, 100, 200, 400)
"""So long all locks are asked for at once, in turn: short ones end soon where a reader and we wait for each
other, long ones outwait who is slow; below `deadlock_timeout`, so that no reader is ended for us."""
_LOCK_PAUSE_S = 0.05
_LOCKS_OF_OTHERS = """
FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_stat_activity a ON a.pid = l.pid
WHERE c.relnamespace = to_regnamespace(quote_ident(%s)) AND l.granted AND l.pid <> pg_backend_pid()
AND a.datname = current_database()
"""
_HELD = f"SELECT c.relname {_LOCKS_OF_OTHERS} GROUP BY 1 ORDER BY count(DISTINCT l.pid) DESC"
_MARKS = (VERSION_TABLE, "identities")
"""Tables by which a schema is known as ours, even when it is damaged."""


class PostgresArchive(Archive):
    suffix = ".dump"

    def __init__(self, database: PostgresDatabase, settings: BackupSettings) -> None:
        self._database, self._settings = database, settings
        self._schema = database.settings.schema
        # The deadline of the whole backup is the caller's: no single statement has one.
        self._unhurried: PostgresSettings = msgspec.structs.replace(
            database.settings, statement_timeout_s=0.0
        )

    def needed_bytes(self) -> int:
        """Rows are texts, which take a tenth when they are compressed; half of them is room enough."""
        with self._connected(read_only=True) as connection:
            return _size(connection, self._schema) // 2

    # -- making one ----------------------------------------------------------------------------------

    def dump(self, target: Path, step: Step = no_step) -> Dumped:
        with self._connected(read_only=True) as connection:
            programs = self._programs(connection)
            if postgres.revision(connection, self._database.place) is None:
                raise StoreError(
                    f"there is no database at {self._database.place}", hint="run `storysync sync PATH` first"
                )
            size = _size(connection, self._schema)
            connection.execute(_SNAPSHOT)
            snapshot = str(postgres.plain(connection.execute("SELECT pg_export_snapshot()").fetchone()))
            facts = self._dumped(
                connection, programs, snapshot, target, lambda: step(target.stat().st_size, size)
            )
            return Dumped(facts, f"PostgreSQL {_server_version(connection)}")

    def _dumped(
        self,
        connection: postgres.Connection,
        programs: Programs,
        snapshot: str,
        target: Path,
        look: Callable[[], None],
    ) -> Facts:
        """The file written by the program while we read the same snapshot."""
        command: list[str | Path] = [
            programs.dump, "--format=custom", f"--snapshot={snapshot}", f"--schema={self._schema}",
            "--no-password", "--encoding=UTF8", f"--lock-wait-timeout={self._lock_timeout_ms}",
            # By name: into a file that is its output it writes the table of contents twice.
            "--no-sync", f"--file={target.absolute()}",
        ]  # fmt: skip
        with (
            connecting_as(connection, "storysync backup") as (environment, descriptors),
            running(
                command, environment=environment, pass_fds=descriptors, secrets=[connection.info.password]
            ) as program,
        ):
            facts = facts_in(PostgresTx(connection))
            try:
                program.finish(look)
            except ProgramFailed as error:
                _raise_full(error, target)
                raise StoreError(f"{self._database.place} cannot be dumped: {error}") from error
        with target.open("r+b") as file:
            os.fsync(file.fileno())
        return facts

    # -- trying one ----------------------------------------------------------------------------------

    @contextmanager
    def restored(self, file: Path, folder: Path, step: Step = no_step) -> Iterator[Tx]:
        given = self._settings.scratch_url
        url = postgres.split_schema(absolute_url(given, Path.cwd()))[0] if given else self._database.url
        if not url.startswith("postgresql:"):
            raise UsageError("the setting `backup.scratch_url` is no URL of a PostgreSQL database")
        with postgres_scratch.trial_database(url, self._unhurried) as trial:
            schema = self._load(trial, file, step)
            settings = postgres.in_schema(self._unhurried, schema)
            with closing(postgres.connect(trial, settings, read_only=True)) as connection:
                connection.execute(_SNAPSHOT)
                try:
                    yield PostgresTx(connection)
                except psycopg.Error as error:
                    raise postgres.translated(error, postgres.place_of(trial, schema)) from error

    def extract(self, file: Path, target: str, step: Step = no_step) -> str:
        url = postgres_scratch.made_database(self._database.url, self._unhurried, target)
        try:
            schema = self._load(url, file, step)
        except BaseException:
            postgres_scratch.drop(self._database.url, self._unhurried, target)
            raise
        told = redacted(url).replace(":***@", "@")
        return postgres.with_schema(told, schema)

    def _load(self, url: str, file: Path, step: Step) -> str:
        """The file's content in an empty database, all or nothing; returns its schema."""
        with (
            closing(postgres.connect(url, self._unhurried, read_only=False)) as connection,
            connection.transaction(),
        ):
            return replay(connection, self._programs(connection), file, step, into=None)

    # -- putting one in place ------------------------------------------------------------------------

    def replace(self, file: Path, stamp: str, step: Step = no_step, finish: Finish | None = None) -> str:
        """As in `Archive`; readers see all of the old or all of the new, and wait for moments only.

        Whether the file holds what its manifest says is the caller's to try first (`restored`). Raises
        Locked when a daemon holds one of the projects, StoreError when a transaction that reads the old
        tables does not end within `postgres.lock_timeout_s`.
        """
        with self._connected(read_only=False) as connection:
            with connection.transaction():
                aside = self._replaced(connection, file, stamp, step)
                faults.point("restore.before-swap")
            faults.point("restore.after-swap")
        place = postgres.place_of(self._database.url, aside) if aside else ""
        if finish is not None:
            finish(self._database, place)
        return place

    def _replaced(self, connection: postgres.Connection, file: Path, stamp: str, step: Step) -> str:
        programs = self._programs(connection)
        for key in (postgres.migration_key(self._schema), postgres.writing_key(self._schema)):
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (key,))
        self._refuse_foreign(connection)
        self._claim(connection)
        owners = postgres_rights.owners(connection, self._schema)
        aside = _set_aside(connection, self._schema, stamp) if owners else ""
        schema_owner, table_owner = owners or (connection.info.user, connection.info.user)
        connection.execute(
            sql.SQL("CREATE SCHEMA {} AUTHORIZATION {}").format(
                sql.Identifier(self._schema), sql.Identifier(schema_owner)
            )
        )
        if aside:
            postgres_rights.carry_to_schema(connection, aside, self._schema)
        postgres_rights.become(connection, table_owner)
        replay(connection, programs, file, step, into=self._schema)
        connection.execute(
            "SELECT set_config('search_path', %s, true), set_config('lock_timeout', %s, true)",
            (sql.Identifier(self._schema).as_string(connection), str(self._lock_timeout_ms)),
        )
        if VERSION_TABLE not in _tables(connection, self._schema):
            raise BackupDamaged("the backup holds no tables of storysync")
        _analyze(connection, self._schema)
        connection.execute("RESET ROLE")
        if aside:
            postgres_rights.carry_to_objects(connection, aside, self._schema)
        else:
            postgres_rights.grant_leniently(connection, grants(programs, file))
        self._claim(connection)
        if aside:
            self._lock_out_readers(connection, aside)
        return aside

    def _refuse_foreign(self, connection: postgres.Connection) -> None:
        """Raise ForeignDatabase for tables of another program. Ours may be damaged, or of any revision."""
        tables = set(_tables(connection, self._schema))
        if tables and tables.isdisjoint(_MARKS):
            raise ForeignDatabase(
                f"{self._database.place} holds tables of another program; they were left untouched",
                hint="choose another schema with the setting `postgres.schema`",
            )

    def _claim(self, connection: postgres.Connection) -> None:
        """Be the one writer of every project that the schema knows, until the end. Raises Locked."""
        try:
            with connection.transaction():
                name = sql.Identifier(self._schema, "projects")
                rows = connection.execute(sql.SQL("SELECT id FROM {} ORDER BY id").format(name)).fetchall()
        except psycopg.Error as error:
            if postgres.is_gone(error):
                raise
            return  # what is damaged, or not there yet, tells no projects
        for (project_id,) in rows:
            key = postgres.lock_key("project", self._schema, project_id)
            claim = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (key,)).fetchone()
            if not postgres.plain(claim):
                who = postgres.holder(connection, key)
                raise Locked(
                    f"{who} writes project {project_id} in {self._database.place}",
                    hint="stop that process first",
                )

    def _lock_out_readers(self, connection: postgres.Connection, aside: str) -> None:
        """Wait until no transaction has the old tables open, so that none sees both them and the new ones.

        What most readers hold is locked first: they end, and those that begin wait there with nothing in hand
        that we need. In another order we and they would wait for each other, try after try.
        """
        tables = _tables(connection, aside)
        if not tables:
            return
        give_up_at = time.monotonic() + self._database.settings.lock_timeout_s
        for limit_ms in itertools.cycle(_LOCK_TRIES_MS):
            names = sql.SQL(", ").join(sql.Identifier(aside, table) for table in tables)
            lock = sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(names)
            try:
                with connection.transaction():
                    connection.execute(f"SET LOCAL statement_timeout = {limit_ms}")
                    connection.execute(lock)
                    connection.execute("SET LOCAL statement_timeout = 0")
                return
            except (errors.QueryCanceled, errors.LockNotAvailable, errors.DeadlockDetected):
                if time.monotonic() > give_up_at:
                    self._raise_read(connection, aside)
            held = [table for (table,) in connection.execute(_HELD, (aside,))]
            tables.sort(key=lambda table: held.index(table) if table in held else len(held))
            time.sleep(_LOCK_PAUSE_S)

    def _raise_read(self, connection: postgres.Connection, aside: str) -> NoReturn:
        row = connection.execute(
            "SELECT a.pid, coalesce(nullif(a.application_name, ''), a.usename, '?')"
            f" {_LOCKS_OF_OTHERS} ORDER BY a.xact_start LIMIT 1",
            (aside,),
        ).fetchone()
        who = f"{row[1]} (server process {row[0]})" if row else "a transaction"
        raise StoreError(
            f"{who} reads {self._database.place} and does not end; nothing was changed",
            hint="end it and try again" + (f": SELECT pg_terminate_backend({row[0]})" if row else ""),
        )

    # ------------------------------------------------------------------------------------------------

    @property
    def _lock_timeout_ms(self) -> int:
        return max(int(self._database.settings.lock_timeout_s * 1000), 1)

    def _programs(self, connection: postgres.Connection) -> Programs:
        return find(self._settings.pg_bin, connection.info.server_version // 10000)

    @contextmanager
    def _connected(self, *, read_only: bool) -> Iterator[postgres.Connection]:
        with closing(
            postgres.connect(self._database.url, self._unhurried, read_only=read_only)
        ) as connection:
            try:
                yield connection
            except psycopg.Error as error:
                raise postgres.translated(error, self._database.place) from error


def _server_version(connection: postgres.Connection) -> str:
    """As `18.4`."""
    return (connection.info.parameter_status("server_version") or "?").split()[0]


def _tables(connection: postgres.Connection, schema: str) -> list[str]:
    rows = connection.execute(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relispartition"
        " AND relnamespace = to_regnamespace(quote_ident(%s)) ORDER BY 1",
        (schema,),
    ).fetchall()
    return [name for (name,) in rows]


def _size(connection: postgres.Connection, schema: str) -> int:
    """Of the rows without indexes, in bytes; compressed they take less."""
    row = connection.execute(
        "SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class"
        " WHERE relkind IN ('r', 'm') AND relnamespace = to_regnamespace(quote_ident(%s))",
        (schema,),
    ).fetchone()
    return int(postgres.plain(row))


def _analyze(connection: postgres.Connection, schema: str) -> None:
    """Statistics of the new tables, without which the first questions would be slow."""
    names = [sql.Identifier(schema, table) for table in _tables(connection, schema)]
    connection.execute(sql.SQL("ANALYZE {}").format(sql.SQL(", ").join(names)))


def _set_aside(connection: postgres.Connection, schema: str, stamp: str) -> str:
    """Rename a schema, and return its new name."""
    suffix = postgres.aside_suffix(stamp)
    number = 1
    while True:
        end = suffix if number == 1 else f"{suffix}_{number}"
        name = schema[: 63 - len(end)] + end
        row = connection.execute("SELECT to_regnamespace(quote_ident(%s)) IS NULL", (name,)).fetchone()
        if postgres.plain(row):
            break
        number += 1
    names = sql.Identifier(schema), sql.Identifier(name)
    connection.execute(sql.SQL("ALTER SCHEMA {} RENAME TO {}").format(*names))
    return name


def _raise_full(error: ProgramFailed, target: Path) -> None:
    """A full disk is said as the system says it."""
    if os.strerror(errno.ENOSPC) in str(error):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target)) from error
