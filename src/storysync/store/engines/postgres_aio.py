"""PostgreSQL for services on asyncio: pooled psycopg connections whose names are those of our schema."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.ext.asyncio import AsyncConnection

from storysync.errors import DatabaseAway, StoreError
from storysync.store.database import Engines
from storysync.store.engines import postgres

SQLALCHEMY_URL = "postgresql+psycopg://"
READ_ONLY_OPTIONS: dict[str, Any] = {"isolation_level": "REPEATABLE READ"}


def connector(url: str, engines: Engines, *, read_only: bool) -> Callable[..., Awaitable[Any]]:
    """What the pool calls for a connection. It raises DatabaseAway, which never tells the password."""
    settings = engines.postgres
    told = postgres.parameters(url, settings, "storysync service")
    place = postgres.place_of(url, settings.schema)

    async def connect(*_: Any, **adapting: Any) -> psycopg.AsyncConnection[Any]:
        try:
            connection = await psycopg.AsyncConnection.connect(
                autocommit=True,
                context=adapting.get("context"),
                **told,  # type: ignore[arg-type]
            )
        except psycopg.Error as error:
            raise DatabaseAway(f"cannot connect to {place}: {postgres.first_line(error)}") from None
        try:
            await connection.execute(
                "SELECT set_config('search_path', %s, false), set_config('TimeZone', 'UTC', false),"
                " set_config('statement_timeout', %s, false), set_config('lock_timeout', %s, false),"
                " set_config('default_transaction_read_only', %s, false)",
                (
                    sql.Identifier(settings.schema).as_string(connection),
                    str(int(settings.statement_timeout_s * 1000)),
                    str(int(settings.lock_timeout_s * 1000)),
                    "on" if read_only else "off",
                ),
            )
            await connection.set_autocommit(False)
        except BaseException as error:
            await connection.close()
            if isinstance(error, psycopg.Error):
                raise postgres.translated(error, place) from error
            raise
        return connection

    return connect


def begin(connection: sa.Connection) -> None:
    """Nothing: the driver begins a transaction with its first question."""


async def obstacle(connection: AsyncConnection) -> tuple[str | None, bool, str]:
    """(None: there is no journal mode, foreign keys are always checked, nothing is wrong with them)."""
    return None, True, ""


def translated(error: BaseException | None, place: str) -> StoreError | None:
    """The driver's error in our words, None for another one."""
    return postgres.translated(error, place) if isinstance(error, psycopg.Error) else None
