"""Schema migrations by alembic. Loading this module costs half a second: import it only when needed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from storysync.errors import SchemaAhead, StoreError, UsageError
from storysync.store.database import Database
from storysync.store.revisions import HEAD, REVISIONS


def scripts_folder() -> Path:
    """The migrations: packaged in the wheel, else the checkout's top-level `alembic` folder."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_data" / "alembic", package.parent.parent / "alembic"):
        if (folder / "env.py").is_file():
            return folder
    raise StoreError("the migrations are missing from this installation", hint="install storysync again")


def _config(database: Database | None = None) -> Config:
    config = Config(stdout=sys.stderr)
    config.set_main_option("script_location", str(scripts_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    if database is not None:
        config.attributes["engine"] = database.sqlalchemy_engine()
    return config


def upgrade(database: Database, revision: str = "head") -> None:
    """Bring the database to `revision`, all or nothing. Creates it when there is none.

    Raises ForeignDatabase, SchemaAhead, DatabaseAway, or StoreError when a migration fails (nothing is
    changed then).
    """
    _run(database, revision, lambda config: command.upgrade(config, revision))
    if database.revision() == HEAD:
        with database.open(auto_migrate=False) as store:
            store.maintain(datetime.now(UTC))


def downgrade(database: Database, revision: str) -> None:
    """Take the database back to `revision` (`base` for no tables at all)."""
    _run(database, revision, lambda config: command.downgrade(config, revision))


def history() -> list[tuple[str, str]]:
    """Every revision and what it does, oldest first."""
    scripts = ScriptDirectory.from_config(_config())
    return [(script.revision, script.doc) for script in reversed(list(scripts.walk_revisions()))]


def _run(database: Database, revision: str, action: Callable[[Config], None]) -> None:
    config = _config(database)
    try:
        found = database.revision()
        if found is not None and found not in REVISIONS:
            raise SchemaAhead(f"the database {database.place} has schema {found}, newer than this storysync")
        action(config)
    except CommandError as error:
        raise UsageError(
            f"cannot migrate to {revision!r}: {error}", hint="see `storysync db current`"
        ) from error
    except (sa.exc.SQLAlchemyError, RuntimeError) as error:
        raise StoreError(f"the migration failed and nothing was changed: {error}") from error
    finally:
        config.attributes["engine"].dispose()
