"""SQLite for services on asyncio: pooled aiosqlite connections, each with our pragmas."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

try:
    import aiosqlite
except ImportError as _error:
    from storysync.errors import StoreError as _StoreError

    raise _StoreError(
        "SQLite on asyncio needs a driver that is not installed", hint="pip install 'storysync[aio]'"
    ) from _error
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from storysync.errors import ForeignDatabase, SchemaBehind, StoreError
from storysync.store.database import Engines
from storysync.store.engines import sqlite

SQLALCHEMY_URL = "sqlite+aiosqlite://"
READ_ONLY_OPTIONS: dict[str, Any] = {}


def connector(url: str, engines: Engines, *, read_only: bool) -> Callable[..., Awaitable[Any]]:
    """What the pool calls for a connection: WAL, foreign keys, cache and waiting as the settings say.

    It never makes a file. It raises StoreError when there is none, SchemaBehind for an empty one,
    ForeignDatabase for one of another program.
    """
    path, settings = sqlite.path_of(url), engines.sqlite
    uri = f"file:{quote(str(path))}?mode={'ro' if read_only else 'rw'}"

    async def connect(*_: Any, **__: Any) -> aiosqlite.Connection:
        if not path.exists():
            raise StoreError(f"there is no database at {path}", hint="run `storysync sync PATH` or init_db()")
        connecting = aiosqlite.connect(uri, uri=True, timeout=settings.timeout, isolation_level=None)
        _end_with_process(connecting)
        try:
            connection = await connecting
        except sqlite3.Error as error:
            raise sqlite.translated(error, path) from error
        try:
            await refuse_foreign(connection)
            for pragma in pragmas:
                await connection.execute(f"PRAGMA {pragma}")
        except BaseException as error:
            await connection.close()
            if isinstance(error, sqlite3.Error):
                raise sqlite.translated(error, path) from error
            raise
        return connection

    async def refuse_foreign(connection: aiosqlite.Connection) -> None:
        tables = await _value(connection, "SELECT count(*) FROM sqlite_master")
        application_id = await _value(connection, "PRAGMA application_id")
        if application_id == sqlite.APPLICATION_ID:
            return
        if tables or application_id:
            raise ForeignDatabase(f"{path} is a database of another program; it was left untouched")
        raise SchemaBehind(f"the database {path} is empty")

    pragmas = [
        "query_only = ON" if read_only else "journal_mode = WAL",
        f"synchronous = {settings.synchronous}",
        f"cache_size = {int(settings.cache_size)}",
        "foreign_keys = ON",
    ]
    return connect


def begin(connection: sa.Connection) -> None:
    """A transaction begins with its first question, so that all of them see one state.

    The driver alone would begin at the first change only.
    """
    connection.exec_driver_sql("BEGIN")


async def obstacle(connection: AsyncConnection) -> tuple[str | None, bool, str]:
    """(journal mode, foreign keys checked, what is wrong with them, '' for nothing)."""
    mode = str((await connection.exec_driver_sql("PRAGMA journal_mode")).scalar_one())
    checked = bool((await connection.exec_driver_sql("PRAGMA foreign_keys")).scalar_one())
    if mode != "wal":
        return mode, checked, f"the journal mode is {mode}, so that readers and the writer block each other"
    return mode, checked, "" if checked else "foreign keys are not checked"


def translated(error: BaseException | None, place: str) -> StoreError | None:
    """The driver's error in our words, None for another one."""
    return sqlite.translated(error, Path(place)) if isinstance(error, sqlite3.Error) else None


async def _value(connection: aiosqlite.Connection, statement: str) -> Any:
    async with connection.execute(statement) as cursor:
        row = await cursor.fetchone()
    return None if row is None else row[0]


def _end_with_process(connection: aiosqlite.Connection) -> None:
    """A service that forgets `close_db` ends all the same: no thread of the driver holds it up."""
    thread: Any = getattr(connection, "_thread", None) or connection
    thread.daemon = True
