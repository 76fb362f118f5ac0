"""The database for services on asyncio: sessions, migration at start, health. See docs/embedding.md.

A service calls `init_db` when it starts, asks for sessions with `get_db`, and calls `close_db` at its end.
These use one database for the whole process; `AsyncDatabase` is for more than one.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from storysync.errors import (
    DatabaseAway,
    ForeignDatabase,
    SchemaAhead,
    SchemaBehind,
    StoreError,
    StorysyncError,
    UsageError,
)

if find_spec("greenlet") is None:
    raise StoreError(
        "SQLAlchemy on asyncio needs `greenlet`, which is not installed", hint="pip install 'storysync[aio]'"
    )
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry
from sqlmodel.ext.asyncio.session import AsyncSession

from storysync.settings_load import load_settings
from storysync.state import absolute_url, database_url, state_directory
from storysync.store.database import Engines, database_at
from storysync.store.revisions import HEAD, VERSION_TABLE

__all__ = [
    "AsyncDatabase",
    "AsyncSession",
    "Health",
    "Prepared",
    "check_db_health",
    "close_db",
    "get_db",
    "init_db",
]

HEALTH_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Prepared:
    """What `init_db` found: `degraded` when questions will fail, with the reason and what to do."""

    state: Literal["ready", "degraded"]
    reason: str = ""


@dataclass(frozen=True)
class Health:
    """`failed`: nothing can be asked. `degraded`: it answers, but not as it should."""

    state: Literal["ok", "degraded", "failed"]
    reason: str
    latency_ms: float
    revision: str | None = None
    journal_mode: str | None = None
    foreign_keys: bool | None = None


class AsyncDatabase:
    """An engine with its pool, and sessions. Making it connects to nothing; `close` it at the end.

    `url` is of any form that the settings take; without `engines` the settings say the rest.
    `engines.postgres` gives the size of the pool and the longest wait for it, for SQLite as well. With
    `read_only` no connection can write, and each transaction sees one state.

    Raises UsageError for a URL that cannot be used, StoreError when its driver is not installed.
    """

    def __init__(self, url: str, *, engines: Engines | None = None, read_only: bool = False) -> None:
        self._engines = engines or _of_settings()[1]
        self.url = absolute_url(url, Path.cwd())
        """With the password if there is one: never to be shown."""
        self.read_only = read_only
        self._kind = _kind(self.url)
        self._database = database_at(self.url, self._engines)
        self.engine = self._made()
        self.sessions = async_sessionmaker(self.engine, class_=AsyncSession, expire_on_commit=False)

    @property
    def place(self) -> str:
        """How messages name it: a path, or a URL without password."""
        return self._database.place

    def _made(self) -> AsyncEngine:
        pool = self._engines.postgres
        engine = create_async_engine(
            self._kind.SQLALCHEMY_URL,
            async_creator=self._kind.connector(self.url, self._engines, read_only=self.read_only),
            poolclass=_Pool,
            pool_size=pool.pool_size,
            max_overflow=pool.pool_overflow,
            pool_timeout=pool.pool_timeout_s,
            pool_pre_ping=True,
            hide_parameters=True,
            **(self._kind.READ_ONLY_OPTIONS if self.read_only else {}),
        )
        sa.event.listen(engine.sync_engine, "begin", self._kind.begin)
        return engine

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A session that is rolled back unless its user commits."""
        async with self.sessions() as session:
            yield session

    async def prepare(self) -> Prepared:
        """Create or migrate the schema, unless it is read only; never raises for what the database says.

        Rows of an older schema are left to those who make a backup first: then it is degraded.
        It works in a thread, and starts a process for what alembic has to do.
        """
        try:
            await asyncio.to_thread(self._prepare)
        except StorysyncError as error:
            return Prepared("degraded", _told(error))
        return Prepared("ready")

    def _prepare(self) -> None:
        try:
            self._database.reader().close()
        except (DatabaseAway, ForeignDatabase, SchemaAhead):
            raise
        except StoreError:
            if self.read_only:
                raise
            with self._database.lock():  # not while a daemon of another version writes
                self._database.open(before=self._refuse).close()

    def _refuse(self) -> None:
        raise SchemaBehind(f"{self.place} holds rows of an older schema, which need a backup first")

    async def health(self, timeout_s: float = HEALTH_TIMEOUT_S) -> Health:
        """Ask on a connection of the pool, as any request would; never raises for what the database says."""
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(timeout_s):
                async with self.engine.connect() as connection:
                    revision = await self._revision(connection)
                    mode, checked, wrong = await self._kind.obstacle(connection)
        except TimeoutError:
            return Health("failed", f"{self.place} does not answer within {timeout_s:g} s", _ms(begun))
        except StorysyncError as error:
            return Health("failed", _told(error), _ms(begun))
        except sa.exc.SQLAlchemyError as error:
            return Health("failed", self._reason(error), _ms(begun))
        if revision != HEAD:
            wrong = f"{self.place} has schema {revision or 'none'}, this storysync needs {HEAD}"
        return Health("degraded" if wrong else "ok", wrong, _ms(begun), revision, mode, checked)

    async def _revision(self, connection: Any) -> str | None:
        if not await connection.run_sync(lambda sync: sa.inspect(sync).has_table(VERSION_TABLE)):
            return None
        found = await connection.exec_driver_sql(f"SELECT version_num FROM {VERSION_TABLE}")
        value = found.scalar()
        return None if value is None else str(value)

    def _reason(self, error: sa.exc.SQLAlchemyError) -> str:
        told = self._kind.translated(getattr(error, "orig", None), self.place)
        return _told(told) if told else f"cannot use the database {self.place}: {type(error).__name__}"

    async def close(self) -> None:
        """Close the connections of the pool. Those in use are closed when they come back."""
        await self.engine.dispose()


class _Pool(AsyncAdaptedQueuePool):
    def _do_get(self) -> ConnectionPoolEntry:
        try:
            return super()._do_get()
        except sa.exc.TimeoutError as error:
            most = self.size() + max(self._max_overflow, 0)
            raise StoreError(
                f"all {most} connections of the pool were in use for {self._timeout:g} s",
                hint="close sessions sooner, or raise postgres.pool_size, pool_overflow or pool_timeout_s",
            ) from error


def _kind(url: str) -> ModuleType:
    """The module of the engine that a URL names."""
    if url.startswith("postgresql:"):
        from storysync.store.engines import postgres, postgres_aio  # noqa: F401  (names a missing driver)

        return postgres_aio
    from storysync.store.engines import sqlite_aio

    return sqlite_aio


def _told(error: StorysyncError) -> str:
    return f"{error} ({error.hint})" if error.hint else str(error)


def _ms(begun: float) -> float:
    return round((time.perf_counter() - begun) * 1000, 3)


def _of_settings() -> tuple[str, Engines]:
    """The URL of the database and its engines, as the command line sees them from the current folder."""
    settings = load_settings(Path.cwd(), os.environ).settings
    state_dir = state_directory(settings, os.environ)
    engines = Engines(settings.sqlite, settings.postgres, state_dir, settings.database.group_readable)
    return database_url(settings, os.environ), engines


# -- one database for the whole process ----------------------------------------------------------------

_current: AsyncDatabase | None = None


def _used() -> AsyncDatabase:
    if _current is None:
        raise UsageError("no database was opened", hint="call `await init_db(URL)` when the service starts")
    return _current


async def init_db(
    url: str | None = None, *, engines: Engines | None = None, read_only: bool = False
) -> Prepared:
    """Open the database for `get_db`, create or migrate its schema; what keeps it from that is told.

    Without `url` it is the one of the settings (`DATABASE_URL`, storysync.toml …), as on the command line.
    Raises only for a call that can never succeed: SettingsError, UsageError, or a driver not installed.
    """
    global _current
    if url is None:
        url, found = _of_settings()
        engines = engines or found
    database = AsyncDatabase(url, engines=engines, read_only=read_only)
    await close_db()
    _current = database
    return await database.prepare()


async def get_db() -> AsyncIterator[AsyncSession]:
    """A session for one request: `db: AsyncSession = Depends(get_db)`. Rolled back unless it commits."""
    async with _used().session() as session:
        yield session


async def check_db_health(timeout_s: float = HEALTH_TIMEOUT_S) -> Health:
    """How the database is, for a health check of the service."""
    if _current is None:
        return Health("failed", "no database was opened (call `await init_db(URL)` first)", 0.0)
    return await _current.health(timeout_s)


async def close_db() -> None:
    """Close the database of `init_db`; nothing happens when there is none."""
    global _current
    database, _current = _current, None
    if database is not None:
        await database.close()
