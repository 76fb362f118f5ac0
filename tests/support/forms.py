"""The forms that the product's database comes in. Tests of a store run over each of them."""

from __future__ import annotations

import shutil
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from storysync.store import migrate, tables
from storysync.store.database import Database, Engines, database_at
from storysync.store.stores import Databases, databases_at
from support.postgres import Cluster

FORMS = ("sqlite", "sqlite-per-project", "postgresql")
"""Names, in the order in which they are run and told. A third form is a class here and a name there."""

_USES = 100
"""Tests that one database of a server serves: rows that were deleted take room until it is vacuumed."""


class Form(ABC):
    """Where databases of one form come from. `folder` is the caller's own; companions lie there."""

    name: str
    mark: str
    """What makes an empty place one of ours, as a statement."""

    @abstractmethod
    def empty(self, folder: Path) -> Database:
        """A place where a database can be, with nothing there yet."""

    @abstractmethod
    def migrated(self, folder: Path) -> Database:
        """A database with the newest schema and no rows, made fast."""

    @abstractmethod
    def drop(self, database: Database) -> None:
        """The test is done with it."""

    @abstractmethod
    def execute(self, database: Database, *statements: str) -> None:
        """Do what another program could do to it, which knows nothing of us."""

    @abstractmethod
    def relations(self, database: Database) -> dict[str, str]:
        """What there is: name -> `table` or `view`."""

    @contextmanager
    def lent(self, folder: Path) -> Iterator[Database]:
        """A migrated database until the end of the block."""
        database = self.migrated(folder)
        try:
            yield database
        finally:
            self.drop(database)


class SqliteForm(Form):
    name = "sqlite"
    mark = f"PRAGMA application_id = {tables.APPLICATION_ID}"

    def __init__(self, folder: Path) -> None:
        self._template = folder / "template.db"
        migrate.upgrade(database_at(f"sqlite:///{self._template}"))

    def empty(self, folder: Path) -> Database:
        return database_at(f"sqlite:///{folder / 'state' / 'live.db'}", Engines(state_dir=folder))

    def migrated(self, folder: Path) -> Database:
        database = self.empty(folder)
        assert database.file is not None
        database.file.parent.mkdir(mode=0o700, parents=True)
        shutil.copy(self._template, database.file)
        return database

    def drop(self, database: Database) -> None:
        """The folder of the test goes by itself."""

    def execute(self, database: Database, *statements: str) -> None:
        assert database.file is not None
        database.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with closing(sqlite3.connect(database.file)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def relations(self, database: Database) -> dict[str, str]:
        assert database.file is not None
        with closing(sqlite3.connect(f"{database.file.as_uri()}?mode=ro", uri=True)) as connection:
            return dict(
                connection.execute(
                    "SELECT name, type FROM sqlite_master"
                    " WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"
                )
            )


class SqlitePerProjectForm(SqliteForm):
    """What asks for one database gets that of the project `demo`; `World` gives each project its own."""

    name = "sqlite-per-project"

    def empty(self, folder: Path) -> Database:
        return self.databases(folder).of("demo")

    @staticmethod
    def databases(folder: Path) -> Databases:
        return databases_at(f"sqlite:///{folder}/state/{{project}}/live.db", Engines(state_dir=folder))


_SCHEMA = "storysync"
_EMPTIED = """
SELECT string_agg('DELETE FROM ' || oid::regclass, ';') FROM pg_class
WHERE relnamespace = 'storysync'::regnamespace AND relkind = 'r' AND relname <> 'storysync_version'
"""
_SHAPE = """
SELECT md5(string_agg(one, ',' ORDER BY one COLLATE "C")) FROM (
    SELECT concat_ws(' ', c.relname, c.relkind, a.attname, a.atttypid) AS one
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    WHERE c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace,
                                 'pg_toast'::regnamespace)
    UNION ALL SELECT version_num FROM storysync.storysync_version
) AS ones
"""
_OTHERS = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


class PostgresForm(Form):
    """Databases of one server. One that is given back is emptied and lent again, if it is as it was."""

    name = "postgresql"
    mark = "CREATE TABLE storysync_version (version_num varchar(32) NOT NULL)"

    def __init__(self, server: Cluster, folder: Path) -> None:
        self._server = server
        self._names = count(1)
        self._idle: list[str] = []
        self._uses: dict[str, int] = {}
        self._template = server.create_database()
        migrate.upgrade(database_at(self._template, Engines(state_dir=folder)))
        with self._connected(self._template) as connection:
            row = connection.execute(_EMPTIED).fetchone()
            assert row is not None
            self._emptying = str(row[0])
            self._shape = connection.execute(_SHAPE).fetchone()

    def empty(self, folder: Path) -> Database:
        return database_at(self._server.create_database(), Engines(state_dir=folder))

    def migrated(self, folder: Path) -> Database:
        url = self._idle.pop() if self._idle else self._copied()
        self._uses[url] = self._uses.get(url, 0) + 1
        return database_at(url, Engines(state_dir=folder))

    def drop(self, database: Database) -> None:
        if self._uses.get(database.url, _USES) < _USES and self._emptied(database.url):
            self._idle.append(database.url)
        else:
            self._server.drop_database(database.url)

    def execute(self, database: Database, *statements: str) -> None:
        with self._connected(database.url) as connection:
            connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(_SCHEMA)))
            connection.execute(sql.SQL("SET search_path = {}").format(sql.Identifier(_SCHEMA)))
            for statement in statements:
                connection.execute(statement)

    def relations(self, database: Database) -> dict[str, str]:
        with self._connected(database.url) as connection:
            return dict(
                connection.execute(
                    "SELECT c.relname, CASE c.relkind WHEN 'v' THEN 'view' ELSE 'table' END FROM pg_class c"
                    " WHERE c.relnamespace = to_regnamespace(%s) AND c.relkind IN ('r', 'p', 'v')"
                    " AND NOT c.relispartition",
                    (_SCHEMA,),
                ).fetchall()
            )

    def _copied(self) -> str:
        template = self._template.partition("@/")[2].partition("?")[0]
        name = f"{template}_copy_{next(self._names)}"
        # The log of so few pages is written faster than the checkpoint that copying files asks for.
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log")
        with self._connected(self._server.url()) as connection:
            connection.execute(command.format(sql.Identifier(name), sql.Identifier(template)))
        return self._server.url(name)

    def _emptied(self, url: str) -> bool:
        """Make it as new; False when the test has changed more than rows."""
        with self._connected(url) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            while connection.execute(_OTHERS).fetchone() != (0,):
                time.sleep(0.002)  # what they hold is freed when they are gone
            if connection.execute(_SHAPE).fetchone() != self._shape:
                return False
            with connection.transaction():
                connection.execute("SET LOCAL session_replication_role = replica")  # no foreign keys
                connection.execute(self._emptying)
                connection.execute("SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence")
        return True

    @staticmethod
    def _connected(url: str) -> closing[psycopg.Connection]:
        return closing(psycopg.connect(url, autocommit=True))


one_for_all = pytest.mark.parametrize(
    "form", [name for name in FORMS if name != "sqlite-per-project"], indirect=True, scope="session"
)
"""For a test of several projects in one database; `tests/store/test_stores.py` has what else holds."""
each_engine = one_for_all
"""For a test of what the engine does alone: a file for each project is a file of SQLite."""


def only(name: str) -> pytest.MarkDecorator:
    """For a test of what one form alone has."""
    return pytest.mark.parametrize("form", [name], indirect=True, scope="session")
