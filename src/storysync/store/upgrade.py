"""Migrating a database without loading SQLAlchemy and alembic, which take 45 MB while they live."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from storysync.settings import PostgresSettings, SqliteSettings
from storysync.store.revisions import HEAD

if TYPE_CHECKING:
    from storysync.store.database import Database

Before = Callable[[], None]
"""Called before rows are migrated, by the one process that does it; raises to refuse."""

_CODE = "from storysync.store import upgrade; upgrade.upgrade_told()"


class _Told(msgspec.Struct):
    url: str
    sqlite: SqliteSettings
    postgres: PostgresSettings
    state_dir: str | None
    group_readable: bool


def bring_to_head(database: Database, before: Before | None = None) -> None:
    """Bring the schema to HEAD, unless another process does so meanwhile. Raises what `upgrade_here` raises.

    When the process that does so fails, it is tried here, to tell what is wrong.
    """
    with database.migrating():
        if database.revision() == HEAD:
            return
        if before is not None and holds_rows(database):
            before()
        upgrade_elsewhere(database)
        if database.revision() != HEAD:
            upgrade_here(database)


def holds_rows(database: Database) -> bool:
    """Whether there is anything in it to be lost, whatever its revision."""
    with database.read_any() as tx:
        return any(tx.row(f"SELECT 1 FROM {table} LIMIT 1") for table in tx.tables())


def upgrade_elsewhere(database: Database) -> None:
    """Bring the schema to HEAD in a process of its own; whoever asks looks whether it did.

    It is told the URL through a pipe, since arguments and environment show in the list of processes.
    """
    engines = database.engines
    state_dir = str(engines.state_dir) if engines.state_dir else None
    told = msgspec.json.encode(
        _Told(database.url, engines.sqlite, engines.postgres, state_dir, engines.group_readable)
    )
    command = [sys.executable, "-P", "-c", _CODE]  # -P: nothing of the current folder is imported
    with suppress(OSError):  # no memory, no process: it is tried here
        subprocess.run(command, check=False, input=told, capture_output=True)


def upgrade_told() -> None:
    """What that process does."""
    from storysync.store.database import Engines, database_at

    told = msgspec.json.decode(sys.stdin.buffer.read(), type=_Told)
    state_dir = Path(told.state_dir) if told.state_dir else None
    engines = Engines(told.sqlite, told.postgres, state_dir, told.group_readable)
    upgrade_here(database_at(told.url, engines))


def upgrade_here(database: Database) -> None:
    """Bring the schema to HEAD. Raises what `migrate.upgrade` raises."""
    from storysync.store import migrate

    migrate.upgrade(database, HEAD)
